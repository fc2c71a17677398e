"""WebSockets over the websockets library."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from arb.api import ConnectFailed, OutcomeUnknown, WebSocket

from ._redact import explained, shown

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

OPEN_TIMEOUT_S: Final = 10.0
CLOSE_TIMEOUT_S: Final = 3.0
PING_S: Final = 20.0
"""Between pings, and how long an answer may take: a dead connection ends within twice that."""
MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024


class WebsocketsTransport:
    """Implements :class:`arb.api.WebSocketTransport`.

    Redirects are refused, since headers may hold keys; proxy settings of the environment are not
    used. Pings find connections that died silently.
    """

    def __init__(self, *, open_timeout_s: float = OPEN_TIMEOUT_S, max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        """Open nothing yet.

        Args:
            open_timeout_s: Until the socket is open.
            max_message_bytes: A longer message closes the socket.
        """
        self._open_timeout_s = open_timeout_s
        self._max_message_bytes = max_message_bytes

    @asynccontextmanager
    async def connect(self, url: str, *, headers: Mapping[str, str] = MappingProxyType({})) -> AsyncIterator[WebSocket]:
        """Open a socket for the length of the block.

        Raises:
            ConnectFailed: it could not be opened.
        """
        if not _is_address(url):
            raise ConnectFailed(f"{_target(url)}: not a ws or wss address", code="bad_request")
        try:
            connection = await self._open(url, headers)
        except Exception as error:  # nothing of ours was sent yet, whatever went wrong
            why, cause = explained(url, error)
            raise ConnectFailed(f"{_target(url)}: no WebSocket: {why}", code="no_connection") from cause
        try:
            yield _Socket(connection, _target(url))
        finally:
            await connection.close()

    async def _open(self, url: str, headers: Mapping[str, str]) -> ClientConnection:
        from websockets.asyncio.client import connect

        class Connect(connect):
            def process_redirect(self, exc: Exception) -> Exception | str:
                return exc

        return await Connect(
            url,
            additional_headers=dict(headers),
            open_timeout=self._open_timeout_s,
            close_timeout=CLOSE_TIMEOUT_S,
            ping_interval=PING_S,
            ping_timeout=PING_S,
            max_size=self._max_message_bytes,
            proxy=None,
        )


class _Socket:
    """Implements :class:`arb.api.WebSocket`."""

    def __init__(self, connection: ClientConnection, target: str) -> None:
        self._connection = connection
        self._target = target

    async def send(self, message: str | bytes) -> None:
        """Send one message.

        Raises:
            ConnectFailed: the socket was closed before; nothing left.
            OutcomeUnknown: it closed meanwhile; the message may have left.
        """
        from websockets.exceptions import ConnectionClosed
        from websockets.protocol import State

        if self._connection.state is not State.OPEN:
            raise ConnectFailed(f"{self._target}: the WebSocket is closed", code="closed")
        try:
            await self._connection.send(message)
        except ConnectionClosed as error:
            raise OutcomeUnknown(
                f"{self._target}: the WebSocket closed while sending: {error}", code="no_answer"
            ) from error

    async def messages(self) -> AsyncIterator[str | bytes]:
        """Yield messages until the socket closes, in whichever way."""
        from websockets.exceptions import ConnectionClosed

        try:
            async for message in self._connection:
                yield message
        except ConnectionClosed:
            return


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("ws", "wss") and bool(parts.hostname)


def _target(url: str) -> str:
    return shown(url) or "WebSocket"
