"""`arb db`: the database of a configuration."""

from __future__ import annotations

from pathlib import Path

import click

from ._given import chosen_config, config_option, json_option


@click.group(name="db")
def command() -> None:
    """Look at the database of a configuration, bring it forward, and copy it."""


@command.command(epilog="Example: arb db status -c arb.toml")
@config_option
@json_option
def status(file: Path | None, as_json: bool) -> None:
    """Show the version of the tables and how many rows each holds; nothing is changed."""
    from ._databases import show_status

    show_status(chosen_config(file), as_json=as_json)


@command.command(epilog="Example: arb db upgrade -c arb.toml")
@config_option
@json_option
def upgrade(file: Path | None, as_json: bool) -> None:
    """Bring the tables to the version of this arb, in one transaction. `arb run` does so by itself."""
    from ._databases import upgrade as bring_forward

    bring_forward(chosen_config(file), as_json=as_json)


@command.command(epilog="Example: arb db copy -c arb.toml --to server.toml")
@config_option
@click.option(
    "--to",
    "target",
    metavar="FILE",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The configuration whose [storages.main] is filled; that database has to be empty.",
)
@json_option
def copy(file: Path | None, target: Path, as_json: bool) -> None:
    """Copy every row into the database of another configuration, and read them back.

    The storages may be of different plugins: from SQLite to PostgreSQL and back nothing is lost. Stop `arb run`
    first: what it writes after the copy began is not in it. Either all of it is copied or nothing.
    """
    from ._databases import copy_all

    copy_all(chosen_config(file), target, as_json=as_json)
