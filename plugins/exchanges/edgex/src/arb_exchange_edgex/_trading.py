"""The private side of one EdgeX account."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from arb.api import Context, PreparedOrder
from arb.model import (
    MINUTE_NS,
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
from arb.net import Row, from_ms, number, reading, row_of, rows_of, text

from ._account import PAYMENT, TRANSFER_KINDS, balances_of, paid_in, payment_of, positions_of, transfer_of
from ._catalog import Catalog
from ._leverage import ContractLeverage
from ._listing import Listing
from ._lookup import OrderLookup
from ._names import OrderNames
from ._order_desk import OrderDesk
from ._orders import WAITING, fill_of, fill_place, order_of
from ._owners import FillOwners
from ._pages import OPEN_PAGE, pages
from ._prices import milliseconds
from ._rest import VenueRest

_FILLS: Final = "/api/v2/private/order/getHistoryOrderFillTransactionPage"
_COLLATERAL: Final = "/api/v2/private/account/getCollateralTransactionPage"
_BOOKED_LATE_NS: Final = MINUTE_NS
"""How much earlier than its settlement a payment may be created, by two clocks of the venue."""


class EdgexTrading:
    """Implements :class:`arb.api.Trading` and :class:`arb.api.TransferHistory`."""

    def __init__(
        self,
        context: Context,
        rest: VenueRest,
        catalog: Catalog,
        names: OrderNames,
        desk: OrderDesk,
        leverage: ContractLeverage,
    ) -> None:
        self._context = context
        self._name = context.name
        self._rest = rest
        self._catalog = catalog
        self._names = names
        self._desk = desk
        self._owners = FillOwners(context, rest, names)
        self._lookup = OrderLookup(context, rest, names)
        self._leverage = leverage

    async def prepare_order(self, request: OrderRequest) -> PreparedOrder:
        """Round, check and sign; see :meth:`OrderDesk.prepare`."""
        return await self._desk.prepare(request)

    async def send_order(self, prepared: PreparedOrder) -> Order:
        """Send, and see what became of it; see :meth:`OrderDesk.send`."""
        return await self._desk.send(prepared)

    async def cancel_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> None:
        """Ask for cancellation; see :meth:`OrderDesk.cancel`."""
        await self._desk.cancel(instrument, client_order_id)

    async def cancel_all(self, instrument: InstrumentId | None = None) -> None:
        """Cancel every order of an instrument, or of the account, in one call."""
        await self._desk.cancel_all(None if instrument is None else (await self._catalog.listing()).numbers(instrument))

    async def fetch_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> Order:
        """Return an order over its whole life; see :meth:`OrderLookup.find`."""
        return await self._lookup.find(await self._catalog.listing(), instrument, client_order_id)

    async def fetch_open_orders(self) -> Sequence[Order]:
        """Return every resting order, oldest first; orders that wait for a trigger price do not rest."""
        found: dict[str, Order] = {}
        async for rows in self._pages("/api/v2/private/order/getActiveOrderPage", {}, size=OPEN_PAGE):
            listing = await self._catalog.naming(row.get("contractId") for row in rows)
            with reading(self._name, "open orders"):
                for row in rows:
                    if row["status"] != WAITING:
                        instrument = listing.contract(row["contractId"]).id
                        found[text(row["id"])] = order_of(instrument, await self._names.of(row), row)
        orders = [order for order in found.values() if not order.status.is_final]
        return sorted(orders, key=lambda order: (order.ts_event_ns, str(order.exchange_order_id)))

    async def fetch_fills(self, since_ns: int) -> Sequence[Fill]:
        """Return fills at or after a time, oldest first, liquidations among them.

        A fill does not tell the client id of its order; see :meth:`FillOwners.of`.
        """
        found: dict[str, Fill] = {}
        async for rows in self._pages(_FILLS, {"filterStartCreatedTimeInclusive": milliseconds(max(0, since_ns))}):
            for fill in await self.fills_of(rows):
                found[fill.fill_id] = fill
        return sorted((fill for fill in found.values() if fill.ts_event_ns >= since_ns), key=fill_place)

    async def fills_of(self, rows: Sequence[Row]) -> list[Fill]:
        """Return fills of rows of `orderFillTransaction`; raises BadResponse and what asking for orders raises."""
        listing = await self._catalog.naming(row.get("contractId") for row in rows)
        with reading(self._name, "fills"):
            owners = await self._owners.of(rows)
            return [
                fill_of(listing.contract(row["contractId"]).id, owner, listing.coin(row["coinId"]), row)
                for row, owner in zip(rows, owners, strict=True)
            ]

    async def fetch_positions(self) -> Sequence[Position]:
        """Return every open position; the venue nets, there is one a contract at most."""
        listing, data = await self._asset()
        with reading(self._name, "positions"):
            return positions_of(listing, data, self._rest.time.earliest_ns())

    async def fetch_balances(self) -> Sequence[Balance]:
        """Return every collateral currency."""
        listing, data = await self._asset()
        with reading(self._name, "the collateral"):
            return balances_of(listing, data, self._rest.time.earliest_ns())

    async def fetch_funding_payments(self, since_ns: int) -> Sequence[FundingPayment]:
        """Return payments settled at or after a time, oldest first."""
        found: dict[str, FundingPayment] = {}
        async for rows in self._transactions(PAYMENT, since_ns):
            listing = await self.listing_of_payments(rows)
            with reading(self._name, "funding payments"):
                for row in rows:
                    payment = payment_of(listing, row)
                    if payment is not None and payment.settled_ns >= since_ns:
                        found[payment.payment_id] = payment
        return sorted(found.values(), key=lambda payment: (payment.settled_ns, payment.payment_id))

    async def listing_of_payments(self, rows: Sequence[Row]) -> Listing:
        """Return a listing that has a name for the contract of each funding payment among bookings."""
        return await self._catalog.naming(paid_in(row) for row in rows if row.get("type") == PAYMENT)

    async def fetch_transfers(self, since_ns: int) -> Sequence[Transfer]:
        """Return deposits, withdrawals and transfers booked at or after a time, oldest first."""
        listing, found = await self._catalog.listing(), dict[str, Transfer]()
        async for rows in self._transactions(",".join(TRANSFER_KINDS), since_ns):
            with reading(self._name, "transfers"):
                for row in rows:
                    transfer = transfer_of(self._name, listing, row)
                    if transfer is not None and from_ms(row["createdTime"]) >= since_ns:
                        found[transfer.transfer_id] = transfer
        return sorted(found.values(), key=lambda one: (one.ts_event_ns, one.transfer_id))

    async def set_leverage(self, instrument: InstrumentId, leverage: Decimal, mode: MarginMode) -> None:
        """Set leverage and margin mode of a contract; see :meth:`ContractLeverage.set`."""
        await self._leverage.set(instrument, leverage, mode)

    async def fetch_leverage(self, instrument: InstrumentId) -> tuple[Decimal, MarginMode]:
        """Return the leverage and the margin mode of a contract."""
        return await self._leverage.read(instrument)

    def _transactions(self, types: str, since_ns: int) -> Any:
        since = milliseconds(max(0, since_ns - _BOOKED_LATE_NS))
        return self._pages(_COLLATERAL, {"filterTypeList": types, "filterStartCreatedTimeInclusive": since})

    def _pages(self, path: str, params: dict[str, str], *, size: int = 100) -> Any:
        return pages(self._context, self._rest, path, params, size=size)

    async def _asset(self) -> tuple[Listing, Any]:
        """Return the account, and a listing that has a name for each contract in it."""
        data = await self._rest.read("/api/v2/private/account/getAccountAsset")
        with reading(self._name, "the account"):
            held = [row["contractId"] for row in rows_of(row_of(data)["positionList"]) if number(row["openSize"])]
        return await self._catalog.naming(held), data
