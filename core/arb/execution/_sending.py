"""From planned orders to the wire: price, clear, sign, commit, send, record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from arb.api import ArbError, Clock, Halted, Rejected
from arb.model import (
    MINUTE_NS,
    Event,
    EventKind,
    ExchangeName,
    Hedge,
    Instrument,
    InstrumentId,
    OrderRecord,
    OrderTrigger,
    Severity,
    exchange_of,
)
from arb.risk import ClearedOrder, RiskManager, RiskRefused

from ._building import new_record
from ._gateway import OrderGateway, ReadyOrder, Unready, why_refused
from ._journaling import Recorder
from ._order_events import order_events
from ._quoting import Quoting
from ._steps import PlannedOrder, Quotes, Send


class EntryRefused(ArbError):
    """An entry that stopped before anything was recorded or sent."""


class OrderExecutor:
    """Executes orders of a hedge in any mode. Nothing reaches the wire before its record is durable."""

    def __init__(
        self,
        gateway: OrderGateway,
        recorder: Recorder,
        risk: RiskManager,
        quoting: Quoting,
        clock: Clock,
        instruments: Mapping[InstrumentId, Instrument],
        usd_rate: Callable[[str], Decimal | None],
    ) -> None:
        self._gateway = gateway
        self._recorder = recorder
        self._risk = risk
        self._quoting = quoting
        self._clock = clock
        self._instruments = instruments
        self._usd_rate = usd_rate
        self._armed_until: dict[ExchangeName, int] = {}

    async def enter(self, hedge: Hedge, orders: Sequence[PlannedOrder], quotes: Quotes, event: Event) -> None:
        """Record a new hedge with its first orders and send them together; all of them or none.

        Raises:
            EntryRefused, ArbError: nothing was recorded and nothing was sent.
        """
        records = [self._record(hedge, planned, quotes) for planned in orders]
        await self._arm(records, hedge)
        prepared = await self._gateway.prepare([(record, self._clear(record, hedge)) for record in records])
        ready = [one for one in prepared if isinstance(one, ReadyOrder)]
        for one in prepared:
            if isinstance(one, Unready):
                raise EntryRefused(str(one.error))
        ready = [self._stamped(one, hedge) for one in ready]
        await self._recorder.hedge(hedge, [one.record for one in ready], events=[event])
        await self._send(ready)

    async def send(self, hedge: Hedge, step: Send, quotes: Quotes) -> bool:
        """Send further orders of a stored hedge; what cannot leave is recorded with its reason.

        Returns:
            Whether an order was recorded; False when risk forbids every one of them now.
        """
        cleared: list[tuple[OrderRecord, ClearedOrder]] = []
        events: list[Event] = []
        records = [self._record(hedge, planned, quotes) for planned in step.orders]
        await self._arm(records, hedge)
        for record in records:
            try:
                cleared.append((record, self._clear(record, hedge)))
            except (Halted, RiskRefused) as error:
                events.append(_forbidden(record, str(error), self._clock.now_ns()))
        if not cleared:
            await self._recorder.events(events)
            return False
        prepared = await self._gateway.prepare(cleared)
        ready = [one for one in prepared if isinstance(one, ReadyOrder)]
        lost = [self._unsent(one) for one in prepared if isinstance(one, Unready)]
        if lost and step.all_or_none:
            lost += [self._held_back(one) for one in ready]
            ready = []
        ready = [self._stamped(one, hedge) for one in ready]
        for record in lost:
            events += order_events(record)
        await self._recorder.hedge(hedge, [*(one.record for one in ready), *lost], events=events)
        if ready:
            await self._send(ready)
        return True

    def _record(self, hedge: Hedge, planned: PlannedOrder, quotes: Quotes) -> OrderRecord:
        instrument = self._instruments[hedge.legs[planned.leg_index].instrument]
        return new_record(hedge, planned, instrument, quotes[planned.leg_index], now_ns=self._clock.now_ns())

    def _clear(self, record: OrderRecord, hedge: Hedge) -> ClearedOrder:
        request = record.order.request
        if not record.purpose.opens_risk:
            return self._risk.clear_closing(request)
        rate = self._usd_rate(self._instruments[request.instrument].quote)
        notional = None if rate is None else request.quantity * request.price * rate
        return self._risk.clear_opening(request, hedge, notional_usd=notional)

    def _unsent(self, one: Unready) -> OrderRecord:
        # Certain either way: preparing sends nothing.
        trigger = OrderTrigger.REJECTED if isinstance(one.error, Rejected) else OrderTrigger.NOT_SENT
        order = one.record.order.after(trigger, ts_event_ns=self._clock.now_ns(), reason=why_refused(one.error))
        return replace(one.record, order=order)

    def _stamped(self, one: ReadyOrder, hedge: Hedge) -> ReadyOrder:
        """Date an order when it is about to leave: rounding and signing may have taken their time."""
        now_ns = self._clock.now_ns()
        until_ns = None if one.record.rest_until_ns is None else now_ns + hedge.entry.rest_ns
        order = replace(one.record.order, ts_event_ns=now_ns)
        return replace(one, record=replace(one.record, order=order, created_ns=now_ns, rest_until_ns=until_ns))

    def _held_back(self, one: ReadyOrder) -> OrderRecord:
        reason = "another leg cannot be sent, and this one alone would leave that one naked"
        now_ns = self._clock.now_ns()
        return replace(
            one.record, order=one.record.order.after(OrderTrigger.NOT_SENT, ts_event_ns=now_ns, reason=reason)
        )

    async def _send(self, ready: Sequence[ReadyOrder]) -> None:
        sent = await self._gateway.send(ready)
        await self._recorder.orders(
            sent, source="send_order", events=[event for record in sent for event in order_events(record)]
        )
        await self._quoting.traded([record.order.request.instrument for record in sent])

    async def _arm(self, records: Sequence[OrderRecord], hedge: Hedge) -> None:
        """Arm the venues' switches for longer than any order may rest: they are for when nobody is left to cancel.

        Before the orders are cleared, signed and dated: however long a venue takes for it, none grows too old.
        """
        resting = {exchange_of(one.order.request.instrument) for one in records if one.rest_until_ns}
        for exchange in sorted(resting):
            now_ns = self._clock.now_ns()
            deadline_ns = max(now_ns + hedge.entry.rest_ns + MINUTE_NS, self._armed_until.get(exchange, 0))
            self._armed_until[exchange] = deadline_ns
            await self._gateway.arm(exchange, deadline_ns - now_ns)


def _forbidden(record: OrderRecord, why: str, now_ns: int) -> Event:
    request = record.order.request
    return Event(
        ts_ns=now_ns,
        kind=EventKind.ORDER_VETOED,
        severity=Severity.WARNING,
        subject=record.hedge_id,
        message=f"{request.side} {request.quantity} {request.instrument} not sent: {why}",
    )
