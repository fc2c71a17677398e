"""How long and how far a hedge was not hedged: computed from its fills, so a restart forgets nothing.

The budget is an amount of US dollars times seconds (handbook R2): the integral of the absolute
exposure over time. An order whose outcome is not known counts as the worse of filled and not filled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from arb.model import SECOND_NS, ZERO, Fill, Hedge, OrderRecord

from ._legs import OrderKey, filled_by_order, key_of
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
    with_standing: bool = True,
) -> NakedExposure:
    """Return the exposure of a hedge from `since_ns` to `now_ns`.

    A fill cannot be older than its order: where the venue's clock says so, the order's time counts.

    Args:
        hedge: The hedge; its legs tell sides and multipliers.
        records: Its orders.
        fills: Their fills.
        since_ns: Where the budget begins.
        now_ns: Now.
        negligible: An imbalance up to this, base units, is none: no order could mend it.
        with_standing: Whether a stretch that was under way at `since_ns` counts from its own beginning.
    """
    start_ns, integral, naked_ns, imbalance, at_ns = since_ns, ZERO, 0, ZERO, 0
    for ts_ns, signed in [*_steps(hedge, records, fills, now_ns), (now_ns, ZERO)]:
        is_naked = abs(imbalance) > negligible
        if is_naked and ts_ns > at_ns:
            begin_ns = at_ns if with_standing and ts_ns > since_ns else max(at_ns, since_ns)
            if ts_ns > begin_ns:
                start_ns = min(start_ns, begin_ns)
                naked_ns += ts_ns - begin_ns
                integral += abs(imbalance) * (ts_ns - begin_ns)
        at_ns = max(at_ns, ts_ns)
        imbalance += signed
    worst, doubt_ns = _worst(hedge, records, filled_by_order(fills), imbalance)
    if doubt_ns is not None and worst > max(abs(imbalance), negligible):
        duration_ns = max(now_ns - max(doubt_ns, since_ns), 0)
        integral += (worst - abs(imbalance)) * duration_ns
        naked_ns = max(naked_ns, duration_ns)
    return NakedExposure(base_seconds=integral / SECOND_NS, base=worst, seconds=Decimal(naked_ns) / SECOND_NS)


def _steps(
    hedge: Hedge, records: Sequence[OrderRecord], fills: Sequence[Fill], now_ns: int
) -> Sequence[tuple[int, Decimal]]:
    """Return the changes of the imbalance in base units, by time."""
    known = {key_of(record.order.request): record for record in records}
    steps = []
    for fill in fills:
        record = known.get(key_of(fill))
        if record is not None:
            signed = fill.quantity * fill.side.sign * hedge.legs[record.leg_index].multiplier
            steps.append((min(max(fill.ts_event_ns, record.created_ns), now_ns), signed))
    return sorted(steps, key=lambda step: step[0])


def _worst(
    hedge: Hedge, records: Sequence[OrderRecord], listed: Mapping[OrderKey, Decimal], imbalance: Decimal
) -> tuple[Decimal, int | None]:
    """Return the largest imbalance that may stand, and since when the orders are out that make it uncertain.

    What a venue reports as filled and does not list yet has happened; what an order without an
    outcome may still fill has happened or not, whichever is worse.
    """
    up = down = ZERO
    since: int | None = None
    for record in records:
        order, multiplier = record.order, hedge.legs[record.leg_index].multiplier
        unlisted = max(order.filled_quantity - listed.get(key_of(order.request), ZERO), ZERO) * multiplier
        open_end = ZERO if order.status.is_final or is_resting(record) else order.remaining_quantity * multiplier
        if not unlisted and not open_end:
            continue
        since = record.created_ns if since is None else min(since, record.created_ns)
        imbalance += unlisted * order.request.side.sign
        if order.request.side.sign > 0:
            up += open_end
        else:
            down += open_end
    return max(abs(imbalance + up), abs(imbalance - down), abs(imbalance)), since
