"""Private calls of the fake venue that place, take back and list orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from arb.api import ExchangeError, OutcomeUnknown, WouldCross
from arb.model import MILLISECOND_NS, SECOND_NS, Instrument, Order, OrderRequest, OrderStatus, Side, TimeInForce

from ._fit import venue_base
from ._floor import Floor, OrderNotes
from ._keys import SUB_ACCOUNT
from ._refusal import Refusal
from ._shapes import FORCES, order_row, pending_row
from ._signed import require_order

_FORCE_OF: Final = {word: force for force, word in FORCES.items()} | {"RETAIL_PRICE_IMPROVEMENT": TimeInForce.GTC}
_POST_ONLY: Final = ("GOOD_TILL_TIME", "ALL_OR_NONE", "RETAIL_PRICE_IMPROVEMENT")
_MARKET_REACH: Final = Decimal("0.05")
_LONGEST_TTL_MS: Final = 5_000
_USUAL_TTL_MS: Final = 100
_LARGEST_ID: Final = (1 << 64) - 1
_LONGEST_SWITCH_MS: Final = 300_000
ACK: Final = {"result": {"ack": True}}
Body = Mapping[str, Any]


class OrderCalls:
    """Answers about orders."""

    def __init__(self, floor: Floor, notes: OrderNotes) -> None:
        self._floor = floor
        self._notes = notes

    async def create(self, body: Body) -> Any:
        """Answer `create_order`: the order as it was taken for matching, whatever matching makes of it."""
        order = body.get("order")
        if not isinstance(order, dict):
            raise Refusal(1003)
        instrument = await self._instrument(order)
        require_form(order)
        require_order(order, instrument, self._floor.now_ns)
        client_id = _client_id(order)
        request = await self._request(instrument, order, client_id)
        facts = {
            "client_id": client_id,
            "created_ns": self._floor.now_ns,
            "sent": order,
            "instrument": instrument.id,
        }
        first = Order(request=request, status=OrderStatus.OPEN, ts_event_ns=self._floor.now_ns)
        answer = {"result": pending_row(first, instrument.symbol, facts, self._floor.now_ns)}
        mark = str(order["signature"]["r"]) + str(order["signature"]["s"])
        if mark in self._notes.signatures:
            return answer  # the same payload with the same nonce: the venue drops the copy
        await self._require_free(client_id)
        self._notes.signatures.append(mark)
        if self._notes.wishes.pop(client_id, 0) > self._floor.now_ns:
            self._keep_unborn(first, instrument.symbol, facts, "CANCELLED", "CLIENT_CANCEL")
            return answer
        await self._place(request, instrument, facts)
        return answer

    async def cancel(self, body: Body) -> Any:
        """Answer `cancel_order`: the wish is acknowledged, whether there is an order or not."""
        _require_account(body)
        found = await self._resting(body)
        if found is not None:
            trading = self._floor.exchange.trading
            await trading.cancel_order(found.request.instrument, found.request.client_order_id)
        elif body.get("client_order_id"):
            ttl_ms = int(body.get("time_to_live_ms") or 0) // 100 * 100 or _USUAL_TTL_MS
            if ttl_ms > _LONGEST_TTL_MS:
                raise Refusal(2301)
            until_ns = self._floor.now_ns + ttl_ms * MILLISECOND_NS
            self._notes.wishes.setdefault(str(body["client_order_id"]), until_ns)
        return ACK

    async def cancel_all(self, body: Body) -> Any:
        """Answer `cancel_all_orders`."""
        _require_account(body)
        trading = self._floor.exchange.trading
        if not any(body.get(name) for name in ("base", "quote")):
            await trading.cancel_all(None)
            return ACK
        for instrument in (await self._floor.listed()).values():
            if _is_wanted(instrument, body):
                await trading.cancel_all(instrument.id)
        return ACK

    async def switch(self, body: Body) -> Any:
        """Answer `cancel_on_disconnect`: whole seconds, and none below two of them."""
        _require_account(body)
        countdown_ms = int(body.get("countdown_time") or 0)
        if not 0 <= countdown_ms <= _LONGEST_SWITCH_MS:
            raise Refusal(6000)
        seconds = countdown_ms // 1_000 if countdown_ms > 1_000 else 0
        await self._floor.exchange.trading.arm_dead_mans_switch(seconds * SECOND_NS)
        return ACK

    async def one(self, body: Body) -> Any:
        """Answer `order`: any that the venue remembers, by either id."""
        _require_account(body)
        order_id, client_id = _ids(body)
        rows = [row for row in await self.rows() if order_id in (None, row["order_id"])]
        rows = [row for row in rows if client_id in (None, row["metadata"]["client_order_id"])]
        if not rows:
            raise Refusal(1004)
        return {"result": rows[-1]}

    async def open(self, body: Body) -> Any:
        """Answer `open_orders`."""
        _require_account(body)
        rows = []
        for report in await self._open():
            instrument = await self._listed(report)
            if instrument is None or _is_wanted(instrument, body):
                rows.append(await self._row(report))
        return {"result": rows}

    async def rows(self) -> list[dict[str, Any]]:
        """Return every order, those that never reached the ground among them, oldest first."""
        reports = await self._floor.exchange.trading.fetch_orders(0)
        rows = [await self._row(report) for report in reports]
        return sorted([*self._notes.unborn.values(), *rows], key=lambda row: int(row["metadata"]["create_time"]))

    async def row_of(self, report: Order) -> dict[str, Any]:
        """Return an order of the ground as the venue tells it."""
        return await self._row(report)

    async def _place(self, request: OrderRequest, instrument: Instrument, facts: dict[str, Any]) -> None:
        trading, name = self._floor.exchange.trading, request.client_order_id
        if request.time_in_force is TimeInForce.GTC:
            facts["ends_ns"] = int(facts["sent"]["signature"]["expiration"])
        # Before it is sent: what happens to it is told at once.
        self._notes.note(name, facts)
        try:
            await trading.send_order(await trading.prepare_order(request))
        except WouldCross:
            order = Order(request=request, status=OrderStatus.REJECTED, ts_event_ns=self._floor.now_ns)
            self._keep_unborn(order, instrument.symbol, facts, "REJECTED", "FAIL_POST_ONLY")
        except ExchangeError as error:
            if not isinstance(error, OutcomeUnknown):
                facts.pop("ends_ns", None)
            raise

    def _keep_unborn(self, order: Order, symbol: str, facts: dict[str, Any], status: str, reason: str) -> None:
        facts.pop("ends_ns", None)
        row = pending_row(order, symbol, facts, self._floor.now_ns)
        row["state"] |= {"status": status, "reject_reason": reason, "book_size": ["0.0"]}
        row["order_id"] = f"0x0202{len(self._notes.unborn):028x}"
        self._notes.unborn[f"{facts['client_id']} {len(self._notes.unborn)}"] = row

    async def _require_free(self, client_id: str) -> None:
        if any(self._notes.client_id(each.request.client_order_id) == client_id for each in await self._open()):
            raise Refusal(2012)

    async def _open(self) -> Sequence[Order]:
        found: Sequence[Order] = await self._floor.exchange.trading.fetch_open_orders()
        return found

    async def _resting(self, body: Body) -> Order | None:
        order_id, client_id = _ids(body)
        for each in await self._open():
            row = await self._row(each)
            if order_id in (None, row["order_id"]) and client_id in (None, row["metadata"]["client_order_id"]):
                return each
        return None

    async def _row(self, report: Order) -> dict[str, Any]:
        symbol = await self._floor.symbol_of(report.request.instrument)
        return order_row(report, symbol, self._notes.of(report))

    async def _listed(self, report: Order) -> Instrument | None:
        return (await self._floor.listed()).get(await self._floor.symbol_of(report.request.instrument))

    async def _instrument(self, order: Body) -> Instrument:
        if str(order.get("sub_account_id")) != SUB_ACCOUNT:
            raise Refusal(2003)
        legs = order.get("legs")
        if not isinstance(legs, list) or not legs:
            raise Refusal(2040)
        if len(legs) > 1:
            raise Refusal(2042)
        return await self._floor.instrument(legs[0].get("instrument"), code=2061)

    async def _request(self, instrument: Instrument, order: Body, client_id: str) -> OrderRequest:
        (leg,) = order["legs"]
        side = Side.BUY if leg["is_buying_asset"] else Side.SELL
        quantity = _number(leg.get("size"), 2062)
        if order.get("is_market"):
            bbo = await self._floor.exchange.market.fetch_bbo(instrument.id)
            price = instrument.limit_price(side, bbo.price_to(side) * (1 + _MARKET_REACH * side.sign))
            force = TimeInForce.IOC
        else:
            price, force = _number(leg.get("limit_price"), 2021), _FORCE_OF[order["time_in_force"]]
        if price % instrument.tick_size:
            raise Refusal(2064)
        if quantity < instrument.min_quantity:
            raise Refusal(2062)
        if quantity % instrument.lot_size:
            raise Refusal(2065)
        if quantity * price < instrument.min_notional:
            raise Refusal(2067 if order.get("reduce_only") else 2066)
        return OrderRequest(
            client_order_id=self._notes.new_name(client_id),
            instrument=instrument.id,
            side=side,
            quantity=quantity,
            price=price,
            time_in_force=TimeInForce.GTC if order.get("post_only") else force,
            post_only=bool(order.get("post_only")),
            reduce_only=bool(order.get("reduce_only")),
        )


def require_form(order: Body) -> None:
    """Check what can be checked of an order without the market; raises Refusal."""
    force, price = order.get("time_in_force"), str((order["legs"][0]).get("limit_price") or "0")
    code = 0
    if str(order.get("order_id") or "0x00") not in ("0x00", "0", "0x"):
        code = 2010
    elif force not in _FORCE_OF:
        code = 2030
    elif order.get("post_only") and force not in _POST_ONLY:
        code = 2032
    elif order.get("is_market") and _number(price, 2020, least=0):
        code = 2020
    elif not order.get("is_market") and not _number(price, 2021, least=0):
        code = 2021
    if code:
        raise Refusal(code)
    _client_id(order)


def _client_id(order: Body) -> str:
    metadata = order.get("metadata")
    value = str(metadata.get("client_order_id") or "") if isinstance(metadata, dict) else ""
    if not value or value == "0":
        raise Refusal(2011)
    if not (value.isascii() and value.isdigit() and int(value) <= _LARGEST_ID):
        raise Refusal(1003)
    return str(int(value))


def _ids(body: Body) -> tuple[str | None, str | None]:
    order_id, client_id = body.get("order_id"), body.get("client_order_id")
    if not order_id and not client_id:
        raise Refusal(3021)
    return (str(order_id) if order_id else None), (str(client_id) if client_id else None)


def _require_account(body: Body) -> None:
    value = str(body.get("sub_account_id") or "")
    if not value.isdigit():
        raise Refusal(3020)
    if value != SUB_ACCOUNT:
        raise Refusal(1001)


def _is_wanted(instrument: Instrument, body: Body) -> bool:
    mine = {"kind": "PERPETUAL", "base": venue_base(instrument), "quote": instrument.quote}
    return all(not body.get(name) or value in body[name] for name, value in mine.items())


def _number(value: Any, code: int, *, least: int | None = None) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or (number < least if least is not None else number <= 0):
        raise Refusal(code)
    return number
