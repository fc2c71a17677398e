"""Signed REST calls of the fake venue that place, take back and list orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from arb.api import Rejected
from arb.model import Instrument, Order, OrderRequest, Side, TimeInForce

from ._floor import Floor, OrderBookkeeping
from ._refusal import Refusal, refusal_of
from ._shapes import FORCES, SIDES, order

_SIDE_OF: Final = {name: side for side, name in SIDES.items()}
_FORCE_OF: Final = {name: force for force, name in FORCES.items()}
_PREVENTIONS: Final = ("RejectTaker", "RejectMaker", "RejectBoth")
_MARKET_REACH: Final = Decimal("0.05")
_MOST_ORDERS: Final = 50
_LARGEST_ID: Final = (1 << 32) - 1
Params = Mapping[str, Any]


class OrderCalls:
    """Answers about orders."""

    def __init__(self, floor: Floor, notes: OrderBookkeeping) -> None:
        self._floor = floor
        self._notes = notes

    async def place(self, body: Params) -> Any:
        """Answer `POST /api/v1/order`: the order after matching."""
        instrument = await self._floor.instrument(body.get("symbol"))
        request = await self._request(instrument, body)
        self._notes.note(
            request.client_order_id,
            clientId=_client_id(body),
            orderType=body["orderType"],
            created_ns=self._floor.now_ns,
            quoteQuantity=body.get("quoteQuantity"),
            selfTradePrevention=body.get("selfTradePrevention", "RejectTaker"),
        )
        trading = self._floor.exchange.trading
        report = await trading.send_order(await trading.prepare_order(request))
        return self._row(report, instrument.symbol)

    async def place_batch(self, batch: Sequence[Params]) -> Any:
        """Answer `POST /api/v1/orders`: checked together, then each for itself."""
        if not isinstance(batch, list) or not 1 <= len(batch) <= _MOST_ORDERS:
            raise Refusal(400, "INVALID_CLIENT_REQUEST", f"A batch has 1 to {_MOST_ORDERS} orders")
        for body in batch:
            _require_form(body)
            await self._floor.instrument(body.get("symbol"))
        answers = []
        for body in batch:
            try:
                answers.append(await self.place(body))
            except (Refusal, Rejected) as error:
                refusal = error if isinstance(error, Refusal) else refusal_of(error)
                answers.append({"operation": "Err", "code": refusal.code, "message": refusal.message})
        return answers

    async def cancel(self, body: Params) -> Any:
        """Answer `DELETE /api/v1/order`: the order as it was taken back."""
        instrument = await self._floor.instrument(body.get("symbol"))
        found = await self._resting(instrument, body)
        trading = self._floor.exchange.trading
        await trading.cancel_order(instrument.id, found.request.client_order_id)
        report = await trading.fetch_order(instrument.id, found.request.client_order_id)
        return self._row(report, instrument.symbol)

    async def cancel_all(self, body: Params) -> Any:
        """Answer `DELETE /api/v1/orders`."""
        instrument = await self._floor.instrument(body.get("symbol"))
        if body.get("orderType") == "ConditionalOrder":
            return []
        resting = [each for each in await self._open() if each.request.instrument == instrument.id]
        await self._floor.exchange.trading.cancel_all(instrument.id)
        return [{**self._row(each, instrument.symbol), "status": "Cancelled"} for each in resting]

    async def resting(self, query: Params) -> Any:
        """Answer `GET /api/v1/order`: an order that rests, or 404 for one that does not, whatever became of it."""
        instrument = await self._floor.instrument(query.get("symbol"))
        return self._row(await self._resting(instrument, query), instrument.symbol)

    async def all_resting(self, query: Params) -> Any:
        """Answer `GET /api/v1/orders`."""
        if query.get("marketType", "PERP") != "PERP":
            return []
        rows = [self._row(each, await self._floor.symbol_of(each.request.instrument)) for each in await self._open()]
        return [row for row in rows if query.get("symbol") in (None, row["symbol"])]

    async def _open(self) -> Sequence[Order]:
        found: Sequence[Order] = await self._floor.exchange.trading.fetch_open_orders()
        return found

    async def _resting(self, instrument: Instrument, wanted: Params) -> Order:
        if "orderId" in wanted and "clientId" in wanted:
            raise Refusal(400, "INVALID_SIGNATURE", "Invalid signature")
        order_id, client_id = wanted.get("orderId"), _client_id(wanted)
        if order_id is None and client_id is None:
            raise Refusal(400, "INVALID_CLIENT_REQUEST", "Must specify one of orderId or clientId")
        for each in await self._open():
            is_it = str(each.exchange_order_id) == str(order_id)
            is_it = is_it or (
                client_id is not None and self._notes.client_id(each.request.client_order_id) == client_id
            )
            if is_it and each.request.instrument == instrument.id:
                return each
        raise Refusal(404, "RESOURCE_NOT_FOUND", "Order not found")

    async def _request(self, instrument: Instrument, body: Params) -> OrderRequest:
        _require_form(body)
        side = _SIDE_OF[body["side"]]
        if body["orderType"] == "Market":
            price, quantity = await self._market_terms(instrument, side, body)
            force, post_only = TimeInForce.IOC, False
        else:
            price, quantity = _positive(body.get("price"), "INVALID_PRICE"), _positive(body.get("quantity"))
            force, post_only = _FORCE_OF[body.get("timeInForce", "GTC")], bool(body.get("postOnly"))
        if price % instrument.tick_size:
            raise Refusal(400, "INVALID_PRICE", "Price decimal too long")
        if quantity % instrument.lot_size:
            raise Refusal(400, "INVALID_QUANTITY", "Quantity decimal too long")
        if post_only and force is not TimeInForce.GTC:
            raise Refusal(400, "INVALID_CLIENT_REQUEST", "Post only orders must be GTC")
        return OrderRequest(
            client_order_id=self._notes.new_name(_client_id(body)),
            instrument=instrument.id,
            side=side,
            quantity=quantity,
            price=price,
            time_in_force=force,
            post_only=post_only,
            reduce_only=bool(body.get("reduceOnly")),
        )

    async def _market_terms(self, instrument: Instrument, side: Side, body: Params) -> tuple[Decimal, Decimal]:
        """Return the worst price of a market order, and its quantity where it names a sum."""
        bbo = await self._floor.exchange.market.fetch_bbo(instrument.id)
        touch = bbo.price_to(side)
        price = instrument.limit_price(side, touch * (1 + _MARKET_REACH * side.sign))
        if body.get("quantity") is not None:
            return price, _positive(body["quantity"])
        quantity = instrument.floor_quantity(_positive(body.get("quoteQuantity")) / touch)
        return price, _positive(quantity)

    def _row(self, report: Order, symbol: str) -> dict[str, Any]:
        return order(report, symbol, self._notes.of(report))


def _require_form(body: Params) -> None:
    """Check what can be checked without the market; raises Refusal."""
    problem = ""
    if body.get("side") not in _SIDE_OF:
        problem = "Invalid side"
    elif body.get("orderType") not in ("Limit", "Market"):
        problem = "Invalid order type"
    elif body.get("timeInForce", "GTC") not in _FORCE_OF:
        problem = "Invalid time in force"
    elif body.get("selfTradePrevention", "RejectTaker") not in _PREVENTIONS:
        problem = "Invalid self trade prevention"
    if problem:
        raise Refusal(400, "INVALID_CLIENT_REQUEST", problem)
    _client_id(body)


def _client_id(params: Params) -> int | None:
    value = params.get("clientId")
    if value is None:
        return None
    if isinstance(value, bool) or not str(value).isdigit() or int(value) > _LARGEST_ID:
        raise Refusal(400, "INVALID_CLIENT_REQUEST", "Invalid client id")
    return int(value)


def _positive(value: Any, code: str = "INVALID_QUANTITY") -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number <= 0:
        raise Refusal(400, code, "Must be a positive decimal")
    return number
