"""Storing recordings of funding as if their venues had been collected."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from arb.recordings import Recording, SkippedRow, Tally, Trap, open_recordings
from arb.storage import Journal, count_rows

from ._output import print_fields, print_json, print_table
from ._stored import main_storage

_TABLES = ("instruments", "settled_funding_rates", "predicted_funding_rates", "market_stats")


@dataclass(slots=True)
class _Import:
    """What one import did.

    Attributes:
        given: Instruments and rows that the recordings hold, by table.
        new: Rows that were not stored before.
    """

    files: list[tuple[Path, str, int]] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    given: Counter[str] = field(default_factory=Counter)
    new: Mapping[str, int] = field(default_factory=dict)


def import_recordings(file: Path, path: Path, *, as_json: bool) -> None:
    """Store what the recordings at `path` hold in the storage that `file` names, and print a summary.

    Raises:
        ArbError: the file, the storage or a recording cannot be used. What was stored until then stays; a
            second import goes over it again.
    """
    found, others = open_recordings(path)
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed} of {task.total} rows"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task("importing", total=sum(one.rows for one in found))
        done = asyncio.run(_store(file, found, lambda rows: bar.advance(task, rows)))
    if as_json:
        print_json(_plain(done, others))
    else:
        _print(done, others)


async def _store(file: Path, found: Sequence[Recording], tell: Callable[[int], None]) -> _Import:
    done = _Import()
    async with main_storage(file, writing=True) as (storage, _, _):
        journal = await Journal.open(storage)
        async with storage.transaction() as transaction:
            before = await count_rows(transaction)
        for one in found:
            done.files.append((one.path, one.kind, one.rows))
            await _store_one(journal, one, done, tell)
        async with storage.transaction() as transaction:
            after = await count_rows(transaction)
    done.new = {table: after[table] - before[table] for table in _TABLES}
    return done


async def _store_one(journal: Journal, recording: Recording, done: _Import, tell: Callable[[int], None]) -> None:
    instruments = recording.instruments(done.tally)
    done.given["instruments"] += len(instruments)
    known = {one.id for one in await journal.instruments()}
    async with journal.transaction() as tx:
        # What a venue said of itself, or an earlier recording, stands: this one knows less, or the same.
        await tx.put_instruments([one for one in instruments if one.id not in known], 0)
    for batch in recording.batches(done.tally):
        async with journal.transaction() as tx:
            await tx.add_funding_rates(batch.rates)
            await tx.add_stats(batch.stats)
        done.tally.rows += batch.rows
        done.given.update(f"{rate.kind}_funding_rates" for rate in batch.rates)
        done.given["market_stats"] += len(batch.stats)
        tell(batch.rows)


def _plain(done: _Import, others: Sequence[Path]) -> dict[str, Any]:
    return {
        "files": [{"path": str(path), "kind": kind, "rows": rows} for path, kind, rows in done.files],
        "not_recordings": [str(path) for path in others],
        "rows": done.tally.rows,
        "skipped": {reason.value: count for reason, count in sorted(done.tally.skipped.items()) if count},
        "traps": {trap.value: count for trap, count in sorted(done.tally.traps.items()) if count},
        "stored": {table: done.given[table] for table in _TABLES},
        "new": dict(done.new),
    }


def _print(done: _Import, others: Sequence[Path]) -> None:
    print_table(("file", "rows", "kind"), [(path.name, rows, kind) for path, kind, rows in done.files])
    if others:
        click.echo(f"Left out, no recordings of funding: {', '.join(path.name for path in others)}")
    click.echo()
    skipped = sum(done.tally.skipped.values())
    print_fields({"Rows": f"{done.tally.rows}, of which {skipped} skipped"})
    rows = [(table.replace("_", " "), done.given[table], done.new[table]) for table in _TABLES if done.given[table]]
    print_table(("stored", "rows", "new"), rows)
    _print_counts("skipped", {reason.value: (done.tally.skipped[reason], reason.meaning) for reason in SkippedRow})
    _print_counts("trap", {trap.value: (done.tally.traps[trap], trap.meaning) for trap in Trap})


def _print_counts(head: str, counts: Mapping[str, tuple[int, str]]) -> None:
    met = [(code, count, meaning) for code, (count, meaning) in counts.items() if count]
    if met:
        click.echo()
        print_table((head, "count", "meaning"), met)
