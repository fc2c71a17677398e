"""The private side of a simulated exchange."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal

from arb.api import BelowMinimum, OutcomeUnknown, PreparedOrder, Rejected, StorageError
from arb.model import (
    Balance,
    ClientOrderId,
    Fill,
    FundingPayment,
    InstrumentId,
    MarginMode,
    Order,
    OrderRequest,
    Position,
)

from ._access import VenueAccess
from ._venue import SimulatedVenue


@dataclass(frozen=True, slots=True)
class AccountNow:
    """Positions and balances of one moment."""

    positions: Sequence[Position]
    balances: Sequence[Balance]


class SimulatedTrading:
    """One account of a venue through its access: what was answered is durable."""

    def __init__(self, access: VenueAccess) -> None:
        self._access = access

    async def prepare_order(self, request: OrderRequest) -> PreparedOrder:
        """Round to tick and lot, never to a worse price or a larger size, and check the instrument's rules."""
        listed = self._venue.instruments.get(request.instrument)
        if listed is None:
            text = f"order {request.client_order_id}: {request.instrument} is not listed"
            raise Rejected(text, exchange=self._venue.name, code="unknown_instrument")
        if not (request.quantity.is_finite() and request.price.is_finite()):
            text = f"order {request.client_order_id}: quantity and price must be finite"
            raise Rejected(text, exchange=self._venue.name, code="out_of_range")
        quantity = listed.floor_quantity(request.quantity)
        price = listed.limit_price(request.side, request.price)
        if quantity <= 0 or price <= 0:
            text = f"order {request.client_order_id} ({request.instrument}): {request.quantity} at {request.price}"
            text += f" is nothing after rounding to lot {listed.lot_size} and tick {listed.tick_size}"
            raise BelowMinimum(text, exchange=self._venue.name, code="below_minimum")
        rounded = replace(request, quantity=quantity, price=price)
        self._venue.check(rounded)
        return PreparedOrder(request=rounded, payload=None)

    async def send_order(self, prepared: PreparedOrder) -> Order:
        """Place the order; the report is the venue's after matching."""
        async with self._changing("send_order", prepared.request) as now_ns:
            return self._venue.place(prepared.request, now_ns)

    async def cancel_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> None:
        """Cancel a working order; raises UnknownOrder, or Rejected when it is final already."""
        async with self._changing("cancel_order", client_order_id) as now_ns:
            self._venue.cancel(instrument, client_order_id, now_ns)

    async def cancel_all(self, instrument: InstrumentId | None = None) -> None:
        """Cancel every working order."""
        async with self._changing("cancel_all", instrument) as now_ns:
            self._venue.cancel_all(instrument, now_ns)

    async def arm_dead_mans_switch(self, timeout_ns: int) -> None:
        """Let the venue cancel every working order unless it is armed again in time; 0 disarms it."""
        async with self._changing("arm_dead_mans_switch", timeout_ns) as now_ns:
            self._venue.arm(timeout_ns, now_ns)

    async def fetch_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> Order:
        """Return an order; raises UnknownOrder when the venue never took one of this id."""
        async with self._access.call("fetch_order", client_order_id):
            return self._venue.order(instrument, client_order_id)

    async def fetch_open_orders(self) -> Sequence[Order]:
        """Return working orders, oldest first."""
        async with self._access.call("fetch_open_orders"):
            return self._venue.open_orders()

    async def fetch_orders(self, since_ns: int) -> Sequence[Order]:
        """Return every order, open or closed, that changed at or after `since_ns`, oldest first: for fake venues."""
        async with self._access.call("fetch_orders"):
            return self._venue.orders(since_ns)

    async def fetch_fills(self, since_ns: int) -> Sequence[Fill]:
        """Return fills at or after `since_ns`, oldest first."""
        async with self._access.call("fetch_fills"):
            return self._venue.fills(since_ns)

    async def fetch_account(self) -> AccountNow:
        """Return positions and balances of one moment: for fake venues that tell both in one answer."""
        async with self._access.call("fetch_account"):
            return AccountNow(self._venue.positions(), self._venue.balances())

    async def fetch_positions(self) -> Sequence[Position]:
        """Return open positions."""
        async with self._access.call("fetch_positions"):
            return self._venue.positions()

    async def fetch_balances(self) -> Sequence[Balance]:
        """Return every collateral currency."""
        async with self._access.call("fetch_balances"):
            return self._venue.balances()

    async def fetch_funding_payments(self, since_ns: int) -> Sequence[FundingPayment]:
        """Return payments settled at or after `since_ns`, oldest first."""
        async with self._access.call("fetch_funding_payments"):
            return self._venue.payments(since_ns)

    async def set_leverage(self, instrument: InstrumentId, leverage: Decimal, mode: MarginMode) -> None:
        """Set leverage and margin mode; raises Rejected."""
        async with self._changing("set_leverage", instrument) as now_ns:
            self._venue.set_leverage(instrument, leverage, mode, now_ns)

    async def fetch_leverage(self, instrument: InstrumentId) -> tuple[Decimal, MarginMode]:
        """Return what is set; raises Rejected for an instrument that is not listed."""
        async with self._access.call("fetch_leverage", instrument):
            return self._venue.leverage(instrument)

    @property
    def _venue(self) -> SimulatedVenue:
        return self._access.venue

    @asynccontextmanager
    async def _changing(self, operation: str, subject: object) -> AsyncIterator[int]:
        try:
            async with self._access.call(operation, subject) as now_ns:
                yield now_ns
        except StorageError as error:
            text = f"{operation}: the simulated venue could not store its account, so nothing is certain ({error})"
            raise OutcomeUnknown(text, exchange=self._venue.name, code="not_durable") from error
