"""What `arb simulate` does and prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final

import click

from arb.verification import (
    EVERY_PROFILE,
    PROFILES,
    SCENARIOS,
    CampaignResult,
    Coverage,
    EpisodeResult,
    Percentiles,
    Violation,
    Work,
    adapter_spec,
    cover_crashes,
    play,
    profile_of,
    run_campaign,
    seeds_work,
    timeline,
)

from ._errors import ExitCode
from ._output import print_fields, print_json, print_table

_SHOWN: Final = 20
"""Violations that are printed; the JSON document has all."""


def plugin_names(text: str | None) -> tuple[str, ...]:
    """Return the exchange plugins of `--plugins`, each checked.

    Raises:
        PluginError: one cannot be used, or brings no fake venue.
        click.BadParameter: none is named, though the option was given.
    """
    names = tuple(name for each in (text or "").split(",") if (name := each.strip()))
    if text is not None and not names:
        raise click.BadParameter("it names no plugin", param_hint="--plugins")
    for name in names:
        adapter_spec(name)
    return names


def seed_work(seed: int, profile: str, plugins: tuple[str, ...] = ()) -> Work:
    """Return the episode of one seed."""
    _check_profile(profile)
    return Work(seed=seed, profile=profile_of(profile, seed), plugins=plugins)


def chosen_work(
    episodes: int, seed: int, profile: str, scenario: str | None, plugins: tuple[str, ...] = ()
) -> list[Work]:
    """Return the episodes that the command line asks for."""
    if scenario is None:
        _check_profile(profile)
        return seeds_work(seed, episodes, profile, plugins)
    if plugins:
        raise click.UsageError("--plugins goes with seeds: scenarios are written for simulated venues")
    names = sorted(SCENARIOS) if scenario == EVERY_PROFILE else [scenario]
    unknown = [name for name in names if name not in SCENARIOS]
    if unknown:
        raise click.BadParameter(f"there is no scenario {unknown[0]!r}; `arb simulate --list` shows them")
    return [Work(seed=SCENARIOS[name].setup.seed, scenario=name) for name in names]


def show_list(*, as_json: bool) -> None:
    """Print profiles and scenarios."""
    if as_json:
        profiles = {name: one.about for name, one in PROFILES.items()}
        scenarios = {
            name: {"about": one.about, "references": list(one.references)} for name, one in sorted(SCENARIOS.items())
        }
        print_json({"profiles": profiles, "scenarios": scenarios})
        return
    print_table(("profile", "about"), [(name, one.about) for name, one in PROFILES.items()])
    click.echo()
    rows = [(name, ", ".join(one.references), one.about) for name, one in sorted(SCENARIOS.items())]
    print_table(("scenario", "references", "about"), rows)


def show_replay(work: Work, *, whole: bool, as_json: bool) -> ExitCode:
    """Run one episode and print its timeline."""
    result = play(work, keep_log=True)
    lines = list(result.log if whole else timeline(result.log))
    if as_json:
        print_json({**_document(_summed(result)), "title": result.title, "seed": result.seed, "timeline": lines})
    else:
        for line in lines:
            click.echo(line)
        click.echo()
        print_fields(
            {
                "Episode": f"{result.title}, seed {result.seed}",
                "Hedges": _counts(result.outcomes),
                "Faults": _counts(result.faults),
                "Naked": "; ".join(f"{one.hedge_id} {one.seconds:.2f} s" for one in result.naked if one.seconds),
                "Log": result.log_sha256,
            }
        )
        _print_violations(result.violations)
    return ExitCode.CHECK if result.violations else ExitCode.OK


def show_campaign(work: Sequence[Work], *, jobs: int, stop_on_violation: bool, as_json: bool) -> ExitCode:
    """Run episodes and print their sum, after Ctrl-C that of those before it; return how the command ends."""
    with _progress(len(work), "episodes", shown=not as_json) as move:
        broken = Counter[str]()

        def tell(result: EpisodeResult) -> None:
            broken.update(bool(result.violations) * ["episodes"])
            move(f"{broken['episodes']} with violations" if broken else "no violation")

        total = run_campaign(work, jobs=min(jobs, len(work)), stop_on_violation=stop_on_violation, tell=tell)
    if as_json:
        print_json(_document(total))
    else:
        _print_campaign(total, len(work))
    return _end(total.violations, is_interrupted=total.is_interrupted)


def show_coverage(seeds: int, *, as_json: bool) -> ExitCode:
    """Kill runs at every await and commit of execution and print what was reached."""
    with _progress(None, "crashes", shown=not as_json) as move:
        coverage = cover_crashes(seeds, tell=lambda done, total: move(f"{done} of {total}"))
    missed = coverage.missed
    if as_json:
        print_json(
            {
                "points": len(coverage.points),
                "reached": coverage.reached,
                "missed": [str(point) for point in missed],
                "commit_boundaries": coverage.commits,
                "episodes": coverage.episodes,
                "interrupted": coverage.is_interrupted,
                "violations": [_violation(one) for one in coverage.violations],
            }
        )
    else:
        _print_coverage(coverage)
    return _end(coverage.violations, is_interrupted=coverage.is_interrupted)


def _end(violations: Sequence[Violation], *, is_interrupted: bool) -> ExitCode:
    if violations:
        return ExitCode.CHECK
    return ExitCode.INTERRUPTED if is_interrupted else ExitCode.OK


def _print_coverage(coverage: Coverage) -> None:
    print_fields(
        {
            "Awaits": f"{coverage.reached} of {len(coverage.points)} reached",
            "Commits": f"{coverage.commits} boundaries",
            "Episodes": f"{coverage.episodes}, interrupted" if coverage.is_interrupted else coverage.episodes,
            "Violations": len(coverage.violations),
        }
    )
    if coverage.missed:
        click.echo("\nNo crash was tried here:" if coverage.is_interrupted else "\nNo episode waits here:")
        for point in coverage.missed:
            click.echo(f"  {point}")
    _print_violations(coverage.violations)


def _print_campaign(total: CampaignResult, wanted: int) -> None:
    naked, shares = Percentiles.of(total.naked_seconds), Percentiles.of(total.budget_shares)
    hours = total.simulated_seconds / 3600
    print_fields(
        {
            "Episodes": f"{total.episodes} of {wanted}, interrupted" if total.is_interrupted else total.episodes,
            "Simulated": f"{hours:.1f} h, {hours / max(total.cpu_seconds / 3600, 1e-9):.0f} h an hour of processor",
            "Time": f"{total.wall_seconds:.1f} s, {total.cpu_seconds:.1f} s of processor",
            "Hedges": _counts(total.outcomes),
            "Orders": total.orders,
            "Commits": total.commits,
            "Crashes": total.crashes,
            "Naked": f"p50 {naked.p50:.2f} s, p99 {naked.p99:.2f} s, longest {naked.largest:.2f} s",
            "Budget": f"p50 {_percent(shares.p50)}, p99 {_percent(shares.p99)}, most {_percent(shares.largest)} spent",
            "Log": total.log_sha256,
        }
    )
    if total.faults:
        click.echo()
        print_table(("fault", "times"), sorted(total.faults.items()))
    _print_violations(total.violations)


def _print_violations(violations: Sequence[Violation]) -> None:
    click.echo()
    if not violations:
        click.echo("No invariant was broken.")
        return
    codes = Counter(str(one.code) for one in violations)
    click.echo(f"{len(violations)} violations in {len({one.seed for one in violations})} episodes: {_counts(codes)}")
    rows = [(one.seed, one.code, f"{one.at_ns / 1e9:.3f}", one.text) for one in violations[:_SHOWN]]
    print_table(("seed", "code", "second", "what"), rows)
    if len(violations) > _SHOWN:
        click.echo(f"... and {len(violations) - _SHOWN} more; --json has all")


def _document(total: CampaignResult) -> dict[str, Any]:
    naked, shares = Percentiles.of(total.naked_seconds), Percentiles.of(total.budget_shares)
    return {
        "episodes": total.episodes,
        "interrupted": total.is_interrupted,
        "violations": [_violation(one) for one in total.violations],
        "faults": dict(sorted(total.faults.items())),
        "outcomes": dict(sorted(total.outcomes.items())),
        "crashes": total.crashes,
        "orders": total.orders,
        "commits": total.commits,
        "naked_seconds": _percentiles(naked),
        "naked_budget_spent": _percentiles(shares),
        "simulated_seconds": round(total.simulated_seconds, 3),
        "wall_seconds": round(total.wall_seconds, 3),
        "cpu_seconds": round(total.cpu_seconds, 3),
        "log_sha256": total.log_sha256,
    }


def _summed(result: EpisodeResult) -> CampaignResult:
    total = CampaignResult(log_sha256=result.log_sha256)
    total.add(result)
    return total


def _violation(one: Violation) -> dict[str, Any]:
    return {"code": str(one.code), "seed": one.seed, "second": one.at_ns / 1e9, "text": one.text}


def _percentiles(rows: Percentiles) -> dict[str, str]:
    return {"p50": f"{rows.p50:.6f}", "p99": f"{rows.p99:.6f}", "max": f"{rows.largest:.6f}"}


def _percent(share: Decimal) -> str:
    return f"{share:.1%}"


def _counts(counts: Any) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


def _check_profile(name: str) -> None:
    if name != EVERY_PROFILE and name not in PROFILES:
        raise click.BadParameter(f"there is no profile {name!r}; `arb simulate --list` shows them")


Move = Callable[[str], None]


@contextmanager
def _progress(total: int | None, what: str, *, shown: bool) -> Iterator[Move]:
    """Show a bar on a terminal; nothing elsewhere."""
    # Imported here: only a terminal needs it.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not shown or not console.is_terminal:
        yield lambda _state: None
        return
    bar = Progress(
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    with bar:
        task = bar.add_task(what, total=total, state="")
        yield lambda state: bar.update(task, advance=1, state=state)
