"""Settled funding of several venues by coin, without intervals and quote currencies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Final

from arb.funding import infer_intervals
from arb.model import FundingKind, FundingRate, Instrument, RateUnit

from ._instruments import recorded_instrument, whole_minute
from ._recording import Batch, SkippedRow, Tally, Trap
from ._table import Table

SIGNATURE: Final = frozenset({"timestamp", "venue", "coin", "funding_rate"})
_QUOTES: Final = MappingProxyType(
    {"binance": "USDT", "bybit": "USDT", "dydx": "USD", "kraken": "USD", "lighter": "USDC", "okx": "USDT"}
)
"""Binance and Bybit: all 595 settlements of BTC, ETH, SOL and DOGE that another recording has too are its USDT
contracts', and few of them the USDC contracts'. The others list one perpetual a coin, or have USDT as the main one."""
_HOURLY_MEANS: Final = frozenset({"hyperliquid"})
"""Their rows are the mean of an hour stamped at its beginning, not what was settled."""

_Series = tuple[str, str]


class VenuesRecording:
    """Implements :class:`Recording` for rows of venue, coin, time and rate.

    A rate is the fraction of notional of its own interval, and that is not stored: HYPE settles every 4 hours
    on two venues and every 8 on a third. It is inferred for each row from the settlements up to it, or else
    from it on; a row that neither tells is left out.
    """

    kind = "settled funding of venues without intervals"

    def __init__(self, table: Table) -> None:
        self._table = table
        self._instruments: dict[_Series, Instrument] = {}
        self._intervals: dict[_Series, Mapping[int, int]] = {}

    @property
    def path(self) -> Path:
        """Return the file."""
        return self._table.path

    @property
    def rows(self) -> int:
        """Return how many rows it has."""
        return self._table.rows

    def instruments(self, tally: Tally) -> Sequence[Instrument]:
        """Return one contract for each venue and coin, with the interval of its last settlements."""
        times: dict[_Series, set[int]] = {}
        for columns in self._table.read("timestamp", "venue", "coin"):
            for ts_ns, venue, coin in zip(*columns.values(), strict=True):
                if venue in _QUOTES and coin and ts_ns is not None:
                    times.setdefault((venue, coin), set()).add(whole_minute(ts_ns, Tally()))
        for (venue, coin), found in times.items():
            intervals, holes = row_intervals(sorted(found))
            quote = _QUOTES[venue]
            self._intervals[venue, coin] = intervals
            self._instruments[venue, coin] = recorded_instrument(
                venue,
                f"{coin}-{quote}-PERP",
                symbol=coin,
                base=coin,
                quote=quote,
                interval_ns=intervals[max(intervals)] if intervals else None,
            )
            tally.traps[Trap.HOLES] += holes
        return list(self._instruments.values())

    def batches(self, tally: Tally) -> Iterator[Batch]:
        """Yield settled rates."""
        for columns in self._table.read("timestamp", "venue", "coin", "funding_rate"):
            found = (self._rate(tally, *row) for row in zip(*columns.values(), strict=True))
            yield Batch(rows=len(columns["venue"]), rates=tally.kept(found))

    def _rate(
        self, tally: Tally, ts_ns: int | None, venue: str | None, coin: str | None, raw: Decimal | None
    ) -> FundingRate | SkippedRow:
        if venue in _HOURLY_MEANS:
            return SkippedRow.HOURLY_MEAN_STAMPED_EARLY
        if not venue or not coin or venue not in _QUOTES:
            return SkippedRow.NAME_UNKNOWN
        if ts_ns is None or raw is None:
            return SkippedRow.NOT_A_NUMBER
        settled_ns = whole_minute(ts_ns, tally)
        interval_ns = self._intervals[venue, coin].get(settled_ns)
        if interval_ns is None:
            return SkippedRow.INTERVAL_UNKNOWN
        tally.traps[Trap.INTERVAL_NOT_STORED] += 1
        tally.traps[Trap.QUOTE_NOT_STORED] += 1
        return FundingRate(
            instrument=self._instruments[venue, coin].id,
            raw=raw,
            unit=RateUnit(factor=Decimal(1), period_ns=interval_ns),
            interval_ns=interval_ns,
            kind=FundingKind.SETTLED,
            ts_event_ns=settled_ns,
            ts_init_ns=settled_ns,
        )


def row_intervals(settlements_ns: Sequence[int]) -> tuple[Mapping[int, int], int]:
    """Return the interval of each settlement that tells one, and how many gaps are holes.

    A settlement closes the period before it. Its interval is what it and those before it agree on; where
    they do not, at the beginning of the series, after a hole and right after a change, it is what it and
    those after it agree on, unless the gap before it is no multiple of that: then its period was another.
    Between two changes that are near each other it is that of a neighbour, if the gap before it is as long.

    Args:
        settlements_ns: Ascending, to the minute.
    """
    backwards = infer_intervals([-time for time in reversed(settlements_ns)]).known[::-1]
    gaps = [0, *(later - earlier for earlier, later in pairwise(settlements_ns))]
    found: list[int | None] = []
    for gap_ns, before, after in zip(gaps, infer_intervals(settlements_ns).known, backwards, strict=True):
        interval_ns = before or after
        found.append(None if interval_ns is None or gap_ns % interval_ns else interval_ns)
    rows = range(len(found))
    for index, neighbour in (*zip(rows[1:], rows, strict=False), *zip(rows[-2::-1], rows[::-1], strict=False)):
        if found[index] is None and gaps[index] == found[neighbour]:
            found[index] = found[neighbour]
    told = [(time, length, gap) for time, length, gap in zip(settlements_ns, found, gaps, strict=True) if length]
    return {time: length for time, length, _ in told}, sum(gap > length for _, length, gap in told)
