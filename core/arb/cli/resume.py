"""`arb resume`: lift halts, in the name of a person."""

from __future__ import annotations

from pathlib import Path

import click

from ._given import chosen_config, config_option, json_option, some_text

_EPILOG = """\b
Examples: arb resume --by anna --reason "the venue is back"
          arb resume -c carry.toml --by anna --reason "looked at it" --id 3
"""


@click.command(name="resume", epilog=_EPILOG)
@config_option
@click.option("--by", metavar="NAME", required=True, callback=some_text, help="Who resumes: a person, and answerable.")
@click.option("--reason", metavar="TEXT", required=True, callback=some_text, help="Why it is safe now; it is kept.")
@click.option(
    "--id",
    "halt_ids",
    metavar="N",
    type=click.IntRange(min=1),
    multiple=True,
    help="Only this halt, as `arb halt --list` shows it; may be repeated. All that stand when left out.",
)
@json_option
def command(file: Path | None, by: str, reason: str, halt_ids: tuple[int, ...], as_json: bool) -> None:
    """Lift halts, so that risk may be opened again.

    Hedges that were halted are taken up again by the `arb run` that is running, or by the next one: it repairs them
    with reduce-only orders.
    """
    chosen = chosen_config(file)
    # Imported here: the help of this command needs none of the runtime.
    from ._halting import lift_halts

    lift_halts(chosen, by=by, reason=reason, halt_ids=halt_ids, as_json=as_json)
