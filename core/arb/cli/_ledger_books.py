"""Reading the double-entry books of a stored run."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from arb.model import ZERO, InstrumentId, format_utc
from arb.storage import EntryFilter, LedgerEntry, decimal_text, exact_sums

from ._errors import ExitCode
from ._export import exporting, print_csv, texts
from ._money import second
from ._naming import named_hedge
from ._output import print_fields, print_json, print_table
from ._stored import StoredRun, stored_run

_LINES = ("time_ns", "time", "kind", "entry", "exchange", "instrument", "hedge", "account", "currency", "amount")

Balances = Mapping[tuple[str, str], Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which part of the books, and how."""

    entries: bool
    account: str | None
    hedge: str | None
    exchange: str | None
    start_ns: int | None
    end_ns: int | None
    as_json: bool
    as_csv: bool
    export: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """What has to hold of the books as a whole.

    Attributes:
        off: Currencies whose accounts do not sum to zero.
        unbooked: Stored fills and payments without an entry, by table.
        wrong: Entries that are not what their fill, payment or transfer makes.
        contracts: Instruments whose booked contracts are not those of the stored fills: (booked, filled).
    """

    off: Mapping[str, Decimal]
    unbooked: Mapping[str, int]
    wrong: tuple[str, ...]
    contracts: Mapping[InstrumentId, tuple[Decimal, Decimal]]

    @property
    def hold(self) -> bool:
        """Return whether the books balance and are whole."""
        return not (self.off or self.wrong or self.contracts or any(self.unbooked.values()))


def show_ledger(file: Path, wanted: Wanted) -> ExitCode:
    """Print balances or entries, or export the entries.

    Raises:
        ArbError: the file or the storage cannot be read, or the export cannot be written.
        UsageError: there is no such hedge.
    """
    return asyncio.run(_show(file, wanted))


async def _show(file: Path, wanted: Wanted) -> ExitCode:
    async with stored_run(file) as run:
        hedge = None if wanted.hedge is None else await named_hedge(run.journal, wanted.hedge)
        chosen = EntryFilter(
            since_ns=wanted.start_ns,
            until_ns=wanted.end_ns,
            exchange=wanted.exchange,
            hedge_id=hedge,
            account=wanted.account,
        )
        if wanted.entries:
            await _print_entries(run, chosen, wanted)
            return ExitCode.OK
        balances = await run.journal.ledger_balances(chosen)
        checks = await _check(run)
    shown = {key: amount for key, amount in balances.items() if _is_below(key[0], wanted.account)}
    _print_balances(shown, checks, wanted)
    return ExitCode.OK if checks.hold else ExitCode.HALTED


async def _check(run: StoredRun) -> Checks:
    balances = await run.journal.ledger_balances(EntryFilter())
    sums: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
    held: defaultdict[InstrumentId, Decimal] = defaultdict(lambda: ZERO)
    with exact_sums():
        for (account, currency), amount in balances.items():
            sums[currency] += amount
            if account.startswith(("assets:contracts:", "assets:dust:")):
                held[InstrumentId(currency)] += amount
    filled = {instrument: await run.journal.net_quantity(instrument) for instrument in held}
    return Checks(
        off={currency: amount for currency, amount in sums.items() if amount},
        unbooked=await run.journal.unbooked(),
        wrong=await run.journal.wrong_entries(),
        contracts={key: (held[key], filled[key]) for key in held if held[key] != filled[key]},
    )


def _is_below(account: str, wanted: str | None) -> bool:
    return wanted is None or account == wanted or account.startswith(f"{wanted}:")


def _print_balances(balances: Balances, checks: Checks, wanted: Wanted) -> None:
    rows = [(account, currency, decimal_text(amount)) for (account, currency), amount in balances.items() if amount]
    columns = ("account", "currency", "balance")
    if wanted.as_csv:
        print_csv(columns, rows)
    elif wanted.as_json:
        print_json({"balances": [dict(zip(columns, row, strict=True)) for row in rows], "checks": _plain(checks)})
    else:
        print_table(columns, rows)
        click.echo()
        wrong = ", ".join(checks.wrong[:3])
        print_fields(
            {
                "Sums to zero": "in every currency" if not checks.off else f"NOT in {', '.join(checks.off)}",
                "Booked": "all that is stored" if not any(checks.unbooked.values()) else f"NOT {checks.unbooked}",
                "Entries": f"NOT {len(checks.wrong)}: {wrong}" if checks.wrong else "are what was stored",
                "Contracts": "equal the fills" if not checks.contracts else f"NOT of {', '.join(checks.contracts)}",
            }
        )


def _plain(checks: Checks) -> dict[str, Any]:
    return {
        "hold": checks.hold,
        "off": {currency: decimal_text(amount) for currency, amount in checks.off.items()},
        "unbooked": dict(checks.unbooked),
        "wrong": list(checks.wrong),
        "contracts": {key: [decimal_text(amount) for amount in both] for key, both in checks.contracts.items()},
    }


async def _print_entries(run: StoredRun, chosen: EntryFilter, wanted: Wanted) -> None:
    count = 0
    with nullcontext() if wanted.export is None else exporting(wanted.export, _LINES) as write:
        found: list[LedgerEntry] = []
        async for page in run.journal.ledger(chosen):
            if write is not None:
                rows = [texts(row) for entry in page for row in _lines(entry)]
                write(rows)
                count += len(rows)
            else:
                found += page
    if wanted.export is not None:
        click.echo(f"{count} lines written to {wanted.export}", err=True)
    elif wanted.as_csv:
        print_csv(_LINES, (row for entry in found for row in _lines(entry)))
    elif wanted.as_json:
        print_json({"entries": [_plain_entry(entry) for entry in found]})
    elif found:
        head = ("time", "kind", "entry", "account", "currency", "amount")
        print_table(head, [row for entry in found for row in _table_lines(entry)])
    else:
        click.echo("No such entry.", err=True)


def _lines(entry: LedgerEntry) -> Iterator[tuple[object, ...]]:
    for line in entry.lines:
        yield (
            entry.ts_ns,
            format_utc(entry.ts_ns),
            entry.kind,
            entry.entry_id,
            entry.exchange,
            entry.instrument,
            entry.hedge_id,
            line.account,
            line.currency,
            decimal_text(line.amount),
        )


def _table_lines(entry: LedgerEntry) -> Iterator[tuple[str, ...]]:
    """Yield the lines for people: what is the same as above is left out."""
    head = (second(entry.ts_ns), entry.kind.value, entry.entry_id)
    for line in entry.lines:
        yield (*head, line.account, line.currency, decimal_text(line.amount))
        head = ("", "", "")


def _plain_entry(entry: LedgerEntry) -> dict[str, Any]:
    return {
        "entry": entry.entry_id,
        "time_ns": entry.ts_ns,
        "time": format_utc(entry.ts_ns),
        "kind": entry.kind.value,
        "exchange": entry.exchange,
        "instrument": entry.instrument,
        "hedge": entry.hedge_id,
        "lines": [
            {"account": line.account, "currency": line.currency, "amount": decimal_text(line.amount)}
            for line in entry.lines
        ],
    }
