"""The official SDK (bpx-py) and ccxt as clients of the fake Backpack."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import ccxt
import ccxt.pro
import pytest
from bpx.account import Account
from bpx.public import Public
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Serve = Callable[..., Any]
Until = Callable[..., Any]

DEPOSIT = 100_000.0
TAKER, MAKER = 0.00045, 0.00015
STRANGER = base64.b64encode(b"\x5a" * 32).decode()
PERP = "ETH_USDC_PERP"
PERPS = {"BTC_USDC_PERP", "ETH_USDC_PERP", "SOL_USDC_PERP"}
SYMBOL = "ETH/USDC:USDC"


def _public_key(seed: str) -> str:
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(seed))
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


class Sdk:
    """The official SDK with the key of the fake's account."""

    def __init__(self, venue: Any, key: str | None = None, secret: str | None = None) -> None:
        self.account = Account(key or venue.settings["api_key"], secret or venue.settings["api_secret"])
        self.public = Public()
        self.account.BPX_API_URL = f"{venue.address}/"
        self.public.BASE_URL = f"{venue.address}/"

    def best(self) -> tuple[float, float]:
        depth = self.public.get_depth(PERP)
        return float(depth["bids"][-1][0]), float(depth["asks"][0][0])

    def price(self, share: float) -> str:
        """Return a price of that share of the best bid, on a tick."""
        return str(round(self.best()[0] * share))

    def order(self, side: str = "Bid", quantity: str = "0.5", price: str | None = None, **more: Any) -> Any:
        return self.account.execute_order(
            symbol=PERP, side=side, order_type="Limit" if price else "Market", quantity=quantity, price=price, **more
        )

    def rest(self, share: float = 0.95, **more: Any) -> Any:
        return self.order(price=self.price(share), **more)

    def position(self) -> Any:
        (row,) = self.account.get_open_positions()
        return row


@pytest.fixture
def venue(serve: Serve) -> Any:
    return serve("backpack")


@pytest.fixture
def sdk(venue: Any) -> Sdk:
    return Sdk(venue)


def _ccxt(venue: Any, key: str | None = None, secret: str | None = None, of: Any = ccxt) -> Any:
    client = of.backpack(
        {
            "apiKey": key or venue.settings["api_key"],
            "secret": secret or venue.settings["api_secret"],
            "enableRateLimit": False,
        }
    )
    client.urls["api"] = {"public": venue.address, "private": venue.address}
    if of is ccxt.pro:
        stream = venue.settings["stream_url"]
        client.urls["api"]["ws"] = {"public": stream, "private": stream}
    return client


@pytest.fixture
def other(venue: Any) -> Any:
    """Return ccxt as a client that has read the markets."""
    client = _ccxt(venue)
    client.load_markets()
    return client


def _near(client: Any, share: float) -> float:
    return float(round(client.fetch_order_book(SYMBOL)["bids"][0][0] * share))


# -- bpx-py --


def test_sdk_lists_markets_with_their_steps(venue: Any, sdk: Sdk) -> None:
    rows = sdk.public.get_markets()

    assert rows == venue.get("/api/v1/markets")
    assert {row["symbol"] for row in rows} == PERPS
    for row in rows:
        assert (row["marketType"], row["orderBookState"], row["visible"]) == ("PERP", "Open", True)
        assert row["fundingInterval"] == 3_600_000
        assert float(row["filters"]["price"]["tickSize"]) > 0
        assert float(row["filters"]["quantity"]["stepSize"]) > 0


def test_sdk_reads_time_status_and_ping(sdk: Sdk) -> None:
    assert abs(int(sdk.public.get_time()) - time.time() * 1000) < 2_000
    assert sdk.public.get_status()["status"] == "Ok"
    assert sdk.public.get_ping() == "pong"


def test_sdk_reads_the_book_with_rising_prices(venue: Any, sdk: Sdk) -> None:
    direct, told = venue.at_one_moment(
        lambda: {**venue.get(f"/api/v1/depth?symbol={PERP}&limit=1000"), "timestamp": 0},
        lambda: {**sdk.public.get_depth(PERP), "timestamp": 0},
    )
    bids, asks = ([float(price) for price, _ in told[side]] for side in ("bids", "asks"))

    assert told == direct
    assert bids == sorted(bids)
    assert asks == sorted(asks)
    assert bids[-1] < asks[0]


def test_sdk_reads_mark_index_and_the_running_rate(venue: Any, sdk: Sdk) -> None:
    def told() -> Any:
        (row,) = asyncio.run(sdk.public.get_all_mark_prices(PERP))
        return row

    low, rate, high = venue.around(
        lambda: float(venue.get(f"/api/v1/markPrices?symbol={PERP}")[0]["fundingRate"]),
        lambda: float(told()["fundingRate"]),
    )
    row = told()
    assert low <= rate <= high
    assert float(row["markPrice"]) == pytest.approx(sum(sdk.best()) / 2, rel=0.01)
    assert float(row["indexPrice"]) == pytest.approx(float(row["markPrice"]), rel=0.01)
    assert row["nextFundingTimestamp"] % 3_600_000 == 0
    assert 0 < row["nextFundingTimestamp"] - time.time() * 1000 <= 3_600_000


def test_sdk_reads_tickers_and_open_interest(sdk: Sdk) -> None:
    ticker = sdk.public.get_ticker(PERP)
    (interest,) = sdk.public.get_open_interest(PERP)

    assert float(ticker["lastPrice"]) == pytest.approx(sum(sdk.best()) / 2, rel=0.01)
    assert float(ticker["quoteVolume"]) == pytest.approx(float(ticker["volume"]) * float(ticker["lastPrice"]), rel=0.01)
    assert {row["symbol"] for row in sdk.public.get_tickers()} == PERPS
    assert (interest["symbol"], float(interest["openInterest"]) > 0) == (PERP, True)


def test_sdk_places_finds_and_cancels_a_resting_order(sdk: Sdk) -> None:
    placed = sdk.rest(client_id=7, time_in_force="GTC")
    assert (placed["status"], placed["executedQuantity"], placed["clientId"]) == ("New", "0", 7)

    assert sdk.account.get_open_order(PERP, order_id=placed["id"]) == placed
    assert sdk.account.get_open_order(PERP, client_id=7) == placed
    assert sdk.account.get_open_orders() == [placed]
    assert sdk.account.get_open_orders(symbol="BTC_USDC_PERP") == []

    cancelled = sdk.account.cancel_order(PERP, order_id=placed["id"])
    assert (cancelled["id"], cancelled["status"]) == (placed["id"], "Cancelled")
    assert sdk.account.get_open_orders() == []
    assert sdk.account.get_open_order(PERP, order_id=placed["id"])["code"] == "RESOURCE_NOT_FOUND"
    (past,) = sdk.account.get_order_history(symbol=PERP)
    assert (past["id"], past["clientId"], past["status"]) == (placed["id"], 7, "Cancelled")
    assert sdk.account.get_order_history(order_id=placed["id"]) == [past]
    assert sdk.account.cancel_order(PERP, order_id=placed["id"])["code"] == "RESOURCE_NOT_FOUND"


def test_sdk_cancels_by_its_own_id_and_everything(sdk: Sdk) -> None:
    first, second, third = (sdk.rest(share, client_id=number) for number, share in enumerate((0.95, 0.94, 0.93), 1))

    assert sdk.account.cancel_order(PERP, client_id=1)["id"] == first["id"]
    cancelled = sdk.account.cancel_all_orders(PERP)
    assert {row["id"] for row in cancelled} == {second["id"], third["id"]}
    assert sdk.account.get_open_orders() == []


def test_sdk_post_only_rests_or_is_refused(sdk: Sdk) -> None:
    assert sdk.rest(post_only=True)["postOnly"] is True

    refused = sdk.order(price=sdk.price(1.01), post_only=True)
    assert refused == {"code": "INVALID_ORDER", "message": "Order would immediately match and take"}
    assert sdk.account.get_open_positions() == []


@pytest.mark.parametrize(
    ("quantity", "price", "code"),
    [
        ("0.5", "1600.123456", "INVALID_PRICE"),
        ("0.50000001", "1600", "INVALID_QUANTITY"),
        ("100000", "1600", "INSUFFICIENT_MARGIN"),
    ],
)
def test_sdk_is_refused_what_the_rules_forbid(sdk: Sdk, quantity: str, price: str, code: str) -> None:
    assert sdk.order(quantity=quantity, price=price)["code"] == code


def test_sdk_market_order_fills_with_fee_and_position(sdk: Sdk) -> None:
    ask = sdk.best()[1]
    placed = sdk.order(client_id=9)
    (fill,) = sdk.account.get_fill_history(symbol=PERP)
    position = sdk.position()
    average = float(placed["executedQuoteQuantity"]) / 0.5

    assert (placed["status"], placed["orderType"], float(placed["executedQuantity"])) == ("Filled", "Market", 0.5)
    assert average == pytest.approx(ask, rel=0.001)
    assert (fill["orderId"], fill["clientId"], fill["side"]) == (placed["id"], "9", "Bid")
    assert (fill["isMaker"], fill["feeSymbol"]) == (False, "USDC")
    assert float(fill["fee"]) == pytest.approx(float(fill["price"]) * 0.5 * TAKER)
    assert float(position["netQuantity"]) == 0.5
    assert float(position["entryPrice"]) == pytest.approx(average)
    assert float(position["netCost"]) == pytest.approx(average * 0.5)
    assert float(position["netExposureNotional"]) == pytest.approx(0.5 * float(position["markPrice"]))


def test_sdk_buys_for_a_sum(sdk: Sdk) -> None:
    placed = sdk.account.execute_order(symbol=PERP, side="Bid", order_type="Market", quote_quantity="1000")

    assert placed["status"] == "Filled"
    assert float(placed["executedQuoteQuantity"]) == pytest.approx(1000, rel=0.02)


def test_sdk_learns_that_an_order_at_once_found_nothing(sdk: Sdk) -> None:
    placed = sdk.rest(time_in_force="IOC")

    assert (placed["status"], placed["executedQuantity"]) == ("Expired", "0")
    (past,) = sdk.account.get_order_history(symbol=PERP)
    assert (past["id"], past["status"], past["expiryReason"]) == (placed["id"], "Expired", "ImmediateOrCancel")


def test_sdk_closes_with_reduce_only_and_the_cash_adds_up(sdk: Sdk) -> None:
    assert float(sdk.account.get_balances()["USDC"]["available"]) == DEPOSIT
    sdk.order("Ask")
    assert float(sdk.position()["netQuantity"]) == -0.5

    closed = sdk.order("Bid", "0.7", reduce_only=True)

    assert float(closed["executedQuantity"]) == 0.5
    assert sdk.account.get_open_positions() == []
    bought, sold = sdk.account.get_fill_history(symbol=PERP)
    made = (float(sold["price"]) - float(bought["price"])) * 0.5 - float(sold["fee"]) - float(bought["fee"])
    assert float(sdk.account.get_balances()["USDC"]["available"]) == pytest.approx(DEPOSIT + made, abs=1e-6)
    assert float(sdk.account.get_collateral()["netEquity"]) == pytest.approx(DEPOSIT + made, abs=1e-6)


def test_sdk_reduce_only_never_opens(sdk: Sdk) -> None:
    answer = sdk.order(reduce_only=True)

    assert answer == {"code": "INVALID_ORDER", "message": "Reduce only order not reduced"}
    assert sdk.account.get_open_positions() == []


def test_sdk_sets_the_leverage_of_the_account(sdk: Sdk) -> None:
    before = float(sdk.account.get_max_order_quantity(PERP, "Bid")["maxOrderQuantity"])
    at_first = float(sdk.account.get_account()["leverageLimit"])

    sdk.account.update_account(leverage_limit="2")

    assert sdk.account.get_account()["leverageLimit"] == "2"
    after = float(sdk.account.get_max_order_quantity(PERP, "Bid")["maxOrderQuantity"])
    assert after == pytest.approx(before * 2 / at_first, rel=0.01)
    assert sdk.account.update_account(leverage_limit="1000")["code"] == "INVALID_CLIENT_REQUEST"


def test_sdk_reads_its_fees(sdk: Sdk) -> None:
    account = sdk.account.get_account()

    told = float(account["futuresTakerFee"]) / 10_000, float(account["futuresMakerFee"]) / 10_000
    assert told == pytest.approx((TAKER, MAKER))


def test_sdk_reads_settled_funding_newest_first(venue: Any, sdk: Sdk) -> None:
    rows = sdk.public.get_funding_interval_rates(PERP, limit=5)
    ends = [row["intervalEndTimestamp"] for row in rows]

    assert rows == venue.get(f"/api/v1/fundingRates?symbol={PERP}&limit=5")
    assert ends == sorted(ends, reverse=True)
    assert len(set(ends)) == 5
    assert {end[13:] for end in ends} == {":00:00"}


def test_sdk_reads_what_funding_paid(serve: Serve, until: Until, monkeypatch: pytest.MonkeyPatch) -> None:
    venue = serve("backpack", to_hour_s=8)
    monkeypatch.setattr("bpx.base.base_account.time", lambda: time.time() + venue.ahead_s)
    sdk = Sdk(venue)
    sdk.order()

    (paid,) = until(lambda: sdk.account.get_funding_payments(symbol=PERP), 20, 1)
    (settled,) = sdk.public.get_funding_interval_rates(PERP, limit=1)
    mark = float(sdk.position()["markPrice"])

    assert (paid["symbol"], paid["intervalEndTimestamp"]) == (PERP, settled["intervalEndTimestamp"])
    assert paid["fundingRate"] == settled["fundingRate"]
    assert float(paid["quantity"]) == pytest.approx(-0.5 * mark * float(paid["fundingRate"]), rel=0.001, abs=1e-6)


def test_sdk_with_another_key_is_refused(venue: Any) -> None:
    unknown = Sdk(venue, _public_key(STRANGER), STRANGER)
    forged = Sdk(venue, secret=STRANGER)

    assert unknown.account.get_balances()["code"] in ("INVALID_SIGNATURE", "UNAUTHORIZED")
    assert forged.rest()["code"] == "INVALID_SIGNATURE"
    assert Sdk(venue).account.get_open_orders() == []


def test_sdk_with_a_wrong_clock_is_refused(sdk: Sdk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bpx.base.base_account.time", lambda: time.time() - 30)

    assert sdk.account.get_balances()["code"] == "INVALID_CLIENT_REQUEST"
    assert sdk.account.get_balances(window=60_000)["USDC"]["locked"] == "0"


# -- ccxt --


def test_ccxt_lists_markets_by_the_venues_rules(venue: Any, other: Any) -> None:
    rows = {row["symbol"]: row for row in venue.get("/api/v1/markets")}

    assert {market["id"] for market in other.markets.values()} == PERPS
    market = other.market(SYMBOL)
    filters = rows[PERP]["filters"]
    assert (market["swap"], market["linear"], market["settle"]) == (True, True, "USDC")
    assert market["precision"]["price"] == float(filters["price"]["tickSize"])
    assert market["precision"]["amount"] == float(filters["quantity"]["stepSize"])
    assert market["limits"]["amount"]["min"] == float(filters["quantity"]["minQuantity"])


def test_ccxt_reads_the_book(venue: Any, other: Any) -> None:
    direct, told = venue.at_one_moment(
        lambda: {**venue.get(f"/api/v1/depth?symbol={PERP}&limit=1000"), "timestamp": 0},
        lambda: other.fetch_order_book(SYMBOL),
    )

    assert told["bids"] == [[float(price), float(size)] for price, size in reversed(direct["bids"])]
    assert told["asks"] == [[float(price), float(size)] for price, size in direct["asks"]]
    assert told["nonce"] == int(direct["lastUpdateId"])


def test_ccxt_reads_the_funding_rate_and_the_prices(venue: Any, other: Any) -> None:
    low, rate, high = venue.around(
        lambda: float(venue.get(f"/api/v1/markPrices?symbol={PERP}")[0]["fundingRate"]),
        lambda: other.fetch_funding_rate(SYMBOL)["fundingRate"],
    )
    row = other.fetch_funding_rate(SYMBOL)

    assert low <= rate <= high
    assert row["interval"] == "1h"
    assert row["markPrice"] == pytest.approx(_near(other, 1), rel=0.01)
    assert 0 < row["nextFundingTimestamp"] - time.time() * 1000 <= 3_600_000


def test_ccxt_reads_tickers_and_open_interest(venue: Any, other: Any) -> None:
    ticker = other.fetch_ticker(SYMBOL)
    interest = other.fetch_open_interest(SYMBOL)
    (direct,) = venue.get(f"/api/v1/openInterest?symbol={PERP}")

    assert ticker["last"] == pytest.approx(_near(other, 1), rel=0.01)
    assert interest["openInterestValue"] == pytest.approx(float(direct["openInterest"]), rel=0.01)


def test_ccxt_reads_settled_funding(venue: Any, other: Any) -> None:
    rows = other.fetch_funding_rate_history(SYMBOL, limit=5)
    direct = venue.get(f"/api/v1/fundingRates?symbol={PERP}&limit=5")

    assert [row["fundingRate"] for row in rows] == [float(row["fundingRate"]) for row in reversed(direct)]
    assert {later["timestamp"] - row["timestamp"] for row, later in pairwise(rows)} == {3_600_000}


def test_ccxt_places_finds_and_cancels_a_resting_order(other: Any) -> None:
    placed = other.create_order(SYMBOL, "limit", "buy", 0.5, _near(other, 0.95), {"clientOrderId": 7})
    assert (placed["status"], placed["filled"], placed["remaining"]) == ("open", 0.0, 0.5)

    found = other.fetch_open_order(placed["id"], SYMBOL)
    assert (found["id"], found["clientOrderId"], found["price"]) == (placed["id"], "7", placed["price"])
    assert [row["id"] for row in other.fetch_open_orders(SYMBOL)] == [placed["id"]]

    assert other.cancel_order(placed["id"], SYMBOL)["status"] == "canceled"
    assert other.fetch_open_orders(SYMBOL) == []
    (past,) = other.fetch_orders(SYMBOL)
    assert (past["id"], past["status"]) == (placed["id"], "canceled")
    with pytest.raises(ccxt.ExchangeNotAvailable, match="RESOURCE_NOT_FOUND"):
        other.cancel_order(placed["id"], SYMBOL)


def test_ccxt_sends_several_and_cancels_all(other: Any) -> None:
    price = _near(other, 0.95)
    wanted = [
        {"symbol": SYMBOL, "type": "limit", "side": "buy", "amount": amount, "price": price} for amount in (0.1, 0.2)
    ]

    placed = other.create_orders(wanted)

    assert [row["amount"] for row in placed] == [0.1, 0.2]
    assert len(other.fetch_open_orders(SYMBOL)) == 2
    other.cancel_all_orders(SYMBOL)
    assert other.fetch_open_orders(SYMBOL) == []


def test_ccxt_post_only_that_would_take_is_refused(other: Any) -> None:
    with pytest.raises(ccxt.InvalidOrder, match="Order would immediately match and take"):
        other.create_order(SYMBOL, "limit", "buy", 0.1, _near(other, 1.01), {"postOnly": True})
    assert other.fetch_positions() == []


def test_ccxt_is_refused_more_than_its_margin(other: Any) -> None:
    with pytest.raises(ccxt.InsufficientFunds, match="INSUFFICIENT_MARGIN"):
        other.create_order(SYMBOL, "limit", "buy", 100_000, _near(other, 0.99))


def test_ccxt_market_order_fills_with_fee_position_and_trade(other: Any) -> None:
    placed = other.create_order(SYMBOL, "market", "buy", 0.5)
    (trade,) = other.fetch_my_trades(SYMBOL)
    (position,) = other.fetch_positions([SYMBOL])

    assert (placed["status"], placed["filled"]) == ("closed", 0.5)
    assert (trade["order"], trade["side"], trade["amount"]) == (placed["id"], "buy", 0.5)
    assert trade["takerOrMaker"] == "taker"
    assert trade["fee"]["currency"] == "USDC"
    assert trade["fee"]["cost"] == pytest.approx(trade["price"] * 0.5 * TAKER)
    assert (position["side"], float(position["contracts"])) == ("long", 0.5)
    assert float(position["entryPrice"]) == pytest.approx(placed["average"])


def test_ccxt_learns_that_an_order_at_once_found_nothing(other: Any) -> None:
    placed = other.create_order(SYMBOL, "limit", "buy", 0.5, _near(other, 0.95), {"timeInForce": "IOC"})

    assert (placed["status"], placed["filled"]) == ("canceled", 0.0)


def test_ccxt_closes_with_reduce_only_and_the_balance_adds_up(other: Any) -> None:
    assert other.fetch_balance()["USDC"]["total"] == DEPOSIT
    other.create_order(SYMBOL, "market", "sell", 0.5)
    other.create_order(SYMBOL, "market", "buy", 0.5, None, {"reduceOnly": True})

    assert other.fetch_positions() == []
    trades = sorted(other.fetch_my_trades(SYMBOL), key=lambda row: int(row["id"]))
    made = (trades[0]["price"] - trades[1]["price"]) * 0.5 - sum(row["fee"]["cost"] for row in trades)
    assert other.fetch_balance()["USDC"]["total"] == pytest.approx(DEPOSIT + made, abs=1e-6)


def test_ccxt_reads_what_funding_paid(serve: Serve, until: Until) -> None:
    venue = serve("backpack", to_hour_s=8)
    client = _ccxt(venue)
    client.milliseconds = lambda: int((time.time() + venue.ahead_s) * 1000)
    client.load_markets()
    client.create_order(SYMBOL, "market", "sell", 0.5)

    (paid,) = until(lambda: client.fetch_funding_history(SYMBOL), 20, 1)

    (settled,) = client.fetch_funding_rate_history(SYMBOL, limit=1)
    (position,) = client.fetch_positions([SYMBOL])
    assert (paid["symbol"], paid["timestamp"]) == (SYMBOL, settled["timestamp"])
    assert paid["amount"] == pytest.approx(
        0.5 * float(position["markPrice"]) * settled["fundingRate"], rel=0.001, abs=1e-6
    )


def test_ccxt_with_another_key_is_refused(venue: Any) -> None:
    forged = _ccxt(venue, secret=STRANGER)

    with pytest.raises(ccxt.AuthenticationError, match="INVALID_SIGNATURE"):
        forged.create_order(SYMBOL, "limit", "buy", 0.5, _near(forged, 0.95))
    with pytest.raises(ccxt.AuthenticationError):
        _ccxt(venue, _public_key(STRANGER), STRANGER).fetch_balance()


def test_ccxt_streams_the_book_and_best_prices(venue: Any) -> None:
    async def scene() -> None:
        client = _ccxt(venue, of=ccxt.pro)
        try:
            await client.load_markets()
            top = (await client.watch_bids_asks([SYMBOL]))[SYMBOL]
            assert top["bid"] < top["ask"]
            book = await asyncio.wait_for(client.watch_order_book(SYMBOL), 30)
            for _ in range(3):
                book = await asyncio.wait_for(client.watch_order_book(SYMBOL), 10)
            assert book["bids"][0][0] < book["asks"][0][0]
            direct = await client.fetch_order_book(SYMBOL)
            assert book["bids"][0][0] == pytest.approx(direct["bids"][0][0], rel=0.001)
        finally:
            await client.close()

    asyncio.run(scene())


def test_ccxt_streams_its_orders_and_positions(venue: Any) -> None:
    async def scene() -> None:
        client = _ccxt(venue, of=ccxt.pro)
        try:
            await client.load_markets()
            told = asyncio.create_task(client.watch_orders(SYMBOL))
            held = asyncio.create_task(client.watch_positions([SYMBOL]))
            await asyncio.sleep(0.5)
            bid = (await client.fetch_order_book(SYMBOL))["bids"][0][0]
            placed = await client.create_order(SYMBOL, "limit", "buy", 0.5, float(round(bid * 0.95)))
            (order,) = await asyncio.wait_for(told, 10)
            assert (order["id"], order["status"], order["amount"]) == (placed["id"], "open", 0.5)
            told = asyncio.create_task(client.watch_orders(SYMBOL))
            bought = await client.create_order(SYMBOL, "market", "buy", 0.5)
            for _ in range(5):
                order = (await asyncio.wait_for(told, 10))[-1]
                if (order["id"], order["status"]) == (bought["id"], "closed"):
                    break
                told = asyncio.create_task(client.watch_orders(SYMBOL))
            assert (order["id"], order["filled"]) == (bought["id"], 0.5)
            (position,) = await asyncio.wait_for(held, 10)
            assert (position["symbol"], float(position["contracts"])) == (SYMBOL, 0.5)
        finally:
            await client.close()

    asyncio.run(scene())
