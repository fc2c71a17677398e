"""`arb pnl`: profit and loss of a stored run."""

from __future__ import annotations

from pathlib import Path

import click

from ._given import chosen_config, config_option, csv_option, export_option, json_option, window_options

_EPILOG = """\b
Examples: arb pnl -c carry.toml
          arb pnl -c carry.toml --by day --from 2026-01-01
          arb pnl -c carry.toml --by exchange --csv
"""


@click.command(name="pnl", epilog=_EPILOG)
@config_option
@click.option(
    "--by",
    type=click.Choice(["hedge", "exchange", "symbol", "day"]),
    default="hedge",
    show_default=True,
    help="What a row stands for.",
)
@window_options
@json_option
@csv_option
@export_option
@click.pass_context
def command(
    ctx: click.Context,
    file: Path | None,
    by: str,
    start_ns: int | None,
    end_ns: int | None,
    as_json: bool,
    as_csv: bool,
    export: Path | None,
) -> None:
    """Take profit and loss apart into price and basis, funding, fees, slippage, currencies, interest, transfers.

    Amounts are US dollars. The rows sum to the change of equity to the last digit. Exit code 6: something of the
    change is not explained.
    """
    chosen = chosen_config(file)
    from ._pnl_table import Wanted, show_pnl

    ctx.exit(
        show_pnl(chosen, Wanted(by=by, start_ns=start_ns, end_ns=end_ns, as_json=as_json, as_csv=as_csv, export=export))
    )
