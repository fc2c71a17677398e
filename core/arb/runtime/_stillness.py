"""When an account was still enough for its balance to mean something."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from arb.api import Exchange
from arb.model import EquitySample, ExchangeName, Fill, exchange_of


class Stillness:
    """Remembers when each account traded last.

    Reads of a venue may be behind its writes, and its clock is known no better than that: a balance told within
    that time of a fill may hold it or not, and the books would count it twice or never.
    """

    def __init__(self, exchanges: Mapping[ExchangeName, Exchange]) -> None:
        """Know of no fill."""
        self._exchanges = exchanges
        self._filled_ns: dict[ExchangeName, int] = {}

    def add_fills(self, fills: Iterable[Fill]) -> None:
        """Take note of fills."""
        for fill in fills:
            name = exchange_of(fill.instrument)
            self._filled_ns[name] = max(fill.ts_event_ns, self._filled_ns.get(name, 0))

    def may_miss_a_fill(self, samples: Iterable[EquitySample]) -> bool:
        """Return whether one of the balances was told too near to a fill of its account, or before one."""
        return any(
            row.ts_ns - self._filled_ns[row.exchange] < self._exchanges[row.exchange].traits.read_after_write_ns
            for row in samples
            if row.exchange in self._filled_ns
        )
