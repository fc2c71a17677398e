"""How long and how far a hedge was not hedged: computed from its fills, so a restart forgets nothing.

The budget is an amount of US dollars times seconds (handbook R2): the integral of the absolute
exposure over time. An order whose outcome is not known counts as the worse of filled and not filled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from arb.model import SECOND_NS, ZERO, ClientOrderId, Fill, Hedge, OrderRecord, OrderReport

from ._legs import OrderKey, key_of
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
    reports: Sequence[OrderReport] = (),
    since_ns: int,
    now_ns: int,
    negligible: Decimal = ZERO,
    earliest_ns: int | None = None,
) -> NakedExposure:
    """Return the exposure of a hedge from `since_ns` to `now_ns`.

    A fill cannot be older than its order: where the venue's clock says so, the order's time counts. Nor can it be
    younger than the report by which we learnt of it: then that one's time counts. What a venue reports as filled
    and does not list yet counts from the report that told it first.

    Args:
        hedge: The hedge; its legs tell sides and multipliers.
        records: Its orders.
        fills: Their fills.
        reports: What was learnt of the orders, by our clock, oldest first; left out, the venue's times count.
        since_ns: Where the budget begins.
        now_ns: Now.
        negligible: An imbalance up to this, base units, is none: no order could mend it.
        earliest_ns: A stretch that was under way at `since_ns` counts from its own beginning, but not
            from before this; left out, from `since_ns`.
    """
    earliest_ns = since_ns if earliest_ns is None else min(earliest_ns, since_ns)
    total, standing = _Stretch(), _Stretch()
    imbalance, at_ns = ZERO, earliest_ns
    for ts_ns, signed in [*_steps(hedge, records, fills, reports, now_ns), (now_ns, ZERO)]:
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
    hedge: Hedge, records: Sequence[OrderRecord], fills: Sequence[Fill], reports: Sequence[OrderReport], now_ns: int
) -> Sequence[tuple[int, Decimal]]:
    """Return the changes of the imbalance in base units, by time."""
    steps = []
    listed: dict[OrderKey, list[Fill]] = {}
    for fill in sorted(fills, key=lambda one: one.ts_event_ns):
        listed.setdefault(key_of(fill), []).append(fill)
    told: dict[ClientOrderId, list[OrderReport]] = {}
    for report in reports:
        told.setdefault(report.client_order_id, []).append(report)
    for record in records:
        request = record.order.request
        sign = request.side.sign * hedge.legs[record.leg_index].multiplier
        own, learnt = listed.get(key_of(request), ()), told.get(request.client_order_id, ())
        for ts_ns, quantity in _filled(record, own, learnt):
            steps.append((min(max(ts_ns, record.created_ns), now_ns), quantity * sign))
    return sorted(steps, key=lambda step: step[0])


def _filled(
    record: OrderRecord, fills: Sequence[Fill], reports: Sequence[OrderReport]
) -> Iterator[tuple[int, Decimal]]:
    """Yield when how much of an order was filled: what is listed, then what is only reported."""
    total, order = ZERO, record.order
    for fill in fills:
        total += fill.quantity
        knew_ns = [one.ts_ns for one in reports if one.filled_quantity >= total]
        yield min([fill.ts_event_ns, *knew_ns]), fill.quantity
    for report in reports:
        if report.filled_quantity > total:
            yield min(report.ts_ns, order.ts_event_ns), report.filled_quantity - total
            total = report.filled_quantity
    if order.filled_quantity > total:
        yield order.ts_event_ns, order.filled_quantity - total


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
