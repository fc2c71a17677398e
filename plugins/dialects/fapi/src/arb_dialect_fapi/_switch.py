"""The dead man's switch: a countdown at the venue for each symbol."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from arb.api import Context, ExchangeError
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
        self._told: set[str] = set()

    async def arm(self, timeout_ns: int) -> None:
        """Start, or start again, every countdown; 0 stops them.

        One that fails keeps no other from its countdown, and is tried again with the next call.

        Raises:
            ExchangeError: the first failure, after all the others were tried.
        """
        timeout_ms = max(0, -(-timeout_ns // MILLISECOND_NS))
        async with self._turn:
            failures: list[ExchangeError] = []
            resting = await self._where_orders_rest(failures)
            failures += await self._start_all(resting, timeout_ms)
        if failures:
            raise failures[0]

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

    async def _where_orders_rest(self, failures: list[ExchangeError]) -> set[str]:
        try:
            return set(await self._resting())
        except ExchangeError as error:
            failures.append(error)
            return set(self._covered)

    async def _start_all(self, resting: set[str], timeout_ms: int) -> list[ExchangeError]:
        """Start every countdown that is due, and return why some were not."""
        ordered, self._ordered = self._ordered, set()
        # One in which nothing rests any more may run out: there is nothing to cancel.
        symbols = resting | ordered | (set() if timeout_ms else self._covered)
        began_ns = self._clock.now_ns()
        started: set[str] = set()
        failures = []
        try:
            for symbol in sorted(symbols):
                failure = await self._failure(symbol, timeout_ms)
                if failure is None:
                    started.add(symbol)
                else:
                    failures.append(failure)
        finally:
            # Also of a call that was given up half-way: what is armed is armed.
            self._ordered |= ordered - started
            self._covered = started if timeout_ms else self._covered - started
            self._until_ns = began_ns + timeout_ms * MILLISECOND_NS if timeout_ms else 0
        return failures

    async def _failure(self, symbol: str, timeout_ms: int) -> ExchangeError | None:
        """Start a countdown; where that fails log it, once, and return why."""
        try:
            await self._start(symbol, timeout_ms)
        except ExchangeError as error:
            if symbol not in self._told:
                self._told.add(symbol)
                self._context.log.warning("the countdown of %s could not be set: %s", symbol, error)
            return error
        self._told.discard(symbol)
        return None

    async def _start(self, symbol: str, timeout_ms: int) -> None:
        params = {"symbol": symbol, "countdownTime": str(timeout_ms)}
        answer = await self._rest.write("POST", self._endpoint, params)
        with reading(self._context.name, f"the countdown of {symbol}"):
            if row_of(answer)["symbol"] != symbol or whole(answer["countdownTime"]) != timeout_ms:
                raise ValueError(f"{answer!r:.100}")
