"""The report of a stored run."""

from __future__ import annotations

import asyncio
from pathlib import Path

from arb.model import EventKind
from arb.risk import HaltFile, Halts
from arb.runtime import halt_path
from arb.storage import account_run

from ._report import Report
from ._stored import StoredRun, stored_run


def read_report(file: Path) -> Report:
    """Read the books of the run that `file` describes, and its halts as they stand now.

    Raises:
        ArbError: the file or the storage cannot be read.
    """
    return asyncio.run(_read(file))


def ended_ns(file: Path) -> int | None:
    """Return the time at which the stored run came to rest; None when it was killed or has not begun.

    Raises:
        ArbError: the file or the storage cannot be read.
    """
    return asyncio.run(_ended(file))


async def _ended(file: Path) -> int | None:
    async with stored_run(file) as run:
        return await run.journal.clock() if await _how_it_ended(run) else None


async def _read(file: Path) -> Report:
    async with stored_run(file) as run:
        account = await account_run(run.journal)
        length_ns = 0 if account.start_ns is None or account.end_ns is None else account.end_ns - account.start_ns
        return Report(
            account=account,
            mode="STORED",
            seed=run.config.run.seed,
            stopped=await _how_it_ended(run),
            simulated_seconds=length_ns / 1e9,
            wall_seconds=None,
            equity=await run.journal.equity(),
            halts=tuple(map(str, Halts(HaltFile(halt_path(run.config, file)), run.clock).active())),
        )


async def _how_it_ended(run: StoredRun) -> str:
    """Return the last reason for a stop; empty when the run went on after it."""
    ends = await run.journal.events(limit=0, kinds=(EventKind.RUN_STARTED, EventKind.RUN_STOPPED))
    if not ends or ends[-1][1].kind is not EventKind.RUN_STOPPED:
        return ""
    return ends[-1][1].message
