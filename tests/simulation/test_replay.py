from __future__ import annotations

import csv
import gzip
import os
import sys
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from arb.api import ConfigError
from arb.model import BPS, HOUR_NS, MINUTE_NS, InstrumentId, Side, exact_money, format_utc, parse_utc
from arb.simulation._replay import FundingReplayMarket, open_replay_market
from arb.simulation._replay_candles import Candle, CandleSeries
from arb.simulation._replay_costs import DepthTier, MarketCosts, build_book
from arb.simulation._replay_schedule import FundingSchedule
from arb.simulation._replay_settings import ReplaySettings

BTC = InstrumentId("BTC-PERP.bin")
START = parse_utc("2026-01-24")
COST_COLUMNS = [
    "exchange",
    "ticker",
    "error",
    "spread_bps",
    *(
        f"{side}_{what}_{size}"
        for side in ("ask", "bid")
        for what in ("slip", "fill")
        for size in ("1k", "10k", "100k", "1m")
    ),
]


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    with gzip.open(path, "wt", newline="") if path.suffix == ".gz" else path.open("w", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def hour(index: int) -> str:
    return format_utc(START + index * HOUR_NS)


def cost_row(exchange: str, ticker: str, spread: str, slips: Sequence[str]) -> list[str]:
    return [exchange, ticker, "", spread, *slips, *["True"] * 4, *slips, *["True"] * 4]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    candles = [
        (hour(i), "binance", "BTC", 100 + i, 103 + i, 98 + i, 101 + i, 1000 + i)
        for i in range(40)
        if i not in (10, 11, 12, 13)
    ]
    write_csv(tmp_path / "candles.csv", ["timestamp", "venue", "coin", *"ohlcv"], candles)
    funding = [(hour(8 * i), "binance", "BTC", f"0.000{i + 1}") for i in range(-9, 5) if i != -10]
    rows = [(stamp, venue, coin, rate.replace("-", "")) for stamp, venue, coin, rate in funding]
    write_csv(tmp_path / "funding.csv", ["timestamp", "venue", "coin", "funding_rate"], rows)
    write_csv(
        tmp_path / "costs.csv.gz",
        COST_COLUMNS,
        [
            cost_row("binance", "BTC", "2", ["1", "2", "5", "20"]),
            cost_row("binance", "BTC", "4", ["3", "4", "7", "30"]),
            cost_row("binance", "BTC", "3", ["2", "3", "6", "25"]),
            ["binance", "BTC", "HTTP 451", *[""] * 17],
            cost_row("bybit", "XRP", "9", ["9", "9", "9", "9"]),
        ],
    )
    return tmp_path


def replay(folder: Path, **changes: Any) -> ReplaySettings:
    values: dict[str, Any] = {
        "root": str(folder),
        "funding": "funding.csv",
        "candles": "candles.csv",
        "costs": "costs.csv.gz",
        "venue": "binance",
        "assets": ["BTC"],
    }
    return ReplaySettings.model_validate(values | changes)


@pytest.fixture
def market(folder: Path) -> FundingReplayMarket:
    return open_replay_market(replay(folder), "bin")


def mark(market: FundingReplayMarket, ts_ns: int) -> Decimal | None:
    stats = market.stats(BTC, ts_ns)
    return stats.mark_price if stats else None


def test_the_price_is_the_open_of_the_running_hour_then_the_last_close_for_two_hours(
    market: FundingReplayMarket,
) -> None:
    assert mark(market, START - 1) is None
    assert mark(market, START) == 100
    assert mark(market, START + HOUR_NS - 1) == 100
    assert mark(market, START + HOUR_NS) == 101
    assert mark(market, START + 10 * HOUR_NS) == 110
    assert mark(market, START + 12 * HOUR_NS) == 110
    assert mark(market, START + 12 * HOUR_NS + 1) is None
    assert market.book(BTC, START + 13 * HOUR_NS) is None
    assert mark(market, START + 14 * HOUR_NS) == 114


@given(cut=st.integers(0, 40 * HOUR_NS))
@settings(max_examples=40, deadline=None)
def test_nothing_later_than_now_shows(cut: int) -> None:
    def candles(after: Callable[[int], int]) -> CandleSeries:
        return CandleSeries(
            [
                Candle(
                    i * HOUR_NS,
                    Decimal(100 + after(i * HOUR_NS)),
                    *(Decimal(v + after((i + 1) * HOUR_NS - 1)) for v in (190, 50, 90, 7)),
                )
                for i in range(40)
            ]
        )

    told = candles(lambda ts: 0)
    other = candles(lambda ts: 40 if ts > cut else 0)
    assert told.price(cut) == other.price(cut)
    assert told.turnover_24h(cut) == other.turnover_24h(cut)
    assert list(told.ended_in(0, cut)) == list(other.ended_in(0, cut))


def test_trades_show_when_their_hour_has_ended(market: FundingReplayMarket) -> None:
    assert not market.trades(BTC, START, START + HOUR_NS - 1)
    trades = market.trades(BTC, START, START + HOUR_NS)
    assert [trade.price for trade in trades] == [100, 98, 103, 101]
    assert [trade.side for trade in trades] == [Side.BUY, Side.SELL, Side.BUY, Side.SELL]
    assert sum(trade.quantity for trade in trades) == 1000
    assert {trade.ts_event_ns for trade in trades} == {START + HOUR_NS}
    assert not market.trades(BTC, START + HOUR_NS, START + 2 * HOUR_NS - 1)


def test_volume_needs_24_recorded_hours(market: FundingReplayMarket) -> None:
    stats = market.stats(BTC, START + 38 * HOUR_NS)
    assert stats is not None
    assert stats.volume_24h == sum((1000 + i) * (101 + i) for i in range(14, 38))
    early = market.stats(BTC, START + 30 * HOUR_NS)
    assert early is not None
    assert early.volume_24h is None


def test_funding_is_known_when_it_was_settled_and_predicted_by_the_last_one(market: FundingReplayMarket) -> None:
    assert market.next_settlement_ns(BTC, START) == START + 8 * HOUR_NS
    assert market.next_settlement_ns(BTC, START - 1) == START
    assert market.settled_rate(BTC, START + 8 * HOUR_NS) == Decimal("0.0002")
    assert market.predicted_rate(BTC, START + 8 * HOUR_NS - 1) == Decimal("0.0001")
    assert market.predicted_rate(BTC, START + 8 * HOUR_NS) == Decimal("0.0002")
    assert market.instruments()[0].funding_interval_ns == 8 * HOUR_NS
    assert market.next_settlement_ns(BTC, START + 1000 * HOUR_NS) is None


def test_the_book_costs_the_median_of_what_was_measured(market: FundingReplayMarket) -> None:
    book = market.book(BTC, START)
    assert book is not None
    bbo = book.bbo()
    assert bbo is not None
    # 3 bps of 100 is less than a tick of 1.
    assert (bbo.bid, bbo.ask) == (Decimal(99), Decimal(100))
    assert book.ts_event_ns == START
    later = market.book(BTC, START + MINUTE_NS)
    assert later is not None
    assert later.sequence == book.sequence + 1
    assert market.instruments() is market.instruments()


def test_defaults_of_the_venue_and_rules_of_the_asset(folder: Path) -> None:
    plain = open_replay_market(replay(folder), "bin").instruments()[0]
    assert (plain.quote, plain.fees.maker, plain.fees.taker) == ("USDT", Decimal("0.0002"), Decimal("0.0005"))
    assert (plain.tick_size, plain.lot_size, plain.min_notional) == (Decimal(1), Decimal("0.1"), Decimal(10))
    changed = replay(
        folder,
        taker_fee="0.0004",
        quote="USDC",
        rules={"BTC": {"tick_size": "0.1", "lot_size": "0.01", "min_notional": 5}},
    )
    rules = open_replay_market(changed, "bin").instruments()[0]
    assert (rules.quote, rules.fees.taker, rules.tick_size) == ("USDC", Decimal("0.0004"), Decimal("0.1"))
    assert (rules.lot_size, rules.min_notional) == (Decimal("0.01"), Decimal(5))


def test_a_window_leaves_out_what_is_outside(folder: Path) -> None:
    market = open_replay_market(replay(folder, start=hour(20), end=hour(30), history="8h"), "bin")
    assert mark(market, START + 11 * HOUR_NS) is None
    assert mark(market, START + 14 * HOUR_NS) == 114
    assert mark(market, START + 30 * HOUR_NS) == 130
    assert mark(market, START + 34 * HOUR_NS) is None
    assert market.next_settlement_ns(BTC, START + 30 * HOUR_NS) == START + 32 * HOUR_NS


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"venue": "okx"}, r"candles.csv: no rows of BTC on the venue 'okx'"),
        ({"assets": ["BTC", "ETH"]}, r"no rows of ETH"),
        ({"costs_venue": "kraken"}, r"no costs were measured on 'kraken'.*costs_venue.*binance, bybit"),
        ({"costs_venue": "bybit"}, r"no costs of BTC.*costs_assets.*BTC = 'XRP'"),
        ({"candles": "nothing.parquet"}, r"nothing.parquet: no such file.*ARB_REAL_DATA"),
        ({"funding": "candles.csv"}, r"candles.csv: no column funding_rate; it has timestamp, venue"),
        ({"candles": "costs.csv.gz"}, r"no column timestamp, venue, coin"),
        ({"costs": "funding.csv"}, r"funding.csv: no column exchange, ticker"),
        ({"start": "2027-01-01", "end": "2027-02-01"}, r"no rows of BTC .*from 2026-12-02T00:00:00Z"),
    ],
)
def test_what_is_missing_is_named(folder: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=rf"(?s)^exchange bin: .*{message}"):
        open_replay_market(replay(folder, **changes), "bin")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2026-01-26T00:00:00Z,binance,BTC,1,2,x,1,1", "line 2: not a number: 'x'"),
        ("yesterday,binance,BTC,1,2,1,1,1", "line 2: .*yesterday"),
        ("2026-01-26T00:00:00Z,binance,BTC,1,2", "line 2: the line is too short"),
        ("2026-01-26T00:00:00Z,binance,BTC,5,4,3,3,1", "BTC on binance: not a candle at 2026-01-26T00:00:00Z"),
        ("2026-01-26T00:00:00Z,binance,BTC,,4,3,3,1", "give rules with a tick_size"),
    ],
)
def test_unusable_rows_are_named(folder: Path, line: str, message: str) -> None:
    (folder / "bad.csv").write_text(f"timestamp,venue,coin,o,h,l,c,v\n{line}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        open_replay_market(replay(folder, candles="bad.csv"), "bin")


def test_files_that_are_no_tables_are_refused(folder: Path) -> None:
    (folder / "bad.csv.gz").write_bytes(b"not gzip")
    (folder / "bad.parquet").write_bytes(b"not parquet")
    pytest.importorskip("pyarrow")
    for name in ("bad.csv.gz", "bad.parquet"):
        with pytest.raises(ConfigError, match="cannot be read"):
            open_replay_market(replay(folder, candles=name), "bin")
        with pytest.raises(ConfigError, match=r"cannot be read|no column"):
            open_replay_market(replay(folder, costs=name), "bin")


def test_an_unknown_venue_needs_its_terms(folder: Path) -> None:
    text = (folder / "candles.csv").read_text().replace("binance", "newvenue")
    (folder / "candles.csv").write_text(text)
    text = (folder / "funding.csv").read_text().replace("binance", "newvenue")
    (folder / "funding.csv").write_text(text)
    with pytest.raises(ConfigError, match="give quote, maker_fee and taker_fee"):
        open_replay_market(replay(folder, venue="newvenue", costs_venue="binance"), "bin")
    terms = {"quote": "USD", "maker_fee": "0", "taker_fee": "0.001"}
    market = open_replay_market(replay(folder, venue="newvenue", costs_venue="binance", **terms), "bin")
    assert market.instruments()[0].fees.maker == 0
    assert market.usd_rate("USD", START) == 1
    assert market.usd_rate("EUR", START) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"assets": []},
        {"assets": ["BTC", "BTC"]},
        {"start": "2026-02-01", "end": "2026-01-01"},
        {"start": "soon"},
        {"start": 5},
        {"costs_assets": {"DOGE": "XRP"}},
        {"rules": {"BTC": {"tick_size": 0}}},
        {"margin_tiers": []},
        {"margin_tiers": [{"max_notional": 5, "maintenance_rate": "0.1", "max_leverage": 5}]},
        {"usd_rate": 0},
        {"fees": 1},
    ],
)
def test_contradictory_settings_are_refused(folder: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        replay(folder, **changes)


def test_parquet_without_pyarrow_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "candles.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigError, match=r"pip install 'arb-exchange-simulated\[replay\]'"):
        open_replay_market(replay(folder, candles="candles.parquet"), "bin")


def test_parquet_and_csv_say_the_same(folder: Path) -> None:
    arrow: Any = pytest.importorskip("pyarrow")
    parquet: Any = pytest.importorskip("pyarrow.parquet")
    with (folder / "candles.csv").open() as text:
        rows = list(csv.DictReader(text))
    stamps = arrow.array([parse_utc(row["timestamp"]) // 1000 for row in rows], arrow.timestamp("us", tz="UTC"))
    columns = {"timestamp": stamps} | {name: [row[name] for row in rows] for name in ("venue", "coin")}
    columns |= {name: [float(row[name]) for row in rows] for name in "ohlcv"}
    parquet.write_table(arrow.table(columns), folder / "candles.parquet")
    one, two = (open_replay_market(replay(folder, candles=f"candles.{kind}"), "bin") for kind in ("csv", "parquet"))
    for index in range(45):
        ts_ns = START + index * HOUR_NS + 5
        assert one.book(BTC, ts_ns) == two.book(BTC, ts_ns)
        assert one.stats(BTC, ts_ns) == two.stats(BTC, ts_ns)


def schedule(*hours: float, rate: str = "0.0001") -> FundingSchedule:
    return FundingSchedule([(START + round(at * HOUR_NS), Decimal(rate)) for at in hours])


def walk(plan: FundingSchedule, start: int, end: int) -> list[float]:
    found: list[float] = []
    now = START + start * HOUR_NS
    while (moment := plan.next_ns(now)) is not None and moment <= START + end * HOUR_NS:
        found.append((moment - START) / HOUR_NS)
        now = moment
    return found


def test_a_hole_is_a_settlement_of_unknown_rate() -> None:
    plan = schedule(*range(12), *range(13, 20))
    assert walk(plan, -1, 20) == list(range(20))
    assert plan.rate(START + 12 * HOUR_NS) is None
    assert plan.last_rate(START + 12 * HOUR_NS) is None
    assert plan.last_rate(START + 13 * HOUR_NS) == Decimal("0.0001")
    assert plan.interval_ns(START + 13 * HOUR_NS) == HOUR_NS
    assert plan.usual_interval_ns == HOUR_NS


def test_a_lasting_change_of_the_interval_is_no_hole() -> None:
    plan = schedule(*range(12), *range(15, 60, 4))
    assert walk(plan, 11, 30) == [15, 19, 23, 27]
    assert plan.interval_ns(START + 11 * HOUR_NS) == HOUR_NS
    assert plan.interval_ns(START + 27 * HOUR_NS) is None
    assert plan.interval_ns(START + 55 * HOUR_NS) == 4 * HOUR_NS
    assert plan.usual_interval_ns is None


def test_an_interval_needs_eight_settlements() -> None:
    plan = schedule(*range(8))
    assert plan.interval_ns(START + 6 * HOUR_NS) is None
    assert plan.interval_ns(START + 7 * HOUR_NS) == HOUR_NS
    assert schedule(*range(7)).usual_interval_ns is None
    assert FundingSchedule([]).next_ns(0) is None
    assert FundingSchedule([]).last_rate(0) is None


def test_stamps_are_rounded_to_the_minute_and_may_not_contradict() -> None:
    plan = FundingSchedule([(START + 12_000_000, Decimal(1)), (START, Decimal(1)), (START + HOUR_NS - 5, None)])
    assert plan.rate(START) == 1
    assert plan.next_ns(START) == START + HOUR_NS
    with pytest.raises(ConfigError, match="two funding rates at 2026-01-24T00:00:00Z"):
        FundingSchedule([(START, Decimal(1)), (START + 5, Decimal(2))])


def slippage_bps(levels_of: Sequence[tuple[Decimal, Decimal]], mid: Decimal, notional: Decimal) -> Decimal:
    left, paid = notional / mid, Decimal(0)
    for price, size in levels_of:
        taken = min(left, size)
        paid += taken * price
        left -= taken
    assert left <= Decimal("0.001")
    return abs(paid / (notional / mid - left) / mid - 1) / BPS


@settings(max_examples=80, deadline=None)
@given(
    price=st.decimals("0.05", "90000", places=2),
    spread=st.decimals("0.01", "15", places=3),
    steps=st.lists(st.decimals("0", "40", places=2), min_size=4, max_size=4),
)
def test_a_book_is_ordered_and_never_cheaper_than_measured_by_a_tick(
    price: Decimal, spread: Decimal, steps: list[Decimal]
) -> None:
    slip, tiers = spread / 2, []
    for notional, step in zip((1_000, 10_000, 100_000, 1_000_000), steps, strict=True):
        slip += step
        tiers.append(DepthTier(Decimal(notional), slip))
    tick = Decimal(1).scaleb((price / 50_000).adjusted())
    costs = MarketCosts(spread, {Side.BUY: tiers, Side.SELL: tiers})
    bids, asks = build_book(price, costs, tick=tick, lot=Decimal("0.00000001"), usd_rate=Decimal(1))
    assert list(bids) == sorted(bids, reverse=True)
    assert list(asks) == sorted(asks)
    assert bids[0].price < asks[0].price
    assert all(level.size > 0 and level.price % tick == 0 for level in (*bids, *asks))
    mid = (bids[0].price + asks[0].price) / 2
    tick_bps = tick / mid / BPS
    for side in (bids, asks):
        for tier in tiers:
            got = slippage_bps(side, mid, tier.notional_usd * Decimal("0.99999"))
            assert got >= tier.slippage_bps - tick_bps * Decimal("1.01") - Decimal("0.01")
        # Measured averages that fit a book are met exactly by the whole of it.
        deepest = slippage_bps(side, mid, Decimal(999_990))
        assert deepest >= tiers[-1].slippage_bps * Decimal("0.999") - tick_bps - Decimal("0.01")


def test_depth_that_was_not_there_is_not_made_up(folder: Path) -> None:
    row = cost_row("binance", "BTC", "2", ["1", "2", "5", "20"])
    for column in ("ask_fill_1m", "bid_fill_1m", "bid_fill_100k"):
        row[COST_COLUMNS.index(column)] = "False"
    write_csv(folder / "thin.csv", COST_COLUMNS, [row])
    book = open_replay_market(replay(folder, costs="thin.csv"), "bin").book(BTC, START)
    assert book is not None
    assert 90_000 < sum(price * size for price, size in book.asks) < 110_000
    assert 9_000 < sum(price * size for price, size in book.bids) < 11_000


REAL = Path(os.environ.get("ARB_REAL_DATA") or Path(__file__).parents[3] / "shared" / "data")
VENUES = {"binance": None, "bybit": None, "okx": "bybit", "kraken": "bybit", "dydx": None}
COINS = ["BTC", "ETH", "SOL", "DOGE", "HYPE"]


def real_market(venue: str) -> FundingReplayMarket:
    if not (REAL / "funding").is_dir():
        pytest.skip(f"recorded funding is not there: {REAL / 'funding'} (set ARB_REAL_DATA)")
    pytest.importorskip("pyarrow")
    values = {"root": str(REAL), "venue": venue, "assets": COINS, "costs_venue": VENUES[venue]}
    window = {"start": "2026-01-24", "end": "2026-03-05", "costs_assets": {"DOGE": "XRP"}}
    return open_replay_market(ReplaySettings.model_validate(values | window), venue)


@pytest.mark.realdata
@pytest.mark.parametrize("venue", VENUES)
def test_six_weeks_of_five_venues(venue: str) -> None:
    market = real_market(venue)
    hours_of = {"kraken": 1, "dydx": 1}
    for instrument in market.instruments():
        expected = hours_of.get(venue) or (4 if instrument.base == "HYPE" and venue != "bybit" else 8)
        assert instrument.funding_interval_ns == expected * HOUR_NS
        first = parse_utc("2026-01-25")
        for day in range(39):
            book = market.book(instrument.id, first + day * 24 * HOUR_NS + 17)
            assert book is not None
            assert book.bbo() is not None
        moments: list[int] = []
        now = first
        while (moment := market.next_settlement_ns(instrument.id, now)) is not None and moment < parse_utc(
            "2026-03-05"
        ):
            moments.append(moment)
            now = moment
        assert all(moment % (expected * HOUR_NS) == 0 for moment in moments)
        assert len(moments) == 39 * 24 // expected - 1
        unknown = [moment for moment in moments if market.settled_rate(instrument.id, moment) is None]
        assert len(unknown) == (2 if venue == "kraken" else 0)
        with exact_money():
            rates = [market.settled_rate(instrument.id, moment) or Decimal(0) for moment in moments]
            assert abs(sum(rates, Decimal(0))) < 1


@pytest.mark.realdata
def test_a_real_book_costs_what_was_measured() -> None:
    market = real_market("binance")
    hype = InstrumentId("HYPE-PERP.binance")
    book = market.book(hype, parse_utc("2026-02-10T12:00:00"))
    assert book is not None
    bbo = book.bbo()
    assert bbo is not None
    measured = {1_000: "0.32", 10_000: "1.79", 100_000: "6.515", 990_000: "25.8"}
    for notional, bps in measured.items():
        got = slippage_bps(book.asks, bbo.mid_price, Decimal(notional))
        assert abs(got - Decimal(bps)) < Decimal("0.1")
