"""ccxt as a client of the fake Hyperliquid."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import ccxt
import ccxt.pro
import pytest

Serve = Callable[..., Any]
Until = Callable[..., Any]

DEPOSIT = 100_000.0
TAKER, MAKER = 0.00045, 0.00015
STRANGER = "0x" + "5a" * 32
SYMBOL = "ETH/USDC:USDC"
SYMBOLS = {"BTC/USDC:USDC", "ETH/USDC:USDC", "SOL/USDC:USDC"}


@pytest.fixture
def venue(serve: Serve) -> Any:
    return serve("hyperliquid")


def _ccxt(venue: Any, key: str | None = None, of: Any = ccxt) -> Any:
    client = of.hyperliquid(
        {
            "walletAddress": venue.settings["account"],
            "privateKey": key or venue.settings["key"],
            "enableRateLimit": False,
        }
    )
    client.urls["api"] = {"public": venue.address, "private": venue.address}
    if of is ccxt.pro:
        client.urls["api"]["ws"] = {"public": venue.settings["stream_url"]}
    return client


@pytest.fixture
def other(venue: Any) -> Any:
    """Return ccxt as a client."""
    return _ccxt(venue)


def _far(client: Any, share: float = 0.9) -> float:
    return float(round(client.fetch_order_book(SYMBOL)["bids"][0][0] * share))


def test_ccxt_lists_markets_by_the_venues_rules(venue: Any, other: Any) -> None:
    markets = {name: row for name, row in other.load_markets().items() if row["swap"]}
    universe = venue.post("/info", {"type": "meta"})["universe"]

    assert set(markets) == SYMBOLS
    for number, coin in enumerate(universe):
        market = markets[f"{coin['name']}/USDC:USDC"]
        assert int(market["id"]) == number
        assert market["precision"]["amount"] == pytest.approx(10 ** -coin["szDecimals"])
        assert market["limits"]["leverage"]["max"] == coin["maxLeverage"]
        assert market["limits"]["cost"]["min"] == 10


def test_ccxt_reads_the_book(venue: Any, other: Any) -> None:
    other.load_markets()
    direct, told = venue.at_one_moment(
        lambda: venue.post("/info", {"type": "l2Book", "coin": "ETH"})["levels"], lambda: other.fetch_order_book(SYMBOL)
    )

    assert told["bids"] == [[float(level["px"]), float(level["sz"])] for level in direct[0]]
    assert told["asks"] == [[float(level["px"]), float(level["sz"])] for level in direct[1]]


def test_ccxt_reads_the_funding_rate_of_an_hour(venue: Any, other: Any) -> None:
    other.load_markets()

    def direct() -> float:
        return float(venue.post("/info", {"type": "metaAndAssetCtxs"})[1][1]["funding"])

    low, told, high = venue.around(direct, lambda: other.fetch_funding_rate(SYMBOL)["fundingRate"])
    row = other.fetch_funding_rate(SYMBOL)

    assert low <= told <= high
    assert row["interval"] == "1h"
    assert row["fundingTimestamp"] % 3_600_000 == 0
    assert 0 < row["fundingTimestamp"] - time.time() * 1000 <= 3_600_000


def test_ccxt_reads_tickers_and_open_interest(venue: Any, other: Any) -> None:
    other.load_markets()
    state = venue.post("/info", {"type": "metaAndAssetCtxs"})[1][1]
    ticker = other.fetch_tickers([SYMBOL])[SYMBOL]
    interest = other.fetch_open_interest(SYMBOL)

    assert ticker["bid"] == pytest.approx(float(state["impactPxs"][0]), rel=0.001)
    assert ticker["quoteVolume"] == pytest.approx(float(state["dayNtlVlm"]), rel=0.01)
    assert interest["openInterestAmount"] == pytest.approx(float(state["openInterest"]), rel=0.01)


def test_ccxt_reads_settled_funding(venue: Any, other: Any) -> None:
    other.load_markets()
    since = int(time.time() * 1000) - 6 * 3_600_000
    rows = other.fetch_funding_rate_history(SYMBOL, since)
    direct = venue.post("/info", {"type": "fundingHistory", "coin": "ETH", "startTime": since})

    assert len(rows) == 6
    assert [row["fundingRate"] for row in rows] == [float(row["fundingRate"]) for row in direct]


def test_ccxt_places_finds_and_cancels_a_resting_order(other: Any) -> None:
    cloid = "0x" + "ab" * 16
    placed = other.create_order(SYMBOL, "limit", "buy", 0.5, _far(other), {"clientOrderId": cloid})

    found = other.fetch_order(placed["id"], SYMBOL)
    assert (found["status"], found["amount"], found["filled"], found["remaining"]) == ("open", 0.5, 0.0, 0.5)
    assert found["clientOrderId"] == cloid
    assert other.fetch_order(None, SYMBOL, {"clientOrderId": cloid})["id"] == placed["id"]
    assert [row["id"] for row in other.fetch_open_orders(SYMBOL)] == [placed["id"]]

    other.cancel_order(placed["id"], SYMBOL)
    assert other.fetch_open_orders(SYMBOL) == []
    assert other.fetch_order(placed["id"], SYMBOL)["status"] == "canceled"
    assert [row["id"] for row in other.fetch_canceled_orders(SYMBOL)] == [placed["id"]]
    with pytest.raises(ccxt.OrderNotFound, match="never placed, already canceled, or filled"):
        other.cancel_order(placed["id"], SYMBOL)


def test_ccxt_edits_an_order(other: Any) -> None:
    placed = other.create_order(SYMBOL, "limit", "buy", 0.5, _far(other))

    other.edit_order(placed["id"], SYMBOL, "limit", "buy", 0.25, _far(other, 0.8))

    (row,) = other.fetch_open_orders(SYMBOL)
    assert (row["amount"], row["id"] != placed["id"]) == (0.25, True)


def test_ccxt_post_only_that_would_take_is_refused(other: Any) -> None:
    price = _far(other, 1.01)

    with pytest.raises(ccxt.InvalidOrder, match="Post only order would have immediately matched"):
        other.create_order(SYMBOL, "limit", "buy", 0.1, price, {"postOnly": True})
    assert other.fetch_positions() == []


def test_ccxt_is_refused_too_little_and_too_much(other: Any) -> None:
    with pytest.raises(ccxt.InvalidOrder, match="minimum value of"):
        other.create_order(SYMBOL, "limit", "buy", 0.005, _far(other))
    with pytest.raises(ccxt.InsufficientFunds, match="Insufficient margin"):
        other.create_order(SYMBOL, "limit", "buy", 10_000, _far(other))


def test_ccxt_market_order_fills_with_fee_position_and_trade(other: Any) -> None:
    ask = other.fetch_order_book(SYMBOL)["asks"][0][0]
    placed = other.create_order(SYMBOL, "market", "buy", 0.5, ask)
    (trade,) = other.fetch_my_trades(SYMBOL)
    position = other.fetch_position(SYMBOL)
    (closed,) = other.fetch_closed_orders(SYMBOL)

    assert (trade["order"], trade["side"], trade["amount"]) == (placed["id"], "buy", 0.5)
    assert trade["takerOrMaker"] == "taker"
    assert trade["fee"] == {"cost": pytest.approx(trade["price"] * 0.5 * TAKER), "currency": "USDC"}
    assert (position["side"], position["contracts"]) == ("long", 0.5)
    assert position["entryPrice"] == pytest.approx(trade["price"])
    assert (closed["id"], closed["status"], closed["filled"]) == (placed["id"], "closed", 0.5)


def test_ccxt_closes_with_reduce_only_and_the_balance_adds_up(other: Any) -> None:
    ask = other.fetch_order_book(SYMBOL)["asks"][0][0]
    assert other.fetch_balance()["USDC"]["total"] == DEPOSIT
    other.create_order(SYMBOL, "market", "sell", 0.5, ask)
    other.create_order(SYMBOL, "market", "buy", 0.5, ask, {"reduceOnly": True})

    assert other.fetch_positions() == []
    first, second = other.fetch_my_trades(SYMBOL)
    made = (first["price"] - second["price"]) * 0.5 - first["fee"]["cost"] - second["fee"]["cost"]
    assert other.fetch_balance()["USDC"]["total"] == pytest.approx(DEPOSIT + made, abs=1e-6)
    with pytest.raises(ccxt.InvalidOrder, match="Reduce only order would increase position"):
        other.create_order(SYMBOL, "market", "buy", 0.5, ask, {"reduceOnly": True})


def test_ccxt_sets_leverage_and_margin_mode(other: Any) -> None:
    ask = other.fetch_order_book(SYMBOL)["asks"][0][0]
    assert other.set_leverage(4, SYMBOL, {"marginMode": "cross"})["status"] == "ok"
    other.create_order(SYMBOL, "market", "buy", 0.5, ask)
    position = other.fetch_position(SYMBOL)

    assert (position["leverage"], position["marginMode"]) == (4, "cross")
    assert position["initialMargin"] == pytest.approx(position["notional"] / 4)
    with pytest.raises(ccxt.ExchangeError, match="Cannot switch leverage type with open position"):
        other.set_margin_mode("isolated", SYMBOL, {"leverage": 4})


def test_ccxt_reads_its_fees(other: Any) -> None:
    fee = other.fetch_trading_fee(SYMBOL)

    assert (fee["taker"], fee["maker"]) == (TAKER, MAKER)


def test_ccxt_reads_what_funding_paid(serve: Serve, until: Until) -> None:
    other = _ccxt(serve("hyperliquid", to_hour_s=10))
    ask = other.fetch_order_book(SYMBOL)["asks"][0][0]
    other.create_order(SYMBOL, "market", "sell", 0.5, ask)

    (row,) = until(lambda: other.fetch_funding_history(SYMBOL), 20, 1)

    (settled,) = other.fetch_funding_rate_history(SYMBOL, row["timestamp"] - 1000, 1)
    assert (row["symbol"], row["code"]) == (SYMBOL, "USDC")
    assert row["amount"] == pytest.approx(0.5 * ask * settled["fundingRate"], rel=0.01, abs=1e-6)


def test_ccxt_with_another_key_is_refused(venue: Any) -> None:
    stranger = _ccxt(venue, STRANGER)

    with pytest.raises(ccxt.ExchangeError, match=r"User or API Wallet 0x[0-9a-f]{40} does not exist"):
        stranger.create_order(SYMBOL, "limit", "buy", 0.5, _far(stranger))
    assert stranger.fetch_open_orders(SYMBOL) == []


def test_ccxt_streams_the_book_its_orders_and_trades(venue: Any) -> None:
    async def scene() -> None:
        client = _ccxt(venue, of=ccxt.pro)
        try:
            await client.load_markets()
            book = await client.watch_order_book(SYMBOL)
            bid = book["bids"][0][0]
            assert bid < book["asks"][0][0]
            watching = asyncio.create_task(client.watch_orders(SYMBOL))
            trades = asyncio.create_task(client.watch_my_trades(SYMBOL))
            await asyncio.sleep(0.5)
            placed = await client.create_order(SYMBOL, "limit", "buy", 0.5, float(round(bid * 0.9)))
            (order,) = await asyncio.wait_for(watching, 10)
            assert (order["id"], order["status"]) == (placed["id"], "open")
            bought = await client.create_order(SYMBOL, "market", "buy", 0.5, book["asks"][0][0])
            (trade,) = await asyncio.wait_for(trades, 10)
            assert (trade["order"], trade["amount"]) == (bought["id"], 0.5)
        finally:
            await client.close()

    asyncio.run(scene())
