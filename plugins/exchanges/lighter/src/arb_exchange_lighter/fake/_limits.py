"""The venue's rate limits, counted as the venue counts them: a rolling minute."""

from __future__ import annotations

from collections import deque
from typing import Final

from arb.api import Clock
from arb.model import MINUTE_NS

from ._refusals import Refused

WEIGHTS: Final = {
    "sendTx": 6,
    "sendTxBatch": 6,
    "nextNonce": 6,
    "accountInactiveOrders": 100,
    "apikeys": 150,
    "trades": 600,
    "recentTrades": 600,
}
_OTHER: Final = 300
REQUESTS: Final = {"standard": 60, "premium": 24_000, "plus": 120_000}
TRANSACTIONS: Final = {"standard": 60, "premium": 4_000, "plus": 8_000}


class Limits:
    """What one address has used of the last minute."""

    def __init__(self, clock: Clock, tier: str) -> None:
        self._clock = clock
        self._tier = tier
        self._requests: deque[tuple[int, int]] = deque()
        self._transactions: deque[tuple[int, int]] = deque()

    def count(self, path: str) -> None:
        """Count a request; raises Refused beyond the limit."""
        is_transaction = path in ("sendTx", "sendTxBatch")
        weight = 1 if self._tier == "standard" else WEIGHTS.get(path, _OTHER)
        if is_transaction:
            self._take(self._transactions, 1, TRANSACTIONS[self._tier])
        if not is_transaction or self._tier == "standard":
            self._take(self._requests, weight, REQUESTS[self._tier])

    def _take(self, used: deque[tuple[int, int]], weight: int, most: int) -> None:
        now_ns = self._clock.now_ns()
        while used and used[0][0] <= now_ns - MINUTE_NS:
            used.popleft()
        if sum(each for _, each in used) + weight > most:
            raise Refused(23000, "Too Many Requests!", 429)
        used.append((now_ns, weight))
