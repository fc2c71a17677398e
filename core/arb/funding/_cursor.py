"""How far the settled history of each instrument has been read."""

from __future__ import annotations

from arb.model import DAY_NS, HOUR_NS, Instrument, InstrumentId

from ._book import FundingBook
from ._gaps import Gap, gaps

_ASKED, _TOLD = 1, 2
_LATE_NS = DAY_NS
"""Venues list a settlement some time after it happened: an empty answer about the last day proves nothing."""


class HistoryCursor:
    """Decides which stretch of history to ask for, so that no settlement is missed or asked for twice."""

    def __init__(self, funding: FundingBook, backfill_ns: int) -> None:
        self._funding = funding
        self._backfill_ns = backfill_ns
        self._read_until_ns: dict[InstrumentId, int] = {}
        self._asked: dict[Gap, int] = {}
        self._looked: dict[InstrumentId, tuple[tuple[int, int, int], tuple[Gap, ...]]] = {}

    def due(self, instrument: Instrument, now_ns: int) -> tuple[int, int] | None:
        """Return the stretch [start, end) to be read now; None when no settlement can be missing."""
        last_ns = self._funding.last_settled_ns(instrument.id)
        read_ns = self._read_until_ns.get(instrument.id)
        if last_ns is None and read_ns is None:
            start_ns = now_ns - self._backfill_ns
        else:
            start_ns = max(last_ns + 1 if last_ns is not None else 0, read_ns or 0)
            if last_ns is not None and now_ns < last_ns + self._period_ns(instrument):
                return self._gap_due(instrument.id, now_ns)
        if start_ns > now_ns:
            return None
        return start_ns, min(now_ns + 1, start_ns + self._backfill_ns + 1)

    def done(self, instrument: InstrumentId, end_ns: int, now_ns: int) -> None:
        """Note that everything before `end_ns` has been read."""
        self._read_until_ns[instrument] = max(self._read_until_ns.get(instrument, 0), min(end_ns, now_ns - _LATE_NS))

    def confirmed(self, instrument: InstrumentId) -> tuple[Gap, ...]:
        """Return the gaps that were asked for and are still there, each once."""
        found = tuple(gap for gap in self._gaps(instrument) if self._asked.get(gap) == _ASKED)
        self._asked.update(dict.fromkeys(found, _TOLD))
        return found

    def _gap_due(self, instrument: InstrumentId, now_ns: int) -> tuple[int, int] | None:
        """Return the oldest gap of the last weeks that was not asked for yet."""
        for gap in self._gaps(instrument):
            if gap not in self._asked and gap.after_ns >= now_ns - self._backfill_ns:
                self._asked[gap] = _ASKED
                return gap.after_ns + 1, gap.before_ns
        return None

    def _gaps(self, instrument: InstrumentId) -> tuple[Gap, ...]:
        settled = self._funding.settled(instrument)
        state = (len(settled), settled[0].ts_event_ns, settled[-1].ts_event_ns) if settled else (0, 0, 0)
        held = self._looked.get(instrument)
        if held is None or held[0] != state:
            held = self._looked[instrument] = (state, tuple(gaps(settled)))
        return held[1]

    def _period_ns(self, instrument: Instrument) -> int:
        return self._funding.interval_ns(instrument) or HOUR_NS
