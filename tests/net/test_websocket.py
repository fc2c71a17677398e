from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from arb.api import ConnectFailed, ExchangeError
from arb.net import WebsocketsTransport

Handler = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    async with serve(handler, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}"


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


def test_text_and_bytes_go_both_ways_with_headers() -> None:
    async def run() -> None:
        seen: list[str | None] = []

        async def handler(connection: ServerConnection) -> None:
            assert connection.request is not None
            seen.append(connection.request.headers.get("X-Key"))
            await echo(connection)

        async with serving(handler) as url, WebsocketsTransport().connect(url, headers={"X-Key": "k"}) as socket:
            messages = socket.messages()
            for sent in ("text é", b"\x00\xff"):
                await socket.send(sent)
                assert await anext(messages) == sent
        assert seen == ["k"]

    asyncio.run(run())


@pytest.mark.parametrize("code", [1000, 1001, 1011])
def test_messages_end_when_the_venue_closes(code: int) -> None:
    async def run() -> None:
        async def two_then_close(connection: ServerConnection) -> None:
            await connection.send("1")
            await connection.send("2")
            await connection.close(code)

        async with serving(two_then_close) as url, WebsocketsTransport().connect(url) as socket:
            assert [message async for message in socket.messages()] == ["1", "2"]
            with pytest.raises(ConnectFailed, match="closed"):
                await socket.send("too late")

    asyncio.run(run())


def test_messages_end_when_the_connection_breaks() -> None:
    async def run() -> None:
        async def break_off(connection: ServerConnection) -> None:
            await connection.send("1")
            await connection.recv()
            connection.transport.abort()

        async with serving(break_off) as url, WebsocketsTransport().connect(url) as socket:
            messages = socket.messages()
            assert await anext(messages) == "1"
            await socket.send("go")
            assert [message async for message in messages] == []
            with pytest.raises(ExchangeError):
                await socket.send("too late")

    asyncio.run(run())


def test_a_message_longer_than_allowed_ends_the_socket() -> None:
    async def run() -> None:
        async def shout(connection: ServerConnection) -> None:
            await connection.send("x" * 2_000)
            await connection.wait_closed()

        transport = WebsocketsTransport(max_message_bytes=1_000)
        async with serving(shout) as url, transport.connect(url) as socket:
            assert [message async for message in socket.messages()] == []

    asyncio.run(run())


@pytest.mark.parametrize(
    "url",
    [
        "ws://127.0.0.1:1/feed?token=hush",
        "http://127.0.0.1:1/?token=hush",
        "nonsense?hush",
        "ws://[::1?hush",
        "ws://127.0.0.1:99999/feed?token=hush",
        "ws://127.0.0.1:1/feed?token=hush#part",
        "ws://127.0.0.1:1/ws/pqia91ma19a5s61cv6a81va65sdf19v8hush",
        "ws://127.0.0.1:99999/ws/pqia91ma19a5s61cv6a81va65sdf19v8hush",
        "ws://hush:hush@127.0.0.1:99999/ws",
    ],
)
def test_what_cannot_be_reached_fails_without_showing_what_may_be_a_key(url: str) -> None:
    async def run() -> None:
        with pytest.raises(ConnectFailed) as caught:
            async with WebsocketsTransport().connect(url):
                pass
        error: BaseException | None = caught.value
        while error is not None:
            assert "hush" not in str(error)
            error = error.__cause__

    asyncio.run(run())


def test_a_handshake_that_is_refused_redirected_or_silent_fails() -> None:
    async def run() -> None:
        def refuse(status: HTTPStatus) -> Callable[[ServerConnection, Request], Response]:
            def process(connection: ServerConnection, request: Request) -> Response:
                response = connection.respond(status, "no")
                response.headers["Location"] = "ws://127.0.0.1:1/elsewhere"
                return response

            return process

        for status in (HTTPStatus.FORBIDDEN, HTTPStatus.TEMPORARY_REDIRECT):
            async with serve(echo, "127.0.0.1", 0, process_request=refuse(status)) as server:
                port = next(iter(server.sockets)).getsockname()[1]
                with pytest.raises(ConnectFailed, match=str(int(status))):
                    async with WebsocketsTransport().connect(f"ws://127.0.0.1:{port}"):
                        pass

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()
            await writer.wait_closed()
            gone.set()

        gone = asyncio.Event()
        listening = await asyncio.start_server(silent, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        with pytest.raises(ConnectFailed):
            async with WebsocketsTransport(open_timeout_s=0.2).connect(f"ws://127.0.0.1:{port}"):
                pass
        await gone.wait()
        listening.close()
        await listening.wait_closed()

    asyncio.run(run())


def test_leaving_the_block_closes_the_socket_also_after_an_exception() -> None:
    async def run() -> None:
        ended = asyncio.Event()

        async def watch(connection: ServerConnection) -> None:
            await connection.wait_closed()
            ended.set()

        async with serving(watch) as url:
            with pytest.raises(RuntimeError, match="mine"):
                async with WebsocketsTransport().connect(url):
                    raise RuntimeError("mine")
            await asyncio.wait_for(ended.wait(), 5)

    asyncio.run(run())
