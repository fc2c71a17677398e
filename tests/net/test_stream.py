"""A stream over sockets that end, fall silent, refuse, or bring too much."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from decimal import Decimal
from functools import partial

import pytest
from websockets.asyncio.server import ServerConnection, serve

from arb.api import AuthenticationFailed, BadResponse, WebSocket
from arb.model import HOUR_NS, MINUTE_NS, SECOND_NS
from arb.net import Connected, RateBudget, RateLimit, Stream, StreamRules, WebsocketsTransport
from arb.runtime import WallClock
from arb.testing import START_NS, FakeClock, FakeContext, FakeWebSocket, FakeWebSockets, settle

URL = "wss://venue.test/ws?listenKey=secret-secret-1234567890"
RULES = StreamRules(silence_ns=30 * SECOND_NS, is_data=lambda message: message != "pong")


class Venue:
    """A stream over fake sockets, and everything it has yielded."""

    def __init__(self, rules: StreamRules = RULES, *, reachable: bool = True) -> None:
        self.clock = FakeClock()
        self.sockets = FakeWebSockets(reachable=reachable)
        self.stream = Stream(FakeContext(clock=self.clock, websocket=self.sockets), URL, rules)
        self.seen: list[object] = []

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[asyncio.Task[None]]:
        task = asyncio.create_task(self._read())
        await settle()
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _read(self) -> None:
        async with aclosing(self.stream.messages()) as messages:
            async for message in messages:
                self.seen.append(message)

    @property
    def socket(self) -> FakeWebSocket:
        return self.sockets.opened[-1][1]

    async def push(self, message: str) -> None:
        self.socket.push(message)
        await settle()


def play(venue: Venue, body: Callable[[Venue], Awaitable[None]]) -> None:
    async def run() -> None:
        async with venue.reading():
            await body(venue)

    asyncio.run(run())


def test_after_an_end_everything_is_asked_for_again() -> None:
    async def body(venue: Venue) -> None:
        times = iter(range(10))
        venue.stream.subscribe("book", lambda: f"book signed at {next(times)}")
        venue.stream.subscribe("trades", lambda: "trades")
        await settle()
        venue.stream.unsubscribe("trades", lambda: "no trades")
        await venue.push("1")
        first = venue.socket
        assert first.sent == ["book signed at 0", "trades", "no trades"]
        first.push("2")
        first.close()
        await venue.clock.run_for(SECOND_NS)
        await venue.push("3")
        assert venue.socket.sent == ["book signed at 1"]
        assert venue.seen == [Connected(), "1", "2", Connected("the venue closed the socket"), "3"]

    play(Venue(), body)


def test_a_socket_that_only_answers_pings_is_dead() -> None:
    async def body(venue: Venue) -> None:
        await venue.clock.run_for(20 * SECOND_NS)
        await venue.push("data")
        for _ in range(29):
            await venue.push("pong")
            await venue.clock.run_for(SECOND_NS)
        assert len(venue.sockets.opened) == 1
        await venue.clock.run_for(2 * SECOND_NS)
        assert len(venue.sockets.opened) == 2
        assert venue.seen[-1] == Connected("no data for 30 s")

    play(Venue(), body)


def test_the_venues_own_ping_is_sent_while_the_socket_is_open() -> None:
    async def body(venue: Venue) -> None:
        for _ in range(3):
            await venue.clock.run_for(20 * SECOND_NS)
            await venue.push("data")
        assert venue.socket.sent == ["ping"] * 3

    play(Venue(StreamRules(silence_ns=MINUTE_NS, ping=("ping", 20 * SECOND_NS))), body)


def test_a_venue_that_cannot_be_reached_is_asked_ever_less_often(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)

    async def body(venue: Venue) -> None:
        await venue.clock.run_for(60 * MINUTE_NS)
        waits = [record.getMessage() for record in caplog.records]
        assert 60 <= len(waits) <= 130
        assert venue.seen == []
        assert not any("secret" in text for text in waits)

    play(Venue(reachable=False), body)


def test_one_that_opens_and_closes_at_once_is_no_success() -> None:
    async def body(venue: Venue) -> None:
        for _ in range(400):
            if not venue.socket.sent:
                await venue.push("hello")
                venue.socket.sent.append("closed")
                venue.socket.close()
            await venue.clock.run_for(SECOND_NS)
        assert 8 <= len(venue.sockets.opened) <= 20

    play(Venue(), body)


def test_a_venue_that_drops_every_socket_after_a_while_is_met_again_at_once() -> None:
    async def body(venue: Venue) -> None:
        for number in range(1, 12):
            assert len(venue.sockets.opened) == number
            await venue.clock.run_for(20 * SECOND_NS)
            await venue.push("data")
            venue.socket.close()
            await venue.clock.run_for(SECOND_NS)

    play(Venue(), body)


def test_a_reader_that_falls_behind_gets_a_new_socket_and_not_the_past() -> None:
    async def run() -> None:
        venue = Venue()
        async with aclosing(venue.stream.messages()) as messages:
            assert await anext(messages) == Connected()
            for number in range(10_001):
                venue.socket.push(str(number))
            await settle()
            following = asyncio.create_task(anext(messages))
            await venue.clock.run_for(SECOND_NS)
            assert await following == Connected("10000 messages stood unread")

    asyncio.run(run())


def test_others_have_their_turn_while_thousands_of_messages_are_read() -> None:
    async def body(venue: Venue) -> None:
        for number in range(5_000):
            venue.socket.push(str(number))
        turns = 0
        while len(venue.seen) < 5_001:
            await venue.clock.sleep_until(START_NS)
            turns += 1
        assert turns > 5_000 / 20, "else an order would wait until all of them are read"

    play(Venue(), body)


def test_a_restart_after_a_gap_and_a_subscription_made_while_nothing_is_open() -> None:
    async def body(venue: Venue) -> None:
        venue.stream.restart("a gap in the book")
        await settle()
        venue.stream.subscribe("book", lambda: "book")
        await venue.clock.run_for(SECOND_NS)
        assert venue.seen == [Connected(), Connected("a gap in the book")]
        assert venue.socket.sent == ["book"]

    play(Venue(), body)


def test_sockets_and_messages_are_paced() -> None:
    async def run() -> None:
        clock, sockets = FakeClock(), FakeWebSockets()
        budget = RateBudget(clock, [RateLimit(weight=2, per_ns=SECOND_NS)], reserve=Decimal(0))
        stream = Stream(
            FakeContext(clock=clock, websocket=sockets), URL, StreamRules(silence_ns=MINUTE_NS, sends=budget)
        )
        for number in range(5):
            stream.subscribe(str(number), partial(str, number))
        async with aclosing(stream.messages()) as messages:
            first = asyncio.create_task(anext(messages))
            await settle()
            assert sockets.opened[0][1].sent == ["0", "1"]
            await clock.run_for(2 * SECOND_NS)
            assert sockets.opened[0][1].sent == ["0", "1", "2", "3", "4"]
            assert await first == Connected()

    asyncio.run(run())


def test_nobody_waits_for_the_budget_of_subscriptions_and_one_given_up_before_is_not_sent() -> None:
    async def run() -> None:
        clock, sockets = FakeClock(), FakeWebSockets()
        budget = RateBudget(clock, [RateLimit(weight=1, per_ns=SECOND_NS)], reserve=Decimal(0))
        rules = StreamRules(silence_ns=MINUTE_NS, sends=budget)
        stream = Stream(FakeContext(clock=clock, websocket=sockets), URL, rules)
        async with aclosing(stream.messages()) as messages:
            assert await anext(messages) == Connected()
            socket = sockets.opened[0][1]
            for key in ("a", "b", "c"):
                stream.subscribe(key, partial(str, key))
            await settle()
            assert socket.sent == ["a"]
            socket.push("read while others wait")
            assert await anext(messages) == "read while others wait"
            stream.unsubscribe("b", lambda: "no b")
            stream.unsubscribe("a", lambda: "no a")
            stream.unsubscribe("c", lambda: "no c")
            stream.unsubscribe("a", lambda: None)
            stream.subscribe("c", lambda: "c again")
            await clock.run_for(9 * SECOND_NS)
            assert socket.sent == ["a", "c again", "no a"]

    asyncio.run(run())


def test_what_mends_a_gap_is_sent_before_what_is_asked_for_the_first_time() -> None:
    async def run() -> None:
        clock, sockets = FakeClock(), FakeWebSockets()
        budget = RateBudget(clock, [RateLimit(weight=2, per_ns=SECOND_NS)], reserve=Decimal("0.5"))
        rules = StreamRules(silence_ns=MINUTE_NS, sends=budget)
        stream = Stream(FakeContext(clock=clock, websocket=sockets), URL, rules)
        async with aclosing(stream.messages()) as messages:
            assert await anext(messages) == Connected()
            stream.subscribe("held", lambda: "held")
            await settle()
            for number in range(50):
                stream.subscribe(str(number), partial(str, number))
            await settle()
            stream.resubscribe("held", lambda: "no held", lambda: "held anew")
            stream.resubscribe("40", lambda: "no 40", lambda: "40 anew")
            await clock.run_for(3 * SECOND_NS)
            assert sockets.opened[0][1].sent[:5] == ["held", "0", "no held", "held anew", "1"]
            await clock.run_for(50 * SECOND_NS)
            sent = sockets.opened[0][1].sent
            assert "no 40" not in sent
            assert sent.count("40 anew") == 1
            assert len(sent) == len(set(sent)) == 53

    asyncio.run(run())


def test_a_subscription_that_cannot_be_made_ends_its_socket(caplog: pytest.LogCaptureFixture) -> None:
    async def body(venue: Venue) -> None:
        def broken() -> str:
            raise ValueError("no such key")

        venue.stream.subscribe("book", broken)
        await settle()
        venue.stream.unsubscribe("book")
        await venue.clock.run_for(SECOND_NS)
        assert "a message could not be made: ValueError('no such key')" in str(venue.seen[-1])

    play(Venue(), body)


def test_every_socket_is_opened_where_the_venue_wants_it_now() -> None:
    async def run() -> None:
        clock, sockets, keys = FakeClock(), FakeWebSockets(), iter("abc")

        async def address() -> str:
            key = next(keys)
            if key == "b":
                raise BadResponse("not JSON: <html>")
            return f"wss://venue.test/{key}"

        context = FakeContext(clock=clock, websocket=sockets)
        stream = Stream(context, "wss://venue.test", StreamRules(silence_ns=SECOND_NS), address=address)
        async with aclosing(stream.messages()) as messages:
            for _ in range(2):
                following = asyncio.create_task(anext(messages))
                await clock.run_for(5 * SECOND_NS)
                assert isinstance(await following, Connected)
        assert [url for url, _ in sockets.opened] == ["wss://venue.test/a", "wss://venue.test/c"]

    asyncio.run(run())


def test_a_subscription_that_could_not_be_sent_ends_its_socket_and_is_sent_on_the_next() -> None:
    async def run() -> None:
        clock, sockets = FakeClock(), FakeWebSockets()
        budget = RateBudget(clock, [RateLimit(weight=10, per_ns=SECOND_NS)])
        rules = StreamRules(silence_ns=9 * HOUR_NS, sends=budget)
        stream = Stream(FakeContext(clock=clock, websocket=sockets), URL, rules)
        async with aclosing(stream.messages()) as messages:
            assert await anext(messages) == Connected()
            budget.pause(START_NS + 2 * HOUR_NS)
            stream.subscribe("book", lambda: "book")
            seen: list[object] = []

            async def read() -> None:
                seen.extend([each async for each in messages])

            reading = asyncio.create_task(read())
            await clock.run_for(3 * HOUR_NS)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            assert sockets.opened[0][1].sent == []
            assert sockets.opened[-1][1].sent == ["book"]

    asyncio.run(run())


def test_a_refused_login_is_told_and_not_tried_again() -> None:
    async def refuse(socket: WebSocket) -> None:
        raise AuthenticationFailed("the key is revoked")

    async def run() -> None:
        venue = Venue(StreamRules(silence_ns=MINUTE_NS, greet=refuse))
        async with venue.reading() as task:
            with pytest.raises(AuthenticationFailed):
                await task

    asyncio.run(run())


def test_over_real_sockets_that_drop_again_and_again_every_message_is_asked_for_anew() -> None:
    asked: list[str] = []

    async def handler(connection: ServerConnection) -> None:
        asked.append(str(await connection.recv()))
        await connection.send("snapshot")
        await connection.close(1011)

    async def run() -> None:
        async with serve(handler, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            context = FakeContext(clock=WallClock(), websocket=WebsocketsTransport())
            stream = Stream(context, f"ws://127.0.0.1:{port}", RULES)
            stream.subscribe("book", lambda: "book")
            seen: list[object] = []
            async with aclosing(stream.messages()) as messages:
                async for message in messages:
                    seen.append(message)
                    if len(seen) == 6:
                        break
            again = Connected("the venue closed the socket")
            assert seen == [Connected(), "snapshot", again, "snapshot", again, "snapshot"]
            assert asked == ["book"] * 3

    asyncio.run(run())
