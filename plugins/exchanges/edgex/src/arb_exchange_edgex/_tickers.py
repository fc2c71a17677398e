"""Tickers of every contract at once, which only the socket tells."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from typing import Final

from arb.api import BadResponse, Context, ExchangeError
from arb.model import SECOND_NS
from arb.net import Connected, Row, reading, rows_of

from ._hub import Hub

CHANNEL: Final = "ticker.all.1s"
_PATIENCE_NS: Final = 5 * SECOND_NS
_REMEMBERED_NS: Final = SECOND_NS


class Tickers:
    """Listens for one message whenever it is asked: a message is 110 kB, so nobody listens on."""

    def __init__(self, context: Context, hub: Hub) -> None:
        self._context = context
        self._clock = context.clock
        self._hub = hub
        self._rows: Mapping[str, Row] = {}
        self._heard_ns = -_REMEMBERED_NS
        self._turn = asyncio.Lock()

    async def read(self) -> Mapping[str, Row]:
        """Return the ticker of each contract by its number, a second old at most.

        Raises:
            BadResponse: none came in time.
        """
        async with self._turn:
            if self._clock.now_ns() - self._heard_ns >= _REMEMBERED_NS:
                self._rows, self._heard_ns = await self._next(), self._clock.now_ns()
            return self._rows

    @property
    def closed(self) -> frozenset[str]:
        """Return the numbers of the contracts whose market was closed when tickers were heard last."""
        return frozenset(number for number, row in self._rows.items() if row.get("marketOpen") is False)

    async def _next(self) -> Mapping[str, Row]:
        listening = asyncio.create_task(self._listen())
        waiting = asyncio.create_task(self._clock.sleep_until(self._clock.now_ns() + _PATIENCE_NS))
        try:
            await asyncio.wait({listening, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if listening.done():
                return listening.result()
        finally:
            for task in (listening, waiting):
                task.cancel()
            await asyncio.gather(listening, waiting, return_exceptions=True)
        raise BadResponse("the venue's tickers did not come", exchange=self._context.name, code="no_tickers")

    async def _listen(self) -> Mapping[str, Row]:
        async with aclosing(self._hub.listen(CHANNEL)) as messages:
            async for message in messages:
                if isinstance(message, Connected):
                    continue
                try:
                    with reading(self._context.name, CHANNEL):
                        # A row that does not say what it is of spoils no other.
                        rows = {str(row["contractId"]): row for row in rows_of(message["data"]) if "contractId" in row}
                        if not rows:
                            raise ValueError("no ticker of any contract")
                        return rows
                except ExchangeError as error:
                    self._context.log.warning("%s", error)
        raise BadResponse("the socket ended", exchange=self._context.name, code="no_tickers")
