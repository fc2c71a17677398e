"""`arb report`: account for a stored run."""

from __future__ import annotations

from pathlib import Path

import click

from ._given import chosen_config, config_option, details_option, json_option, plot_option

_EPILOG = """\b
Examples: arb report -c carry.toml --details
          arb report -c carry.toml --json | jq .parts
"""


@click.command(name="report", epilog=_EPILOG)
@config_option
@json_option
@details_option
@plot_option
@click.pass_context
def command(ctx: click.Context, file: Path | None, as_json: bool, details: bool, plot: Path | None) -> None:
    """Take the change of equity of a stored run apart, to the last digit.

    It reads the storage only, also while `arb run` is running. Exit code 6: the books do not balance, or a hedge is
    halted.
    """
    chosen = chosen_config(file)
    # Imported here: the help of this command needs none of the runtime.
    from ._reading import read_report
    from ._session import publish

    ctx.exit(publish(read_report(chosen), as_json=as_json, details=details, plot=plot))
