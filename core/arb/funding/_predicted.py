"""What a venue that accrues funding at every moment predicts, beside what its own history says has accrued.

Payments prove the history. Decisions are made on the running rate, which is another endpoint with another unit:
over a step of the history it has to come to the same.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Final

from arb.model import ZERO, FundingRate

from ._evidence import quantum_of
from ._proof import MIN_SETTLEMENTS, PaidSettlement

LATEST_STEPS: Final = MIN_SETTLEMENTS + 1
"""Steps of an instrument that count: a reader of predictions that was mended, or broken, is soon judged anew."""


def predicted_steps(
    predicted: Sequence[FundingRate], history: Sequence[FundingRate], since_ns: int
) -> tuple[PaidSettlement, ...]:
    """Return the latest steps that tell, as what was paid on one contract at a price of 1; oldest first.

    Args:
        predicted: Running rates of one instrument, oldest first.
        history: Its settled rates; those of settlements are left out.
        since_ns: Steps that began before it do not count.
    """
    quanta = quantum_of(one.raw for one in predicted), quantum_of(one.raw for one in history)
    found = (
        _beside(predicted, step, *quanta)
        for step in history
        if not step.interval_ns and step.ts_event_ns - step.unit.period_ns >= since_ns
    )
    telling = [one for one in found if one is not None and (bounds := one.bounds()) is not None and bounds.is_narrow]
    return tuple(telling[-LATEST_STEPS:])


def _beside(
    predicted: Sequence[FundingRate], step: FundingRate, predicted_quantum: Decimal, raw_quantum: Decimal
) -> PaidSettlement | None:
    """Return a step beside what was predicted; None where nothing was read for half of it."""
    start_ns, end_ns = step.ts_event_ns - step.unit.period_ns, step.ts_event_ns
    times = [one.ts_event_ns for one in predicted]
    first, last = bisect_right(times, start_ns) - 1, bisect_left(times, end_ns)
    if first < 0 or last == len(times):
        return None
    read = predicted[first : last + 1]
    if any(later.ts_event_ns - earlier.ts_event_ns > step.unit.period_ns // 2 for earlier, later in pairwise(read)):
        return None
    parts = list(_parts(read, start_ns, end_ns))
    # Between two readings the rate was near either; these doubts are as often above as below.
    doubt = 2 * sum((off * off for _, off in parts), ZERO).sqrt()
    written = predicted_quantum * max(abs(one.unit.factor) / one.unit.period_ns for one in read)
    return PaidSettlement(
        instrument=step.instrument,
        settled_ns=end_ns,
        amount=-step.raw * step.unit.factor,
        quantity=Decimal(1),
        price=Decimal(1),
        rate=sum((fraction for fraction, _ in parts), ZERO),
        amount_quantum=raw_quantum * abs(step.unit.factor),
        rate_quantum=doubt + written * step.unit.period_ns,
        coarse=True,
        accrued=True,
    )


def _parts(read: Sequence[FundingRate], start_ns: int, end_ns: int) -> Iterator[tuple[Decimal, Decimal]]:
    """Yield what accrues between two readings at the mean of both, and how far that may be off."""
    for earlier, later in pairwise(read):
        length_ns = min(later.ts_event_ns, end_ns) - max(earlier.ts_event_ns, start_ns)
        one, other = (rate.raw * rate.unit.factor / rate.unit.period_ns for rate in (earlier, later))
        yield (one + other) / 2 * length_ns, abs(other - one) / 2 * length_ns
