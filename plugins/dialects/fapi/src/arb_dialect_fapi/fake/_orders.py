"""Signed REST calls of a fake venue that place, take back and find orders."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from arb.api import Rejected
from arb.model import Instrument, Order, OrderRequest, Side, TimeInForce

from ._countdown import Countdowns
from ._floor import Floor, OrderBookkeeping
from ._forms import Query
from ._public import count, moment
from ._refusal import DUPLICATE, NOTHING_TO_CANCEL, UNKNOWN_ORDER, Refusal, illegal, missing
from ._rules import FakeRules
from ._shapes import FORCES, SIDES, answer_row, order_row

_SIDE_OF: Final = {name: side for side, name in SIDES.items()}
_FORCE_OF: Final = {**{name: force for force, name in FORCES.items()}, "GTX": TimeInForce.GTC}
_CLIENT_ID: Final = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
_MARKET_REACH: Final = Decimal("0.05")
_DONE: Final = {"code": 200, "msg": "The operation of cancel all open order is done."}
_PREVENTIONS: Final = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH")


class OrderCalls:
    """Answers about orders."""

    def __init__(self, floor: Floor, notes: OrderBookkeeping, countdowns: Countdowns, rules: FakeRules) -> None:
        self._floor = floor
        self._notes = notes
        self._countdowns = countdowns
        self._rules = rules

    async def place(self, query: Query) -> Any:
        """Answer `POST order`: the order after matching."""
        instrument = await self._floor.instrument(query.get("symbol"))
        request, facts = await self._request(instrument, query)
        await self._countdowns.before_order(instrument.symbol)
        self._notes.note(request.client_order_id, **facts, created_ns=self._floor.now_ns)
        trading = self._floor.exchange.trading
        report = await trading.send_order(await trading.prepare_order(request))
        return self._answer(report, instrument.symbol)

    async def test(self, query: Query) -> Any:
        """Answer `POST order/test`: the order is checked and goes nowhere."""
        await self._request(await self._floor.instrument(query.get("symbol")), query)
        return {}

    async def cancel(self, query: Query) -> Any:
        """Answer `DELETE order`: the order as it was taken back."""
        instrument = await self._floor.instrument(query.get("symbol"))
        found = await self._find(instrument, query)
        if found is None or found.status.is_final:
            raise Refusal(*NOTHING_TO_CANCEL)
        trading, name = self._floor.exchange.trading, found.request.client_order_id
        try:
            await trading.cancel_order(instrument.id, name)
        except Rejected:
            raise Refusal(*NOTHING_TO_CANCEL) from None
        return self._answer(await trading.fetch_order(instrument.id, name), instrument.symbol)

    async def cancel_all(self, query: Query) -> Any:
        """Answer `DELETE allOpenOrders`."""
        instrument = await self._floor.instrument(query.get("symbol"))
        await self._floor.exchange.trading.cancel_all(instrument.id)
        return _DONE

    async def query(self, query: Query) -> Any:
        """Answer `GET order`."""
        instrument = await self._floor.instrument(query.get("symbol"))
        found = await self._find(instrument, query)
        if found is None:
            raise Refusal(*UNKNOWN_ORDER)
        return self._row(found, instrument.symbol)

    async def resting(self, query: Query) -> Any:
        """Answer `GET openOrder`: one that rests."""
        instrument = await self._floor.instrument(query.get("symbol"))
        found = await self._find(instrument, query)
        if found is None or found.status.is_final:
            raise Refusal(*UNKNOWN_ORDER)
        return self._row(found, instrument.symbol)

    async def all_resting(self, query: Query) -> Any:
        """Answer `GET openOrders`, of one symbol or of all."""
        chosen = {each.id: each.symbol for each in await self._floor.chosen(query.get("symbol"))}
        found: Sequence[Order] = await self._floor.exchange.trading.fetch_open_orders()
        return [self._row(each, chosen[each.request.instrument]) for each in found if each.request.instrument in chosen]

    async def all_orders(self, query: Query) -> Any:
        """Answer `GET allOrders`: from a number on, or within a time; the newest without either."""
        instrument = await self._floor.instrument(query.get("symbol"))
        limit = count(query, "limit", 500, 1_000)
        mine = [each for each in await self._orders() if each.request.instrument == instrument.id]
        rows = sorted((self._row(each, instrument.symbol) for each in mine), key=lambda row: int(row["orderId"]))
        begin_ns, end_ns = moment(query, "startTime"), moment(query, "endTime")
        if query.get("orderId"):
            return [row for row in rows if row["orderId"] >= int(query["orderId"])][:limit]
        rows = [row for row in rows if begin_ns is None or row["time"] * 1_000_000 >= begin_ns]
        rows = [row for row in rows if end_ns is None or row["time"] * 1_000_000 <= end_ns]
        return rows[:limit] if begin_ns is not None else rows[-limit:]

    async def _orders(self) -> Sequence[Order]:
        found: Sequence[Order] = await self._floor.exchange.trading.fetch_orders(0)
        return found

    async def _find(self, instrument: Instrument, query: Query) -> Order | None:
        order_id, client_id = query.get("orderId"), query.get("origClientOrderId")
        if not order_id and not client_id:
            raise Refusal(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
        name = None if order_id else self._notes.latest(str(client_id))
        for each in await self._orders():
            is_it = str(each.exchange_order_id) == order_id if order_id else each.request.client_order_id == name
            if is_it and each.request.instrument == instrument.id:
                return each
        return None

    async def _request(self, instrument: Instrument, query: Query) -> tuple[OrderRequest, dict[str, str]]:
        side, kind = _SIDE_OF.get(query.get("side", "")), query.get("type", "")
        if side is None:
            raise Refusal(-1117, "Invalid side.")
        if kind not in ("LIMIT", "MARKET"):
            raise Refusal(-1116, "Invalid orderType.")
        if query.get("positionSide", "BOTH") != "BOTH":
            raise Refusal(-4061, "Order's position side does not match user's setting.")
        prevention = query.get("selfTradePreventionMode", "EXPIRE_MAKER")
        if prevention not in _PREVENTIONS:
            raise illegal("selfTradePreventionMode")
        client_id = query.get("newClientOrderId") or self._notes.new_client_id()
        if _CLIENT_ID.fullmatch(client_id) is None:
            raise Refusal(-4015, "Client order id length should be less than 36 chars.")
        await self._require_free(client_id)
        quantity = positive(query, "quantity")
        price, force, post_only = await self._terms(instrument, side, query)
        if price % instrument.tick_size:
            raise Refusal(-4014, "Price not increased by tick size.")
        if quantity % instrument.lot_size:
            raise Refusal(-1111, "Precision is over the maximum defined for this asset.")
        if quantity < instrument.min_quantity:
            raise Refusal(-4003, "Quantity less than or equal to zero.")
        request = OrderRequest(
            client_order_id=self._notes.new_name(client_id),
            instrument=instrument.id,
            side=side,
            quantity=quantity,
            price=price,
            time_in_force=force,
            post_only=post_only,
            reduce_only=query.get("reduceOnly", "false").lower() == "true",
        )
        return request, {"client_id": client_id, "type": kind, "selfTradePreventionMode": prevention}

    async def _require_free(self, client_id: str) -> None:
        name = self._notes.latest(client_id)
        resting = await self._floor.exchange.trading.fetch_open_orders() if name is not None else ()
        if any(each.request.client_order_id == name for each in resting):
            raise Refusal(*DUPLICATE)

    async def _terms(self, instrument: Instrument, side: Side, query: Query) -> tuple[Decimal, TimeInForce, bool]:
        if query["type"] == "LIMIT":
            word = query.get("timeInForce", "")
            if not word:
                raise missing("timeInForce")
            if word not in _FORCE_OF:
                raise Refusal(-1115, "Invalid timeInForce.")
            return positive(query, "price"), _FORCE_OF[word], word == "GTX"
        bbo = await self._floor.exchange.market.fetch_bbo(instrument.id)
        price = instrument.limit_price(side, bbo.price_to(side) * (1 + _MARKET_REACH * side.sign))
        return price, TimeInForce.IOC, False

    def _row(self, report: Order, symbol: str) -> dict[str, Any]:
        return order_row(report, symbol, self._notes.of(report))

    def _answer(self, report: Order, symbol: str) -> dict[str, Any]:
        return answer_row(report, symbol, self._notes.of(report), with_average=self._rules.answers_average)


def positive(query: Query, name: str) -> Decimal:
    """Return a number above zero; raises Refusal."""
    if not query.get(name):
        raise missing(name)
    try:
        number = Decimal(query[name])
    except InvalidOperation:
        raise illegal(name) from None
    if not number.is_finite():
        raise illegal(name)
    if number <= 0:
        raise Refusal(-4003 if name == "quantity" else -4001, f"{name} less than or equal to zero.")
    return number
