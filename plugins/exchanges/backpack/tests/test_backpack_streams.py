"""Streams over the fake: gaps, reconnects, silence, what was missed, who listens."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from arb.model import MINUTE_NS, SECOND_NS, BookDelta, BookGap, Fill, Order, OrderBook, OrderStatus, Side
from arb.testing import Bench, BenchDesk, Listener, applied

DEPTH = 1_000


def wholes(listener: Listener[Any]) -> list[type]:
    """Return what was told besides changes."""
    return [type(each) for each in listener.heard if not isinstance(each, BookDelta)]


def test_a_book_of_the_stream_is_the_book(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        listener = Listener(desk.streams.watch_order_book(desk.instrument.id))
        await desk.sleep(20 * SECOND_NS)
        await desk.check_book(listener, DEPTH)
        assert [type(each) for each in listener.heard[:1]] == [OrderBook]
        assert sum(isinstance(each, BookDelta) for each in listener.heard) > 5
        assert len(desk.wire.sent("GET", "/api/v1/depth")) == 1
        await listener.stop()

    bench(body)


def test_a_gap_is_mended_by_a_new_snapshot(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        lose: list[bool] = []

        def tamper(message: str | bytes) -> list[str | bytes]:
            if lose and json.loads(message).get("stream", "").startswith("depth"):
                lose.pop()
                return []
            return [message]

        desk.wire.tamper = tamper
        listener = Listener(desk.streams.watch_order_book(desk.instrument.id))
        await desk.sleep(10 * SECOND_NS)
        lose.append(True)
        await desk.sleep(10 * SECOND_NS)
        assert not lose
        await desk.check_book(listener, DEPTH)
        assert wholes(listener) == [OrderBook, BookGap, OrderBook]
        await listener.stop()

    bench(body)


def test_a_change_that_cannot_be_read_is_a_gap(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        broken: list[bool] = []

        def tamper(message: str | bytes) -> list[str | bytes]:
            data = json.loads(message)
            if broken and data.get("stream", "").startswith("depth"):
                broken.pop()
                data["data"]["b"] = [["oops", "1"]]
                return [json.dumps(data)]
            return [message]

        desk.wire.tamper = tamper
        listener = Listener(desk.streams.watch_order_book(desk.instrument.id))
        await desk.sleep(10 * SECOND_NS)
        broken.append(True)
        await desk.sleep(10 * SECOND_NS)
        await desk.check_book(listener, DEPTH)
        assert wholes(listener) == [OrderBook, BookGap, OrderBook]
        await listener.stop()

    bench(body)


def test_after_a_reconnect_a_book_begins_with_a_snapshot(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        listener = Listener(desk.streams.watch_order_book(desk.instrument.id))
        await desk.sleep(5 * SECOND_NS)
        desk.wire.sockets[0].drop()
        await desk.sleep(20 * SECOND_NS)
        assert len(desk.wire.sockets) == 2
        await desk.check_book(listener, DEPTH)
        assert wholes(listener) == [OrderBook, BookGap, OrderBook]
        topics = [json.loads(each)["params"] for each in desk.wire.sockets[1].sent]
        assert sorted(topics) == [["depth.BTC_USDC_PERP"], ["ticker.BTC_USDC_PERP"]]
        await listener.stop()

    bench(body)


def test_a_quiet_market_on_a_living_socket_is_left_alone(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.tamper = lambda message: [] if '"stream": "trade' in str(message) else [message]
        listener = Listener(desk.streams.watch_trades(desk.instrument.id))
        await desk.sleep(10 * MINUTE_NS)
        assert len(desk.wire.sockets) == 1
        assert await listener.stop() == []

    bench(body)


def test_many_listeners_share_a_socket_and_leave_nothing_behind(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        streams = desk.streams
        names = [each.id for each in await desk.exchange.market.fetch_instruments()]
        listeners = [Listener(streams.watch_order_book(name)) for name in (*names, names[0])]
        listeners.append(Listener(streams.watch_trades(names[0])))
        await desk.sleep(10 * SECOND_NS)
        assert len(desk.wire.sockets) == 1
        assert applied(listeners[0].heard).sides == applied(listeners[3].heard).sides
        await listeners[0].stop()
        sent = [json.loads(each) for each in desk.wire.sockets[0].sent]
        assert [each for each in sent if each["method"] == "UNSUBSCRIBE"] == []  # another one still listens
        await listeners[3].stop()
        sent = [json.loads(each) for each in desk.wire.sockets[0].sent]
        assert sent[-1] == {"method": "UNSUBSCRIBE", "params": ["depth.BTC_USDC_PERP"]}
        for listener in listeners:
            await listener.stop()
        await desk.sleep(SECOND_NS)
        assert asyncio.all_tasks() - {asyncio.current_task()} == set()

    bench(body)


def test_the_account_tells_each_fill_once_with_the_id_of_the_history(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        waiting = await desk.resting()
        await desk.send(waiting)
        listener = Listener(desk.streams.watch_account())
        await desk.sleep(2 * SECOND_NS)
        assert [each.request.client_order_id for each in listener.heard] == [waiting.client_order_id]
        await desk.send(await desk.request(quantity=desk.instrument.lot_size * 3))
        await desk.trading.cancel_order(desk.instrument.id, waiting.client_order_id)
        await desk.sleep(5 * SECOND_NS)
        fills = [each for each in listener.heard if isinstance(each, Fill)]
        listed = await desk.trading.fetch_fills(0)
        assert [each.fill_id for each in fills] == [each.fill_id for each in listed]
        assert [each.fee for each in fills] == [each.fee for each in listed]
        orders = [each for each in listener.heard if isinstance(each, Order)]
        assert orders[-1].status is OrderStatus.CANCELLED
        assert OrderStatus.FILLED in {each.status for each in orders}
        await listener.stop()

    bench(body)


def test_what_the_account_did_while_the_socket_was_gone_is_told(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        listener = Listener(desk.streams.watch_account())
        await desk.sleep(2 * SECOND_NS)
        await desk.send(await desk.request())
        await desk.sleep(2 * SECOND_NS)
        desk.wire.tamper = lambda message: []
        desk.wire.sockets[0].drop()
        await desk.send(await desk.request(Side.SELL))
        resting = await desk.resting()
        await desk.send(resting)
        await desk.sleep(2 * SECOND_NS)
        desk.wire.tamper = None
        await desk.sleep(3 * MINUTE_NS)
        fills = [each.fill_id for each in listener.heard if isinstance(each, Fill)]
        assert fills == [each.fill_id for each in await desk.trading.fetch_fills(0)]
        names = [each.request.client_order_id for each in listener.heard if isinstance(each, Order)]
        assert resting.client_order_id in names
        await listener.stop()

    bench(body)


def test_a_refused_subscription_is_tried_again_and_told(bench: Bench, caplog: Any) -> None:
    async def body(desk: BenchDesk) -> None:
        refusals = [True]

        def tamper(message: str | bytes) -> list[str | bytes]:
            if refusals:
                refusals.pop()
                return [json.dumps({"id": None, "error": {"code": 4002, "message": "Invalid signature"}})]
            return [message]

        desk.wire.tamper = tamper
        listener = Listener(desk.streams.watch_account())
        await desk.sleep(10 * SECOND_NS)
        assert len(desk.wire.sockets) == 2
        await desk.send(await desk.request())
        await desk.sleep(SECOND_NS)
        assert any(isinstance(each, Fill) for each in listener.heard)
        assert not listener.is_over
        await listener.stop()

    bench(body)
    assert "Invalid signature" in caplog.text


def test_noise_on_the_socket_harms_nobody(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        noise = ["nonsense", "[]", "7", '{"stream":"depth.BTC_USDC_PERP"}', '{"data":{}}', b"\xff"]
        desk.wire.tamper = lambda message: [noise.pop(), message] if noise else [message]
        listener = Listener(desk.streams.watch_order_book(desk.instrument.id))
        await desk.sleep(20 * SECOND_NS)
        assert not noise
        await desk.check_book(listener, DEPTH)
        await listener.stop()

    bench(body)
