"""The private side of one GRVT sub-account."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from arb.api import Context, PreparedOrder, Rejected
from arb.model import (
    MILLISECOND_NS,
    SECOND_NS,
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
from arb.net import FirstContact, Row, reading, rows_of

from ._account import balances_of, payment_of, positions_of
from ._leverage import PositionConfig
from ._lookup import OrderLookup
from ._markets import PERPETUAL, perpetual, required
from ._names import OrderNames
from ._order_desk import OrderDesk
from ._orders import client_id_of, fill_of, is_readable, order_of, symbol_of
from ._pages import pages
from ._rest import Pace, VenueRest
from ._transfers import TransferReader

_LONGEST_SWITCH_S: Final = 300
_SHORTEST_SWITCH_S: Final = 2
"""The venue counts whole seconds, and takes what rounds to none for switching it off."""


class GrvtTrading:
    """Implements :class:`arb.api.Trading`, :class:`arb.api.DeadMansSwitch` and :class:`arb.api.TransferHistory`."""

    def __init__(
        self,
        context: Context,
        sub_account_id: str,
        *,
        rest: VenueRest,
        names: OrderNames,
        desk: OrderDesk,
        lookup: OrderLookup,
        config: PositionConfig,
        contact: FirstContact,
    ) -> None:
        """Read nothing yet."""
        self._context = context
        self._name = context.name
        self._sub_account_id = sub_account_id
        self._rest = rest
        self._names = names
        self._desk = desk
        self._lookup = lookup
        self._config = config
        self._contact = contact
        self._transfers = TransferReader(context, rest, sub_account_id)

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
        """Cancel every resting order of an instrument, or of all perpetual futures."""
        await self._desk.cancel_all(instrument)

    async def arm_dead_mans_switch(self, timeout_ns: int) -> None:
        """Let the venue cancel every order after a time; 0 disarms it.

        The venue takes 2 to 300 whole seconds: a time between is rounded up, a longer one becomes 300 s.
        """
        if timeout_ns < 0:
            raise Rejected("the timeout must not be negative", exchange=self._name, code="timeout")
        seconds = min(_LONGEST_SWITCH_S, max(_SHORTEST_SWITCH_S, -(-timeout_ns // SECOND_NS))) if timeout_ns else 0
        countdown = str(seconds * SECOND_NS // MILLISECOND_NS)
        body = {"sub_account_id": self._sub_account_id, "countdown_time": countdown}
        answer = await self._rest.write("/full/v1/cancel_on_disconnect", body, pace=Pace.CANCEL_ALL)
        self._desk.require_ack(answer, "the dead man's switch")

    async def fetch_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> Order:
        """Return an order over its whole life; see :meth:`OrderLookup.find`."""
        return await self._lookup.find(instrument, client_order_id)

    async def fetch_open_orders(self) -> Sequence[Order]:
        """Return every resting order, oldest first."""
        answer = await self._rest.read("/full/v1/open_orders", {**self._account, "kind": [PERPETUAL]})
        with reading(self._name, "open orders"):
            orders = [await self.order(row) for row in rows_of(answer["result"])]
        found = [order for order in orders if order is not None and not order.status.is_final]
        return sorted(found, key=lambda order: (order.ts_event_ns, str(order.exchange_order_id)))

    async def fetch_fills(self, since_ns: int) -> Sequence[Fill]:
        """Return fills at or after a time, oldest first, liquidations among them."""
        found: dict[str, Fill] = {}
        async for rows in self._pages("fill_history", {"kind": [PERPETUAL]}, since_ns):
            with reading(self._name, "fills"):
                for row in rows:
                    fill = await self.fill(row)
                    if fill is not None and fill.ts_event_ns >= since_ns:
                        found[fill.fill_id] = fill
        return sorted(found.values(), key=place_of)

    async def fetch_positions(self) -> Sequence[Position]:
        """Return every open position."""
        answer = await self._rest.read("/full/v1/positions", {**self._account, "kind": [PERPETUAL]})
        with reading(self._name, "positions"):
            return positions_of(self._name, answer["result"], self._rest.time.earliest_ns())

    async def fetch_balances(self) -> Sequence[Balance]:
        """Return every currency of the sub-account, the one that carries the positions first."""
        answer = await self._rest.read("/full/v1/account_summary", self._account, pace=Pace.ACCOUNT)
        with reading(self._name, "the account"):
            return balances_of(answer["result"], self._rest.time.earliest_ns())

    async def fetch_funding_payments(self, since_ns: int) -> Sequence[FundingPayment]:
        """Return payments settled at or after a time, oldest first."""
        found: dict[str, FundingPayment] = {}
        async for rows in self._pages("funding_payment_history", {}, since_ns):
            with reading(self._name, "funding payments"):
                payments = [payment_of(self._name, row) for row in rows]
            found |= {each.payment_id: each for each in payments if each.settled_ns >= since_ns}
        return sorted(found.values(), key=lambda each: (each.settled_ns, each.payment_id))

    async def fetch_transfers(self, since_ns: int) -> Sequence[Transfer]:
        """Return transfers from and to the sub-account; see :meth:`TransferReader.read`."""
        return await self._transfers.read(since_ns)

    async def set_leverage(self, instrument: InstrumentId, leverage: Decimal, mode: MarginMode) -> None:
        """Set leverage and margin mode of an instrument; see :meth:`PositionConfig.set`."""
        await self._contact.before_trading()
        await self._config.set(instrument, leverage, mode)

    async def fetch_leverage(self, instrument: InstrumentId) -> tuple[Decimal, MarginMode]:
        """Return what is set."""
        return await self._config.read(instrument)

    async def order(self, row: Row) -> Order | None:
        """Read an order of this or any other sender; None for one that is not in the book of a perpetual."""
        instrument = perpetual(self._name, symbol_of(row))
        if instrument is None or not is_readable(row):
            return None
        name = await self._names.of(client_id_of(row), row["order_id"])
        return order_of(instrument, name, row)

    async def fill(self, row: Row) -> Fill | None:
        """Read a fill of this or any other sender; None for one of no perpetual future."""
        if perpetual(self._name, row["instrument"]) is None:
            return None
        is_liquidation = bool(row.get("is_liquidation"))
        name = await self._names.of(row["client_order_id"], row["order_id"], is_liquidation=is_liquidation)
        return fill_of(required(self._name, row["instrument"]), name, row)

    @property
    def _account(self) -> dict[str, Any]:
        return {"sub_account_id": self._sub_account_id}

    def _pages(self, path: str, fixed: Mapping[str, Any], since_ns: int) -> AsyncIterator[list[Row]]:
        body = {**self._account, **fixed, "start_time": str(max(0, since_ns))}

        async def ask(fields: Mapping[str, Any]) -> Any:
            return await self._rest.read(f"/full/v1/{path}", {**body, **fields})

        return pages(self._context, path, ask)


def place_of(fill: Fill) -> tuple[int, int, int, str]:
    """Return where a fill stands in the list: by time, then by the two numbers of its trade."""
    parts = [int(each) if each.isdigit() else 0 for each in (*fill.fill_id.split("-"), "", "")]
    return fill.ts_event_ns, parts[0], parts[1], fill.fill_id
