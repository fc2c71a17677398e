"""`arb db`: the database of a configuration."""

from __future__ import annotations

from pathlib import Path

import click

from arb.api import parse_duration
from arb.model import DAY_NS

from ._given import chosen_config, config_option, json_option


@click.group(name="db")
def command() -> None:
    """Look at the database of a configuration, bring it forward, copy it, and keep it small."""


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


def _age(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | None:
    """Read an age of at least a day."""
    try:
        age_ns = None if value is None else parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if age_ns is not None and age_ns < DAY_NS:
        raise click.BadParameter("must be 1d at least")
    return age_ns


@command.command(epilog="Example: arb db prune -c arb.toml --older-than 30d")
@config_option
@click.option(
    "--older-than",
    "age_ns",
    callback=_age,
    metavar="AGE",
    help="Reduce what is older, such as 30d; `[run] keep_fine` when left out.",
)
@json_option
def prune(file: Path | None, age_ns: int | None, as_json: bool) -> None:
    """Reduce old predicted rates and market statistics to the last of each hour; nothing else is deleted.

    `arb run` does so by itself, an hour's rows at a time; this command looks at the whole history.
    """
    from ._databases import prune_old

    prune_old(chosen_config(file), age_ns, as_json=as_json)


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
