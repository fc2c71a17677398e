"""The venue's own end of the wire: it answers at once, and everything it does is seen by the auditor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, TypeVar

from arb.api import Clock, ExchangeTraits, PreparedOrder
from arb.model import (
    Balance,
    ClientOrderId,
    ExchangeName,
    Fill,
    FundingPayment,
    InstrumentId,
    MarginMode,
    Order,
    Position,
)
from arb.simulation import AccountNow, SimulatedMarketData, SimulatedTrading, SimulatedVenue

from ._fate import Fate
from ._market import EpisodeMarket

T = TypeVar("T")
Record = Order | Fill | FundingPayment


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns that never waits; raises RuntimeError when it does."""
    try:
        work.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    work.close()
    raise RuntimeError("the venue's own side has to answer at once")


@dataclass(frozen=True, slots=True)
class Outage:
    """A stretch of time in which a venue cannot be used."""

    from_ns: int
    until_ns: int
    maintenance: bool


class Counter:
    """One venue of the world. It outlives every process that talks to it.

    Attributes:
        outages: Windows of maintenance and of lost connections.
        counts: How often each operation was called, over all processes.
        under_way: Requests on the wire that will change something.
        waiting: Futures of streams, set at the next change of the account.
        tells_liquidation_price: Whether its positions have one.
        memory: What a fake venue in front of it remembers.
        told_traits: What processes are told; they may have to wait for longer than the venue ever makes them.
    """

    def __init__(
        self,
        venue: SimulatedVenue,
        market: EpisodeMarket,
        traits: ExchangeTraits,
        clock: Clock,
        on_records: Callable[[Counter, Sequence[Record]], None],
    ) -> None:
        self.name: ExchangeName = venue.name
        self.venue = venue
        self.market = market
        self.traits = traits
        self.outages: list[Outage] = []
        self.counts: dict[str, int] = {}
        self.under_way = 0
        self.waiting: list[asyncio.Future[None]] = []
        self.tells_liquidation_price = True
        self.memory: dict[str, Any] = {}
        self.told_traits = traits
        self._clock = clock
        self._seen = 0
        self._on_records = on_records
        access = InstantAccess(venue, clock)
        self._public = SimulatedMarketData(access)
        self._private = SimulatedTrading(access)

    def count(self, operation: str) -> int:
        """Count a call and return its number."""
        number = self.counts[operation] = self.counts.get(operation, 0) + 1
        return number

    def outage(self, ts_ns: int) -> Outage | None:
        """Return the outage at a time."""
        return next((each for each in self.outages if each.from_ns <= ts_ns < each.until_ns), None)

    def readable_since_ns(self, ts_ns: int) -> int:
        """Return when the last outage ended; `ts_ns` during one, 0 before the first."""
        return max((min(each.until_ns, ts_ns) for each in self.outages if each.from_ns <= ts_ns), default=0)

    def show(self) -> None:
        """Hand what is new in the account's history to the world."""
        count = self.venue.record_count()
        if count == self._seen:
            return
        records, self._seen = self.venue.records(self._seen, count), count
        self._on_records(self, records)
        waiting, self.waiting = self.waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def advance(self) -> None:
        """Let the venue's time pass until now."""
        self.venue.advance(self._clock.now_ns())
        self.show()

    def public(self, operation: str, *arguments: object) -> Any:
        """Answer a call of public data."""
        return at_once(getattr(self._public, operation)(*arguments))

    def prepare(self, request: Any) -> PreparedOrder:
        """Round and check an order as the venue's plugin does."""
        return at_once(self._private.prepare_order(request))

    def send_order(self, prepared: PreparedOrder) -> Order:
        """Take an order."""
        try:
            return self.venue.place(prepared.request, self._clock.now_ns())
        finally:
            self.show()

    def fill_resting(self, client_order_id: ClientOrderId) -> None:
        """Let others trade through a resting order now, for half of what is left of it."""
        order = next((each for each in self.venue.open_orders() if _id(each) == client_order_id), None)
        if order is None:
            return
        request, instrument = order.request, self.venue.instruments[order.request.instrument]
        half = instrument.floor_quantity(order.remaining_quantity / 2) or order.remaining_quantity
        price = request.price - request.side.sign * instrument.tick_size
        self.market.print_trade(instrument.id, request.side.opposite, price, half, self._clock.now_ns())
        self.advance()

    def cancel_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> None:
        """Cancel a working order."""
        try:
            self.venue.cancel(instrument, client_order_id, self._clock.now_ns())
        finally:
            self.show()

    def cancel_all(self, instrument: InstrumentId | None) -> None:
        """Cancel every working order."""
        self.venue.cancel_all(instrument, self._clock.now_ns())
        self.show()

    def arm(self, timeout_ns: int) -> None:
        """Arm the dead man's switch."""
        self.venue.arm(timeout_ns, self._clock.now_ns())
        self.show()

    def set_leverage(self, instrument: InstrumentId, leverage: Decimal, mode: MarginMode) -> None:
        """Set leverage and margin mode."""
        self.venue.set_leverage(instrument, leverage, mode, self._clock.now_ns())

    def order(self, instrument: InstrumentId, client_order_id: ClientOrderId, lag_ns: int) -> Order:
        """Return an order as a replica shows it that lags by `lag_ns`."""
        self.advance()
        if not lag_ns:
            return self.venue.order(instrument, client_order_id)
        return self.venue.order_at(instrument, client_order_id, self._then(lag_ns))

    def orders(self, since_ns: int, fate: Fate) -> Sequence[Order]:
        """Return every order as a replica shows it."""
        self.advance()
        orders = self.venue.orders(since_ns)
        if not fate.lag_ns:
            return orders
        then_ns = self._then(fate.lag_ns)
        return [each for order in orders if (each := self.venue.report_at(_id(order), then_ns)) is not None]

    def open_orders(self, lag_ns: int) -> Sequence[Order]:
        """Return working orders."""
        self.advance()
        return self.venue.open_orders_at(self._then(lag_ns)) if lag_ns else self.venue.open_orders()

    def fills(self, since_ns: int, fate: Fate) -> Sequence[Fill]:
        """Return fills as a replica shows them."""
        self.advance()
        return self._seen_rows(self.venue.fills(since_ns), fate, lambda row: row.ts_event_ns)

    def payments(self, since_ns: int, fate: Fate) -> Sequence[FundingPayment]:
        """Return funding payments as a replica shows them."""
        self.advance()
        return self._seen_rows(self.venue.payments(since_ns), fate, lambda row: row.settled_ns)

    def _seen_rows(self, rows: Sequence[T], fate: Fate, time_of: Callable[[T], int]) -> Sequence[T]:
        """Leave out young rows that a lagging replica does not have yet: all of them, or some."""
        if not fate.lag_ns:
            return rows
        newest_ns = self._then(fate.lag_ns)
        return [row for number, row in enumerate(rows) if time_of(row) <= newest_ns or not fate.holes >> number & 1]

    def positions(self, lag_ns: int) -> Sequence[Position]:
        """Return positions."""
        self.advance()
        rows = self.venue.positions_at(self._then(lag_ns)) if lag_ns else self.venue.positions()
        return rows if self.tells_liquidation_price else [replace(row, liquidation_price=None) for row in rows]

    def account(self) -> AccountNow:
        """Return positions and balances of one moment."""
        return AccountNow(self.positions(0), self.balances())

    def balances(self) -> Sequence[Balance]:
        """Return balances."""
        self.advance()
        return self.venue.balances()

    def leverage(self, instrument: InstrumentId) -> tuple[Decimal, MarginMode]:
        """Return what is set."""
        return self.venue.leverage(instrument)

    def _then(self, lag_ns: int) -> int:
        return self._clock.now_ns() - lag_ns


def _id(order: Order) -> ClientOrderId:
    return order.request.client_order_id


class InstantAccess:
    """Implements :class:`arb.simulation.VenueAccess` without a way: the wire is elsewhere."""

    def __init__(self, venue: SimulatedVenue, clock: Clock) -> None:
        self.venue = venue
        self.clock = clock
        self.changed = asyncio.Event()

    @property
    def acknowledged(self) -> int:
        """Return the whole history: a world does not forget."""
        return self.venue.record_count()

    @asynccontextmanager
    async def call(self, operation: str, subject: object = None) -> AsyncIterator[int]:
        """Enter at once."""
        now_ns = self.clock.now_ns()
        self.venue.advance(now_ns)
        yield now_ns

    @asynccontextmanager
    async def public(self, operation: str, subject: object = None) -> AsyncIterator[int]:
        """Enter at once."""
        yield self.clock.now_ns()
