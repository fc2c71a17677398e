"""How long and how far a hedge was not hedged: computed from its fills, so a restart forgets nothing.

The budget is an amount of US dollars times seconds (handbook R2): the integral of the absolute
exposure over time. An order whose outcome is not known counts as the worse of filled and not filled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from arb.model import SECOND_NS, ZERO, Fill, Hedge, OrderRecord

from ._legs import filled_by_order, key_of
from ._tries import is_resting


@dataclass(frozen=True, slots=True, kw_only=True)
class NakedExposure:
    """Exposure of one hedge since a moment.

    Attributes:
        base_seconds: Integral of the absolute imbalance, base units times seconds.
        base: The worst imbalance that may stand now, base units, absolute.
        seconds: How long the hedge was out of balance in all.
    """

    base_seconds: Decimal
    base: Decimal
    seconds: Decimal


def naked_exposure(
    hedge: Hedge,
    records: Sequence[OrderRecord],
    fills: Sequence[Fill],
    *,
    since_ns: int,
    now_ns: int,
    negligible: Decimal = ZERO,
    earliest_ns: int | None = None,
) -> NakedExposure:
    """Return the exposure of a hedge from `since_ns` to `now_ns`.

    A fill cannot be older than its order: where the venue's clock says so, the order's time counts.
    What a venue reports as filled and does not list yet counts from that report.

    Args:
        hedge: The hedge; its legs tell sides and multipliers.
        records: Its orders.
        fills: Their fills.
        since_ns: Where the budget begins.
        now_ns: Now.
        negligible: An imbalance up to this, base units, is none: no order could mend it.
        earliest_ns: A stretch that was under way at `since_ns` counts from its own beginning, but not
            from before this; left out, from `since_ns`.
    """
    earliest_ns = since_ns if earliest_ns is None else min(earliest_ns, since_ns)
    total, standing = _Stretch(), _Stretch()
    imbalance, at_ns = ZERO, earliest_ns
    for ts_ns, signed in [*_steps(hedge, records, fills, now_ns), (now_ns, ZERO)]:
        if ts_ns > at_ns:
            if abs(imbalance) <= negligible:
                standing = _Stretch()  # a stretch that ended before the budget began is no part of it
            else:
                standing.add(abs(imbalance), ts_ns - at_ns)
            if ts_ns > since_ns:
                total.take(standing)
                standing = _Stretch()
            at_ns = ts_ns
        imbalance += signed
    worst, doubt_ns = _worst(hedge, records, imbalance)
    if doubt_ns is not None and worst > max(abs(imbalance), negligible):
        duration_ns = max(now_ns - max(doubt_ns, earliest_ns), 0)
        total.integral += (worst - abs(imbalance)) * duration_ns
        total.naked_ns = max(total.naked_ns, duration_ns)
    return NakedExposure(
        base_seconds=total.integral / SECOND_NS, base=worst, seconds=Decimal(total.naked_ns) / SECOND_NS
    )


@dataclass(slots=True)
class _Stretch:
    """Time out of balance: base units times nanoseconds, and nanoseconds."""

    integral: Decimal = ZERO
    naked_ns: int = 0

    def add(self, base: Decimal, duration_ns: int) -> None:
        self.integral += base * duration_ns
        self.naked_ns += duration_ns

    def take(self, other: _Stretch) -> None:
        self.integral += other.integral
        self.naked_ns += other.naked_ns


def _steps(
    hedge: Hedge, records: Sequence[OrderRecord], fills: Sequence[Fill], now_ns: int
) -> Sequence[tuple[int, Decimal]]:
    """Return the changes of the imbalance in base units, by time."""
    known = {key_of(record.order.request): record for record in records}
    listed = filled_by_order(fills)
    steps = []
    for fill in fills:
        record = known.get(key_of(fill))
        if record is not None:
            signed = fill.quantity * fill.side.sign * hedge.legs[record.leg_index].multiplier
            steps.append((min(max(fill.ts_event_ns, record.created_ns), now_ns), signed))
    for key, record in known.items():
        unlisted = record.order.filled_quantity - listed.get(key, ZERO)
        if unlisted > 0:
            signed = unlisted * record.order.request.side.sign * hedge.legs[record.leg_index].multiplier
            steps.append((min(max(record.order.ts_event_ns, record.created_ns), now_ns), signed))
    return sorted(steps, key=lambda step: step[0])


def _worst(hedge: Hedge, records: Sequence[OrderRecord], imbalance: Decimal) -> tuple[Decimal, int | None]:
    """Return the largest imbalance that orders without an outcome may have made, and since when they are out."""
    up = down = ZERO
    since: int | None = None
    for record in records:
        order = record.order
        if order.status.is_final or is_resting(record):
            continue
        since = record.created_ns if since is None else min(since, record.created_ns)
        amount = order.remaining_quantity * hedge.legs[record.leg_index].multiplier
        if order.request.side.sign > 0:
            up += amount
        else:
            down += amount
    return max(abs(imbalance + up), abs(imbalance - down), abs(imbalance)), since
