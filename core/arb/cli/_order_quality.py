"""How well the orders of a stored run were executed, as tables and as JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from arb.execution import ExecutionQuality, ExecutionTracker, OrderQuality, QualitySum
from arb.model import MILLISECOND_NS

from ._figures import bps
from ._money import NOTHING, duration, signed, usd
from ._naming import named_hedge
from ._output import print_json, print_table
from ._stored import stored_run


def show_quality(file: Path, hedge: str | None, *, as_json: bool) -> None:
    """Print the execution quality of the run that `file` describes, or of one hedge.

    Raises:
        ArbError: the file or the storage cannot be read.
        UsageError: there is no such hedge.
    """
    found = asyncio.run(_read(file, hedge))
    if as_json:
        print_json(plain_quality(found))
    elif found.orders:
        _print(found)
    else:
        click.echo("No order yet.", err=True)


async def _read(file: Path, hedge: str | None) -> ExecutionQuality:
    async with stored_run(file) as run:
        hedge_id = None if hedge is None else await named_hedge(run.journal, hedge)
        return await ExecutionTracker(run.journal).quality(hedge_id)


def _print(found: ExecutionQuality) -> None:
    horizons = sorted({horizon for _, _, one in _sums(found) for horizon in one.markouts_bps})
    head = ("", "in", "orders", "rejected", "not sent", "doubted", "notional", "slippage", "slip bps", "maker")
    later = [f"after {duration(horizon)}" for horizon in horizons]
    rows = [_row(name, quote, one, horizons) for name, quote, one in _sums(found)]
    print_table((*head, "first fill", "last fill", *later), rows)
    click.echo(
        "\nslippage: paid beyond the mid price on arrival, a cost is positive. first and last fill: median time from "
        "the decision.\nafter: basis points that the fills had gained by then; negative where the others knew more."
    )


def _sums(found: ExecutionQuality) -> Iterator[tuple[str, str | None, QualitySum]]:
    for quote, one in found.total.items():
        yield "all", quote, one
    groups: tuple[tuple[str, Mapping[Any, QualitySum]], ...] = (
        ("exchange", found.by_exchange),
        ("mode", found.by_mode),
        ("purpose", found.by_purpose),
    )
    for what, group in groups:
        for (key, quote), one in group.items():
            yield f"{what} {key}", quote, one


def _row(name: str, quote: str | None, one: QualitySum, horizons: Sequence[int]) -> list[str]:
    return [
        name,
        quote or NOTHING,
        str(one.orders),
        str(one.rejected),
        str(one.not_sent),
        str(one.doubts),
        usd(one.notional),
        signed(one.slippage),
        bps(one.slippage_bps),
        NOTHING if one.maker_share is None else f"{one.maker_share * 100:.0f} %",
        _milliseconds(one.first_fill_ns),
        _milliseconds(one.last_fill_ns),
        *(bps(one.markouts_bps.get(horizon)) for horizon in horizons),
    ]


def _milliseconds(length_ns: int | None) -> str:
    return NOTHING if length_ns is None else f"{length_ns // MILLISECOND_NS} ms"


def plain_quality(found: ExecutionQuality) -> dict[str, Any]:
    """Return the quality as plain values, exact."""
    return {
        "sums": [{"of": name, "quote": quote, **_plain(one)} for name, quote, one in _sums(found)],
        "orders": [
            {**_plain(one), "slippage_bps": _value(one.slippage_bps), "maker_share": _value(one.maker_share)}
            for one in found.orders
        ],
    }


def _plain(one: QualitySum | OrderQuality) -> dict[str, Any]:
    return {field.name: _value(getattr(one, field.name)) for field in fields(one)}


def _value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Mapping):
        return {str(key): _value(each) for key, each in value.items()}
    return value
