"""Halts in the journal: whoever raised or lifted one, in whatever process, observers are told."""

from __future__ import annotations

import json

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
        self._told: dict[str, bool] | None = None
        self._told_alone: frozenset[str] = frozenset()

    async def update(self) -> None:
        """Store an event for each halt that is new or newly lifted, and try again to store those that are not."""
        await self._tell_alone()
        if self._told is None:
            self._told = json.loads(await self._recorder.journal.state(_OWNER, _KEY) or "{}")
        events: list[Event] = []
        for halt in self._halts.history():
            if halt.halt_id == 0:
                continue  # it stands for a file that cannot be read, and has no history: see `_tell_alone`
            # Numbers begin anew when somebody has removed the file: the time tells two apart.
            key = f"{halt.halt_id}:{halt.raised_ns}"
            known = self._told.get(key)
            if known is None and halt.raised_by != "execution":  # execution told it together with its cause
                events.append(_raised(halt))
            if not halt.is_active and known is not False:
                events.append(_lifted(halt))
            self._told[key] = halt.is_active
        if events:
            async with self._recorder.transaction() as tx:
                await tx.put_state(_OWNER, _KEY, json.dumps(self._told))
            await self._recorder.events(events)

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
