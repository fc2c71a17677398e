"""Private REST calls of the fake venue that place, take back and list orders."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from arb.api import Rejected, UnknownOrder, WouldCross
from arb.model import ZERO, Instrument, Order, OrderRequest, Side, TimeInForce

from . import _shapes as shapes
from ._floor import PENDING_NS, Floor, OrderBookkeeping, order_id
from ._paging import Rows, by_creation, chosen, paged
from ._refusal import Refusal
from ._typed import positive, require_order, whole

_FORCE_OF: Final = {name: force for force, name in shapes.FORCES.items()} | {"POST_ONLY": TimeInForce.GTC}
_SIDE_OF: Final = {name: side for side, name in shapes.SIDES.items()}
_MARKET_REACH: Final = Decimal("0.05")
_LONGEST_ID: Final = 64
_FILTERS: Final = {
    "filterContractIdList": "contractId",
    "filterStatusList": "status",
    "filterTypeList": "type",
    "filterOrderIdList": "id",
}
Params = Mapping[str, Any]


class OrderCalls:
    """Answers about orders."""

    def __init__(self, floor: Floor, notes: OrderBookkeeping) -> None:
        self._floor = floor
        self._notes = notes

    async def create(self, body: Params) -> Any:
        """Answer `createOrder` with an id alone: what becomes of the order is told elsewhere."""
        instrument = await self._floor.instrument(body.get("contractId"))
        _require_form(body)
        nonce = require_order(body, instrument, self._floor.now_ms)
        request = await self._request(instrument, body)
        client_id = str(body["clientOrderId"])
        self._notes.use_nonce(nonce, client_id)
        self._notes.note(request.client_order_id, client_id=client_id, body=dict(body), created_ns=self._floor.now_ns)
        trading = self._floor.exchange.trading
        try:
            report = await trading.send_order(await trading.prepare_order(request))
        except Rejected as error:
            self._notes.forget(request.client_order_id)
            reason = _ends_at_once(error, body)
            if reason is None:
                self._notes.free_nonce(nonce)
                raise
            ghost_id = self._notes.new_ghost_id()
            self._notes.ghosts[ghost_id] = shapes.ghost(body, ghost_id, reason, self._floor.now_ns)
            return {"orderId": ghost_id}
        return {"orderId": order_id(report)}

    async def cancel_by_id(self, body: Params) -> Any:
        """Answer `cancelOrderById`: a result for each id."""
        wanted = _texts(body, "orderIdList")
        reports = {order_id(report): report for report in await self._all()}
        return {"cancelResultMap": {each: await self._cancelled(reports.get(each)) for each in wanted}}

    async def cancel_by_client_id(self, body: Params) -> Any:
        """Answer `cancelOrderByClientOrderId`: a result for each id."""
        reports = {self._notes.of(report).get("client_id"): report for report in await self._all()}
        wanted = _texts(body, "clientOrderIdList")
        return {"cancelResultMap": {each: await self._cancelled(reports.get(each)) for each in wanted}}

    async def cancel_all(self, body: Params) -> Any:
        """Answer `cancelAllOrder`."""
        numbers = _texts(body, "filterContractIdList") if body.get("filterContractIdList") else None
        trading, results = self._floor.exchange.trading, {}
        for number in numbers or []:
            await self._floor.instrument(number)
        resting = list(await trading.fetch_open_orders())
        for report in resting:
            if numbers is None or await self._floor.number_of(report.request.instrument) in numbers:
                results[order_id(report)] = "SUCCESS"
        if numbers is None:
            await trading.cancel_all(None)
        for number in numbers or []:
            await trading.cancel_all((await self._floor.instrument(number)).id)
        return {"cancelResultMap": results}

    async def by_id(self, query: Params) -> Any:
        """Answer `getOrderById`: what is found of the ids."""
        wanted = str(query.get("orderIdList", "")).split(",")
        return [row for row in await self.rows() if row["id"] in wanted]

    async def by_client_id(self, query: Params) -> Any:
        """Answer `getOrderByClientOrderId`: what is found of the ids."""
        wanted = [each for each in str(query.get("clientOrderIdList", "")).split(",") if each]
        return [row for row in await self.rows() if row["clientOrderId"] in wanted]

    async def active(self, query: Params) -> Any:
        """Answer `getActiveOrderPage`."""
        resting = await self._floor.exchange.trading.fetch_open_orders()
        rows = [await self.row(each) for each in resting]
        return paged(chosen(rows, query, _FILTERS), query, most=200, place=by_creation)

    async def history(self, query: Params) -> Any:
        """Answer `getHistoryOrderPage`: orders that are over."""
        rows = [row for row in await self.rows() if row["status"] in ("FILLED", "CANCELED")]
        return paged(chosen(rows, query, _FILTERS), query, most=100, place=by_creation)

    async def largest(self, body: Params) -> Any:
        """Answer `getMaxCreateOrderSize`."""
        instrument = await self._floor.instrument(body.get("contractId"))
        bbo = await self._floor.exchange.market.fetch_bbo(instrument.id)
        leverage, _ = await self._floor.exchange.trading.fetch_leverage(instrument.id)
        available = max((each.available for each in await self._floor.exchange.trading.fetch_balances()), default=ZERO)
        most = shapes.decimal(instrument.floor_quantity(max(ZERO, available) * leverage / bbo.ask))
        touch = {"ask1Price": shapes.decimal(bbo.ask), "bid1Price": shapes.decimal(bbo.bid)}
        return {"maxBuySize": most, "maxSellSize": most, **touch}

    async def rows(self) -> Rows:
        """Return every order of the account, those among them that ended at once."""
        return [await self.row(report) for report in await self._all()] + list(self._notes.ghosts.values())

    async def row(self, report: Order) -> dict[str, Any]:
        """Return an order as a reader sees it now."""
        notes = self._notes.of(report)
        pending = bool(notes["body"]) and self._floor.now_ns < notes["created_ns"] + PENDING_NS
        number = await self._floor.number_of(report.request.instrument)
        return shapes.order(report, number, notes, pending=pending)

    async def expire(self) -> None:
        """End the orders whose time is over."""
        for report in await self._floor.exchange.trading.fetch_open_orders():
            request, notes = report.request, self._notes.of(report)
            if notes["body"] and int(notes["body"]["expireTime"]) <= self._floor.now_ms:
                self._notes.note(request.client_order_id, reason="EXPIRE_CANCELED")
                await self._floor.exchange.trading.cancel_order(request.instrument, request.client_order_id)

    async def _all(self) -> list[Order]:
        return list(await self._floor.exchange.trading.fetch_orders(0))

    async def _cancelled(self, report: Order | None) -> str:
        if report is None or not self._notes.of(report)["body"]:
            return "FAILED_ORDER_NOT_FOUND"
        if report.status.is_final:
            return "FAILED_ORDER_FILLED" if not report.remaining_quantity else "SUCCESS_ORDER_CANCELED"
        request = report.request
        try:
            await self._floor.exchange.trading.cancel_order(request.instrument, request.client_order_id)
        except UnknownOrder:
            return "FAILED_ORDER_NOT_FOUND"
        return "SUCCESS"

    async def _request(self, instrument: Instrument, body: Params) -> OrderRequest:
        side, size, force = _SIDE_OF[body["side"]], positive(body, "size"), str(body["timeInForce"])
        if size < instrument.min_quantity:
            raise Refusal("ORDER_SIZE_LESS_THAN_MIN", param={"size": str(size)})
        if body["type"] == "MARKET":
            price = await self._worst(instrument, side, positive(body, "l2Value") / size)
        else:
            price = positive(body, "price")
            await self._require_band(instrument, side, price)
        largest = instrument.max_quantity
        if price % instrument.tick_size or size % instrument.lot_size or (largest is not None and size > largest):
            raise Refusal("GATEWAY_PARAM_INVALID", param={"price": str(price), "size": str(size)})
        return OrderRequest(
            client_order_id=self._notes.new_name(),
            instrument=instrument.id,
            side=side,
            quantity=size,
            price=price,
            time_in_force=_FORCE_OF[force],
            post_only=force == "POST_ONLY",
            reduce_only=bool(body.get("reduceOnly")),
        )

    async def _require_band(self, instrument: Instrument, side: Side, price: Decimal) -> None:
        """Refuse a price too far beyond the oracle's; what the venue answers then is not known."""
        stats = await self._floor.exchange.market.fetch_stats()
        mark = next((row.mark_price for row in stats if row.instrument == instrument.id), None)
        if mark is not None and (price - mark) * side.sign > shapes.PRICE_RATIO * mark:
            raise Refusal("GATEWAY_PARAM_INVALID", param={"price": str(price)})

    async def _worst(self, instrument: Instrument, side: Side, signed: Decimal) -> Decimal:
        """Return the worst price of a market order: a little beyond the touch, and not beyond what was signed."""
        bbo = await self._floor.exchange.market.fetch_bbo(instrument.id)
        reach = bbo.price_to(side) * (1 + _MARKET_REACH * side.sign)
        worst = min(reach, signed) if side is Side.BUY else max(reach, signed)
        return instrument.limit_price(side, worst)


def _ends_at_once(error: Rejected, body: Params) -> str | None:
    """Return why the venue ends an order that it has taken; None for one that it does not take."""
    if isinstance(error, WouldCross):
        return "COULD_NOT_FILL"
    return "REDUCE_ONLY_CANCELED" if error.code == "reduce_only" else None


def _require_form(body: Params) -> None:
    """Check what can be checked without the market; raises Refusal."""
    client_id = body.get("clientOrderId")
    if not isinstance(client_id, str) or not 0 < len(client_id) <= _LONGEST_ID:
        raise Refusal("GATEWAY_PARAM_INVALID", status=400, param={"clientOrderId": str(client_id)})
    for name, allowed in (("side", _SIDE_OF), ("type", ("LIMIT", "MARKET")), ("timeInForce", _FORCE_OF)):
        if body.get(name) not in allowed:
            raise Refusal("GATEWAY_PARAM_INVALID", status=400, param={name: str(body.get(name))})
    if body["type"] == "MARKET" and body["timeInForce"] != "IMMEDIATE_OR_CANCEL":
        raise Refusal("GATEWAY_PARAM_INVALID", status=400, param={"timeInForce": str(body["timeInForce"])})
    whole(body, "contractId")


def _texts(body: Params, name: str) -> list[str]:
    found = body.get(name)
    if not isinstance(found, list) or not all(isinstance(each, str) and each for each in found):
        raise Refusal("GATEWAY_PARAM_INVALID", status=400, param={name: str(found)})
    return found
