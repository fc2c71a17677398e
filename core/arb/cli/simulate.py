"""`arb simulate`: whole runs in a world that fails, judged by an auditor that sees everything."""

from __future__ import annotations

import os

import click

from ._given import json_option

_EPILOG = """\b
Examples: arb simulate --episodes 1000
          arb simulate --replay 4711 --profile mixed
          arb simulate --scenario all
          arb simulate --plugins hyperliquid,lighter,backpack --episodes 2000
"""


@click.command(name="simulate", epilog=_EPILOG)
@click.option("--episodes", type=click.IntRange(1, 10_000_000), default=100, show_default=True, help="How many.")
@click.option("--seed", type=click.IntRange(0, 1 << 48), default=1, show_default=True, help="The first seed.")
@click.option("--jobs", type=click.IntRange(1, 256), help="Processes; as many as there are processors when left out.")
@click.option("--profile", default="all", show_default=True, metavar="NAME", help="How hard: see --list; all in turn.")
@click.option(
    "--plugins",
    metavar="NAME,...",
    help="Reach the venues through these installed exchange plugins, each over its own fake venue.",
)
@click.option("--stop-on-violation", is_flag=True, help="End at the first episode that breaks an invariant.")
@click.option("--scenario", metavar="NAME|all", help="Play named cases instead of seeds.")
@click.option("--replay", type=click.IntRange(0, 1 << 62), metavar="SEED", help="Show one episode as a timeline.")
@click.option("--whole", is_flag=True, help="With --replay or one --scenario: every line, also of what went well.")
@click.option("--crash-coverage", is_flag=True, help="Kill a run at every await and commit of execution.")
@click.option("--seeds", type=click.IntRange(1, 10_000), default=3, show_default=True, help="Crashes at each await.")
@click.option("--list", "as_list", is_flag=True, help="List profiles and scenarios.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    episodes: int,
    seed: int,
    jobs: int | None,
    profile: str,
    plugins: str | None,
    stop_on_violation: bool,
    scenario: str | None,
    replay: int | None,
    whole: bool,
    crash_coverage: bool,
    seeds: int,
    as_list: bool,
    as_json: bool,
) -> None:
    """Prove that two-leg trades are never silently unhedged: the real runtime under every fault and crash.

    An episode is one seed: venues, prices, faults and kills are drawn from it, the real strategy and execution run in
    it, and every invariant is checked at every moment. The same seed gives the same episode on every machine. It ends
    with code 7 when an invariant was broken. Ctrl-C ends it with what it had so far, and with code 130 when that broke
    none.
    """
    chosen = [name for name, on in _modes(scenario, replay, crash_coverage, as_list) if on]
    if len(chosen) > 1:
        raise click.UsageError(f"{' and '.join(chosen)} exclude each other")
    # Imported here: the help of this command needs none of the runtime.
    from . import _simulating as simulating

    if as_list:
        simulating.show_list(as_json=as_json)
        return
    if crash_coverage:
        ctx.exit(simulating.show_coverage(seeds, as_json=as_json))
    names = simulating.plugin_names(plugins)
    if replay is not None:
        ctx.exit(simulating.show_replay(simulating.seed_work(replay, profile, names), whole=whole, as_json=as_json))
    work = simulating.chosen_work(episodes, seed, profile, scenario, names)
    if whole and len(work) > 1:
        raise click.UsageError("--whole goes with --replay or with one --scenario")
    if scenario is not None and len(work) == 1:
        ctx.exit(simulating.show_replay(work[0], whole=whole, as_json=as_json))
    jobs = jobs or os.cpu_count() or 1
    ctx.exit(simulating.show_campaign(work, jobs=jobs, stop_on_violation=stop_on_violation, as_json=as_json))


def _modes(scenario: str | None, replay: int | None, coverage: bool, as_list: bool) -> list[tuple[str, bool]]:
    return [
        ("--scenario", scenario is not None),
        ("--replay", replay is not None),
        ("--crash-coverage", coverage),
        ("--list", as_list),
    ]
