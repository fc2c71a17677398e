"""`arb orders`: the own orders of a stored run."""

from __future__ import annotations

from pathlib import Path

import click

from ._given import chosen_config, config_option, json_option

_EPILOG = """\b
Examples: arb orders -c carry.toml --open
          arb orders -c carry.toml --hedge 7k2m
          arb orders -c carry.toml --quality
"""


@click.command(name="orders", epilog=_EPILOG)
@config_option
@click.option("--hedge", metavar="ID", help="Only the orders of this hedge; the beginning of its id is enough.")
@click.option("--open", "only_open", is_flag=True, help="Only those whose end is not known: resting, or in doubt.")
@click.option("--quality", is_flag=True, help="Instead: slippage, share of maker fills, speed and markouts, summed up.")
@json_option
def command(file: Path | None, hedge: str | None, only_open: bool, quality: bool, as_json: bool) -> None:
    """Show the orders of a stored run, oldest first; it may be running.

    `slip bps` is the average price of the fills against the mid price when the order was decided: a cost is positive.
    """
    if quality and only_open:
        raise click.UsageError("--quality is about orders that were filled; leave --open out")
    chosen = chosen_config(file)
    # Imported here: the help of this command needs none of the runtime.
    if quality:
        from ._order_quality import show_quality

        show_quality(chosen, hedge, as_json=as_json)
        return
    from ._order_list import Wanted, show_orders

    show_orders(chosen, Wanted(hedge=hedge, only_open=only_open), as_json=as_json)
