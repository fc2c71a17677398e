"""Rate limits of the fake venue: those that ccxt keeps, since the venue's own table is not public."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from arb.api import Clock
from arb.model import SECOND_NS

_EACH: Final[Mapping[str, tuple[str, int]]] = MappingProxyType(
    {
        "/full/v1/instrument": ("markets", 25),
        "/full/v1/instruments": ("markets", 25),
        "/full/v1/all_instruments": ("markets", 25),
        "/full/v1/ticker": ("markets", 25),
        "/full/v1/mini": ("markets", 25),
        "/full/v1/book": ("books", 8),
        "/full/v1/funding": ("books", 8),
        "/full/v1/margin_rules": ("rules", 8),
        "/full/v1/create_order": ("create", 20),
        "/full/v1/cancel_order": ("cancel", 20),
        "/full/v1/cancel_all_orders": ("cancel all", 2),
        "/full/v1/cancel_on_disconnect": ("switch", 2),
        "/full/v1/order": ("query", 5),
        "/full/v1/open_orders": ("query", 5),
        "/full/v1/order_history": ("query", 5),
        "/full/v1/fill_history": ("query", 5),
        "/full/v1/positions": ("query", 5),
        "/full/v1/funding_payment_history": ("query", 5),
    }
)


class Limits:
    """Counts calls in sliding seconds; the counts outlive connections."""

    def __init__(self, clock: Clock, memory: dict[str, Any]) -> None:
        self._clock = clock
        self._calls: dict[str, deque[int]] = memory.setdefault("calls", {})

    def take(self, path: str) -> int | None:
        """Count a call; return in how many seconds another one may come where this one is too many."""
        name, most = _EACH.get(path, ("other", 10))
        calls, now_ns = self._calls.setdefault(name, deque()), self._clock.now_ns()
        while calls and not now_ns - SECOND_NS < calls[0] <= now_ns:
            calls.popleft()  # also one of a later time: a world may begin again with this memory
        if len(calls) >= most:
            return 1
        calls.append(now_ns)
        return None
