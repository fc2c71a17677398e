"""A fake venue on a port of this machine, for clients that are not ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final, cast

from arb.api import BadResponse, ExchangeError, FakeVenue, HttpRequest, NotSent, OutcomeUnknown, WebSocket
from arb.model import HOUR_NS

if TYPE_CHECKING:
    from aiohttp import web

LOOPBACK: Final = "127.0.0.1"
_MAX_BODY_BYTES: Final = 4 * 1024 * 1024
_UNREADABLE: Final = b"<html>502 Bad Gateway</html>"


class VenueServer:
    """What is served, and the sockets that are open now."""

    def __init__(self, venue: FakeVenue) -> None:
        self._venue = venue
        self._lines: set[asyncio.Transport] = set()
        self.requests = 0
        self.sockets_opened = 0

    def drop_sockets(self) -> int:
        """Cut every open socket as a broken line does; return how many there were."""
        dropped = list(self._lines)
        for line in dropped:
            line.abort()
        return len(dropped)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, or serve one socket."""
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._socket(request)
        from aiohttp import web

        self.requests += 1
        body = await request.read()
        asked = HttpRequest(
            method=request.method,
            url=f"http://{request.host}{request.raw_path}",
            headers=request.headers,
            body=body,
            timeout_ns=HOUR_NS,
        )
        try:
            answer = await self._venue.send(asked)
        except (NotSent, OutcomeUnknown):
            return _cut(request)
        except BadResponse:
            return web.Response(status=200, body=_UNREADABLE)
        except ExchangeError as error:
            return web.Response(status=500, text=f"{type(error).__name__} {error.code}")
        return web.Response(status=answer.status, headers=_sendable(answer.headers), body=answer.body)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        socket = web.WebSocketResponse(max_msg_size=_MAX_BODY_BYTES, protocols=_offered(request))
        await socket.prepare(request)
        line = cast("asyncio.Transport", request.transport)
        self._lines.add(line)
        self.sockets_opened += 1
        url = f"ws://{request.host}{request.raw_path}"
        try:
            async with self._venue.connect(url, headers=request.headers) as inner:
                pumping = asyncio.create_task(_pump(inner, socket))
                try:
                    async for message in socket:
                        if message.type in (web.WSMsgType.TEXT, web.WSMsgType.BINARY):
                            await inner.send(message.data)
                except ExchangeError:
                    pass  # the venue has closed its end meanwhile
                finally:
                    pumping.cancel()
                    await asyncio.gather(pumping, return_exceptions=True)
        except ExchangeError:
            pass  # no socket for this client: it sees it close
        finally:
            self._lines.discard(line)
            await socket.close()
        return socket


@asynccontextmanager
async def served(venue: FakeVenue, *, port: int = 0) -> AsyncIterator[tuple[VenueServer, str]]:
    """Serve a fake venue on loopback; yield the server and its address, such as `http://127.0.0.1:8701`.

    Args:
        venue: Answers requests on every path, and sockets on every path.
        port: 0 takes one that is free.

    Raises:
        OSError: the port is taken.
    """
    from aiohttp import web

    server = VenueServer(venue)
    app = web.Application(client_max_size=_MAX_BODY_BYTES)
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, port).start()
        yield server, f"http://{LOOPBACK}:{runner.addresses[0][1]}"
    finally:
        server.drop_sockets()
        await runner.cleanup()


async def _pump(inner: WebSocket, socket: web.WebSocketResponse) -> None:
    """Carry what the venue says to the client, then close."""
    with suppress(ConnectionError):
        async for message in inner.messages():
            if isinstance(message, str):
                await socket.send_str(message)
            else:
                await socket.send_bytes(message)
    await socket.close()


def _offered(request: web.Request) -> list[str]:
    """Return the subprotocols that a client offers: it takes the answer for a refusal where none is chosen."""
    offered = request.headers.getall("Sec-WebSocket-Protocol", [])
    return [name.strip() for line in offered for name in line.split(",")]


def _cut(request: web.Request) -> web.StreamResponse:
    """End the connection without an answer: a client cannot tell what became of its request."""
    from aiohttp import web

    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def _sendable(headers: object) -> dict[str, str]:
    """Return an answer's headers without those that the server sets by itself."""
    assert hasattr(headers, "items")
    own = {"content-length", "transfer-encoding", "connection"}
    return {name: value for name, value in headers.items() if name.lower() not in own}
