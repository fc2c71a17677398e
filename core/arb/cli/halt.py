"""`arb halt`: stop opening risk, at once and until a person resumes."""

from __future__ import annotations

from pathlib import Path

import click

from ._given import chosen_config, config_option, json_option, some_text

_EPILOG = """\b
Examples: arb halt --reason "prices look wrong"
          arb halt -c carry.toml --exchange hl-main --reason "venue in maintenance"
          arb halt -c carry.toml --list
"""


@click.command(name="halt", epilog=_EPILOG)
@config_option
@click.option("--exchange", metavar="NAME", help="Only this exchange of the configuration; everything when left out.")
@click.option("--reason", metavar="TEXT", callback=some_text, help="Why; it is kept, and shown to whoever resumes.")
@click.option("--by", metavar="NAME", callback=some_text, help="Who halts; the login name when left out.")
@click.option("--list", "listing", is_flag=True, help="Halt nothing: show the halts that stand.")
@click.option("--all", "with_lifted", is_flag=True, help="With --list: also the halts that were lifted.")
@json_option
def command(
    file: Path | None,
    exchange: str | None,
    reason: str | None,
    by: str | None,
    listing: bool,
    with_lifted: bool,
    as_json: bool,
) -> None:
    """Send no order any more that opens risk, until a person resumes.

    The halt is durable when the command returns, and an `arb run` that is running sees it before its next order; the
    orders that close go on. Only the configuration and the file of the halts are touched, so it works while everything
    else is broken.
    """
    if listing and (reason or by or exchange):
        raise click.UsageError("--list shows halts; it goes with --all and --json only")
    if with_lifted and not listing:
        raise click.UsageError("--all goes with --list only")
    if not listing and reason is None:
        raise click.UsageError("Say why with --reason TEXT, or look with --list")
    chosen = chosen_config(file)
    # Imported here: the help of this command needs none of the runtime.
    from ._halting import list_halts, raise_halt

    if reason is None:
        list_halts(chosen, with_lifted=with_lifted, as_json=as_json)
    else:
        raise_halt(chosen, exchange=exchange, reason=reason, by=by, as_json=as_json)
