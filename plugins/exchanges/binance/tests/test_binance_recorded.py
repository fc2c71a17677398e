"""Parsers against recorded payloads of the venue, each with an arithmetic check of its own.

`ccxt-comment-examples/binance.json`: real answers of 2021 to 2024, cut to a few elements, from ccxt.
`books/`: streams and answers of 2021, 2023 and 2024 as they came. `funding/zs-funding-1y`: a year of settlements.
`nautilus/binance/futures`: events captured by nautilus_trader, some edited; `jkorf/`: the venue's documents.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from arb.model import (
    HOUR_NS,
    FeeSchedule,
    Instrument,
    InstrumentId,
    InstrumentStatus,
    Liquidity,
    MarginMode,
    MarginTier,
    OrderStatus,
    Side,
    TransferKind,
)
from arb_dialect_fapi._account import balances_of, payment_of, positions_of, settings_of, transfer_of
from arb_dialect_fapi._listing import Listing, Terms, fees_of, intervals_of, listing_of
from arb_dialect_fapi._orders import event_fill, event_order, fill_of, order_of, owner_of
from arb_dialect_fapi._prices import (
    book_of,
    interest_of,
    predicted_of,
    settled_of,
    settlements_of,
    stats_of,
    trade_of,
)
from arb_dialect_fapi._symbols import asset_of, perpetual
from arb_dialect_fapi._tiers import BEYOND, tiers_by_symbol, tiers_of, tiers_without_key
from arb_exchange_binance._dialect import BINANCE

BTC, ETH = InstrumentId("BTC-PERP.bn"), InstrumentId("ETH-PERP.bn")
QUOTES = BINANCE.quotes
FEES = FeeSchedule(maker=D("0.0002"), taker=D("0.0005"))
realdata = pytest.mark.realdata
pytestmark = realdata


@pytest.fixture
def ccxt(wire_data: Path) -> Callable[..., Any]:
    rows = json.loads((wire_data / "ccxt-comment-examples/binance.json").read_text(), parse_float=D)

    def pick(method: str, holding: str) -> Any:
        (found,) = (
            row["json"] for row in rows if row["method"] == method and holding in json.dumps(row["json"], default=str)
        )
        return found

    return pick


@pytest.fixture
def nautilus(wire_data: Path) -> Callable[[str], Any]:
    folder = wire_data / "nautilus/binance/futures"
    return lambda name: json.loads((folder / name).read_text(), parse_float=D)


@pytest.fixture
def listing(book_data: Path) -> Listing:
    """Return what was listed on 2021-07-21."""
    with gzip.open(book_data / "cf-ws-captures/BINANCE_FUTURES.0.gz", "rt") as lines:
        answer = json.loads(next(lines).partition(": ")[2], parse_float=D)
    intervals = {"SUSHIUSDT": 4 * HOUR_NS}
    return listing_of("bn", BINANCE, answer, Terms(intervals_ns=intervals, fees={"USDT": FEES}, tiers=None))


def utc_ns(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1_000_000_000  # type: ignore[misc, arg-type]


def instrument(interval_ns: int = 8 * HOUR_NS, symbol: str = "BTCUSDT") -> Instrument:
    return Instrument(
        id=BTC,
        symbol=symbol,
        base="BTC",
        quote="USDT",
        tick_size=D("0.1"),
        lot_size=D("0.001"),
        fees=FEES,
        margin_tiers=(BEYOND,),
        funding_interval_ns=interval_ns,
    )


def test_the_listing_of_2021_07_21(listing: Listing) -> None:
    """122 rows: 119 perpetual futures, two contracts that end, and one without a type."""
    assert len(listing.instruments) == 119
    assert listing.unread == ()
    assert Counter(each.quote for each in listing.instruments) == {"USDT": 117, "BUSD": 2}
    by_symbol = {each.symbol: each for each in listing.instruments}
    shib = by_symbol["1000SHIBUSDT"]
    assert (shib.id, shib.base, shib.multiplier) == (InstrumentId("1000SHIB-PERP.bn"), "SHIB", D(1000))
    assert (shib.tick_size, shib.lot_size, shib.max_quantity) == (D("0.000001"), D(1), D(10_000_000))
    assert (shib.min_notional, shib.closing_min_notional) == (D(5), D(0))
    inch = by_symbol["1INCHUSDT"]
    assert (inch.id, inch.base, inch.multiplier) == (InstrumentId("1INCH-PERP.bn"), "1INCH", D(1))
    assert by_symbol["BTCBUSD"].id == "BTC-BUSD-PERP.bn"
    assert len({each.id for each in listing.instruments}) == 119
    assert by_symbol["SUSHIUSDT"].funding_interval_ns == 4 * HOUR_NS
    assert by_symbol["BTCUSDT"].funding_interval_ns == 8 * HOUR_NS
    assert {each.status for each in listing.instruments} == {InstrumentStatus.TRADING}
    assert shib.margin_tiers == (MarginTier(max_notional=None, maintenance_rate=D("0.025"), max_leverage=D(20)),)


@pytest.mark.parametrize(
    ("base", "asset", "multiplier"),
    [
        ("1000PEPE", "PEPE", 1_000),
        ("1000000MOG", "MOG", 1_000_000),
        ("1MBABYDOGE", "BABYDOGE", 1_000_000),
        ("1INCH", "1INCH", 1),
        ("4", "4", 1),
        ("0G", "0G", 1),
        ("2Z", "2Z", 1),
        ("币安人生", "币安人生", 1),
        ("BTC", "BTC", 1),
    ],
)
def test_a_denomination_is_told_from_a_name(base: str, asset: str, multiplier: int) -> None:
    assert asset_of(base) == (asset, D(multiplier))


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("BTCUSDT", "BTC-PERP.bn"),
        ("BTCUSDC", "BTC-USDC-PERP.bn"),
        ("ETHBTC", "ETH-BTC-PERP.bn"),
        ("币安人生USDT", "币安人生-PERP.bn"),
        ("BTCUSDT_260626", None),
        ("USDT", None),
        (None, None),
    ],
)
def test_a_symbol_has_one_name(symbol: Any, name: str | None) -> None:
    assert perpetual("bn", symbol, QUOTES) == name


def test_a_book_of_2021_04_17(ccxt: Callable[..., Any]) -> None:
    book = book_of(ETH, ccxt("fetchOrderBook", "333598053905"), 1)
    assert (book.bids[0], book.asks[0]) == ((D("2493.56"), D("20.189")), (D("2493.57"), D("0.877")))
    assert book.sequence == 333598053905
    assert datetime.fromtimestamp(book.ts_event_ns // 10**9, UTC).date().isoformat() == "2021-04-17"
    assert book.walk(Side.BUY, D("0.94")).notional == D("0.877") * D("2493.57") + D("0.063") * D("2493.62")


def test_trades_of_2021_04_05(book_data: Path) -> None:
    """The taker sold where the buyer was the maker: where the price moves, it moves with the taker."""
    moves: Counter[bool] = Counter()
    last: dict[str, Any] = {}
    with gzip.open(book_data / "cf-ws-captures/BINANCE_FUTURES-1125a2.0.gz", "rt") as lines:
        for line in lines:
            if '@aggTrade","data"' not in line[:80]:
                continue
            row = json.loads(line.partition(": ")[2], parse_float=D)["data"]
            trade, before = trade_of(BTC, row, 0), last.get(row["s"])
            last[row["s"]] = trade
            if before is not None and before.price != trade.price:
                moves[(trade.price > before.price) == (trade.side is Side.BUY)] += 1
    assert moves[True] > 100
    assert moves[True] > 3 * moves[False]


def test_a_mark_price_is_a_running_estimate_2021_05_17(ccxt: Callable[..., Any]) -> None:
    row = ccxt("parseFundingRate", "45802.81129892")
    rate = predicted_of(instrument(), row, 8 * HOUR_NS, 1)
    assert rate is not None
    assert rate.next_funding_ns == utc_ns(2021, 5, 17, 16)
    assert rate.ts_event_ns // 10**9 * 10**9 == utc_ns(2021, 5, 17, 11, 52, 24)
    assert rate.rate == D("0.00063521")
    assert rate.per_hour * 8 == rate.rate
    # 4 hours: the same number is twice as much by the hour.
    faster = predicted_of(instrument(), row, 4 * HOUR_NS, 1)
    assert faster is not None
    assert faster.per_hour == 2 * rate.per_hour


def test_a_market_without_a_coming_settlement_has_no_rate(ccxt: Callable[..., Any]) -> None:
    row = {**ccxt("parseFundingRate", "45802.81129892"), "lastFundingRate": "", "nextFundingTime": 0}
    assert predicted_of(instrument(), row, 8 * HOUR_NS, 1) is None


def test_the_mark_price_of_2023_04_05_is_settled_as_it_was_estimated_last(book_data: Path) -> None:
    """At a settlement the estimate of the interval before is still told, for the time that is over just now."""
    path = book_data / "hft-binance-l2/usdm_btcusdt_20230405_markprice.gz"
    told = []
    with gzip.open(path, "rt") as lines:
        for line in lines:
            if "@markPrice" in line[:60]:
                told.append(json.loads(line.partition(" ")[2], parse_float=D)["data"])
    assert told[0]["T"] * 1_000_000 == utc_ns(2023, 4, 5)
    assert {row["T"] for row in told[1:]} == {utc_ns(2023, 4, 5, 8) // 1_000_000}
    assert all(abs(D(row["p"]) / D(row["i"]) - 1) < D("0.001") for row in told)


def test_prices_and_open_interest_of_2020_and_2023(ccxt: Callable[..., Any], listing: Listing) -> None:
    marks = [ccxt("parseTicker", "11793.63104563")]
    tickers = [{"symbol": "BTCUSDT", "quoteVolume": "15.30000000"}]
    contracts = interest_of(ccxt("fetchOpenInterest", "23581.677"))
    rows = stats_of(listing, marks, tickers, {"BTCUSDT": contracts}, 1)
    (row,) = (each for each in rows if each.instrument == BTC)
    assert (row.mark_price, row.index_price, row.volume_24h) == (D("11793.63104563"), D("11781.8049597"), D("15.3"))
    assert row.open_interest == D("23581.677") * D("11793.63104563")
    assert all(each.mark_price is None for each in rows if each is not row)


def test_intervals_of_adjusted_symbols(ccxt: Callable[..., Any]) -> None:
    assert intervals_of(ccxt("fetchFundingIntervals", "BLZUSDT")) == {"BLZUSDT": 4 * HOUR_NS}


def test_a_settled_rate_of_2021_05_17(ccxt: Callable[..., Any]) -> None:
    rows = settlements_of([ccxt("fetchFundingRateHistory", "1621267200000")])
    (rate,) = settled_of(instrument(4 * HOUR_NS), rows, 1)
    assert (rate.ts_event_ns, rate.rate) == (utc_ns(2021, 5, 17, 16), D("0.00063521"))
    assert rate.interval_ns == 4 * HOUR_NS  # nothing before it: that of now


def test_a_year_of_settlements_has_the_intervals_that_were_noted_then(book_data: Path) -> None:
    """36 symbols from 2025-08 on; by distance alone, with the interval of now as wrong as it can be."""
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(book_data.parent / "funding/zs-funding-1y/binance.parquet")
    columns = ("venue_symbol", "settlement_ts", "rate_raw", "interval_hours")
    by_symbol: dict[str, list[tuple[int, D, int]]] = defaultdict(list)
    for symbol, settled, rate, hours in zip(*(table[name].to_pylist() for name in columns), strict=True):
        moment = round(settled.timestamp() * 1_000) * 1_000_000
        by_symbol[symbol].append((moment, D(str(rate)), int(hours) * HOUR_NS))
    assert len(by_symbol) == 36
    checked, told = 0, set()
    for rows in by_symbol.values():
        rows.sort()
        found = settled_of(instrument(HOUR_NS), [(ts_ns, rate) for ts_ns, rate, _ in rows], 1)
        for rate, (ts_ns, raw, noted_ns) in list(zip(found, rows, strict=True))[1:]:
            assert (rate.ts_event_ns, rate.raw) == (ts_ns, raw)
            assert rate.interval_ns == noted_ns
            told.add(noted_ns)
            checked += 1
    assert checked > 36_000
    assert told == {4 * HOUR_NS, 8 * HOUR_NS}


def test_brackets_become_tiers(ccxt: Callable[..., Any]) -> None:
    answer = ccxt("fetchLeverageTiers", "SUSHIUSDT")
    (tiers,) = tiers_by_symbol(answer).values()
    assert tiers == (MarginTier(max_notional=D(50_000), maintenance_rate=D("0.01"), max_leverage=D(50)), BEYOND)
    assert tiers_of({**answer[0], "notionalCoef": D("0.5")})[0].max_notional == 25_000
    assert tiers_of({**answer[0], "notionalCoef": D("1.5")})[0].max_notional == 50_000


def test_margins_without_a_key_are_percent() -> None:
    row = {"maintMarginPercent": "2.5000", "requiredMarginPercent": "5.0000"}
    assert tiers_without_key(row)[0].maintenance_rate == D("0.025")


def test_an_order_of_2024_02_14(ccxt: Callable[..., Any]) -> None:
    order = order_of(BTC, ccxt("parseOrder", "x-xcKtGhcufb20c5a7761a4aa09aa156"))
    assert order.request.client_order_id == "x-xcKtGhcufb20c5a7761a4aa09aa156"
    assert (order.exchange_order_id, order.status) == ("3697213934", OrderStatus.OPEN)
    assert (order.request.quantity, order.request.price, order.request.side) == (D("0.010"), D(33_000), Side.BUY)
    assert (order.filled_quantity, order.average_price) == (D(0), None)
    assert order.ts_event_ns == 1707892893515 * 10**6


def test_a_part_of_an_order_costs_what_was_spent(wire_data: Path) -> None:
    rows = json.loads((wire_data / "hummingbot-test-examples/binance.json").read_text(), parse_float=D)
    (row,) = (each["json"] for each in rows if each["func"] == "test_update_order_status_successful")
    order = order_of(BTC, {**row, "avgPrice": "10000.00"})
    assert (order.status, order.filled_quantity, order.remaining_quantity) == (
        OrderStatus.PARTIALLY_FILLED,
        D("0.5"),
        D("0.5"),
    )
    assert order.average_price == 10_000 == D(row["cumQuote"]) / D(row["executedQty"])


def test_a_taker_pays_2024_02_10(ccxt: Callable[..., Any]) -> None:
    row = ccxt("parseTrade", "4575108247")
    fill = fill_of(BTC, owner_of("mine", row["orderId"]), row)
    assert (fill.fill_id, fill.exchange_order_id) == ("BTCUSDT-4575108247", "261942655610")
    assert (fill.side, fill.liquidity) == (Side.SELL, Liquidity.TAKER)
    assert fill.fee / (fill.price * fill.quantity) == D("0.0004")
    assert (fill.realized_pnl, fill.fee_currency) == (D("27.384"), "USDT")


def test_a_maker_with_a_rebate_is_paid_2021_02_07(ccxt: Callable[..., Any]) -> None:
    fill = fill_of(BTC, owner_of("mine", 1), ccxt("parseTrade", "477128891"))
    assert fill.liquidity is Liquidity.MAKER
    assert fill.fee == (fill.price * fill.quantity * D("-0.00002")).quantize(D("1e-8"))


def test_a_position_of_2024_07_27(ccxt: Callable[..., Any]) -> None:
    rows = ccxt("fetchPositionsRisk", "WLDUSDT")
    told = {"WLDUSDT": settings_of(ccxt("fetchMarginModes", "maxNotionalValue"))["BTCUSDT"]}
    (held,) = positions_of("bn", QUOTES, rows, told, 7)
    assert held.instrument == "WLD-PERP.bn"
    assert held.unrealized_pnl == held.quantity * (held.mark_price - held.entry_price) == D("0.2365")
    assert held.liquidation_price is None
    assert (held.leverage, held.margin_mode) == (D(21), MarginMode.CROSS)
    (bare,) = positions_of("bn", QUOTES, rows, {}, 7)
    assert (bare.leverage, bare.margin_mode) == (None, MarginMode.CROSS)


def test_a_flat_row_is_no_position(ccxt: Callable[..., Any]) -> None:
    rows = ccxt("fetchPositionsRisk", "6679.50671178")
    assert positions_of("bn", QUOTES, rows, settings_of(rows), 7) == []
    assert settings_of(rows)["BTCUSDT"].mode is MarginMode.ISOLATED


def test_hedge_mode_is_no_position(ccxt: Callable[..., Any]) -> None:
    rows = ccxt("fetchPositionsRisk", "44525.0")
    with pytest.raises(ValueError, match="hedge mode"):
        positions_of("bn", QUOTES, rows, {}, 7)


def test_an_account(nautilus: Callable[[str], Any]) -> None:
    (balance,) = balances_of(nautilus("http_json/account_info_v2.json"), "USDT", 7)
    assert (balance.currency, balance.cash, balance.equity) == ("USDT", D("23.72469206"), D("23.72469206"))
    assert (balance.available, balance.maintenance_margin) == (D("23.72469206"), D(0))


def test_an_account_of_two_currencies_shares_nothing(wire_data: Path) -> None:
    """What USDC tells as available is more than it has, by the venue's document: never more than the equity."""
    lines = (wire_data / "jkorf/binance_usdm/Account/GetAccountInfoV3.txt").read_text().splitlines()
    text = "\n".join(lines[3:])
    answer = json.loads(text[: text.rindex("}") + 1], parse_float=D)
    balances = balances_of(answer, "USDT", 7)
    assert [(each.currency, each.cash) for each in balances] == [
        ("USDT", D("23.72469206")),
        ("USDC", D("103.12345678")),
    ]
    assert balances[1].available == D("103.12345678") < D(answer["assets"][1]["availableBalance"])


def test_a_payment_received_2021_05_21(ccxt: Callable[..., Any]) -> None:
    payment = payment_of("bn", QUOTES, ccxt("parseIncome", "4480321991774044580"))
    assert (payment.instrument, payment.amount, payment.currency) == (ETH, D("0.00134317"), "USDT")
    assert payment.settled_ns == utc_ns(2021, 5, 21, 8)
    assert payment.payment_id == "ETHUSDT-4480321991774044580"


def test_a_transfer_of_2023_03_01(ccxt: Callable[..., Any]) -> None:
    row = ccxt("parseLedgerEntry", "131001573082")
    transfer = transfer_of("bn", row)
    assert transfer is not None
    assert (transfer.kind, transfer.amount, transfer.currency) == (TransferKind.DEPOSIT, D(10), "USDT")
    out = transfer_of("bn", {**row, "income": "-10.0"})
    assert out is not None
    assert out.kind is TransferKind.WITHDRAWAL
    assert transfer_of("bn", {**row, "incomeType": "COMMISSION"}) is None


def test_fees_of_an_account(wire_data: Path) -> None:
    lines = (wire_data / "jkorf/binance_usdm/Account/GetUserCommissionRate.txt").read_text().splitlines()
    fees = fees_of(json.loads("\n".join(lines[3:])))
    assert (fees.maker, fees.taker) == (D("0.0002"), D("0.0004"))


def test_an_event_of_a_fill(nautilus: Callable[[str], Any]) -> None:
    data = nautilus("user_data_json/order_update_trade.json")["o"]
    order, fill = event_order(BTC, data), event_fill(BTC, {**data, "X": "FILLED"})
    assert fill is not None
    assert (fill.fill_id, fill.fee, fill.realized_pnl) == ("BTCUSDT-12345678", D("0.01"), D("12.34"))
    assert (order.filled_quantity, order.average_price) == (D("0.001"), D("7100.50"))
    assert fill.quantity * fill.price == order.filled_quantity * D(data["ap"])


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("order_update_calculated.json", "liquidation-8886999"),
        ("order_update_adl.json", "adl-8887001"),
        ("order_update_settlement.json", "delisting-8887002"),
        ("order_update_delivery.json", "delisting-8887003"),
    ],
)
def test_orders_of_the_venue_itself_have_names_of_their_own(
    nautilus: Callable[[str], Any], file: str, name: str
) -> None:
    data = nautilus(f"user_data_json/{file}")["o"]
    order, fill = event_order(BTC, data), event_fill(BTC, data)
    assert fill is not None
    assert order.request.client_order_id == fill.client_order_id == name
    assert order.status is OrderStatus.FILLED
    assert fill.quantity == order.filled_quantity


def test_an_event_of_a_new_order_is_no_fill(nautilus: Callable[[str], Any]) -> None:
    data = nautilus("user_data_json/order_update_new.json")["o"]
    assert event_fill(BTC, data) is None
    assert event_order(BTC, data).status is OrderStatus.OPEN
