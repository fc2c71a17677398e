"""`arb explain`: why a hedge or an order came about, and what became of it."""

from __future__ import annotations

from pathlib import Path

import click

from ._given import chosen_config, config_option, json_option

_EPILOG = """\b
Examples: arb explain 7k2m -c carry.toml
          arb explain 7k2m9x0d4c1b2a-0-1 -c carry.toml --json
"""


@click.command(name="explain", epilog=_EPILOG)
@click.argument("name", metavar="ID")
@config_option
@json_option
def command(name: str, file: Path | None, as_json: bool) -> None:
    """Tell the whole story of the hedge or order ID, from what was recorded and from nothing else.

    ID is a hedge's id, a client order id, or the beginning of one: `arb positions --all` and `arb orders` show them.
    The decision with its numbers, the plan, each order and what the venue said of it, the fills, how long the legs
    were out of balance, what happened around it and how it ended. What is not on record is called so.
    """
    chosen = chosen_config(file)
    # Imported here: the help of this command needs none of the runtime.
    from ._explaining import explain

    explain(chosen, name, as_json=as_json)
