"""Account streams as hints: something happened, so look. What happened is for a read to say."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from arb.api import Capability, Clock, Exchange
from arb.model import SECOND_NS, Fill

_AGAIN_NS = 10 * SECOND_NS
_LOG = logging.getLogger("arb.runtime.hints")


class AccountHints:
    """Listens to the account streams there are. One that ends or breaks is opened again; polls go on anyway."""

    def __init__(self, exchanges: Iterable[Exchange], clock: Clock, on_fill: Callable[[], None]) -> None:
        self._exchanges = [
            one for one in exchanges if Capability.ACCOUNT_STREAM in one.capabilities and one.streams is not None
        ]
        self._clock = clock
        self._on_fill = on_fill
        self._heard = asyncio.Event()

    async def listen(self) -> None:
        """Listen until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for exchange in self._exchanges:
                tasks.create_task(self._listen(exchange))

    async def heard(self) -> None:
        """Return when a fill was heard of since the last call."""
        await self._heard.wait()
        self._heard.clear()

    async def _listen(self, exchange: Exchange) -> None:
        told = ""
        while exchange.streams is not None:
            try:
                async for message in exchange.streams.watch_account():
                    told = ""
                    if isinstance(message, Fill):
                        self._heard.set()
                        self._on_fill()
            except (Exception, asyncio.CancelledError) as error:
                task = asyncio.current_task()
                if isinstance(error, asyncio.CancelledError) and (task is None or task.cancelling()):
                    raise
                # A stream is no truth: the polls find what it does not tell.
                if told != type(error).__name__:  # not at every try of a stream that never comes
                    _LOG.warning("%s: its account stream broke: %s: %s", exchange.name, type(error).__name__, error)
                told = type(error).__name__
            await self._clock.sleep_until(self._clock.now_ns() + _AGAIN_NS)
