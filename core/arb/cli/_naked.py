"""How long the legs of a hedge were out of balance, computed from its fills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from arb.model import ZERO, Fill, Hedge, Instrument, InstrumentId, OrderRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class NakedSpan:
    """A time during which the legs did not balance.

    Attributes:
        end_ns: None while they do not balance.
        largest: The largest imbalance in it, base units, absolute.
    """

    start_ns: int
    end_ns: int | None
    largest: Decimal

    @property
    def length_ns(self) -> int | None:
        """Return how long it lasted; None while it lasts."""
        return None if self.end_ns is None else self.end_ns - self.start_ns


def naked_spans(
    hedge: Hedge,
    records: Sequence[OrderRecord],
    fills: Sequence[Fill],
    instruments: Mapping[InstrumentId, Instrument],
) -> tuple[NakedSpan, ...]:
    """Return every time from a fill that unbalanced the legs to the one that balanced them again.

    The times are the venues', but no fill is older than its order. An imbalance of less than half of
    the coarsest lot is none: no order could make it smaller (handbook C6).
    """
    tolerance = max(
        (
            instruments[leg.instrument].lot_size * leg.multiplier / 2
            for leg in hedge.legs
            if leg.instrument in instruments
        ),
        default=ZERO,
    )
    spans: list[NakedSpan] = []
    imbalance, start_ns, largest = ZERO, None, ZERO
    for ts_ns, changes in groupby(_steps(hedge, records, fills), key=lambda step: step[0]):
        imbalance += sum((change for _, change in changes), ZERO)
        if abs(imbalance) > tolerance:
            start_ns = ts_ns if start_ns is None else start_ns
            largest = max(largest, abs(imbalance))
        elif start_ns is not None:
            spans.append(NakedSpan(start_ns=start_ns, end_ns=ts_ns, largest=largest))
            start_ns, largest = None, ZERO
    if start_ns is not None:
        spans.append(NakedSpan(start_ns=start_ns, end_ns=None, largest=largest))
    return tuple(spans)


def _steps(hedge: Hedge, records: Sequence[OrderRecord], fills: Sequence[Fill]) -> list[tuple[int, Decimal]]:
    """Return when the exposure changed, and by how many base units, oldest first."""
    own = {(one.order.request.client_order_id, one.order.request.instrument): one for one in records}
    steps = []
    for fill in fills:
        record = own.get((fill.client_order_id, fill.instrument))
        if record is not None:
            signed = fill.quantity * fill.side.sign * hedge.legs[record.leg_index].multiplier
            steps.append((max(fill.ts_event_ns, record.created_ns), signed))
    return sorted(steps)
