"""Finding out what became of orders: only a read of the venue ends a doubt, never time."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from arb.api import BadResponse, Clock, ExchangeError, UnknownOrder
from arb.model import (
    Fill,
    Order,
    OrderRecord,
    OrderStatus,
    OrderTrigger,
    exchange_of,
)

from ._account_sync import AccountSync
from ._gateway import SEND_WITHIN_NS, OrderGateway
from ._journaling import Recorder
from ._legs import average_of, key_of, quantity_of
from ._order_events import order_events
from ._positions import Agreement, PositionReader
from ._reports import merged
from ._steady import SteadyTime


class OrderResolver:
    """Reads orders that are not final and records what it learns before it returns."""

    def __init__(
        self,
        gateway: OrderGateway,
        recorder: Recorder,
        sync: AccountSync,
        positions: PositionReader,
        clock: Clock,
        steady: SteadyTime,
    ) -> None:
        self._gateway = gateway
        self._recorder = recorder
        self._sync = sync
        self._positions = positions
        self._clock = clock
        self._steady = steady

    async def resolve(self, record: OrderRecord) -> OrderRecord:
        """Read an order once and record what the venue says; one that is still not known stays in doubt.

        An order that was recorded before this process began was sent, or not, by one that is gone.
        """
        order = record.order
        if order.status in (OrderStatus.PENDING, OrderStatus.SUBMITTED):
            order = order.after(OrderTrigger.DOUBTED, ts_event_ns=self._clock.now_ns(), reason="no answer is on record")
        after = replace(record, order=await self._read(record, order))
        if after != record:
            await self._recorder.orders([after], source="fetch_order", events=order_events(after))
        return after

    async def cancel(self, record: OrderRecord) -> OrderRecord:
        """Cancel a resting order and record what became of it; it may still rest when the venue lags.

        Whatever the venue says of the cancellation, the order was there, and it may have been filled a
        moment before: only the reads after it count.
        """
        await self._gateway.cancel(record)
        await self._settled(record)
        return await self.resolve(record)

    async def _read(self, record: OrderRecord, order: Order) -> Order:
        try:
            report = await self._gateway.fetch(record)
        except UnknownOrder as error:
            # An order that was there before: a listing that lost it proves nothing.
            if order.status is OrderStatus.IN_DOUBT and await self._is_absent(record):
                return order.after(OrderTrigger.PROVED_ABSENT, ts_event_ns=self._clock.now_ns(), reason=str(error))
        except ExchangeError:
            pass
        else:
            with suppress(BadResponse):  # it contradicts what is on record: nothing is certain then
                return merged(order, report)
            return order
        return await self._by_its_fills(record, order)

    def provable_ns(self, record: OrderRecord) -> int:
        """Return from when on a venue that does not know an order may prove it absent."""
        traits = self._gateway.exchange(record).traits
        # A record from before this process bears another clock: whatever it was, it left before we began, which
        # is where steady time begins.
        sent_ns = min(record.created_ns, self._clock.now_ns()) + SEND_WITHIN_NS
        counted_ns = max(sent_ns, self._steady.since_ns)
        return counted_ns + traits.order_validity_ns + traits.read_after_write_ns

    async def _is_absent(self, record: OrderRecord) -> bool:
        """Whether the venue proves that an order it does not know never came and never will.

        The time in which it could still arrive and in which a read could still miss it must be over,
        counted from when this process first could know of it; then its fills and the position must
        agree that nothing happened.
        """
        if self._clock.now_ns() < self.provable_ns(record):
            return False
        name = exchange_of(record.order.request.instrument)
        try:
            await self._sync.pull_fills(name)
        except ExchangeError:
            return False
        if await self._fills(record):
            return False
        return await self._positions.compare(record.order.request.instrument) is Agreement.AGREES

    async def _by_its_fills(self, record: OrderRecord, order: Order) -> Order:
        """Return the order as filled where its fills on record are the whole of it, whatever the venue says of it."""
        fills = [fill for fill in await self._fills(record) if fill.side is order.request.side]
        filled = quantity_of(fills)
        if filled != order.request.quantity:
            return order
        last_ns = max(fill.ts_event_ns for fill in fills)
        return replace(
            order.after(OrderTrigger.FILLED, ts_event_ns=last_ns, reason="its fills are the whole of it"),
            exchange_order_id=order.exchange_order_id or fills[0].exchange_order_id,
            filled_quantity=filled,
            average_price=average_of(fills),
        )

    async def _fills(self, record: OrderRecord) -> list[Fill]:
        key, fills = key_of(record.order.request), await self._recorder.journal.fills(hedge_id=record.hedge_id)
        return [fill for fill in fills if key_of(fill) == key]

    async def _settled(self, record: OrderRecord) -> None:
        traits = self._gateway.exchange(record).traits
        await self._clock.sleep_until(self._clock.now_ns() + traits.read_after_write_ns)
