"""Circuit breakers: what happens to our money and orders halts us, and only a person resumes.

A breaker counts within a window that moves with the clock. When it trips it raises a halt, which is
durable; the window is not: it begins anew with the process, and when a person has lifted the halt,
so that what was counted before cannot trip it again.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from arb.api import Clock
from arb.model import SECOND_NS, ExchangeName, Fresh, OrderStatus, Reading

from ._halts import EVERYTHING, Halts


class Breaker(StrEnum):
    """What is watched. Stable: a halt says `breaker NAME` raised it."""

    LOSS = "loss"
    REJECTS = "rejects"
    LATENCY = "latency"
    DOUBTS = "doubts"

    @property
    def raised_by(self) -> str:
        """Return how its halts are signed."""
        return f"breaker {self}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerLimits:
    """When a breaker trips.

    Attributes:
        max_loss_usd: Fall of the total equity below its peak within `loss_window_ns`; None is no bound.
        max_loss_fraction: The same, as a fraction of the peak.
        order_window_ns: In which orders are counted, for each exchange.
        rejects: Orders that the venue definitely refused.
        doubts: Orders of which nobody knew at once whether the venue has them.
        slow_orders: Orders whose round trip took longer than `max_latency_ns`.
    """

    loss_window_ns: int
    max_loss_usd: Decimal | None
    max_loss_fraction: Decimal
    order_window_ns: int
    rejects: int
    doubts: int
    slow_orders: int
    max_latency_ns: int


# These have no round trip.
_NEVER_LEFT: Final = frozenset({OrderStatus.PENDING, OrderStatus.NOT_SENT})


class Breakers:
    """All breakers of one run. They see what they are told, and do no I/O but raising halts.

    A halt that cannot be stored stands for this process, and storing it is tried again at each
    observation: what has to be recorded of an order is not held up by it.
    """

    def __init__(self, limits: BreakerLimits, *, halts: Halts, clock: Clock) -> None:
        self._limits = limits
        self._halts = halts
        self._clock = clock
        self._times: dict[tuple[Breaker, ExchangeName], deque[int]] = {}
        self._peaks: deque[tuple[int, Decimal]] = deque()

    def observe_order(self, exchange: ExchangeName, status: OrderStatus, round_trip_ns: int) -> None:
        """Take note of an order's answer.

        Args:
            exchange: Where it was sent.
            status: As it stood after the answer, or after the wait for one.
            round_trip_ns: From the moment it was sent until then.
        """
        limits = self._limits
        if status is OrderStatus.REJECTED:
            self._count(Breaker.REJECTS, exchange, limits.rejects, "orders were refused")
        if status is OrderStatus.IN_DOUBT:
            self._count(Breaker.DOUBTS, exchange, limits.doubts, "orders came to be in doubt")
        if status not in _NEVER_LEFT and round_trip_ns > limits.max_latency_ns:
            bound = Decimal(limits.max_latency_ns) / SECOND_NS
            self._count(Breaker.LATENCY, exchange, limits.slow_orders, f"orders took longer than {bound:f} s")

    def observe_equity(self, equity_usd: Reading[Decimal]) -> None:
        """Take note of the equity of all accounts together.

        What is not known, or old, is no observation: it is never taken for zero. A withdrawal is a
        fall like any other, since nothing here can tell it from a loss.
        """
        if not isinstance(equity_usd, Fresh) or not equity_usd.value.is_finite():
            return
        if self._stands(Breaker.LOSS, EVERYTHING):
            self._peaks.clear()
            return
        now_ns, equity = self._clock.now_ns(), equity_usd.value
        while self._peaks and self._peaks[0][0] < now_ns - self._limits.loss_window_ns:
            self._peaks.popleft()
        while self._peaks and self._peaks[-1][1] <= equity:
            self._peaks.pop()  # it will never be the peak again
        self._peaks.append((now_ns, equity))
        peak = self._peaks[0][1]
        if self._is_too_much(peak - equity, peak):
            hours = Decimal(self._limits.loss_window_ns) / (3600 * SECOND_NS)
            share = f", {(peak - equity) / peak:.1%}" if peak > 0 else ""
            reason = f"equity fell by {peak - equity:.2f} USD{share}, from {peak:.2f} USD within {hours:.4g} h"
            self._trip(Breaker.LOSS, EVERYTHING, reason)
            self._peaks.clear()

    def _is_too_much(self, loss: Decimal, peak: Decimal) -> bool:
        most = self._limits.max_loss_usd
        return (most is not None and loss > most) or (peak > 0 and loss > peak * self._limits.max_loss_fraction)

    def _count(self, breaker: Breaker, exchange: ExchangeName, most: int, what: str) -> None:
        key = breaker, exchange
        if self._stands(breaker, exchange):
            self._times.pop(key, None)
            return
        times = self._times.setdefault(key, deque(maxlen=most))
        times.append(self._clock.now_ns())
        if len(times) == most and times[-1] - times[0] <= self._limits.order_window_ns:
            minutes = Decimal(self._limits.order_window_ns) / (60 * SECOND_NS)
            self._trip(breaker, exchange, f"{most} {what} within {minutes:.4g} min")
            del self._times[key]

    def _stands(self, breaker: Breaker, scope: str) -> bool:
        """Whether a halt of this breaker stands; one that is not stored yet is stored if it can be now."""
        for halt in self._halts.active():
            if (halt.scope, halt.raised_by) == (scope, breaker.raised_by):
                if not halt.halt_id:
                    self._trip(breaker, scope, halt.reason)
                return True
        return False

    def _trip(self, breaker: Breaker, scope: str, reason: str) -> None:
        self._halts.hold(scope, reason, by=breaker.raised_by)
