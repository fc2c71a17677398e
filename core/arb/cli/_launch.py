"""From the options of `arb run` to a run."""

from __future__ import annotations

import math
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from arb.api import ConfigError
from arb.kernel import Composition, compose, read_config
from arb.model import parse_utc
from arb.runtime import DEFAULT_START, MAX_SPEED, Mode, RunOptions, WallClock, check_live, is_virtual, run_halts

from ._given import Until
from ._recording import say_recording
from ._report import Report
from ._session import mode_name, run_and_watch
from ._views import LineView, NoView
from ._watching import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command line asks for; None where it says nothing."""

    file: Path
    live: bool = False
    yes_live: str | None = None
    end: Until | None = None
    speed: float | None = None
    seed: int | None = None
    quiet: bool = False
    record: Path | None = None


def launch(wanted: Wanted, disabled: frozenset[str]) -> Report:
    """Compose, ask for a confirmation where money is at stake, run and return the report.

    Raises:
        ConfigError: the file or the options cannot be used, or the confirmation was not given.
        ArbError: the run could not start, or had to stop.
    """
    source = str(wanted.file)
    composition = compose(read_config(wanted.file), source, disabled=disabled)
    if not composition.config.strategies:
        raise ConfigError(f"{source}: [strategies]: is empty: there is nothing to run")
    options = run_options(composition, wanted, now_ns=WallClock().now_ns())
    if options.mode is Mode.LIVE:
        check_live(composition, source)
        confirm_live(composition, wanted)
    if wanted.record is not None and not wanted.quiet:
        say_recording(composition, wanted.record)
    halts = run_halts(composition.config, wanted.file)
    return run_and_watch(composition, source, options, _view(composition, wanted, options), halts=halts)


def run_options(composition: Composition, wanted: Wanted, *, now_ns: int) -> RunOptions:
    """Return what the runtime is told: the command line first, then the configuration."""
    run, virtual = composition.config.run, is_virtual(composition)
    start_ns = (run.start_ns if run.start_ns is not None else parse_utc(DEFAULT_START)) if virtual else now_ns
    default_speed = MAX_SPEED if virtual and run.start_ns is not None else 1.0
    return RunOptions(
        mode=Mode.LIVE if wanted.live else Mode.PAPER,
        until_ns=None if wanted.end is None else wanted.end.from_start(start_ns),
        speed=default_speed if wanted.speed is None else wanted.speed,
        seed=wanted.seed,
        record=wanted.record,
    )


def confirm_live(composition: Composition, wanted: Wanted) -> None:
    """Return when the person at the terminal, or `--yes-live`, has named the configuration.

    Raises:
        ConfigError: the name differs, or there is nobody to ask.
    """
    word = wanted.file.stem
    if wanted.yes_live is not None:
        if wanted.yes_live != word:
            raise ConfigError(f"--yes-live {wanted.yes_live}: the configuration is {wanted.file}, so write {word}")
        return
    if not sys.stdin.isatty():
        raise ConfigError(f"--live needs a terminal to confirm at, or --yes-live {word}")
    armed = ", ".join(name for name, use in composition.config.exchanges.items() if use.armed)
    risk = composition.config.risk
    click.secho(f"LIVE: real orders will go to {armed}.", fg="red", bold=True, err=True)
    click.echo(
        f"Limits: {risk.max_hedges} hedges, {risk.max_hedge_notional_usd} USD each, "
        f"{risk.max_total_notional_usd} USD together.",
        err=True,
    )
    if click.prompt(f"Type {word} to go on", default="", show_default=False, err=True) != word:
        raise ConfigError("not confirmed: nothing was started")


def _view(composition: Composition, wanted: Wanted, options: RunOptions) -> View:
    if wanted.quiet:
        return NoView()
    mode, source = mode_name(composition, options.mode), str(wanted.file)
    pace = "max" if options.speed == math.inf else f"{options.speed:g}"
    seed = composition.config.run.seed if options.seed is None else options.seed
    # A dumb terminal cannot draw over what it shows.
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return LineView(f"{mode} run of {source}, speed {pace}, seed {seed}")
    # Imported here: only a terminal needs them.
    from rich.console import Console

    from ._live import LiveView, Title

    title = Title(mode=mode, source=source, speed=pace, seed=seed if mode == "SIMULATED" else None)
    return LiveView(title, Console(stderr=True))
