"""A year of settled funding with its interval, one file a venue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

from arb.model import HOUR_NS, FundingKind, FundingRate, Instrument, RateUnit

from ._instruments import note_quotes, recorded_instrument, whole_minute
from ._recording import Batch, SkippedRow, Tally, Trap
from ._table import Table

SIGNATURE: Final = frozenset(
    {"venue", "venue_symbol", "canonical_symbol", "settlement_ts", "rate_raw", "interval_hours", "is_predicted"}
)


class SettledRecording:
    """Implements :class:`Recording` for rows of one settlement each, as the venue's history gives it.

    A rate is the fraction of notional of its own interval. The instrument is named after the canonical symbol,
    `BTC-USDT-PERP`: contracts of a coin in USDT and in USDC settle at different rates. A row without an
    interval (Bybit, where one changes) is left out, since nobody can say what the rate is an hour.
    """

    kind = "settled funding with intervals"

    def __init__(self, table: Table) -> None:
        self._table = table
        self._instruments: dict[tuple[str | None, str | None], Instrument] = {}

    @property
    def path(self) -> Path:
        """Return the file."""
        return self._table.path

    @property
    def rows(self) -> int:
        """Return how many rows it has."""
        return self._table.rows

    def instruments(self, tally: Tally) -> Sequence[Instrument]:
        """Return every contract, with the interval of its last settlement."""
        latest: dict[tuple[str, str], tuple[int, Decimal, str]] = {}
        for columns in self._table.read("venue", "canonical_symbol", "venue_symbol", "settlement_ts", "interval_hours"):
            for venue, name, symbol, ts_ns, length in zip(*columns.values(), strict=True):
                key = (venue, name)
                if not venue or not name or not symbol or not _parts(name)[1] or ts_ns is None or not length:
                    continue
                if key not in latest or latest[key][0] < ts_ns:
                    latest[key] = (ts_ns, length, symbol)
        for (venue, name), (_, length, symbol) in latest.items():
            base, quote = _parts(name)
            self._instruments[venue, name] = recorded_instrument(
                venue, name, symbol=symbol, base=base, quote=quote, interval_ns=int(length * HOUR_NS)
            )
        note_quotes(self._instruments.values(), tally)
        return list(self._instruments.values())

    def batches(self, tally: Tally) -> Iterator[Batch]:
        """Yield settled rates."""
        names = ("venue", "canonical_symbol", "settlement_ts", "rate_raw", "interval_hours", "is_predicted")
        linear = "contract_type" in self._table.columns
        for columns in self._table.read(*names, *(("contract_type",) if linear else ())):
            found = (self._rate(tally, *row) for row in zip(*columns.values(), strict=True))
            yield Batch(rows=len(columns["venue"]), rates=tally.kept(found))

    def _rate(
        self,
        tally: Tally,
        venue: str | None,
        name: str | None,
        ts_ns: int | None,
        raw: Decimal | None,
        length: Decimal | None,
        predicted: bool | None,
        contract_type: str = "linear",
    ) -> FundingRate | SkippedRow:
        instrument = self._instruments.get((venue, name))
        if predicted:
            return SkippedRow.NOT_SETTLED
        if contract_type != "linear":
            return SkippedRow.NOT_LINEAR
        if ts_ns is None or raw is None:
            return SkippedRow.NOT_A_NUMBER
        if not length or length < 0:
            tally.traps[Trap.INTERVAL_MISSING] += 1
            return SkippedRow.INTERVAL_UNKNOWN
        if instrument is None:
            return SkippedRow.NAME_UNKNOWN
        settled_ns, interval_ns = whole_minute(ts_ns, tally), int(length * HOUR_NS)
        return FundingRate(
            instrument=instrument.id,
            raw=raw,
            unit=RateUnit(factor=Decimal(1), period_ns=interval_ns),
            interval_ns=interval_ns,
            kind=FundingKind.SETTLED,
            ts_event_ns=settled_ns,
            ts_init_ns=settled_ns,
        )


def _parts(name: str) -> tuple[str, str]:
    """Return base and quote of `BTC-USDT-PERP`."""
    base, _, rest = name.partition("-")
    return base, rest.partition("-")[0]
