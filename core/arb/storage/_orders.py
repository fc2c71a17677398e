"""Own orders."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from arb.api import InvariantBroken, Row, SqlValue, Transaction
from arb.model import (
    ORDER_TRANSITIONS,
    ClientOrderId,
    ExchangeOrderId,
    HedgeId,
    InstrumentId,
    Order,
    OrderMode,
    OrderPurpose,
    OrderRecord,
    OrderRequest,
    OrderStatus,
    Side,
    TimeInForce,
)

from ._reach import reachable
from ._sql import (
    Conditions,
    decimal,
    decimal_or_none,
    decode,
    integer,
    integer_or_none,
    select_sql,
    text,
    text_or_none,
    upsert_sql,
    write_rows,
)

_COLUMNS: Final = (
    "client_order_id",
    "hedge_id",
    "leg_index",
    "purpose",
    "attempt",
    "arrival_price",
    "created_ns",
    "instrument",
    "side",
    "quantity",
    "price",
    "time_in_force",
    "post_only",
    "reduce_only",
    "status",
    "exchange_order_id",
    "filled_quantity",
    "average_price",
    "ts_event_ns",
    "reason",
    "mode",
    "rest_until_ns",
)
_PUT: Final = upsert_sql("orders", _COLUMNS, ("client_order_id", "instrument"))
_REACHABLE: Final = reachable((old, new) for (old, _), new in ORDER_TRANSITIONS.items())


async def put_order(transaction: Transaction, record: OrderRecord) -> None:
    """Store an order or its new state."""
    order_id = record.order.request.client_order_id
    stored = await order_by_id(transaction, order_id, record.order.request.instrument)
    if stored is not None:
        _check_change(stored, record)
        # A report without the exchange's id does not make it unknown again.
        known = record.order.exchange_order_id or stored.order.exchange_order_id
        record = replace(record, order=replace(record.order, exchange_order_id=known))
    elif not await transaction.query("SELECT 1 AS found FROM hedges WHERE hedge_id = ?", (record.hedge_id,)):
        raise InvariantBroken(f"order {order_id} belongs to hedge {record.hedge_id}, which is not stored: put it first")
    await write_rows(transaction, _PUT, [_row(record)])


async def order_by_id(
    transaction: Transaction, client_order_id: ClientOrderId, instrument: InstrumentId | None
) -> OrderRecord | None:
    """Return one order or None; the instrument tells orders apart that are not ours."""
    wanted = Conditions().add("client_order_id = ?", client_order_id).add("instrument = ?", instrument)
    found = await _read(transaction, wanted)
    return found[0] if found else None


async def orders(
    transaction: Transaction, hedge_id: HedgeId | None, statuses: Collection[OrderStatus] | None
) -> tuple[OrderRecord, ...]:
    """Return orders, oldest first."""
    return await _read(transaction, Conditions().add("hedge_id = ?", hedge_id).among("status", statuses))


def _check_change(old: OrderRecord, new: OrderRecord) -> None:
    was, now = old.order, new.order
    name = f"order {was.request.client_order_id}"
    if replace(new, order=was) != old or now.request != was.request:
        raise InvariantBroken(
            f"{name} is stored with another request, hedge, purpose, attempt or arrival price: "
            "a client order id is never used twice"
        )
    if now.status is not was.status and now.status not in _REACHABLE[was.status]:
        raise InvariantBroken(f"{name} is {was.status} and cannot become {now.status}")
    if now.filled_quantity < was.filled_quantity:
        raise InvariantBroken(
            f"{name}: its filled quantity cannot shrink from {was.filled_quantity} to {now.filled_quantity}"
        )
    if None not in (was.exchange_order_id, now.exchange_order_id) and was.exchange_order_id != now.exchange_order_id:
        raise InvariantBroken(
            f"{name} is {was.exchange_order_id} at the exchange and cannot become {now.exchange_order_id}"
        )


def _row(record: OrderRecord) -> Sequence[SqlValue]:
    order, request = record.order, record.order.request
    return (
        request.client_order_id,
        record.hedge_id,
        record.leg_index,
        record.purpose,
        record.attempt,
        record.arrival_price,
        record.created_ns,
        request.instrument,
        request.side,
        request.quantity,
        request.price,
        request.time_in_force,
        int(request.post_only),
        int(request.reduce_only),
        order.status,
        order.exchange_order_id,
        order.filled_quantity,
        order.average_price,
        order.ts_event_ns,
        order.reason,
        record.mode,
        record.rest_until_ns,
    )


async def _read(transaction: Transaction, conditions: Conditions) -> tuple[OrderRecord, ...]:
    sql = select_sql("orders", _COLUMNS, conditions, order_by="created_ns, client_order_id")
    return decode("orders", await transaction.query(sql, conditions.values), _record)


def _record(row: Row) -> OrderRecord:
    request = OrderRequest(
        client_order_id=ClientOrderId(text(row, "client_order_id")),
        instrument=InstrumentId(text(row, "instrument")),
        side=Side(text(row, "side")),
        quantity=decimal(row, "quantity"),
        price=decimal(row, "price"),
        time_in_force=TimeInForce(text(row, "time_in_force")),
        post_only=bool(integer(row, "post_only")),
        reduce_only=bool(integer(row, "reduce_only")),
    )
    exchange_order_id = text_or_none(row, "exchange_order_id")
    order = Order(
        request=request,
        status=OrderStatus(text(row, "status")),
        exchange_order_id=None if exchange_order_id is None else ExchangeOrderId(exchange_order_id),
        filled_quantity=decimal(row, "filled_quantity"),
        average_price=decimal_or_none(row, "average_price"),
        ts_event_ns=integer(row, "ts_event_ns"),
        reason=text(row, "reason"),
    )
    return OrderRecord(
        order=order,
        hedge_id=HedgeId(text(row, "hedge_id")),
        leg_index=integer(row, "leg_index"),
        purpose=OrderPurpose(text(row, "purpose")),
        attempt=integer(row, "attempt"),
        arrival_price=decimal(row, "arrival_price"),
        created_ns=integer(row, "created_ns"),
        mode=OrderMode(text(row, "mode")),
        rest_until_ns=integer_or_none(row, "rest_until_ns"),
    )
