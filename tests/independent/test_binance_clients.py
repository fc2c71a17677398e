"""The official connector and ccxt as clients of the fake Binance."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import ccxt
import ccxt.pro
import pytest
from binance_common.configuration import ConfigurationRestAPI, ConfigurationWebSocketStreams
from binance_common.errors import BadRequestError, UnauthorizedError
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import DerivativesTradingUsdsFutures
from binance_sdk_derivatives_trading_usds_futures.rest_api.models import (
    ChangeMarginTypeMarginTypeEnum,
    NewOrderNewOrderRespTypeEnum,
    NewOrderReduceOnlyEnum,
    NewOrderSideEnum,
    NewOrderTimeInForceEnum,
    NewOrderTypeEnum,
)

Serve = Callable[..., Any]
Until = Callable[..., Any]

DEPOSIT = 100_000.0
TAKER, MAKER = 0.0005, 0.0002
PERP = "ETHUSDT"
PERPS = {"BTCUSDT", "ETHUSDT", "SOLUSDT"}
SYMBOL = "ETH/USDT:USDT"
EIGHT_HOURS_MS = 28_800_000


class Sdk:
    """The official connector with a key of the fake's account."""

    def __init__(self, venue: Any, key: str | None = None, secret: str | None = None, **more: Any) -> None:
        self._config = ConfigurationRestAPI(
            api_key=key or venue.settings["api_key"],
            api_secret=secret or (None if "private_key" in more else venue.settings["api_secret"]),
            base_path=venue.address,
            timeout=10_000,
            retries=0,
            **more,
        )
        self.rest = DerivativesTradingUsdsFutures(config_rest_api=self._config).rest_api

    def best(self) -> tuple[float, float]:
        book = self.rest.order_book(PERP, limit=5).data()
        return float(book.bids[0][0]), float(book.asks[0][0])

    def order(self, side: str = "BUY", quantity: float = 0.5, share: float | None = None, **more: Any) -> Any:
        """Place an order: at a share of the best bid, at the market without one."""
        given: dict[str, Any] = {"new_order_resp_type": NewOrderNewOrderRespTypeEnum["RESULT"].value, **more}
        if share is not None:
            given |= {"price": float(round(self.best()[0] * share))}
            given.setdefault("time_in_force", NewOrderTimeInForceEnum["GTC"].value)
        kind = "MARKET" if share is None else "LIMIT"
        return self.rest.new_order(
            symbol=PERP,
            side=NewOrderSideEnum[side].value,
            type=NewOrderTypeEnum[kind].value,
            quantity=quantity,
            **given,
        ).data()

    def positions(self) -> list[Any]:
        rows = self.rest.position_information_v3(symbol=PERP).data()
        return [row for row in rows if float(row.position_amt)]


@pytest.fixture
def venue(serve: Serve) -> Any:
    return serve("binance")


@pytest.fixture
def sdk(venue: Any) -> Sdk:
    return Sdk(venue)


def _ccxt(venue: Any, key: str | None = None, secret: str | None = None, of: Any = ccxt) -> Any:
    client = of.binanceusdm(
        {
            "apiKey": key or venue.settings["api_key"],
            "secret": secret or venue.settings["api_secret"],
            "enableRateLimit": False,
            "options": {"fetchCurrencies": False},
        }
    )
    for name, url in client.urls["api"].items():
        if isinstance(url, str):
            client.urls["api"][name] = url.replace("https://fapi.binance.com", venue.address)
    if of is ccxt.pro:
        client.urls["api"]["ws"]["linear"] = f"{venue.stream_address}/ws"
    return client


@pytest.fixture
def other(venue: Any) -> Any:
    """Return ccxt as a client that has read the markets."""
    client = _ccxt(venue)
    client.load_markets()
    return client


def _near(client: Any, share: float) -> float:
    return float(round(client.fetch_order_book(SYMBOL)["bids"][0][0] * share))


# -- the official connector --


def test_sdk_lists_symbols_with_their_steps(sdk: Sdk) -> None:
    symbols = {row.symbol: row for row in sdk.rest.exchange_information().data().symbols}

    assert {name for name, row in symbols.items() if row.contract_type == "PERPETUAL"} == PERPS
    assert symbols["XAUUSDT"].contract_type == "TRADIFI_PERPETUAL"
    filters = {each.filter_type: each for each in symbols[PERP].filters}
    assert float(filters["PRICE_FILTER"].tick_size) == 0.01
    assert float(filters["LOT_SIZE"].step_size) == 0.001
    assert float(filters["MIN_NOTIONAL"].notional) == 5


def test_sdk_reads_the_book(venue: Any, sdk: Sdk) -> None:
    direct, told = venue.at_one_moment(
        lambda: {**venue.get(f"/fapi/v1/depth?symbol={PERP}&limit=100"), "E": 0},
        lambda: sdk.rest.order_book(PERP, limit=100).data(),
    )
    assert told.last_update_id == direct["lastUpdateId"]
    assert [list(level) for level in told.bids] == direct["bids"]
    assert float(told.bids[0][0]) < float(told.asks[0][0])


def test_sdk_reads_time_and_connectivity(sdk: Sdk) -> None:
    assert abs(sdk.rest.check_server_time().data().server_time - time.time() * 1000) < 2_000
    assert sdk.rest.test_connectivity().status == 200


def test_sdk_reads_the_running_rate(venue: Any, sdk: Sdk) -> None:
    def told() -> Any:
        return sdk.rest.mark_price(symbol=PERP).data().actual_instance

    low, rate, high = venue.around(
        lambda: float(venue.get(f"/fapi/v1/premiumIndex?symbol={PERP}")["lastFundingRate"]),
        lambda: float(told().last_funding_rate),
    )
    row = told()
    assert low <= rate <= high
    assert float(row.mark_price) == pytest.approx(sum(sdk.best()) / 2, rel=0.01)
    assert row.next_funding_time % EIGHT_HOURS_MS == 0
    assert 0 < row.next_funding_time - time.time() * 1000 <= EIGHT_HOURS_MS


def test_sdk_reads_settled_rates_oldest_first(sdk: Sdk) -> None:
    rows = sdk.rest.get_funding_rate_history(symbol=PERP, limit=5).data()
    times = [row.funding_time for row in rows]
    assert len(times) == 5
    assert {later - earlier for earlier, later in pairwise(times)} == {EIGHT_HOURS_MS}


def test_sdk_finds_no_adjusted_interval(sdk: Sdk) -> None:
    assert sdk.rest.get_funding_rate_info().data() == []


def test_sdk_reads_open_interest_and_the_day(sdk: Sdk) -> None:
    assert float(sdk.rest.open_interest(PERP).data().open_interest) > 0
    day = sdk.rest.ticker24hr_price_change_statistics(symbol=PERP).data().actual_instance
    assert float(day.quote_volume) == pytest.approx(float(day.volume) * float(day.last_price), rel=0.01)


def test_sdk_places_finds_and_cancels_a_resting_order(sdk: Sdk) -> None:
    placed = sdk.order(share=0.95, new_client_order_id="arb-7")
    assert (placed.status, placed.executed_qty, placed.client_order_id) == ("NEW", "0", "arb-7")

    for which in ({"order_id": placed.order_id}, {"orig_client_order_id": "arb-7"}):
        found = sdk.rest.query_order(PERP, **which).data()
        assert (found.order_id, found.status, found.time_in_force) == (placed.order_id, "NEW", "GTC")
    assert [row.order_id for row in sdk.rest.current_all_open_orders().data()] == [placed.order_id]
    assert sdk.rest.current_all_open_orders(symbol="BTCUSDT").data() == []

    cancelled = sdk.rest.cancel_order(PERP, order_id=placed.order_id).data()
    assert (cancelled.order_id, cancelled.status) == (placed.order_id, "CANCELED")
    assert sdk.rest.current_all_open_orders().data() == []
    with pytest.raises(BadRequestError, match="Unknown order sent"):
        sdk.rest.cancel_order(PERP, order_id=placed.order_id)
    (past,) = sdk.rest.all_orders(PERP).data()
    assert (past.order_id, past.status) == (placed.order_id, "CANCELED")


def test_sdk_cancels_everything_of_a_symbol(sdk: Sdk) -> None:
    for share in (0.95, 0.94):
        sdk.order(share=share)
    assert sdk.rest.cancel_all_open_orders(PERP).data().code == 200
    assert sdk.rest.current_all_open_orders().data() == []


def test_sdk_post_only_rests_or_is_refused(sdk: Sdk) -> None:
    gtx = NewOrderTimeInForceEnum["GTX"].value
    assert sdk.order(share=0.95, time_in_force=gtx).time_in_force == "GTX"
    with pytest.raises(BadRequestError, match="could not be executed as maker"):
        sdk.order(share=1.01, time_in_force=gtx)
    assert sdk.positions() == []


def test_sdk_market_order_fills_with_fee_and_position(sdk: Sdk) -> None:
    ask = sdk.best()[1]
    placed = sdk.order()
    (trade,) = sdk.rest.account_trade_list(PERP).data()
    (position,) = sdk.positions()

    assert (placed.status, placed.executed_qty) == ("FILLED", "0.500")
    found = sdk.rest.query_order(PERP, order_id=placed.order_id).data()
    assert float(found.avg_price) == pytest.approx(ask, rel=0.001)
    assert float(found.cum_quote) == pytest.approx(float(found.avg_price) * 0.5)
    assert (trade.order_id, trade.side, trade.maker, trade.commission_asset) == (placed.order_id, "BUY", False, "USDT")
    assert float(trade.commission) == pytest.approx(float(trade.price) * 0.5 * TAKER)
    assert float(position.entry_price) == pytest.approx(float(found.avg_price))
    assert float(position.un_realized_profit) == pytest.approx(
        0.5 * (float(position.mark_price) - float(position.entry_price)), abs=1e-6
    )


def test_sdk_learns_that_an_order_at_once_found_nothing(sdk: Sdk) -> None:
    placed = sdk.order(share=0.95, time_in_force=NewOrderTimeInForceEnum["IOC"].value)
    assert (placed.status, placed.executed_qty) == ("EXPIRED", "0")


def test_sdk_closes_with_reduce_only_and_the_cash_adds_up(sdk: Sdk) -> None:
    sdk.order("SELL")
    only = NewOrderReduceOnlyEnum["TRUE"].value
    closed = sdk.order("BUY", reduce_only=only)

    assert (closed.status, closed.reduce_only) == ("FILLED", True)
    assert sdk.positions() == []
    with pytest.raises(BadRequestError, match="ReduceOnly Order is rejected"):
        sdk.order("BUY", reduce_only=only)
    income = sdk.rest.get_income_history().data()
    booked = sum(float(row.income) for row in income if row.income_type in ("REALIZED_PNL", "COMMISSION"))
    (asset,) = sdk.rest.account_information_v3().data().assets
    assert float(asset.wallet_balance) == pytest.approx(DEPOSIT + booked, abs=1e-6)
    (balance,) = sdk.rest.futures_account_balance_v3().data()
    assert balance.balance == asset.wallet_balance


@pytest.mark.parametrize(
    ("quantity", "share", "words"),
    [(0.0005, 0.95, "Precision is over"), (0.001, 0.95, "notional must be no smaller"), (900.0, 0.99, "Margin is")],
)
def test_sdk_is_refused_what_the_rules_forbid(sdk: Sdk, quantity: float, share: float, words: str) -> None:
    with pytest.raises(BadRequestError, match=words):
        sdk.order(quantity=quantity, share=share)


def test_sdk_sets_leverage_and_margin_type_of_one_symbol(sdk: Sdk) -> None:
    assert sdk.rest.change_initial_leverage(PERP, leverage=3).data().leverage == 3
    isolated = ChangeMarginTypeMarginTypeEnum["ISOLATED"].value
    assert sdk.rest.change_margin_type(PERP, margin_type=isolated).data().msg == "success"
    rows = {row.symbol: row for row in sdk.rest.symbol_configuration().data()}
    assert (rows[PERP].leverage, rows[PERP].margin_type) == (3, "ISOLATED")
    assert rows["BTCUSDT"].margin_type == "CROSSED"
    with pytest.raises(BadRequestError, match="No need to change margin type"):
        sdk.rest.change_margin_type(PERP, margin_type=isolated)


def test_sdk_reads_fees_brackets_and_modes(sdk: Sdk) -> None:
    fees = sdk.rest.user_commission_rate(PERP).data()
    assert (float(fees.maker_commission_rate), float(fees.taker_commission_rate)) == (MAKER, TAKER)
    assert sdk.rest.get_current_position_mode().data().dual_side_position is False
    assert sdk.rest.get_current_multi_assets_mode().data().multi_assets_margin is False
    told = sdk.rest.notional_and_leverage_brackets().data().actual_instance
    rows = {row.symbol: row for row in (getattr(each, "actual_instance", each) for each in told)}
    brackets = rows[PERP].brackets
    assert brackets[0].initial_leverage > brackets[1].initial_leverage
    assert brackets[0].maint_margin_ratio < brackets[1].maint_margin_ratio


def test_sdk_counts_down(sdk: Sdk, until: Until) -> None:
    sdk.order(share=0.95)
    told = sdk.rest.auto_cancel_all_open_orders(PERP, countdown_time=1_000).data()
    assert (told.symbol, told.countdown_time) == (PERP, "1000")
    until(lambda: not sdk.rest.current_all_open_orders().data())


def test_sdk_reads_what_funding_paid(serve: Serve, until: Until, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = time.time()
    hours = int((-now_s // 3_600) % 8)  # between the next full hour and the next settlement, less one
    venue = serve("binance", to_hour_s=8 - 3_600 * hours)
    monkeypatch.setattr("binance_common.utils.get_timestamp", lambda: int((time.time() + venue.ahead_s) * 1_000))
    sdk = Sdk(venue)
    sdk.order()

    (paid,) = until(
        lambda: [row for row in sdk.rest.get_income_history().data() if row.income_type == "FUNDING_FEE"], 20, 1
    )
    settled = sdk.rest.get_funding_rate_history(symbol=PERP, limit=1).data()[-1]
    (position,) = sdk.positions()
    assert (paid.symbol, paid.asset, paid.time) == (PERP, "USDT", settled.funding_time)
    owed = -0.5 * float(position.mark_price) * float(settled.funding_rate)
    assert float(paid.income) == pytest.approx(owed, rel=0.001, abs=1e-6)


def test_sdk_with_an_ed25519_key_trades(venue: Any) -> None:
    from arb_exchange_binance.fake import ED25519_KEY, ed25519_pem

    sdk = Sdk(venue, ED25519_KEY, private_key=ed25519_pem())
    assert sdk.order(share=0.95).status == "NEW"
    assert len(sdk.rest.current_all_open_orders().data()) == 1


def test_sdk_with_another_key_is_refused(venue: Any) -> None:
    with pytest.raises(UnauthorizedError, match="Invalid API-key"):
        Sdk(venue, "another").rest.account_information_v3()
    with pytest.raises(BadRequestError, match="Signature for this request is not valid"):
        Sdk(venue, secret="another").rest.account_information_v3()


def test_sdk_with_a_wrong_clock_is_refused(sdk: Sdk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("binance_common.utils.get_timestamp", lambda: int(time.time() * 1_000) - 30_000)
    with pytest.raises(BadRequestError, match="outside of the recvWindow"):
        sdk.rest.account_information_v3()
    assert sdk.rest.account_information_v3(recv_window=60_000).data().assets


def test_sdk_hears_books_on_the_public_and_trades_on_the_market_sockets(venue: Any) -> None:
    heard: dict[str, list[Any]] = {"depth": [], "mark": []}

    async def listen() -> None:
        config = ConfigurationWebSocketStreams(stream_url=venue.stream_address)
        client = DerivativesTradingUsdsFutures(config_ws_streams=config)
        connection = await client.websocket_streams.create_connection()
        try:
            depth = await connection.diff_book_depth_streams(symbol=PERP.lower(), update_speed="100ms")
            depth.on("message", heard["depth"].append)
            mark = await connection.mark_price_stream(symbol=PERP.lower())
            mark.on("message", heard["mark"].append)
            await asyncio.sleep(6)
        finally:
            await connection.close_connection(close_session=True)

    asyncio.run(listen())
    numbers = [(int(each.pu), int(each.U), int(each.u)) for each in heard["depth"]]
    assert len(numbers) >= 2
    assert all(later[0] == earlier[2] for earlier, later in pairwise(numbers))
    assert all(before < first <= last for before, first, last in numbers)
    assert float(heard["mark"][0].p) > 0


def test_sdk_hears_of_its_account(venue: Any, sdk: Sdk) -> None:
    heard: list[Any] = []

    async def listen() -> None:
        key = sdk.rest.start_user_data_stream().data().listen_key
        assert sdk.rest.keepalive_user_data_stream().status == 200
        config = ConfigurationWebSocketStreams(stream_url=venue.stream_address)
        connection = await DerivativesTradingUsdsFutures(config_ws_streams=config).websocket_streams.create_connection()
        try:
            stream = await connection.user_data(key)
            stream.on("message", heard.append)
            await asyncio.sleep(1)
            await asyncio.to_thread(sdk.order)
            await asyncio.sleep(2)
        finally:
            await connection.close_connection(close_session=True)

    asyncio.run(listen())
    kinds = {type(getattr(each, "actual_instance", each)).__name__ for each in heard}
    assert kinds == {"OrderTradeUpdate", "AccountUpdate"}


# -- ccxt --


def test_ccxt_lists_markets_by_the_venues_rules(venue: Any, other: Any) -> None:
    markets = {market["id"]: market for market in other.markets.values()}

    assert markets.keys() >= PERPS
    market = other.market(SYMBOL)
    assert (market["swap"], market["linear"], market["settle"]) == (True, True, "USDT")
    assert (market["precision"]["price"], market["precision"]["amount"]) == (0.01, 0.001)
    assert market["limits"]["cost"]["min"] == 5


def test_ccxt_reads_the_book(venue: Any, other: Any) -> None:
    direct, told = venue.at_one_moment(
        lambda: {**venue.get(f"/fapi/v1/depth?symbol={PERP}&limit=500"), "E": 0},
        lambda: other.fetch_order_book(SYMBOL, 500),
    )
    assert told["bids"] == [[float(price), float(size)] for price, size in direct["bids"]]
    assert told["nonce"] == direct["lastUpdateId"]


def test_ccxt_reads_the_funding_rate_and_its_history(venue: Any, other: Any) -> None:
    low, rate, high = venue.around(
        lambda: float(venue.get(f"/fapi/v1/premiumIndex?symbol={PERP}")["lastFundingRate"]),
        lambda: other.fetch_funding_rate(SYMBOL)["fundingRate"],
    )
    rows = other.fetch_funding_rate_history(SYMBOL, limit=5)
    direct = venue.get(f"/fapi/v1/fundingRate?symbol={PERP}&limit=5")

    assert low <= rate <= high
    assert [row["fundingRate"] for row in rows] == [float(row["fundingRate"]) for row in direct]
    assert {later["timestamp"] - row["timestamp"] for row, later in pairwise(rows)} == {EIGHT_HOURS_MS}


def test_ccxt_reads_tickers_and_open_interest(venue: Any, other: Any) -> None:
    assert other.fetch_ticker(SYMBOL)["last"] == pytest.approx(_near(other, 1), rel=0.01)
    interest = other.fetch_open_interest(SYMBOL)
    assert interest["openInterestAmount"] == float(venue.get(f"/fapi/v1/openInterest?symbol={PERP}")["openInterest"])


def test_ccxt_places_finds_and_cancels_a_resting_order(other: Any) -> None:
    placed = other.create_order(SYMBOL, "limit", "buy", 0.5, _near(other, 0.95), {"clientOrderId": "arb-7"})
    assert (placed["status"], placed["filled"], placed["remaining"]) == ("open", 0.0, 0.5)

    found = other.fetch_order(placed["id"], SYMBOL)
    assert (found["id"], found["clientOrderId"], found["price"]) == (placed["id"], "arb-7", placed["price"])
    assert [row["id"] for row in other.fetch_open_orders(SYMBOL)] == [placed["id"]]
    assert other.cancel_order(placed["id"], SYMBOL)["status"] == "canceled"
    assert other.fetch_open_orders(SYMBOL) == []
    with pytest.raises(ccxt.OrderNotFound):
        other.cancel_order(placed["id"], SYMBOL)
    with pytest.raises(ccxt.OrderNotFound):
        other.fetch_order("123456", SYMBOL)


def test_ccxt_sends_one_id_twice_and_is_refused(other: Any) -> None:
    price = _near(other, 0.95)
    other.create_order(SYMBOL, "limit", "buy", 0.1, price, {"clientOrderId": "twice"})
    with pytest.raises(ccxt.ExchangeError, match="-4116"):
        other.create_order(SYMBOL, "limit", "buy", 0.1, price, {"clientOrderId": "twice"})
    other.cancel_all_orders(SYMBOL)
    assert other.fetch_open_orders(SYMBOL) == []


def test_ccxt_post_only_that_would_take_is_refused(other: Any) -> None:
    with pytest.raises(ccxt.InvalidOrder, match="-5022"):
        other.create_order(SYMBOL, "limit", "buy", 0.1, _near(other, 1.01), {"postOnly": True})
    assert other.fetch_positions([SYMBOL]) == []


def test_ccxt_is_refused_more_than_its_margin(other: Any) -> None:
    with pytest.raises(ccxt.ExchangeError, match="-2019"):
        other.create_order(SYMBOL, "limit", "buy", 900, _near(other, 0.99))


def test_ccxt_fills_holds_and_closes(other: Any) -> None:
    before = other.fetch_balance()["USDT"]["total"]
    other.create_order(SYMBOL, "market", "buy", 0.5)
    (position,) = other.fetch_positions([SYMBOL])
    assert (position["side"], position["contracts"]) == ("long", 0.5)
    assert position["unrealizedPnl"] == pytest.approx(0.5 * (position["markPrice"] - position["entryPrice"]), abs=1e-6)

    other.create_order(SYMBOL, "market", "sell", 0.5, None, {"reduceOnly": True})
    assert other.fetch_positions([SYMBOL]) == []
    trades = other.fetch_my_trades(SYMBOL)
    made = sum((1 if trade["side"] == "sell" else -1) * trade["cost"] - trade["fee"]["cost"] for trade in trades)
    assert other.fetch_balance()["USDT"]["total"] == pytest.approx(before + made, abs=1e-6)


def test_ccxt_sets_leverage_and_reads_tiers_and_fees(other: Any) -> None:
    other.set_leverage(3, SYMBOL)
    assert other.fetch_leverage(SYMBOL)["longLeverage"] == 3
    fee = other.fetch_trading_fee(SYMBOL)
    assert (fee["maker"], fee["taker"]) == (MAKER, TAKER)
    tiers = other.fetch_leverage_tiers([SYMBOL])[SYMBOL]
    assert tiers[0]["maxLeverage"] > tiers[1]["maxLeverage"]


def test_ccxt_with_a_wrong_secret_is_refused(venue: Any) -> None:
    with pytest.raises(ccxt.AuthenticationError):
        _ccxt(venue, secret="another").fetch_balance()


def _watched(venue: Any, work: Callable[[Any], Any]) -> Any:
    async def run() -> Any:
        client = _ccxt(venue, of=ccxt.pro)
        try:
            await client.load_markets()
            return await asyncio.wait_for(work(client), 30)
        finally:
            await client.close()

    return asyncio.run(run())


def test_ccxt_keeps_a_book(venue: Any) -> None:
    """It joins snapshot and events by the venue's rules, and has what the venue has."""

    async def work(client: Any) -> Any:
        for _ in range(4):
            book = await client.watch_order_book(SYMBOL)
        for _ in range(20):
            direct = await asyncio.to_thread(venue.get, f"/fapi/v1/depth?symbol={PERP}&limit=20")
            if direct["lastUpdateId"] == book["nonce"]:
                return book["bids"][:20], book["asks"][:20], direct
            book = await client.watch_order_book(SYMBOL)
        raise AssertionError("the two never stood at one number")

    bids, asks, direct = _watched(venue, work)
    assert [list(level) for level in bids] == [[float(price), float(size)] for price, size in direct["bids"]]
    assert [list(level) for level in asks] == [[float(price), float(size)] for price, size in direct["asks"]]


def test_ccxt_hears_the_touch_and_mark_prices(venue: Any) -> None:
    async def work(client: Any) -> Any:
        return await client.watch_bids_asks([SYMBOL]), await client.watch_mark_price(SYMBOL)

    touch, mark = _watched(venue, work)
    assert touch[SYMBOL]["bid"] < touch[SYMBOL]["ask"]
    assert mark["markPrice"] == pytest.approx(touch[SYMBOL]["bid"], rel=0.01)


def test_ccxt_hears_of_its_orders_and_fills(venue: Any) -> None:
    async def work(client: Any) -> Any:
        heard = asyncio.create_task(client.watch_my_trades(SYMBOL))
        await asyncio.sleep(3)
        await client.create_order(SYMBOL, "market", "buy", 0.5)
        return await heard

    (trade, *_) = _watched(venue, work)
    assert (trade["symbol"], trade["side"], trade["amount"]) == (SYMBOL, "buy", 0.5)
    assert trade["fee"]["cost"] == pytest.approx(trade["cost"] * TAKER)
