from __future__ import annotations

import io
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

import pytest
from rich.console import Console

from arb.cli._live import LiveView, Title, render
from arb.cli._options import disabled_plugins
from arb.cli._progress import ProgressView, progress_view
from arb.cli._session import run_and_watch
from arb.cli._snapshot import HedgeRow, RateRow, Snapshot, take_snapshot
from arb.cli._views import NoView
from arb.cli._watching import Throttle, View, event_line, is_important
from arb.kernel import compose, read_config
from arb.model import (
    HOUR_NS,
    Event,
    EventKind,
    ExchangeName,
    Fresh,
    HedgeStatus,
    InstrumentId,
    Reading,
    Severity,
    Stale,
    Unknown,
)
from arb.runtime import MAX_SPEED, App, RunOptions

START_NS = 1_767_225_600_000_000_000
TITLE = Title(mode="LIVE", source="carry.toml", speed="1", seed=None)


def snapshot(**equity: Reading[Decimal]) -> Snapshot:
    names: Mapping[ExchangeName, Reading[Decimal]] = MappingProxyType(
        {ExchangeName(name): reading for name, reading in equity.items()}
    )
    row = HedgeRow(
        base="BTC",
        long="north",
        short="south",
        status=HedgeStatus.OPEN,
        notional_usd=None,
        age_ns=26 * HOUR_NS,
        carry_bps_hour=None,
        funding_usd=Decimal("1.5"),
        fees_usd=Decimal(2),
    )
    rate = RateRow(instrument=InstrumentId("BTC-PERP.south"), apr=Decimal("-0.1095"), interval_ns=8 * HOUR_NS)
    return Snapshot(now_ns=START_NS, hedges=(row,), rates=(rate,), equity=names, differences=("one has more",))


def drawn(view: Snapshot, *events: Event) -> str:
    out = io.StringIO()
    Console(width=120, file=out).print(render(TITLE, view, events))
    return out.getvalue()


def event(
    kind: EventKind = EventKind.HEDGE_OPENED, severity: Severity = Severity.INFO, message: str = "it is"
) -> Event:
    return Event(ts_ns=START_NS, kind=kind, subject="h1", message=message, severity=severity)


def test_what_is_unknown_or_old_is_drawn_as_such() -> None:
    text = drawn(
        snapshot(north=Fresh(Decimal(1000), "north", 1), south=Stale(Decimal(7), "south", 1), east=Unknown("no answer"))
    )
    assert "1,000.00" in text
    assert "7.00 (old)" in text
    assert "unknown" in text
    assert " LIVE " in text
    assert "-10.9" in text or "-11.0" in text
    assert "books differ: one has more" in text
    assert "1d 2h" in text


def test_events_are_lines_without_control_characters() -> None:
    text = drawn(snapshot(), event(severity=Severity.ALARM, message="fell over\x1b[2J [red]"))
    assert "ALARM fell over\\x1b[2J [red]" in text


def test_payments_are_no_news_unless_something_is_wrong() -> None:
    assert not is_important(event(EventKind.FUNDING_PAID))
    assert is_important(event(EventKind.FUNDING_PAID, Severity.WARNING))
    assert is_important(event())
    assert event_line(event()) == "2026-01-01T00:00:00Z  hedge.opened     it is"


def test_a_throttle_lets_one_call_through_in_a_while() -> None:
    times = iter([0.0, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 9.0])
    due = Throttle(0.25, lambda: next(times))
    assert [due.is_due() for _ in range(7)] == [True, False, False, True, False, False, True]


@pytest.fixture
def options(trading: Path) -> RunOptions:
    return RunOptions(speed=MAX_SPEED)


def run_with(view: View, options: RunOptions) -> None:
    composition = compose(read_config(Path("run.toml")), "run.toml", disabled=disabled_plugins())
    run_and_watch(composition, "run.toml", options, view)


def test_a_snapshot_holds_hedges_rates_and_equity(options: RunOptions) -> None:
    seen: list[Snapshot] = []

    class Watcher(NoView):
        def observe(self, app: App) -> None:
            seen.append(take_snapshot(app, most_rates=1))

    run_with(Watcher(), options)
    with_hedge = next(each for each in seen if each.hedges)
    (row,) = with_hedge.hedges
    assert (row.base, row.long, row.short, row.status) == ("BTC", "north", "south", HedgeStatus.OPEN)
    assert row.notional_usd is not None
    assert row.notional_usd > 4000
    assert row.carry_bps_hour is not None
    assert row.carry_bps_hour > 0
    assert [rate.instrument for rate in with_hedge.rates] == ["BTC-PERP.south"]
    assert set(with_hedge.equity) == {"north", "south"}


@pytest.mark.parametrize("kind", ["live", "bar"])
def test_a_view_on_a_terminal_draws_and_leaves_the_screen_clean(options: RunOptions, kind: str) -> None:
    out = io.StringIO()
    console = Console(width=100, force_terminal=True, file=out)
    view = LiveView(TITLE, console) if kind == "live" else ProgressView(START_NS, START_NS + 6 * HOUR_NS, console)
    run_with(view, options)
    assert "equity" in out.getvalue()
    assert out.getvalue().count("\x1b[?25l") == out.getvalue().count("\x1b[?25h") == 1


def test_no_bar_without_a_terminal(trading: Path) -> None:
    assert not isinstance(progress_view(read_config(Path("run.toml"))), ProgressView)


def test_a_view_that_fails_does_not_end_the_run(options: RunOptions) -> None:
    class Broken(NoView):
        def tell(self, event: Event) -> None:
            raise RuntimeError("no")

    run_with(Broken(), options)
