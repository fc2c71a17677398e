"""The private side of one Paradex account."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from arb.api import BadResponse, Context, PreparedOrder
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
    Side,
    Transfer,
)
from arb.net import Row, SentIds, reading, text

from ._account import Held, balances_of, held_of, payment_of
from ._catalog import Catalog
from ._fields import results
from ._leverage import MarketLeverage
from ._lookup import OrderLookup
from ._markets import perpetual, required
from ._order_desk import OrderDesk
from ._orders import OPEN, fill_name, fill_of, order_of, state_of
from ._pages import all_rows
from ._rest import Params, VenueRest
from ._transfers import transfers_since

_LOOKS: Final = 4


class ParadexTrading:
    """Implements :class:`arb.api.Trading` and :class:`arb.api.TransferHistory`.

    Options and spot markets of the same account are not looked at.
    """

    def __init__(
        self,
        context: Context,
        *,
        rest: VenueRest,
        catalog: Catalog,
        sent: SentIds,
        lookup: OrderLookup,
        desk: OrderDesk,
        leverage: MarketLeverage,
    ) -> None:
        self._context = context
        self._name = context.name
        self._rest = rest
        self._catalog = catalog
        self._sent = sent
        self._lookup = lookup
        self._desk = desk
        self._leverage = leverage

    async def prepare_order(self, request: OrderRequest) -> PreparedOrder:
        """Round, check and sign; see :meth:`OrderDesk.prepare`."""
        return await self._desk.prepare(request)

    async def send_order(self, prepared: PreparedOrder) -> Order:
        """Send, and wait for what becomes of it; see :meth:`OrderDesk.send`."""
        return await self._desk.send(prepared)

    async def cancel_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> None:
        """Ask for cancellation; see :meth:`OrderDesk.cancel`."""
        await self._desk.cancel(instrument, client_order_id)

    async def cancel_all(self, instrument: InstrumentId | None = None) -> None:
        """Ask for the cancellation of every resting order, of one instrument or of the account."""
        symbol = None if instrument is None else (await self._catalog.instrument(instrument)).symbol
        await self._desk.cancel_all(symbol)

    async def fetch_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> Order:
        """Return an order over its whole life; see :meth:`OrderLookup.find`."""
        return await self._lookup.find(await self._catalog.instrument(instrument), client_order_id)

    async def fetch_open_orders(self) -> Sequence[Order]:
        """Return every resting order, oldest first.

        One that waits for the venue's checks or for a trigger price does not rest.
        """
        answer = await self._rest.read("/orders")
        with reading(self._name, "open orders"):
            orders = [
                order_of(found, row)
                for row in results(answer)
                if state_of(row) == OPEN and (found := perpetual(self._name, row["market"])) is not None
            ]
        return sorted(orders, key=lambda order: (order.ts_event_ns, str(order.exchange_order_id)))

    async def fetch_fills(self, since_ns: int) -> Sequence[Fill]:
        """Return fills at or after a time, oldest first, liquidations among them."""
        found: dict[str, Fill] = {}
        for row in await self._fill_rows(since_ns):
            fill = await self.fill(row)
            if fill is not None and fill.ts_event_ns >= since_ns:
                found[fill.fill_id] = fill
        return sorted(found.values(), key=lambda fill: (fill.ts_event_ns, len(fill.fill_id), fill.fill_id))

    async def fill(self, row: Row) -> Fill | None:
        """Read a fill of a perpetual future; None for one of anything else."""
        with reading(self._name, "a fill"):
            instrument = perpetual(self._name, row["market"])
            if instrument is None:
                return None
            own = await self._own_side(row)
            fill = fill_of(instrument, row, own)
            if own is not None and own.value != str(row["side"]).lower():
                self._context.log.warning("fill %s is of an order that goes the other way", fill.fill_id)
            return fill

    def order(self, instrument: InstrumentId, row: Row) -> Order:
        """Read an order; see :meth:`OrderLookup.order`."""
        return self._lookup.order(instrument, row)

    async def fetch_positions(self) -> Sequence[Position]:
        """Return every open position; the venue nets, there is one a market at most."""
        return [each.position for each in await self._held()]

    async def fetch_balances(self) -> Sequence[Balance]:
        """Return every collateral currency, USDC first.

        Positions are read before and after the balance: where one of them changed in between, the two do not belong
        together and are read again.
        """
        held = await self._held()
        for _ in range(_LOOKS):
            answer, summary = await self._rest.read("/balance"), await self._rest.read("/account")
            again = await self._held()
            if _state(held) == _state(again):
                with reading(self._name, "the balance"):
                    return balances_of(answer, summary, again, self._rest.time.earliest_ns())
            held = again
        why = f"positions changed during each of {_LOOKS} looks at the balance"
        raise BadResponse(why, exchange=self._name, code="unsteady")

    async def fetch_funding_payments(self, since_ns: int) -> Sequence[FundingPayment]:
        """Return what was realised at or after a time, oldest first.

        The venue lists payments market by market. It makes one when a position changes, by a fill, a liquidation or a
        transfer, and each of these is a fill: so the markets with fills since then are asked, and those held now.
        """
        rows = await self._fill_rows(since_ns)
        held = await self._held()
        with reading(self._name, "the markets with funding"):
            names = {text(row["market"]) for row in rows if perpetual(self._name, row["market"]) is not None}
        listing = await self._catalog.listing()
        names |= {listing.of(each.position.instrument).instrument.symbol for each in held}
        found: dict[str, FundingPayment] = {}
        for symbol in sorted(names):
            params: Params = {"market": symbol, "start_at": max(0, since_ns) // MILLISECOND_NS}
            paid = await all_rows(self._context, self._rest, "/funding/payments", params)
            with reading(self._name, "funding payments"):
                for row in paid:
                    payment = payment_of(self._name, row)
                    if payment.instrument != required(self._name, symbol):
                        raise ValueError("a payment of another market")
                    if payment.settled_ns >= since_ns:
                        found[payment.payment_id] = payment
        return sorted(found.values(), key=lambda payment: (payment.settled_ns, payment.payment_id))

    async def fetch_transfers(self, since_ns: int) -> Sequence[Transfer]:
        """Return deposits, withdrawals and what else was booked at or after a time."""
        return await transfers_since(self._context, self._rest, since_ns)

    async def set_leverage(self, instrument: InstrumentId, leverage: Decimal, mode: MarginMode) -> None:
        """Set the leverage of a market; see :meth:`MarketLeverage.set`."""
        await self._leverage.set(instrument, leverage, mode)

    async def fetch_leverage(self, instrument: InstrumentId) -> tuple[Decimal, MarginMode]:
        """Return the leverage of a market; see :meth:`MarketLeverage.read`."""
        return await self._leverage.read(instrument)

    async def _fill_rows(self, since_ns: int) -> list[Row]:
        params = {"start_at": max(0, since_ns) // MILLISECOND_NS}
        return await all_rows(self._context, self._rest, "/fills", params)

    async def _own_side(self, row: Row) -> Side | None:
        """Return the side of our order that a fill is of; None for one that is not ours."""
        reserved = await self._sent.reserved(fill_name(row))
        return None if reserved is None else Side(reserved.note)

    async def _held(self) -> list[Held]:
        answer = await self._rest.read("/positions")
        with reading(self._name, "positions"):
            return held_of(self._name, answer, self._rest.time.earliest_ns())


def _state(held: Sequence[Held]) -> dict[InstrumentId, tuple[Decimal, str]]:
    return {each.position.instrument: (each.position.quantity, each.last_fill) for each in held}
