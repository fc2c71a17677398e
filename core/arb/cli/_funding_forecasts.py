"""How good forecasts of the coming settlement were, over what a journal holds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console

from arb.funding import ForecastErrors, ForecastScore, ForecastScores, compare_forecasts
from arb.model import HOUR_NS, FundingKind, exchange_of

from ._money import NOTHING
from ._output import print_json, print_table
from ._stored import stored_run
from ._venue_facts import venue_facts

_END_NS: Final = 1 << 62
_NOTE: Final = """
Absolute errors in basis points of notional of one settlement: mean, and what nine of ten do not exceed.
own: by the venue's averaging; where that is unknown it is the published rate. published: the rate as it is.
last: the settlement before; blend: p * published + (1 - p) * last; beside: own where last is known, to compare.
times: different times of settlement. All instruments of a venue settle at them, and move together.
The truth is what settled, else the last rate seen in the last twentieth of the period; that favours `published`."""


def show_forecasts(file: Path, *, as_json: bool) -> None:
    """Print the errors of the forecasts of everything that is stored.

    Raises:
        ArbError: the file or the storage cannot be read.
    """
    scores = asyncio.run(_measure(file))
    if as_json:
        print_json(plain_scores(scores))
    elif scores.scores():
        _print(scores)
    else:
        click.echo("No settlement of which a prediction and what came are stored.", err=True)


async def _measure(file: Path) -> ForecastScores:
    found = ForecastScores()
    console = Console(stderr=True)
    async with stored_run(file) as run:
        facts = venue_facts(run.config)
        latest = await run.journal.latest_funding_rates(FundingKind.PREDICTED)
        with console.status("comparing") as shown:
            for count, newest in enumerate(latest):
                shown.update(f"comparing: {count} of {len(latest)} instruments")
                exchange = exchange_of(newest.instrument)
                predicted, settled = [
                    await run.journal.funding_rates(newest.instrument, kind, 0, _END_NS)
                    for kind in (FundingKind.PREDICTED, FundingKind.SETTLED)
                ]
                averaging = facts.averaging(exchange)
                found.add(exchange, averaging, compare_forecasts(predicted, settled, averaging))
    return found


def _print(found: ForecastScores) -> None:
    head = ("exchange", "averaging", "every", "p", "settled", "times", "own", "p90", "published", "p90", "beside")
    print_table((*head, "last", "p90", "blend", "p90"), [_row(score) for score in found.scores()])
    click.echo(_NOTE)
    holes = [f"{exchange} {holes} of {count}" for exchange, (holes, count) in found.holes().items() if holes]
    if holes:
        click.echo(f"Left out, since nothing tells what came: {', '.join(holes)}.")


def _row(score: ForecastScore) -> Sequence[str]:
    return (
        score.exchange,
        score.averaging or "unknown",
        f"{score.period_ns / HOUR_NS:g} h",
        f"{score.moment}",
        str(score.settlements),
        str(score.times),
        *_two(score.own),
        *_two(score.published),
        _two(score.own_beside)[0],
        *_two(score.last),
        *_two(score.blend),
    )


def _two(errors: ForecastErrors | None) -> tuple[str, str]:
    return (NOTHING, NOTHING) if errors is None else (f"{errors.mean_bps:.3f}", f"{errors.p90_bps:.3f}")


def plain_scores(found: ForecastScores) -> dict[str, Any]:
    """Return the scores as plain values, exact."""
    return {
        "scores": [
            {
                "exchange": score.exchange,
                "averaging": score.averaging,
                "period_ns": score.period_ns,
                "moment": score.moment,
                "settlements": score.settlements,
                "times": score.times,
                **{name: _plain(getattr(score, name)) for name in ("own", "published", "own_beside", "last", "blend")},
            }
            for score in found.scores()
        ],
        "holes": [
            {"exchange": exchange, "settlements": count, "holes": holes}
            for exchange, (holes, count) in found.holes().items()
        ],
    }


def _plain(errors: ForecastErrors | None) -> dict[str, Any] | None:
    if errors is None:
        return None
    return {"count": errors.count, "mean_bps": errors.mean_bps, "p90_bps": errors.p90_bps}
