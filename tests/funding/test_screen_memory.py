"""A screen that remembers what did not change says the same as one that looks at everything."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from arb.funding import FeeCalculator, FundingBook
from arb.funding._screen import Screen
from arb.model import (
    HOUR_NS,
    MINUTE_NS,
    ExchangeName,
    FundingKind,
    FundingRate,
    Instrument,
    InstrumentStatus,
    OpportunityFilter,
    RateUnit,
)
from arb.testing import START_NS, sample_instrument

VENUES, BASES = ("a", "b", "c"), ("BTC", "ETH")
LISTED = [sample_instrument(venue, base, funding_interval_ns=HOUR_NS) for venue in VENUES for base in BASES]
LISTED[0] = replace(LISTED[0], funding_interval_ns=None)  # known from settlements only

steps = st.one_of(
    st.tuples(st.just("rate"), st.integers(0, 5), st.decimals("-0.002", "0.002", places=5)),
    st.tuples(st.just("wait"), st.integers(1, 90)),
    st.tuples(st.just("status"), st.integers(0, 5), st.sampled_from(InstrumentStatus)),
    st.tuples(st.just("settled"), st.integers(1, 9)),
    st.tuples(st.just("horizon"), st.sampled_from([24, 72])),
    st.tuples(st.just("delist"), st.integers(0, 5)),
    st.tuples(st.just("quarantine"), st.sampled_from(VENUES)),
    st.tuples(st.just("release"), st.sampled_from(VENUES)),
)


def rate(instrument: Instrument, raw: Decimal, ts_ns: int, kind: FundingKind) -> FundingRate:
    return FundingRate(
        instrument=instrument.id,
        raw=raw,
        unit=RateUnit(factor=Decimal(1), period_ns=HOUR_NS),
        interval_ns=HOUR_NS,
        kind=kind,
        ts_event_ns=ts_ns,
        ts_init_ns=ts_ns,
        next_funding_ns=ts_ns - ts_ns % HOUR_NS + HOUR_NS if kind is FundingKind.PREDICTED else None,
    )


def plain(result: Any) -> Any:
    found, skipped = result
    return [(long.instrument.id, short.instrument.id, long.as_long, short.as_short) for long, short in found], skipped


@given(happened=st.lists(steps, max_size=30))
@example(happened=[("rate", 0, Decimal(0)), ("settled", 8), ("wait", 1), ("settled", 1)])
def test_a_screen_with_a_memory_equals_one_without(happened: list[Any]) -> None:
    book, now_ns = FundingBook(), START_NS
    listed = {one.id: one for one in LISTED}
    horizon = 72
    remembering = [Screen(book, explain=explain, fees=FeeCalculator()) for explain in (False, True)]
    for kind, *rest in happened:
        if kind == "rate":
            book.observe(rate(LISTED[rest[0]], rest[1], now_ns, FundingKind.PREDICTED), now_ns)
        elif kind == "wait":
            now_ns += rest[0] * MINUTE_NS
        elif kind == "status" and LISTED[rest[0]].id in listed:
            listed[LISTED[rest[0]].id] = replace(listed[LISTED[rest[0]].id], status=rest[1])
        elif kind == "settled":
            times = [now_ns - number * HOUR_NS for number in range(rest[0])]
            book.add_settled([rate(LISTED[0], Decimal(0), ts_ns, FundingKind.SETTLED) for ts_ns in times])
        elif kind == "horizon":
            horizon = rest[0]
        elif kind == "delist":
            listed.pop(LISTED[rest[0]].id, None)
        elif kind == "quarantine":
            book.quarantine(ExchangeName(rest[0]), "paid over published is 0.01")
        elif kind == "release":
            book.release(ExchangeName(rest[0]))
        wanted = OpportunityFilter(notional_usd=Decimal(1_000), horizon_hours=Decimal(horizon))
        for screen, explain in zip(remembering, (False, True), strict=True):
            fresh = Screen(book, explain=explain, fees=FeeCalculator())
            assert plain(screen.candidates(listed.values(), wanted, now_ns)) == plain(
                fresh.candidates(listed.values(), wanted, now_ns)
            )
