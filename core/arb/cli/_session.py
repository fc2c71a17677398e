"""Running a composition to its end and reporting on it: what `arb run` and `arb demo` share."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from arb.kernel import Composition
from arb.risk import HaltStore
from arb.runtime import Mode, RunOptions, execute, is_virtual

from ._errors import ExitCode
from ._output import print_json
from ._plot import PlotUnavailable, draw
from ._report import Report, document
from ._report_text import print_report
from ._watching import EventTap, View


def mode_name(composition: Composition, mode: Mode) -> str:
    """Return LIVE, PAPER or SIMULATED."""
    return "LIVE" if mode is Mode.LIVE else "SIMULATED" if is_virtual(composition) else "PAPER"


def run_and_watch(
    composition: Composition, source: str, options: RunOptions, view: View, *, halts: HaltStore | None = None
) -> Report:
    """Run until the end, Ctrl-C or SIGTERM, and return the report.

    Without `halts` they are kept in memory: for a run that leaves nothing behind.

    Raises:
        ArbError: it could not start, or had to stop; what was committed stands.
        KeyboardInterrupt: a second signal did not wait for the clean stop.
    """
    EventTap(view.tell).attach(composition)
    with view.shown():
        try:
            outcome = execute(composition, source, options, view.observe, halt_store=halts)
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
    return Report(
        account=outcome.account,
        mode=mode_name(composition, options.mode),
        seed=outcome.seed,
        stopped=outcome.reason,
        simulated_seconds=outcome.simulated_seconds,
        wall_seconds=outcome.wall_seconds,
        equity=outcome.equity,
        halts=outcome.halts,
    )


def publish(report: Report, *, as_json: bool, details: bool = False, plot: Path | None = None) -> ExitCode:
    """Print the report, draw the plot, and return the exit code.

    Raises:
        ConfigError: the plot cannot be written; the report is out by then.
    """
    if as_json:
        print_json(document(report))
    else:
        print_report(report, details=details)
    if plot is not None:
        try:
            draw(report, plot)
        except PlotUnavailable as reason:
            click.echo(str(reason), err=True)
        else:
            click.echo(f"Plot: {plot}", err=True)
    return report.exit_code
