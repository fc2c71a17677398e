"""Parsers against recorded payloads of the venue, each with an arithmetic check of its own.

`ccxt-comment-examples/grvt.json`: real answers of 2025-10 to 2026-01, cut to a few elements, from ccxt.
`captured-frames/grvt_202609.jsonl`: frames of the socket of 2026-09, levels cut.
`docs-examples/grvt.json`: an instrument of a third party's notes, with other decimals.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from arb.model import (
    HOUR_NS,
    MINUTE_NS,
    BookDelta,
    ClientOrderId,
    ExchangeName,
    FeeSchedule,
    InstrumentId,
    Liquidity,
    MarginMode,
    MarginTier,
    OrderBook,
    OrderStatus,
    Side,
)
from arb.simulation import VirtualClock, run_virtual
from arb.testing import START_NS, FakeContext
from arb_exchange_grvt._account import balances_of, dollars_of, leverage_of, payment_of, positions_of
from arb_exchange_grvt._errors import code_of, refused
from arb_exchange_grvt._hub import Heard, Subscribed, Told, Topic
from arb_exchange_grvt._markets import PUBLIC_FEES, Market, asset_of, market_of
from arb_exchange_grvt._orders import NO_ID, fill_of, order_of
from arb_exchange_grvt._prices import book_of, predicted_of, settled_of, stats_of, trade_of
from arb_exchange_grvt._sequence import BookNumbers
from arb_exchange_grvt._transfers import transfer_of

BTC, ETH = InstrumentId("BTC-PERP.grvt"), InstrumentId("ETH-PERP.grvt")
NAME = ClientOrderId("mine")
FEES = FeeSchedule(maker=D(0), taker=D("0.00045"))
TIERS = (MarginTier(max_notional=None, maintenance_rate=D("0.01"), max_leverage=D(50)),)
realdata = pytest.mark.realdata


@pytest.fixture
def ccxt(wire_data: Path) -> Callable[..., Any]:
    rows = json.loads((wire_data / "ccxt-comment-examples/grvt.json").read_text(), parse_float=D)

    def pick(method: str, place: int = 0) -> Any:
        return [row["json"] for row in rows if row["method"] == method][place]

    return pick


@pytest.fixture
def frames(wire_data: Path) -> dict[str, Any]:
    lines = (wire_data / "captured-frames/grvt_202609.jsonl").read_text().splitlines()
    return {row["name"]: row["raw"] for row in (json.loads(line, parse_float=D) for line in lines)}


def btc(ccxt: Callable[..., Any]) -> Market:
    return market_of("grvt", ccxt("parseMarket"), TIERS, FEES, {})


def utc_ns(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1_000_000_000  # type: ignore[misc, arg-type]


@realdata
def test_an_instrument_of_2026(ccxt: Callable[..., Any]) -> None:
    market = btc(ccxt)
    instrument = market.instrument
    assert (instrument.id, instrument.symbol, instrument.base) == (BTC, "BTC_USDT_Perp", "BTC")
    assert (instrument.tick_size, instrument.lot_size, instrument.min_quantity) == (D("0.1"), D("0.001"), D("0.001"))
    # The step of sizes is min_size; what is signed counts base_decimals.
    assert (market.asset_id, market.base_decimals) == ("0x030501", 9)
    assert instrument.min_notional == instrument.closing_min_notional == 100
    # At the price of the time the smallest notional is above the smallest size.
    assert instrument.min_notional / D("92697.3") > instrument.min_quantity
    assert instrument.funding_interval_ns == 8 * HOUR_NS
    assert instrument.max_quantity == 1000
    assert (market.cap, market.floor) == (D("0.3"), D("-0.3"))
    assert market.holds(D("0.0037"))
    assert not market.holds(D("37"))  # centibeeps in the place of percent


@realdata
def test_an_instrument_with_other_decimals(wire_data: Path) -> None:
    blocks = json.loads((wire_data / "docs-examples/grvt.json").read_text(), parse_float=D)
    (row,) = blocks[0]["json"]["result"]
    market = market_of("grvt", row, TIERS, FEES, {})
    assert market.base_decimals == 3
    assert market.instrument.funding_interval_ns is None  # not told, so nothing is traded on it
    assert market.instrument.min_notional == 0


@realdata
def test_a_ticker_adds_up(ccxt: Callable[..., Any]) -> None:
    """2025-12-03 15:12 UTC."""
    row = ccxt("fetchTicker")["result"]
    stats = stats_of(BTC, row, 1)
    assert (D(row["best_bid_price"]) + D(row["best_ask_price"])) / 2 == D(row["mid_price"])
    # Both takers: ccxt counts the buyers alone.
    assert stats.volume_24h == D("266955739.1606") + D("268170211.7109")
    average = stats.volume_24h / (D("2893.898") + D("2907.847"))
    assert D(row["low_price"]) < average < D(row["high_price"])
    assert stats.open_interest == D("1523.218935908") * D("92697.300078773")
    assert (stats.mark_price, stats.index_price) == (D("92697.300078773"), D("92727.818122278"))


@realdata
def test_a_predicted_rate_is_percent_of_its_interval(ccxt: Callable[..., Any]) -> None:
    instrument = btc(ccxt).instrument
    rate = predicted_of(instrument, ccxt("fetchTicker")["result"], 1)
    assert rate is not None
    assert rate.rate == D("0.000037")
    assert rate.per_hour * 8 == D("0.000037")
    assert rate.apr == D("0.000037") * 3 * 365
    assert rate.next_funding_ns == utc_ns(2025, 12, 3, 16)
    # 2026-01-01: 0.01 percent of eight hours is what interest alone makes everywhere; here the ticker has the hours.
    row = ccxt("handleTicker")["feed"]
    resting = predicted_of(instrument, row, 1)
    assert resting is not None
    assert (resting.rate, resting.interval_ns) == (D("0.0001"), 8 * HOUR_NS)
    assert resting.next_funding_ns == utc_ns(2026, 1, 1)
    shorter = predicted_of(instrument, {**row, "funding_interval_hours": 4}, 1)
    assert shorter is not None
    assert shorter.per_hour == 2 * resting.per_hour


@realdata
def test_a_settled_rate_of_before_discrete_funding_is_none(ccxt: Callable[..., Any]) -> None:
    """2025-10-15 02:11 UTC: of each minute, with an interval of 0 hours."""
    (row,) = ccxt("fetchFundingRateHistory")["result"]
    assert settled_of(BTC, row, 1) is None
    assert int(row["funding_time"]) % HOUR_NS == 11 * MINUTE_NS
    later = settled_of(BTC, {**row, "funding_interval_hours": "4", "funding_time": "1764777600000000000"}, 1)
    assert later is not None
    assert later.rate == D("-0.000034")
    assert later.per_hour * 4 == later.rate
    assert later.ts_event_ns == utc_ns(2025, 12, 3, 16)


@realdata
def test_a_book_has_no_sequence(ccxt: Callable[..., Any]) -> None:
    """2025-12-03; the count of orders is a text here and a number in the stream."""
    book = book_of(BTC, ccxt("fetchOrderBook")["result"], 0, 1)
    assert (book.bids, book.asks) == (((D("92336.0"), D("0.005")),), ((D("92336.1"), D("5.711")),))
    assert book.sequence == 0
    assert book.ts_event_ns == 1764777396650000000
    walk = book.walk(Side.BUY, D(1))
    assert walk.notional == D("92336.1")
    snapshot = book_of(BTC, ccxt("handleOrderBook")["feed"], 7, 1)
    assert snapshot.asks[0].price - snapshot.bids[0].price == D("0.1")


@realdata
def test_a_public_trade(ccxt: Callable[..., Any], frames: dict[str, Any]) -> None:
    sold = trade_of(ETH, ccxt("parseTrade"), 1)
    assert (sold.side, sold.price * sold.quantity) == (Side.SELL, D("3089.88") * D("23.73"))
    bought = trade_of(ETH, frames["v1.trade"]["feed"], 1)
    assert (bought.side, bought.price, bought.quantity) == (Side.BUY, D("2651.87"), D("0.334"))
    assert datetime.fromtimestamp(bought.ts_event_ns // 10**9, UTC).date().isoformat() == "2026-09-28"


@realdata
def test_frames_of_the_socket_make_a_chain(frames: dict[str, Any]) -> None:
    """2026-09: a snapshot has the number 0, and the answer to the subscription says where it stands."""
    ack = frames["json-rpc subscribe ack"]["result"]
    snapshot = frames["v1.book.d first frame after subscribe (sequence 0 = snapshot; levels cut)"]
    delta = frames["v1.book.d delta, chains on prev_sequence_number, zero size deletes"]
    heartbeat = frames["v1.book.d empty delta = heartbeat"]
    topic = Topic("v1.book.d", "BTC_USDT_Perp@50")
    assert ack["subs"] == [topic.selector] == [snapshot["selector"]]
    assert int(ack["first_sequence_number"][0]) == int(ack["latest_sequence_number"][0]) + 1
    heard: list[Heard] = [
        Subscribed(topic, int(ack["latest_sequence_number"][0])),
        *(_told(each) for each in (snapshot, delta, heartbeat)),
    ]
    book, change, beat = _numbered(heard)
    assert isinstance(book, OrderBook)
    assert isinstance(change, BookDelta)
    assert isinstance(beat, BookDelta)
    assert (book.sequence, change.previous, change.sequence) == (36480, 36480, 36481)
    assert change.bids == ((D("82907.9"), D("1.334")), (D("82907.3"), D("0.0")))
    assert (beat.bids, beat.asks, beat.previous) == ((), (), 36489)
    # Without the answer the first change says it.
    first, _ = _numbered(heard[1:3])
    assert isinstance(first, OrderBook)
    assert first.sequence == 36480


@realdata
def test_a_fresh_stream_counts_from_one(frames: dict[str, Any]) -> None:
    frame = frames["v1.book.d first delta of a fresh stream"]
    snapshot = {**frame, "sequence_number": "0", "prev_sequence_number": "0"}
    snapshot["feed"] = {**frame["feed"], "asks": [{"price": "224.66", "size": "1", "num_orders": 1}]}
    book, change = _numbered([_told(snapshot), _told(frame)])
    assert isinstance(book, OrderBook)
    assert isinstance(change, BookDelta)
    assert (book.sequence, change.previous, change.sequence) == (0, 0, 1)


@realdata
def test_empty_sides_are_no_prices(frames: dict[str, Any]) -> None:
    row = frames["v1.mini.s empty sides = price 0.0"]["feed"]
    stats = stats_of(BTC, row, 1)
    assert (stats.mark_price, stats.index_price) == (D("0.310934948"), D("0.310828469"))
    assert (stats.volume_24h, stats.open_interest) == (None, None)
    assert stats_of(BTC, {**row, "mark_price": "0.0"}, 1).mark_price is None


@realdata
def test_an_error_frame_has_the_venues_code(frames: dict[str, Any], ccxt: Callable[..., Any]) -> None:
    for frame in (frames["json-rpc error"], ccxt("handleErrorMessage")):
        code, text = code_of(frame["error"])
        assert (code, text) == ("3000", "Instrument is invalid")
        error = refused("grvt", code, text)
        assert error is not None
        assert (error.code, error.exchange) == ("3000", "grvt")


@realdata
def test_an_order_has_no_id_when_it_is_created(ccxt: Callable[..., Any]) -> None:
    """2025-12-18."""
    row = ccxt("createOrder")["result"]
    order = order_of(BTC, NAME, row)
    assert (row["order_id"], order.exchange_order_id) == (NO_ID, None)
    assert (order.status, order.filled_quantity, order.average_price) == (OrderStatus.OPEN, D(0), None)
    assert row["state"]["status"] == "PENDING"
    assert (order.request.price, order.request.quantity) == (D("50000.0"), D("0.001"))


@realdata
def test_orders_open_and_filled(ccxt: Callable[..., Any]) -> None:
    filled = order_of(BTC, NAME, ccxt("fetchOrder")["result"])
    assert (filled.status, filled.filled_quantity, filled.average_price) == (
        OrderStatus.FILLED,
        D("0.001"),
        D("90000.0"),
    )
    assert filled.exchange_order_id == "0x01010105034cddc7000000006621285c"
    assert filled.ts_event_ns == 1764945709704912003
    (row,) = ccxt("fetchOpenOrders")["result"]
    resting = order_of(BTC, NAME, row)
    assert (resting.status, resting.request.side, resting.request.price) == (OrderStatus.OPEN, Side.BUY, D("88123.0"))
    assert D(row["state"]["book_size"][0]) == resting.remaining_quantity
    stream = order_of(BTC, NAME, ccxt("handleOrder")["feed"])
    assert (stream.status, stream.request.quantity, stream.reason) == (OrderStatus.OPEN, D("0.001"), "")


@realdata
def test_fees_of_fills_are_costs(ccxt: Callable[..., Any]) -> None:
    """2025-12-05 and 2026-01-02: a maker's rebate, and a taker's 0.045 %."""
    (row,) = ccxt("fetchMyTrades")["result"]
    rebate = fill_of(BTC, NAME, row)
    assert (rebate.liquidity, rebate.fee, rebate.fee_currency) == (Liquidity.MAKER, D("-0.00009"), "USDT")
    assert rebate.fee == -rebate.price * rebate.quantity * D("0.000001")
    taken = fill_of(BTC, NAME, ccxt("handleMyTrade")["feed"])
    assert (taken.liquidity, taken.side) == (Liquidity.TAKER, Side.BUY)
    rate = D(ccxt("handleMyTrade")["feed"]["fee_rate"]) / 100
    assert rate == PUBLIC_FEES.taker == D("0.00045")
    assert (taken.price * taken.quantity * rate).quantize(D("0.000001")) == taken.fee == D("0.040263")
    assert taken.fill_id == "74150425-1-buy"


@realdata
def test_the_profit_of_a_position_is_quantity_times_move(ccxt: Callable[..., Any]) -> None:
    """2025-12-09, of the time before isolated margin; and 2026-01-02 by the stream."""
    row = ccxt("parsePosition")
    (held,) = positions_of("grvt", [row], 5)
    assert held.unrealized_pnl == D("0.001") * (D("89816.900008979") - D(90000))
    assert abs(held.unrealized_pnl - D(row["unrealized_pnl"])) < D("0.000001")
    assert abs(held.quantity * held.mark_price - D(row["notional"])) < D("0.0001")
    assert (held.leverage, held.margin_mode) == (D(28), MarginMode.CROSS)
    assert held.liquidation_price == D("77951.450008979")
    assert held.liquidation_price < held.mark_price  # a long
    (later,) = positions_of("grvt", [ccxt("handlePosition")["feed"]], 5)
    assert abs(later.unrealized_pnl - D("0.003718")) < D("0.000001")
    assert positions_of("grvt", [{**row, "size": "0.0"}], 5) == []
    (short,) = positions_of("grvt", [{**row, "size": "-0.001"}], 5)
    assert short.unrealized_pnl == -held.unrealized_pnl


@realdata
def test_a_balance_is_cash_and_profit(ccxt: Callable[..., Any]) -> None:
    """2025-12-04 without a position, and with the one of five days later."""
    account = ccxt("fetchBalance")["result"]
    (balance,) = balances_of(account, 5)
    assert (balance.currency, balance.cash, balance.equity, balance.available) == ("USDT", D(15), D(15), D(15))
    assert balance.equity == D(account["total_equity"])
    assert dollars_of(account) == {"USDT": D("1.000289735")}
    held = {**account, "positions": [ccxt("parsePosition")], "available_balance": "14.9"}
    (with_position,) = balances_of(held, 5)
    assert with_position.equity - with_position.cash == D("0.001") * (D("89816.900008979") - D(90000))
    assert with_position.available <= with_position.equity


@realdata
def test_a_payment_that_is_negative_was_received(ccxt: Callable[..., Any]) -> None:
    """2025-12-09 08:00 UTC, told 5 ms later."""
    row = ccxt("parseIncome")
    payment = payment_of("grvt", row)
    assert payment.amount == D("0.004522")
    assert payment.settled_ns == utc_ns(2025, 12, 9, 8)
    assert int(row["event_time"]) - payment.settled_ns == 4987902
    assert (payment.instrument, payment.currency) == (BTC, "USDT")
    # The rate behind it, of the position that the account held then: a rate of a funding interval within the cap.
    position = ccxt("parsePosition")
    percent = payment.amount / D(position["notional"]) * 100
    assert D("0.001") < percent < D("0.3")
    assert D(position["size"]) > 0  # a long that received: the rate was negative


@realdata
def test_leverage_of_one_instrument(ccxt: Callable[..., Any]) -> None:
    row = ccxt("parseLeverage")
    assert leverage_of({"results": [row]}, "AAVE_USDT_Perp") == (D("10.0"), MarginMode.CROSS, D("50.0"))
    with pytest.raises(ValueError, match="no leverage"):
        leverage_of({"results": [row]}, "BTC_USDT_Perp")


@realdata
def test_what_came_by_the_chain_is_not_the_sub_accounts(ccxt: Callable[..., Any]) -> None:
    """Deposits and withdrawals name accounts alone: no field of theirs says that money came to a sub-account."""
    for method in ("fetchDeposits", "fetchWithdrawals"):
        (row,) = ccxt(method)["result"]
        assert not [name for name in row if "sub_account" in name]
    row = {
        "tx_id": "1028403",
        "from_sub_account_id": "0",
        "to_sub_account_id": "4724219064482495",
        "currency": "USDT",
        "num_tokens": ccxt("fetchDeposits")["result"][0]["num_tokens"],
        "event_time": ccxt("fetchDeposits")["result"][0]["confirmed_time"],
    }
    venue = ExchangeName("grvt")
    came = transfer_of(venue, row, "4724219064482495")
    assert came is not None
    assert came.amount == 1500
    left = transfer_of(venue, {**row, "from_sub_account_id": "7", "to_sub_account_id": "0"}, "7")
    assert left is not None
    assert left.amount == -1500
    assert transfer_of(venue, row, "7") is None


def test_thousands_are_told_from_names() -> None:
    for name, asset in (("KPEPE", "PEPE"), ("KBONK", "BONK"), ("1000PEPE", "PEPE")):
        assert asset_of(name) == (asset, D(1000))
    for name in ("KAITO", "KAS", "KSM", "BTC", "1INCH"):
        assert asset_of(name) == (name, D(1))


def _told(frame: dict[str, Any]) -> Told:
    topic = Topic(frame["stream"], frame["selector"])
    return Told(topic, int(frame["sequence_number"]), int(frame["prev_sequence_number"]), frame["feed"])


def _numbered(heard: list[Heard]) -> list[Any]:
    found: list[Any] = []

    async def main() -> None:
        async def restart(why: str) -> None:
            raise AssertionError(why)

        async def each() -> AsyncIterator[Heard]:
            for one in heard:
                yield one

        numbers = BookNumbers(FakeContext("grvt", clock=VirtualClock.of_running_loop()), BTC, restart)
        found.extend([message async for message in numbers.messages(each())])

    run_virtual(main(), start_ns=START_NS)
    return found
