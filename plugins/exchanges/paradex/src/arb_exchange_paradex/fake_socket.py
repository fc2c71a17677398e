"""The venue's side of a socket: books, the account, and a heartbeat."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

from arb.api import FakeGround
from arb.model import SECOND_NS, Fill, InstrumentId, Order
from arb.simulation import VenueSocket, changed_levels

from .fake_rows import Rows

_HEARTBEAT_NS: Final = 5 * SECOND_NS


async def serve(
    socket: VenueSocket, ground: FakeGround, rows: Rows, authenticate: Callable[[dict[str, str], str, str], None]
) -> None:
    """Serve one socket until the client leaves; a bad signature ends it."""
    async with _tasks() as start:
        start(_heartbeats(socket, ground))
        async for message in socket.received():
            asked = json.loads(message)
            if asked.get("subscribe") == "book" and asked.get("symbol") in rows.names:
                start(_books(socket, ground, rows, rows.names[asked["symbol"]]))
            if asked.get("subscribe") == "account":
                authenticate(asked, "GET", "/stream")
                start(_account(socket, ground, rows))


@asynccontextmanager
async def _tasks() -> AsyncIterator[Callable[[Coroutine[Any, Any, None]], object]]:
    started: list[asyncio.Task[None]] = []
    try:
        yield lambda work: started.append(asyncio.create_task(work))
    finally:
        for task in started:
            task.cancel()
        await asyncio.gather(*started, return_exceptions=True)


async def _heartbeats(socket: VenueSocket, ground: FakeGround) -> None:
    while True:
        await ground.clock.sleep_until(ground.clock.now_ns() + _HEARTBEAT_NS)
        socket.push(json.dumps({"channel": "heartbeat"}))


async def _books(socket: VenueSocket, ground: FakeGround, rows: Rows, name: InstrumentId) -> None:
    shown = None
    async for book in ground.exchange.streams.watch_order_book(name):
        if shown is None:
            socket.push(json.dumps(rows.book(book, None)))
        else:
            bids, asks = changed_levels(shown.bids, book.bids), changed_levels(shown.asks, book.asks)
            delta = replace(book, bids=tuple(bids), asks=tuple(asks))
            socket.push(json.dumps(rows.book(delta, shown.sequence)))
        shown = book


async def _account(socket: VenueSocket, ground: FakeGround, rows: Rows) -> None:
    async for record in ground.exchange.streams.watch_account():
        if isinstance(record, Order):
            row = {"channel": "order", "row": rows.order(record)}
        elif isinstance(record, Fill):
            row = {"channel": "fill", "row": rows.fill(record)}
        else:
            row = {"channel": "payment", "row": rows.payment(record)}
        socket.push(json.dumps(row))
