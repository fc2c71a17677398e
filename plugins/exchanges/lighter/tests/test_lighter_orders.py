"""Orders over the fake venue: nonces, reports that come late or never, and what is certain."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from arb.api import (
    ConnectFailed,
    DeadMansSwitch,
    HttpRequest,
    HttpResponse,
    NotSent,
    OutcomeUnknown,
    Rejected,
    UnknownOrder,
    WouldCross,
)
from arb.model import MINUTE_NS, SECOND_NS, ZERO, ClientOrderId, MarginMode, OrderStatus, Side, TimeInForce
from arb.simulation import SimulatedExchange
from arb_exchange_lighter.fake._keys import ACCOUNT_INDEX, API_KEY_INDEX

Play = Callable[..., None]


class Lost:
    """Faults that hide the answer of the first order, after or before its effect."""

    def __init__(self, *, after: bool, error: Exception) -> None:
        self._after, self._error, self._left = after, error, 1

    async def before(self, operation: str, subject: object) -> None:
        self._raise(operation, not self._after)

    async def after(self, operation: str, subject: object) -> None:
        self._raise(operation, self._after)

    def _raise(self, operation: str, here: bool) -> None:
        if here and operation == "send_order" and self._left:
            self._left -= 1
            raise self._error


async def true_orders(truth: SimulatedExchange) -> list[OrderStatus]:
    return [order.status for order in await truth.trading.fetch_orders(0)]


def test_concurrent_orders_leave_in_the_order_of_their_nonces(play: Play) -> None:
    async def body(desk: Any) -> None:
        requests = [await desk.request(side) for side in (Side.BUY, Side.SELL) * 3]
        orders = await asyncio.gather(*(desk.send(request) for request in requests))
        assert {order.status for order in orders} == {OrderStatus.FILLED}
        nonces = [tx["Nonce"] for tx in desk.line.transactions]
        assert nonces == list(range(nonces[0], nonces[0] + 6))
        assert len(desk.line.asked("/nextNonce")) == 1, "asked for at opening, and never again"

    play(body)


def test_a_nonce_that_somebody_else_used_is_asked_for_anew(play: Play) -> None:
    """Refused for its nonce an order was certainly not taken: it is signed again and sent once more."""

    async def body(desk: Any) -> None:
        await desk.send(await desk.request())
        desk.line.venue._desk.memory.nonces[API_KEY_INDEX] += 3
        order = await desk.send(await desk.request())
        assert order.status is OrderStatus.FILLED
        first, refused, taken = (tx["Nonce"] for tx in desk.line.transactions)
        assert (refused - first, taken - first) == (1, 4)
        assert await true_orders(desk.truth) == [OrderStatus.FILLED] * 2

    play(body)


def test_a_nonce_that_is_refused_for_ever_ends_as_not_sent(play: Play, line: Any) -> None:
    """Two processes on one key: neither loops, and nothing is claimed of the order."""

    def refuse(request: HttpRequest) -> HttpResponse | None:
        if "/sendTx" not in request.url:
            return None
        return HttpResponse(status=400, headers={}, body=b'{"code":21104,"message":"invalid nonce"}')

    async def body(desk: Any) -> None:
        desk.line.answer = refuse
        with pytest.raises(NotSent, match="another process"):
            await desk.send(await desk.request())
        assert len(desk.line.transactions) == 3
        assert await true_orders(desk.truth) == []

    play(body, line=line)


def test_after_a_lost_answer_the_nonce_is_asked_for_and_the_order_found(play: Play) -> None:
    async def body(desk: Any) -> None:
        request = await desk.request()
        with pytest.raises(OutcomeUnknown):
            await desk.send(request)
        assert len(desk.line.asked("/nextNonce")) == 1
        found = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert found.status is OrderStatus.FILLED
        second = await desk.send(await desk.request(Side.SELL))
        assert second.status is OrderStatus.FILLED
        assert len(desk.line.asked("/nextNonce")) == 2
        first, later = (tx["Nonce"] for tx in desk.line.transactions)
        assert later == first + 1

    play(body, faults=Lost(after=True, error=OutcomeUnknown("gone")))


def test_an_order_that_never_left_leaves_no_hole_in_the_nonces(play: Play) -> None:
    async def body(desk: Any) -> None:
        request = await desk.request()
        with pytest.raises(ConnectFailed):
            await desk.send(request)
        with pytest.raises(UnknownOrder):
            await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        await desk.send(await desk.request())
        lost, sent = (tx["Nonce"] for tx in desk.line.transactions)
        assert lost == sent
        with pytest.raises(Rejected):
            await desk.send(request)  # an id is sent once, whatever became of it

    play(body, faults=Lost(after=False, error=ConnectFailed("no line")))


def test_an_order_that_is_queued_and_never_reported_is_submitted(play: Play) -> None:
    """An invalid reduce-only order vanishes at the venue: that it was queued says nothing more."""

    def queue(request: HttpRequest) -> HttpResponse | None:
        body = {"code": 200, "message": "", "tx_hash": "00", "predicted_execution_time_ms": 0}
        return (
            None
            if "/sendTx" not in request.url
            else HttpResponse(status=200, headers={}, body=json.dumps(body).encode())
        )

    async def body(desk: Any) -> None:
        desk.line.answer = queue
        began_ns = desk.clock.now_ns()
        request = await desk.request(reduce_only=True)
        order = await desk.send(request)
        assert (order.status, order.filled_quantity) == (OrderStatus.SUBMITTED, ZERO)
        assert desk.clock.now_ns() - began_ns <= 2 * SECOND_NS, "within the time that execution gives an order"
        with pytest.raises(UnknownOrder):
            await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert desk.exchange.traits.order_validity_ns >= 599 * SECOND_NS, "and until then it may still come"

    play(body)


def test_without_a_socket_orders_are_asked_for(play: Play, line: Any) -> None:
    line.has_sockets = False

    async def body(desk: Any) -> None:
        order = await desk.send(await desk.request())
        assert order.status is OrderStatus.FILLED
        assert desk.line.asked("/accountOrders")
        resting = await desk.send(await desk.resting())
        assert resting.status is OrderStatus.OPEN

    play(body, line=line)


def test_a_report_by_the_socket_costs_no_request(play: Play) -> None:
    async def body(desk: Any) -> None:
        await desk.exchange.market.fetch_instruments()
        await desk.sleep(SECOND_NS)
        before = len(desk.line.requests)
        await desk.send(await desk.request())
        assert [each.url.rpartition("/")[2] for each in desk.line.requests[before:]] == ["sendTx"]

    play(body)


def test_a_post_only_order_that_would_take_is_refused_when_it_is_its_turn(play: Play) -> None:
    """The venue queues it, and ends it as canceled-post-only."""

    async def body(desk: Any) -> None:
        request = await desk.request(time_in_force=TimeInForce.GTC, post_only=True)
        with pytest.raises(WouldCross) as refused:
            await desk.send(request)
        assert refused.value.code == "canceled-post-only"
        found = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert (found.status, found.filled_quantity) == (OrderStatus.REJECTED, ZERO)
        assert await true_orders(desk.truth) == []

    play(body)


def test_an_order_placed_elsewhere_has_a_name_of_its_own(play: Play) -> None:
    async def body(desk: Any) -> None:
        request = await desk.resting(client_order_id=ClientOrderId("77"))
        placed = await desk.truth.trading.send_order(await desk.truth.trading.prepare_order(request))
        (found,) = await desk.trading.fetch_open_orders()
        assert found.request.client_order_id == "foreign-77"
        assert (found.request.price, found.status) == (placed.request.price, OrderStatus.OPEN)
        await desk.trading.cancel_all()
        await desk.sleep(desk.exchange.traits.read_after_write_ns)
        assert await desk.trading.fetch_open_orders() == []

    play(body)


def test_cancelling_one_market_leaves_the_others(play: Play) -> None:
    async def body(desk: Any) -> None:
        other = (await desk.exchange.market.fetch_instruments())[1]
        bid = (await desk.truth.market.fetch_bbo(other.id)).bid
        await desk.send(await desk.resting())
        far = other.limit_price(Side.BUY, bid * Decimal("0.97"))
        await desk.send(await desk.resting(instrument=other.id, price=far, quantity=other.floor_quantity(100 / bid)))
        await desk.trading.cancel_all(desk.instrument.id)
        (left,) = await desk.trading.fetch_open_orders()
        assert left.request.instrument == other.id
        assert desk.line.transactions[-1]["L2TxAttributes"] == {"5": 0}

    play(body)


def test_a_switch_below_five_minutes_becomes_five_minutes(play: Play) -> None:
    """The venue schedules nothing sooner; an order is never cancelled before the time that was asked for."""

    async def body(desk: Any) -> None:
        assert isinstance(desk.trading, DeadMansSwitch)
        await desk.send(await desk.resting())
        await desk.trading.arm_dead_mans_switch(90 * SECOND_NS)
        await desk.sleep(5 * MINUTE_NS)
        assert await true_orders(desk.truth) == [OrderStatus.OPEN]
        await desk.sleep(10 * SECOND_NS)
        assert await true_orders(desk.truth) == [OrderStatus.CANCELLED]

    play(body)


def test_leverage_that_the_venue_cannot_write_exactly_is_read_back_as_asked(play: Play) -> None:
    """3x is 3334 of 10,000, which is no more than 3x; its apps write 3333, which is read as 3x as well."""

    async def body(desk: Any) -> None:
        for leverage in (3, 7, 1, 40):
            await desk.trading.set_leverage(desk.instrument.id, Decimal(leverage), MarginMode.CROSS)
            await desk.sleep(desk.exchange.traits.read_after_write_ns)
            assert await desk.trading.fetch_leverage(desk.instrument.id) == (leverage, MarginMode.CROSS)
            fraction = desk.line.transactions[-1]["InitialMarginFraction"]
            assert fraction * leverage >= 10_000
        desk.line.venue._desk.memory.fractions[0] = 3_333
        await desk.truth.trading.set_leverage(desk.instrument.id, Decimal(3), MarginMode.CROSS)
        assert (await desk.trading.fetch_leverage(desk.instrument.id))[0] == 3

    play(body)


def test_what_is_signed_is_this_account_and_key(play: Play) -> None:
    async def body(desk: Any) -> None:
        await desk.send(await desk.resting())
        (tx,) = desk.line.transactions
        assert (tx["AccountIndex"], tx["ApiKeyIndex"]) == (ACCOUNT_INDEX, API_KEY_INDEX)
        assert tx["TimeInForce"] == 1
        days = (tx["OrderExpiry"] - desk.clock.now_ns() // 1_000_000) / 86_400_000
        assert 27.9 < days < 28.1

    play(body)
