"""Funding that was due beside funding that was booked."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from arb.model import ZERO, exchange_of, format_utc
from arb.storage import FundingState, SettledFunding, decimal_text, exact_sums, settled_funding

from ._errors import ExitCode
from ._export import exporting, print_csv, texts
from ._money import NOTHING, minute, signed
from ._output import print_json, print_table
from ._stored import stored_run

_COLUMNS = (
    "time_ns",
    "time",
    "instrument",
    "state",
    "rate",
    "quantity",
    "price",
    "expected",
    "paid",
    "difference",
    "currency",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentsWanted:
    """Which settlements, and how."""

    exchange: tuple[str, ...]
    symbol: tuple[str, ...]
    unmatched: bool
    start_ns: int | None
    end_ns: int | None
    as_json: bool
    as_csv: bool
    export: Path | None


def show_payments(file: Path, wanted: PaymentsWanted) -> ExitCode:
    """Print the settlements of the run that `file` describes.

    Raises:
        ArbError: the file or the storage cannot be read, or the export cannot be written.
    """
    rows = asyncio.run(_read(file, wanted))
    lines = [_line(row) for row in rows]
    if wanted.export is not None:
        with exporting(wanted.export, _COLUMNS) as write:
            write([texts(line) for line in lines])
        click.echo(f"{len(lines)} rows written to {wanted.export}", err=True)
    elif wanted.as_csv:
        print_csv(_COLUMNS, lines)
    elif wanted.as_json:
        print_json({"settlements": [dict(zip(_COLUMNS, line, strict=True)) for line in lines], "sums": _sums(rows)})
    elif rows:
        _print(rows)
    else:
        click.echo("No such settlement.", err=True)
    wrong = (FundingState.OVERDUE, FundingState.DIFFERS)
    return ExitCode.CHECK if any(row.state in wrong for row in rows) else ExitCode.OK


async def _read(file: Path, wanted: PaymentsWanted) -> Sequence[SettledFunding]:
    async with stored_run(file) as run:
        now_ns = await run.journal.clock() or run.clock.now_ns()
        bases = {one.id: one.base for one in await run.journal.instruments()}
        due = await run.journal.expected_funding()
        payments = await run.journal.funding_payments()
    rows = settled_funding(due, payments, now_ns)
    return [
        row
        for row in rows
        if (not wanted.exchange or exchange_of(row.instrument) in wanted.exchange)
        and (not wanted.symbol or bases.get(row.instrument) in wanted.symbol)
        and (wanted.start_ns is None or row.settled_ns >= wanted.start_ns)
        and (wanted.end_ns is None or row.settled_ns < wanted.end_ns)
        and not (wanted.unmatched and row.state in (FundingState.PAID, FundingState.ACCRUED))
    ]


def _print(rows: Sequence[SettledFunding]) -> None:
    head = ("settled", "instrument", "quantity", "rate %", "expected", "paid", "difference", "currency", "state")
    print_table(
        head,
        [
            (
                minute(row.settled_ns),
                row.instrument,
                NOTHING if row.quantity is None else decimal_text(row.quantity),
                NOTHING if row.rate is None else f"{row.rate * 100:+.6f}",
                signed(row.expected, 6),
                signed(row.paid, 6),
                signed(row.difference, 6),
                row.currency,
                row.state.value,
            )
            for row in rows
        ],
    )
    counts = Counter(row.state.value for row in rows)
    click.echo("\n" + ", ".join(f"{count} {state}" for state, count in counts.items()))
    for line in _sums(rows):
        click.echo(f"{line['currency']}: expected {line['expected']}, paid {line['paid']}")


def _sums(rows: Sequence[SettledFunding]) -> list[dict[str, Any]]:
    """Return what was due and what was paid, by currency, of the rows where both are known."""
    sums: defaultdict[str, list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    with exact_sums():
        for row in rows:
            if row.expected is not None and row.paid is not None:
                both = sums[row.currency]
                both[0] += row.expected
                both[1] += row.paid
    return [
        {"currency": currency, "expected": decimal_text(due), "paid": decimal_text(paid)}
        for currency, (due, paid) in sorted(sums.items())
    ]


def _line(row: SettledFunding) -> tuple[Any, ...]:
    return (
        row.settled_ns,
        format_utc(row.settled_ns),
        row.instrument,
        row.state.value,
        *(None if value is None else decimal_text(value) for value in (row.rate, row.quantity, row.price)),
        *(None if value is None else decimal_text(value) for value in (row.expected, row.paid, row.difference)),
        row.currency,
    )
