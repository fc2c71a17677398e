from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest

from arb.api import ConnectFailed, StaleData
from arb.funding import (
    AssetIdentity,
    FinderSettings,
    FundingBook,
    FxBook,
    OpportunityFinder,
    SkipReason,
    StatsBook,
)
from arb.model import (
    BPS,
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    Averaging,
    BookLevel,
    ExchangeName,
    FeeSchedule,
    Fresh,
    FundingKind,
    FundingRate,
    Instrument,
    InstrumentId,
    InstrumentStatus,
    MarketStats,
    OpportunityFilter,
    OpportunityScan,
    OrderBook,
    RateUnit,
)
from arb.testing import START_NS, FakeClock, sample_instrument

NOW = START_NS + 20 * MINUTE_NS
WANTED = OpportunityFilter(notional_usd=Decimal(1_000), horizon_hours=Decimal(72))


@dataclass
class Desk:
    """A market of two or more venues; every book is one level deep unless told otherwise."""

    clock: FakeClock = field(default_factory=lambda: FakeClock(NOW))
    funding: FundingBook = field(default_factory=FundingBook)
    stats: StatsBook = field(default_factory=StatsBook)
    fx: FxBook = field(default_factory=lambda: FxBook(assumed={"USDC": Decimal(1), "USDT": Decimal(1)}))
    identity: AssetIdentity = field(default_factory=AssetIdentity)
    settings: FinderSettings | None = None
    averaging: Mapping[ExchangeName, Averaging] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.instruments: dict[InstrumentId, Instrument] = {}
        self.books: dict[InstrumentId, OrderBook] = {}
        self.errors: dict[InstrumentId, Exception] = {}
        self.fetched: Counter[InstrumentId] = Counter()
        self.finder = OpportunityFinder(
            instruments=self.instruments,
            funding=self.funding,
            stats=self.stats,
            fx=self.fx,
            prices=self,
            clock=self.clock,
            settings=self.settings,
            identity=self.identity,
            averaging=self.averaging,
        )

    async def get_book(self, instrument: InstrumentId, max_age_ns: int) -> Fresh[OrderBook]:
        self.fetched[instrument] += 1
        if instrument in self.errors:
            raise self.errors[instrument]
        return Fresh(self.books[instrument], "desk", self.clock.now_ns())

    def list(
        self,
        exchange: str,
        rate_bps_hour: str,
        *,
        base: str = "BTC",
        price: str = "100",
        size: str = "1000",
        fee: str = "0.0002",
        interval: int = 1,
        history: int = 400,
        **rules: Any,
    ) -> InstrumentId:
        """List an instrument whose rate has been what it is for `history` settlements."""
        fees = FeeSchedule(maker=Decimal(0), taker=Decimal(fee))
        rules = {"funding_interval_ns": interval * HOUR_NS, **rules}
        listed = sample_instrument(exchange, base, fees=fees, **rules)
        self.instruments[listed.id] = listed
        mid = Decimal(price)
        self.books[listed.id] = OrderBook(
            instrument=listed.id,
            bids=(BookLevel(mid * (1 - BPS / 2), Decimal(size)),),
            asks=(BookLevel(mid * (1 + BPS / 2), Decimal(size)),),
            sequence=1,
            ts_event_ns=NOW,
            ts_init_ns=NOW,
        )
        self.predict(listed.id, rate_bps_hour, interval)
        first = START_NS - (history - 1) * interval * HOUR_NS
        self.funding.add_settled(
            replace(
                self.rate(listed.id, rate_bps_hour, interval, FundingKind.SETTLED),
                ts_event_ns=first + n * interval * HOUR_NS,
            )
            for n in range(history)
        )
        return listed.id

    def rate(self, instrument: InstrumentId, bps_hour: str, interval: int, kind: FundingKind) -> FundingRate:
        due = (NOW // (interval * HOUR_NS) + 1) * interval * HOUR_NS
        return FundingRate(
            instrument=instrument,
            raw=Decimal(bps_hour) * BPS,
            unit=RateUnit(factor=Decimal(1), period_ns=HOUR_NS),
            interval_ns=interval * HOUR_NS,
            kind=kind,
            ts_event_ns=NOW,
            ts_init_ns=NOW,
            next_funding_ns=due if kind is FundingKind.PREDICTED else None,
        )

    def predict(self, instrument: InstrumentId, bps_hour: str, interval: int = 1) -> None:
        self.funding.observe(self.rate(instrument, bps_hour, interval, FundingKind.PREDICTED), NOW)

    def active(self, instrument: InstrumentId, volume: str | None, interest: str | None) -> None:
        stats = MarketStats(
            instrument=instrument,
            mark_price=None,
            index_price=None,
            volume_24h=None if volume is None else Decimal(volume),
            open_interest=None if interest is None else Decimal(interest),
            ts_event_ns=NOW,
            ts_init_ns=NOW,
        )
        self.stats.observe([stats], "desk", NOW)

    def scan(self, **wanted: Any) -> OpportunityScan:
        return asyncio.run(self.finder.scan(replace(WANTED, **wanted)))

    def reason(self, **wanted: Any) -> tuple[str, Decimal | None, Decimal | None]:
        """Return why the only pair was passed over."""
        found = self.scan(**wanted)
        assert found.rows == ()
        (only,) = found.skipped
        return only.reason, only.value, only.limit


def rich_pair(settings: FinderSettings | None = None, **second: Any) -> Desk:
    """Two venues with 0.4 bp an hour between them: 28.8 bps in three days against 10 bps of cost."""
    desk = Desk(settings=settings)
    desk.list("a", "0.1")
    desk.list("b", "0.5", **second)
    return desk


def test_a_pair_that_pays_is_found_with_every_figure() -> None:
    desk = rich_pair()
    found = desk.scan()
    assert found.skipped == ()
    (row,) = found.rows
    assert (row.base, row.long, row.short) == ("BTC", "BTC-PERP.a", "BTC-PERP.b")
    assert row.long_quantity == row.short_quantity == 10
    assert row.carry_bps_hour == Decimal("0.4")
    assert row.cost.fees_bps == 8
    assert row.cost.spread_bps == 2
    assert row.cost.impact_bps == 0
    assert row.break_even_hours == 25
    assert row.basis_bps == 0
    assert row.notional_usd == 1_000
    assert round(row.capital_usd, 6) == round(Decimal(2_000) / 3 * Decimal("1.25"), 6)
    # 72 settlements of 0.4 bp; the long-run spread is a little below what was seen, and nothing decays away.
    assert Decimal("28.2") < row.capture_bps <= Decimal("28.8")
    assert row.net_usd == (row.capture_bps - 10) * BPS * 1_000
    assert row.score > 0


def test_nothing_opens_on_a_venue_in_quarantine_and_every_pair_with_it_says_so() -> None:
    desk = rich_pair()
    desk.list("c", "0.5")
    desk.list("d", "0.5", base="ETH")
    desk.list("a", "0.1", base="ETH")
    desk.funding.quarantine(ExchangeName("b"), "paid over published is 0.01")
    found = desk.scan()
    assert [(row.long, row.short) for row in found.rows] == [
        ("BTC-PERP.a", "BTC-PERP.c"),
        ("ETH-PERP.a", "ETH-PERP.d"),
    ]
    reasons = {frozenset({one.long, one.short}): one.reason for one in found.skipped}
    assert reasons == {
        frozenset({"BTC-PERP.a", "BTC-PERP.b"}): SkipReason.VENUE_QUARANTINED,
        frozenset({"BTC-PERP.b", "BTC-PERP.c"}): SkipReason.VENUE_QUARANTINED,
    }
    desk.funding.release(ExchangeName("b"))
    assert "BTC-PERP.b" in {row.short for row in desk.scan().rows}


def test_the_first_settlement_follows_the_averaging_of_its_exchange() -> None:
    plain, flat = Desk(), Desk(averaging={ExchangeName("b"): Averaging.FLAT})
    for desk in (plain, flat):
        desk.list("a", "0.1")
        desk.list("b", "0.5", history=400)
        desk.predict(InstrumentId("BTC-PERP.b"), "0.6")
    (one,), (other,) = plain.scan().rows, flat.scan().rows
    # A third of the hour is decided; of the 0.1 bp above the usual rate a part of the rest will be gone.
    assert Decimal("0.005") < one.capture_bps - other.capture_bps < Decimal("0.02")


def test_each_book_is_read_once_a_scan() -> None:
    desk = rich_pair()
    desk.list("c", "0.9")
    assert len(desk.scan().rows) == 3
    assert set(desk.fetched.values()) == {1}


def test_pairs_are_ranked_and_those_beyond_the_limit_are_named() -> None:
    desk = rich_pair()
    desk.list("c", "0.9")
    found = desk.scan(limit=1)
    assert [(row.long, row.short) for row in found.rows] == [("BTC-PERP.a", "BTC-PERP.c")]
    assert {skipped.reason for skipped in found.skipped} == {SkipReason.RANKED_OUT}


def test_a_pair_that_earns_nothing_is_left_without_reading_a_book() -> None:
    desk = Desk()
    desk.list("a", "0.1")
    desk.list("b", "0.1")
    assert desk.reason() == (SkipReason.CARRY_NOT_POSITIVE, Decimal(0), Decimal(0))
    desk.predict(InstrumentId("BTC-PERP.b"), "0.105")
    reason, value, limit = desk.reason()
    assert (reason, limit) == (SkipReason.CAPTURE_BELOW_FEES, Decimal(8))
    assert value is not None
    assert value < 8
    assert not desk.fetched


def test_one_exchange_does_not_pair_with_itself_and_asset_classes_do_not_mix() -> None:
    desk = rich_pair(asset_class="stock")
    assert desk.scan() == OpportunityScan(ts_ns=NOW, rows=(), skipped=())
    other = Desk()
    other.list("a", "0.1")
    listed = other.instruments[InstrumentId("BTC-PERP.a")]
    twin = replace(listed, id=InstrumentId("BTC-USDT.a"))
    other.instruments[twin.id] = twin
    other.predict(twin.id, "5")
    assert other.scan().skipped == ()


def test_the_filter_by_base_and_exchange() -> None:
    desk = rich_pair()
    assert desk.scan(bases=frozenset({"ETH"})).rows == ()
    assert desk.scan(exchanges=frozenset({"a", "c"})).rows == ()
    assert len(desk.scan(bases=frozenset({"BTC"}), exchanges=frozenset({"a", "b"})).rows) == 1


def test_a_leg_that_takes_no_orders() -> None:
    assert rich_pair(status=InstrumentStatus.REDUCE_ONLY).reason() == (SkipReason.NOT_TRADING, None, None)


def test_an_unknown_interval() -> None:
    desk = rich_pair(history=0)
    listed = desk.instruments[InstrumentId("BTC-PERP.b")]
    desk.instruments[listed.id] = replace(listed, funding_interval_ns=None)
    assert desk.reason()[0] == SkipReason.INTERVAL_UNKNOWN


def test_an_unknown_and_a_stale_rate() -> None:
    desk = Desk()
    desk.list("a", "0.1")
    quiet = sample_instrument("b", funding_interval_ns=HOUR_NS)
    desk.instruments[quiet.id] = quiet
    assert desk.reason()[0] == SkipReason.FUNDING_UNKNOWN
    old = rich_pair()
    old.clock.advance(31 * MINUTE_NS)
    assert old.reason()[0] == SkipReason.FUNDING_STALE


def test_an_unknown_schedule() -> None:
    desk = rich_pair(history=0)
    name = InstrumentId("BTC-PERP.b")
    desk.funding.observe(replace(desk.rate(name, "0.5", 1, FundingKind.PREDICTED), next_funding_ns=None), NOW)
    assert desk.reason()[0] == SkipReason.SCHEDULE_UNKNOWN


def due_in(minutes: int) -> OpportunityScan:
    """Scan a pair whose next settlement lies so many minutes ahead."""
    desk = rich_pair()
    for name, bps in zip(desk.instruments, ("0.1", "0.5"), strict=True):
        rate = desk.rate(name, bps, 1, FundingKind.PREDICTED)
        desk.funding.observe(replace(rate, next_funding_ns=NOW + minutes * MINUTE_NS), NOW)
    return desk.scan()


@pytest.mark.parametrize(("until", "value", "limit"), [(1, 1, 15), (14, 14, 15), (56, 4, 5), (60, 0, 5)])
def test_no_entry_near_a_settlement(until: int, value: int, limit: int) -> None:
    (skipped,) = due_in(until).skipped
    assert skipped.reason == SkipReason.SETTLEMENT_QUARANTINE
    assert skipped.value == value
    assert skipped.limit == limit


@pytest.mark.parametrize("until", [15, 30, 55])
def test_entry_away_from_a_settlement(until: int) -> None:
    assert len(due_in(until).rows) == 1


def test_an_instrument_that_settles_each_minute_can_be_entered_between_settlements() -> None:
    def found(seconds: int) -> OpportunityScan:
        desk = rich_pair()
        for name, bps in zip(desk.instruments, ("0.1", "0.5"), strict=True):
            rate = replace(desk.rate(name, bps, 1, FundingKind.PREDICTED), interval_ns=MINUTE_NS)
            desk.funding.observe(replace(rate, next_funding_ns=NOW + seconds * SECOND_NS), NOW)
        return desk.scan()

    assert [len(found(seconds).rows) for seconds in (1, 14, 15, 30, 55, 56, 60)] == [0, 0, 1, 1, 1, 0, 0]


def test_activity_of_the_thinner_leg_and_unknown_activity() -> None:
    desk = rich_pair()
    a, b = desk.instruments
    assert desk.reason(min_volume_24h_usd=Decimal(5)) == (SkipReason.VOLUME_UNKNOWN, None, Decimal(5))
    desk.active(a, "1000", "50")
    assert desk.reason(min_volume_24h_usd=Decimal(5))[0] == SkipReason.VOLUME_UNKNOWN
    desk.active(b, "4", None)
    assert desk.reason(min_volume_24h_usd=Decimal(5)) == (SkipReason.VOLUME_TOO_LOW, Decimal(4), Decimal(5))
    assert desk.reason(max_open_interest_usd=Decimal(60))[0] == SkipReason.OPEN_INTEREST_UNKNOWN
    assert desk.reason(max_open_interest_usd=Decimal(40)) == (
        SkipReason.OPEN_INTEREST_TOO_HIGH,
        Decimal(50),
        Decimal(40),
    )
    desk.active(b, "5", "50")
    assert len(desk.scan(min_volume_24h_usd=Decimal(5), max_open_interest_usd=Decimal(50)).rows) == 1


def test_a_quote_currency_without_a_rate() -> None:
    assert rich_pair(quote="EURX").reason()[0] == SkipReason.FX_UNKNOWN


def mark(desk: Desk, prices: Sequence[str], quarters: int = 1) -> None:
    """Publish a mark price of each instrument, in so many quarters of an hour."""
    for instrument, price in zip(desk.instruments.values(), prices, strict=True):
        for quarter in range(quarters):
            stats = MarketStats(
                instrument=instrument.id,
                mark_price=Decimal(price),
                index_price=None,
                volume_24h=None,
                open_interest=None,
                ts_event_ns=NOW - quarter * 15 * MINUTE_NS,
                ts_init_ns=NOW,
            )
            desk.identity.observe(instrument, stats, Decimal(1))


def test_one_ticker_with_two_prices_is_two_assets_from_the_first_observation_on() -> None:
    desk = rich_pair()
    mark(desk, ["100", "600"])
    reason, value, limit = desk.reason()
    assert (reason, limit) == (SkipReason.DIFFERENT_ASSET, Decimal("0.02"))
    assert value is not None
    assert round(value, 4) == Decimal("0.1667")
    assert not desk.fetched


def test_a_fresh_pair_is_traded_when_its_marks_agree_and_when_there_are_none() -> None:
    agreeing = rich_pair()
    mark(agreeing, ["100", "101"])
    assert len(agreeing.scan().rows) == 1
    assert len(rich_pair().scan().rows) == 1


def test_a_proof_can_be_asked_for() -> None:
    desk = rich_pair(settings=FinderSettings(prove_assets=True))
    assert desk.reason() == (SkipReason.ASSET_UNPROVED, Decimal(0), Decimal(12))
    mark(desk, ["100", "101"], quarters=11)
    assert desk.reason() == (SkipReason.ASSET_UNPROVED, Decimal(11), Decimal(12))
    mark(desk, ["100", "101"], quarters=12)
    assert len(desk.scan().rows) == 1


def test_prices_are_compared_in_dollars_per_base_unit() -> None:
    desk = rich_pair(price="100000", multiplier=Decimal(1_000), quote="USDT")
    (row,) = desk.scan().rows
    assert row.basis_bps == 0
    assert row.short_quantity * 1_000 == row.long_quantity
    desk.fx.observe({"USDT": Decimal("0.99")}, "x", NOW)
    (row,) = desk.scan().rows
    assert row.basis_bps == -100


def test_one_ticker_for_two_assets_is_caught_by_the_price() -> None:
    reason, value, limit = rich_pair(price="103").reason()
    assert (reason, value, limit) == (SkipReason.BASIS_TOO_WIDE, Decimal(300), Decimal(200))


@pytest.mark.parametrize("error", [StaleData("too old"), ConnectFailed("down")])
def test_a_book_that_cannot_be_had(error: Exception) -> None:
    desk = rich_pair()
    desk.errors[InstrumentId("BTC-PERP.a")] = error
    assert desk.reason()[0] == SkipReason.BOOK_UNAVAILABLE


def test_an_empty_side_is_not_a_price() -> None:
    desk = rich_pair()
    name = InstrumentId("BTC-PERP.a")
    desk.books[name] = replace(desk.books[name], bids=())
    assert desk.reason()[0] == SkipReason.BOOK_UNAVAILABLE


@pytest.mark.parametrize(("bid", "ask"), [("0", "1"), ("100", "100"), ("101", "99"), ("-1", "1")])
def test_a_book_that_is_no_market_is_not_used(bid: str, ask: str) -> None:
    desk = rich_pair()
    name = InstrumentId("BTC-PERP.a")
    sides = (BookLevel(Decimal(bid), Decimal(9)),), (BookLevel(Decimal(ask), Decimal(9)),)
    desk.books[name] = replace(desk.books[name], bids=sides[0], asks=sides[1])
    assert desk.reason()[0] == SkipReason.BOOK_UNAVAILABLE


def test_a_volume_that_is_no_number_is_unknown() -> None:
    desk = rich_pair()
    for name in desk.instruments:
        desk.active(name, "NaN", "NaN")
    assert desk.reason(min_volume_24h_usd=Decimal(5))[0] == SkipReason.VOLUME_UNKNOWN


@pytest.mark.parametrize("wanted", [{"horizon_hours": Decimal(0)}, {"notional_usd": Decimal(-1)}])
def test_a_scan_without_size_or_time_is_refused(wanted: dict[str, Decimal]) -> None:
    with pytest.raises(ValueError, match="positive"):
        rich_pair().scan(**wanted)


def test_size_limits_of_the_venues() -> None:
    assert rich_pair(lot_size=Decimal(11)).reason() == (SkipReason.BELOW_MINIMUM, Decimal(10), None)
    assert rich_pair(min_notional=Decimal(801)).reason() == (SkipReason.BELOW_MINIMUM, Decimal(10), None)
    assert len(rich_pair(min_notional=Decimal(800)).scan().rows) == 1
    assert rich_pair(max_quantity=Decimal(9)).reason() == (SkipReason.ABOVE_MAXIMUM, Decimal(10), None)


def test_a_book_too_thin_for_the_size() -> None:
    assert rich_pair(size="9").reason() == (SkipReason.DEPTH_TOO_THIN, Decimal(10), None)


def test_the_economic_gates() -> None:
    desk = rich_pair()
    capture = desk.scan().rows[0].capture_bps
    assert desk.reason(min_capture_ratio=Decimal(3)) == (SkipReason.CAPTURE_BELOW_COST, capture, Decimal(30))
    assert desk.reason(min_net_bps=Decimal(20)) == (SkipReason.NET_TOO_LOW, capture - 10, Decimal(20))
    assert desk.reason(max_break_even_hours=Decimal(24)) == (
        SkipReason.BREAK_EVEN_TOO_LONG,
        Decimal(25),
        Decimal(24),
    )
    assert len(desk.scan(max_break_even_hours=Decimal(25)).rows) == 1


def test_capital_that_would_earn_more_elsewhere_is_not_bound() -> None:
    desk = rich_pair()
    row = desk.scan().rows[0]
    earned = row.net_usd / row.capital_usd * 8760 / WANTED.horizon_hours
    assert desk.scan(hurdle_apr=earned * Decimal("0.99")).rows
    assert desk.reason(hurdle_apr=Decimal(1000)) == (SkipReason.BELOW_HURDLE, earned, Decimal(1000))


def test_spreads_have_to_have_lasted_in_the_past_where_that_is_asked_for() -> None:
    assert rich_pair().scan(min_survival=Decimal(1)).rows[0].survival == 1
    desk = Desk()
    low, high = desk.list("a", "0.1", history=0), desk.list("b", "2.5", history=0)
    assert desk.reason(min_survival=Decimal("0.5")) == (SkipReason.PERSISTENCE_UNKNOWN, None, Decimal("0.5"))
    # Two weeks in which every other half day paid what is paid now: four cells of four hours have some of it.
    for instrument, rate in ((low, "0.1"), (high, "2.5")):
        desk.funding.add_settled(
            replace(
                desk.rate(instrument, rate if hour // 12 % 2 else "0.1", 1, FundingKind.SETTLED),
                ts_event_ns=START_NS + (hour - 336) * HOUR_NS,
            )
            for hour in range(1, 337)
        )
    anything = {"min_capture_ratio": Decimal(0), "min_net_bps": Decimal(-100)}
    (row,) = desk.scan(**anything).rows
    assert row.break_even_hours is not None
    assert Decimal(4) < row.break_even_hours < 8
    assert row.survival is not None
    # Of four cells three were followed by another one.
    assert abs(row.survival - Decimal("0.75")) < Decimal("0.02")
    assert desk.reason(min_survival=Decimal("0.8"), **anything) == (
        SkipReason.SPREAD_SHORT_LIVED,
        row.survival,
        Decimal("0.8"),
    )


def test_without_a_history_a_spread_is_taken_to_halve_each_day() -> None:
    desk = Desk()
    desk.list("a", "0.1", history=0)
    desk.list("b", "0.5", history=0)
    (row,) = desk.scan().rows
    # c0*h/ln2*(1-2^(-T/h)) = 0.4*24/ln2*0.875 = 12.1 bps; settlements fall later than the integral assumes.
    assert Decimal("11.9") < row.capture_bps < Decimal("12.2")


def test_a_decaying_spread_that_can_never_pay_is_named_so() -> None:
    desk = Desk()
    desk.list("a", "0.1", history=0)
    desk.list("b", "0.4", history=0, fee="0.00055")
    reason, value, limit = desk.reason(
        min_capture_ratio=Decimal(0), min_net_bps=Decimal(-100), max_break_even_hours=Decimal(1_000)
    )
    assert reason == SkipReason.NEVER_BREAKS_EVEN
    assert value is not None
    assert round(value, 2) == Decimal("10.39")
    assert limit == 17


def test_an_eight_hour_leg_is_left_right_after_its_payment() -> None:
    desk = Desk()
    desk.list("a", "0.1")
    desk.list("b", "0.5", interval=8, history=60)
    due = START_NS + 8 * HOUR_NS
    (row,) = desk.scan(horizon_hours=Decimal(78)).rows
    payments = 1 + (NOW + 78 * HOUR_NS - due) // (8 * HOUR_NS)
    paid_until = due + (payments - 1) * 8 * HOUR_NS
    hours = (paid_until - START_NS) // HOUR_NS
    assert payments * 8 == hours
    assert row.capture_bps <= Decimal("0.5") * 8 * payments - Decimal("0.1") * hours
    assert row.capture_bps > Decimal("0.39") * hours


def test_only_so_many_pairs_are_examined_the_best_first() -> None:
    desk = Desk(settings=FinderSettings(max_examined=1))
    desk.list("a", "0.1")
    desk.list("b", "0.5")
    desk.list("c", "0.9")
    found = desk.scan()
    assert [(row.long, row.short) for row in found.rows] == [("BTC-PERP.a", "BTC-PERP.c")]
    assert [skipped.reason for skipped in found.skipped] == [SkipReason.NOT_EXAMINED] * 2
    assert [skipped.value for skipped in found.skipped] == [2, 3]


def test_without_explaining_only_unusable_legs_are_named() -> None:
    desk = Desk(settings=FinderSettings(explain=False))
    desk.list("a", "0.1")
    desk.list("b", "0.1")
    assert desk.scan().skipped == ()


def test_every_pair_is_a_row_or_has_one_reason() -> None:
    desk = Desk()
    for index, bps in enumerate(("0.1", "0.5", "-0.3", "0.1", "2")):
        desk.list("abcde"[index], bps, size="5" if index == 4 else "1000")
    found = desk.scan(limit=2)
    pairs = [frozenset((row.long, row.short)) for row in found.rows]
    pairs += [frozenset((left.long, left.short)) for left in found.skipped]
    assert len(pairs) == len(set(pairs)) == 10
    assert {skipped.reason for skipped in found.skipped} <= set(SkipReason)


def test_a_changed_horizon_or_fee_is_not_answered_from_an_earlier_scan() -> None:
    desk = rich_pair()
    assert len(desk.scan().rows) == 1
    assert desk.reason(horizon_hours=Decimal(5))[0] == SkipReason.CAPTURE_BELOW_FEES
    assert len(desk.scan().rows) == 1
    listed = desk.instruments[InstrumentId("BTC-PERP.a")]
    dear = FeeSchedule(maker=Decimal(0), taker=Decimal("0.01"))
    desk.instruments[listed.id] = replace(listed, fees=dear)
    assert desk.reason()[0] == SkipReason.CAPTURE_BELOW_FEES


def test_an_empty_market() -> None:
    assert Desk().scan() == OpportunityScan(ts_ns=NOW, rows=(), skipped=())
