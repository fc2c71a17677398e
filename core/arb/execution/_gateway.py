"""The one way to the wire: preparing, sending and cancelling orders."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, Protocol, TypeVar

from arb.api import (
    ArbError,
    BadResponse,
    BelowMinimum,
    Capability,
    Clock,
    DeadMansSwitch,
    Exchange,
    ExchangeError,
    LeaseLost,
    NotSent,
    PreparedOrder,
    Rejected,
    Trading,
    UnknownOrder,
    WouldCross,
)
from arb.model import (
    SECOND_NS,
    ExchangeName,
    Order,
    OrderRecord,
    OrderStatus,
    OrderTrigger,
    exchange_of,
)
from arb.risk import ClearedOrder, Halts

from ._asking import ask
from ._lease import AccountLeases
from ._reports import exceeds, merged
from ._tries import BELOW_MINIMUM

T = TypeVar("T")

SEND_WITHIN_NS: Final = SECOND_NS
"""An order that could not leave so soon after it was recorded does not leave any more."""


class OrderObserver(Protocol):
    """Told of every order that was sent: the circuit breakers are one."""

    def observe_order(self, exchange: ExchangeName, status: OrderStatus, round_trip_ns: int) -> None:
        """Take note of how an order came back and how long that took."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyOrder:
    """A cleared and signed order; only :meth:`OrderGateway.prepare` makes one."""

    record: OrderRecord
    cleared: ClearedOrder
    prepared: PreparedOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class Unready:
    """An order that could not be prepared. Nothing was sent, so what it says is certain."""

    record: OrderRecord
    error: ExchangeError


class _TooLate(NotSent):
    """An order did not leave, for a reason of our own."""


class OrderGateway:
    """Prepares, sends and cancels. It records nothing: who calls it has committed the orders before."""

    def __init__(
        self,
        exchanges: Mapping[ExchangeName, Exchange],
        clock: Clock,
        leases: AccountLeases,
        observer: OrderObserver,
        halts: Halts,
        *,
        timeout_ns: int,
    ) -> None:
        self._exchanges = exchanges
        self._clock = clock
        self._leases = leases
        self._observer = observer
        self._halts = halts
        self._timeout_ns = timeout_ns

    def exchange(self, record: OrderRecord) -> Exchange:
        """Return the exchange an order belongs to."""
        return self._exchanges[exchange_of(record.order.request.instrument)]

    def trading(self, exchange: ExchangeName) -> Trading:
        """Return the private side of an exchange; raises ArbError when it has none."""
        trading = self._exchanges[exchange].trading
        if trading is None:
            raise ArbError(f"{exchange}: this exchange was opened without an account, so it cannot trade")
        return trading

    async def prepare(self, orders: Sequence[tuple[OrderRecord, ClearedOrder]]) -> list[ReadyOrder | Unready]:
        """Round, check and sign all of them together, before any is sent.

        Raises:
            ValueError: an order was cleared as another one.
        """
        for record, cleared in orders:
            if cleared.request != record.order.request:
                raise ValueError(f"order {record.order.request.client_order_id} was cleared as another one")
        return list(await asyncio.gather(*(self._prepare(record, cleared) for record, cleared in orders)))

    async def _prepare(self, record: OrderRecord, cleared: ClearedOrder) -> ReadyOrder | Unready:
        request = record.order.request
        exchange = exchange_of(request.instrument)
        trading = self.trading(exchange)
        try:
            prepared = await self._ask(exchange, "prepare_order", lambda: trading.prepare_order(request))
        except ExchangeError as error:
            return Unready(record=record, error=error)
        if exceeds(prepared, request):
            text = f"order {request.client_order_id} was prepared as something else than asked, so it is not sent"
            return Unready(record=record, error=BadResponse(text, exchange=exchange, code="prepared_differs"))
        return ReadyOrder(record=record, cleared=cleared, prepared=prepared)

    async def send(self, ready: Sequence[ReadyOrder]) -> list[OrderRecord]:
        """Send recorded orders together; what the venue does not clearly accept or refuse comes back IN_DOUBT.

        No work lies between the first writes of the orders but what their plugins do.
        """
        return list(await asyncio.gather(*(self._send(one) for one in ready)))

    async def _send(self, ready: ReadyOrder) -> OrderRecord:
        order, now = ready.record.order, self._clock.now_ns
        exchange = exchange_of(order.request.instrument)
        trading, began_ns = self.trading(exchange), now()

        async def sent() -> Order:
            # Right before the plugin has the order: a turn of the loop earlier would let one leave under a new halt.
            refusal = self._too_late(ready, exchange)
            if refusal:
                raise _TooLate(refusal)
            return await trading.send_order(ready.prepared)

        try:
            report = await self._ask(exchange, "send_order", sent)
            after = merged(order, report)
        except _TooLate as error:
            return replace(ready.record, order=order.after(OrderTrigger.NOT_SENT, ts_event_ns=now(), reason=str(error)))
        except UnknownOrder as error:  # it may know it a moment later: nothing was refused
            after = order.after(OrderTrigger.DOUBTED, ts_event_ns=now(), reason=str(error))
        except NotSent as error:
            after = order.after(OrderTrigger.NOT_SENT, ts_event_ns=now(), reason=str(error))
        except WouldCross as error:  # a maker that came too late: no breaker counts that
            return replace(
                ready.record, order=order.after(OrderTrigger.REJECTED, ts_event_ns=now(), reason=why_refused(error))
            )
        except Rejected as error:
            after = order.after(OrderTrigger.REJECTED, ts_event_ns=now(), reason=why_refused(error))
        except Exception as error:  # a plugin that breaks while sending tells nothing about the order
            after = order.after(OrderTrigger.DOUBTED, ts_event_ns=now(), reason=f"{type(error).__name__}: {error}")
        self._observer.observe_order(exchange, after.status, now() - began_ns)
        return replace(ready.record, order=after)

    def _too_late(self, ready: ReadyOrder, exchange: ExchangeName) -> str:
        """Return why an order must not leave any more: a pause of this process is no licence to trade late."""
        now_ns = self._clock.now_ns()
        try:
            self._leases.check(exchange)
        except LeaseLost as error:
            return str(error)
        age_ns = now_ns - ready.record.created_ns
        if age_ns > SEND_WITHIN_NS:
            return f"it was decided {Decimal(age_ns) / SECOND_NS:f} s ago: too old to send"
        halt = None if ready.record.order.request.reduce_only else self._halts.blocking(exchange)
        if halt is not None:
            return f"{halt}"
        expires_ns = ready.prepared.expires_ns
        return "its signature has expired" if expires_ns is not None and expires_ns <= now_ns else ""

    async def fetch(self, record: OrderRecord) -> Order:
        """Read one order of the venue; raises ExchangeError, among them UnknownOrder."""
        request = record.order.request
        exchange = exchange_of(request.instrument)
        trading = self.trading(exchange)
        return await self._ask(
            exchange, "fetch_order", lambda: trading.fetch_order(request.instrument, request.client_order_id)
        )

    async def cancel(self, record: OrderRecord) -> None:
        """Ask for a cancellation. Nothing of the answer counts: what became of the order tells a read."""
        request = record.order.request
        exchange = exchange_of(request.instrument)
        trading = self.trading(exchange)
        with suppress(ExchangeError):
            await self._ask(
                exchange, "cancel_order", lambda: trading.cancel_order(request.instrument, request.client_order_id)
            )

    async def arm(self, exchange: ExchangeName, timeout_ns: int) -> None:
        """Arm the venue's dead man's switch, where it has one; 0 disarms. A failure is the venue's alone."""
        switch: object = self._exchanges[exchange].trading
        if Capability.DEAD_MANS_SWITCH not in self._exchanges[exchange].capabilities:
            return
        if isinstance(switch, DeadMansSwitch):
            arm = switch.arm_dead_mans_switch
            with suppress(ExchangeError):
                await self._ask(exchange, "arm_dead_mans_switch", lambda: arm(timeout_ns))

    async def _ask(self, exchange: ExchangeName, what: str, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return await ask(self._clock, self._timeout_ns, exchange, what, call)


def why_refused(error: ExchangeError) -> str:
    """Return the venue's code and text, marked where the order was too small, whatever the venue calls that."""
    mark = BELOW_MINIMUM if isinstance(error, BelowMinimum) and error.code != BELOW_MINIMUM else ""
    return f"{mark} {error.code} {error}".strip()
