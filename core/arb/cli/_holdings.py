"""What a stored run holds: its hedges leg by leg, and the venues' positions at the last sample."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from arb.model import Hedge, HedgeStatus, Leg, PositionSample, format_utc

from ._money import NOTHING, duration, minute, second
from ._output import print_json, print_table
from ._stored import stored_run

_LIVE = tuple(status for status in HedgeStatus if not status.is_final)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What is known of the positions; `as_of_ns` is the time the run reached, None before its first step."""

    hedges: tuple[Hedge, ...]
    positions: tuple[PositionSample, ...]
    as_of_ns: int | None


def show_holdings(file: Path, *, with_final: bool, as_json: bool) -> None:
    """Print the holdings of the run that `file` describes.

    Raises:
        ArbError: the file or the storage cannot be read.
    """
    holdings = asyncio.run(_read(file, None if with_final else _LIVE))
    if as_json:
        print_json(plain(holdings))
    else:
        print_holdings(holdings)


async def _read(file: Path, statuses: Sequence[HedgeStatus] | None) -> Holdings:
    async with stored_run(file) as run:
        return Holdings(
            hedges=await run.journal.hedges(statuses=statuses),
            positions=await run.journal.positions_at_last_sample(),
            as_of_ns=await run.journal.clock(),
        )


def print_holdings(holdings: Holdings) -> None:
    """Print two tables."""
    if holdings.as_of_ns is not None:
        click.echo(f"As of {second(holdings.as_of_ns)}")
    if not holdings.hedges:
        click.echo("No hedge.")
    else:
        head = ("base", "status", "opened", "age", "side", "instrument", "open", "entry price", "exit price", "hedge")
        click.echo("\nHedges")
        print_table(head, [row for hedge in holdings.hedges for row in _rows(hedge, holdings.as_of_ns)])
    if holdings.positions:
        click.echo("\nPositions at the venues, at their last sample")
        rows = [
            (second(held.ts_ns), held.instrument, _number(held.quantity), f"{held.mark_price:f}")
            for held in holdings.positions
        ]
        print_table(("time", "instrument", "quantity", "mark price"), rows)


def _rows(hedge: Hedge, now_ns: int | None) -> list[Sequence[str]]:
    end_ns = now_ns if hedge.closed_ns is None else hedge.closed_ns
    age = NOTHING if end_ns is None or hedge.opened_ns is None else duration(end_ns - hedge.opened_ns)
    first = (hedge.base, hedge.status.value, minute(hedge.opened_ns), age)
    return [
        (
            *(first if index == 0 else ("",) * len(first)),
            leg.side.value,
            leg.instrument,
            _number(leg.open_quantity),
            _price(leg.entry_price),
            _price(leg.exit_price),
            hedge.id if index == 0 else "",
        )
        for index, leg in enumerate(hedge.legs)
    ]


def _number(value: Decimal) -> str:
    return f"{value.normalize():f}" if value else "0"


def _price(value: Decimal | None) -> str:
    return NOTHING if value is None else f"{value:.10g}"


def plain(holdings: Holdings) -> dict[str, Any]:
    """Return the holdings as plain values, exact."""
    return {
        "as_of": None if holdings.as_of_ns is None else format_utc(holdings.as_of_ns),
        "hedges": [_plain_hedge(hedge) for hedge in holdings.hedges],
        "positions": [
            {
                "time": format_utc(row.ts_ns),
                "instrument": row.instrument,
                "quantity": f"{row.quantity:f}",
                "mark_price": f"{row.mark_price:f}",
            }
            for row in holdings.positions
        ],
    }


def _plain_hedge(hedge: Hedge) -> dict[str, Any]:
    return {
        "id": hedge.id,
        "strategy": hedge.strategy,
        "base": hedge.base,
        "status": hedge.status.value,
        "created": format_utc(hedge.created_ns),
        "opened": None if hedge.opened_ns is None else format_utc(hedge.opened_ns),
        "closed": None if hedge.closed_ns is None else format_utc(hedge.closed_ns),
        "entry_reason": hedge.entry_reason,
        "exit_reason": hedge.exit_reason,
        "imbalance": f"{hedge.imbalance:f}",
        "legs": [_plain_leg(leg) for leg in hedge.legs],
    }


def _plain_leg(leg: Leg) -> dict[str, Any]:
    return {
        "instrument": leg.instrument,
        "side": leg.side.value,
        "open_quantity": f"{leg.open_quantity:f}",
        "entry_quantity": f"{leg.entry_quantity:f}",
        "entry_price": None if leg.entry_price is None else f"{leg.entry_price:f}",
        "exit_quantity": f"{leg.exit_quantity:f}",
        "exit_price": None if leg.exit_price is None else f"{leg.exit_price:f}",
    }
