"""HTTP over aiohttp."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from arb.api import ConnectFailed, HttpRequest, HttpResponse, OutcomeUnknown
from arb.model import SECOND_NS

from ._redact import explained, shown

if TYPE_CHECKING:
    import aiohttp

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
"""Far above the largest answer of any venue (lists of all instruments: some megabytes)."""

MAX_CONNECTIONS: Final = 100
KEEP_ALIVE_S: Final = 30.0
_READS: Final = frozenset({"GET", "HEAD"})


@dataclass(slots=True)
class _Trip:
    """One request's way: whether it had a connection, from when on bytes may have left."""

    connected: bool = False


class _TooLarge(Exception):
    """The answer is longer than allowed."""


class AiohttpTransport:
    """Implements :class:`arb.api.HttpTransport` over pooled keep-alive connections.

    URL and body leave as given, since venues sign them. Redirects are answers, not followed;
    cookies and proxy settings of the environment are not used. Header names of an answer are
    found in any case. A write is sent at most once; a read may be repeated on a new connection
    when the kept one turns out to be dead.
    """

    def __init__(self, *, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        """Open nothing yet.

        Args:
            max_body_bytes: Longest answer accepted, after decompression.
        """
        self._max_body_bytes = max_body_bytes
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send and return the answer, whatever its status.

        Raises:
            ConnectFailed: no byte left: no connection in time, or a request that cannot be sent.
            OutcomeUnknown: the request may have left; no whole answer of allowed length came back.
        """
        target = _target(request)
        if self._closed:
            raise ConnectFailed(f"{target}: the transport is closed", code="closed")
        problem = _problem(request)
        if problem:
            raise ConnectFailed(f"{target}: not sent: {problem}", code="bad_request")
        trip = _Trip()
        try:
            return await self._send(self._session or self._open(), request, trip)
        except Exception as error:  # whatever it was: what matters is whether the venue may have the request
            why, cause = _explain(request, error)
            if trip.connected:
                raise OutcomeUnknown(f"{target}: sent, but no whole answer: {why}", code="no_answer") from cause
            raise ConnectFailed(f"{target}: no connection: {why}", code="no_connection") from cause

    async def close(self) -> None:
        """Close every connection; later requests fail."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp

        trace = aiohttp.TraceConfig()
        trace.on_connection_create_end.append(_mark_connected)
        trace.on_connection_reuseconn.append(_mark_connected)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS, keepalive_timeout=KEEP_ALIVE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[trace],
        )
        return self._session

    async def _send(self, session: aiohttp.ClientSession, request: HttpRequest, trip: _Trip) -> HttpResponse:
        import aiohttp
        from yarl import URL

        async with session.request(
            request.method,
            URL(request.url, encoded=True),  # never quoted again: the query may be signed
            headers=request.headers,
            data=request.body or None,
            timeout=aiohttp.ClientTimeout(total=request.timeout_ns / SECOND_NS),
            allow_redirects=False,
            skip_auto_headers=("Content-Type",),
            trace_request_ctx=trip,
            middlewares=_middlewares(request),
        ) as response:
            chunks: list[bytes] = []
            size = 0
            async for chunk in response.content.iter_any():
                size += len(chunk)
                if size > self._max_body_bytes:
                    response.close()
                    raise _TooLarge(f"it is longer than {self._max_body_bytes} bytes")
                chunks.append(chunk)
            return HttpResponse(status=response.status, headers=response.headers, body=b"".join(chunks))


async def _mark_connected(session: object, context: Any, params: object) -> None:
    context.trace_request_ctx.connected = True


def _middlewares(request: HttpRequest) -> Sequence[aiohttp.ClientMiddlewareType]:
    """Keep aiohttp from repeating PUT and DELETE by itself when a kept connection was dead."""
    if request.method.upper() in _READS:
        return ()
    sent = False

    async def once(
        outgoing: aiohttp.ClientRequest,
        handler: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]],
    ) -> aiohttp.ClientResponse:
        import aiohttp

        nonlocal sent
        if sent:
            raise aiohttp.ServerDisconnectedError("the connection was lost; a write is not sent twice")
        sent = True
        return await handler(outgoing)

    return (once,)


def _target(request: HttpRequest) -> str:
    return f"{request.method} {shown(request.url)}".strip()


def _explain(request: HttpRequest, error: Exception) -> tuple[str, Exception | None]:
    """Return the reason, and the cause unless its text would show a key."""
    if isinstance(error, TimeoutError):
        return f"not within {request.timeout_ns / SECOND_NS:g} s", None
    return explained(request.url, error)


def _problem(request: HttpRequest) -> str | None:
    try:
        parts = urlsplit(request.url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or not request.url.isascii() or any(mark.isspace() for mark in request.url):
        return "its URL is not a complete, quoted http or https address"
    if not request.method.isalpha():
        return f"{request.method!r} is no method"
    for name, value in request.headers.items():
        if not name or any(mark in text for text in (name, value) for mark in "\r\n\0"):
            return f"header {name!r} holds a line break or has no name"
    if request.timeout_ns <= 0:
        return "its timeout is not positive"
    return None
