"""Parsers against recorded payloads of the venue, each with an arithmetic check of its own.

`ccxt-comment-examples/backpack.json`: real answers of July and August 2025, cut to a few elements, from ccxt.
`docs-examples/backpack.json`: the venue's documentation, and one live answer of `markPrices` of 2025-10-03.
`hummingbot-test-examples/backpack.json`: answers of January 2026 in the shapes of hummingbot's tests.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from arb.api import BadResponse
from arb.model import (
    HOUR_NS,
    ClientOrderId,
    ExchangeName,
    FeeSchedule,
    InstrumentId,
    InstrumentStatus,
    Liquidity,
    OrderStatus,
    Side,
    TransferKind,
)
from arb.net import number
from arb_exchange_backpack._account import balances_of, held_of, payment_of
from arb_exchange_backpack._fields import from_text
from arb_exchange_backpack._markets import Bounds, Market, asset_of, listing_of, market_of, perpetual
from arb_exchange_backpack._orders import event_fill, event_order, fill_of, order_of
from arb_exchange_backpack._prices import book_of, delta_of, predicted_of, settled_of, stats_of, trade_of
from arb_exchange_backpack._transfers import deposit_of, interest_of, withdrawal_of

FEES = FeeSchedule(maker=D("0.0002"), taker=D("0.0005"))
ETH, BTC = InstrumentId("ETH-PERP.bp"), InstrumentId("BTC-PERP.bp")
NAME = ClientOrderId("mine")
realdata = pytest.mark.realdata


@pytest.fixture
def ccxt(wire_data: Path) -> Callable[..., Any]:
    rows = json.loads((wire_data / "ccxt-comment-examples/backpack.json").read_text(), parse_float=D)

    def pick(method: str, label: str = "", place: int = 0) -> Any:
        return [row["json"] for row in rows if (row["method"], row["label"]) == (method, label)][place]

    return pick


@pytest.fixture
def hummingbot(wire_data: Path) -> Callable[[str], Any]:
    rows = json.loads((wire_data / "hummingbot-test-examples/backpack.json").read_text(), parse_float=D)
    return lambda func: next(row["json"] for row in rows if row["func"] == func)


def utc_ns(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1_000_000_000  # type: ignore[misc, arg-type]


def sol(ccxt: Callable[..., Any]) -> Market:
    return market_of("bp", ccxt("parseMarket")[1], FEES)


@realdata
def test_a_market_of_2025(ccxt: Callable[..., Any]) -> None:
    listing = listing_of("bp", ccxt("parseMarket"), FEES)
    (market,) = listing.markets  # the other one is spot
    instrument = market.instrument
    assert (instrument.id, instrument.symbol, instrument.base) == ("SOL-PERP.bp", "SOL_USDC_PERP", "SOL")
    assert (instrument.tick_size, instrument.lot_size, instrument.min_quantity) == (D("0.01"),) * 3
    assert instrument.max_quantity is None
    assert instrument.funding_interval_ns == 8 * HOUR_NS  # written as a text here, in milliseconds
    assert instrument.status is InstrumentStatus.TRADING
    assert market.bounds == Bounds(D("-0.01"), D("0.01"))  # 100 basis points are one per cent
    assert instrument.margin_tiers[0].max_leverage == 50
    # 1 million of notional: 0.0001275 x 1000 = 12.75 %, in a tier that asks for no less.
    tier = instrument.margin_tier(D(1_000_000))
    assert 1 / tier.max_leverage >= D("0.1275")
    assert tier.maintenance_rate >= D("0.0000765") * 1000


@realdata
def test_a_book_has_its_best_bid_last(ccxt: Callable[..., Any]) -> None:
    answer = ccxt("fetchOrderBook")
    book = book_of(BTC, answer, now_ns=1)
    assert [level.price for level in book.bids] == [D("12.9"), D("1.0")]
    assert [level.price for level in book.asks] == [D("118318.3"), D("118567.2")]
    assert book.sequence == 1504999670
    assert book.ts_event_ns == 1753102447307501000
    assert datetime.fromtimestamp(book.ts_event_ns // 10**9, UTC).date().isoformat() == "2025-07-21"
    walk = book.walk(Side.BUY, D("0.01"))
    assert walk.notional == D("0.00633") * D("118318.3") + D("0.00367") * D("118567.2")


@realdata
def test_a_change_continues_what_ended_before_it(ccxt: Callable[..., Any]) -> None:
    delta = delta_of(BTC, ccxt("getCacheIndex"), now_ns=1)
    assert (delta.previous, delta.sequence) == (1662976170, 1662976171)
    assert delta.bids == ((D("117357.0"), D(0)),)
    empty = delta_of(ETH, ccxt("handleOrderBook")["data"], now_ns=1)
    assert (empty.bids, empty.asks) == ((), ())
    assert empty.sequence - empty.previous == 1


@realdata
def test_the_taker_of_a_trade_bought_where_the_buyer_was_no_maker(ccxt: Callable[..., Any]) -> None:
    trade = trade_of(ETH, ccxt("handleTrades")["data"], now_ns=1)
    assert (trade.side, trade.price, trade.quantity) == (Side.BUY, D("3870.25"), D("0.0008"))
    assert trade.price * trade.quantity == D("3.0962")
    assert trade.ts_event_ns == 1754601477744000000


@realdata
def test_predicted_rates_are_fractions_of_an_hour(ccxt: Callable[..., Any], wire_data: Path) -> None:
    """2025-10-03, after every market had become hourly: 0.0000125 an hour is the 0.01 % of eight hours."""
    blocks = json.loads((wire_data / "docs-examples/backpack.json").read_text(), parse_float=D)
    rows = {row["symbol"]: row for row in blocks[-1]["json"]}
    row = ccxt("parseMarket")[1]
    aave = market_of("bp", {**row, "symbol": "AAVE_USDC_PERP", "baseSymbol": "AAVE", "fundingInterval": 3600000}, FEES)
    rate = predicted_of(aave.instrument, rows["AAVE_USDC_PERP"], now_ns=1)
    assert rate is not None
    assert rate.per_hour == rate.rate == D("0.0000125")
    assert rate.per_hour * 8 == D("0.0001")
    assert rate.apr == D("0.1095")
    assert rate.next_funding_ns == utc_ns(2025, 10, 3, 11)
    assert all(aave.bounds.hold(D(each["fundingRate"])) for each in rows.values())
    assert not aave.bounds.hold(D("1.25"))  # basis points in the place of a fraction


@realdata
def test_settled_rates_of_before_august_2025_are_of_eight_hours(ccxt: Callable[..., Any]) -> None:
    (row,) = ccxt("fetchFundingRateHistory")
    hourly = market_of("bp", {**ccxt("parseMarket")[1], "fundingInterval": 3600000}, FEES).instrument
    rate = settled_of(hourly, row, now_ns=1)
    assert rate.ts_event_ns == utc_ns(2025, 7, 22)
    assert rate.interval_ns == 8 * HOUR_NS
    assert rate.per_hour * 8 == rate.rate == D("0.0001")
    for text, interval in (("2025-08-20T08:00:00", 8), ("2025-08-20T09:00:00", 1)):
        assert settled_of(hourly, {**row, "intervalEndTimestamp": text}, 1).interval_ns == interval * HOUR_NS


@realdata
def test_activity_is_in_quote_currency(ccxt: Callable[..., Any]) -> None:
    marks, interests = [ccxt("parseFundingRate")], ccxt("parseOpenInterest")
    row = {**ccxt("parseMarket")[1], "symbol": "BTC_USDC_PERP", "baseSymbol": "BTC"}
    listing = listing_of("bp", [row], FEES)
    ticker = {**ccxt("parseTicker"), "symbol": "BTC_USDC_PERP"}
    (stats,) = stats_of(listing, marks, [ticker], interests, 7)
    assert stats.open_interest == D("1273.85214") * D("118343.51853741")
    assert stats.volume_24h == D("21584.32278")
    assert (stats.mark_price, stats.index_price) == (D("118343.51853741"), D("118333.18643195"))
    (unknown,) = stats_of(listing, [], [], [], 7)
    assert (unknown.mark_price, unknown.volume_24h, unknown.open_interest) == (None, None, None)


@realdata
def test_orders_in_each_of_their_shapes(ccxt: Callable[..., Any]) -> None:
    filled = order_of(ETH, NAME, ccxt("parseOrder"))
    assert (filled.status, filled.filled_quantity, filled.average_price) == (
        OrderStatus.FILLED,
        D("0.001"),
        D("3814.28"),
    )
    assert filled.ts_event_ns == 1753624283415000000
    resting = order_of(ETH, NAME, ccxt("parseOrder", "fetchOpenOrders"))
    assert (resting.status, resting.request.post_only, resting.request.price) == (OrderStatus.OPEN, True, D(3000))
    assert (resting.average_price, resting.request.reduce_only) == (None, False)
    with pytest.raises(ValueError, match="not above zero"):  # it waits for a trigger: it has no quantity of its own
        order_of(ETH, NAME, ccxt("parseOrder", "fetchOrders"))


@realdata
def test_a_fill_has_its_fee_and_the_time_of_utc(ccxt: Callable[..., Any]) -> None:
    fill = fill_of(ETH, NAME, ccxt("parseTrade", "fetchMyTrades"))
    assert fill.ts_event_ns == utc_ns(2025, 7, 27, 17, 39) + 92_000_000
    assert (fill.side, fill.liquidity, fill.fee_currency) == (Side.BUY, Liquidity.TAKER, "USDC")
    # The fee is 5 basis points of price x quantity, rounded to 1e-6.
    assert (fill.price * fill.quantity * D("0.0005")).quantize(D("0.000001")) == fill.fee == D("0.004974")


@realdata
def test_the_profit_of_a_position_is_quantity_times_move(ccxt: Callable[..., Any]) -> None:
    (held,) = held_of("bp", [ccxt("parsePosition", "fetchPositions")], 5)
    position = held.position
    assert position.quantity == D("0.0036")
    assert position.unrealized_pnl == D("0.0036") * (position.mark_price - position.entry_price)
    assert abs(position.unrealized_pnl - D("-0.141914")) < D("0.000001")  # pnlUnrealized: nothing was paid out
    assert abs(held.settled) < D("0.000001")
    assert position.liquidation_price is None  # "0" is no price
    assert abs(held.maintenance - D("13.634885278944") * D("0.0125")) < D("0.00001")


@realdata
def test_profit_that_was_paid_out_is_told_apart(hummingbot: Callable[[str], Any]) -> None:
    """2026-01-25: the stream's `p` and `P` together are the move since the entry."""
    data = hummingbot("_get_account_update_ws_event_single_position_dict")["data"]
    row = {
        "symbol": "SOL_USDC_PERP",
        "netQuantity": data["q"],
        "entryPrice": data["B"],
        "markPrice": data["M"],
        "pnlUnrealized": data["P"],
        "mmf": data["m"],
    }
    (held,) = held_of("bp", [row], 5)
    assert held.position.unrealized_pnl == D("-0.01") * (D("120.96") - D("126.97")) == D("0.0601")
    assert held.settled == number(data["p"]) == D("0.0592")


@realdata
def test_a_balance_without_positions(hummingbot: Callable[[str], Any]) -> None:
    answer = {**hummingbot("test_update_balances"), "borrowLiability": "0"}
    usdc, other = balances_of(answer, [], 5)
    assert (usdc.currency, usdc.cash, usdc.equity) == ("USDC", D("150.0"), D("150.0"))
    assert usdc.available == D("100.5")
    assert (other.currency, other.cash, other.available) == ("SOL", D("0.01"), D(0))


@realdata
def test_a_payment_is_positive_where_it_was_received(
    hummingbot: Callable[[str], Any], ccxt: Callable[..., Any]
) -> None:
    row = {**hummingbot("_get_income_history_dict")[0], "symbol": "SOL_USDC_PERP"}
    payment = payment_of("bp", row)
    # Short 0.01 at a negative rate pays: -(-0.01) x price x rate; the price follows, near that day's 126.
    price = payment.amount / (D("0.01") * D("-0.0000273")) * -1
    assert payment.amount < 0
    assert abs(price) == pytest.approx(D("126"), abs=D("3"))
    assert payment.settled_ns == utc_ns(2026, 1, 25, 18)
    paid = payment_of("bp", ccxt("parseIncome"))
    # Long 0.0036 ETH at +0.0001 paid 0.001301: a price of 3614, which ETH had on 2025-08-01.
    assert (paid.amount / (D("0.0036") * D("0.0001"))).quantize(D(1)) == D("-3614")
    assert (paid.currency, paid.quantity, paid.price, paid.rate) == ("USDC", None, None, D("0.0001"))


@realdata
def test_events_of_the_accounts_stream(hummingbot: Callable[[str], Any]) -> None:
    data = hummingbot("test_buy_order_fill_event_takes_fee_from_update_event")["data"]
    event = {**data, "o": "LIMIT", "f": "GTC", "q": "1", "p": "10000", "z": "0.1", "Z": "1000", "m": False}
    fill, order = event_fill(ETH, NAME, event), event_order(ETH, NAME, event)
    assert fill is not None
    assert (fill.price * fill.quantity, fill.fee, fill.fill_id) == (D("1000.0"), D(20), "8886774-1")
    assert (order.status, order.filled_quantity, order.average_price) == (
        OrderStatus.PARTIALLY_FILLED,
        D("0.1"),
        D(10000),
    )
    assert order.ts_event_ns == fill.ts_event_ns == 1694687692980000000


@realdata
def test_a_fill_has_one_id_in_the_stream_and_in_the_history(ccxt: Callable[..., Any]) -> None:
    row = ccxt("parseTrade", "fetchMyTrades")
    event = {
        "e": "orderFill",
        "i": row["orderId"],
        "t": row["tradeId"],
        "S": row["side"],
        "L": row["price"],
        "l": row["quantity"],
        "n": row["fee"],
        "N": row["feeSymbol"],
        "m": row["isMaker"],
        "T": 1753637940092000,
    }
    told = event_fill(ETH, NAME, event)
    assert told == fill_of(ETH, NAME, row)


@realdata
def test_transfers(ccxt: Callable[..., Any]) -> None:
    exchange = ExchangeName("bp")
    (row,) = ccxt("parseTransaction", "fetchDeposits")
    deposit = deposit_of(exchange, row)
    assert deposit is not None
    assert (deposit.kind, deposit.amount, deposit.currency) == (TransferKind.DEPOSIT, D(120), "USDC")
    assert deposit.ts_event_ns == utc_ns(2025, 7, 23, 13, 55, 54) + 267_000_000
    (row,) = ccxt("parseTransaction", "fetchWithdrawals")
    withdrawal = withdrawal_of(exchange, row)
    assert withdrawal is not None
    assert (withdrawal.kind, withdrawal.amount) == (TransferKind.WITHDRAWAL, D(-10))
    assert withdrawal_of(exchange, ccxt("parseTransaction", "withdraw")) is None  # still pending


def test_interest_is_paid_by_who_borrows() -> None:
    row = {
        "paymentType": "UnrealizedNegativePnl",
        "quantity": "0.5",
        "symbol": "USDC",
        "marketSymbol": "SOL_USDC_PERP",
        "positionId": "1",
        "timestamp": "2026-01-01T00:00:00",
    }
    paid, earned = interest_of(ExchangeName("bp"), row), interest_of(ExchangeName("bp"), {**row, "paymentType": "Lend"})
    assert paid is not None
    assert earned is not None
    assert (paid.amount, earned.amount) == (D("-0.5"), D("0.5"))
    # Nobody says who paid: a sign that is guessed would be money that is not there.
    assert interest_of(ExchangeName("bp"), {**row, "paymentType": "OfNextYear"}) is None


@pytest.mark.parametrize(
    ("symbol", "kind", "expected"),
    [
        ("BTC", None, ("BTC", 1, "crypto")),
        ("kPEPE", None, ("PEPE", 1000, "crypto")),
        ("kSHIB", None, ("SHIB", 1000, "crypto")),
        ("KAITO", None, ("KAITO", 1, "crypto")),
        ("0G", None, ("0G", 1, "crypto")),
        ("AMZN.US", None, ("AMZN", 1, "stock")),
        ("SPCX.US", "STOCK", ("SPCX", 1, "stock")),
        ("XAU", "COMMODITY", ("XAU", 1, "commodity")),
    ],
)
def test_denominations_and_classes(symbol: str, kind: str | None, expected: tuple[str, int, str]) -> None:
    assert asset_of(symbol, kind) == (expected[0], D(expected[1]), expected[2])


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("BTC_USDC_PERP", "BTC-PERP.bp"),
        ("kPEPE_USDC_PERP", "kPEPE-PERP.bp"),
        ("AMZN.US_USDC_PERP", "AMZN.US-PERP.bp"),
        ("BTC_USDT_PERP", "BTC-USDT-PERP.bp"),
        ("BTC_USDC", None),
        ("BTC_USDC_IPERP", None),
        (None, None),
    ],
)
def test_ids_come_from_symbols(symbol: str | None, name: str | None) -> None:
    assert perpetual("bp", symbol) == name


def test_states_of_a_market() -> None:
    row = {
        "symbol": "X_USDC_PERP",
        "baseSymbol": "X",
        "quoteSymbol": "USDC",
        "marketType": "PERP",
        "filters": {"price": {"tickSize": "0.1"}, "quantity": {"stepSize": "1", "minQuantity": "1"}},
        "imfFunction": {"type": "sqrt", "base": "0.1", "factor": "0"},
        "mmfFunction": {"type": "sqrt", "base": "0.05", "factor": "0"},
        "orderBookState": "Open",
        "visible": True,
    }
    for changes, status in (
        ({}, InstrumentStatus.TRADING),
        ({"visible": False}, InstrumentStatus.DELISTED),
        ({"orderBookState": "PostOnly"}, InstrumentStatus.SUSPENDED),
        ({"orderBookState": "CancelOnly"}, InstrumentStatus.SUSPENDED),
        ({"orderBookState": "SomethingNew"}, InstrumentStatus.SUSPENDED),
    ):
        assert market_of("bp", {**row, **changes}, FEES).instrument.status is status
    unknown = {**row, "imfFunction": None, "symbol": "Y_USDC_PERP"}
    listing = listing_of("bp", [row, unknown], FEES)
    assert [market.instrument.symbol for market in listing.markets] == ["X_USDC_PERP"]
    assert "Y_USDC_PERP" in listing.unread[0]
    with pytest.raises(BadResponse):
        listing_of("bp", [unknown], FEES)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "", "x", None, True, 1.5, "1e999"])
def test_what_is_no_number_is_an_error(value: object) -> None:
    with pytest.raises(ValueError, match=r"number|decimal"):
        number(value)


def test_times_without_a_zone_are_utc() -> None:
    assert from_text("2026-01-01T00:00:00.123") == utc_ns(2026, 1, 1) + 123_000_000
