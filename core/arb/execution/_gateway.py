"""Sending orders and finding out what became of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from arb.api import (
    ArbError,
    Clock,
    Exchange,
    ExchangeError,
    NotSent,
    PreparedOrder,
    Rejected,
    Trading,
    UnknownOrder,
)
from arb.model import (
    Event,
    EventKind,
    ExchangeName,
    Order,
    OrderRecord,
    OrderRequest,
    OrderStatus,
    OrderTrigger,
    Severity,
    exchange_of,
)

from ._journaling import Recorder

_TRIGGER_OF: Final = {
    OrderStatus.OPEN: OrderTrigger.ACCEPTED,
    OrderStatus.PARTIALLY_FILLED: OrderTrigger.PART_FILLED,
    OrderStatus.FILLED: OrderTrigger.FILLED,
    OrderStatus.CANCELLED: OrderTrigger.CANCELLED,
    OrderStatus.EXPIRED: OrderTrigger.EXPIRED,
    OrderStatus.REJECTED: OrderTrigger.REJECTED,
}


class OrderGateway:
    """Prepares, sends and resolves orders. What it learns is in the journal before it returns."""

    def __init__(
        self,
        exchanges: Mapping[ExchangeName, Exchange],
        recorder: Recorder,
        clock: Clock,
        *,
        timeout_ns: int,
        doubt_poll_ns: int,
    ) -> None:
        self._exchanges = exchanges
        self._recorder = recorder
        self._clock = clock
        self._timeout_s = timeout_ns / 1e9
        self._doubt_poll_ns = doubt_poll_ns

    def trading(self, exchange: ExchangeName) -> Trading:
        """Return the private side of an exchange; raises ArbError when it has none."""
        trading = self._exchanges[exchange].trading
        if trading is None:
            raise ArbError(f"{exchange}: this exchange was opened without an account, so it cannot trade")
        return trading

    async def prepare(self, requests: Sequence[OrderRequest]) -> list[PreparedOrder]:
        """Round, check and sign all of them before any is sent; raises Rejected of the first that fails."""
        return list(
            await asyncio.gather(
                *(self.trading(exchange_of(request.instrument)).prepare_order(request) for request in requests)
            )
        )

    async def send(self, records: Sequence[OrderRecord], prepared: Sequence[PreparedOrder]) -> list[OrderRecord]:
        """Send recorded orders together and record every outcome.

        `records` are SUBMITTED and committed. What the venue does not clearly accept or refuse comes
        back IN_DOUBT.
        """
        sent = await asyncio.gather(
            *(self._send(record, order) for record, order in zip(records, prepared, strict=True))
        )
        await self._recorder.orders(sent, events=[event for record in sent for event in _events(record)])
        return sent

    async def _send(self, record: OrderRecord, prepared: PreparedOrder) -> OrderRecord:
        order, now = record.order, self._clock.now_ns
        try:
            async with asyncio.timeout(self._timeout_s):
                report = await self.trading(exchange_of(order.request.instrument)).send_order(prepared)
        except NotSent as error:
            after = order.after(OrderTrigger.NOT_SENT, ts_event_ns=now(), reason=str(error))
        except Rejected as error:
            after = order.after(OrderTrigger.REJECTED, ts_event_ns=now(), reason=f"{error.code} {error}".strip())
        except Exception as error:  # a plugin that breaks while sending tells nothing about the order
            after = order.after(OrderTrigger.DOUBTED, ts_event_ns=now(), reason=f"{type(error).__name__}: {error}")
        else:
            after = merged(order, report)
        return replace(record, order=after)

    async def resolve(self, record: OrderRecord) -> OrderRecord:
        """Read the venue once and record what it says; an order still not known stays in doubt.

        A resting order is cancelled: what this package sends is meant to trade now. Orders that were
        recorded before a crash come here too.
        """
        order = record.order
        if order.status in (OrderStatus.PENDING, OrderStatus.SUBMITTED):
            order = order.after(OrderTrigger.DOUBTED, ts_event_ns=self._clock.now_ns(), reason="no answer is on record")
        after = replace(record, order=await self._read(record, order))
        if after != record:
            await self._recorder.orders([after], events=_events(after))
        return after

    async def _read(self, record: OrderRecord, order: Order) -> Order:
        request = order.request
        exchange = exchange_of(request.instrument)
        trading = self.trading(exchange)
        # Before this moment a read may not show the order yet: "not found" would prove nothing.
        await self._clock.sleep_until(
            max(record.created_ns, order.ts_event_ns) + self._exchanges[exchange].traits.read_after_write_ns
        )
        try:
            report = await self._fetch(trading, request)
            if not report.status.is_final:
                await trading.cancel_order(request.instrument, request.client_order_id)
                await self._clock.sleep_until(self._clock.now_ns() + self._doubt_poll_ns)
                report = await self._fetch(trading, request)
        except UnknownOrder as error:
            if order.status is not OrderStatus.IN_DOUBT:
                return order  # it was there before: a listing that lost it proves nothing
            return order.after(OrderTrigger.PROVED_ABSENT, ts_event_ns=self._clock.now_ns(), reason=str(error))
        except (ExchangeError, TimeoutError):
            await self._clock.sleep_until(self._clock.now_ns() + self._doubt_poll_ns)
            return order
        return merged(order, report)

    async def _fetch(self, trading: Trading, request: OrderRequest) -> Order:
        async with asyncio.timeout(self._timeout_s):
            return await trading.fetch_order(request.instrument, request.client_order_id)


def merged(order: Order, report: Order) -> Order:
    """Return our record after the venue's report of the same order; filled quantity never shrinks."""
    trigger = _TRIGGER_OF.get(report.status)
    if trigger is None or report.filled_quantity < order.filled_quantity:
        return order
    return replace(
        order.after(trigger, ts_event_ns=report.ts_event_ns, reason=report.reason),
        exchange_order_id=report.exchange_order_id or order.exchange_order_id,
        filled_quantity=report.filled_quantity,
        average_price=report.average_price,
    )


def _events(record: OrderRecord) -> list[Event]:
    order = record.order
    kinds = {
        OrderStatus.REJECTED: (EventKind.ORDER_REJECTED, Severity.WARNING),
        OrderStatus.NOT_SENT: (EventKind.ORDER_REJECTED, Severity.WARNING),
        OrderStatus.IN_DOUBT: (EventKind.ORDER_IN_DOUBT, Severity.WARNING),
    }
    found = kinds.get(order.status)
    if found is None:
        return []
    request = order.request
    return [
        Event(
            ts_ns=order.ts_event_ns,
            kind=found[0],
            severity=found[1],
            subject=request.client_order_id,
            message=f"{request.side} {request.quantity} {request.instrument} is {order.status}: {order.reason}",
            data={"hedge": record.hedge_id, "purpose": record.purpose, "price": str(request.price)},
        )
    ]
