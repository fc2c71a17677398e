"""`arb flatten`: the emergency exit."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path

import click

from ._given import chosen_config, config_option, json_option
from ._options import disabled_plugins

_WIDEST_BPS = 5_000
_EPILOG = """\b
Examples: arb flatten --all
          arb flatten -c carry.toml --exchange hl-main --yes hl-main
          arb flatten -c carry.toml --all --yes all --max-band 1000 --json
"""


def _band(_ctx: click.Context, _param: click.Parameter, value: str) -> Decimal:
    try:
        band = Decimal(value)
    except InvalidOperation:
        band = Decimal("NaN")
    if not (band.is_finite() and 0 < band <= _WIDEST_BPS):
        raise click.BadParameter(f"{value!r} is not a number of basis points above zero, {_WIDEST_BPS} at most")
    return band


@click.command(name="flatten", epilog=_EPILOG)
@config_option
@click.option("--exchange", "exchanges", metavar="NAME", multiple=True, help="This exchange; may be repeated.")
@click.option("--all", "everything", is_flag=True, help="Every exchange of the configuration.")
@click.option(
    "--yes",
    metavar="NAME",
    multiple=True,
    help="Instead of typing the name of a real exchange; may be repeated. `all` for every one.",
)
@click.option(
    "--max-band",
    metavar="BPS",
    default="500",
    show_default=True,
    callback=_band,
    help="Furthest from the best price of the book, in basis points; orders begin at 50 and widen to it.",
)
@click.option(
    "--timeout",
    "budget_s",
    metavar="S",
    default=60,
    show_default=True,
    type=click.IntRange(5, 3600),
    help="Longest time for one exchange, in seconds; they are worked on at the same time.",
)
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    file: Path | None,
    exchanges: tuple[str, ...],
    everything: bool,
    yes: tuple[str, ...],
    max_band: Decimal,
    budget_s: int,
    as_json: bool,
) -> None:
    """Emergency exit: halt, cancel every order, close every position, and read that nothing is left.

    It needs the configuration and the plugins of these exchanges, and nothing else: storage, strategies and all other
    plugins may be broken. Orders are reduce-only, immediate or cancelled, and bounded in price. Accounts that are
    simulated or on paper live in the storage and are reached through it. Exit code 0 only when every exchange was read
    flat, or holds no more than dust; an exchange that cannot be read is UNKNOWN, never flat.
    """
    if everything and exchanges:
        raise click.UsageError("--all is every exchange; leave --exchange out")
    if not everything and not exchanges:
        raise click.UsageError("Say which: --exchange NAME, or --all")
    chosen = chosen_config(file)
    # Imported here: the help of this command needs none of the runtime.
    from ._emergency import Wanted, emergency_exit

    wanted = Wanted(
        file=chosen, exchanges=exchanges, confirmed=frozenset(yes), max_band_bps=max_band, budget_s=budget_s
    )
    ctx.exit(emergency_exit(wanted, disabled_plugins(), as_json=as_json))
