"""Scans of many venues: prices and predicted funding of every instrument, some times an hour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from arb.funding import DOLLARS, AssetSurvey, claimed_units
from arb.model import DAY_NS, HOUR_NS, FundingKind, FundingRate, Instrument, InstrumentId, MarketStats, RateUnit

from ._instruments import note_quotes, recorded_instrument
from ._recording import Batch, SkippedRow, Tally, Trap
from ._symbols import contract_name
from ._table import Table

_COLUMNS: Final = (
    "ts",
    "venue",
    "symbol",
    "base",
    "mark",
    "index",
    "funding_rate",
    "funding_interval_h",
    "next_funding",
    "turnover_musd",
    "oi_musd",
)
SIGNATURE: Final = frozenset(_COLUMNS)
_MILLION: Final = Decimal(1_000_000)
_CONTINUOUS: Final = frozenset({"paradex"})
"""Funding accrues each second there; the interval recorded is the 8 hours of which the rate is quoted."""
_WRONG_INTEREST: Final = frozenset({"extended"})
"""In millions it would be 3.9 trillion dollars of BTC: as if multiplied by the price twice, which nothing proves."""

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Row:
    """A row, its numbers exact and in millions where the file has them so."""

    ts_ns: int | None
    venue: str | None
    symbol: str | None
    base: str | None
    mark: Decimal | None
    index: Decimal | None
    rate: Decimal | None
    hours: Decimal | None
    next_ns: int | None
    turnover: Decimal | None
    interest: Decimal | None


class ScanRecording:
    """Implements :class:`Recording` for rows of one instrument in one scan.

    A rate is predicted, a fraction of notional of its interval. Turnover and open interest are in millions of
    US dollars, taken for the quote currency. The asset is the recording's; a denomination in front of it, as in
    1000PEPE, becomes the multiplier when the prices of the recording prove it against other venues' contracts.
    """

    kind = "scans of predicted funding and prices"

    def __init__(self, table: Table) -> None:
        self._table = table
        self._instruments: dict[_Key, Instrument] = {}

    @property
    def path(self) -> Path:
        """Return the file."""
        return self._table.path

    @property
    def rows(self) -> int:
        """Return how many rows it has."""
        return self._table.rows

    def instruments(self, tally: Tally) -> Sequence[Instrument]:
        """Return every contract with the interval of its last scan, and the multipliers that prices prove."""
        latest: dict[_Key, _Row] = {}
        for row in self._rows():
            if row.venue and row.symbol and row.base and row.ts_ns is not None and row.hours:
                held = latest.get((row.venue, row.symbol))
                if held is None or held.ts_ns is None or held.ts_ns < row.ts_ns:
                    latest[row.venue, row.symbol] = row
        for (venue, symbol), row in latest.items():
            named = contract_name(venue, symbol, row.base or "")
            if named is not None and row.hours is not None:
                self._instruments[venue, symbol] = recorded_instrument(
                    venue,
                    f"{named[0]}-{named[1]}-PERP",
                    symbol=symbol,
                    base=row.base or "",
                    quote=named[1],
                    interval_ns=0 if venue in _CONTINUOUS else int(row.hours * HOUR_NS),
                )
        self._prove_denominations(tally)
        note_quotes(self._instruments.values(), tally)
        return list(self._instruments.values())

    def batches(self, tally: Tally) -> Iterator[Batch]:
        """Yield predicted rates and statistics."""
        for columns in self._table.read(*_COLUMNS):
            rates: list[FundingRate | SkippedRow] = []
            stats: list[MarketStats] = []
            for row in _rows(columns):
                instrument = self._instruments.get((row.venue or "", row.symbol or ""))
                if instrument is None:
                    rates.append(SkippedRow.NAME_UNKNOWN)
                elif row.ts_ns is None or row.rate is None:
                    rates.append(SkippedRow.NOT_A_NUMBER)
                elif not row.hours:
                    rates.append(SkippedRow.INTERVAL_UNKNOWN)
                else:
                    rates.append(_rate(instrument.id, row, row.ts_ns, row.rate, int(row.hours * HOUR_NS), tally))
                    stats.append(_stats(instrument.id, row, row.ts_ns, tally))
            yield Batch(rows=len(columns["venue"]), rates=tally.kept(rates), stats=stats)

    def _rows(self) -> Iterator[_Row]:
        for columns in self._table.read(*_COLUMNS):
            yield from _rows(columns)

    def _prove_denominations(self, tally: Tally) -> None:
        claims = {
            key: claim for key, one in self._instruments.items() if (claim := claimed_units(one.symbol, one.base)) != 1
        }
        bases = {self._instruments[key].base for key in claims}
        asked = {key: one for key, one in self._instruments.items() if one.base in bases}
        survey = AssetSurvey(asked.values(), DOLLARS)
        # The file goes through its instruments one by one; days of all of them are compared.
        days: dict[int, list[MarketStats]] = {}
        for row in self._rows():
            instrument = asked.get((row.venue or "", row.symbol or ""))
            if instrument is not None and row.ts_ns is not None:
                days.setdefault(row.ts_ns // DAY_NS, []).append(_stats(instrument.id, row, row.ts_ns, Tally()))
        for _, stats in sorted(days.items()):
            survey.add_day(sorted(stats, key=lambda one: one.ts_event_ns))
        units = {
            key: unit for ticker in survey.tickers() for asset in ticker.assets for key, unit in asset.units.items()
        }
        for key in claims:
            one = self._instruments[key]
            proved = units.get(one.id, Decimal(1))
            tally.traps[Trap.DENOMINATION_UNPROVED if proved == 1 else Trap.DENOMINATION_PROVED] += 1
            self._instruments[key] = replace(one, multiplier=proved)


def _rows(columns: Any) -> Iterator[_Row]:
    for values in zip(*(columns[name] for name in _COLUMNS), strict=True):
        yield _Row(*values)


def _rate(instrument: InstrumentId, row: _Row, ts_ns: int, raw: Decimal, period_ns: int, tally: Tally) -> FundingRate:
    continuous = row.venue in _CONTINUOUS
    tally.traps[Trap.INTERVAL_ASSUMED] += continuous
    return FundingRate(
        instrument=instrument,
        raw=raw,
        unit=RateUnit(factor=Decimal(1), period_ns=period_ns),
        interval_ns=0 if continuous else period_ns,
        kind=FundingKind.PREDICTED,
        ts_event_ns=ts_ns,
        ts_init_ns=ts_ns,
        next_funding_ns=None if continuous or row.next_ns is None else _next_ns(row.next_ns, ts_ns, period_ns, tally),
    )


def _next_ns(next_ns: int, ts_ns: int, period_ns: int, tally: Tally) -> int | None:
    """Return the settlement that a prediction is of; None where the one named cannot be."""
    if next_ns - ts_ns > period_ns:
        tally.traps[Trap.NEXT_FUNDING_LATE] += 1
        next_ns -= period_ns
    if not ts_ns < next_ns <= ts_ns + period_ns:
        tally.traps[Trap.NEXT_FUNDING_PASSED] += 1
        return None
    return next_ns


def _stats(instrument: InstrumentId, row: _Row, ts_ns: int, tally: Tally) -> MarketStats:
    index, interest = row.index, row.interest
    if index is not None and index <= 0:
        tally.traps[Trap.INDEX_ZERO] += 1
        index = None
    if interest is not None and row.venue in _WRONG_INTEREST:
        tally.traps[Trap.OPEN_INTEREST_UNIT] += 1
        interest = None
    elif interest is not None and interest <= 0:
        tally.traps[Trap.OPEN_INTEREST_ZERO] += 1
        interest = None
    return MarketStats(
        instrument=instrument,
        mark_price=row.mark if row.mark is not None and row.mark > 0 else None,
        index_price=index,
        volume_24h=None if row.turnover is None else row.turnover * _MILLION,
        open_interest=None if interest is None else interest * _MILLION,
        ts_event_ns=ts_ns,
        ts_init_ns=ts_ns,
    )
