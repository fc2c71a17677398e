"""The report of a run for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

import click

from arb.model import HedgeStatus, PositionSide
from arb.storage import HedgeAccount, Parts, RunAccount, is_explained

from ._errors import ExitCode
from ._money import NOTHING, duration, exact, minute, second, signed, usd
from ._output import clean, print_table, terminal_width
from ._report import Report
from ._report_details import print_hedge

_PARTS: Final = ("price", "funding", "fees", "slippage", "fx")
_GAP: Final = 2


def print_report(report: Report, *, details: bool) -> None:
    """Print what happened, what it brought, and what a person should look at."""
    account = report.account
    _print_head(report)
    if account.start_ns is None:
        click.echo("\nThere is no equity sample yet: nothing to account for.")
    else:
        _print_hedges(account)
        _print_parts(account)
        _print_wallets(account)
        if details:
            for number, hedge in enumerate(account.hedges, 1):
                print_hedge(number, hedge)
    _print_alarms(report)


def _print_head(report: Report) -> None:
    account = report.account
    color = "red" if report.mode == "LIVE" else "green"
    seed = f", seed {report.seed}" if report.mode == "SIMULATED" else ""
    click.echo(f"{click.style(report.mode, fg=color, bold=True)} run{seed}: {clean(report.stopped) or 'not stopped'}")
    if account.start_ns is None or account.end_ns is None:
        return
    took = "" if report.wall_seconds is None else f", in {report.wall_seconds:.1f} s of real time"
    length = duration(account.end_ns - account.start_ns)
    click.echo(f"From {second(account.start_ns)} to {second(account.end_ns)} ({length}{took})")
    click.echo(
        f"Equity {usd(account.equity_start_usd)} -> {usd(account.equity_end_usd)} USD, "
        f"change {click.style(signed(account.equity_change) + ' USD', bold=True)}"
    )


def _print_hedges(account: RunAccount) -> None:
    counts = f"{account.hedges_opened} opened, {account.hedges_closed} closed"
    click.echo(f"\nHedges: {counts}; largest unhedged exposure {usd(account.max_abs_delta_usd)} USD")
    if not account.hedges:
        return
    head = ("#", "base", "long", "short", "entry", "exit", "status", "usd", *_PARTS, "total")
    rows = [_hedge_row(number, hedge) for number, hedge in enumerate(account.hedges, 1)]
    if any(getattr(account.unattributed.parts, part) for part in _PARTS):
        rows.append(_sum_row("other", account.unattributed.parts))
    rows.append(_sum_row("sum", account.parts))
    width = sum(max(map(len, column)) + _GAP for column in zip(head, *rows, strict=True)) - _GAP
    if 0 < terminal_width() < width:
        _print_narrow(account)
        return
    _print_aligned(head, rows, first_number=7)


def _print_narrow(account: RunAccount) -> None:
    """Print what fits into 80 columns; the amounts of a row are still all of its total."""
    head = ("#", "base", "long", "short", "entry", "held", "price+fx", "funding", "costs", "total")
    rows = [
        [
            str(number),
            hedge.base,
            _exchanges(hedge, PositionSide.LONG),
            _exchanges(hedge, PositionSide.SHORT),
            minute(hedge.entry_ns)[:5],
            _held(hedge),
            *_summed(hedge.parts),
        ]
        for number, hedge in enumerate(account.hedges, 1)
    ]
    if any(getattr(account.unattributed.parts, part) for part in _PARTS):
        rows.append(["", "other", "", "", "", "", *_summed(account.unattributed.parts)])
    rows.append(["", "sum", "", "", "", "", *_summed(account.parts)])
    _print_aligned(head, rows, first_number=6)
    click.echo("costs: fees and slippage. A wider terminal shows every column.")


def _held(hedge: HedgeAccount) -> str:
    """Return how long it was held; its status where it is not closed."""
    if hedge.status is not HedgeStatus.CLOSED or hedge.entry_ns is None or hedge.exit_ns is None:
        return hedge.status
    return duration(hedge.exit_ns - hedge.entry_ns)


def _summed(parts: Parts) -> list[str]:
    sums = (parts.price + parts.fx, parts.funding, parts.fees + parts.slippage, parts.total)
    return [signed(amount) for amount in sums]


def _hedge_row(number: int, hedge: HedgeAccount) -> list[str]:
    return [
        str(number),
        hedge.base,
        _exchanges(hedge, PositionSide.LONG),
        _exchanges(hedge, PositionSide.SHORT),
        minute(hedge.entry_ns),
        minute(hedge.exit_ns),
        hedge.status,
        usd(_size(hedge), 0),
        *_amounts(hedge.parts),
    ]


def _sum_row(name: str, parts: Parts) -> list[str]:
    return ["", name, "", "", "", "", "", "", *_amounts(parts)]


def _amounts(parts: Parts) -> list[str]:
    return [*(signed(getattr(parts, part)) for part in _PARTS), signed(parts.total)]


def _exchanges(hedge: HedgeAccount, side: PositionSide) -> str:
    return "+".join(leg.exchange for leg in hedge.legs if leg.side is side) or NOTHING


def _size(hedge: HedgeAccount) -> Decimal | None:
    """Return the quote value of the largest leg at entry."""
    sizes = [leg.entry_quantity * leg.entry_price for leg in hedge.legs if leg.entry_price is not None]
    return max(sizes, default=None)


def _print_parts(account: RunAccount) -> None:
    click.echo("\nWhere the change of equity came from, in USD, to the last digit")
    rows = [(part, exact(getattr(account.parts, part))) for part in _PARTS]
    rows.append(("sum", exact(account.parts.total)))
    rows.append(("equity change", exact(account.equity_change)))
    rows.append(("unexplained", exact(account.unexplained)))
    whole = max(len(text.partition(".")[0]) for _, text in rows)
    for name, text in rows:
        before, point, after = text.partition(".")
        click.echo(f"  {name:<14}{before:>{whole}}{point}{after}")


def _print_wallets(account: RunAccount) -> None:
    click.echo("\nAccounts")
    head = ("exchange", "currency", "start", "end", "change", "usd at start", "usd at end")
    rows = [
        [
            wallet.exchange,
            wallet.currency,
            usd(wallet.start_equity),
            usd(wallet.end_equity),
            signed(wallet.end_equity - wallet.start_equity),
            usd(wallet.start_usd_rate, 6),
            usd(wallet.end_usd_rate, 6),
        ]
        for wallet in account.wallets
    ]
    _print_aligned(head, rows, first_number=2)


def _print_alarms(report: Report) -> None:
    if report.account.alarms or report.halts:
        click.echo()
    for alarm in report.account.alarms:
        click.secho(f"ALARM {clean(alarm)}", fg="red", bold=True)
    for halt in report.halts:
        click.secho(f"HALTED {clean(halt)}", fg="red", bold=True)
    if report.halts:
        how = "`arb explain` tells why, `arb resume --by NAME --reason TEXT` lifts it."
        click.echo(f"{how} The exit code is {ExitCode.HALTED}.")
    if not is_explained(report.account.unexplained):
        click.echo()
        amount = exact(report.account.unexplained)
        loud = f"THE BOOKS DO NOT BALANCE: {amount} USD of the change of equity is unexplained."
        click.secho(loud, fg="red", bold=True)
        click.echo(f"Look at the alarms above before anything else. The exit code is {ExitCode.HALTED}.")


def _print_aligned(head: Sequence[str], rows: Iterable[Sequence[str]], *, first_number: int) -> None:
    """Print a table whose columns from `first_number` on are aligned to the right."""
    lines = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    print_table(_right(head, widths, first_number), [_right(line, widths, first_number) for line in lines])


def _right(cells: Sequence[str], widths: Sequence[int], first_number: int) -> list[str]:
    return [
        cell.rjust(width) if index >= first_number and cell else cell
        for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
