"""Figures of every market from the socket: one subscription instead of a request a minute."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from typing import Final

from arb.api import BadResponse, Context
from arb.model import MINUTE_NS, SECOND_NS
from arb.net import Connected, Row, from_ms, reading, row_of, text, whole

from ._channels import Channels, Heard
from ._waiting import first_of, for_ever, stopped

_CHANNEL: Final = "market_stats/all"
_FRESH_NS: Final = 10 * SECOND_NS
_KEEP_NS: Final = 10 * MINUTE_NS
_FIRST_NS: Final = 3 * SECOND_NS // 2


class LiveStats:
    """The rows of `market_stats` of every market, kept while they are asked for."""

    def __init__(self, context: Context, channels: Channels) -> None:
        """Ask for nothing yet."""
        self._context = context
        self._clock = context.clock
        self._channels = channels
        self._rows: dict[int, Row] = {}
        self._asked_ns = 0
        self._task: asyncio.Task[None] | None = None
        self._whole = asyncio.Event()
        self.published_ns = 0

    async def rows(self) -> Mapping[int, Row] | None:
        """Return the rows by market; None where they are not kept now, and could not be had in a moment."""
        self._asked_ns = self._clock.now_ns()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        if not self._whole.is_set():
            await first_of(self._clock, self._whole.wait(), self._clock.now_ns() + _FIRST_NS)
        if not self._whole.is_set() or not self._channels.is_fresh(_FRESH_NS):
            return None
        return self._rows

    async def close(self) -> None:
        """Keep them no longer."""
        await stopped(self._task)

    async def _run(self) -> None:
        keeping = asyncio.create_task(for_ever(self._context, _CHANNEL, self._keep, self._whole.clear))
        try:
            while self._clock.now_ns() < self._asked_ns + _KEEP_NS:
                await self._clock.sleep_until(self._asked_ns + _KEEP_NS)
        finally:
            await stopped(keeping)
            self._whole.clear()

    async def _keep(self) -> None:
        async with aclosing(self._channels.listen(_CHANNEL)) as heard:
            async for message in heard:
                try:
                    with reading(self._context.name, _CHANNEL):
                        self._take(message)
                except BadResponse as error:
                    self._whole.clear()
                    self._channels.restart(str(error))

    def _take(self, message: Heard) -> None:
        if isinstance(message, Connected):
            self._whole.clear()
            self._rows = {}
            return
        rows = {whole(market_id): row_of(row) for market_id, row in row_of(message["market_stats"]).items()}
        self._rows.update(rows)
        if "timestamp" in message:
            self.published_ns = from_ms(message["timestamp"])
        else:
            self.published_ns = self._clock.now_ns()
        if text(message["type"]).startswith("subscribed/"):
            self._whole.set()
