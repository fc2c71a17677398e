"""Sockets: the split by kinds, chunks, many streams, replacement before a day is over, the listen key."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from arb.model import HOUR_NS, MINUTE_NS, SECOND_NS, BookGap, Fill, Order, OrderBook, Trade
from arb.testing import Bench, BenchDesk, FakeClock, FakeContext, FakeWebSockets, Listener, settle
from arb_dialect_fapi._hub import Hub
from arb_dialect_fapi._line import Line
from arb_exchange_binance._dialect import BINANCE
from arb_exchange_binance.fake._venue import open_fake


async def hear(desk: BenchDesk, url: str, messages: list[Any], for_ns: int) -> list[Any]:
    """Open a socket of the fake, send messages, and return what it says meanwhile."""
    heard = []
    async with desk.wire.venue.connect(url) as socket:
        for message in messages:
            await socket.send(json.dumps(message))

        async def listen() -> None:
            async for message in socket.messages():
                heard.append(json.loads(message))

        listening = asyncio.create_task(listen())
        await desk.sleep(for_ns)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    return heard


@pytest.mark.parametrize(
    ("stream", "right", "wrong"),
    [
        ("btcusdt@depth@100ms", "/public", "/market"),
        ("btcusdt@bookTicker", "/public", "/market"),
        ("btcusdt@markPrice", "/market", "/public"),
        ("btcusdt@aggTrade", "/market", "/public"),
    ],
)
def test_a_stream_on_the_wrong_socket_is_acknowledged_and_silent(
    bench: Bench, stream: str, right: str, wrong: str
) -> None:
    async def body(desk: BenchDesk) -> None:
        ask = [{"method": "SUBSCRIBE", "params": [stream], "id": 7}]
        told = await hear(desk, f"ws://x{right}/ws", ask, MINUTE_NS)
        assert told[0] == {"result": None, "id": 7}
        assert len(told) > 1
        for address in (f"ws://x{wrong}/ws", "ws://x/ws"):
            assert await hear(desk, address, ask, MINUTE_NS) == [{"result": None, "id": 7}]

    bench(body)


def test_the_plugin_opens_each_stream_on_its_kind_of_socket(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        books = Listener(desk.streams.watch_order_book(desk.instrument.id))
        trades = Listener(desk.streams.watch_trades(desk.instrument.id))
        account = Listener(desk.streams.watch_account())
        await desk.sleep(10 * SECOND_NS)
        await desk.send(await desk.request())
        await desk.sleep(MINUTE_NS)
        assert isinstance(books.heard[0], OrderBook)
        assert all(isinstance(each, Trade) for each in trades.heard)
        assert trades.heard
        assert {type(each) for each in account.heard} == {Order, Fill}
        opened = [socket.url for socket in desk.wire.sockets]
        paths = sorted(url.partition("://")[2].partition("/")[2].partition("?")[0] for url in opened)
        assert paths == ["market/stream", "private/ws", "public/stream"]
        assert [url for url in opened if "listenKey=" in url]
        await stop([books, trades, account])

    bench(body)


async def stop(listeners: list[Listener[Any]]) -> None:
    for listener in listeners:
        await listener.stop()


def test_hundreds_of_streams_are_spread_and_asked_for_in_chunks(bench: Bench) -> None:
    """At most 200 streams a socket, at most 100 in a message, at most 5 messages a second, none missing."""

    async def body(desk: Any) -> None:
        hub: Hub = desk.streams._public
        names = [f"x{number}@depth@100ms" for number in range(450)]
        listeners = [Listener(hub.listen(name)) for name in names]
        await desk.sleep(10 * SECOND_NS)
        assert len(desk.wire.sockets) == 3
        asked = Counter[str]()
        for socket in desk.wire.sockets:
            mine = [json.loads(message) for message in socket.sent]
            assert all(len(message["params"]) <= 100 for message in mine)
            assert len(mine) <= 5
            streams = {stream for message in mine for stream in message["params"]}
            assert len(streams) <= 200
            asked.update(stream for stream in streams if stream.startswith("x"))
        assert asked == Counter(names)
        await stop(listeners)
        await desk.sleep(SECOND_NS)
        assert hub._lines == []

    bench(body)


def test_everything_is_asked_for_again_on_a_new_socket(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        hub: Hub = desk.streams._public
        names = [f"x{number}@depth@100ms" for number in range(150)]
        listeners = [Listener(hub.listen(name)) for name in names]
        await desk.sleep(5 * SECOND_NS)
        await stop(listeners[120:])
        await desk.sleep(5 * SECOND_NS)
        desk.wire.sockets[0].drop()
        await desk.sleep(MINUTE_NS)
        assert len(desk.wire.sockets) == 2
        again = [json.loads(message) for message in desk.wire.sockets[1].sent]
        streams = [stream for message in again for stream in message["params"] if stream.startswith("x")]
        assert Counter(streams) == Counter(names[:120])
        assert all(message["params"] for message in again)
        await stop(listeners[:120])

    bench(body)


def test_a_socket_is_replaced_before_the_venue_ends_it_and_no_book_has_a_gap(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With days of 24 minutes: the next socket is open before the one is over, and what came meanwhile is told."""
    short = replace(BINANCE, sockets=replace(BINANCE.sockets, life_ns=24 * MINUTE_NS))
    monkeypatch.setattr("arb_exchange_binance._open.BINANCE", short)
    monkeypatch.setattr("arb_exchange_binance.fake._venue.BINANCE", short)

    async def body(desk: Any) -> None:
        books = Listener(desk.streams.watch_order_book(desk.instrument.id))
        trades = Listener(desk.streams.watch_trades(desk.instrument.id))
        await desk.sleep(MINUTE_NS)
        assert len(desk.wire.sockets) == 2
        start = len(books.heard)
        await desk.sleep(50 * MINUTE_NS)
        assert len(desk.wire.sockets) == 6
        assert isinstance(books.heard[0], OrderBook)
        assert not [each for each in books.heard[1:] if isinstance(each, BookGap | OrderBook)]
        for before, after in itertools.pairwise(books.heard):
            assert after.previous == before.sequence
        assert len(books.heard) > start + 500
        told = [(each.ts_event_ns, each.side, each.price, each.quantity) for each in trades.heard]
        assert len(told) == len(set(told)) > 10
        await stop([books, trades])

    bench(body)


def test_a_venue_that_goes_down_is_left_for_another_socket(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        listener = Listener(desk.streams.watch_order_book(desk.instrument.id))
        await desk.sleep(MINUTE_NS)
        news = ['{"stream": "!system", "data": {"e": "serverShutdown", "E": 1}}']
        desk.wire.tamper = lambda message: [message, news.pop()] if news else [message]
        await desk.sleep(MINUTE_NS)
        assert len(desk.wire.sockets) == 2
        assert sum(isinstance(each, OrderBook) for each in listener.heard) == 1
        await listener.stop()

    bench(body)


def test_the_listen_key_is_renewed_and_its_end_is_noticed(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        listener = Listener(desk.streams.watch_account())
        await desk.sleep(3 * HOUR_NS + MINUTE_NS)
        assert len(desk.wire.sent("PUT", "/listenKey")) == 6
        assert len(desk.wire.sent("POST", "/listenKey")) == 1
        assert len(desk.wire.sockets) == 1
        desk.world.memory["listen_key"]["ends_ns"] = 0  # a person ended it at the venue
        await desk.sleep(HOUR_NS)
        assert len(desk.wire.sockets) == 2
        before = len(listener.heard)
        await desk.send(await desk.request())
        await desk.sleep(SECOND_NS)
        assert [type(each) for each in listener.heard[before:]] == [Fill, Order]
        await listener.stop()

    bench(body)


def test_an_expired_key_is_told_by_the_venue(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        listener = Listener(desk.streams.watch_account())
        await desk.sleep(MINUTE_NS)
        news = ['{"e": "listenKeyExpired", "E": 1576653824250}']
        desk.wire.tamper = lambda message: [news.pop()] if news else [message]
        await desk.sleep(2 * MINUTE_NS)  # the answer to a beat carries it
        assert len(desk.wire.sockets) == 2
        await listener.stop()

    bench(body)


def test_a_quiet_account_keeps_its_socket(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        listener = Listener(desk.streams.watch_account())
        await desk.sleep(2 * HOUR_NS)
        (socket,) = desk.wire.sockets
        assert {json.loads(message)["method"] for message in socket.sent} == {"LIST_SUBSCRIPTIONS"}
        assert listener.heard == []
        await listener.stop()

    bench(body)


def test_the_accounts_socket_is_replaced_before_its_day_is_over(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    async def body(desk: BenchDesk) -> None:
        listener = Listener(desk.streams.watch_account())
        await desk.sleep(23 * HOUR_NS - MINUTE_NS)
        assert len(desk.wire.sockets) == 1
        await desk.sleep(3 * HOUR_NS)
        assert len(desk.wire.sockets) == 2
        await desk.send(await desk.request())
        await desk.sleep(SECOND_NS)
        assert [type(each) for each in listener.heard] == [Fill, Order]
        await listener.stop()

    bench(body)
    assert "the venue closed the socket" not in caplog.text


def test_the_fake_ends_a_socket_that_talks_too_much_or_is_too_old(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        beat = {"method": "LIST_SUBSCRIPTIONS", "id": 1}
        assert len(await hear(desk, "ws://x/public/ws", [beat] * 11, SECOND_NS)) == 10
        ended = []
        async with desk.wire.venue.connect("ws://x/public/ws") as socket:
            began_ns = desk.clock.now_ns()
            ended = [message async for message in socket.messages()]
            assert desk.clock.now_ns() - began_ns == 24 * HOUR_NS
        assert ended == []

    bench(body)


def test_a_stream_of_a_wrong_listen_key_is_silent(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        task = asyncio.create_task(hear(desk, "ws://x/private/ws?listenKey=nonsense", [], MINUTE_NS))
        await desk.sleep(SECOND_NS)
        await desk.send(await desk.request())
        assert await task == []

    bench(body)


def test_fakes_of_one_ground_number_books_alike(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        first = (await desk.exchange.market.fetch_order_book(desk.instrument.id, 5)).sequence
        again = open_fake(ground_of(desk))
        desk.wire.venue = again
        assert (await desk.exchange.market.fetch_order_book(desk.instrument.id, 5)).sequence == first

    bench(body)


def ground_of(desk: BenchDesk) -> Any:
    from arb.api import FakeGround

    return FakeGround(exchange=desk.truth, clock=desk.clock, memory=desk.world.memory)


def test_a_stream_that_is_wanted_again_before_its_end_was_told_stays_subscribed() -> None:
    async def pulse() -> str:
        return "pulse"

    async def run() -> None:
        clock, sockets = FakeClock(), FakeWebSockets()
        line = Line(
            FakeContext(clock=clock, websocket=sockets),
            "wss://venue.test",
            most=100,
            life_ns=23 * HOUR_NS,
            pulse=pulse,
            tell=lambda _message: None,
            gap=lambda _line, _connected: None,
        )
        for number in range(20):
            line.add(f"t{number}")
        await clock.run_for(5 * SECOND_NS)
        for number in range(10):  # more than the venue takes in a second
            await line.remove(f"t{number}")
        await clock.run_for(SECOND_NS)
        await line.remove("t19")
        await settle()
        line.add("t19")
        await clock.run_for(20 * SECOND_NS)
        told: set[str] = set()
        for each in sockets.opened[-1][1].sent:
            message = json.loads(each)
            (told.update if message["method"] == "SUBSCRIBE" else told.difference_update)(message["params"])
        assert told == {"pulse", *line.topics}
        await line.close()

    asyncio.run(run())
