"""The venue's end of a WebSocket whose other end is in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from arb.api import ConnectFailed, ExchangeError, WebSocket

Message = str | bytes


class VenueSocket:
    """What a fake venue holds of one socket."""

    def __init__(self) -> None:
        self.to_client: asyncio.Queue[Message | None] = asyncio.Queue()
        self.to_venue: asyncio.Queue[Message | None] = asyncio.Queue()
        self.is_closed = False

    def push(self, message: Message) -> None:
        """Send to the client; after the end it is lost."""
        if not self.is_closed:
            self.to_client.put_nowait(message)

    async def received(self) -> AsyncGenerator[Message, None]:
        """Yield what the client sends until either side closes."""
        while (message := await self.to_venue.get()) is not None:
            yield message

    def close(self) -> None:
        """End the socket for both sides; the client still reads what was pushed before."""
        if not self.is_closed:
            self.is_closed = True
            self.to_client.put_nowait(None)
            self.to_venue.put_nowait(None)


class _ClientSocket:
    """Implements :class:`arb.api.WebSocket`."""

    def __init__(self, socket: VenueSocket) -> None:
        self._socket = socket

    async def send(self, message: Message) -> None:
        if self._socket.is_closed:
            raise ConnectFailed("the WebSocket is closed", code="closed")
        self._socket.to_venue.put_nowait(message)

    async def messages(self) -> AsyncGenerator[Message, None]:
        while (message := await self._socket.to_client.get()) is not None:
            yield message


@asynccontextmanager
async def served_socket(serve: Callable[[VenueSocket], Awaitable[None]]) -> AsyncIterator[WebSocket]:
    """Lend the client's end while `serve` runs on the venue's; the socket closes when `serve` returns.

    An :class:`arb.api.ExchangeError` out of `serve` closes it as a lost connection does.
    """
    socket = VenueSocket()

    async def run() -> None:
        try:
            await serve(socket)
        except ExchangeError:
            pass  # for the client: the connection is gone
        finally:
            socket.close()

    serving = asyncio.create_task(run())
    try:
        yield _ClientSocket(socket)
    finally:
        socket.close()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
