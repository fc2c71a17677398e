"""Sockets: a channel that is refused, orders that have no size, and a socket that is gone."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from arb.api import BadResponse
from arb.model import MINUTE_NS, SECOND_NS, Order, OrderBook, OrderStatus
from arb.testing import Bench, BenchDesk, Listener, WireSocket

CLOSE_ALL = {
    "order_index": (1 << 48) + 5,
    "client_order_index": 0,
    "market_index": 0,
    "initial_base_amount": "0.0000",
    "filled_base_amount": "0.0000",
    "filled_quote_amount": "0.000000",
    "price": "1900.00",
    "is_ask": True,
    "type": "stop-loss",
    "time_in_force": "immediate-or-cancel",
    "reduce_only": True,
    "trigger_price": "2000.00",
    "status": "pending",
    "timestamp": 1_777_941_383_576,
}
"""A stop for the whole position; the sheet has `base_amount` 0 as "close all"."""


def asked(socket: WireSocket, channel: str) -> int:
    """Return how often a channel was subscribed to."""
    messages = [json.loads(each) for each in socket.sent]
    return sum(1 for each in messages if (each["type"], each.get("channel")) == ("subscribe", channel))


def refusing(desk: BenchDesk, channel: str, error: dict[str, Any]) -> None:
    """Have the venue refuse a channel from now on, and say nothing else of it."""

    def tamper(message: str | bytes) -> Iterable[str | bytes]:
        body = json.loads(message)
        if "error" in body:
            return [json.dumps({"error": error})]
        if str(body.get("channel", "")).replace(":", "/") != channel:
            return [message]
        return [json.dumps({"error": error})] if str(body["type"]).startswith("subscribed/") else []

    desk.wire.tamper = tamper


def test_a_refused_channel_is_asked_for_again_alone(bench: Bench) -> None:
    """The others go on over the same socket; the venue names no channel, which is the one that is not answered."""

    async def body(desk: BenchDesk) -> None:
        refusing(desk, "trade/0", {"code": 30005, "message": "Invalid Channel"})
        books = Listener(desk.streams.watch_order_book(desk.instrument.id))
        trades = Listener(desk.streams.watch_trades(desk.instrument.id))
        await desk.sleep(5 * SECOND_NS)
        (socket,) = [each for each in desk.wire.open_sockets if asked(each, "trade/0")]
        await desk.sleep(50 * SECOND_NS)
        assert (asked(socket, "trade/0"), asked(socket, "order_book/0")) == (1, 1)
        await desk.sleep(10 * SECOND_NS)
        assert (asked(socket, "trade/0"), asked(socket, "order_book/0")) == (2, 1)
        await desk.sleep(MINUTE_NS)
        assert (asked(socket, "trade/0"), asked(socket, "order_book/0")) == (3, 1)
        assert not trades.heard
        desk.wire.tamper = None
        await desk.sleep(5 * MINUTE_NS)
        assert trades.heard
        assert socket.is_open
        assert sum(isinstance(each, OrderBook) for each in books.heard) == 1, "the book had no gap"
        for listener in (books, trades):
            await listener.stop()

    bench(body)


def test_a_channel_that_nobody_wants_any_more_is_not_asked_for_again(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        refusing(desk, "trade/0", {"code": 30005, "message": "Invalid Channel"})
        books = Listener(desk.streams.watch_order_book(desk.instrument.id))
        trades = Listener(desk.streams.watch_trades(desk.instrument.id))
        await desk.sleep(5 * SECOND_NS)
        await trades.stop()
        await desk.sleep(2 * MINUTE_NS)
        assert sum(asked(each, "trade/0") for each in desk.wire.sockets) == 1
        await books.stop()

    bench(body)


@pytest.mark.parametrize("code", [30009, 30010, 30005])
def test_a_refusal_that_is_of_no_channel_begins_anew(bench: Bench, code: int) -> None:
    """Too many messages: it may have been one that mends a book. Any other, when every channel was answered."""

    async def body(desk: BenchDesk) -> None:
        listener = Listener(desk.streams.watch_order_book(desk.instrument.id))
        await desk.sleep(5 * SECOND_NS)
        (socket,) = [each for each in desk.wire.open_sockets if asked(each, "order_book/0")]
        desk.wire.garble(json.dumps({"error": {"code": code, "message": "no"}}))
        await desk.sleep(10 * SECOND_NS)
        assert not socket.is_open
        assert sum(isinstance(each, OrderBook) for each in listener.heard) == 2
        await listener.stop()

    bench(body)


def test_a_stop_for_the_whole_position_is_no_order(bench: Bench) -> None:
    """It has no size: it rests nowhere, and hides no order that does, in the list and on the socket."""

    async def body(desk: BenchDesk) -> None:
        listener = Listener(desk.streams.watch_account())
        resting = await desk.resting()
        await desk.send(resting)
        await desk.sleep(SECOND_NS)
        desk.wire.change_json("/accountActiveOrders", lambda found: {**found, "orders": [CLOSE_ALL, *found["orders"]]})
        (found,) = await desk.trading.fetch_open_orders()
        assert found.request.client_order_id == resting.client_order_id

        def add(message: str | bytes) -> Iterable[str | bytes]:
            body = json.loads(message)
            if str(body.get("type", "")).endswith("/account_all_orders"):
                body["orders"].setdefault("0", []).insert(0, CLOSE_ALL)
            return [json.dumps(body)]

        for socket in desk.wire.open_sockets:
            socket.tamper = add
        sockets = len(desk.wire.sockets)
        taken = await desk.send(await desk.request())
        await desk.sleep(5 * SECOND_NS)
        told = [each for each in listener.heard if isinstance(each, Order)]
        assert told[-1].request.client_order_id == taken.request.client_order_id
        assert len(desk.wire.sockets) == sockets
        await listener.stop()

    bench(body)


def test_an_order_without_a_size_that_waits_for_no_price_cannot_be_read(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        row = {**CLOSE_ALL, "type": "limit"}
        desk.wire.change_json("/accountActiveOrders", lambda found: {**found, "orders": [row]})
        with pytest.raises(BadResponse, match="quantity"):
            await desk.trading.fetch_open_orders()

    bench(body)


def test_an_order_does_not_wait_for_reports_of_a_socket_that_is_gone(bench: Bench) -> None:
    """Long before the silence is noticed, and before there is another socket."""

    async def body(desk: BenchDesk) -> None:
        request = await desk.request()
        desk.wire.lose_sockets()
        await desk.sleep(3 * SECOND_NS)
        began_ns = desk.clock.now_ns()
        order = await desk.send(request)
        assert order.status is OrderStatus.FILLED
        assert desk.clock.now_ns() - began_ns < SECOND_NS
        assert len(desk.wire.sent("GET", "/accountOrders")) == 1

    bench(body)
