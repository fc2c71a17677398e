"""Profit and loss of a stored run as a table."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import click

from arb.storage import Part, Pnl, PnlBy, PnlRow, decimal_text, is_explained, pnl

from ._errors import ExitCode
from ._export import exporting, print_csv, texts
from ._money import NOTHING, exact, signed
from ._output import print_json, print_table
from ._sparkline import sparkline
from ._stored import stored_run

_NOBODY = {PnlBy.HEDGE: "(no hedge)", PnlBy.SYMBOL: "(capital)"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which rows, and how."""

    by: str
    start_ns: int | None
    end_ns: int | None
    as_json: bool
    as_csv: bool
    export: Path | None


def show_pnl(file: Path, wanted: Wanted) -> ExitCode:
    """Print or export profit and loss of the run that `file` describes.

    Raises:
        ArbError: the file or the storage cannot be read, or the export cannot be written.
    """
    found = asyncio.run(_read(file, wanted))
    columns = (wanted.by, *(part.value for part in Part), "total", "unexplained")
    rows = [_exact_row(row) for row in found.rows]
    if wanted.export is not None:
        with exporting(wanted.export, columns) as write:
            write([texts(row) for row in rows])
        click.echo(f"{len(rows)} rows written to {wanted.export}", err=True)
    elif wanted.as_csv:
        print_csv(columns, rows)
    elif wanted.as_json:
        print_json(_plain(found))
    elif found.rows:
        _print(found)
    else:
        click.echo("Nothing to account for yet.", err=True)
    return ExitCode.OK if is_explained(found.unexplained) else ExitCode.HALTED


async def _read(file: Path, wanted: Wanted) -> Pnl:
    async with stored_run(file) as run:
        return await pnl(run.journal, PnlBy(wanted.by), wanted.start_ns, wanted.end_ns)


def _print(found: Pnl) -> None:
    # Parts in which nothing ever happened would only take room.
    parts = [part for part in Part if getattr(found.parts, part) or any(getattr(row.parts, part) for row in found.rows)]
    head = (found.by.value, *(part.value for part in parts), "total", "unexplained")
    rows = [
        (
            row.key or _NOBODY.get(found.by, NOTHING),
            *(signed(getattr(row.parts, part)) for part in parts),
            signed(row.total),
            signed(row.unexplained) if row.unexplained else "",
        )
        for row in found.rows
    ]
    rows.append(("sum", *(signed(getattr(found.parts, part)) for part in parts), signed(found.parts.total), ""))
    print_table(head, rows)
    if found.by is PnlBy.DAY and len(found.rows) > 1:
        line = sparkline(list(accumulate(row.total for row in found.rows)), width=60)
        click.echo(f"\nSum over time  {line}  {signed(found.parts.total)} USD")
    click.echo(f"\nequity change {exact(found.equity_change)} USD, unexplained {exact(found.unexplained)}")


def _exact_row(row: PnlRow) -> tuple[str | None, ...]:
    unexplained = None if row.unexplained is None else decimal_text(row.unexplained)
    return (row.key, *(decimal_text(getattr(row.parts, part)) for part in Part), decimal_text(row.total), unexplained)


def _plain(found: Pnl) -> dict[str, Any]:
    columns = ("key", *(part.value for part in Part), "total", "unexplained")
    return {
        "by": found.by.value,
        "rows": [dict(zip(columns, _exact_row(row), strict=True)) for row in found.rows],
        "parts": {part.value: decimal_text(getattr(found.parts, part)) for part in Part},
        "equity_change": decimal_text(found.equity_change),
        "unexplained": decimal_text(found.unexplained),
    }
