"""The private side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from arb.api import BelowMinimum, Context, PreparedOrder, Rejected
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
)

from .market import VenueMarket
from .wire import VenueWire, each


class VenueTrading:
    """Implements `arb.api.Trading`."""

    def __init__(self, wire: VenueWire, market: VenueMarket, context: Context) -> None:
        self._wire = wire
        self._market = market
        self._parser = market.parser
        self._context = context

    async def prepare_order(self, request: OrderRequest) -> PreparedOrder:
        """Round and check; it is signed when it leaves, since a signature is good for seconds."""
        instrument = self._market.instrument(request.instrument)
        quantity = instrument.floor_quantity(request.quantity)
        price = instrument.limit_price(request.side, request.price)
        least = instrument.closing_min_notional if request.reduce_only else instrument.min_notional
        if quantity < max(instrument.min_quantity, instrument.lot_size) or price <= 0 or quantity * price < least:
            text = f"{request.client_order_id}: {request.quantity} at {request.price} is below the minimum"
            raise BelowMinimum(text, exchange=self._context.name, code="too_small")
        if len(request.client_order_id) > 32:
            raise Rejected("the client order id is too long", exchange=self._context.name, code="invalid_order")
        rounded = replace(request, quantity=quantity, price=price)
        return PreparedOrder(request=rounded, payload=self._payload(rounded))

    async def send_order(self, prepared: PreparedOrder) -> Order:
        """Send."""
        body, request = prepared.payload, prepared.request
        assert isinstance(body, Mapping)
        answer = await self._wire.write("POST", "/orders", body, urgent=request.reduce_only)
        with self._parser.reading():
            return self._parser.order(answer["order"])

    async def cancel_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> None:
        """Cancel a resting order."""
        symbol = self._market.instrument(instrument).symbol
        await self._wire.write("DELETE", "/orders", {"symbol": symbol, "client_id": client_order_id}, urgent=True)

    async def cancel_all(self, instrument: InstrumentId | None = None) -> None:
        """Cancel what rests."""
        symbol = None if instrument is None else self._market.instrument(instrument).symbol
        await self._wire.write("DELETE", "/orders/open", {"symbol": symbol}, urgent=True)

    async def fetch_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> Order:
        """Return an order; the venue keeps every order for ever, so its `unknown_order` is certain."""
        symbol = self._market.instrument(instrument).symbol
        answer = await self._wire.get("/orders", signed=True, symbol=symbol, client_id=client_order_id)
        with self._parser.reading():
            return self._parser.order(answer["order"])

    async def fetch_open_orders(self) -> Sequence[Order]:
        """Return what rests."""
        answer = await self._wire.get("/orders/open", signed=True)
        with self._parser.reading():
            return [self._parser.order(row) for row in each(answer, "orders")]

    async def fetch_fills(self, since_ns: int) -> Sequence[Fill]:
        """Return own fills, oldest first."""
        rows = await self._wire.get_rows("/fills", signed=True, since=since_ns // MILLISECOND_NS)
        with self._parser.reading():
            fills = [self._parser.fill(row) for row in rows]
        return [fill for fill in fills if fill.ts_event_ns >= since_ns]

    async def fetch_positions(self) -> Sequence[Position]:
        """Return what is open; a flat instrument has no row."""
        answer = await self._wire.get("/positions", signed=True)
        with self._parser.reading():
            return [self._parser.position(row) for row in each(answer, "positions")]

    async def fetch_balances(self) -> Sequence[Balance]:
        """Return every collateral currency."""
        answer = await self._wire.get("/balances", signed=True)
        with self._parser.reading():
            return [self._parser.balance(row) for row in each(answer, "balances")]

    async def fetch_funding_payments(self, since_ns: int) -> Sequence[FundingPayment]:
        """Return payments, oldest first."""
        rows = await self._wire.get_rows("/payments", signed=True, since=since_ns // MILLISECOND_NS)
        with self._parser.reading():
            payments = [self._parser.payment(row) for row in rows]
        return [payment for payment in payments if payment.settled_ns >= since_ns]

    async def set_leverage(self, instrument: InstrumentId, leverage: Decimal, mode: MarginMode) -> None:
        """Set it."""
        symbol = self._market.instrument(instrument).symbol
        body = {"symbol": symbol, "leverage": f"{leverage:f}", "mode": mode.value}
        await self._wire.write("POST", "/leverage", body)

    async def fetch_leverage(self, instrument: InstrumentId) -> tuple[Decimal, MarginMode]:
        """Return what the venue has set now."""
        answer = await self._wire.get("/leverage", signed=True, symbol=self._market.instrument(instrument).symbol)
        with self._parser.reading():
            return Decimal(answer["leverage"]), MarginMode(answer["mode"])

    def _payload(self, request: OrderRequest) -> dict[str, object]:
        return {
            "client_id": request.client_order_id,
            "symbol": self._market.instrument(request.instrument).symbol,
            "side": request.side.value,
            # Never in scientific notation, and never through a float.
            "quantity": f"{request.quantity:f}",
            "price": f"{request.price:f}",
            "time_in_force": request.time_in_force.value,
            "post_only": request.post_only,
            "reduce_only": request.reduce_only,
        }
