"""`arb ledger`: the double-entry books of a stored run."""

from __future__ import annotations

from pathlib import Path

import click

from ._given import chosen_config, config_option, csv_option, export_option, json_option, window_options

_EPILOG = """\b
Examples: arb ledger -c carry.toml
          arb ledger -c carry.toml --entries --account income:funding
          arb ledger -c carry.toml --entries --from 2026-01-01 --export january.parquet
"""


@click.command(name="ledger", epilog=_EPILOG)
@config_option
@click.option("--entries", is_flag=True, help="Every line of every entry instead of the balances.")
@click.option("--account", metavar="NAME", help="Only this account and those below it, such as assets:wallet.")
@click.option("--hedge", metavar="ID", help="Only entries of this hedge; the beginning of its id is enough.")
@click.option("--exchange", metavar="NAME", help="Only entries of this exchange.")
@window_options
@json_option
@csv_option
@export_option
@click.pass_context
def command(
    ctx: click.Context,
    file: Path | None,
    entries: bool,
    account: str | None,
    hedge: str | None,
    exchange: str | None,
    start_ns: int | None,
    end_ns: int | None,
    as_json: bool,
    as_csv: bool,
    export: Path | None,
) -> None:
    """Show the books: every fill, fee, payment and transfer in double entry, each booked once.

    A debit is positive. The lines of every entry sum to zero in each currency; contracts are counted as a currency
    of their own. Exit code 6: the books do not balance, or something stored is not booked.
    """
    chosen = chosen_config(file)
    from ._ledger_books import Wanted, show_ledger

    wanted = Wanted(
        entries=entries or export is not None,
        account=account,
        hedge=hedge,
        exchange=exchange,
        start_ns=start_ns,
        end_ns=end_ns,
        as_json=as_json,
        as_csv=as_csv,
        export=export,
    )
    ctx.exit(show_ledger(chosen, wanted))
