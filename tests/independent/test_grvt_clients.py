"""The official SDK (grvt-pysdk) and ccxt as clients of the fake GRVT."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import ccxt
import ccxt.pro
import pytest
from pysdk import grvt_raw_types as types
from pysdk.grvt_raw_base import GrvtApiConfig, GrvtError
from pysdk.grvt_raw_env import GrvtEnv
from pysdk.grvt_raw_signing import sign_order
from pysdk.grvt_raw_sync import GrvtRawSync

Serve = Callable[..., Any]
Until = Callable[..., Any]

PERP = "ETH_USDT_Perp"
PERPS = {"BTC_USDT_Perp", "ETH_USDT_Perp", "SOL_USDT_Perp"}
SYMBOL = "ETH/USDT:USDT"
DEPOSIT = 100_000.0
TAKER = 0.0005
GTT, IOC, FOK = (
    types.TimeInForce.GOOD_TILL_TIME,
    types.TimeInForce.IMMEDIATE_OR_CANCEL,
    types.TimeInForce.FILL_OR_KILL,
)


class Sdk:
    """The official SDK with the keys of the fake's account."""

    def __init__(self, venue: Any, **changes: str) -> None:
        given = {**venue.settings, **changes}
        self.account_id = given["sub_account_id"]
        config = GrvtApiConfig(
            env=GrvtEnv.TESTNET,
            trading_account_id=self.account_id,
            private_key=given["private_key"],
            api_key=given["api_key"],
            logger=None,
        )
        self.api = GrvtRawSync(config)
        self.api.md_rpc = self.api.td_rpc = venue.address
        self.api.env.edge.rpc_endpoint = venue.address
        found = self.api.get_all_instruments_v1(types.ApiGetAllInstrumentsRequest(is_active=True)).result
        self.instruments = {each.instrument: each for each in found}

    def ask(self, call: str, kind: str, **fields: Any) -> Any:
        """Call a method with a request of the account."""
        request = getattr(types, f"Api{kind}Request")(sub_account_id=self.account_id, **fields)
        return getattr(self.api, call)(request)

    def book(self, depth: int = 10) -> Any:
        return self.api.orderbook_levels_v1(types.ApiOrderbookLevelsRequest(instrument=PERP, depth=depth)).result

    def price(self, share: float = 0.95) -> str:
        """Return a price of that share of the best bid, on a tick."""
        return str(round(float(self.book().bids[0].price) * share))

    def order(
        self,
        size: str = "0.5",
        price: str | None = None,
        *,
        buy: bool = True,
        force: Any = GTT,
        post_only: bool = False,
        reduce_only: bool = False,
        lives_s: int = 60,
    ) -> Any:
        signature = types.Signature(
            signer="",
            r="",
            s="",
            v=0,
            expiration=str(time.time_ns() + lives_s * 10**9),
            nonce=random.randrange(1 << 32),
        )
        order = types.Order(
            sub_account_id=self.account_id,
            is_market=price is None,
            time_in_force=IOC if price is None else force,
            post_only=post_only,
            reduce_only=reduce_only,
            legs=[types.OrderLeg(instrument=PERP, size=size, is_buying_asset=buy, limit_price=price or "0")],
            signature=signature,
            metadata=types.OrderMetadata(client_order_id=str((1 << 63) + random.randrange(1 << 63))),
        )
        return sign_order(order, self.api.config, self.api.account, self.instruments)

    def place(self, order: Any) -> Any:
        answer = self.api.create_order_v1(types.ApiCreateOrderRequest(order=order))
        return answer if isinstance(answer, GrvtError) else answer.result

    def found(self, order: Any) -> Any:
        answer = self.ask("get_order_v1", "GetOrder", client_order_id=order.metadata.client_order_id)
        return answer if isinstance(answer, GrvtError) else answer.result

    def open(self) -> list[Any]:
        rows: list[Any] = self.ask("open_orders_v1", "OpenOrders").result
        return rows

    def fills(self) -> list[Any]:
        rows: list[Any] = self.ask("fill_history_v1", "FillHistory").result
        return rows

    def positions(self) -> list[Any]:
        rows: list[Any] = self.ask("positions_v1", "Positions").result
        return rows


@pytest.fixture
def venue(serve: Serve) -> Any:
    return serve("grvt")


@pytest.fixture
def sdk(venue: Any) -> Sdk:
    return Sdk(venue)


def _ccxt(venue: Any, key: str | None = None, of: Any = ccxt) -> Any:
    client = of.grvt({"privateKey": key or venue.settings["private_key"], "enableRateLimit": False})
    client.set_sandbox_mode(True)
    client.urls["api"] |= dict.fromkeys(("privateEdge", "privateTrading", "publicMarket"), f"{venue.address}/")
    if of is ccxt.pro:
        stream = venue.settings["market_stream_url"]
        client.urls["api"]["ws"] = {"publicMarket": stream, "privateTrading": stream}
    return client


@pytest.fixture
def other(venue: Any) -> Any:
    """Return ccxt as a client that has read the markets."""
    client = _ccxt(venue)
    client.load_markets()
    return client


def _near(client: Any, share: float) -> float:
    return float(round(client.fetch_order_book(SYMBOL)["bids"][0][0] * share))


# -- grvt-pysdk --


def test_sdk_lists_instruments_with_their_steps(sdk: Sdk) -> None:
    assert set(sdk.instruments) == PERPS
    for row in sdk.instruments.values():
        assert (row.kind, row.quote, row.base_decimals) == (types.Kind.PERPETUAL, "USDT", 9)
        assert float(row.tick_size) > 0
        assert float(row.min_size) > 0
    filtered = types.ApiGetFilteredInstrumentsRequest(kind=[types.Kind.PERPETUAL], base=["ETH"], quote=["USDT"])
    assert [row.instrument for row in sdk.api.get_filtered_instruments_v1(filtered).result] == [PERP]
    one = sdk.api.get_instrument_v1(types.ApiGetInstrumentRequest(instrument=PERP)).result
    assert one == sdk.instruments[PERP]


def test_sdk_reads_book_and_tickers(sdk: Sdk) -> None:
    book = sdk.book(50)
    bids, asks = ([float(level.price) for level in side] for side in (book.bids, book.asks))
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert bids[0] < asks[0]
    ticker = sdk.api.ticker_v1(types.ApiTickerRequest(instrument=PERP)).result
    mini = sdk.api.mini_ticker_v1(types.ApiMiniTickerRequest(instrument=PERP)).result
    for row in (ticker, mini):
        assert float(row.mark_price) == pytest.approx(bids[0], rel=0.01)
        assert float(row.best_bid_price) < float(row.best_ask_price)
        assert float(row.index_price) == pytest.approx(float(row.mark_price), rel=0.01)
    assert -1 < float(ticker.funding_rate_8h_curr) < 1  # percent of the interval, whatever its name
    wrong = sdk.api.orderbook_levels_v1(types.ApiOrderbookLevelsRequest(instrument=PERP, depth=7))
    assert (wrong.code, wrong.status) == (3031, 400)


def test_sdk_reads_settled_rates_page_by_page(sdk: Sdk) -> None:
    since = str(time.time_ns() - 10 * 86_400 * 10**9)
    first = sdk.api.funding_rate_v1(types.ApiFundingRateRequest(instrument=PERP, start_time=since, limit=20))
    rest = sdk.api.funding_rate_v1(
        types.ApiFundingRateRequest(instrument=PERP, start_time=since, limit=20, cursor=first.next)
    )
    times = [int(row.funding_time) for row in (*first.result, *rest.result)]
    assert times == sorted(set(times), reverse=True)
    assert len(first.result) == 20
    assert len(times) == 30
    assert {time_ns % (8 * 3_600 * 10**9) for time_ns in times} == {0}
    assert all(abs(float(row.funding_rate)) < 3 for row in first.result)


def test_sdk_rests_finds_lists_and_cancels_an_order(sdk: Sdk) -> None:
    order = sdk.order(price=sdk.price(), post_only=True)
    placed = sdk.place(order)
    assert (placed.order_id, placed.state.status) == ("0x00", types.OrderStatus.PENDING)
    found = sdk.found(order)
    assert found.state.status is types.OrderStatus.OPEN
    assert found.order_id != "0x00"
    assert (found.legs[0].size, found.post_only) == ("0.5000", True)
    assert [each.metadata.client_order_id for each in sdk.open()] == [order.metadata.client_order_id]
    assert sdk.ask("cancel_order_v1", "CancelOrder", client_order_id=order.metadata.client_order_id).result.ack is True
    ended = sdk.found(order)
    assert (ended.state.status, ended.state.reject_reason) == (
        types.OrderStatus.CANCELLED,
        types.OrderRejectReason.CLIENT_CANCEL,
    )
    assert sdk.open() == []


def test_sdk_cancels_by_the_venues_id(sdk: Sdk) -> None:
    order = sdk.order(price=sdk.price())
    sdk.place(order)
    sdk.ask("cancel_order_v1", "CancelOrder", order_id=sdk.found(order).order_id)
    assert sdk.open() == []


def test_sdk_cancels_everything_of_a_market(sdk: Sdk) -> None:
    for _ in range(3):
        sdk.place(sdk.order(price=sdk.price()))
    assert len(sdk.open()) == 3
    sdk.ask("cancel_all_orders_v1", "CancelAllOrders", base=["BTC"], quote=["USDT"])
    assert len(sdk.open()) == 3
    sdk.ask("cancel_all_orders_v1", "CancelAllOrders", base=["ETH"], quote=["USDT"])
    assert sdk.open() == []


def test_sdk_fills_at_the_market_with_the_takers_fee(sdk: Sdk) -> None:
    order = sdk.order()
    sdk.place(order)
    done = sdk.found(order)
    assert done.state.status is types.OrderStatus.FILLED
    assert float(done.state.traded_size[0]) == 0.5
    fills = sdk.fills()
    assert sum(float(fill.size) for fill in fills) == pytest.approx(0.5)
    assert {fill.client_order_id for fill in fills} == {order.metadata.client_order_id}
    for fill in fills:
        assert fill.is_taker
        assert fill.is_buyer
        assert float(fill.fee) == pytest.approx(float(fill.price) * float(fill.size) * TAKER)
    paid = sum(float(fill.price) * float(fill.size) for fill in fills)
    assert float(done.state.avg_fill_price[0]) == pytest.approx(paid / 0.5)


def test_sdk_turns_a_position_around_and_closes_it(sdk: Sdk) -> None:
    sdk.place(sdk.order("1.0", buy=False))
    (short,) = sdk.positions()
    assert float(short.size) == -1.0
    assert float(short.est_liquidation_price) > float(short.mark_price)
    sdk.place(sdk.order("5.0", buy=True, reduce_only=True))
    assert sdk.positions() == []
    refused = sdk.place(sdk.order("1.0", buy=True, reduce_only=True))
    assert (refused.code, refused.status) == (2400, 400)


def test_sdk_account_adds_up(sdk: Sdk) -> None:
    before = sdk.ask("sub_account_summary_v1", "SubAccountSummary").result
    assert float(before.total_equity) == DEPOSIT
    sdk.place(sdk.order("1.0"))
    after = sdk.ask("sub_account_summary_v1", "SubAccountSummary").result
    (position,) = after.positions
    fees = sum(float(fill.fee) for fill in sdk.fills())
    assert float(after.spot_balances[0].balance) == pytest.approx(DEPOSIT - fees)
    assert float(after.total_equity) == pytest.approx(DEPOSIT - fees + float(position.unrealized_pnl))
    assert float(after.available_balance) < float(after.total_equity)
    assert float(after.maintenance_margin) > 0
    tier = sdk.api.funding_account_summary_v1(types.EmptyRequest()).tier
    assert float(tier.futures_taker_fee) / 1e6 == TAKER


def test_sdk_is_refused_in_the_venues_words(sdk: Sdk, venue: Any) -> None:
    near = sdk.price()
    for order, code in (
        (sdk.order("0.00001", near), 2062),
        (sdk.order("0.00055", near), 2065),
        (sdk.order("0.0005", near), 2066),
        (sdk.order("0.5", f"{near}.001"), 2064),
        (sdk.order("9000.0", near), 2081),
        (sdk.order("1000.0", near), 2080),
        (sdk.order("0.5", near, post_only=True, force=IOC), 2032),
        (sdk.order("0.5", near, lives_s=-1), 2001),
        (sdk.order("0.5", near, lives_s=31 * 86_400), 2008),
    ):
        assert sdk.place(order).code == code
    assert sdk.open() == []
    stranger = Sdk(venue, private_key="0x" + "5a" * 32)
    assert stranger.place(stranger.order("0.5", near)).code == 2000


def test_sdk_learns_of_a_post_only_order_that_would_take_afterwards(sdk: Sdk) -> None:
    order = sdk.order(price=sdk.price(1.02), post_only=True)
    assert sdk.place(order).state.status is types.OrderStatus.PENDING
    ended = sdk.found(order)
    assert (ended.state.status, ended.state.reject_reason) == (
        types.OrderStatus.REJECTED,
        types.OrderRejectReason.FAIL_POST_ONLY,
    )
    assert sdk.fills() == []


def test_sdk_fills_or_kills(sdk: Sdk) -> None:
    away, through = sdk.order(price=sdk.price(0.98), force=FOK), sdk.order(price=sdk.price(1.02), force=FOK)
    sdk.place(away)
    sdk.place(through)
    killed = sdk.found(away).state
    assert (killed.status, killed.reject_reason) == (types.OrderStatus.CANCELLED, types.OrderRejectReason.FOK_CANCEL)
    assert sdk.found(through).state.status is types.OrderStatus.FILLED


def test_sdk_order_ends_with_its_signature(sdk: Sdk, until: Until) -> None:
    order = sdk.order(price=sdk.price(), lives_s=2)
    sdk.place(order)
    assert len(sdk.open()) == 1
    until(lambda: not sdk.open(), every=0.5)
    ended = sdk.found(order).state
    assert (ended.status, ended.reject_reason) == (types.OrderStatus.CANCELLED, types.OrderRejectReason.EXPIRED)


def test_sdk_switch_cancels_when_nobody_answers(sdk: Sdk, until: Until) -> None:
    order = sdk.order(price=sdk.price())
    sdk.place(order)
    assert sdk.ask("cancel_on_disconnect_v1", "CancelOnDisconnect", countdown_time="2000").result.ack is True
    until(lambda: not sdk.open(), every=0.5)
    assert sdk.found(order).state.reject_reason is types.OrderRejectReason.CLIENT_CANCEL_ON_DISCONNECT_TRIGGERED


def test_sdk_sets_leverage_and_reads_transfers(sdk: Sdk) -> None:
    assert sdk.ask("set_initial_leverage_v1", "SetInitialLeverage", instrument=PERP, leverage="7").success
    rows = {row.instrument: row for row in sdk.ask("get_all_initial_leverage_v1", "GetAllInitialLeverage").results}
    assert float(rows[PERP].leverage) == 7
    (transfer,) = sdk.api.transfer_history_v1(types.ApiTransferHistoryRequest(currency=["USDT"])).result
    assert (transfer.to_sub_account_id, float(transfer.num_tokens)) == (sdk.account_id, DEPOSIT)


def test_sdk_sees_funding_paid_with_the_venues_sign(serve: Serve, until: Until) -> None:
    """What is paid is positive, what is received negative."""
    hours = 7 - int(time.time() // 3_600) % 8  # from the next full hour to that of a settlement
    venue = serve("grvt", to_hour_s=8.0 - hours * 3_600)
    sdk = Sdk(venue)
    sdk.place(sdk.order("1.0", lives_s=int(venue.ahead_s) + 60))
    (held,) = sdk.positions()
    rows = until(lambda: sdk.ask("funding_payment_history_v1", "FundingPaymentHistory").result, seconds=30, every=0.5)
    rate = sdk.api.funding_rate_v1(types.ApiFundingRateRequest(instrument=PERP, limit=1)).result[0]
    assert (rows[0].instrument, rows[0].currency) == (PERP, "USDT")
    due = float(held.size) * float(held.mark_price) * float(rate.funding_rate) / 100
    assert float(rows[0].amount) == pytest.approx(due, rel=0.001)


def test_sdk_with_a_wrong_key_is_not_let_in(venue: Any) -> None:
    stranger = Sdk(venue, api_key="wrongKey")
    answer = stranger.ask("positions_v1", "Positions")
    assert isinstance(answer, GrvtError)
    assert (answer.code, answer.status) == (1000, 401)


def test_sdk_signs_what_the_plugin_signs(sdk: Sdk) -> None:
    from arb_exchange_grvt._signing import OrderTerms, Signer

    signer = Signer(sdk.api.config.private_key, sdk.account_id, 326)
    for size, price, force, post_only, reduce_only in (
        ("1.013", "68900.5", GTT, True, False),
        ("0.0001", "0.01", IOC, False, True),
        ("123456.789", "1999.99", FOK, False, False),
    ):
        order = sdk.order(size, price, force=force, post_only=post_only, reduce_only=reduce_only, buy=False)
        terms = OrderTerms(
            asset_id=sdk.instruments[PERP].instrument_hash,
            base_decimals=9,
            size=Decimal(size),
            price=Decimal(price),
            is_buy=False,
            time_in_force=force.value,
            post_only=post_only,
            reduce_only=reduce_only,
        )
        told = order.signature
        mine = signer.order(terms, nonce=told.nonce, expiration_ns=int(told.expiration))
        assert (mine["r"], mine["s"], mine["v"], mine["signer"]) == (told.r, told.s, told.v, told.signer)


# -- ccxt --


def test_ccxt_lists_markets(other: Any) -> None:
    market = other.market(SYMBOL)
    assert set(other.markets) == {f"{base}/USDT:USDT" for base in ("BTC", "ETH", "SOL")}
    assert (market["id"], market["swap"], market["contractSize"]) == (PERP, True, 1.0)
    assert market["precision"]["price"] == 0.01
    assert market["precision"]["amount"] == 0.0001


def test_ccxt_reads_book_and_ticker(other: Any) -> None:
    book = other.fetch_order_book(SYMBOL)
    assert book["bids"][0][0] < book["asks"][0][0]
    ticker = other.fetch_ticker(SYMBOL)
    assert ticker["bid"] < ticker["ask"]
    assert float(ticker["info"]["mark_price"]) == pytest.approx(ticker["bid"], rel=0.01)


def test_ccxt_reads_settled_rates_as_fractions(other: Any) -> None:
    rows = other.fetch_funding_rate_history(SYMBOL, limit=10)
    assert rows
    for row in rows:
        assert row["fundingRate"] == pytest.approx(float(row["info"]["funding_rate"]) / 100)
        assert row["timestamp"] % (8 * 3_600_000) == 0


def test_ccxt_rests_finds_and_cancels(other: Any) -> None:
    order = other.create_order(SYMBOL, "limit", "buy", 0.5, _near(other, 0.95), {"postOnly": True})
    assert (order["id"], order["status"]) == ("0x00", "pending")
    (listed,) = other.fetch_open_orders(SYMBOL)
    assert listed["clientOrderId"] == order["clientOrderId"]
    assert (listed["amount"], listed["side"], listed["status"]) == (0.5, "buy", "open")
    found = other.fetch_order(listed["id"], SYMBOL)
    assert found["id"] == listed["id"]
    other.cancel_order(listed["id"], SYMBOL)
    assert other.fetch_open_orders(SYMBOL) == []


def test_ccxt_cancels_everything(other: Any) -> None:
    for share in (0.94, 0.95):
        other.create_order(SYMBOL, "limit", "buy", 0.5, _near(other, share))
    assert len(other.fetch_open_orders(SYMBOL)) == 2
    other.cancel_all_orders()
    assert other.fetch_open_orders(SYMBOL) == []


def test_ccxt_fills_and_closes(other: Any) -> None:
    other.create_order(SYMBOL, "market", "buy", 0.5)
    (position,) = other.fetch_positions()
    assert (position["contracts"], position["side"]) == (0.5, "long")
    trades = other.fetch_my_trades(SYMBOL)
    assert sum(trade["amount"] for trade in trades) == pytest.approx(0.5)
    for trade in trades:
        assert trade["takerOrMaker"] == "taker"
        assert trade["fee"]["cost"] == pytest.approx(trade["cost"] * TAKER)
    other.create_order(SYMBOL, "market", "sell", 0.5, None, {"reduceOnly": True})
    assert [each for each in other.fetch_positions() if each["contracts"]] == []


def test_ccxt_reads_the_balance(other: Any) -> None:
    assert other.fetch_balance()["USDT"]["total"] == DEPOSIT
    other.create_order(SYMBOL, "market", "buy", 1.0)
    after = other.fetch_balance()
    fees = sum(trade["fee"]["cost"] for trade in other.fetch_my_trades(SYMBOL))
    assert after["USDT"]["total"] == pytest.approx(DEPOSIT - fees, abs=20)
    assert after["USDT"]["free"] < after["USDT"]["total"]


def test_ccxt_is_refused_in_the_venues_words(other: Any, venue: Any) -> None:
    near = _near(other, 0.95)
    with pytest.raises(ccxt.InsufficientFunds):
        other.create_order(SYMBOL, "limit", "buy", 1_000, near)
    with pytest.raises(ccxt.BaseError, match="2400"):
        other.create_order(SYMBOL, "market", "sell", 0.5, None, {"reduceOnly": True})
    with pytest.raises(ccxt.BaseError, match="1004"):
        other.fetch_order("0x0101", SYMBOL)
    with pytest.raises(ccxt.BaseError):
        _ccxt(venue, "0x" + "5a" * 32).load_markets()


def test_ccxt_sets_leverage(other: Any, venue: Any) -> None:
    other.set_leverage(6, SYMBOL)
    rows = Sdk(venue).ask("get_all_initial_leverage_v1", "GetAllInitialLeverage").results
    assert [float(row.leverage) for row in rows if row.instrument == PERP] == [6]


def test_ccxt_streams_the_book(venue: Any) -> None:
    async def main() -> None:
        client = _ccxt(venue, of=ccxt.pro)
        try:
            await client.load_markets()
            for _ in range(3):
                book = await asyncio.wait_for(client.watch_order_book(SYMBOL), 15)
                assert book["bids"][0][0] < book["asks"][0][0]
        finally:
            await client.close()

    asyncio.run(main())


def test_ccxt_streams_tickers_and_trades(venue: Any) -> None:
    async def main() -> None:
        client = _ccxt(venue, of=ccxt.pro)
        try:
            await client.load_markets()
            ticker = await asyncio.wait_for(client.watch_ticker(SYMBOL), 15)
            assert ticker["bid"] < ticker["ask"]
            trades = await asyncio.wait_for(client.watch_trades(SYMBOL), 60)
            assert trades[0]["amount"] > 0
            assert trades[0]["side"] in ("buy", "sell")
        finally:
            await client.close()

    asyncio.run(main())


def test_ccxt_streams_the_account(venue: Any) -> None:
    async def main() -> None:
        client = _ccxt(venue, of=ccxt.pro)
        try:
            await client.load_markets()
            orders = asyncio.create_task(client.watch_orders())
            fills = asyncio.create_task(client.watch_my_trades())
            await asyncio.sleep(2)
            placed = await client.create_order(SYMBOL, "market", "buy", 0.5)
            told = await asyncio.wait_for(orders, 15)
            assert told[-1]["clientOrderId"] == placed["clientOrderId"]
            trades = await asyncio.wait_for(fills, 15)
            assert trades[0]["side"] == "buy"
        finally:
            await client.close()

    asyncio.run(main())
