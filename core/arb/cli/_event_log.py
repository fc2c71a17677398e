"""Reading the events of a stored run, once or as they come."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from arb.api import ChangeSignal, Clock
from arb.model import SECOND_NS, Event, EventKind, Severity, format_utc

from ._output import print_json
from ._stored import StoredRun, stored_run
from ._watching import event_line

_LOOK_EVERY_NS: Final = SECOND_NS
_COLORS: Final = {Severity.INFO: None, Severity.WARNING: "yellow", Severity.ALARM: "red"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which events, and how; no kinds are all kinds."""

    kinds: frozenset[EventKind]
    last: int | None
    follow: bool
    as_json: bool


def show_events(file: Path, wanted: Wanted) -> None:
    """Print the events of the run that `file` describes.

    Raises:
        ArbError: the file or the storage cannot be read.
    """
    if not wanted.follow:
        asyncio.run(_show(file, wanted))
        return
    with suppress(KeyboardInterrupt):  # that is how following ends
        asyncio.run(_show(file, wanted))


async def _show(file: Path, wanted: Wanted) -> None:
    async with stored_run(file) as run:
        found = await _after(run, 0, wanted)
        shown = found if wanted.last is None else found[len(found) - min(wanted.last, len(found)) :]
        if wanted.follow:
            _print_each(shown, wanted)
            await _follow(run, found[-1][0] if found else 0, wanted)
        elif wanted.as_json:
            print_json({"events": [_plain(number, event) for number, event in shown]})
        elif shown:
            _print_each(shown, wanted)
        else:
            click.echo("No such event." if wanted.kinds else "No event yet.", err=True)


async def _follow(run: StoredRun, after: int, wanted: Wanted) -> None:
    async with _changes(run) as changes:
        async for _ in changes:
            found = await _after(run, after, wanted)
            _print_each(found, wanted)
            after = found[-1][0] if found else after


def _changes(run: StoredRun) -> AbstractAsyncContextManager[AsyncIterator[None]]:
    """Return when to look: as soon as the storage says that there is something new, or every second."""
    return run.storage.changes("events") if isinstance(run.storage, ChangeSignal) else aclosing(_seconds(run.clock))


async def _seconds(clock: Clock) -> AsyncGenerator[None]:
    while True:
        await clock.sleep_until(clock.now_ns() + _LOOK_EVERY_NS)
        yield


async def _after(run: StoredRun, after: int, wanted: Wanted) -> Sequence[tuple[int, Event]]:
    return await run.journal.events(after, limit=0, kinds=wanted.kinds or None)


def _print_each(events: Iterable[tuple[int, Event]], wanted: Wanted) -> None:
    for number, event in events:
        if wanted.as_json:
            click.echo(json.dumps(_plain(number, event)))
        else:
            color = _COLORS[event.severity]
            click.echo(event_line(event) if color is None else click.style(event_line(event), fg=color))


def _plain(number: int, event: Event) -> dict[str, Any]:
    return {
        "id": number,
        "time": format_utc(event.ts_ns),
        "ts_ns": event.ts_ns,
        "kind": event.kind.value,
        "severity": event.severity.value,
        "subject": event.subject,
        "message": event.message,
        "data": dict(event.data),
    }
