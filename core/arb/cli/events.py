"""`arb events`: what happened in a stored run."""

from __future__ import annotations

from pathlib import Path

import click

from arb.model import EventKind

from ._given import chosen_config, config_option, json_option

_EPILOG = """\b
Examples: arb events -c carry.toml --kind hedge --last 20
          arb events -c carry.toml --follow
"""


def _kinds(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> frozenset[EventKind]:
    """Read kinds; the part before the dot stands for all of its kinds."""
    found: set[EventKind] = set()
    for value in values:
        named = {kind for kind in EventKind if value in (kind.value, kind.value.partition(".")[0])}
        if not named:
            raise click.BadParameter(f"there is no kind {value!r}; kinds are {', '.join(EventKind)}")
        found |= named
    return frozenset(found)


@click.command(name="events", epilog=_EPILOG)
@config_option
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    callback=_kinds,
    metavar="K",
    help="Only this kind: hedge.opened, or hedge for all of it.",
)
@click.option("--last", type=click.IntRange(min=1), metavar="N", help="Only the last N of them.")
@click.option("--follow", "-f", is_flag=True, help="Go on with new ones until Ctrl-C; with --json one document a line.")
@json_option
def command(file: Path | None, kinds: frozenset[EventKind], last: int | None, follow: bool, as_json: bool) -> None:
    """Show the events of a stored run, oldest first; it may be running."""
    chosen = chosen_config(file)
    # Imported here: the help of this command needs none of the runtime.
    from ._event_log import Wanted, show_events

    show_events(chosen, Wanted(kinds=kinds, last=last, follow=follow, as_json=as_json))
