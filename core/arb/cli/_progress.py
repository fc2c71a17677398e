"""The progress of a simulated run that has an end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from arb.kernel import Config
from arb.model import ZERO, Event, EventKind, Unknown
from arb.runtime import App

from ._money import second, usd
from ._views import NoView
from ._watching import REFRESH_S, Throttle, View

_OPENED: Final = frozenset({EventKind.HEDGE_OPENED})


class ProgressView:
    """A bar from the start of simulated time to its end, drawn at most four times a second."""

    def __init__(self, start_ns: int, end_ns: int, console: Console) -> None:
        self._start_ns = start_ns
        self._due = Throttle(REFRESH_S)
        self._opened = 0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
            console=console,
            auto_refresh=False,
            transient=True,
        )
        self._task: TaskID = self._bar.add_task("SIMULATED", total=end_ns - start_ns, state="")

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the bar while the context is open."""
        with self._bar:
            yield

    def observe(self, app: App) -> None:
        """Move the bar, unless it was moved a moment ago."""
        if not self._due.is_due():
            return
        now_ns = app.parts.clock.now_ns()
        hedges = f"{self._opened} hedges opened, {len(app.parts.keeper.hedges)} now"
        state = f"{second(now_ns)[:10]}  {hedges}  equity {_equity(app)}"
        self._bar.update(self._task, completed=now_ns - self._start_ns, state=state, refresh=True)

    def tell(self, event: Event) -> None:
        """Count the hedges of this session."""
        self._opened += event.kind in _OPENED


def _equity(app: App) -> str:
    total: Decimal = ZERO
    for name in app.parts.exchanges:
        reading = app.parts.accounts.equity_usd(name)
        if isinstance(reading, Unknown):
            return "unknown"
        total += reading.value
    return f"{usd(total)} USD"


def progress_view(config: Config) -> View:
    """Return a bar on a terminal, and nothing elsewhere."""
    console = Console(stderr=True)
    run = config.run
    if not console.is_terminal or run.start_ns is None or run.until_ns is None:
        return NoView()
    return ProgressView(run.start_ns, run.until_ns, console)
