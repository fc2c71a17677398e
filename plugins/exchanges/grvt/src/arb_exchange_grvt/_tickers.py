"""Tickers of every market. The venue has no call for all of them: a stream keeps them while they are asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from typing import Final

from arb.api import Context, ExchangeError
from arb.model import MINUTE_NS, SECOND_NS
from arb.net import Connected, LeftOut, Row, reading, row_of, text

from ._hub import Hub, Told, Topic
from ._rest import VenueRest

STREAM: Final = "v1.ticker.s"
RATE_MS: Final = 1_000
_FRESH_NS: Final = 3 * SECOND_NS
_KEEP_NS: Final = 10 * MINUTE_NS
_AGAIN_NS: Final = 5 * SECOND_NS


class Tickers:
    """Returns the ticker of each market, from the stream where it is current, else by a call for each."""

    def __init__(self, context: Context, rest: VenueRest, hub: Hub | None) -> None:
        """Ask for nothing yet.

        Args:
            context: The exchange plugin's.
            rest: For calls.
            hub: The public socket; None where no stream is wanted.
        """
        self._context = context
        self._clock = context.clock
        self._rest = rest
        self._hub = hub
        self._live: dict[str, tuple[int, Row]] = {}
        self._left_out = LeftOut(context, "tickers")
        self._spoilt: set[str] = set()
        self._symbols: tuple[str, ...] = ()
        self._asked_ns = 0
        self._task: asyncio.Task[None] | None = None

    async def rows(self, symbols: Iterable[str]) -> Mapping[str, Row]:
        """Return tickers by symbol, without those that cannot be had now, such as of a market that was delisted.

        Raises:
            ExchangeError: none could be had.
        """
        wanted = tuple(symbols)
        self._keep(wanted)
        since_ns = self._clock.now_ns() - _FRESH_NS
        found = {each: self._live[each][1] for each in wanted if each in self._live and self._live[each][0] >= since_ns}
        missing = [each for each in wanted if each not in found]
        async with asyncio.TaskGroup() as group:
            asked = {each: group.create_task(self._asked(each)) for each in missing}
        failed = {}
        for symbol, task in asked.items():
            told = task.result()
            if isinstance(told, ExchangeError):
                failed[symbol] = told
            else:
                found[symbol] = told
        self._left_out.told(failed, len(wanted))
        return found

    async def close(self) -> None:
        """Keep them no longer."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _asked(self, symbol: str) -> Row | ExchangeError:
        try:
            answer = await self._rest.market("/full/v1/ticker", {"instrument": symbol})
            with reading(self._context.name, f"the ticker of {symbol}"):
                return _of(symbol, answer["result"])
        except ExchangeError as error:
            return error

    def _keep(self, symbols: tuple[str, ...]) -> None:
        self._asked_ns = self._clock.now_ns()
        if self._hub is None or not symbols:
            return
        if self._task is None or self._task.done() or symbols != self._symbols:
            if self._task is not None:
                self._task.cancel()
            self._symbols = symbols
            self._task = asyncio.create_task(self._run(self._hub, symbols))

    async def _run(self, hub: Hub, symbols: tuple[str, ...]) -> None:
        """Keep them until nobody has asked for a while; a stream that fails begins anew."""
        while self._clock.now_ns() < self._asked_ns + _KEEP_NS:
            listening = asyncio.create_task(self._listen(hub, symbols))
            try:
                while not listening.done() and self._clock.now_ns() < self._asked_ns + _KEEP_NS:
                    await self._clock.sleep_until(min(self._asked_ns + _KEEP_NS, self._clock.now_ns() + _AGAIN_NS))
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
                self._live.clear()

    async def _listen(self, hub: Hub, symbols: tuple[str, ...]) -> None:
        topics = [Topic(STREAM, f"{symbol}@{RATE_MS}") for symbol in symbols]
        try:
            async with aclosing(hub.listen(*topics)) as heard:
                async for each in heard:
                    if isinstance(each, Connected):
                        self._live.clear()
                    elif isinstance(each, Told):
                        self._take(each)
        except ExchangeError as error:
            self._context.log.warning("the tickers are asked for by calls: %s", error)

    def _take(self, told: Told) -> None:
        symbol = told.topic.selector.partition("@")[0]
        try:
            with reading(self._context.name, f"the ticker of {symbol}"):
                self._live[symbol] = self._clock.now_ns(), _of(symbol, told.feed)
        except ExchangeError as error:
            self._live.pop(symbol, None)
            if symbol not in self._spoilt:
                self._context.log.warning("%s: it is asked for by calls", error)
            self._spoilt.add(symbol)
        else:
            self._spoilt.discard(symbol)


def _of(symbol: str, answer: object) -> Row:
    row = row_of(answer)
    if text(row["instrument"]) != symbol:
        raise ValueError("it is of another market")
    return row
