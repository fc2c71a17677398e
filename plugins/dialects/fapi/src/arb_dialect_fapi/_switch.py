"""The dead man's switch: a countdown at the venue for each symbol."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from arb.api import Context
from arb.model import MILLISECOND_NS
from arb.net import reading, row_of, whole

from ._dialect import Dialect
from ._rest import VenueRest


class CountdownSwitch:
    """Starts the countdown of every symbol in which an order may rest.

    The venue counts for one symbol. So it is started for symbols in which orders rest, and, while the switch is
    armed, for every other one before the first order leaves that may rest there.
    """

    def __init__(
        self, context: Context, dialect: Dialect, rest: VenueRest, resting: Callable[[], Awaitable[Iterable[str]]]
    ) -> None:
        """Arm nothing yet.

        Args:
            context: The exchange plugin's.
            dialect: The venue's.
            rest: Signs and sends.
            resting: Asks in which symbols orders rest.
        """
        self._context = context
        self._clock = context.clock
        self._endpoint = dialect.endpoints.countdown
        self._rest = rest
        self._resting = resting
        self._turn = asyncio.Lock()
        self._covered: set[str] = set()
        self._ordered: set[str] = set()
        self._until_ns = 0

    async def arm(self, timeout_ns: int) -> None:
        """Start, or start again, every countdown; 0 stops them. Raises where one could not be."""
        timeout_ms = max(0, -(-timeout_ns // MILLISECOND_NS))
        async with self._turn:
            ordered, self._ordered = self._ordered, set()
            # One in which nothing rests any more may run out: there is nothing to cancel.
            symbols = set(await self._resting()) | ordered | (set() if timeout_ms else self._covered)
            began_ns = self._clock.now_ns()
            for symbol in sorted(symbols):
                await self._start(symbol, timeout_ms)
            self._covered = symbols if timeout_ms else set()
            self._until_ns = began_ns + timeout_ms * MILLISECOND_NS if timeout_ms else 0

    async def cover(self, symbol: str) -> None:
        """Call before an order leaves that may rest: its symbol gets a countdown while the switch is armed."""
        if self._clock.now_ns() >= self._until_ns:
            return
        self._ordered.add(symbol)
        if symbol in self._covered:
            return
        async with self._turn:
            left_ms = (self._until_ns - self._clock.now_ns()) // MILLISECOND_NS
            if symbol not in self._covered and left_ms > 0:
                await self._start(symbol, left_ms)
                self._covered.add(symbol)

    async def _start(self, symbol: str, timeout_ms: int) -> None:
        params = {"symbol": symbol, "countdownTime": str(timeout_ms)}
        answer = await self._rest.write("POST", self._endpoint, params)
        with reading(self._context.name, f"the countdown of {symbol}"):
            if row_of(answer)["symbol"] != symbol or whole(answer["countdownTime"]) != timeout_ms:
                raise ValueError(f"{answer!r:.100}")
