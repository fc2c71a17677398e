"""How far forecasts of the coming settlement were from what came.

The truth of a settlement is what the venue settled, where that is stored. Where only predictions are, it is
the last one seen within a twentieth of the period before the settlement: three minutes of an hour, when a
flat average is decided to 95 % and a linear one to 90 %. A wider tolerance finds more settlements, and
measures the prediction against itself. What has no truth is a hole: it is counted and left out.

Where funding accrues continuously nothing is settled; the rate at the end of each published period stands
in, and such rows say how well the rate some hours later is known, not how well a payment is.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Final

from arb.model import MINUTE_NS, Averaging, FundingRate, InstrumentId, hours

from ._averaging import USUAL_NS, coming_rate, usual_hour

TOLERANCE: Final = 20
"""The last prediction counts as the truth within this part of the period before the settlement."""
MOMENTS: Final = (Decimal("0.25"), Decimal("0.5"), Decimal("0.75"))
"""Elapsed fractions of the period at which forecasts are compared."""
_REACH: Final = Decimal("0.125")
"""A prediction stands for the nearest of the moments, not farther than this from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastSample:
    """Forecasts of one settlement at one moment, as fractions of notional of that settlement.

    Attributes:
        ts_ns: When the rate was published.
        moment: The elapsed fraction that the sample stands for.
        came: What was settled, or seen last.
        own: Our forecast: the published rate where the averaging or the usual rate is not known.
        published: The rate as published.
        usual: The median settlement of the week before; None of fewer than three.
        last: Settled one period before; None where that is a hole.
        blend: `p * published + (1 - p) * last`, whatever the averaging.
    """

    instrument: InstrumentId
    ts_ns: int
    due_ns: int
    period_ns: int
    moment: Decimal
    came: Decimal
    own: Decimal
    published: Decimal
    usual: Decimal | None
    last: Decimal | None
    blend: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastRun:
    """The samples of one instrument.

    Attributes:
        settlements: Those of which predictions were seen.
        holes: Those of them without a truth.
    """

    samples: tuple[ForecastSample, ...]
    settlements: int
    holes: int


def compare_forecasts(
    predicted: Sequence[FundingRate], settled: Sequence[FundingRate], averaging: Averaging | None
) -> ForecastRun:
    """Return what was forecast of one instrument, each forecast from what was known at its time.

    Args:
        predicted: Oldest first.
        settled: Oldest first; may be empty.
        averaging: Of the venue; None forecasts nothing of its own.
    """
    truths = _Truths({_whole(rate.ts_event_ns): rate for rate in settled})
    samples: list[ForecastSample] = []
    settlements = holes = 0
    for due_ns, group in groupby(predicted, key=_due_ns):
        seen = list(group)
        settlements += 1
        truth, candidates = _truth(seen, due_ns, truths)
        if truth is None:
            holes += 1
            continue
        samples.extend(_samples(candidates, due_ns, truth, truths, averaging))
        truths.add(due_ns, truth)
    return ForecastRun(samples=tuple(samples), settlements=settlements, holes=holes)


class _Truths:
    """What settled when, oldest first."""

    def __init__(self, settled: Mapping[int, FundingRate]) -> None:
        self._rates = dict(sorted(settled.items()))
        self._times = list(self._rates)

    def at(self, due_ns: int) -> FundingRate | None:
        return self._rates.get(due_ns)

    def add(self, due_ns: int, rate: FundingRate) -> None:
        if due_ns not in self._rates:
            # Settlements are walked through in order, and stored ones have been there before.
            self._times.insert(bisect_right(self._times, due_ns), due_ns)
            self._rates[due_ns] = rate

    def before(self, now_ns: int) -> list[FundingRate]:
        """Return the settlements of the week before `now_ns`."""
        start, end = bisect_right(self._times, now_ns - USUAL_NS), bisect_right(self._times, now_ns)
        return [self._rates[time] for time in self._times[start:end]]


def _truth(
    seen: Sequence[FundingRate], due_ns: int, truths: _Truths
) -> tuple[FundingRate | None, Sequence[FundingRate]]:
    """Return what settled at `due_ns`, and the predictions of it that are not that themselves."""
    stored = truths.at(due_ns)
    if stored is not None:
        return stored, seen
    last = seen[-1]
    near = due_ns - last.ts_event_ns <= _period_ns(last) // TOLERANCE
    return (last, seen[:-1]) if near else (None, ())


def _samples(
    seen: Sequence[FundingRate], due_ns: int, truth: FundingRate, truths: _Truths, averaging: Averaging | None
) -> Iterator[ForecastSample]:
    for moment in MOMENTS:
        found = min(seen, key=lambda rate: abs(_elapsed(rate, due_ns) - moment), default=None)
        if found is not None and abs(_elapsed(found, due_ns) - moment) <= _REACH:
            yield _sample(found, moment, due_ns, truth, truths, averaging)


def _sample(
    rate: FundingRate,
    moment: Decimal,
    due_ns: int,
    truth: FundingRate,
    truths: _Truths,
    averaging: Averaging | None,
) -> ForecastSample:
    period_ns = _period_ns(rate)
    length = hours(period_ns)
    published = rate.per_hour * length
    usual = usual_hour(truths.before(rate.ts_event_ns))
    own = published
    if averaging is not None and usual is not None:
        own = coming_rate(rate, averaging, due_ns, usual=usual).per_hour * length
    before = truths.at(due_ns - period_ns)
    last = None if before is None else before.per_hour * length
    elapsed = _elapsed(rate, due_ns)
    return ForecastSample(
        instrument=rate.instrument,
        ts_ns=rate.ts_event_ns,
        due_ns=due_ns,
        period_ns=period_ns,
        moment=moment,
        came=truth.per_hour * length,
        own=own,
        published=published,
        usual=None if usual is None else usual * length,
        last=last,
        blend=None if last is None else elapsed * published + (1 - elapsed) * last,
    )


def _period_ns(rate: FundingRate) -> int:
    return rate.interval_ns or rate.unit.period_ns


def _due_ns(rate: FundingRate) -> int:
    """Return the settlement that a prediction is of.

    Where the venue does not say, or names one that is more than a period away, periods are counted from
    the epoch, as every venue of the recordings does.
    """
    period_ns, named_ns = _period_ns(rate), rate.next_funding_ns
    if named_ns is not None and 0 < named_ns - rate.ts_event_ns <= period_ns:
        return _whole(named_ns)
    return -(-rate.ts_event_ns // period_ns) * period_ns


def _elapsed(rate: FundingRate, due_ns: int) -> Decimal:
    return 1 - Decimal(due_ns - rate.ts_event_ns) / _period_ns(rate)


def _whole(ts_ns: int) -> int:
    """Return the nearest minute: venues stamp settlements some milliseconds late."""
    return (ts_ns + MINUTE_NS // 2) // MINUTE_NS * MINUTE_NS
