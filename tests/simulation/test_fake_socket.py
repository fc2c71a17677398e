from __future__ import annotations

import asyncio

import pytest

from arb.api import ConnectFailed, OutcomeUnknown, Rejected
from arb.simulation import VenueSocket, served_socket
from arb.testing import settle


async def echo(socket: VenueSocket) -> None:
    async for message in socket.received():
        socket.push(message)


def test_messages_go_both_ways_in_order() -> None:
    async def run() -> None:
        async with served_socket(echo) as socket:
            messages = aiter(socket.messages())
            for message in ("a", b"b", ""):
                await socket.send(message)
            assert [await anext(messages) for _ in range(3)] == ["a", b"b", ""]

    asyncio.run(run())


@pytest.mark.parametrize("error", [None, Rejected("no"), OutcomeUnknown("lost")])
def test_the_client_reads_what_was_said_before_the_venue_ended(error: Exception | None) -> None:
    async def say(socket: VenueSocket) -> None:
        socket.push("1")
        socket.push("2")
        if error is not None:
            raise error

    async def run() -> None:
        async with served_socket(say) as socket:
            assert [message async for message in socket.messages()] == ["1", "2"]
            with pytest.raises(ConnectFailed, match="closed"):
                await socket.send("late")

    asyncio.run(run())


def test_the_venue_sees_the_client_leave_and_is_stopped() -> None:
    seen: list[str] = []

    async def wait(socket: VenueSocket) -> None:
        try:
            async for message in socket.received():
                seen.append(str(message))
            seen.append("left")
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("stopped")
            raise

    async def run() -> None:
        async with served_socket(wait) as socket:
            await socket.send("hello")
            await settle()
        assert seen[0] == "hello"
        assert seen[-1] == "stopped"

    asyncio.run(run())


def test_what_is_pushed_after_the_end_is_lost_and_closing_twice_is_closing() -> None:
    async def run() -> None:
        ends: list[VenueSocket] = []

        async def keep(socket: VenueSocket) -> None:
            ends.append(socket)
            await asyncio.Event().wait()

        async with served_socket(keep) as socket:
            await settle()
            ends[0].push("1")
            ends[0].close()
            ends[0].push("2")
            ends[0].close()
            assert [message async for message in socket.messages()] == ["1"]
            assert [message async for message in ends[0].received()] == []

    asyncio.run(run())


def test_what_the_client_raises_is_raised_and_the_venue_is_stopped() -> None:
    async def run() -> None:
        ends: list[VenueSocket] = []

        async def keep(socket: VenueSocket) -> None:
            ends.append(socket)
            await asyncio.Event().wait()

        async def leave() -> None:
            async with served_socket(keep):
                await settle()
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await leave()
        assert ends[0].is_closed

    asyncio.run(run())
