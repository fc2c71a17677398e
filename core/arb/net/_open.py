"""Opens the production transports."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from arb.api import HttpTransport, WebSocketTransport

from ._http import AiohttpTransport
from ._websocket import WebsocketsTransport


@asynccontextmanager
async def open_transports() -> AsyncIterator[tuple[HttpTransport, WebSocketTransport]]:
    """Lend both transports; their libraries are imported at the first use, so a simulation never does."""
    http = AiohttpTransport()
    try:
        yield http, WebsocketsTransport()
    finally:
        await http.close()
