"""`arb run`: run the strategies that a configuration names."""

from __future__ import annotations

from pathlib import Path

import click

from ._given import (
    Until,
    chosen_config,
    config_option,
    details_option,
    json_option,
    plot_option,
    record_option,
    speed,
    until,
)
from ._options import disabled_plugins

_EPILOG = """\b
Examples: arb run
          arb run -c carry.toml --until 30d --speed max
          arb run -c carry.toml --live
          arb run -c carry.toml --record traffic
"""


@click.command(name="run", epilog=_EPILOG)
@config_option
@click.option("--paper", is_flag=True, help="Simulated orders: the default.")
@click.option("--live", is_flag=True, help="Real orders; asks for the configuration's name first.")
@click.option(
    "--yes-live",
    metavar="NAME",
    help="With --live, instead of typing the answer: the configuration's file name without its suffix.",
)
@click.option(
    "--until",
    "end",
    metavar="TIME",
    callback=until,
    help="When to stop: a UTC time, or a duration (30d, 12h) from the start of simulated time, or from now on real "
    "exchanges. [run] until in the configuration says the same.",
)
@click.option(
    "--speed",
    "pace",
    metavar="N|max",
    callback=speed,
    help="Simulated seconds a real second; only where every exchange is simulated. Without it: max when the "
    "configuration has [run] start, else 1.",
)
@click.option("--seed", type=click.IntRange(min=0), help="Replaces [run] seed of the configuration.")
@record_option
@json_option
@details_option
@plot_option
@click.option("--quiet", "-q", is_flag=True, help="Show nothing before the report.")
@click.pass_context
def command(
    ctx: click.Context,
    file: Path | None,
    paper: bool,
    live: bool,
    yes_live: str | None,
    end: Until | None,
    pace: float | None,
    seed: int | None,
    record: Path | None,
    as_json: bool,
    details: bool,
    plot: Path | None,
    quiet: bool,
) -> None:
    """Run the strategies of a configuration, on paper unless told otherwise.

    A run that is stopped, by Ctrl-C or by force, continues from its storage when it is started again. The view goes
    to the error output; the report at the end, or one JSON document, to the standard output.
    """
    if paper and live:
        raise click.UsageError("--paper and --live exclude each other")
    if yes_live is not None and not live:
        raise click.UsageError("--yes-live goes with --live only")
    chosen = chosen_config(file)
    # Imported here: the help of this command needs none of the runtime.
    from ._launch import Wanted, launch
    from ._session import publish

    wanted = Wanted(
        file=chosen, live=live, yes_live=yes_live, end=end, speed=pace, seed=seed, quiet=quiet, record=record
    )
    ctx.exit(publish(launch(wanted, disabled_plugins()), as_json=as_json, details=details, plot=plot))
