"""How far the settled history of each instrument has been read."""

from __future__ import annotations

from arb.model import DAY_NS, HOUR_NS, Instrument, InstrumentId

from ._book import FundingBook

_LATE_NS = DAY_NS
"""Venues list a settlement some time after it happened: an empty answer about the last day proves nothing."""


class HistoryCursor:
    """Decides which stretch of history to ask for, so that no settlement is missed or asked for twice."""

    def __init__(self, funding: FundingBook, backfill_ns: int) -> None:
        self._funding = funding
        self._backfill_ns = backfill_ns
        self._read_until_ns: dict[InstrumentId, int] = {}

    def due(self, instrument: Instrument, now_ns: int) -> tuple[int, int] | None:
        """Return the stretch [start, end) to be read now; None when no settlement can be missing."""
        last_ns = self._funding.last_settled_ns(instrument.id)
        read_ns = self._read_until_ns.get(instrument.id)
        if last_ns is None and read_ns is None:
            start_ns = now_ns - self._backfill_ns
        else:
            start_ns = max(last_ns + 1 if last_ns is not None else 0, read_ns or 0)
            if last_ns is not None and now_ns < last_ns + self._period_ns(instrument):
                return None
        if start_ns > now_ns:
            return None
        return start_ns, min(now_ns + 1, start_ns + self._backfill_ns + 1)

    def done(self, instrument: InstrumentId, end_ns: int, now_ns: int) -> None:
        """Note that everything before `end_ns` has been read."""
        self._read_until_ns[instrument] = max(self._read_until_ns.get(instrument, 0), min(end_ns, now_ns - _LATE_NS))

    def _period_ns(self, instrument: Instrument) -> int:
        return self._funding.interval_ns(instrument) or HOUR_NS
