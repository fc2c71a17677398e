"""Finding what a person names by the beginning of its id."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import click

from arb.model import Hedge, HedgeId, OrderRecord
from arb.storage import Journal

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Named:
    """A hedge, or one order of it."""

    hedge: Hedge
    order: OrderRecord | None = None


async def named(journal: Journal, text: str) -> Named:
    """Return the hedge, else the order, whose id is `text` or the only one that begins with it.

    Raises:
        UsageError: there is none, or more than one.
    """
    hedges = {str(hedge.id): hedge for hedge in await journal.hedges()}
    found = _matching(hedges, text)
    if len(found) == 1:
        return Named(hedges[found[0]])
    if not found:
        orders = {str(record.order.request.client_order_id): record for record in await journal.orders()}
        found = _matching(orders, text)
        if len(found) == 1:
            order = orders[found[0]]
            return Named(hedges[order.hedge_id], order)
    if not found:
        raise click.UsageError(f"No hedge and no order has an id that begins with {text!r}.")
    shown = ", ".join(found[:_SHOWN]) + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")
    raise click.UsageError(f"{text!r} is the beginning of {len(found)} ids: {shown}.")


async def named_hedge(journal: Journal, text: str) -> HedgeId:
    """Return the id of the hedge that `text` names, by its own id or by an order of it; raises UsageError."""
    return (await named(journal, text)).hedge.id


def _matching(ids: Collection[str], text: str) -> list[str]:
    if text in ids:
        return [text]
    return sorted(each for each in ids if text and each.startswith(text))
