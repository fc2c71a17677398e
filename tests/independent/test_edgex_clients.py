"""The official SDK (edgex-python-sdk) as a client of the fake edgeX; ccxt has no edgeX."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from decimal import Decimal as D
from itertools import pairwise
from typing import Any

import pytest
from edgex_sdk import Client
from edgex_sdk.account.client import GetCollateralTransactionPageParams, SetMarginModeParams
from edgex_sdk.order.types import (
    CancelOrderParams,
    CreateOrderParams,
    GetActiveOrderParams,
    GetHistoryOrderPageParams,
    OrderFillTransactionParams,
    OrderSide,
    OrderType,
    TimeInForce,
)
from edgex_sdk.quote.client import GetMarketStatusParams, GetOrderBookDepthParams
from edgex_sdk.ws.manager import Manager

Serve = Callable[..., Any]
Until = Callable[..., Any]

DEPOSIT = D(100_000)
TAKER, MAKER = D("0.00045"), D("0.00015")
ETH = "30000002"
NAMES = {"BTCUSDC", "ETHUSDC", "SOLUSDC"}
STRANGER = "5a" * 32
KEYS = {
    "api_key": "api_key",
    "api_passphrase": "api_passphrase",
    "api_secret": "api_secret",
    "trading_private_key": "trading_key",
}
"""What the SDK calls a setting of ours."""


class Sdk:
    """The official SDK with the keys of the fake's account; each call has a session of its own."""

    def __init__(self, venue: Any, **changes: str) -> None:
        given = {name: venue.settings[ours] for name, ours in KEYS.items()}
        self._given = {"base_url": venue.address, "account_id": venue.settings["account_id"], **given, **changes}

    def whole(self, ask: Callable[[Client], Any]) -> Any:
        """Return the whole answer of a call."""

        async def main() -> Any:
            async with Client(**self._given) as client:
                return await ask(client)

        return asyncio.run(main())

    def __call__(self, ask: Callable[[Client], Any]) -> Any:
        """Return the data of a call that succeeds."""
        answer = self.whole(ask)
        assert answer["code"] == "SUCCESS", answer
        return answer["data"]

    def best(self) -> tuple[D, D]:
        (book,) = self(lambda client: client.quote.get_order_book_depth(GetOrderBookDepthParams(ETH, 15)))
        return D(book["bids"][0]["price"]), D(book["asks"][0]["price"])

    def price(self, share: str) -> str:
        """Return a price of that share of the best bid, on a tick."""
        return str(round(self.best()[0] * D(share)))

    def order(self, price: str = "0", side: OrderSide = OrderSide.BUY, size: str = "0.5", **more: Any) -> Any:
        """Return the whole answer to an order; one without a price is a market order."""
        kind = OrderType.MARKET if price == "0" else OrderType.LIMIT
        return self.whole(
            lambda client: client.create_order(
                CreateOrderParams(contract_id=ETH, price=price, size=size, type=kind, side=side, **more)
            )
        )

    def placed(self, *args: Any, **more: Any) -> Any:
        """Place an order and return it as it is after matching."""
        answer = self.order(*args, **more)
        assert answer["code"] == "SUCCESS", answer
        return self.settled(answer["data"]["orderId"])

    def settled(self, order_id: str) -> Any:
        """Return an order that is matched."""
        for _ in range(100):
            (row,) = self(lambda client: client.order.get_orders_by_id([order_id]))
            if row["status"] != "PENDING":
                return row
            time.sleep(0.05)
        raise AssertionError("it stayed pending")

    def active(self, **more: Any) -> Any:
        params = GetActiveOrderParams(size="100", **more)
        return self(lambda client: client.get_active_orders(params))["dataList"]

    def cancelled(self, **of: str) -> Any:
        return self(lambda client: client.cancel_order(CancelOrderParams(**of)))["cancelResultMap"]

    def fills(self, **more: Any) -> Any:
        params = OrderFillTransactionParams(size="100", **more)
        return self(lambda client: client.get_order_fill_transactions(params))["dataList"]

    def asset(self) -> Any:
        return self(lambda client: client.get_account_asset())


@pytest.fixture
def venue(serve: Serve) -> Any:
    return serve("edgex")


@pytest.fixture
def sdk(venue: Any) -> Sdk:
    return Sdk(venue)


# -- public data --


def test_sdk_reads_the_listing(venue: Any, sdk: Sdk) -> None:
    data = sdk(lambda client: client.get_metadata())

    assert data == venue.get("/api/v2/public/meta/getMetaData")["data"]
    assert {row["contractName"] for row in data["contractList"]} == NAMES
    coins = {row["coinId"]: row["coinName"] for row in data["coinList"]}
    for row in data["contractList"]:
        assert coins[row["quoteCoinId"]] == "USDC"
        assert row["contractName"] == f"{coins[row['baseCoinId']]}USDC"
        assert D(row["tickSize"]) > 0
        assert D(row["minOrderSize"]) >= D(row["stepSize"]) > 0
        assert int(row["fundingRateIntervalMin"]) > 0


def test_sdk_reads_the_time(sdk: Sdk) -> None:
    told = sdk(lambda client: client.get_server_time())
    assert abs(int(told["timeMillis"]) - time.time() * 1000) < 5_000


@pytest.mark.parametrize("levels", [15, 200])
def test_sdk_reads_the_book(venue: Any, sdk: Sdk, levels: int) -> None:
    params = GetOrderBookDepthParams(ETH, levels)
    direct, told = venue.at_one_moment(
        lambda: venue.get(f"/api/v2/public/quote/getDepth?contractId={ETH}&level={levels}")["data"],
        lambda: sdk(lambda client: client.quote.get_order_book_depth(params)),
    )
    bids, asks = ([D(row["price"]) for row in told[0][side]] for side in ("bids", "asks"))

    assert told == direct
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert bids[0] < asks[0]
    assert len(bids) <= levels


def test_sdk_is_refused_a_level_that_the_venue_has_not(sdk: Sdk) -> None:
    with pytest.raises(ValueError, match="GATEWAY_PARAM_INVALID"):
        sdk(lambda client: client.quote.get_order_book_depth(GetOrderBookDepthParams(ETH, 50)))


def test_sdk_reads_a_ticker_and_the_forecast_in_it(sdk: Sdk) -> None:
    (ticker,) = sdk(lambda client: client.get_24_hour_quote(ETH))
    (rate,) = sdk(lambda client: client.funding.get_latest_funding_rate([ETH]))

    assert ticker["contractName"] == "ETHUSDC"
    assert D(ticker["lastPrice"]) == pytest.approx(sum(sdk.best()) / 2, rel=D("0.01"))
    assert D(ticker["openInterest"]) > 0
    assert D(ticker["value"]) == pytest.approx(D(ticker["size"]) * D(ticker["lastPrice"]), rel=D("0.05"))
    assert D(ticker["fundingRate"]) == pytest.approx(D(rate["forecastFundingRate"]), rel=D("0.01"))


def test_sdk_reads_funding(sdk: Sdk) -> None:
    (latest,) = sdk(lambda client: client.funding.get_latest_funding_rate([ETH]))
    interval_ms = int(latest["fundingRateIntervalMin"]) * 60_000
    assert int(latest["fundingTime"]) % interval_ms == 0
    assert 0 <= time.time() * 1000 - int(latest["fundingTime"]) <= interval_ms
    assert sdk(lambda client: client.funding.get_latest_funding_rate()) == []

    def page(offset: str = "") -> Any:
        return sdk(
            lambda client: client.funding.get_funding_rate_page(
                size="5",
                offset_data=offset,
                contract_id=ETH,
                filter_settlement_funding_rate=True,
                filter_begin_time_inclusive=int(time.time() * 1000) - 15 * interval_ms,
            )
        )

    first = page()
    second = page(first["nextPageOffsetData"])
    times = [int(row["fundingTime"]) for row in first["dataList"] + second["dataList"]]
    assert len(times) == 10
    assert all(after - before == -interval_ms for before, after in pairwise(times))
    assert all(row["isSettlement"] for row in first["dataList"])
    assert first["dataList"][0]["fundingRate"] == latest["fundingRate"]  # the last one that was settled


def test_sdk_reads_whether_markets_are_open(sdk: Sdk) -> None:
    rows = sdk(lambda client: client.quote.get_market_status(GetMarketStatusParams()))
    assert {row["contractId"] for row in rows} >= {ETH}


# -- keys --


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"api_key": "stranger"}, "INVALID_API_KEY"),
        ({"api_passphrase": "stranger"}, "INVALID_PASSPHRASE"),
        ({"api_secret": "stranger"}, "INVALID_SIGNATURE"),
    ],
)
def test_sdk_with_a_wrong_key_is_refused(venue: Any, change: dict[str, str], code: str) -> None:
    with pytest.raises(ValueError, match=code):
        Sdk(venue, **change).asset()


def test_sdk_of_another_account_is_refused(venue: Any) -> None:
    with pytest.raises(ValueError, match="GATEWAY_PARAM_INVALID"):
        Sdk(venue, account_id="5").asset()


def test_sdk_with_a_trading_key_of_somebody_else_places_nothing(venue: Any, sdk: Sdk) -> None:
    other = Sdk(venue, trading_private_key=STRANGER)
    assert other.order(sdk.price("0.95"))["code"] == "L2_SIGNATURE_INVALID"
    assert sdk.active() == []


# -- orders --


def test_sdk_places_finds_and_cancels_a_resting_order(sdk: Sdk) -> None:
    row = sdk.placed(sdk.price("0.95"), client_order_id="mine-1")
    assert (row["status"], row["clientOrderId"], row["contractId"]) == ("OPEN", "mine-1", ETH)
    assert (row["side"], row["type"], row["timeInForce"]) == ("BUY", "LIMIT", "GOOD_TIL_CANCEL")

    assert sdk(lambda client: client.order.get_orders_by_client_order_id(["mine-1", "x"])) == [row]
    assert sdk.active() == [row]
    assert sdk.active(filter_contract_id_list=["30000001"]) == []
    assert sdk.active(filter_status_list=["OPEN"]) == [row]

    assert sdk.cancelled(order_id=row["id"]) == {row["id"]: "SUCCESS"}
    assert sdk.active() == []
    assert sdk.cancelled(order_id=row["id"]) == {row["id"]: "SUCCESS_ORDER_CANCELED"}
    (past,) = sdk(lambda client: client.order.get_history_order_page(GetHistoryOrderPageParams()))["dataList"]
    assert (past["id"], past["status"]) == (row["id"], "CANCELED")


def test_sdk_cancels_by_its_own_id_and_everything(sdk: Sdk) -> None:
    first, second, third = (
        sdk.placed(sdk.price(f"0.9{place}"), client_order_id=f"mine-{place}") for place in (3, 4, 5)
    )

    assert sdk.cancelled(client_order_id="mine-3") == {"mine-3": "SUCCESS"}
    assert {row["id"] for row in sdk.active()} == {second["id"], third["id"]}
    assert sdk.cancelled(contract_id="30000001") == {}
    assert sdk.cancelled(contract_id=ETH) == {second["id"]: "SUCCESS", third["id"]: "SUCCESS"}
    assert sdk.active() == []
    assert sdk.cancelled(order_id="5") == {"5": "FAILED_ORDER_NOT_FOUND"}
    assert sdk.settled(first["id"])["status"] == "CANCELED"


def test_sdk_uses_an_id_once(sdk: Sdk) -> None:
    sdk.placed(sdk.price("0.95"), client_order_id="mine-1")
    assert sdk.order(sdk.price("0.94"), client_order_id="mine-1")["code"] == "INVALID_L2_NONCE"
    assert len(sdk.active()) == 1


def test_sdk_post_only_rests_or_is_taken_and_cancelled(sdk: Sdk) -> None:
    resting = sdk.placed(sdk.price("0.95"), time_in_force=TimeInForce.POST_ONLY)
    assert (resting["status"], resting["timeInForce"]) == ("OPEN", "POST_ONLY")

    crossing = sdk.placed(sdk.price("1.01"), time_in_force=TimeInForce.POST_ONLY)
    assert (crossing["status"], crossing["cancelReason"]) == ("CANCELED", "COULD_NOT_FILL")
    assert D(crossing["cumFillSize"]) == 0
    assert sdk.asset()["positionList"] == []


def test_sdk_ioc_fills_what_is_there_and_fok_all_or_nothing(sdk: Sdk) -> None:
    ioc = sdk.placed(sdk.price("1.01"), time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL)
    assert (ioc["status"], D(ioc["cumFillSize"])) == ("FILLED", D("0.5"))
    away = sdk.placed(sdk.price("0.95"), time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL)
    assert (away["status"], away["cancelReason"]) == ("CANCELED", "COULD_NOT_FILL")
    fok = sdk.placed(sdk.price("0.95"), time_in_force=TimeInForce.FILL_OR_KILL)
    assert (fok["status"], D(fok["cumFillSize"])) == ("CANCELED", D(0))
    fok = sdk.placed(sdk.price("1.01"), time_in_force=TimeInForce.FILL_OR_KILL)
    assert (fok["status"], D(fok["cumFillSize"])) == ("FILLED", D("0.5"))


def test_sdk_market_orders_open_and_close(sdk: Sdk) -> None:
    """It signs ten times the oracle price for a purchase, and one tick for a sale."""
    ask = sdk.best()[1]
    bought = sdk.placed()
    assert (bought["type"], bought["status"], D(bought["cumFillSize"])) == ("MARKET", "FILLED", D("0.5"))
    assert D(bought["cumFillValue"]) / D("0.5") == pytest.approx(ask, rel=D("0.005"))

    (position,) = sdk.asset()["positionList"]
    assert (position["contractId"], D(position["openSize"])) == (ETH, D("0.5"))
    sold = sdk.placed(side=OrderSide.SELL, reduce_only=True)
    assert (sold["status"], D(sold["cumFillSize"])) == ("FILLED", D("0.5"))
    assert sdk.asset()["positionList"] == []


def test_sdk_fills_have_their_fees(sdk: Sdk) -> None:
    order = sdk.placed(sdk.price("1.01"), time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL)
    fills = sdk.fills()
    assert {row["orderId"] for row in fills} == {order["id"]}
    assert sum(D(row["fillSize"]) for row in fills) == D("0.5")
    for row in fills:
        assert D(row["fillFee"]) == pytest.approx(D(row["fillValue"]) * TAKER, rel=D("0.0001"))
        assert D(row["fillValue"]) == pytest.approx(D(row["fillPrice"]) * D(row["fillSize"]))
    assert sdk.fills(filter_order_id_list=["5"]) == []
    assert sdk.fills(filter_contract_id_list=[ETH]) == fills


def test_sdk_reduce_only_without_a_position_is_taken_and_cancelled(sdk: Sdk) -> None:
    row = sdk.placed(sdk.price("0.99"), OrderSide.SELL, reduce_only=True, time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL)
    assert (row["status"], row["cancelReason"]) == ("CANCELED", "REDUCE_ONLY_CANCELED")


@pytest.mark.parametrize(
    ("size", "price", "code"),
    [
        ("0.5", "1600.123456", "GATEWAY_PARAM_INVALID"),
        ("0.50000001", None, "GATEWAY_PARAM_INVALID"),
        ("0.000001", None, "ORDER_SIZE_LESS_THAN_MIN"),
        ("9000", None, "INSUFFICIENT_AVAILABLE_BALANCE"),
        ("99999999", None, "GATEWAY_PARAM_INVALID"),
    ],
)
def test_sdk_is_refused_in_http_200_what_the_rules_forbid(sdk: Sdk, size: str, price: str | None, code: str) -> None:
    """The SDK raises nothing: who does not look at `code` takes it for a success."""
    answer = sdk.order(price or sdk.price("1.001"), size=size)
    assert (answer["code"], answer["data"]) == (code, None)
    assert sdk.active() == []


def test_sdk_is_refused_a_price_beyond_the_band(sdk: Sdk) -> None:
    assert sdk.order(sdk.price("1.2"))["code"] == "GATEWAY_PARAM_INVALID"
    assert sdk.order(sdk.price("0.8"), OrderSide.SELL)["code"] == "GATEWAY_PARAM_INVALID"


def test_sdk_orders_end_at_their_time(sdk: Sdk, until: Until) -> None:
    row = sdk.placed(sdk.price("0.95"), expire_time=int(time.time() * 1000) + 1_500)
    assert row["status"] == "OPEN"
    until(lambda: sdk.settled(row["id"])["status"] == "CANCELED")
    assert sdk.settled(row["id"])["cancelReason"] == "EXPIRE_CANCELED"


def test_sdk_asks_how_much_it_may_buy(sdk: Sdk) -> None:
    price = sdk.best()[1]
    told = sdk(lambda client: client.get_max_order_size(ETH, price))
    assert D(told["maxBuySize"]) > 1


# -- the account --


def test_sdk_account_adds_up(sdk: Sdk) -> None:
    order = sdk.placed(sdk.price("1.01"), time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL)
    asset = sdk.asset()
    rows = sdk(lambda client: client.account.get_collateral_transaction_page(_transactions()))["dataList"]
    (worth,) = asset["positionAssetList"]
    fees = sum(D(row["fillFee"]) for row in sdk.fills())
    total = D(asset["collateralAssetModelList"][0]["totalEquity"])

    assert total - D(worth["unrealizePnl"]) == pytest.approx(DEPOSIT - fees)
    assert D(worth["avgEntryPrice"]) == pytest.approx(D(order["cumFillValue"]) / D("0.5"))
    kinds = [row["type"] for row in rows]
    assert kinds[-1] == "DEPOSIT"
    assert set(kinds[:-1]) == {"POSITION_BUY"}
    assert sum(D(row["deltaAmount"]) for row in rows) == pytest.approx(D(asset["collateralList"][0]["amount"]))


def _transactions(**more: Any) -> Any:
    return GetCollateralTransactionPageParams(size="100", **more)


@pytest.mark.parametrize("side", [OrderSide.BUY, OrderSide.SELL])
def test_sdk_sees_funding_being_paid(
    serve: Serve, until: Until, monkeypatch: pytest.MonkeyPatch, side: OrderSide
) -> None:
    """Longs pay a positive rate; what is paid is size x oracle price x rate that was settled."""
    venue, now = serve("edgex", to_hour_s=12), time.time
    monkeypatch.setattr(time, "time", lambda: now() + venue.ahead_s)  # the SDK signs by this machine's clock
    sdk = Sdk(venue)
    sdk.placed(side=side)
    only = _transactions(filter_type_list=["POSITION_FUNDING"])
    until(lambda: sdk(lambda c: c.account.get_collateral_transaction_page(only))["dataList"], seconds=25, every=0.5)
    (paid,) = sdk(lambda client: client.account.get_collateral_transaction_page(only))["dataList"]
    (latest,) = sdk(lambda client: client.funding.get_latest_funding_rate([ETH]))

    rate, sign = D(latest["fundingRate"]), 1 if side is OrderSide.BUY else -1
    assert D(paid["deltaAmount"]) == pytest.approx(-sign * rate * D("0.5") * sdk.best()[0], rel=D("0.02"))
    assert paid["positionContractId"] == ETH


def test_sdk_sets_leverage_while_nothing_rests(sdk: Sdk) -> None:
    def setting() -> Any:
        account = sdk(lambda client: client.account.get_account_by_id())
        return account["contractIdToTradeSetting"][ETH]["maxLeverage"]

    assert sdk.whole(lambda client: client.account.update_leverage_setting(ETH, "4"))["code"] == "SUCCESS"
    assert setting() == "4"
    row = sdk.placed(sdk.price("0.95"))
    refused = sdk.whole(lambda client: client.account.update_leverage_setting(ETH, "5"))
    assert refused["code"] == "ACCOUNT_UPDATE_LEVERAGE_FAILED_ORDER"
    sdk.cancelled(order_id=row["id"])
    assert setting() == "4"


def test_sdk_sets_the_margin_mode_with_a_signature(venue: Any, sdk: Sdk) -> None:
    def mode() -> Any:
        return sdk(lambda client: client.account.get_account_by_id())["contractIdToMarginMode"][ETH]

    assert mode() == "0"
    assert sdk.whole(lambda client: client.set_margin_mode(SetMarginModeParams(ETH, "1")))["code"] == "SUCCESS"
    assert mode() == "1"
    other = Sdk(venue, trading_private_key=STRANGER)
    refused = other.whole(lambda client: client.set_margin_mode(SetMarginModeParams(ETH, "0")))
    assert refused["code"] == "L2_SIGNATURE_INVALID"
    assert mode() == "1"


# -- sockets --


@pytest.fixture
def manager(venue: Any) -> Any:
    """Return the SDK's sockets; it offers its login as a subprotocol too."""
    keys = {name: venue.settings[name] for name in ("api_key", "api_passphrase", "api_secret")}
    found = Manager(venue.stream_address, int(venue.settings["account_id"]), **keys)
    yield found
    found.disconnect_all()


def test_sdk_hears_the_book_without_gaps(manager: Any, sdk: Sdk, until: Until) -> None:
    heard: list[Any] = []
    manager.connect_public()
    manager.subscribe_depth(ETH, lambda message: heard.append(json.loads(message)["content"]))
    until(lambda: len(heard) > 5, seconds=20)

    assert [each["dataType"].lower() for each in heard[:2]] == ["snapshot", "changed"]
    rows = [each["data"][0] for each in heard]
    assert {row["contractId"] for row in rows} == {ETH}
    for before, after in pairwise(rows):
        assert after["startVersion"] == before["endVersion"]
    bids, asks = ([D(each["price"]) for each in rows[0][side]] for side in ("bids", "asks"))
    assert bids[0] < asks[0]


def test_sdk_hears_trades_tickers_funding_and_the_listing(manager: Any, until: Until) -> None:
    heard: dict[str, Any] = {}

    def note(message: str) -> None:
        body = json.loads(message)
        heard[body["channel"]] = body["content"]

    manager.connect_public()
    manager.subscribe_trade(ETH, note)
    manager.subscribe_ticker_all_1s(note)
    manager.subscribe_funding_rate_all(note)
    manager.subscribe_metadata(note)
    channels = {f"trades.{ETH}", "ticker.all.1s", "fundingRate.all", "metadata"}
    until(lambda: channels <= heard.keys(), seconds=20)
    until(lambda: heard[f"trades.{ETH}"]["data"], seconds=30)
    (trade, *_) = heard[f"trades.{ETH}"]["data"]
    assert (trade["contractId"], type(trade["isBuyerMaker"])) == (ETH, bool)
    assert {row["contractName"] for row in heard["ticker.all.1s"]["data"]} == NAMES
    assert {row["contractId"] for row in heard["fundingRate.all"]["data"]} >= {ETH}


def test_sdk_and_venue_ping_each_other(manager: Any, until: Until) -> None:
    kinds: list[str] = []
    manager.get_public_client().on_message_hook(lambda message: kinds.append(json.loads(message)["type"]))
    manager.connect_public()
    until(lambda: {"connected", "pong", "ping"} <= set(kinds), seconds=20)


def test_sdk_hears_its_account(manager: Any, sdk: Sdk, until: Until) -> None:
    heard: list[Any] = []
    for group in ("order", "position", "orderFillTransaction", "account"):
        manager.get_private_client().on_message(
            group, lambda message, group=group: heard.append((group, json.loads(message)["content"]))
        )
    manager.connect_private()
    until(lambda: heard)
    order = sdk.placed(sdk.price("1.01"), time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL)
    until(lambda: any(group == "orderFillTransaction" for group, _ in heard))

    fills = [row for group, content in heard if group == "orderFillTransaction" for row in content["data"][group]]
    assert {row["orderId"] for row in fills} == {order["id"]}
    assert {row["id"] for row in fills} <= {row["id"] for row in sdk.fills()}
    told = [row for group, content in heard if group == "order" for row in content["data"][group]]
    assert order["id"] in {row["id"] for row in told}
    assert {"account", "position"} <= {group for group, _ in heard}


def test_sdk_with_a_wrong_secret_hears_why(venue: Any, manager: Any, until: Until) -> None:
    manager.api_secret = "stranger"
    heard: list[Any] = []
    manager.get_private_client().on_message_hook(heard.append)
    manager.connect_private()
    until(lambda: heard)
    told = json.loads(heard[0])
    assert (told["type"], told["content"]["code"]) == ("error", "INVALID_SIGNATURE")
