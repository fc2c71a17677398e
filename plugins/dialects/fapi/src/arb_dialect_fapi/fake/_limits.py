"""The rate limits of a fake venue, counted in the minutes of its own clock."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from arb.api import Clock
from arb.model import MINUTE_NS, SECOND_NS

from ._forms import Query

WEIGHT: Final = 2_400
ORDERS: Final[tuple[tuple[str, int, int], ...]] = (
    ("10S", 10 * SECOND_NS, 300),
    ("1M", MINUTE_NS, 1_200),
)
FUNDING: Final = 500
_DEPTH: Final[Mapping[str, int]] = MappingProxyType(
    {"5": 2, "10": 2, "20": 2, "50": 2, "100": 5, "500": 10, "1000": 20}
)
_WEIGHTS: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {
        "premiumIndex": (1, 10),
        "24hr": (1, 40),
        "bookTicker": (2, 5),
        "assetIndex": (1, 10),
        "openOrders": (1, 40),
        "allOrders": (5, 5),
        "positionRisk": (5, 5),
        "symbolConfig": (5, 5),
        "accountConfig": (5, 5),
        "account": (5, 5),
        "balance": (5, 5),
        "dual": (30, 30),
        "multiAssetsMargin": (30, 30),
        "userTrades": (5, 5),
        "income": (30, 30),
        "commissionRate": (20, 20),
        "countdownCancelAll": (10, 10),
        "fundingInfo": (0, 0),
        "fundingRate": (0, 0),
    }
)
"""By the last part of the path: of one symbol, and of all. Whatever is not here has the weight 1."""

_FUNDING: Final = frozenset({"fundingInfo", "fundingRate"})


class Limits:
    """Counts; the counts outlive connections."""

    def __init__(self, clock: Clock, memory: dict[str, Any], weights: Mapping[str, tuple[int, int]]) -> None:
        self._clock = clock
        self._counts: dict[str, tuple[int, int]] = memory.setdefault("limits", {})
        self._weights = {**_WEIGHTS, **weights}

    def take(self, method: str, path: str, params: Query) -> tuple[int, int] | None:
        """Count a request; return after how many seconds to come again, and with which code, where it is too many."""
        name = path.rpartition("/")[2]
        buckets = [("weight", MINUTE_NS, WEIGHT, self._weight(method, name, params), -1003)]
        if name in _FUNDING and not self._weights.get(name, (0, 0))[1]:
            buckets.append(("funding", 5 * MINUTE_NS, FUNDING, 1, -1003))
        if method == "POST" and name == "order":
            buckets += [(f"orders {label}", per_ns, most, 1, -1015) for label, per_ns, most in ORDERS]
        now_ns = self._clock.now_ns()
        for key, per_ns, most, weight, code in buckets:
            slot = now_ns // per_ns
            used = self._used(key, slot)
            if used + weight > most:
                return -(-((slot + 1) * per_ns - now_ns) // SECOND_NS), code
        for key, per_ns, _, weight, _ in buckets:
            slot = now_ns // per_ns
            self._counts[key] = slot, self._used(key, slot) + weight
        return None

    def headers(self, *, is_order: bool) -> dict[str, str]:
        """Return what an answer tells of the limits."""
        now_ns = self._clock.now_ns()
        found = {"X-MBX-USED-WEIGHT-1M": str(self._used("weight", now_ns // MINUTE_NS))}
        if is_order:
            for label, per_ns, _ in ORDERS:
                found[f"X-MBX-ORDER-COUNT-{label}"] = str(self._used(f"orders {label}", now_ns // per_ns))
        return found

    def _used(self, key: str, slot: int) -> int:
        then, used = self._counts.get(key, (slot, 0))
        return used if then == slot else 0

    def _weight(self, method: str, name: str, params: Query) -> int:
        if name == "depth":
            return _DEPTH.get(params.get("limit", "500"), 20)
        if method == "POST" and name == "order":
            return self._weights.get("order", (0, 0))[0]
        one, all_ = self._weights.get(name, (1, 1)) if name != "order" else (1, 1)
        return one if params.get("symbol") else all_
