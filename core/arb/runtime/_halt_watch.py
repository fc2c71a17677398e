"""Halts in the journal: whoever raised or lifted one, in whatever process, observers are told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence

from arb.execution import Recorder
from arb.model import Event, EventKind, Severity
from arb.risk import EVERYTHING, Halt, Halts

_OWNER = "run"
_KEY = "halts"


class HaltWatch:
    """Compares the halts with what the journal has heard of them."""

    def __init__(self, halts: Halts, recorder: Recorder) -> None:
        self._halts = halts
        self._recorder = recorder
        self._told: Mapping[str, bool] | None = None
        self._told_alone: frozenset[str] = frozenset()
        self._turn = asyncio.Lock()

    async def update(self) -> None:
        """Store an event for each halt that is new or newly lifted, and try again to store those that are not.

        A halt that is gone though nobody lifted it, since its file was removed or replaced, is followed by
        one of everything: only a named person lifts a halt.
        """
        async with self._turn:
            await self._update()

    async def _update(self) -> None:
        await self._tell_alone()
        if self._told is None:
            self._told = json.loads(await self._recorder.journal.state(_OWNER, _KEY) or "{}")
        history = self._halts.history()
        if any(halt.halt_id == 0 for halt in history):
            return  # it stands for a file that cannot be read, and has no history: see `_tell_alone`
        gone = _gone(self._told, history)
        if gone:
            reason = f"{self._halts} has lost what stood in it, and nobody lifted it: {', '.join(gone)}"
            self._halts.hold(EVERYTHING, reason, by="arb: fail closed")
            if self._halts.catch_up():
                return  # it stands for this process; what is gone is forgotten when it is stored
            history = self._halts.history()
        now_told = {_key(halt): halt.is_active for halt in history}
        if now_told != self._told:
            text = json.dumps(now_told)
            await self._recorder.events(_news(self._told, history), state=(_OWNER, _KEY, text))
            self._told = now_told

    async def _tell_alone(self) -> None:
        """Tell, once as long as it lasts, of what stands in no file: nobody finds it by looking there."""
        unstored = self._halts.catch_up()
        texts = {
            f"{halt}; it is not stored, so a restart forgets it: look at the disk and its file" for halt in unstored
        }
        # The other halt without a number says itself what to do.
        texts |= {halt.reason for halt in self._halts.history() if halt.halt_id == 0}
        news, self._told_alone = texts - self._told_alone, frozenset(texts)
        for text in sorted(news):
            await self._recorder.event(EventKind.HALT_RAISED, EVERYTHING, text, Severity.ALARM)


def _key(halt: Halt) -> str:
    """Return what tells a halt from all others: numbers begin anew when somebody has removed the file."""
    return f"{halt.halt_id}:{halt.raised_ns}"


def _gone(told: Mapping[str, bool], history: Sequence[Halt]) -> list[str]:
    """Return the numbers of the halts that stood when they were last seen, and are not there any more."""
    there = set(map(_key, history))
    return [f"halt {key.partition(':')[0]}" for key, stood in told.items() if stood and key not in there]


def _news(told: Mapping[str, bool], history: Sequence[Halt]) -> list[Event]:
    events: list[Event] = []
    for halt in history:
        known = told.get(_key(halt))
        if known is None and halt.raised_by != "execution":  # execution told it together with its cause
            events.append(_raised(halt))
        if not halt.is_active and known is not False:
            events.append(_lifted(halt))
    return events


def _raised(halt: Halt) -> Event:
    return Event(
        ts_ns=halt.raised_ns,
        kind=EventKind.HALT_RAISED,
        severity=Severity.ALARM,
        subject=halt.subject or halt.scope,
        message=f"{halt} (by {halt.raised_by})",
    )


def _lifted(halt: Halt) -> Event:
    return Event(
        ts_ns=halt.lifted_ns or halt.raised_ns,
        kind=EventKind.HALT_LIFTED,
        severity=Severity.WARNING,
        subject=halt.subject or halt.scope,
        message=f"{halt} was lifted by {halt.lifted_by}: {halt.lifted_reason}",
    )
