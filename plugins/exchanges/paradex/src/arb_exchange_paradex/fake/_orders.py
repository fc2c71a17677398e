"""Private REST calls of the fake venue that place, take back and list orders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from arb.api import BelowMinimum, InsufficientMargin, OutcomeUnknown, Rejected, WouldCross
from arb.model import (
    MILLISECOND_NS,
    Instrument,
    Order,
    OrderRequest,
    OrderStatus,
    Side,
    TimeInForce,
)

from ._auth import Gate
from ._floor import OK, Floor, OrderNotes
from ._pages import between, page
from ._refusal import Refusal
from ._shapes import SIDES, decimal, order

_SIDE_OF: Final = {name: side for side, name in SIDES.items()}
_INSTRUCTIONS: Final = ("GTC", "IOC", "POST_ONLY", "RPI")
_PREVENTIONS: Final = (None, "", "EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH")
_LONGEST_ID: Final = 64
_MARKET_REACH: Final = Decimal("0.04")
_FRESH_NS: Final = 10 * MILLISECOND_NS
"""How long an order is only queued: within it reads show it as NEW, whatever becomes of it."""

_QUANTUM: Final = Decimal("0.00000001")
Params = Mapping[str, Any]
Follower = Callable[[dict[str, Any]], None]


class OrderCalls:
    """Answers about orders."""

    def __init__(self, floor: Floor, notes: OrderNotes, gate: Gate) -> None:
        self._floor = floor
        self._notes = notes
        self._gate = gate
        self.followers: list[Follower] = []
        """Told of orders that the ground never had."""

    async def place(self, body: Params) -> Any:
        """Answer `POST /orders`: the order as it is queued. What becomes of it is told later."""
        if not isinstance(body, dict):
            raise Refusal(400, "BINDING_ERROR", "invalid request body")
        instrument, request, kind = await self._request(body)
        now_ns = self._floor.now_ns
        numbers = (request.quantity, request.price if kind == "LIMIT" else None)
        signed = self._gate.require_order(body, request.side, numbers, now_ns)
        if signed in self._notes.hashes:
            raise Refusal(400, "INVALID_REQUEST_PARAMETER", "an order with this signature exists")
        self._require_mode(str(body.get("instruction") or "GTC"))
        await self._require_new_id(str(body.get("client_id") or ""))
        facts = {
            "client_id": str(body.get("client_id") or ""),
            "type": kind,
            "instruction": str(body.get("instruction") or "GTC"),
            "created_ns": now_ns,
            "signed_ms": body["signature_timestamp"],
        }
        self._notes.note(request.client_order_id, **facts)
        self._notes.hashes[signed] = now_ns
        report = await self._placed(request, facts, instrument)
        return order(report, instrument.symbol, facts, is_new=True)

    async def place_batch(self, batch: Any) -> Any:
        """Answer `POST /orders/batch`: each for itself, but for a wrong signature."""
        if not isinstance(batch, list) or not 1 <= len(batch) <= 10:
            raise Refusal(400, "BATCH_SIZE_OUT_OF_RANGE", "a batch has 1 to 10 orders")
        orders: list[Any] = []
        errors: list[Any] = []
        for body in batch:
            try:
                orders.append(await self.place(body))
            except Refusal as refusal:
                errors.append({"error": refusal.code, "message": refusal.message})
        return {"orders": orders, "errors": errors}

    async def cancel(self, order_id: str) -> None:
        """Answer `DELETE /orders/{id}`: it is queued."""
        await self._cancel(
            await self._resting(lambda each: str(each.exchange_order_id) == order_id, "ORDER_ID_NOT_FOUND")
        )

    async def cancel_by_client_id(self, client_id: str, query: Params) -> None:
        """Answer `DELETE /orders/by_client_id/{client_id}`."""
        found = await self._by_client_id(client_id)
        symbol = await self._floor.symbol_of(found.request.instrument)
        if query.get("market") not in (None, symbol):
            raise Refusal(400, "CLIENT_ORDER_ID_NOT_FOUND", "order not found")
        await self._cancel(found)

    async def cancel_all(self, query: Params) -> Any:
        """Answer `DELETE /orders`."""
        symbol = query.get("market")
        instrument = None if symbol is None else (await self._floor.instrument(symbol)).id
        await self._floor.exchange.trading.cancel_all(instrument)
        return {}

    async def cancel_batch(self, body: Any) -> Any:
        """Answer `DELETE /orders/batch`."""
        results = []
        for name, find in (("order_ids", self._by_id), ("client_order_ids", self._by_client_id)):
            for wanted in body.get(name) or []:
                try:
                    found = await find(wanted)
                except Refusal:
                    results.append({"id" if name == "order_ids" else "client_id": wanted, "status": "NOT_FOUND"})
                    continue
                await self._cancel(found)
                results.append({"id": str(found.exchange_order_id), "status": "QUEUED_FOR_CANCELLATION"})
        return {"results": results}

    async def one(self, order_id: str) -> Any:
        """Answer `GET /orders/{id}`: an order that rests or is queued, and none that is over."""
        for row in self._notes.refused():
            if row["id"] == order_id and self._is_fresh(row["created_at"] * MILLISECOND_NS):
                return _as_new(row)
        for report in await self._all():
            if str(report.exchange_order_id) == order_id and (self._is_new(report) or _rests(report)):
                return await self._row(report)
        raise Refusal(400, "ORDER_ID_NOT_FOUND", "order not found")

    async def one_by_client_id(self, client_id: str) -> Any:
        """Answer `GET /orders/by_client_id/{client_id}`: an order that rests alone."""
        report = await self._by_client_id(client_id)
        if self._is_new(report):
            raise Refusal(400, "CLIENT_ORDER_ID_NOT_FOUND", "order not found")
        return await self._row(report)

    async def resting(self, query: Params) -> Any:
        """Answer `GET /orders`."""
        rows = [await self._row(each) for each in await self._floor.exchange.trading.fetch_open_orders()]
        return {"results": [row for row in rows if query.get("market") in (None, row["market"])]}

    async def history(self, query: Params) -> Any:
        """Answer `GET /orders-history`: newest first."""
        rows = [await self._row(each) for each in await self._all()]
        rows += [
            _as_new(row) if self._is_fresh(row["created_at"] * MILLISECOND_NS) else row for row in self._notes.refused()
        ]
        first, last = between(query)
        wanted = {"market": query.get("market"), "client_id": query.get("client_id"), "status": query.get("status")}
        found = [
            row
            for row in sorted(rows, key=lambda row: (row["created_at"], len(row["id"]), row["id"]), reverse=True)
            if first <= row["created_at"] <= last
            and all(value in (None, "", row[name]) for name, value in wanted.items())
        ]
        return page(found, query)

    async def _placed(self, request: OrderRequest, facts: dict[str, Any], instrument: Instrument) -> Order:
        trading = self._floor.exchange.trading
        try:
            report: Order = await trading.send_order(await trading.prepare_order(request))
        except BelowMinimum:
            raise
        except Rejected as error:
            reason = _later(error)
            if reason is None:
                raise
            return self._refuse(request, facts, instrument, reason)
        if report.exchange_order_id is None:
            raise OutcomeUnknown("no answer came back", code="no_answer")
        return report

    def _refuse(self, request: OrderRequest, facts: dict[str, Any], instrument: Instrument, reason: str) -> Order:
        """Remember an order that was accepted and is ended by the checks behind the queue."""
        now_ns = self._floor.now_ns
        report = Order(request=request, status=OrderStatus.CANCELLED, ts_event_ns=now_ns)
        row = order(report, instrument.symbol, facts) | {"cancel_reason": reason}
        order_id: Any = self._notes.refuse(row)
        for follower in list(self.followers):
            follower(row)
        return Order(request=request, status=OrderStatus.CANCELLED, exchange_order_id=order_id, ts_event_ns=now_ns)

    async def _all(self) -> Sequence[Order]:
        found: Sequence[Order] = await self._floor.exchange.trading.fetch_orders(0)
        return found

    async def _by_id(self, order_id: str) -> Order:
        return await self._resting(lambda each: str(each.exchange_order_id) == order_id, "ORDER_ID_NOT_FOUND")

    async def _by_client_id(self, client_id: str) -> Order:
        def is_it(each: Order) -> bool:
            return bool(client_id) and self._notes.client_id(each.request.client_order_id) == client_id

        return await self._resting(is_it, "CLIENT_ORDER_ID_NOT_FOUND")

    async def _resting(self, is_it: Callable[[Order], bool], code: str) -> Order:
        for each in await self._floor.exchange.trading.fetch_open_orders():
            if is_it(each):
                found: Order = each
                return found
        raise Refusal(400, code, "order not found")

    async def _cancel(self, found: Order) -> None:
        await self._floor.exchange.trading.cancel_order(found.request.instrument, found.request.client_order_id)

    async def _row(self, report: Order) -> dict[str, Any]:
        symbol = await self._floor.symbol_of(report.request.instrument)
        return order(report, symbol, self._notes.of(report), is_new=self._is_new(report))

    def _is_new(self, report: Order) -> bool:
        return self._is_fresh(int(self._notes.of(report)["created_ns"])) and bool(self._notes.of(report)["client_id"])

    def _is_fresh(self, created_ns: int) -> bool:
        return self._floor.now_ns < created_ns + _FRESH_NS

    def _require_mode(self, instruction: str) -> None:
        if self._floor.mode == OK or (self._floor.mode == "post_only" and instruction in ("POST_ONLY", "RPI")):
            return
        if self._floor.mode == "maintenance":
            raise Refusal(503, "SERVICE_UNAVAILABLE", "system is under maintenance")
        raise Refusal(400, f"SYSTEM_STATUS_{self._floor.mode.upper()}", f"system is in {self._floor.mode} mode")

    async def _require_new_id(self, client_id: str) -> None:
        if len(client_id) > _LONGEST_ID:
            raise Refusal(400, "VALIDATION_ERROR", "client_id is too long")
        if not client_id or not self._notes.knows(client_id):
            return
        for each in await self._floor.exchange.trading.fetch_open_orders():
            if self._notes.client_id(each.request.client_order_id) == client_id:
                raise Refusal(400, "DUPLICATED_CLIENT_ID", "client_id is used by an open order")

    async def _request(self, body: Params) -> tuple[Instrument, OrderRequest, str]:
        instrument = await self._floor.instrument(body.get("market"))
        kind, instruction = body.get("type"), body.get("instruction") or "GTC"
        side, flags = _SIDE_OF.get(str(body.get("side"))), body.get("flags") or []
        if side is None or kind not in ("LIMIT", "MARKET") or instruction not in _INSTRUCTIONS:
            raise Refusal(400, "VALIDATION_ERROR", "invalid side, type or instruction")
        if body.get("stp") not in _PREVENTIONS or not set(flags) <= {"REDUCE_ONLY"}:
            raise Refusal(400, "VALIDATION_ERROR", "invalid stp or flags")
        size = _positive(body.get("size"), "INVALID_ORDER_SIZE")
        if kind == "MARKET":
            if instruction == "POST_ONLY":
                raise Refusal(400, "VALIDATION_ERROR", "a market order cannot be post-only")
            bbo = await self._floor.exchange.market.fetch_bbo(instrument.id)
            price = instrument.limit_price(side, bbo.price_to(side) * (1 + _MARKET_REACH * side.sign))
        else:
            price = _positive(body.get("price"), "VALIDATION_ERROR")
        if price % instrument.tick_size:
            raise Refusal(400, "VALIDATION_ERROR", "price must be a multiple of the price tick size")
        if size % instrument.lot_size:
            raise Refusal(400, "INVALID_ORDER_SIZE", "size must be a multiple of the order size increment")
        if instrument.max_quantity is not None and size > instrument.max_quantity:
            raise Refusal(400, "INVALID_ORDER_SIZE", "size exceeds the largest order")
        reduce_only = "REDUCE_ONLY" in flags
        await self._require_notional(instrument, side, size, price, reduce_only=reduce_only)
        is_ioc = kind == "MARKET" or instruction == "IOC"
        request = OrderRequest(
            client_order_id=self._notes.new_name(),
            instrument=instrument.id,
            side=side,
            quantity=size,
            price=price,
            time_in_force=TimeInForce.IOC if is_ioc else TimeInForce.GTC,
            post_only=instruction in ("POST_ONLY", "RPI"),
            reduce_only=reduce_only,
        )
        return instrument, request, str(kind)

    async def _require_notional(
        self, instrument: Instrument, side: Side, size: Decimal, price: Decimal, *, reduce_only: bool
    ) -> None:
        """Refuse what is too small; a close may be as small as the whole position is."""
        if size * price >= instrument.min_notional:
            return
        if reduce_only:
            held = await self._floor.exchange.trading.fetch_positions()
            if any(each.instrument == instrument.id and abs(each.quantity) <= size for each in held):
                return
        raise Refusal(
            400, "INVALID_ORDER_SIZE", f"order notional is below the min_notional {decimal(instrument.min_notional)}"
        )


def _later(error: Rejected) -> str | None:
    """Return how the venue ends an order that it has accepted; None for what it refuses at once."""
    if isinstance(error, InsufficientMargin):
        return "NOT_ENOUGH_MARGIN"
    if isinstance(error, WouldCross):
        return "POST_ONLY_WOULD_CROSS"
    return {"reduce_only": "REDUCE_ONLY_WOULD_INCREASE_POSITION", "price_band": "ORDER_OUTSIDE_PRICE_BAND"}.get(
        error.code
    )


def _rests(report: Order) -> bool:
    return not report.status.is_final


def _as_new(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "status": "NEW", "cancel_reason": ""}


def _positive(value: Any, code: str) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number <= 0 or number % _QUANTUM:
        raise Refusal(400, code, "must be a positive decimal of 8 places at most")
    return number
