"""`arb venues`: what the installed exchanges can do, and their venues imitated on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import click

from ._errors import ExitCode
from ._lazy import LazyGroup

_LAZY: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "fake": ("arb.cli.venues_fake:command", "Serve an exchange's venue, imitated, on a port of this machine."),
    }
)


@click.group(name="venues", cls=LazyGroup, lazy=_LAZY, invoke_without_command=True)
@click.option(
    "--matrix", is_flag=True, help="Print which installed exchange declares which capability; exit 7 on trouble."
)
@click.option("--json", "as_json", is_flag=True, help="With --matrix: print one JSON document.")
@click.pass_context
def command(ctx: click.Context, matrix: bool, as_json: bool) -> None:
    """Look at exchanges, and imitate them."""
    if ctx.invoked_subcommand is not None:
        return
    if not matrix:
        click.echo(ctx.get_help())
        return
    # Only the matrix pays for asking every plugin.
    from ._venue_matrix import print_matrix

    if not print_matrix(as_json=as_json):
        ctx.exit(ExitCode.CHECK)
