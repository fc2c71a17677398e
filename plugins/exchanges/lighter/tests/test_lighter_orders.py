"""Orders over the fake venue: nonces, reports that come late or never, and what is certain."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

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
from arb.testing import Bench, BenchDesk
from arb_exchange_lighter.fake._keys import ACCOUNT_INDEX, API_KEY_INDEX


def transactions(desk: BenchDesk) -> list[dict[str, Any]]:
    """Return the transactions that left, as the venue reads them."""
    forms = [dict(parse_qsl(each.body.decode())) for each in desk.wire.sent("POST", "/sendTx")]
    return [json.loads(form["tx_info"]) for form in forms]


async def true_orders(truth: SimulatedExchange) -> list[OrderStatus]:
    return [order.status for order in await truth.trading.fetch_orders(0)]


def test_concurrent_orders_leave_in_the_order_of_their_nonces(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        requests = [await desk.request(side) for side in (Side.BUY, Side.SELL) * 3]
        orders = await asyncio.gather(*(desk.send(request) for request in requests))
        assert {order.status for order in orders} == {OrderStatus.FILLED}
        nonces = [tx["Nonce"] for tx in transactions(desk)]
        assert nonces == list(range(nonces[0], nonces[0] + 6))
        assert len(desk.wire.sent("GET", "/nextNonce")) == 1, "asked for at opening, and never again"

    bench(body)


def test_a_nonce_that_somebody_else_used_is_asked_for_anew(bench: Bench) -> None:
    """Refused for its nonce an order was certainly not taken: it is signed again and sent once more."""

    async def body(desk: Any) -> None:
        await desk.send(await desk.request())
        desk.wire.venue._desk.memory.nonces[API_KEY_INDEX] += 3
        order = await desk.send(await desk.request())
        assert order.status is OrderStatus.FILLED
        first, refused, taken = (tx["Nonce"] for tx in transactions(desk))
        assert (refused - first, taken - first) == (1, 4)
        assert await true_orders(desk.truth) == [OrderStatus.FILLED] * 2

    bench(body)


def test_a_nonce_that_is_refused_for_ever_ends_as_not_sent(bench: Bench) -> None:
    """Two processes on one key: neither loops, and nothing is claimed of the order."""

    def refuse(request: HttpRequest) -> HttpResponse | None:
        if "/sendTx" not in request.url:
            return None
        return HttpResponse(status=400, headers={}, body=b'{"code":21104,"message":"invalid nonce"}')

    async def body(desk: BenchDesk) -> None:
        desk.wire.answer = refuse
        with pytest.raises(NotSent, match="another process"):
            await desk.send(await desk.request())
        assert len(transactions(desk)) == 3
        assert await true_orders(desk.truth) == []

    bench(body)


def test_after_a_lost_answer_the_nonce_is_asked_for_and_the_order_found(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.script.plan("send_order", after=OutcomeUnknown("gone"))
        request = await desk.request()
        with pytest.raises(OutcomeUnknown):
            await desk.send(request)
        assert len(desk.wire.sent("GET", "/nextNonce")) == 1
        found = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert found.status is OrderStatus.FILLED
        second = await desk.send(await desk.request(Side.SELL))
        assert second.status is OrderStatus.FILLED
        assert len(desk.wire.sent("GET", "/nextNonce")) == 2
        first, later = (tx["Nonce"] for tx in transactions(desk))
        assert later == first + 1

    bench(body)


def test_an_order_that_never_left_leaves_no_hole_in_the_nonces(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.script.plan("send_order", before=ConnectFailed("no line"))
        request = await desk.request()
        with pytest.raises(ConnectFailed):
            await desk.send(request)
        with pytest.raises(UnknownOrder):
            await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        await desk.send(await desk.request())
        lost, sent = (tx["Nonce"] for tx in transactions(desk))
        assert lost == sent
        with pytest.raises(Rejected):
            await desk.send(request)  # an id is sent once, whatever became of it

    bench(body)


def test_an_order_that_is_queued_and_never_reported_is_submitted(bench: Bench) -> None:
    """An invalid reduce-only order vanishes at the venue: that it was queued says nothing more."""

    def queue(request: HttpRequest) -> HttpResponse | None:
        body = {"code": 200, "message": "", "tx_hash": "00", "predicted_execution_time_ms": 0}
        return (
            None
            if "/sendTx" not in request.url
            else HttpResponse(status=200, headers={}, body=json.dumps(body).encode())
        )

    async def body(desk: BenchDesk) -> None:
        desk.wire.answer = queue
        began_ns = desk.clock.now_ns()
        request = await desk.request(reduce_only=True)
        order = await desk.send(request)
        assert (order.status, order.filled_quantity) == (OrderStatus.SUBMITTED, ZERO)
        assert desk.clock.now_ns() - began_ns <= 2 * SECOND_NS, "within the time that execution gives an order"
        with pytest.raises(UnknownOrder):
            await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert desk.exchange.traits.order_validity_ns >= 599 * SECOND_NS, "and until then it may still come"

    bench(body)


def test_without_a_socket_orders_are_asked_for(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.lose_sockets()
        await desk.sleep(MINUTE_NS)
        order = await desk.send(await desk.request())
        assert order.status is OrderStatus.FILLED
        assert desk.wire.sent("GET", "/accountOrders")
        resting = await desk.send(await desk.resting())
        assert resting.status is OrderStatus.OPEN

    bench(body)


def test_a_report_by_the_socket_costs_no_request(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.exchange.market.fetch_instruments()
        await desk.sleep(SECOND_NS)
        before = len(desk.wire.requests)
        await desk.send(await desk.request())
        assert [each.url.rpartition("/")[2] for each in desk.wire.requests[before:]] == ["sendTx"]

    bench(body)


def test_a_post_only_order_that_would_take_is_refused_when_it_is_its_turn(bench: Bench) -> None:
    """The venue queues it, and ends it as canceled-post-only."""

    async def body(desk: BenchDesk) -> None:
        request = await desk.request(time_in_force=TimeInForce.GTC, post_only=True)
        with pytest.raises(WouldCross) as refused:
            await desk.send(request)
        assert refused.value.code == "canceled-post-only"
        found = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert (found.status, found.filled_quantity) == (OrderStatus.REJECTED, ZERO)
        assert await true_orders(desk.truth) == []

    bench(body)


def test_an_order_placed_elsewhere_has_a_name_of_its_own(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.resting(client_order_id=ClientOrderId("77"))
        placed = await desk.truth.trading.send_order(await desk.truth.trading.prepare_order(request))
        (found,) = await desk.trading.fetch_open_orders()
        assert found.request.client_order_id == "foreign-77"
        assert (found.request.price, found.status) == (placed.request.price, OrderStatus.OPEN)
        await desk.trading.cancel_all()
        await desk.sleep(desk.exchange.traits.read_after_write_ns)
        assert await desk.trading.fetch_open_orders() == []

    bench(body)


def test_cancelling_one_market_leaves_the_others(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        other = (await desk.exchange.market.fetch_instruments())[1]
        bid = (await desk.truth.market.fetch_bbo(other.id)).bid
        await desk.send(await desk.resting())
        far = other.limit_price(Side.BUY, bid * Decimal("0.97"))
        await desk.send(await desk.resting(instrument=other.id, price=far, quantity=other.floor_quantity(100 / bid)))
        await desk.trading.cancel_all(desk.instrument.id)
        (left,) = await desk.trading.fetch_open_orders()
        assert left.request.instrument == other.id
        assert transactions(desk)[-1]["L2TxAttributes"] == {"5": 0}

    bench(body)


def test_a_switch_below_five_minutes_becomes_five_minutes(bench: Bench) -> None:
    """The venue schedules nothing sooner; an order is never cancelled before the time that was asked for."""

    async def body(desk: BenchDesk) -> None:
        assert isinstance(desk.trading, DeadMansSwitch)
        await desk.send(await desk.resting())
        await desk.trading.arm_dead_mans_switch(90 * SECOND_NS)
        await desk.sleep(5 * MINUTE_NS)
        assert await true_orders(desk.truth) == [OrderStatus.OPEN]
        await desk.sleep(10 * SECOND_NS)
        assert await true_orders(desk.truth) == [OrderStatus.CANCELLED]

    bench(body)


def test_leverage_that_the_venue_cannot_write_exactly_is_read_back_as_asked(bench: Bench) -> None:
    """3x is 3334 of 10,000, which is no more than 3x; its apps write 3333, which is read as 3x as well."""

    async def body(desk: Any) -> None:
        for leverage in (3, 7, 1, 40):
            await desk.trading.set_leverage(desk.instrument.id, Decimal(leverage), MarginMode.CROSS)
            await desk.sleep(desk.exchange.traits.read_after_write_ns)
            assert await desk.trading.fetch_leverage(desk.instrument.id) == (leverage, MarginMode.CROSS)
            fraction = transactions(desk)[-1]["InitialMarginFraction"]
            assert fraction * leverage >= 10_000
        desk.wire.venue._desk.memory.fractions[0] = 3_333
        await desk.truth.trading.set_leverage(desk.instrument.id, Decimal(3), MarginMode.CROSS)
        assert (await desk.trading.fetch_leverage(desk.instrument.id))[0] == 3

    bench(body)


def test_what_is_signed_is_this_account_and_key(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.resting())
        (tx,) = transactions(desk)
        assert (tx["AccountIndex"], tx["ApiKeyIndex"]) == (ACCOUNT_INDEX, API_KEY_INDEX)
        assert tx["TimeInForce"] == 1
        days = (tx["OrderExpiry"] - desk.clock.now_ns() // 1_000_000) / 86_400_000
        assert 27.9 < days < 28.1

    bench(body)
