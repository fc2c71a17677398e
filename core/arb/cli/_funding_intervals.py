"""The time between settlements of every stored instrument, and how it changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from arb.funding import MIN_SETTLEMENTS, InferredChange, infer_intervals
from arb.model import DAY_NS, FundingKind, FundingRate, InstrumentId, exchange_of, format_utc
from arb.storage import JournalReader

from ._errors import ExitCode
from ._export import print_csv
from ._money import NOTHING, duration
from ._output import print_json, print_table
from ._stored import stored_run


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentIntervals:
    """One instrument, and how inference walking forward through its settlements agrees with what is recorded.

    Attributes:
        source: `settled`, inferred; `predicted`, as published with each prediction.
        rates: Rates stored of that kind.
        interval_ns: Now; 0 where funding accrues continuously, None where it is not known.
        found: Settlements, after the first eight, at which the interval inferred was the recorded one.
        refused: Those at which none was inferred.
        wrong: Those at which another was.
    """

    instrument: InstrumentId
    source: FundingKind
    rates: int
    interval_ns: int | None
    found: int
    refused: int
    wrong: int
    changes: tuple[InferredChange, ...]


def show_intervals(file: Path, exchanges: Sequence[str], period_ns: int, *, as_json: bool, as_csv: bool) -> ExitCode:
    """Print a line for each instrument and for each change; return CHECK when an inferred interval is wrong.

    Raises:
        ArbError: the file or the storage cannot be read.
    """
    rows = asyncio.run(_read(file, exchanges, period_ns))
    totals = {name: sum(getattr(row, name) for row in rows) for name in ("rates", "found", "refused", "wrong")}
    if as_json:
        print_json({"instruments": [_plain(row) for row in rows], "total": totals})
    elif as_csv:
        columns = ("instrument", "source", "rates", "interval_ns", "found", "refused", "wrong", "changes")
        print_csv(columns, [[*(getattr(row, name) for name in columns[:-1]), len(row.changes)] for row in rows])
    elif rows:
        _print(rows)
        click.echo(
            f"\n{len(rows)} instruments. Inferred at each settlement that has {MIN_SETTLEMENTS} before it: "
            f"{totals['found']} as recorded, {totals['refused']} refused, {totals['wrong']} wrong."
        )
    else:
        click.echo("No such rate: `arb funding collect` reads the venues, `arb funding import` a recording.", err=True)
    return ExitCode.CHECK if totals["wrong"] else ExitCode.OK


def settled_intervals(instrument: InstrumentId, rates: Sequence[FundingRate]) -> InstrumentIntervals:
    """Walk forward through settled rates, oldest first, and compare what is inferred with what they say."""
    inferred = infer_intervals([rate.ts_event_ns for rate in rates])
    judged = list(zip(inferred.known, rates, strict=True))[MIN_SETTLEMENTS:]
    refused = sum(known is None for known, _ in judged)
    found = sum(known == rate.interval_ns for known, rate in judged)
    return InstrumentIntervals(
        instrument=instrument,
        source=FundingKind.SETTLED,
        rates=len(rates),
        interval_ns=inferred.known[-1] if inferred.known else None,
        found=found,
        refused=refused,
        wrong=len(judged) - found - refused,
        changes=inferred.changes,
    )


class _Published:
    """What the venue published with its predictions of one instrument, oldest first."""

    def __init__(self) -> None:
        self.rates = 0
        self.interval_ns: int | None = None
        self.changes: list[InferredChange] = []

    def add(self, rate: FundingRate) -> None:
        """Take the next prediction."""
        if self.interval_ns is not None and self.interval_ns != rate.interval_ns:
            self.changes.append(
                InferredChange(
                    effective_from_ns=rate.ts_event_ns, before_ns=self.interval_ns, after_ns=rate.interval_ns
                )
            )
        self.rates += 1
        self.interval_ns = rate.interval_ns

    def result(self, instrument: InstrumentId) -> InstrumentIntervals:
        """Return it as a row; nothing of it is inferred."""
        return InstrumentIntervals(
            instrument=instrument,
            source=FundingKind.PREDICTED,
            rates=self.rates,
            interval_ns=self.interval_ns,
            found=0,
            refused=0,
            wrong=0,
            changes=tuple(self.changes),
        )


async def _read(file: Path, exchanges: Sequence[str], period_ns: int) -> list[InstrumentIntervals]:
    async with stored_run(file) as run:
        rows: dict[InstrumentId, InstrumentIntervals] = {}
        for newest in await run.journal.latest_funding_rates(FundingKind.SETTLED):
            key, end_ns = newest.instrument, newest.ts_event_ns + 1
            if not exchanges or exchange_of(key) in exchanges:
                rates = await run.journal.funding_rates(key, FundingKind.SETTLED, end_ns - period_ns, end_ns)
                rows[key] = settled_intervals(key, rates)
        published = await _published(run.journal, period_ns)
        for key, found in published.items():
            if key not in rows and (not exchanges or exchange_of(key) in exchanges):
                rows[key] = found.result(key)
    return [row for _, row in sorted(rows.items())]


async def _published(journal: JournalReader, period_ns: int) -> Mapping[InstrumentId, _Published]:
    """Go through the predictions of the period, of all instruments, day by day: they are stored by time."""
    latest = await journal.latest_funding_rates(FundingKind.PREDICTED)
    found: dict[InstrumentId, _Published] = {}
    end_ns = max((rate.ts_event_ns for rate in latest), default=0) + 1
    start_ns = max(end_ns - period_ns, 0) if latest else end_ns
    for day_ns in range(start_ns, end_ns, DAY_NS):
        for rate in await journal.funding_rates(None, FundingKind.PREDICTED, day_ns, min(day_ns + DAY_NS, end_ns)):
            found.setdefault(rate.instrument, _Published()).add(rate)
    return found


def _print(rows: Sequence[InstrumentIntervals]) -> None:
    head = ("instrument", "from", "rates", "every", "found", "refused", "wrong", "changes")
    print_table(head, [_cells(row) for row in rows])
    changes = [line for row in rows for line in _change_cells(row)]
    if changes:
        click.echo()
        print_table(("changed", "from", "before", "after"), changes)


def _cells(row: InstrumentIntervals) -> tuple[str, ...]:
    inferred = row.source is FundingKind.SETTLED
    counts = [str(count) if inferred else NOTHING for count in (row.found, row.refused, row.wrong)]
    return (row.instrument, row.source, str(row.rates), _length(row.interval_ns), *counts, str(len(row.changes)))


def _change_cells(row: InstrumentIntervals) -> Iterator[tuple[str, ...]]:
    for change in row.changes:
        yield row.instrument, format_utc(change.effective_from_ns), _length(change.before_ns), _length(change.after_ns)


def _length(interval_ns: int | None) -> str:
    if interval_ns is None:
        return "unknown"
    return duration(interval_ns) if interval_ns else "always"


def _plain(row: InstrumentIntervals) -> dict[str, Any]:
    changes = [{**asdict(change), "effective_from": format_utc(change.effective_from_ns)} for change in row.changes]
    return {**asdict(row), "changes": changes}
