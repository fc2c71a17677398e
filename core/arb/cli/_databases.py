"""Opening the databases of configurations, as they are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import click
from rich.console import Console

from arb.model import format_utc
from arb.storage import MIGRATIONS, Journal, copy_database, count_rows, stored_version

from ._output import print_fields, print_json, print_table
from ._stored import main_storage


def show_status(file: Path, *, as_json: bool) -> None:
    """Print the version and the rows of the database that `file` names.

    Raises:
        ArbError: the file or the storage cannot be read.
    """
    version, dialect, rows = asyncio.run(_status(file))
    newest = MIGRATIONS[-1].version
    if as_json:
        print_json({"dialect": dialect, "version": version, "newest": newest, "rows": dict(rows)})
        return
    state = "this arb's" if version == newest else f"this arb's is {newest}: `arb db upgrade` brings it forward"
    print_fields({"Speaks": dialect, "Version": f"{version} ({state})" if version else "none: it holds no tables yet"})
    if rows:
        click.echo()
        print_table(("table", "rows"), list(rows.items()))


async def _status(file: Path) -> tuple[int, str, Mapping[str, int]]:
    async with main_storage(file) as (storage, _, _), storage.transaction() as transaction:
        version = await stored_version(transaction, storage.dialect)
        rows = await count_rows(transaction) if version == MIGRATIONS[-1].version else {}
        return version, storage.dialect.value, rows


def upgrade(file: Path, *, as_json: bool) -> None:
    """Bring the database that `file` names to the newest version.

    Raises:
        ArbError: the file or the storage cannot be used, or a newer arb wrote it.
    """
    before, after = asyncio.run(_upgrade(file))
    if as_json:
        print_json({"before": before, "after": after})
    else:
        click.echo(f"version {after}, as before" if before == after else f"from version {before} to {after}")


async def _upgrade(file: Path) -> tuple[int, int]:
    async with main_storage(file, writing=True) as (storage, _, _):
        async with storage.transaction() as transaction:
            before = await stored_version(transaction, storage.dialect)
        await Journal.open(storage)
        return before, MIGRATIONS[-1].version


def prune_old(file: Path, age_ns: int | None, *, as_json: bool) -> None:
    """Reduce the history in the database that `file` names.

    Args:
        file: The configuration.
        age_ns: What is older is reduced; None for what the configuration says.
        as_json: Print JSON.

    Raises:
        ArbError: the file or the storage cannot be used; what was deleted before stays so.
    """
    deleted, before_ns = asyncio.run(_prune(file, age_ns))
    if as_json:
        print_json({"before": format_utc(before_ns), "deleted": dict(deleted)})
        return
    print_fields({"Before": format_utc(before_ns), **{name: f"{rows} rows deleted" for name, rows in deleted.items()}})


async def _prune(file: Path, age_ns: int | None) -> tuple[Mapping[str, int], int]:
    async def no_pause() -> None:
        return

    async with main_storage(file, writing=True) as (storage, config, clock):
        journal = await Journal.open(storage)
        # The run's own time counts: a simulated one is not of today.
        now_ns = await journal.clock() or clock.now_ns()
        before_ns = max(0, now_ns - (config.run.keep_fine if age_ns is None else age_ns))
        return await journal.prune(before_ns, no_pause, from_oldest=True), before_ns


def copy_all(source: Path, target: Path, *, as_json: bool) -> None:
    """Copy the database of one configuration into that of another.

    Raises:
        ArbError: a file or a storage cannot be used, or the target is not empty; nothing was copied.
    """
    console = Console(stderr=True)
    with console.status("copying") as shown:
        rows = asyncio.run(_copy(source, target, lambda table, count: shown.update(f"{table}: {count} rows")))
    if as_json:
        print_json({"rows": dict(rows)})
    else:
        print_table(("table", "rows"), [(table, count) for table, count in rows.items() if count])
        click.echo(f"\n{sum(rows.values())} rows copied, and read back the same.")


async def _copy(source: Path, target: Path, tell: Callable[[str, int], None]) -> Mapping[str, int]:
    async with main_storage(source) as (reading, _, _), main_storage(target, writing=True) as (writing, _, _):
        return await copy_database(reading, writing, tell=tell)
