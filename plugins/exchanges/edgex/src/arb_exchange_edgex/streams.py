"""Live data: one socket for each iterator."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any, Final

from arb.api import BadResponse, Context
from arb.model import (
    MILLISECOND_NS,
    SECOND_NS,
    BookDelta,
    Fill,
    FundingPayment,
    InstrumentId,
    Order,
    OrderBook,
    Trade,
)
from arb.net import BookMessage, Connected, Stream, StreamRules, chained, decoded

from .market import VenueMarket
from .parse import levels
from .wire import VenueWire

SILENCE_NS: Final = 15 * SECOND_NS
"""The venue sends a heartbeat every five seconds: a socket without one is dead, whatever pings say."""


class VenueStreams:
    """Implements `arb.api.Streams`."""

    def __init__(self, wire: VenueWire, market: VenueMarket, context: Context) -> None:
        self._wire = wire
        self._market = market
        self._parser = market.parser
        self._context = context

    async def watch_order_book(self, instrument: InstrumentId) -> AsyncIterator[OrderBook | BookDelta]:
        """Yield a snapshot, then changes; a new snapshot after every gap."""
        symbol = self._market.instrument(instrument).symbol
        stream = self._stream()
        await stream.subscribe("book", lambda: json.dumps({"subscribe": "book", "symbol": symbol}))

        async def resync(gap: str) -> None:
            stream.restart(gap)

        async with aclosing(chained(self._books(stream, instrument), resync=resync)) as books:
            async for book in books:
                yield book

    async def watch_trades(self, instrument: InstrumentId) -> AsyncIterator[Trade]:
        """Yield nothing: TRADE_STREAM is not declared."""
        nothing: tuple[Trade, ...] = ()
        for trade in nothing:
            yield trade

    async def watch_account(self) -> AsyncIterator[Order | Fill | FundingPayment]:
        """Yield changes of the account; after a reconnection the venue begins with the working orders."""
        stream = self._stream()
        await stream.subscribe("account", self._login)
        async with aclosing(stream.messages()) as messages:
            async for message in messages:
                if isinstance(message, Connected):
                    continue
                try:
                    parsed = self._row(message)
                except BadResponse as error:
                    stream.restart(str(error))
                    continue
                if parsed is not None:
                    yield parsed

    def _stream(self) -> Stream:
        return Stream(self._context, self._wire.stream_url, StreamRules(silence_ns=SILENCE_NS))

    def _login(self) -> str:
        return json.dumps({"subscribe": "account", **self._wire.credentials("GET", "/stream")})

    async def _books(self, stream: Stream, instrument: InstrumentId) -> AsyncGenerator[BookMessage, None]:
        async with aclosing(stream.messages()) as messages:
            async for message in messages:
                if isinstance(message, Connected):
                    yield message
                    continue
                try:
                    parsed = self._book(message, instrument)
                except BadResponse as error:
                    # What it would have said is missing now: only a new snapshot mends that.
                    stream.restart(str(error))
                    continue
                if parsed is not None:
                    yield parsed

    def _row(self, message: str | bytes) -> Order | Fill | FundingPayment | None:
        with self._parser.reading():
            answer = decoded(message, self._context.name)
            if answer["channel"] == "order":
                return self._parser.order(answer["row"])
            if answer["channel"] == "fill":
                return self._parser.fill(answer["row"])
            return self._parser.payment(answer["row"]) if answer["channel"] == "payment" else None

    def _book(self, message: str | bytes, instrument: InstrumentId) -> OrderBook | BookDelta | None:
        with self._parser.reading():
            answer = decoded(message, self._context.name)
            return self._book_of(answer, instrument) if answer["channel"] == "book" else None

    def _book_of(self, answer: Mapping[str, Any], instrument: InstrumentId) -> OrderBook | BookDelta:
        bids, asks = levels(answer["bids"]), levels(answer["asks"])
        ts_event_ns, ts_init_ns = answer["time"] * MILLISECOND_NS, self._context.clock.now_ns()
        if answer["previous"] is None:
            return OrderBook(
                instrument=instrument,
                bids=bids,
                asks=asks,
                sequence=answer["sequence"],
                ts_event_ns=ts_event_ns,
                ts_init_ns=ts_init_ns,
            )
        return BookDelta(
            instrument=instrument,
            bids=bids,
            asks=asks,
            previous=answer["previous"],
            sequence=answer["sequence"],
            ts_event_ns=ts_event_ns,
            ts_init_ns=ts_init_ns,
        )
