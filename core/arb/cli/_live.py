"""The live view of a run on a terminal."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from arb.model import Event, Fresh, Reading, Severity, Unknown, hours
from arb.runtime import App

from ._money import NOTHING, duration, second, signed, usd
from ._snapshot import HedgeRow, RateRow, Snapshot, take_snapshot
from ._watching import REFRESH_S, Throttle, event_line, is_important

_MOST_EVENTS: Final = 8
_MOST_RATES: Final = 6
_STYLES: Final = {Severity.INFO: "", Severity.WARNING: "yellow", Severity.ALARM: "bold red"}
_MODE_STYLES: Final = {"LIVE": "bold white on red", "PAPER": "bold black on yellow", "SIMULATED": "bold black on green"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Title:
    """What stays the same during a run."""

    mode: str
    source: str
    speed: str
    seed: int | None


class LiveView:
    """Draws the run again at most four times a second."""

    def __init__(self, title: Title, console: Console) -> None:
        self._title = title
        self._console = console
        self._events: deque[Event] = deque(maxlen=_MOST_EVENTS)
        self._due = Throttle(REFRESH_S)
        self._live = Live(console=console, auto_refresh=False, transient=True)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Draw while the context is open; leave a clean screen."""
        with self._live:
            self._live.update(Text(f"starting {self._title.source}"), refresh=True)
            yield

    def observe(self, app: App) -> None:
        """Draw, unless it was drawn a moment ago."""
        if self._due.is_due():
            snapshot = take_snapshot(app, most_rates=_MOST_RATES)
            self._live.update(render(self._title, snapshot, tuple(self._events)), refresh=True)

    def tell(self, event: Event) -> None:
        """Keep an important event for the next drawing."""
        if is_important(event):
            self._events.append(event)


def render(title: Title, snapshot: Snapshot, events: Sequence[Event]) -> RenderableType:
    """Return the whole view."""
    beside = Table.grid(padding=(0, 4))
    beside.add_row(_equity(snapshot), _rates(snapshot.rates))
    parts: list[RenderableType] = [_header(title, snapshot), _hedges(snapshot.hedges), beside]
    parts += [Text(f"books differ: {text}", style="bold red") for text in snapshot.differences]
    if events:
        lines = [Text(event_line(event), style=_STYLES[event.severity], no_wrap=True) for event in events]
        parts.append(Panel(Group(*lines), title="events", title_align="left"))
    return Group(*parts)


def _header(title: Title, snapshot: Snapshot) -> Text:
    seed = "" if title.seed is None else f"   seed {title.seed}"
    return Text.assemble(
        (f" {title.mode} ", _MODE_STYLES[title.mode]),
        f"  {title.source}   ",
        (second(snapshot.now_ns), "bold"),
        f"   speed {title.speed}{seed}",
        no_wrap=True,
    )


def _hedges(rows: Sequence[HedgeRow]) -> RenderableType:
    if not rows:
        return Text("no open hedge", style="dim")
    table = Table(title="hedges", title_justify="left", expand=False)
    for name in ("base", "long", "short", "status"):
        table.add_column(name)
    for name in ("USD", "age", "bps/h", "funding", "fees"):
        table.add_column(name, justify="right")
    for row in rows:
        carry = NOTHING if row.carry_bps_hour is None else f"{row.carry_bps_hour:+.3f}"
        table.add_row(
            row.base,
            row.long,
            row.short,
            row.status.value,
            usd(row.notional_usd, 0),
            duration(row.age_ns),
            carry,
            _colored(row.funding_usd),
            usd(row.fees_usd),
        )
    return table


def _equity(snapshot: Snapshot) -> Table:
    table = Table(title="equity", title_justify="left")
    table.add_column("exchange")
    table.add_column("USD", justify="right")
    for name, reading in snapshot.equity.items():
        table.add_row(name, _reading(reading))
    return table


def _reading(reading: Reading[Decimal]) -> Text:
    if isinstance(reading, Unknown):
        return Text("unknown", style="yellow")
    if isinstance(reading, Fresh):
        return Text(usd(reading.value))
    return Text(f"{usd(reading.value)} (old)", style="yellow")


def _rates(rows: Sequence[RateRow]) -> Table:
    table = Table(title="largest predicted funding", title_justify="left")
    table.add_column("instrument")
    table.add_column("% a year", justify="right")
    table.add_column("every", justify="right")
    for row in rows:
        every = f"{hours(row.interval_ns).normalize():f}h" if row.interval_ns else "always"
        table.add_row(row.instrument, f"{row.apr * 100:+.1f}", every)
    return table


def _colored(amount: Decimal) -> Text:
    return Text(signed(amount), style="green" if amount > 0 else "red" if amount < 0 else "")
