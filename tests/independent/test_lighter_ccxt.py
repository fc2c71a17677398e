"""ccxt as a client of the fake Lighter."""

from __future__ import annotations

import asyncio
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ccxt
import ccxt.pro
import lighter
import pytest

Serve = Callable[..., Any]

DEPOSIT = 100_000.0
SYMBOL = "ETH/USDC:USDC"
SYMBOLS = {"BTC/USDC:USDC", "ETH/USDC:USDC", "SOL/USDC:USDC"}
STRANGER = "5a" * 39 + "00"


@pytest.fixture
def venue(serve: Serve) -> Any:
    return serve("lighter")


def _library() -> str:
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    signers = Path(lighter.__file__).parent / "signers"
    return str(next(signers.glob(f"lighter-signer-{platform.system().lower()}-{machine}.[sd]*")))


def _ccxt(venue: Any, key: str | None = None, of: Any = ccxt) -> Any:
    """Return ccxt with the account's API key where it keeps the keys that it has registered itself."""
    settings = venue.settings
    auth = {"lighterPrivateKey": key or settings["private_key"], "signer": None, "deadline": None, "token": None}
    client = of.lighter(
        {
            "enableRateLimit": False,
            "options": {
                "accountIndex": settings["account_index"],
                "apiKeyIndex": settings["api_key_index"],
                "libraryPath": _library(),
                "builderFee": False,
                "auths": {str(settings["account_index"]): {str(settings["api_key_index"]): auth}},
            },
        }
    )
    client.urls["api"] = {name: venue.address for name in ("root", "public", "private")}
    if of is ccxt.pro:
        client.urls["api"]["ws"] = settings["stream_url"]
    return client


@pytest.fixture
def other(venue: Any) -> Any:
    """Return ccxt as a client that has read the markets."""
    client = _ccxt(venue)
    client.load_markets()
    return client


def _near(client: Any, share: float) -> float:
    return float(client.fetch_order_book(SYMBOL)["bids"][0][0] * share)


def _position(client: Any) -> Any:
    return client.fetch_position(SYMBOL)


def test_ccxt_reads_status_and_time(other: Any) -> None:
    assert other.fetch_status()["status"] == "ok"
    assert abs(other.fetch_time() - time.time() * 1000) < 2_000


def test_ccxt_lists_markets_by_the_venues_rules(venue: Any, other: Any) -> None:
    rows = {row["symbol"]: row for row in venue.get("/api/v1/orderBookDetails")["order_book_details"]}

    assert set(other.markets) == SYMBOLS
    for market in other.markets.values():
        row = rows[market["base"]]
        assert (int(market["id"]), market["swap"], market["active"]) == (row["market_id"], True, True)
        assert market["precision"]["amount"] == pytest.approx(10 ** -row["size_decimals"])
        assert market["precision"]["price"] == pytest.approx(10 ** -row["price_decimals"])
        assert market["limits"]["cost"]["min"] == 10


def test_ccxt_reads_the_book(venue: Any, other: Any) -> None:
    direct, told = venue.at_one_moment(
        lambda: venue.get("/api/v1/orderBookOrders?market_id=1&limit=50"), lambda: other.fetch_order_book(SYMBOL, 50)
    )

    for side in ("bids", "asks"):
        assert told[side] == [[float(row["price"]), float(row["remaining_base_amount"])] for row in direct[side]]
    assert told["bids"][0][0] < told["asks"][0][0]


def test_ccxt_reads_the_funding_rate_of_eight_hours(venue: Any, other: Any) -> None:
    def direct() -> float:
        rows = venue.get("/api/v1/funding-rates")["funding_rates"]
        return float(next(row["rate"] for row in rows if row["exchange"] == "lighter" and row["symbol"] == "ETH"))

    low, told, high = venue.around(direct, lambda: other.fetch_funding_rates([SYMBOL])[SYMBOL]["fundingRate"])

    assert low <= told <= high


def test_ccxt_reads_tickers(venue: Any, other: Any) -> None:
    ticker = other.fetch_ticker(SYMBOL)
    (row,) = venue.get("/api/v1/orderBookDetails?market_id=1")["order_book_details"]

    assert ticker["markPrice"] == pytest.approx(float(row["mark_price"]), rel=0.001)
    assert ticker["indexPrice"] == pytest.approx(float(row["index_price"]), rel=0.001)
    assert ticker["quoteVolume"] == pytest.approx(row["daily_quote_token_volume"], rel=0.01)


def test_ccxt_places_finds_and_cancels_a_resting_order(other: Any) -> None:
    placed = other.create_order(SYMBOL, "limit", "buy", 0.1, _near(other, 0.95), {"clientOrderId": 77})
    assert placed["clientOrderId"] == "77"
    (row,) = other.fetch_open_orders(SYMBOL)

    assert (row["clientOrderId"], row["status"], row["amount"], row["filled"]) == ("77", "open", 0.1, 0.0)
    assert row["price"] == pytest.approx(_near(other, 0.95), rel=0.001)
    other.cancel_order(row["id"], SYMBOL)
    assert other.fetch_open_orders(SYMBOL) == []
    (past,) = other.fetch_closed_orders(SYMBOL)
    assert (past["id"], past["status"]) == (row["id"], "canceled")
    with pytest.raises(ccxt.InvalidOrder, match="21708"):
        other.cancel_order(row["id"], SYMBOL)


def test_ccxt_cancels_everything(other: Any) -> None:
    for share in (0.95, 0.94):
        other.create_order(SYMBOL, "limit", "buy", 0.1, _near(other, share))
    assert len(other.fetch_open_orders(SYMBOL)) == 2

    other.cancel_all_orders()

    assert other.fetch_open_orders(SYMBOL) == []


def test_ccxt_post_only_that_would_take_ends_as_such(other: Any) -> None:
    other.create_order(SYMBOL, "limit", "buy", 0.1, _near(other, 1.01), {"postOnly": True})

    (past,) = other.fetch_closed_orders(SYMBOL)
    assert (past["info"]["status"], past["status"], past["filled"]) == ("canceled-post-only", "canceled", 0.0)
    assert _position(other)["contracts"] == 0


def test_ccxt_is_refused_too_little_and_too_much(other: Any) -> None:
    with pytest.raises(ccxt.InvalidOrder, match="21706"):
        other.create_order(SYMBOL, "limit", "buy", 0.001, _near(other, 0.95))
    with pytest.raises(ccxt.InvalidOrder, match="21739"):
        other.create_order(SYMBOL, "limit", "buy", 10_000, _near(other, 0.95))


def test_ccxt_market_order_fills_with_position_and_trade(other: Any) -> None:
    ask = other.fetch_order_book(SYMBOL)["asks"][0][0]
    placed = other.create_order(SYMBOL, "market", "buy", 0.1, ask * 1.02)
    (trade,), (past,) = other.fetch_my_trades(SYMBOL), other.fetch_closed_orders(SYMBOL)
    position = _position(other)

    assert (past["clientOrderId"], past["status"], past["filled"]) == (placed["clientOrderId"], "closed", 0.1)
    assert (trade["side"], trade["amount"], trade["price"]) == ("buy", 0.1, pytest.approx(ask, rel=0.001))
    assert (position["side"], position["contracts"]) == ("long", 0.1)
    assert position["entryPrice"] == pytest.approx(trade["price"])


def test_ccxt_closes_with_reduce_only_and_the_balance_adds_up(other: Any) -> None:
    assert other.fetch_balance()["USDC"]["total"] == DEPOSIT
    other.create_order(SYMBOL, "market", "sell", 0.1, _near(other, 0.98))
    other.create_order(SYMBOL, "market", "buy", 0.1, _near(other, 1.02), {"reduceOnly": True})

    assert _position(other)["contracts"] == 0
    trades = {row["side"]: row["price"] for row in other.fetch_my_trades(SYMBOL)}
    made = (trades["sell"] - trades["buy"]) * 0.1
    assert other.fetch_balance()["USDC"]["total"] == pytest.approx(DEPOSIT + made, abs=1e-6)


def test_ccxt_learns_that_an_order_at_once_found_nothing(other: Any) -> None:
    other.create_order(SYMBOL, "limit", "buy", 0.1, _near(other, 0.95), {"timeInForce": "IOC"})

    (past,) = other.fetch_closed_orders(SYMBOL)
    assert (past["status"], past["filled"]) == ("canceled", 0.0)


def test_ccxt_sets_leverage(other: Any) -> None:
    assert other.set_leverage(4, SYMBOL, {"marginMode": "cross"})["code"] == 200
    other.create_order(SYMBOL, "market", "buy", 0.1, _near(other, 1.02))
    position = _position(other)

    assert (position["leverage"], position["marginMode"]) == (4, "cross")


def test_ccxt_with_another_key_is_refused(venue: Any) -> None:
    stranger = _ccxt(venue, STRANGER)
    stranger.load_markets()

    with pytest.raises(ccxt.ExchangeError, match="21120"):
        stranger.create_order(SYMBOL, "limit", "buy", 0.1, _near(stranger, 0.95))
    with pytest.raises(ccxt.BaseError, match="invalid auth"):
        stranger.fetch_open_orders(SYMBOL)


def test_ccxt_streams_the_book_and_prices(venue: Any) -> None:
    async def scene() -> None:
        client = _ccxt(venue, of=ccxt.pro)
        try:
            await client.load_markets()
            for _ in range(4):
                book = await asyncio.wait_for(client.watch_order_book(SYMBOL), 10)
            ticker = await asyncio.wait_for(client.watch_ticker(SYMBOL), 10)
            direct = await client.fetch_order_book(SYMBOL)
            assert book["bids"][0][0] < book["asks"][0][0]
            assert book["bids"][0][0] == pytest.approx(direct["bids"][0][0], rel=0.001)
            assert ticker["last"] == pytest.approx(direct["bids"][0][0], rel=0.01)
        finally:
            await client.close()

    asyncio.run(scene())


def test_ccxt_streams_its_orders_trades_and_balance(venue: Any) -> None:
    async def scene() -> None:
        client = _ccxt(venue, of=ccxt.pro)
        try:
            await client.load_markets()
            balance = await asyncio.wait_for(client.watch_balance({"type": "swap"}), 10)
            assert balance["USDC"]["total"] == DEPOSIT
            orders = asyncio.create_task(client.watch_orders(SYMBOL))
            await asyncio.sleep(1)
            trades = asyncio.create_task(client.watch_my_trades(SYMBOL, params={"auth": client.create_auth()}))
            await asyncio.sleep(0.5)
            bid = (await client.fetch_order_book(SYMBOL))["bids"][0][0]
            await client.create_order(SYMBOL, "limit", "buy", 0.1, bid * 0.95, {"clientOrderId": 55})
            rows = await asyncio.wait_for(orders, 10)
            assert [(row["clientOrderId"], row["status"]) for row in rows][-1] == ("55", "open")
            await client.create_order(SYMBOL, "market", "buy", 0.1, bid * 1.02)
            trade = (await asyncio.wait_for(trades, 10))[-1]
            assert (trade["side"], trade["amount"]) == ("buy", 0.1)
        finally:
            await client.close()

    asyncio.run(scene())


def test_ccxt_sends_and_cancels_over_the_socket(venue: Any) -> None:
    async def scene() -> None:
        client = _ccxt(venue, of=ccxt.pro)
        try:
            await client.load_markets()
            bid = (await client.fetch_order_book(SYMBOL))["bids"][0][0]
            params = {"clientOrderId": 56}
            await asyncio.wait_for(client.create_order_ws(SYMBOL, "limit", "buy", 0.1, bid * 0.95, params), 10)
            (row,) = await client.fetch_open_orders(SYMBOL)
            assert row["clientOrderId"] == "56"
            await asyncio.wait_for(client.cancel_order_ws(row["id"], SYMBOL), 10)
            assert await client.fetch_open_orders(SYMBOL) == []
        finally:
            await client.close()

    asyncio.run(scene())
