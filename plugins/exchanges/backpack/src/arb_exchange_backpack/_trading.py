"""The private side of one Backpack account."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from decimal import Decimal
from typing import Final

from arb.api import BadResponse, Context, ExchangeError, PreparedOrder
from arb.model import (
    MILLISECOND_NS,
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
from arb.net import PassedOver, Row, reading, rows_of

from ._account import Held, balances_of, held_of, payment_of, settled_of
from ._catalog import Catalog
from ._fields import from_text
from ._leverage import AccountLeverage
from ._lookup import OrderLookup
from ._markets import is_other, perpetual, required
from ._names import OrderNames
from ._order_desk import OrderDesk
from ._orders import WAITING, fill_of, order_of
from ._pages import pages
from ._rest import VenueRest
from ._signing import Params
from ._transfers import TransferReader

_LOOKS: Final = 4
_ROUNDING: Final = Decimal("0.000002")
"""The venue rounds the profit of a position to 1e-6."""


class BackpackTrading:
    """Implements :class:`arb.api.Trading` and :class:`arb.api.TransferHistory`.

    Spot markets of the same account are not looked at.
    """

    def __init__(self, context: Context, rest: VenueRest, catalog: Catalog, names: OrderNames) -> None:
        self._context = context
        self._name = context.name
        self._rest = rest
        self._catalog = catalog
        self._names = names
        self._passed_over = PassedOver(context)
        self._desk = OrderDesk(context, rest, catalog, names)
        self._lookup = OrderLookup(context, rest, names)
        self._leverage = AccountLeverage(context, rest, catalog)
        self._transfers = TransferReader(context, rest, self._passed_over)

    async def prepare_order(self, request: OrderRequest) -> PreparedOrder:
        """Round, check and sign; see :meth:`OrderDesk.prepare`."""
        return await self._desk.prepare(request)

    async def send_order(self, prepared: PreparedOrder) -> Order:
        """Send; see :meth:`OrderDesk.send`."""
        return await self._desk.send(prepared)

    async def cancel_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> None:
        """Ask for cancellation; see :meth:`OrderDesk.cancel`."""
        await self._desk.cancel(instrument, client_order_id)

    async def cancel_all(self, instrument: InstrumentId | None = None) -> None:
        """Cancel every resting order of an instrument, or of all perpetual futures one after the other.

        A market that refuses keeps no other from being cancelled: the first error is raised at the end.
        """
        if instrument is not None:
            await self._desk.cancel_symbol((await self._catalog.instrument(instrument)).symbol)
            return
        errors: list[ExchangeError] = []
        for symbol in await self._desk.resting_symbols():
            try:
                await self._desk.cancel_symbol(symbol)
            except ExchangeError as error:
                self._context.log.warning("the orders of %s were not cancelled: %s", symbol, error)
                errors.append(error)
        if errors:
            raise errors[0]

    async def fetch_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> Order:
        """Return an order over its whole life; see :meth:`OrderLookup.find`."""
        return await self._lookup.find(await self._catalog.instrument(instrument), client_order_id)

    async def fetch_open_orders(self) -> Sequence[Order]:
        """Return every resting order, oldest first; orders that wait for a trigger price do not rest."""
        answer = await self._rest.read("/api/v1/orders", "orderQueryAll", {"marketType": "PERP"})
        with reading(self._context.name, "open orders"):
            orders = [
                order_of(required(self._name, row["symbol"]), await self._names.of(row.get("clientId"), row["id"]), row)
                for row in self._perpetuals(rows_of(answer), "an order")
                if row["status"] != WAITING
            ]
        return sorted(orders, key=lambda order: (order.ts_event_ns, str(order.exchange_order_id)))

    async def fetch_fills(self, since_ns: int) -> Sequence[Fill]:
        """Return fills at or after a time, oldest first, liquidations among them."""
        found: dict[str, Fill] = {}
        params: Params = {"from": max(0, since_ns) // MILLISECOND_NS, "sortDirection": "Asc"}
        path, instruction = "/wapi/v1/history/fills", "fillHistoryQueryAll"
        # No leg is known to be covered before its fills are: payments wait, not these.
        async for rows in pages(self._context, self._rest, path, instruction, params, urgent=True):
            with reading(self._context.name, "fills"):
                for row in rows:
                    instrument = perpetual(self._name, row["symbol"])
                    if instrument is not None:
                        fill = fill_of(
                            instrument,
                            await self._names.of(row.get("clientId"), row["orderId"], row.get("systemOrderType")),
                            row,
                        )
                        found[fill.fill_id] = fill
        fills = [fill for fill in found.values() if fill.ts_event_ns >= since_ns]
        return sorted(fills, key=_place)

    async def fetch_positions(self) -> Sequence[Position]:
        """Return every open position; the venue nets, there is one a market at most."""
        return [each.position for each in await self._held()]

    async def fetch_balances(self) -> Sequence[Balance]:
        """Return every collateral currency, USDC first.

        Positions are read before and after the collateral: where the venue has paid profit out in between, the
        two do not belong together and are read again.
        """
        held = await self._held()
        for _ in range(_LOOKS):
            answer = await self._rest.read("/api/v1/capital/collateral", "collateralQuery")
            again = await self._held()
            if _is_same(held, again):
                with reading(self._context.name, "the collateral"):
                    return balances_of(answer, again, self._now_ns)
            held = again
        text = f"positions changed during each of {_LOOKS} looks at the balance"
        raise BadResponse(text, exchange=self._context.name, code="unsteady")

    async def fetch_funding_payments(self, since_ns: int) -> Sequence[FundingPayment]:
        """Return payments settled at or after a time, oldest first; pages come newest first."""
        found: dict[str, FundingPayment] = {}
        params = {"sortDirection": "Desc"}
        async for rows in self._pages("/wapi/v1/history/funding", "fundingHistoryQueryAll", params):
            with reading(self._context.name, "funding payments"):
                times = [from_text(row["intervalEndTimestamp"]) for row in rows]
                wanted = [row for row, settled_ns in zip(rows, times, strict=True) if settled_ns >= since_ns]
                ours = self._perpetuals(wanted, "a funding payment")
                payments = [payment_of(self._name, row) for row in ours]
            found |= {payment.payment_id: payment for payment in payments}
            if times and times[0] >= times[-1] and times[-1] < since_ns:
                break
        return sorted(found.values(), key=lambda payment: (payment.settled_ns, payment.payment_id))

    async def fetch_transfers(self, since_ns: int) -> Sequence[Transfer]:
        """Return deposits, withdrawals and interest; see :meth:`TransferReader.read`."""
        return await self._transfers.read(since_ns)

    async def set_leverage(self, instrument: InstrumentId, leverage: Decimal, mode: MarginMode) -> None:
        """Set the leverage of the account; see :meth:`AccountLeverage.set`."""
        await self._leverage.set(instrument, leverage, mode)

    async def fetch_leverage(self, instrument: InstrumentId) -> tuple[Decimal, MarginMode]:
        """Return the leverage of the account."""
        return await self._leverage.read(instrument)

    @property
    def _now_ns(self) -> int:
        # By the venue's clock, which is that of the fills.
        return self._rest.time.earliest_ns()

    async def _held(self) -> list[Held]:
        answer = await self._rest.read("/api/v1/position", "positionQuery", {"marketType": "PERP"})
        with reading(self._context.name, "positions"):
            return held_of(self._name, self._perpetuals(rows_of(answer), "a position"), self._now_ns)

    def _perpetuals(self, rows: Iterable[Row], what: str) -> list[Row]:
        """Return the rows without those of markets of another type, which are told as `what`; raises KeyError."""
        found = []
        for row in rows:
            if is_other(row["symbol"]):
                self._passed_over.tell(f"{what} in {row['symbol']}", "it is no perpetual future")
            else:
                found.append(row)
        return found

    def _pages(self, path: str, instruction: str, params: Params) -> AsyncIterator[list[Row]]:
        return pages(self._context, self._rest, path, instruction, params)


def _is_same(before: Sequence[Held], after: Sequence[Held]) -> bool:
    """Whether no position changed and nothing was paid out in between; the mark price may have moved."""
    sizes = [{each.position.instrument: each.position.quantity for each in held} for held in (before, after)]
    return sizes[0] == sizes[1] and abs(settled_of(before) - settled_of(after)) <= _ROUNDING * max(1, len(before))


def _place(fill: Fill) -> tuple[int, int, str]:
    """Return where a fill stands in the list: by time, then by the number of the trade."""
    trade = fill.fill_id.rpartition("-")[2]
    return fill.ts_event_ns, int(trade) if trade.isdigit() else 0, fill.fill_id
