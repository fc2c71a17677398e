"""One hedge of the report, entry by entry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click

from arb.model import BPS, ZERO
from arb.storage import FillLine, HedgeAccount, PaymentLine

from ._money import NOTHING, duration, exact, second, signed
from ._output import clean, print_table


def print_hedge(number: int, hedge: HedgeAccount) -> None:
    """Print why a hedge was opened and closed, each fill and each settlement."""
    click.echo()
    click.secho(f"Hedge {number}: {hedge.base} {hedge.hedge_id} ({hedge.strategy}, {hedge.status})", bold=True)
    click.echo(f"  opened: {clean(hedge.entry_reason) or NOTHING}")
    click.echo(f"  closed: {clean(hedge.exit_reason) or NOTHING}")
    if hedge.entry_ns is not None and hedge.exit_ns is not None:
        click.echo(f"  held:   {duration(hedge.exit_ns - hedge.entry_ns)}")
    click.echo(f"  total:  {exact(hedge.total_usd)} USD")
    if hedge.fills:
        click.echo()
        print_table(
            ("fill", "instrument", "side", "quantity", "price", "slippage bps", "slippage usd", "fee", "in"),
            [_fill(line) for line in hedge.fills],
        )
    if hedge.payments:
        click.echo()
        print_table(
            ("settlement", "instrument", "rate %", "quantity", "price", "received", "in", "usd", "usd so far"),
            list(_payments(hedge.payments)),
        )


def _fill(line: FillLine) -> list[str]:
    bps = NOTHING
    if line.arrival_price:
        bps = f"{(line.price / line.arrival_price - 1) * line.side.sign / BPS:.2f}"
    return [
        second(line.ts_ns),
        line.instrument,
        line.side,
        f"{line.quantity.normalize():f}",
        f"{line.price:f}",
        bps,
        exact(line.slippage_usd),
        exact(-line.fee),
        line.fee_currency,
    ]


def _payments(lines: Iterable[PaymentLine]) -> Iterator[list[str]]:
    so_far = ZERO
    for line in lines:
        so_far += line.usd
        yield [
            second(line.settled_ns),
            line.instrument,
            NOTHING if line.rate is None else f"{line.rate * 100:+.6f}",
            NOTHING if line.quantity is None else f"{line.quantity.normalize():f}",
            NOTHING if line.price is None else f"{line.price:f}",
            exact(line.amount),
            line.currency,
            exact(line.usd),
            signed(so_far, 4),
        ]
