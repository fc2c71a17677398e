"""Earned pairs as tables, JSON and CSV."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import click

from arb.model import BPS, HOUR_NS, ZERO, InstrumentId, exchange_of, format_utc, hours, name_of

from ._export import print_csv
from ._funding_pairs import EarnedPair, EarnedPairs
from ._money import NOTHING, duration, signed
from ._output import print_json, print_table
from ._sparkline import sparkline

_WIDTH: Final = 24
_NOTE: Final = """
captured: all settlements of both legs in the time both were recorded, basis points of one leg's notional; net: less
one round trip of four taker fills at usual costs; apr: the mean carry, without costs. holes: missing settlements are
not guessed, nothing is counted of either leg there. days: share of whole days that brought more than nothing.
run: positive days in a row. even: time after which the mean carry pays the round trip. Chosen in hindsight: who had
to choose on the first day did not know the order."""


def print_pairs(found: EarnedPairs, best: int, notional: Decimal) -> None:
    """Print the best and the worst pairs."""
    if not found.rows:
        click.echo(
            "No two instruments of one asset on different exchanges with settled rates and known costs.", err=True
        )
    else:
        top = found.rows[:best]
        bottom = found.rows[max(best, len(found.rows) - best) :]
        _print(f"The best of {len(found.rows)} pairs, {notional:,f} USD a leg", top, notional)
        if bottom:
            _print("The worst", bottom, notional)
        click.echo(_NOTE)
    _tell(found)


def _print(title: str, rows: Sequence[EarnedPair], notional: Decimal) -> None:
    click.echo(click.style(f"{title}:", bold=True))
    head = ("asset", "long", "short", "from", "days", "captured", "cost", "net bps", "net USD", "apr %")
    print_table((*head, "days +", "run", "even", "holes", "captured over time"), [_row(row, notional) for row in rows])
    click.echo()


def _row(row: EarnedPair, notional: Decimal) -> Sequence[str]:
    earned, even = row.earned, row.break_even_hours
    return (
        row.base,
        _leg(earned.long),
        _leg(earned.short),
        format_utc(earned.start_ns)[:10],
        str(earned.days),
        f"{row.captured_bps:+.1f}",
        f"{row.cost_bps:.1f}",
        f"{row.net_bps:+.1f}",
        signed(row.net_bps * BPS * notional),
        f"{row.apr * 100:+.1f}",
        NOTHING if not earned.days else f"{100 * earned.positive_days / earned.days:.0f} %",
        f"{earned.longest_run} d",
        NOTHING if even is None else duration(int(even * HOUR_NS)),
        str(earned.holes),
        sparkline((ZERO, *earned.curve), _WIDTH),
    )


def _leg(instrument: InstrumentId) -> str:
    return f"{exchange_of(instrument)} {name_of(instrument)}"


def _tell(found: EarnedPairs) -> None:
    """Name what is not in the table."""
    if found.without_cost:
        unknown = ", ".join(sorted(found.without_cost))
        click.echo(
            f"Not judged, since the costs of a fill are not known there at this size: {unknown}. "
            "Name them in a file and give it with --costs.",
            err=True,
        )
    if found.apart:
        click.echo(f"Left out: {found.apart} pairs that were never recorded at the same time.", err=True)
    if found.rows:
        click.echo("An asset is a ticker here: whether two venues mean the same by it was not checked.", err=True)


def print_pairs_json(found: EarnedPairs, notional: Decimal) -> None:
    """Print every pair as JSON, exact."""
    print_json(
        {
            "notional_usd": notional,
            "pairs": [{**_plain(row), "curve_bps": [each / BPS for each in row.earned.curve]} for row in found.rows],
            "without_cost": found.without_cost,
            "never_together": found.apart,
        }
    )


def print_pairs_csv(found: EarnedPairs) -> None:
    """Print every pair as CSV, exact."""
    rows = [_plain(row) for row in found.rows]
    columns = list(rows[0]) if rows else ["base", "long", "short"]
    print_csv(columns, [list(row.values()) for row in rows])


def _plain(row: EarnedPair) -> dict[str, Any]:
    earned, even = row.earned, row.break_even_hours
    return {
        "base": row.base,
        "long": earned.long,
        "short": earned.short,
        "start": format_utc(earned.start_ns),
        "end": format_utc(earned.end_ns),
        "observed_hours": hours(earned.observed_ns),
        "settlements": earned.settlements,
        "holes": earned.holes,
        "captured_bps": f"{row.captured_bps:f}",
        "cost_bps": f"{row.cost_bps:f}",
        "net_bps": f"{row.net_bps:f}",
        "apr": f"{row.apr:.8f}",
        "days": earned.days,
        "positive_days": earned.positive_days,
        "longest_run_days": earned.longest_run,
        "break_even_hours": None if even is None else f"{even:.2f}",
    }
