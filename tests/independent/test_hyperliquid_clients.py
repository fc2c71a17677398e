"""The official SDK (hyperliquid-python-sdk) and ccxt as clients of the fake Hyperliquid."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import ccxt
import ccxt.pro
import pytest
from eth_account import Account
from hyperliquid.exchange import Exchange
from hyperliquid.info import Info
from hyperliquid.utils.types import Cloid

Serve = Callable[..., Any]
Until = Callable[..., Any]

DEPOSIT = 100_000.0
TAKER, MAKER = 0.00045, 0.00015
STRANGER = "0x" + "5a" * 32
GTC, IOC, ALO = ({"limit": {"tif": tif}} for tif in ("Gtc", "Ioc", "Alo"))
SYMBOL = "ETH/USDC:USDC"
SYMBOLS = {"BTC/USDC:USDC", "ETH/USDC:USDC", "SOL/USDC:USDC"}


class Sdk:
    """The official SDK, with the API wallet of the fake's account."""

    def __init__(self, venue: Any, key: str | None = None, *, streams: bool = False) -> None:
        wallet = Account.from_key(key or venue.settings["key"])
        self.account = venue.settings["account"]
        self.exchange = Exchange(wallet, base_url=venue.address, account_address=self.account)
        self.info = Info(venue.address, skip_ws=not streams)

    def best(self, coin: str = "ETH") -> tuple[float, float]:
        bids, asks = self.info.l2_snapshot(coin)["levels"]
        return float(bids[0]["px"]), float(asks[0]["px"])

    def order(self, *args: Any, **more: Any) -> Any:
        """Send an order and return its status."""
        answer = self.exchange.order(*args, **more)
        assert answer["status"] == "ok", answer
        (status,) = answer["response"]["data"]["statuses"]
        return status

    def rest(self, far: float = 0.9, **more: Any) -> int:
        """Leave a bid of 0.5 ETH below the market; return its number."""
        status = self.order("ETH", True, 0.5, float(round(self.best()[0] * far)), GTC, **more)
        return int(status["resting"]["oid"])

    def state(self) -> Any:
        return self.info.user_state(self.account)

    def position(self) -> Any:
        (row,) = self.state()["assetPositions"]
        return row["position"]


@pytest.fixture
def venue(serve: Serve) -> Any:
    return serve("hyperliquid")


@pytest.fixture
def sdk(venue: Any) -> Sdk:
    return Sdk(venue)


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


# -- hyperliquid-python-sdk --


def test_sdk_numbers_the_coins_as_the_venue_does(venue: Any, sdk: Sdk) -> None:
    listed = venue.post("/info", {"type": "meta"})["universe"]

    assert sdk.info.meta()["universe"] == listed
    assert {coin["name"] for coin in listed} == {"BTC", "ETH", "SOL"}
    for number, coin in enumerate(listed):
        assert sdk.info.name_to_asset(coin["name"]) == number
        assert sdk.info.asset_to_sz_decimals[number] == coin["szDecimals"]


def test_sdk_reads_the_book(venue: Any, sdk: Sdk) -> None:
    direct, told = venue.at_one_moment(
        lambda: venue.post("/info", {"type": "l2Book", "coin": "ETH"})["levels"],
        lambda: sdk.info.l2_snapshot("ETH")["levels"],
    )
    bids, asks = ([float(level["px"]) for level in side] for side in told)

    assert told == direct
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert bids[0] < asks[0]
    assert max(len(bids), len(asks)) <= 20


def test_sdk_reads_mids_between_bid_and_ask(venue: Any, sdk: Sdk) -> None:
    (bid, ask), mids = venue.at_one_moment(sdk.best, sdk.info.all_mids)

    assert float(mids["ETH"]) == pytest.approx((bid + ask) / 2)


def test_sdk_reads_funding_mark_and_oracle_by_position(venue: Any, sdk: Sdk) -> None:
    meta, states = sdk.info.meta_and_asset_ctxs()
    place = [coin["name"] for coin in meta["universe"]].index("ETH")
    state = states[place]

    def direct() -> float:
        return float(venue.post("/info", {"type": "metaAndAssetCtxs"})[1][place]["funding"])

    low, told, high = venue.around(direct, lambda: float(sdk.info.meta_and_asset_ctxs()[1][place]["funding"]))
    assert low <= told <= high
    assert abs(told) < 0.04
    assert float(state["premium"]) == pytest.approx(
        (float(state["midPx"]) - float(state["oraclePx"])) / float(state["oraclePx"]), abs=1e-9
    )
    assert float(state["markPx"]) == pytest.approx(float(state["midPx"]), rel=0.01)


def test_sdk_places_finds_and_cancels_a_resting_order(sdk: Sdk) -> None:
    cloid = Cloid.from_int(7)
    oid = sdk.rest(cloid=cloid)

    by_oid = sdk.info.query_order_by_oid(sdk.account, oid)
    assert by_oid == sdk.info.query_order_by_cloid(sdk.account, cloid)
    assert by_oid["order"]["status"] == "open"
    (row,) = sdk.info.open_orders(sdk.account)
    assert (row["oid"], row["coin"], row["side"], row["sz"], row["origSz"]) == (oid, "ETH", "B", "0.5", "0.5")
    assert row["cloid"] == cloid.to_raw()
    (full,) = sdk.info.frontend_open_orders(sdk.account)
    assert (full["tif"], full["reduceOnly"], full["orderType"]) == ("Gtc", False, "Limit")

    answer = sdk.exchange.cancel("ETH", oid)
    assert answer["response"]["data"]["statuses"] == ["success"]
    assert sdk.info.open_orders(sdk.account) == []
    assert sdk.info.query_order_by_oid(sdk.account, oid)["order"]["status"] == "canceled"
    assert sdk.info.historical_orders(sdk.account)[0]["status"] == "canceled"
    (again,) = sdk.exchange.cancel("ETH", oid)["response"]["data"]["statuses"]
    assert again["error"].startswith("Order was never placed, already canceled, or filled.")


def test_sdk_cancels_by_its_own_id(sdk: Sdk) -> None:
    cloid = Cloid.from_int(8)
    sdk.rest(cloid=cloid)

    answer = sdk.exchange.cancel_by_cloid("ETH", cloid)

    assert answer["response"]["data"]["statuses"] == ["success"]
    assert sdk.info.query_order_by_cloid(sdk.account, cloid)["order"]["status"] == "canceled"


def test_sdk_learns_that_an_order_is_unknown(sdk: Sdk) -> None:
    assert sdk.info.query_order_by_cloid(sdk.account, Cloid.from_int(9)) == {"status": "unknownOid"}
    assert sdk.info.query_order_by_oid(sdk.account, 5) == {"status": "unknownOid"}


def test_sdk_sends_and_cancels_several_at_once(sdk: Sdk) -> None:
    bid = sdk.best()[0]
    wanted = [
        {"coin": "ETH", "is_buy": True, "sz": 0.1, "limit_px": float(round(bid * far)), "order_type": GTC}
        for far in (0.8, 0.9)
    ]
    dust = {"coin": "ETH", "is_buy": True, "sz": 0.001, "limit_px": float(round(bid * 0.9)), "order_type": GTC}

    answer = sdk.exchange.bulk_orders([{**each, "reduce_only": False} for each in (*wanted, dust)])
    first, second, refused = answer["response"]["data"]["statuses"]

    assert refused["error"].startswith("Order must have minimum value of $10.")
    oids = [each["resting"]["oid"] for each in (first, second)]
    assert sorted(row["oid"] for row in sdk.info.open_orders(sdk.account)) == sorted(oids)
    answer = sdk.exchange.bulk_cancel([{"coin": "ETH", "oid": oid} for oid in oids])
    assert answer["response"]["data"]["statuses"] == ["success", "success"]


def test_sdk_modifies_an_order_which_gets_a_new_number(sdk: Sdk) -> None:
    oid = sdk.rest()
    price = float(round(sdk.best()[0] * 0.8))

    answer = sdk.exchange.modify_order(oid, "ETH", True, 0.25, price, GTC)

    (status,) = answer["response"]["data"]["statuses"]
    (row,) = sdk.info.open_orders(sdk.account)
    assert row["oid"] == status["resting"]["oid"] != oid
    assert (float(row["limitPx"]), float(row["sz"])) == (price, 0.25)


def test_sdk_post_only_rests_or_is_refused(sdk: Sdk) -> None:
    bid, ask = sdk.best()

    assert "resting" in sdk.order("ETH", True, 0.1, float(round(bid * 0.9)), ALO)
    refused = sdk.order("ETH", True, 0.1, float(round(ask * 1.01)), ALO)
    assert refused["error"].startswith("Post only order would have immediately matched, bbo was")
    assert sdk.state()["assetPositions"] == []


@pytest.mark.parametrize(
    ("size", "price", "words"),
    [
        (0.1, 1500.23, "Price must be divisible by tick size."),
        (0.005, 1500.0, "Order must have minimum value of $10."),
        (0.123456, 1500.0, "Order has invalid size"),
        (0.1, 100.0, "80% away from the reference price"),
        (10_000.0, 1500.0, "Insufficient margin to place order."),
    ],
)
def test_sdk_is_refused_what_the_rules_forbid(sdk: Sdk, size: float, price: float, words: str) -> None:
    assert words in sdk.order("ETH", True, size, price, GTC)["error"]


def test_sdk_market_order_fills_with_fee_and_position(sdk: Sdk) -> None:
    ask = sdk.best()[1]
    (status,) = sdk.exchange.market_open("ETH", True, 0.5)["response"]["data"]["statuses"]
    filled = status["filled"]
    (fill,) = sdk.info.user_fills(sdk.account)
    position = sdk.position()

    assert float(filled["totalSz"]) == 0.5
    assert float(filled["avgPx"]) == pytest.approx(ask, rel=0.001)
    assert (fill["oid"], fill["side"], fill["dir"], fill["crossed"]) == (filled["oid"], "B", "Open Long", True)
    assert float(fill["fee"]) == pytest.approx(float(fill["px"]) * 0.5 * TAKER)
    assert (fill["feeToken"], fill["startPosition"]) == ("USDC", "0.0")
    assert position["szi"] == "0.5"
    assert float(position["entryPx"]) == pytest.approx(float(filled["avgPx"]))
    since = int(fill["time"])
    assert sdk.info.user_fills_by_time(sdk.account, since) == [fill]
    assert sdk.info.user_fills_by_time(sdk.account, since + 1) == []


def test_sdk_learns_that_an_order_at_once_found_nothing(sdk: Sdk) -> None:
    refused = sdk.order("ETH", True, 0.1, float(round(sdk.best()[0] * 0.9)), IOC)

    assert refused["error"].startswith("Order could not immediately match against any resting orders.")
    assert sdk.info.historical_orders(sdk.account)[0]["status"] == "iocCancelRejected"


def test_sdk_closes_a_position_and_the_cash_adds_up(sdk: Sdk) -> None:
    sdk.exchange.market_open("ETH", False, 0.5)
    assert sdk.position()["szi"] == "-0.5"

    (status,) = sdk.exchange.market_close("ETH")["response"]["data"]["statuses"]

    assert float(status["filled"]["totalSz"]) == 0.5
    newest, oldest = sdk.info.user_fills(sdk.account)
    assert (newest["dir"], oldest["dir"]) == ("Close Short", "Open Short")
    made = (float(oldest["px"]) - float(newest["px"])) * 0.5
    assert float(newest["closedPnl"]) == pytest.approx(made)
    state = sdk.state()
    assert state["assetPositions"] == []
    fees = float(newest["fee"]) + float(oldest["fee"])
    assert float(state["marginSummary"]["accountValue"]) == pytest.approx(DEPOSIT + made - fees, abs=1e-6)


def test_sdk_reduce_only_never_opens(sdk: Sdk) -> None:
    refused = sdk.order("ETH", True, 0.1, float(round(sdk.best()[1] * 1.02)), IOC, reduce_only=True)

    assert refused["error"].startswith("Reduce only order would increase position.")
    assert sdk.state()["assetPositions"] == []


def test_sdk_sets_the_leverage_of_a_coin(sdk: Sdk) -> None:
    assert sdk.exchange.update_leverage(4, "ETH")["status"] == "ok"
    sdk.exchange.market_open("ETH", True, 0.5)
    position = sdk.position()

    assert position["leverage"] == {"type": "cross", "value": 4}
    assert float(position["marginUsed"]) == pytest.approx(float(position["positionValue"]) / 4)
    answer = sdk.exchange.update_leverage(int(position["maxLeverage"]) + 1, "ETH")
    assert answer == {"status": "err", "response": "Invalid leverage value"}


def test_sdk_reads_fees_and_the_budget_of_actions(sdk: Sdk) -> None:
    before = sdk.info.user_rate_limit(sdk.account)
    sdk.rest()
    after = sdk.info.user_rate_limit(sdk.account)
    fees = sdk.info.user_fees(sdk.account)

    assert after["nRequestsUsed"] == before["nRequestsUsed"] + 1
    assert after["nRequestsCap"] == 10_000
    assert (float(fees["userCrossRate"]), float(fees["userAddRate"])) == (TAKER, MAKER)


def test_sdk_reads_settled_funding_of_every_hour(venue: Any, sdk: Sdk) -> None:
    now_ms = int(time.time() * 1000)
    rows = sdk.info.funding_history("ETH", now_ms - 6 * 3_600_000, now_ms)

    assert len(rows) == 6
    assert [later["time"] // 3_600_000 - row["time"] // 3_600_000 for row, later in pairwise(rows)] == [1] * 5
    assert {row["coin"] for row in rows} == {"ETH"}
    asked = {"type": "fundingHistory", "coin": "ETH", "startTime": rows[0]["time"], "endTime": rows[0]["time"]}
    assert venue.post("/info", asked) == rows[:1]


def test_sdk_reads_what_funding_paid(serve: Serve, until: Until) -> None:
    venue = serve("hyperliquid", to_hour_s=8)
    sdk = Sdk(venue)
    sdk.exchange.market_open("ETH", True, 0.5)

    (row,) = until(lambda: sdk.info.user_funding_history(sdk.account, 0), 20, 1)
    paid = row["delta"]
    (settled,) = sdk.info.funding_history("ETH", row["time"] - 1000, row["time"] + 1000)
    oracle = float(sdk.info.meta_and_asset_ctxs()[1][sdk.info.name_to_asset("ETH")]["oraclePx"])

    assert (paid["type"], paid["coin"], paid["szi"]) == ("funding", "ETH", "0.5")
    assert row["time"] % 3_600_000 < 1000
    assert paid["fundingRate"] == settled["fundingRate"]
    assert float(paid["usdc"]) == pytest.approx(-0.5 * oracle * float(paid["fundingRate"]), rel=0.001, abs=1e-6)


def test_sdk_with_another_key_is_refused(venue: Any) -> None:
    stranger = Sdk(venue, STRANGER)

    answer = stranger.exchange.order("ETH", True, 0.5, float(round(stranger.best()[0] * 0.9)), GTC)

    assert answer["status"] == "err"
    assert re.fullmatch(r"User or API Wallet 0x[0-9a-f]{40} does not exist\.", answer["response"])
    assert stranger.info.open_orders(stranger.account) == []


def test_sdk_is_refused_a_used_nonce_and_an_expired_action(sdk: Sdk, monkeypatch: pytest.MonkeyPatch) -> None:
    now_ms = int(time.time() * 1000)
    monkeypatch.setattr("hyperliquid.exchange.get_timestamp_ms", lambda: now_ms)
    sdk.rest()
    again = sdk.exchange.order("ETH", True, 0.5, float(round(sdk.best()[0] * 0.9)), GTC)
    assert again == {"status": "err", "response": f"Invalid nonce: duplicate nonce {now_ms}"}
    monkeypatch.undo()

    sdk.exchange.set_expires_after(int(time.time() * 1000) - 10_000)
    late = sdk.exchange.order("ETH", True, 0.5, float(round(sdk.best()[0] * 0.9)), GTC)
    assert late["status"] == "err"
    sdk.exchange.set_expires_after(int(time.time() * 1000) + 10_000)
    assert sdk.rest() > 0


def test_sdk_dead_mans_switch_cancels_what_rests(sdk: Sdk, until: Until) -> None:
    oid = sdk.rest()

    assert sdk.exchange.schedule_cancel(int(time.time() * 1000) + 5_500)["status"] == "ok"
    assert len(sdk.info.open_orders(sdk.account)) == 1

    until(lambda: not sdk.info.open_orders(sdk.account), 12, 0.5)
    assert sdk.info.query_order_by_oid(sdk.account, oid)["order"]["status"] == "scheduledCancel"


@pytest.fixture
def streaming(venue: Any) -> Iterator[Sdk]:
    sdk = Sdk(venue, streams=True)
    yield sdk
    sdk.info.disconnect_websocket()


def test_sdk_streams_the_book_and_the_best_prices(streaming: Sdk, until: Until) -> None:
    books: list[Any] = []
    tops: list[Any] = []
    streaming.info.subscribe({"type": "l2Book", "coin": "ETH"}, books.append)
    streaming.info.subscribe({"type": "bbo", "coin": "ETH"}, tops.append)

    book = until(lambda: books)[0]["data"]
    assert book["coin"] == "ETH"
    assert float(book["levels"][0][0]["px"]) < float(book["levels"][1][0]["px"])
    until(lambda: len(tops) >= 3)
    bid, ask = tops[-1]["data"]["bbo"]
    assert (float(bid["px"]), float(ask["px"])) == pytest.approx(streaming.best(), rel=0.001)


def test_sdk_streams_its_orders_and_fills(streaming: Sdk, until: Until) -> None:
    orders: list[Any] = []
    fills: list[Any] = []
    user = streaming.account
    streaming.info.subscribe({"type": "orderUpdates", "user": user}, lambda told: orders.extend(told["data"]))
    streaming.info.subscribe({"type": "userFills", "user": user}, lambda told: fills.append(told["data"]))
    until(lambda: fills)
    assert fills == [{"user": user, "isSnapshot": True, "fills": []}]

    oid = streaming.rest()
    streaming.exchange.cancel("ETH", oid)
    until(lambda: len(orders) >= 2)
    assert [(each["order"]["oid"], each["status"]) for each in orders[:2]] == [(oid, "open"), (oid, "canceled")]

    streaming.exchange.market_open("ETH", True, 0.5)
    until(lambda: len(fills) >= 2)
    assert fills[1]["fills"] == streaming.info.user_fills(user)
    until(lambda: orders[-1]["status"] == "filled")
    assert orders[-1]["order"]["sz"] == "0.0"


# -- ccxt --


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
