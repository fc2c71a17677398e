"""Holes in the settled history: found, asked for again, and named when the venue has nothing."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from arb.funding import FundingBook, FundingCollector, FxBook, StatsBook
from arb.funding._gaps import gaps
from arb.model import (
    HOUR_NS,
    MINUTE_NS,
    Event,
    EventKind,
    FundingKind,
    FundingRate,
    InstrumentId,
    RateUnit,
)
from arb.testing import START_NS, FakeClock, MemoryExchange, sample_instrument

INSTRUMENT = InstrumentId("BTC-PERP.a")


def settled(hour: int, interval_hours: int = 1) -> FundingRate:
    return FundingRate(
        instrument=INSTRUMENT,
        raw=Decimal("0.0001"),
        unit=RateUnit(factor=Decimal(1), period_ns=HOUR_NS),
        interval_ns=interval_hours * HOUR_NS,
        kind=FundingKind.SETTLED,
        ts_event_ns=START_NS + hour * HOUR_NS + 3_000_000,
        ts_init_ns=START_NS,
    )


def test_a_gap_says_how_many_are_missing() -> None:
    found = list(gaps([settled(hour) for hour in (0, 1, 2, 5, 6)]))
    assert [(gap.missing, (gap.before_ns - gap.after_ns) // HOUR_NS) for gap in found] == [(2, 3)]


def test_a_change_of_the_interval_is_no_gap() -> None:
    assert not list(gaps([settled(0), settled(1), settled(9, 8), settled(17, 8), settled(18), settled(19)]))
    assert not list(gaps([settled(0, 0), settled(7, 0)]))


def collected(listed: list[int], known: list[int]) -> tuple[list[Event], list[int], int]:
    """Collect three times from a venue that lists these hours; return gaps told, hours held, number of requests."""

    async def run() -> tuple[list[Event], list[int], int]:
        clock = FakeClock(START_NS + 20 * HOUR_NS + MINUTE_NS)
        exchange = MemoryExchange("a", clock=clock, prices={})
        instrument = sample_instrument("a", funding_interval_ns=HOUR_NS)
        exchange.add_instrument(instrument, 100)
        for hour in listed:
            exchange.add_history(settled(hour))
        funding = FundingBook()
        funding.add_settled([settled(hour) for hour in known])
        collector = FundingCollector(
            exchanges=[exchange],
            instruments={instrument.id: instrument},
            clock=clock,
            funding=funding,
            stats=StatsBook(),
            fx=FxBook(assumed={}),
        )
        told: list[Event] = []
        for _ in range(3):
            report = await collector.collect(clock.now_ns())
            told += [event for event in report.events if event.kind is EventKind.FUNDING_GAP]
            clock.advance(MINUTE_NS)
        held = [(rate.ts_event_ns - START_NS) // HOUR_NS for rate in funding.settled(INSTRUMENT)]
        return told, held, exchange.faults.calls["fetch_funding_history"]

    return asyncio.run(run())


def test_a_gap_is_filled_from_the_history_of_the_venue() -> None:
    told, held, requests = collected(list(range(21)), [0, 1, 2, 3, 15, 16, 17, 18, 19, 20])
    assert (told, held, requests) == ([], list(range(21)), 1)


def test_a_gap_that_the_venue_has_too_is_named_once_and_not_asked_for_again() -> None:
    hours = [0, 1, 2, 3, 15, 16, 17, 18, 19, 20]
    told, held, requests = collected(hours, hours)
    assert (held, requests) == (hours, 1)
    (event,) = told
    assert "11 settlements are missing" in event.message
