"""Sending orders and finding out what became of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from arb.api import (
    ArbError,
    BadResponse,
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

from ._asking import ask
from ._journaling import Recorder
from ._reports import exceeds, merged

T = TypeVar("T")


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
        self._timeout_ns = timeout_ns
        self._doubt_poll_ns = doubt_poll_ns

    def trading(self, exchange: ExchangeName) -> Trading:
        """Return the private side of an exchange; raises ArbError when it has none."""
        trading = self._exchanges[exchange].trading
        if trading is None:
            raise ArbError(f"{exchange}: this exchange was opened without an account, so it cannot trade")
        return trading

    async def prepare(self, requests: Sequence[OrderRequest]) -> list[PreparedOrder]:
        """Round, check and sign all of them before any is sent.

        Raises:
            ExchangeError: of the first that fails; Rejected when it breaks a rule of the instrument.
        """
        results = await asyncio.gather(*(self._prepare(request) for request in requests), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if isinstance(result, PreparedOrder)]

    async def _prepare(self, request: OrderRequest) -> PreparedOrder:
        exchange = exchange_of(request.instrument)
        trading = self.trading(exchange)
        prepared = await self._ask(exchange, "prepare_order", lambda: trading.prepare_order(request))
        if exceeds(prepared, request):
            raise BadResponse(
                f"order {request.client_order_id} was prepared as something else than asked, so it is not sent",
                exchange=exchange,
                code="prepared_differs",
            )
        return prepared

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
        exchange = exchange_of(order.request.instrument)
        trading = self.trading(exchange)
        try:
            report = await self._ask(exchange, "send_order", lambda: trading.send_order(prepared))
            after = merged(order, report)
        except NotSent as error:
            after = order.after(OrderTrigger.NOT_SENT, ts_event_ns=now(), reason=str(error))
        except Rejected as error:
            after = order.after(OrderTrigger.REJECTED, ts_event_ns=now(), reason=f"{error.code} {error}".strip())
        except Exception as error:  # a plugin that breaks while sending tells nothing about the order
            after = order.after(OrderTrigger.DOUBTED, ts_event_ns=now(), reason=f"{type(error).__name__}: {error}")
        return replace(record, order=after)

    async def prepare_and_send(self, record: OrderRecord) -> OrderRecord:
        """Send one recorded order; one that cannot be prepared is recorded as refused or not sent."""
        try:
            prepared = await self.prepare([record.order.request])
        except ExchangeError as error:
            # Certain either way: preparing sends nothing.
            trigger = OrderTrigger.REJECTED if isinstance(error, Rejected) else OrderTrigger.NOT_SENT
            reason = f"{error.code} {error}".strip()
            order = record.order.after(trigger, ts_event_ns=self._clock.now_ns(), reason=reason)
            refused = replace(record, order=order)
            await self._recorder.orders([refused], events=_events(refused))
            return refused
        (sent,) = await self.send([record], prepared)
        return sent

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
        exchange = exchange_of(order.request.instrument)
        trading = self.trading(exchange)
        # Before this moment a read may not show the order yet: "not found" would prove nothing. A
        # venue's clock that is ahead of ours is not waited for.
        known_ns = min(max(record.created_ns, order.ts_event_ns), self._clock.now_ns())
        await self._clock.sleep_until(known_ns + self._exchanges[exchange].traits.read_after_write_ns)
        try:
            order = merged(order, await self._fetch(exchange, trading, order.request))
        except UnknownOrder as error:
            if order.status is not OrderStatus.IN_DOUBT:
                return order  # it was there before: a listing that lost it proves nothing
            return order.after(OrderTrigger.PROVED_ABSENT, ts_event_ns=self._clock.now_ns(), reason=str(error))
        except ExchangeError:
            await self._clock.sleep_until(self._clock.now_ns() + self._doubt_poll_ns)
            return order
        return order if order.status.is_final else await self._cancelled(exchange, trading, order)

    async def _cancelled(self, exchange: ExchangeName, trading: Trading, order: Order) -> Order:
        """Cancel an order that the venue has, and read what became of it.

        Nothing here proves it absent: whatever the venue says of the cancellation, it was there, and
        it may have been filled a moment before.
        """
        request = order.request
        with suppress(ExchangeError):  # refused, perhaps because it has ended: the read below tells
            await self._ask(
                exchange, "cancel_order", lambda: trading.cancel_order(request.instrument, request.client_order_id)
            )
        delay_ns = max(self._doubt_poll_ns, self._exchanges[exchange].traits.read_after_write_ns)
        await self._clock.sleep_until(self._clock.now_ns() + delay_ns)
        try:
            return merged(order, await self._fetch(exchange, trading, request))
        except ExchangeError:
            return order

    async def _fetch(self, exchange: ExchangeName, trading: Trading, request: OrderRequest) -> Order:
        return await self._ask(
            exchange, "fetch_order", lambda: trading.fetch_order(request.instrument, request.client_order_id)
        )

    async def _ask(self, exchange: ExchangeName, what: str, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return await ask(self._clock, self._timeout_ns, exchange, what, call)


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
