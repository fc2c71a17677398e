"""Parsers against recorded payloads of the venue, each with an arithmetic check of its own.

`ccxt-comment-examples/aster.json`: real answers of 2025 and 2026, cut to a few elements, from ccxt.
`funding/dm-scan`: 239 to 266 symbols of Aster every few minutes from 2026-07-27 to 2026-08-08.
`docs-examples/aster.json`: examples of the venue's documents, where nothing was recorded.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from arb.api import ClockRefused
from arb.model import (
    HOUR_NS,
    FeeSchedule,
    Instrument,
    InstrumentId,
    Liquidity,
    MarginMode,
    OrderStatus,
    RateUnit,
    Side,
    TimeInForce,
    TransferKind,
)
from arb_dialect_fapi import book_of, delta_of, perpetual
from arb_dialect_fapi._account import balances_of, payment_of, positions_of, settings_of, transfer_of
from arb_dialect_fapi._account_stream import _News
from arb_dialect_fapi._listing import Listing, fees_of, intervals_of
from arb_dialect_fapi._orders import event_fill, event_order, fill_of, order_of
from arb_dialect_fapi._prices import predicted_of, settled_of, settlements_of, stats_of, trade_of, turnover_of
from arb_dialect_fapi._tiers import BEYOND, tiers_by_symbol
from arb_exchange_aster._dialect import ASTER, denomination, listed_class

BTC, ETH = InstrumentId("BTC-PERP.as"), InstrumentId("ETH-PERP.as")
QUOTES = ASTER.quotes
pytestmark = pytest.mark.realdata
Pick = Callable[..., Any]


@pytest.fixture
def ccxt(wire_data: Path) -> Pick:
    """Return a function that finds the one real answer of a method that holds a text."""
    rows = json.loads((wire_data / "ccxt-comment-examples/aster.json").read_text(), parse_float=D)

    def pick(method: str, holding: str) -> Any:
        (found,) = (
            row["json"] for row in rows if row["method"] == method and holding in json.dumps(row["json"], default=str)
        )
        return found

    return pick


@pytest.fixture
def docs(wire_data: Path) -> Pick:
    """Return a function that finds the first example of a section of version 3."""
    rows = json.loads((wire_data / "docs-examples/aster.json").read_text(), parse_float=D)
    mine = [row for row in rows if row["path"].endswith("EN/aster-finance-futures-api-v3.md")]
    return lambda section: next(row["json"] for row in mine if row["section"].startswith(section))


def instrument(hours: int = 8, symbol: str = "BTCUSDT", name: InstrumentId = BTC) -> Instrument:
    return Instrument(
        id=name,
        symbol=symbol,
        base="BTC",
        quote="USDT",
        tick_size=D("0.1"),
        lot_size=D("0.001"),
        fees=FeeSchedule(maker=D(0), taker=D(0)),
        margin_tiers=(BEYOND,),
        funding_interval_ns=hours * HOUR_NS,
    )


def test_the_venues_own_test_market_of_2025_09_is_left_out(ccxt: Pick) -> None:
    (row,) = ccxt("fetchMarkets", "TESTUSDT")
    assert row["contractType"] == "PERPETUAL"
    assert listed_class(row) is None
    assert listed_class({**row, "symbol": "ASTERUSDT"}) == "crypto"


def test_a_fill_of_2026_04_17_pays_a_positive_commission(ccxt: Pick) -> None:
    """The documents' example has a negative one; the recorded one is positive, and the taker paid it."""
    row = ccxt("fetchMyTrades", "2583152")
    fill = fill_of(ETH, "mine", row)  # type: ignore[arg-type]
    assert fill.price * fill.quantity == pytest.approx(D(row["quoteQty"]), abs=D("0.005"))
    assert fill.fee / D(row["quoteQty"]) == pytest.approx(D("0.0004"), rel=D("0.001"))
    assert fill.fee > 0
    assert (fill.side, fill.liquidity, fill.fee_currency) == (Side.SELL, Liquidity.TAKER, "USDT")
    assert fill.fill_id == "ETHUSDT-2583152"


def test_a_filled_market_order_of_2026_04_15(ccxt: Pick) -> None:
    """Numbers of times and of the order are texts here."""
    order = order_of(ETH, ccxt("parseOrder", "417594542"))
    assert order.status is OrderStatus.FILLED
    assert order.average_price is not None
    assert order.average_price * order.filled_quantity == D("12.69853200")
    assert order.request.client_order_id == "web_qnvMAhOJsiVbSyu0BdKG"
    assert (order.exchange_order_id, order.ts_event_ns) == ("417594542", 1_776_274_219_609_000_000)


def test_an_acknowledged_market_order_of_2026_04_21_has_filled_nothing_yet(ccxt: Pick) -> None:
    """An ACK: NEW, without a fill or a price. With RESULT a limit order tells its own."""
    row = {**ccxt("createOrder", "17338441758"), "price": "2400", "type": "LIMIT"}
    order = order_of(ETH, row)
    assert (order.status, order.filled_quantity, order.average_price) == (OrderStatus.OPEN, D(0), None)


def test_an_estimate_of_2025_06_16_is_of_the_settlement_to_come(ccxt: Pick) -> None:
    (row,) = ccxt("fetchFundingRates", "1750147200000")
    rate = predicted_of(instrument(), row, 8 * HOUR_NS, 0)
    assert rate is not None
    assert (rate.raw, rate.unit) == (D("0.00010000"), RateUnit(factor=D(1), period_ns=8 * HOUR_NS))
    assert rate.next_funding_ns is not None
    assert rate.next_funding_ns % (8 * HOUR_NS) == 0
    assert 0 < rate.next_funding_ns - rate.ts_event_ns < 8 * HOUR_NS
    assert rate.rate == D("0.0001")


def test_intervals_of_2025_08_26_are_told_of_every_symbol(ccxt: Pick, docs: Pick) -> None:
    """Caps are numbers and no texts in this call."""
    assert intervals_of(ccxt("fetchFundingIntervals", "INJUSDT")) == {"INJUSDT": 8 * HOUR_NS}
    assert intervals_of(docs("Get Funding Rate Config")) == {"INJUSDT": 8 * HOUR_NS, "ZORAUSDT": 4 * HOUR_NS}


def test_a_settlement_of_2025_05_14(ccxt: Pick) -> None:
    settled = settlements_of(ccxt("fetchFundingRateHistory", "1747209600000"))
    (rate,) = settled_of(instrument(), settled, 0)
    assert rate.ts_event_ns % (8 * HOUR_NS) == 0
    assert (rate.rate, rate.interval_ns) == (D("0.0001"), 8 * HOUR_NS)


def test_settlements_in_the_documents_are_told_oldest_first(docs: Pick) -> None:
    first, second = settlements_of(docs("Get Funding Rate History"))
    assert second[0] - first[0] == 8 * HOUR_NS
    (one, two) = settled_of(instrument(hours=1), [first, second], 0)
    assert two.interval_ns == 8 * HOUR_NS, "by the settlement before, whatever holds now"
    assert (one.rate, two.rate) == (D("-0.0375"), D("0.0001"))


def test_a_payment_in_the_shape_of_a_recorded_one_is_received(ccxt: Pick) -> None:
    row = ccxt("parseIncome", "FUNDING_FEE")
    payment = payment_of("as", QUOTES, row)
    assert (payment.amount, payment.currency) == (D("0.00134317"), "USDT")
    assert (payment.instrument, payment.payment_id) == (ETH, "ETHUSDT-4480321991774044580")
    assert payment.settled_ns % (8 * HOUR_NS) == 0


def test_a_transfer_of_2023_03_01_is_a_deposit(ccxt: Pick) -> None:
    (row,) = ccxt("fetchLedger", "TRANSFER")
    transfer = transfer_of("as", row)
    assert transfer is not None
    assert (transfer.kind, transfer.amount, transfer.currency) == (TransferKind.DEPOSIT, D(10), "USDT")


def test_a_flat_symbol_tells_its_leverage(ccxt: Pick) -> None:
    """One row for every symbol, flat ones too: so settings are read with the positions."""
    rows = ccxt("fetchLeverages", "INJUSDT")
    settings = settings_of(rows)["INJUSDT"]
    assert (settings.leverage, settings.mode) == (D(20), MarginMode.CROSS)
    assert positions_of("as", QUOTES, rows, settings_of(rows), 0) == []


def test_a_position_in_the_documents_makes_the_profit_it_says(docs: Pick) -> None:
    (flat,) = docs("Position Information")
    row = {**flat, "positionAmt": "20.000", "entryPrice": "6563.66500", "unRealizedProfit": "2316.83423560"}
    (position,) = positions_of("as", QUOTES, [row], settings_of([row]), 0)
    made = position.quantity * (position.mark_price - position.entry_price)
    assert made == pytest.approx(position.unrealized_pnl, rel=D("0.00001"))
    assert (position.margin_mode, position.leverage) == (MarginMode.ISOLATED, D(10))


def test_a_day_of_2026_04_17(ccxt: Pick) -> None:
    """Turnover is in quote currency: volume times the average price."""
    row = ccxt("fetchTicker", "73520536")
    turnover = turnover_of([row])["ETHUSDT"]
    assert turnover / D(row["volume"]) == pytest.approx(D(row["weightedAvgPrice"]), rel=D("0.0001"))
    (mark,) = ccxt("fetchFundingRates", "1750147200000")
    listed = Listing("as", [instrument(symbol="ETHUSDT", name=ETH)])
    (stats,) = stats_of(listed, [{**mark, "symbol": "ETHUSDT"}], [row], {"ETHUSDT": D(2)}, 0)
    assert stats.volume_24h == turnover
    assert stats.open_interest == 2 * D("106729.84047826")


def test_a_change_of_a_book_of_2025_08_07(ccxt: Pick) -> None:
    row = ccxt("handleOrderBook", "156391349814")
    delta = delta_of(BTC, row, 0)
    assert (delta.previous, delta.sequence) == (156391348236, 156391349814)
    (bid,), (ask,) = delta.bids, delta.asks
    assert ask.price - bid.price == D("0.1")


def test_a_book_in_the_documents(docs: Pick) -> None:
    book = book_of(BTC, docs("Order Book"), 0)
    assert book.bids[0].price < book.asks[0].price
    assert (book.sequence, book.ts_event_ns) == (1027024, 1_589_436_922_972_000_000)


def test_a_trade_of_2025_08_07(ccxt: Pick) -> None:
    trade = trade_of(BTC, ccxt("handleTrade", "20505890"), 0)
    assert (trade.side, trade.price, trade.quantity) == (Side.BUY, D("114783.7"), D("0.020"))


def test_a_filled_event_adds_up(ccxt: Pick) -> None:
    """ccxt's example, which is one of Binance's: Aster's own were not recorded."""
    data = ccxt("parseWsTrade", "13351197194")
    order, fill = event_order(BTC, data), event_fill(BTC, data)
    assert fill is not None
    assert order.status is OrderStatus.FILLED
    assert (fill.quantity, fill.price) == (order.filled_quantity, order.average_price)
    assert fill.fee == D("0.00027086")
    news = _News()
    assert news.is_new(fill)
    assert not news.is_new(fill)


def test_an_account_update_of_2026_01_16_has_no_available_balance(ccxt: Pick) -> None:
    update = ccxt("handlePositions", "1768551627708")
    (balance,) = update["a"]["B"]
    assert set(balance) == {"a", "wb", "cw", "bc"}


def test_the_account_in_the_documents_adds_up(wire_data: Path) -> None:
    row = {
        "asset": "USDT",
        "walletBalance": "23.72469206",
        "unrealizedProfit": "0.00000000",
        "marginBalance": "23.72469206",
        "maintMargin": "0.00000000",
        "availableBalance": "23.72469206",
    }
    (balance,) = balances_of({"assets": [row]}, "USDT", 0)
    assert balance.cash + D(row["unrealizedProfit"]) == balance.equity == D(row["marginBalance"])


def test_brackets_in_the_documents(docs: Pick) -> None:
    """Without the `notionalCoef` that Binance has."""
    tiers = tiers_by_symbol(docs("Notional and Leverage Brackets"))["ETHUSDT"]
    assert (tiers[0].max_leverage, tiers[0].max_notional, tiers[0].maintenance_rate) == (
        D(75),
        D(10000),
        D("0.0065"),
    )


def test_fees_in_the_documents_are_the_ones_without_a_key(docs: Pick) -> None:
    assert fees_of(docs("User Commission Rate")) == ASTER.public_fees


def test_post_only_is_gtx_in_what_the_documents_list(docs: Pick) -> None:
    (row,) = docs("Exchange Information")["symbols"]
    assert {"GTC", "IOC", "FOK", "GTX"} <= set(row["timeInForce"])
    told = {
        **docs("Query Order"),
        "type": "LIMIT",
        "timeInForce": "GTX",
        "positionSide": "BOTH",
        "price": "9300",
    }
    order = order_of(BTC, told)
    assert order.request.post_only
    assert order.request.time_in_force is TimeInForce.GTC
    assert ASTER.refusals["-4225"] is ClockRefused


def test_thirteen_days_of_every_symbol(funding_data: Path) -> None:
    """69 154 rows: intervals of 1, 4 and 8 hours at one time, each with its own next settlement."""
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(
        funding_data / "dm-scan/perps_core_20260726_20260808.parquet",
        filters=[("venue", "==", "aster")],
        columns=["ts", "symbol", "base", "mark", "index", "funding_rate", "funding_interval_h", "next_funding"],
    )
    rows = table.to_pylist()
    assert len(rows) == 69_154
    hours, changed, last = defaultdict(set), set(), rows[-1]["ts"]
    listed: dict[str, Instrument] = {}
    for row in rows:
        symbol, each = row["symbol"], row["funding_interval_h"]
        hours[symbol].add(each)
        if len(hours[symbol]) > 1:
            changed.add(symbol)
        if row["ts"] != last:
            continue
        name = perpetual("as", symbol, QUOTES)
        assert name is not None
        listed[symbol] = instrument(hours=each, symbol=symbol, name=name)
        told = {
            "symbol": symbol,
            "lastFundingRate": str(D(str(row["funding_rate"]))),
            "nextFundingTime": int(row["next_funding"].timestamp()) * 1_000,
            "time": int(row["ts"].timestamp()) * 1_000,
        }
        rate = predicted_of(listed[symbol], told, each * HOUR_NS, 0)
        assert rate is not None
        assert rate.next_funding_ns is not None
        assert rate.next_funding_ns % (each * HOUR_NS) == 0
        assert 0 < rate.next_funding_ns - rate.ts_event_ns <= each * HOUR_NS
        assert rate.rate == D(str(row["funding_rate"]))
    assert {each for found in hours.values() for each in found} == {1, 4, 8}
    assert {each.funding_interval_ns for each in listed.values()} == {HOUR_NS, 4 * HOUR_NS, 8 * HOUR_NS}
    assert changed, "the interval of a symbol changes: it is never kept"
    assert len({each.id for each in listed.values()}) == len(listed) > 200
    bases = {row["symbol"]: row["base"] for row in rows}
    for symbol, wanted in bases.items():
        quote = next(each for each in QUOTES if symbol.endswith(each))
        assert denomination(symbol.removesuffix(quote))[0] == wanted, symbol
    assert {"0GUSDT", "2ZUSDT", "1000PEPEUSDT", "BTCUSD1"} <= bases.keys()
