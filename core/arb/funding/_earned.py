"""What holding a pair would have collected over recorded settlements (handbook C2, C3)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate, pairwise

from arb.model import DAY_NS, HOUR_NS, ZERO, FundingRate, InstrumentId

Span = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledSeries:
    """Settled funding of one instrument, oldest first.

    Attributes:
        rates: Fractions of notional, one for each of `times_ns`.
        holes: Times (start, end] in which settlements are missing.
    """

    instrument: InstrumentId
    times_ns: Sequence[int]
    rates: Sequence[Decimal]
    holes: Sequence[Span]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairEarnings:
    """What one leg long and one leg short collected, as a fraction of one leg's notional.

    Opened right after `start_ns`, held to `end_ns`, each settlement of both calendars counted once. In a
    hole of either leg nothing is counted of both: what the other collected there was no hedge's.

    Attributes:
        observed_ns: From start to end without the holes.
        settlements: Counted, of both legs.
        holes: Of both legs.
        days: Whole UTC days without a hole.
        positive_days: Of these, those that brought more than nothing.
        longest_run: Positive days in a row, at most.
        curve: What was collected until the end of each of these days.
    """

    long: InstrumentId
    short: InstrumentId
    start_ns: int
    end_ns: int
    observed_ns: int
    settlements: int
    holes: int
    captured: Decimal
    days: int
    positive_days: int
    longest_run: int
    curve: tuple[Decimal, ...]

    @property
    def per_hour(self) -> Decimal:
        """Return the mean carry, fraction of notional per hour."""
        return self.captured * HOUR_NS / self.observed_ns


def settled_series(rates: Iterable[FundingRate]) -> SettledSeries | None:
    """Return the series of one instrument, oldest first; None where nothing settles.

    A settlement is missing where two neighbours are more than one and a half of their intervals apart; the
    longer of both counts, since a venue that changes its interval ends the old one first.
    """
    held = [rate for rate in rates if rate.interval_ns]
    if not held:
        return None
    holes = [
        (earlier.ts_event_ns, later.ts_event_ns - later.interval_ns)
        for earlier, later in pairwise(held)
        if (later.ts_event_ns - earlier.ts_event_ns) * 2 > 3 * max(earlier.interval_ns, later.interval_ns)
    ]
    return SettledSeries(
        instrument=held[0].instrument,
        times_ns=[rate.ts_event_ns for rate in held],
        rates=[rate.rate for rate in held],
        holes=holes,
    )


def pair_earnings(long: SettledSeries, short: SettledSeries) -> tuple[PairEarnings, PairEarnings] | None:
    """Return what the pair earned, and what it would have earned the other way round.

    None when the legs were never recorded at the same time.
    """
    start_ns = max(long.times_ns[0], short.times_ns[0])
    end_ns = min(long.times_ns[-1], short.times_ns[-1])
    found = [(max(a, start_ns), min(b, end_ns)) for a, b in (*long.holes, *short.holes) if a < end_ns and b > start_ns]
    holes = _merged(found)
    observed_ns = end_ns - start_ns - sum(b - a for a, b in holes)
    if end_ns <= start_ns or observed_ns <= 0:
        return None
    days = {day: ZERO for day in _whole_days(start_ns, end_ns, holes)}
    captured, count = ZERO, 0
    for series, sign in ((short, 1), (long, -1)):
        for time_ns, rate in _within(series, start_ns, end_ns, holes):
            captured += sign * rate
            count += 1
            # What is paid at midnight was earned by the day before.
            day = (time_ns - 1) // DAY_NS
            if day in days:
                days[day] += sign * rate

    def made(long: InstrumentId, short: InstrumentId, sign: int) -> PairEarnings:
        daily = [sign * each for each in days.values()]
        positive = [day for day, each in zip(days, daily, strict=True) if each > 0]
        return PairEarnings(
            long=long,
            short=short,
            start_ns=start_ns,
            end_ns=end_ns,
            observed_ns=observed_ns,
            settlements=count,
            holes=len(found),
            captured=sign * captured,
            days=len(daily),
            positive_days=len(positive),
            longest_run=_longest_run(positive),
            curve=tuple(accumulate(daily)),
        )

    return made(long.instrument, short.instrument, 1), made(short.instrument, long.instrument, -1)


def _within(series: SettledSeries, start_ns: int, end_ns: int, holes: Sequence[Span]) -> Iterator[tuple[int, Decimal]]:
    first, last = bisect_right(series.times_ns, start_ns), bisect_right(series.times_ns, end_ns)
    hole = 0
    for at in range(first, last):
        time_ns = series.times_ns[at]
        while hole < len(holes) and holes[hole][1] < time_ns:
            hole += 1
        if hole == len(holes) or time_ns <= holes[hole][0]:
            yield time_ns, series.rates[at]


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _whole_days(start_ns: int, end_ns: int, holes: Sequence[Span]) -> Iterator[int]:
    for day in range(-(-start_ns // DAY_NS), end_ns // DAY_NS):
        begin, end = day * DAY_NS, (day + 1) * DAY_NS
        if not any(a < end and b > begin for a, b in holes):
            yield day


def _longest_run(days: Sequence[int]) -> int:
    longest = run = 0
    previous = None
    for day in days:
        run = run + 1 if previous is not None and day == previous + 1 else 1
        longest, previous = max(longest, run), day
    return longest
