"""A small venue of a test, served on loopback to the real transports."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import MappingProxyType

import aiohttp
import pytest

from arb.api import (
    BadResponse,
    ConnectFailed,
    ExchangeError,
    HttpRequest,
    HttpResponse,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    WebSocket,
)
from arb.net import AiohttpTransport, VenueServer, WebsocketsTransport, served
from arb.simulation import VenueSocket, served_socket

Serve = Callable[[VenueSocket], Awaitable[None]]


async def echo(socket: VenueSocket) -> None:
    async for message in socket.received():
        socket.push(message)


class SmallVenue:
    """Implements `arb.api.FakeVenue`: answers with what it was asked, or raises what it is told to."""

    def __init__(self, serve: Serve = echo) -> None:
        self._serve = serve
        self.asked: list[HttpRequest] = []
        self.connected: list[tuple[str, Mapping[str, str]]] = []
        self.error: Exception | None = None
        self.answer = HttpResponse(status=200, headers={}, body=b"{}")

    async def send(self, request: HttpRequest) -> HttpResponse:
        self.asked.append(request)
        if self.error is not None:
            raise self.error
        return self.answer

    def connect(
        self, url: str, *, headers: Mapping[str, str] = MappingProxyType({})
    ) -> AbstractAsyncContextManager[WebSocket]:
        self.connected.append((url, dict(headers)))
        if self.error is not None:
            raise self.error
        return served_socket(self._serve)


@asynccontextmanager
async def serving(venue: SmallVenue) -> AsyncIterator[tuple[VenueServer, str, AiohttpTransport]]:
    http = AiohttpTransport()
    try:
        async with served(venue) as (server, address):
            yield server, address, http
    finally:
        await http.close()


def post(url: str, body: bytes = b"{}") -> HttpRequest:
    return HttpRequest(method="POST", url=url, body=body, headers={"X-Key": "k"}, timeout_ns=5_000_000_000)


def test_a_request_and_its_answer_pass_as_they_are() -> None:
    async def run() -> None:
        venue = SmallVenue()
        venue.answer = HttpResponse(status=418, headers={"Retry-After": "3", "Content-Length": "77"}, body=b"\x00\xff")
        async with serving(venue) as (server, address, http):
            answer = await http.send(post(f"{address}/p%2Fq?a=b%2Bc&sig=x%3D", bytes(range(256)) * 100))
            assert (answer.status, answer.body, answer.headers["retry-after"]) == (418, b"\x00\xff", "3")
            assert answer.headers["content-length"] == "2"
            (asked,) = venue.asked
            assert (asked.method, asked.body) == ("POST", bytes(range(256)) * 100)
            assert asked.url == f"{address}/p%2Fq?a=b%2Bc&sig=x%3D"
            assert asked.headers["x-key"] == "k"
            assert server.requests == 1

    asyncio.run(run())


@pytest.mark.parametrize("error", [ConnectFailed("lost"), OutcomeUnknown("lost")])
def test_a_lost_request_or_answer_is_a_connection_that_breaks(error: ExchangeError) -> None:
    async def run() -> None:
        venue = SmallVenue()
        async with serving(venue) as (_, address, http):
            venue.error = error
            for _ in range(3):
                with pytest.raises(OutcomeUnknown):
                    await http.send(post(address))
            assert len(venue.asked) == 3
            venue.error = None
            assert (await http.send(post(address))).status == 200

    asyncio.run(run())


@pytest.mark.parametrize(
    ("error", "status"), [(BadResponse("spoilt"), 200), (Rejected("no", code="7"), 500), (KeyError("bug"), 500)]
)
def test_other_errors_are_answers(error: Exception, status: int, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        venue = SmallVenue()
        venue.error = error
        with caplog.at_level(logging.CRITICAL, "aiohttp.server"):
            async with serving(venue) as (_, address, http):
                answer = await http.send(post(address))
        assert answer.status == status
        if status == 200:
            assert b"<html>" in answer.body
        if isinstance(error, Rejected):
            assert answer.body == b"Rejected 7"

    asyncio.run(run())


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
def test_a_body_that_is_too_large_is_refused_and_the_venue_does_not_see_it() -> None:
    async def run() -> None:
        venue = SmallVenue()
        async with serving(venue) as (_, address, http):
            answer = await http.send(post(address, bytes(5 * 1024 * 1024)))
            assert answer.status == 413
            assert (await http.send(post(address, bytes(3 * 1024 * 1024)))).status == 200
            assert [len(each.body) for each in venue.asked] == [3 * 1024 * 1024]

    asyncio.run(run())


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH"])
def test_every_method_and_path_is_the_venues(method: str) -> None:
    async def run() -> None:
        venue = SmallVenue()
        async with serving(venue) as (_, address, http):
            for path in ("/", "/a/b/c", "/a?x=1"):
                await http.send(HttpRequest(method=method, url=address + path))
            assert [(each.method, each.url.removeprefix(address)) for each in venue.asked] == [
                (method, path) for path in ("/", "/a/b/c", "/a?x=1")
            ]

    asyncio.run(run())


def test_what_is_no_http_is_refused_and_the_server_goes_on() -> None:
    async def run() -> None:
        venue = SmallVenue()
        async with serving(venue) as (_, address, http):
            port = int(address.rpartition(":")[2])
            for nonsense in (b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nHost: x\r\n\r\n"):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(nonsense)
                assert b" 400 " in await reader.readline()
                writer.close()
                await writer.wait_closed()
            assert venue.asked == []
            assert (await http.send(post(address))).status == 200

    asyncio.run(run())


def test_a_socket_carries_text_and_bytes_both_ways_with_headers() -> None:
    async def run() -> None:
        venue = SmallVenue()
        async with serving(venue) as (server, address, _):
            url = f"{address.replace('http', 'ws')}/ws?token=a%2Bb"
            async with WebsocketsTransport().connect(url, headers={"X-Key": "k"}) as socket:
                messages = aiter(socket.messages())
                for message in ("text é", b"\x00\xff", "x" * 1_000_000):
                    await socket.send(message)
                    assert await anext(messages) == message
            ((connected, headers),) = venue.connected
            assert connected == url
            assert headers["X-Key"] == "k"
            assert (server.sockets_opened, server.requests) == (1, 0)

    asyncio.run(run())


@pytest.mark.parametrize("offered", [(), ("a-login=",), ("first", "second")])
def test_a_socket_has_the_first_subprotocol_that_its_client_offers(offered: tuple[str, ...]) -> None:
    async def run() -> None:
        async with (
            serving(SmallVenue()) as (_, address, _http),
            aiohttp.ClientSession() as session,
            session.ws_connect(address, protocols=offered) as socket,
        ):
            assert socket.protocol == (offered[0] if offered else None)
            await socket.send_str("hello")
            assert await socket.receive_str() == "hello"

    asyncio.run(run())


def test_a_socket_ends_when_the_venue_ends_it_after_what_it_said() -> None:
    async def say_two(socket: VenueSocket) -> None:
        socket.push("1")
        socket.push("2")

    async def refuse(socket: VenueSocket) -> None:
        raise Rejected("not you")

    async def run(serve: Serve, said: list[str]) -> None:
        async with (
            serving(SmallVenue(serve)) as (_, address, _http),
            WebsocketsTransport().connect(address.replace("http", "ws")) as socket,
        ):
            assert [message async for message in socket.messages()] == said
            with pytest.raises(ConnectFailed):
                await socket.send("late")

    asyncio.run(run(say_two, ["1", "2"]))
    asyncio.run(run(refuse, []))


def test_a_socket_that_the_venue_does_not_open_closes() -> None:
    async def run() -> None:
        venue = SmallVenue()
        venue.error = RateLimited("too many")
        async with serving(venue) as (server, address, _):
            async with WebsocketsTransport().connect(address.replace("http", "ws")) as socket:
                assert [message async for message in socket.messages()] == []
            assert server.drop_sockets() == 0

    asyncio.run(run())


def test_the_venue_sees_a_client_leave() -> None:
    async def run() -> None:
        left = asyncio.Event()

        async def wait(socket: VenueSocket) -> None:
            try:
                async for _ in socket.received():
                    pass
            finally:
                left.set()

        async with serving(SmallVenue(wait)) as (_, address, _http):
            async with WebsocketsTransport().connect(address.replace("http", "ws")) as socket:
                await socket.send("hello")
            async with asyncio.timeout(5):
                await left.wait()

    asyncio.run(run())


def test_dropped_sockets_break_and_new_ones_open() -> None:
    async def run() -> None:
        venue = SmallVenue()
        async with serving(venue) as (server, address, http):
            url, transport = address.replace("http", "ws"), WebsocketsTransport()
            for _ in range(2):
                async with transport.connect(url) as one, transport.connect(url) as other:
                    for socket in (one, other):
                        await socket.send("x")
                        assert await anext(aiter(socket.messages())) == "x"
                    assert server.drop_sockets() == 2
                    for socket in (one, other):
                        assert [message async for message in socket.messages()] == []
                        with pytest.raises(ExchangeError):
                            await socket.send("late")
            assert server.sockets_opened == 4
            assert (await http.send(post(address))).status == 200
            async with asyncio.timeout(5):
                while server.drop_sockets():
                    await http.send(post(address))

    asyncio.run(run())


def test_a_message_that_is_too_long_closes_its_socket_only() -> None:
    async def run() -> None:
        async with serving(SmallVenue()) as (_, address, http):
            async with WebsocketsTransport().connect(address.replace("http", "ws")) as socket:
                await socket.send(bytes(5 * 1024 * 1024))
                assert [message async for message in socket.messages()] == []
            assert (await http.send(post(address))).status == 200

    asyncio.run(run())


def test_closing_cuts_what_is_open_and_frees_the_port() -> None:
    async def run() -> None:
        transport = WebsocketsTransport()
        async with served(SmallVenue()) as (_, address):
            port = int(address.rpartition(":")[2])
            with pytest.raises(OSError, match="address already in use"):
                async with served(SmallVenue(), port=port):
                    pass
            socket = await (connecting := transport.connect(address.replace("http", "ws"))).__aenter__()
        assert [message async for message in socket.messages()] == []
        await connecting.__aexit__(None, None, None)
        async with served(SmallVenue(), port=port) as (_, again):
            assert again == address

    asyncio.run(run())
