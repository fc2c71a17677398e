"""`arb demo`: thirty simulated days on three simulated exchanges."""

from __future__ import annotations

from pathlib import Path

import click

from ._given import details_option, folder, json_option, plot_option
from ._options import disabled_plugins

_EPILOG = """\b
Examples: arb demo
          arb demo --seed 3 --days 60 --details
          arb demo --data demo-run && arb report -c demo-run/demo.toml
"""


@click.command(name="demo", epilog=_EPILOG)
@click.option("--seed", type=click.IntRange(min=0), help="Another market: the same seed gives the same run.")
@click.option("--days", type=click.IntRange(1, 3650), help="Simulated days; 30 when left out.")
@click.option(
    "--data",
    callback=folder,
    metavar="DIR",
    help="Keep configuration and database in DIR; started again after any interruption it goes on to the same end.",
)
@json_option
@details_option
@plot_option
@click.option("--no-plot", is_flag=True, help="Draw nothing. Otherwise arb-demo.svg is drawn, here or in DIR.")
@click.pass_context
def command(
    ctx: click.Context,
    seed: int | None,
    days: int | None,
    data: Path | None,
    as_json: bool,
    details: bool,
    plot: Path | None,
    no_plot: bool,
) -> None:
    """Trade thirty simulated days in seconds and report: no account, no key, no real money.

    Three simulated exchanges settle funding every 1, 4 and 8 hours, in USDC and USDT, with different fees. Their
    prices are made from the seed and calibrated to recorded markets, so a demo may also lose.
    """
    if no_plot and plot is not None:
        raise click.UsageError("--no-plot and --plot contradict each other")
    # Imported here: the help of this command needs none of the runtime.
    from ._demo_run import Wanted, run_demo
    from ._session import publish

    report = run_demo(Wanted(seed=seed, days=days, folder=data), disabled_plugins())
    default = (data or Path()) / "arb-demo.svg"
    ctx.exit(publish(report, as_json=as_json, details=details, plot=None if no_plot else plot or default))
