"""Many listeners on one socket, which come and go, and a venue that ends, refuses and talks nonsense."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from arb.api import AuthenticationFailed, BadResponse, WebSocket
from arb.model import SECOND_NS
from arb.net import Connected, SharedStream, Stream, StreamRules
from arb.testing import FakeClock, FakeContext, FakeWebSocket, FakeWebSockets, Listener, settle


class Venue:
    """Speaks `topic number`; `boom` is what its reader cannot take."""

    def __init__(self, *, snapshots: bool = False, restart_when_behind: bool = False) -> None:
        self.clock = FakeClock()
        self.sockets = FakeWebSockets()
        self.refuses = False
        self.may_begin = asyncio.Event()
        self.may_begin.set()
        self._snapshots = snapshots
        context = FakeContext(clock=self.clock, websocket=self.sockets)
        rules = StreamRules(silence_ns=30 * SECOND_NS, greet=self._greet)
        self.shared = SharedStream[str, int](
            context,
            Stream(context, "wss://venue.test", rules),
            subscription=lambda key: f"+{key}",
            cancellation=lambda key: f"-{key}",
            take=self._take,
            most_unread=10,
            restart_when_behind=restart_when_behind,
            begin=self._begin,
            joined=self._joined,
        )

    async def listen(self, *keys: str) -> Listener[Connected | int]:
        listener = Listener(self.shared.listen(*keys))
        await settle()
        return listener

    async def push(self, message: str) -> None:
        self.socket.push(message)
        await settle()

    @property
    def socket(self) -> FakeWebSocket:
        return self.sockets.opened[-1][1]

    async def _begin(self) -> None:
        await self.may_begin.wait()

    def _joined(self, key: str) -> None:
        if self._snapshots:
            self.shared.resubscribe(key)

    async def _greet(self, socket: WebSocket) -> None:
        if self.refuses:
            raise AuthenticationFailed("who are you?")

    async def _take(self, message: str | bytes) -> None:
        topic, number = str(message).split()
        if topic == "boom":
            raise RuntimeError("boom")
        self.shared.tell(topic, int(number))


def play(venue: Venue, body: Callable[[Venue], Awaitable[None]]) -> None:
    async def run() -> None:
        async with venue.shared.opened():
            await body(venue)
        await settle()
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())


def test_one_socket_serves_all_and_lasts_as_long_as_somebody_listens() -> None:
    async def body(venue: Venue) -> None:
        assert venue.sockets.opened == []
        one = await venue.listen("a", "b")
        other = await venue.listen("b")
        assert venue.socket.sent == ["+a", "+b"]
        for message in ("a 1", "b 2", "c 3"):
            await venue.push(message)
        assert await other.stop() == [Connected(), 2]
        await settle()
        assert venue.socket.sent == ["+a", "+b"]

        late = await venue.listen("c")
        assert await one.stop() == [Connected(), 1, 2]
        await settle()
        assert venue.socket.sent == ["+a", "+b", "+c", "-a", "-b"]
        await venue.push("c 4")
        assert await late.stop() == [Connected(), 4]
        await settle()

        again = await venue.listen("a")
        assert len(venue.sockets.opened) == 2
        assert venue.socket.sent == ["+a"]
        await again.stop()

    play(Venue(), body)


def test_a_new_socket_is_a_gap_for_all() -> None:
    async def body(venue: Venue) -> None:
        listeners = [await venue.listen("a"), await venue.listen("b")]
        venue.shared.restart("a number is missing")
        await venue.clock.run_for(SECOND_NS)
        assert venue.socket.sent == ["+a", "+b"]
        for listener in listeners:
            assert await listener.stop() == [Connected(), Connected("a number is missing")]

    play(Venue(), body)


@pytest.mark.parametrize("restarts", [False, True])
def test_one_who_is_too_far_behind_has_a_gap_and_may_need_a_new_socket(restarts: bool) -> None:
    async def body(venue: Venue) -> None:
        slow = venue.shared.listen("a")
        assert await anext(slow) == Connected()
        quick = await venue.listen("a")
        for number in range(12):
            await venue.push(f"a {number}")
        why = "10 messages stood unread"
        assert [await anext(slow), await anext(slow)] == [Connected(why), 10]
        await venue.clock.run_for(SECOND_NS)
        assert len(venue.sockets.opened) == 1 + restarts
        assert (await quick.stop())[-1] == (Connected(why) if restarts else 11)
        await slow.aclose()

    play(Venue(restart_when_behind=restarts), body)


def test_who_joins_others_may_have_the_venue_begin_anew() -> None:
    async def body(venue: Venue) -> None:
        one, other = await venue.listen("a"), await venue.listen("a", "b")
        assert venue.socket.sent == ["+a", "-a", "+a", "+b"]
        for each in (one, other):
            await each.stop()

    play(Venue(snapshots=True), body)


def test_an_error_of_the_reader_is_told_to_all_and_the_next_one_begins_anew() -> None:
    async def body(venue: Venue) -> None:
        listeners = [await venue.listen("a"), await venue.listen("b")]
        await venue.push("boom 1")
        for listener in listeners:
            assert isinstance(listener.error, BadResponse)
            assert listener.error.code == "bug"
        after = await venue.listen("a")
        await venue.push("a 5")
        assert await after.stop() == [Connected(), 5]

    play(Venue(), body)


def test_what_no_new_socket_mends_is_told_as_it_is() -> None:
    async def body(venue: Venue) -> None:
        venue.refuses = True
        listener = await venue.listen("a")
        assert isinstance(listener.error, AuthenticationFailed)

    play(Venue(), body)


def test_nothing_is_opened_before_it_may_begin() -> None:
    async def body(venue: Venue) -> None:
        venue.may_begin.clear()
        listener = await venue.listen("a")
        assert venue.sockets.opened == []
        venue.may_begin.set()
        await settle()
        await venue.push("a 1")
        assert "a" in venue.shared
        assert await listener.stop() == [Connected(), 1]
        assert "a" not in venue.shared

    play(Venue(), body)


def test_everybody_may_be_told_something() -> None:
    async def body(venue: Venue) -> None:
        one, other = await venue.listen("a", "b"), await venue.listen("c")
        venue.shared.tell_all(7)
        await settle()
        for each in (one, other):
            assert (await each.stop())[-1] == 7
            assert len(each.heard) == 2

    play(Venue(), body)


def test_nobody_waits_for_a_reader_that_was_cancelled_from_elsewhere() -> None:
    async def body(venue: Venue) -> None:
        venue.may_begin.clear()
        first = await venue.listen("a")
        (reading,) = (task for task in asyncio.all_tasks() if "_read" in repr(task.get_coro()))
        reading.cancel()
        await settle()
        assert isinstance(first.error, BadResponse)
        venue.may_begin.set()
        second = await venue.listen("a")
        await venue.push("a 1")
        assert await second.stop() == [Connected(), 1]

    play(Venue(), body)
