"""The orders of a stored run, one a line."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from arb.model import OrderPurpose, OrderRecord, OrderStatus, exchange_of, format_utc, name_of

from ._figures import bps, number, price, slippage_bps
from ._money import NOTHING, second
from ._naming import named_hedge
from ._output import print_json, print_table
from ._stored import stored_run

_OPEN = tuple(status for status in OrderStatus if not status.is_final)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which orders."""

    hedge: str | None
    only_open: bool


def show_orders(file: Path, wanted: Wanted, *, as_json: bool) -> None:
    """Print the orders of the run that `file` describes.

    Raises:
        ArbError: the file or the storage cannot be read.
        UsageError: there is no such hedge.
    """
    records = asyncio.run(_read(file, wanted))
    if as_json:
        print_json({"orders": [plain_order(record) for record in records]})
    elif records:
        _print(records)
    else:
        click.echo("No such order." if wanted.hedge or wanted.only_open else "No order yet.", err=True)


async def _read(file: Path, wanted: Wanted) -> Sequence[OrderRecord]:
    async with stored_run(file) as run:
        hedge = None if wanted.hedge is None else await named_hedge(run.journal, wanted.hedge)
        return await run.journal.orders(hedge, _OPEN if wanted.only_open else None)


def _print(records: Sequence[OrderRecord]) -> None:
    head = ("time", "order", "exchange", "instrument", "side", "quantity", "price", "mode", "purpose", "status")
    print_table((*head, "filled", "average", "slip bps", "reason"), [_row(record) for record in records])


def _row(record: OrderRecord) -> Sequence[str]:
    order, request = record.order, record.order.request
    return (
        second(record.created_ns),
        request.client_order_id,
        exchange_of(request.instrument),
        name_of(request.instrument),
        request.side,
        number(request.quantity),
        NOTHING if record.purpose is OrderPurpose.FORCED else price(request.price),
        record.mode,
        record.purpose,
        order.status,
        number(order.filled_quantity),
        price(order.average_price),
        bps(slippage_bps(record)),
        order.reason,
    )


def plain_order(record: OrderRecord) -> dict[str, Any]:
    """Return an order as plain values, exact."""
    order, request, slipped = record.order, record.order.request, slippage_bps(record)
    return {
        "client_order_id": request.client_order_id,
        "exchange_order_id": order.exchange_order_id,
        "hedge": record.hedge_id,
        "leg": record.leg_index,
        "attempt": record.attempt,
        "purpose": record.purpose.value,
        "created": format_utc(record.created_ns),
        "exchange": exchange_of(request.instrument),
        "instrument": request.instrument,
        "side": request.side.value,
        "quantity": f"{request.quantity:f}",
        "price": f"{request.price:f}",
        "mode": record.mode.value,
        "time_in_force": request.time_in_force.value,
        "post_only": request.post_only,
        "reduce_only": request.reduce_only,
        "rest_until": None if record.rest_until_ns is None else format_utc(record.rest_until_ns),
        "arrival_price": f"{record.arrival_price:f}",
        "status": order.status.value,
        "filled_quantity": f"{order.filled_quantity:f}",
        "average_price": None if order.average_price is None else f"{order.average_price:f}",
        "slippage_bps": None if slipped is None else f"{slipped:f}",
        "changed": format_utc(order.ts_event_ns),
        "reason": order.reason,
    }
