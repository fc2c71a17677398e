"""Showing a run while it goes on: what a view is, and how events reach it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final, Protocol

from arb.api import hookimpl
from arb.kernel import Composition
from arb.model import Event, EventKind, Severity
from arb.runtime import App

from ._money import second
from ._output import clean

REFRESH_S: Final = 0.25
_MINOR: Final = frozenset({EventKind.FUNDING_PAID})


class View(Protocol):
    """Shows a run on the error output; the standard output belongs to the report."""

    def shown(self) -> AbstractContextManager[None]:
        """Show it while the context is open."""
        ...

    def observe(self, app: App) -> None:
        """Look at the run after a step of it."""
        ...

    def tell(self, event: Event) -> None:
        """Take an event that is stored."""
        ...


class EventTap:
    """An observer of the run's events, beside those of plugins."""

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self._tell = tell

    @hookimpl
    def arb_event(self, event: Event) -> None:
        """Pass an event on."""
        self._tell(event)

    def attach(self, composition: Composition) -> None:
        """Listen to a run of this composition."""
        composition.registry.attach("arb.cli", self)


class Throttle:
    """Lets one call through in a while of real time."""

    def __init__(self, every_s: float, now: Callable[[], float] = time.monotonic) -> None:
        self._every_s = every_s
        self._now = now
        self._next = now()

    def is_due(self) -> bool:
        """Return whether it is time again; the answer yes starts a new while."""
        now = self._now()
        if now < self._next:
            return False
        self._next = now + self._every_s
        return True


def is_important(event: Event) -> bool:
    """Tell what a person following the run wants to read."""
    return event.kind not in _MINOR or event.severity is not Severity.INFO


def event_line(event: Event) -> str:
    """Return an event as one line."""
    mark = "" if event.severity is Severity.INFO else f"{event.severity.upper()} "
    return clean(f"{second(event.ts_ns)}  {event.kind:<16} {mark}{event.message}")
