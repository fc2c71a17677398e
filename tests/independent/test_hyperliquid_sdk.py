"""The official SDK (hyperliquid-python-sdk) as a client of the fake Hyperliquid."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

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
