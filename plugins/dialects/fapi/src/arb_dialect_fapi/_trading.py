"""The private side of one account."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal

from arb.api import Context, PreparedOrder
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
    Transfer,
)
from arb.net import FirstContact, reading, text

from ._account import balances_of, positions_of, settings_of, sizes_of
from ._catalog import Catalog
from ._dialect import Dialect
from ._fills import AccountFills
from ._history import AccountHistory
from ._leverage import SymbolLeverage
from ._lookup import OrderLookup
from ._names import OrderNames
from ._order_desk import OrderDesk
from ._orders import order_of, waits
from ._rest import VenueRest
from ._switch import CountdownSwitch
from ._symbols import perpetual
from ._symbols_used import UsedSymbols

ProveEmpty = Callable[[VenueRest], Awaitable[None]]
"""Awaited before an account is said to hold nothing; raises ExchangeError where that may not be so."""


class FapiTrading:
    """Implements :class:`arb.api.Trading`, :class:`arb.api.DeadMansSwitch` and :class:`arb.api.TransferHistory`."""

    def __init__(
        self,
        context: Context,
        dialect: Dialect,
        rest: VenueRest,
        catalog: Catalog,
        names: OrderNames,
        contact: FirstContact,
        prove_empty: ProveEmpty,
    ) -> None:
        self._context = context
        self._name = context.name
        self._dialect = dialect
        self._rest = rest
        self._catalog = catalog
        self._contact = contact
        self._prove_empty = prove_empty
        self._names = names
        self._used = UsedSymbols(context)
        self._lookup = OrderLookup(context, dialect, rest, names)
        self._switch = CountdownSwitch(context, dialect, rest, self._resting_symbols)
        self._desk = OrderDesk(context, dialect, rest, catalog, names, self._lookup, self._used, self._switch)
        self._leverage = SymbolLeverage(context, dialect, rest, catalog)
        self._history = AccountHistory(context, dialect, rest)
        self._fills = AccountFills(context, dialect, rest, self._lookup, self._used, self._history, self._sizes)

    async def prepare_order(self, request: OrderRequest) -> PreparedOrder:
        """Round, check and sign; see :meth:`OrderDesk.prepare`."""
        await self._contact.before_trading()
        return await self._desk.prepare(request)

    async def send_order(self, prepared: PreparedOrder) -> Order:
        """Send; see :meth:`OrderDesk.send`."""
        return await self._desk.send(prepared)

    async def cancel_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> None:
        """Ask for cancellation; see :meth:`OrderDesk.cancel`."""
        await self._desk.cancel(instrument, client_order_id)

    async def cancel_all(self, instrument: InstrumentId | None = None) -> None:
        """Cancel every resting order of an instrument, or of all symbols one after the other."""
        if instrument is not None:
            await self._desk.cancel_symbol((await self._catalog.instrument(instrument)).symbol)
            return
        for symbol in await self._desk.resting_symbols():
            await self._desk.cancel_symbol(symbol)

    async def fetch_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> Order:
        """Return an order over its whole life; see :meth:`OrderLookup.find`."""
        listed = await self._catalog.instrument(instrument)
        order = await self._lookup.find(listed, client_order_id)
        if order.filled_quantity:
            # However long it rested before: its fills are looked for at the next look.
            await self._used.touch({listed.symbol: self._rest.time.now_ns()})
        return order

    async def fetch_open_orders(self) -> Sequence[Order]:
        """Return every resting order, oldest first; orders that wait for a trigger price do not rest."""
        rows = await self._desk.resting_rows()
        orders = []
        with reading(self._name, "open orders"):
            for row in rows:
                instrument = perpetual(self._name, text(row["symbol"]), self._dialect.quotes)
                if instrument is not None and not waits(row):
                    orders.append(order_of(instrument, row))
        for order in orders:
            self._names.saw(order.exchange_order_id, order.request.client_order_id)
        return sorted(orders, key=lambda order: (order.ts_event_ns, int(order.exchange_order_id or 0)))

    async def fetch_fills(self, since_ns: int) -> Sequence[Fill]:
        """Return fills at or after a time, oldest first, liquidations among them."""
        return await self._fills.since(since_ns)

    async def heard(self, fill: Fill) -> None:
        """Take note of a fill that a stream told; see :meth:`AccountFills.heard`."""
        await self._fills.heard(fill)

    async def fetch_positions(self) -> Sequence[Position]:
        """Return every open position; in one-way mode there is one a symbol at most."""
        answer = await self._rest.read(self._dialect.endpoints.positions)
        with reading(self._name, "positions"):
            sizes = sizes_of(answer)
        if not sizes:
            await self._prove_empty(self._rest)
        told = answer
        if not self._dialect.positions_tell_settings and answer:
            told = await self._rest.read(self._dialect.endpoints.settings)
        with reading(self._name, "positions"):
            # By the venue's clock, which is that of the fills.
            now_ns, quotes = self._rest.time.earliest_ns(), self._dialect.quotes
            held = positions_of(self._name, quotes, answer, settings_of(told), now_ns)
        await self._used.hold(sizes, now_ns)
        return held

    async def fetch_balances(self) -> Sequence[Balance]:
        """Return every collateral currency."""
        answer = await self._rest.read(self._dialect.endpoints.account)
        with reading(self._name, "balances"):
            balances = balances_of(answer, self._dialect.quotes[0], self._rest.time.earliest_ns())
        if not any(each.cash or each.equity for each in balances):
            await self._prove_empty(self._rest)
        return balances

    async def fetch_funding_payments(self, since_ns: int) -> Sequence[FundingPayment]:
        """Return payments settled at or after a time, oldest first."""
        return await self._history.payments(since_ns)

    async def fetch_transfers(self, since_ns: int) -> Sequence[Transfer]:
        """Return bookings of every other kind at or after a time, oldest first."""
        return await self._history.transfers(since_ns)

    async def set_leverage(self, instrument: InstrumentId, leverage: Decimal, mode: MarginMode) -> None:
        """Set leverage and margin type; see :meth:`SymbolLeverage.set`."""
        await self._contact.before_trading()
        await self._leverage.set(instrument, leverage, mode)

    async def fetch_leverage(self, instrument: InstrumentId) -> tuple[Decimal, MarginMode]:
        """Return what is set now."""
        return await self._leverage.read(instrument)

    async def arm_dead_mans_switch(self, timeout_ns: int) -> None:
        """Let the venue cancel what rests unless it is armed again in time; see :class:`CountdownSwitch`."""
        await self._switch.arm(timeout_ns)

    async def _resting_symbols(self) -> Sequence[str]:
        return await self._desk.resting_symbols()

    async def _sizes(self) -> Mapping[str, Decimal]:
        answer = await self._rest.read(self._dialect.endpoints.positions)
        with reading(self._name, "positions"):
            return sizes_of(answer)
