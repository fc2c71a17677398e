"""`arb positions`: what a stored run holds."""

from __future__ import annotations

from pathlib import Path

import click

from ._given import chosen_config, config_option, json_option


@click.command(name="positions", epilog="Example: arb positions -c carry.toml --all")
@config_option
@json_option
@click.option("--all", "with_final", is_flag=True, help="Also the hedges that are closed or abandoned.")
def command(file: Path | None, as_json: bool, with_final: bool) -> None:
    """Show the hedges of a stored run leg by leg, and what each venue held at the last sample."""
    chosen = chosen_config(file)
    # Imported here: the help of this command needs none of the runtime.
    from ._holdings import show_holdings

    show_holdings(chosen, with_final=with_final, as_json=as_json)
