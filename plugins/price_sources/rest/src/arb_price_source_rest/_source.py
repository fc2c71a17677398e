"""The price source."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from arb.api import BadResponse, Context, Exchange, Settings
from arb.model import InstrumentId, OrderBook


class RestSettings(Settings):
    """Nothing can be set."""


class RestSource:
    """Asks the exchange."""

    async def fetch_order_book(self, exchange: Exchange, instrument: InstrumentId, depth: int) -> OrderBook:
        """Return a book read now.

        Raises:
            BadResponse: the answer is for another instrument.
            ExchangeError: whatever the exchange raises.
        """
        book = await exchange.market.fetch_order_book(instrument, depth)
        if book.instrument != instrument:
            raise BadResponse(
                f"asked for the book of {instrument}, got that of {book.instrument}",
                exchange=exchange.name,
                code="wrong_instrument",
            )
        return book


@asynccontextmanager
async def open_source(settings: RestSettings, context: Context) -> AsyncIterator[RestSource]:
    """Open the source; there is nothing to close."""
    yield RestSource()
