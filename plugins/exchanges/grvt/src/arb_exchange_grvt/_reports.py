"""What the venue tells of an order that was just sent: by its stream where somebody listens, else by asking."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

from arb.api import Clock, Context, ExchangeError
from arb.model import MILLISECOND_NS, SECOND_NS
from arb.net import Row

from ._orders import OPEN, PENDING

_PAUSES_NS: Final = tuple(each * MILLISECOND_NS for each in (40, 80, 200, 400, 1_000))
"""Between questions. The venue holds what is not post-only for 25 ms before it is matched."""

_MOVING: Final = frozenset({PENDING})

REPORT_NS: Final = 2 * SECOND_NS
"""How long a report is waited for altogether."""


class OrderReports:
    """Rows of orders that somebody waits for, by the venue's client id."""

    def __init__(self, context: Context) -> None:
        """Hear nothing yet."""
        self._context = context
        self._clock = context.clock
        self._waiting: dict[int, tuple[asyncio.Event, list[Row]]] = {}

    def heard(self, number: int, row: Row) -> None:
        """Take a row that a stream told."""
        if number in self._waiting:
            event, rows = self._waiting[number]
            rows.append(row)
            event.set()

    @contextmanager
    def awaited(self, number: int) -> Iterator[None]:
        """Keep what is told of an order during the block."""
        self._waiting[number] = asyncio.Event(), []
        try:
            yield
        finally:
            del self._waiting[number]

    async def settled(self, number: int, first: Row, ask: Callable[[], Awaitable[Row | None]], *, rests: bool) -> Row:
        """Return the row that tells what became of an order, or the last there is when the time is over.

        Args:
            number: The venue's client id, inside of :meth:`awaited`.
            first: The answer to the order.
            ask: Returns the order's row now, None where the venue does not know it yet.
            rests: Whether an order that is open has arrived where it should.
        """
        moving = _MOVING if rests else _MOVING | {OPEN}
        row, pauses = first, iter(_PAUSES_NS)
        until_ns = self._clock.now_ns() + REPORT_NS
        event, rows = self._waiting[number]
        while row["state"]["status"] in moving and self._clock.now_ns() < until_ns:
            pause_ns = next(pauses, _PAUSES_NS[-1])
            await _first_of(self._clock, event, min(until_ns, self._clock.now_ns() + pause_ns))
            event.clear()
            if rows:
                row = rows[-1]
                continue
            try:
                row = await ask() or row
            except ExchangeError as error:
                self._context.log.warning("an order that was sent could not be asked for: %s", error)
        return row


async def _first_of(clock: Clock, event: asyncio.Event, until_ns: int) -> None:
    waiting = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(clock.sleep_until(until_ns))]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
