"""The socket of the account: where it is, that it lives, and its events for whoever listens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from arb.api import BadResponse, Context, ExchangeError, Rejected
from arb.model import HOUR_NS, MINUTE_NS, SECOND_NS
from arb.net import Backoff, Connected, RateBudget, Row, Stream, StreamRules, decoded, reading, row_of, text

from ._dialect import Dialect
from ._errors import NO_LISTEN_KEY
from ._line import SENDS
from ._rest import VenueRest

Event = Connected | Row
_BEAT: Final = json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": 3})
"""An account may be quiet for hours. The answer to this tells a quiet socket from a dead one."""

_BEAT_NS: Final = 45 * SECOND_NS
_SILENCE_NS: Final = 2 * MINUTE_NS
_RENEWED_NS: Final = 30 * MINUTE_NS
"""A listen key is good for 60 minutes."""

_EARLY_NS: Final = HOUR_NS
_REASONS: Final = {"listenKeyExpired": "the listen key has expired", "serverShutdown": "the venue closes it"}


class AccountSocket:
    """Is open while somebody listens."""

    def __init__(self, context: Context, dialect: Dialect, url: str, rest: VenueRest) -> None:
        """Open nothing yet."""
        self._context = context
        self._clock = context.clock
        self._dialect = dialect
        self._url = url
        self._rest = rest
        self._listeners: list[asyncio.Queue[Event | ExchangeError]] = []
        self._tasks: list[asyncio.Task[None]] = []
        rules = StreamRules(silence_ns=_SILENCE_NS, ping=(_BEAT, _BEAT_NS), sends=RateBudget(self._clock, [SENDS]))
        self._stream = Stream(context, f"{url} (the account)", rules, address=self._address)

    async def listen(self) -> AsyncGenerator[Event, None]:
        """Yield events, and :class:`Connected` where a socket begins; raises where the venue gives no listen key."""
        unread: asyncio.Queue[Event | ExchangeError] = asyncio.Queue()
        self._listeners.append(unread)
        if self._tasks:
            unread.put_nowait(Connected())
        else:
            self._tasks = [asyncio.create_task(work()) for work in (self._read, self._keep)]
        try:
            while True:
                heard = await unread.get()
                if isinstance(heard, ExchangeError):
                    raise heard
                yield heard
        finally:
            self._listeners.remove(unread)
            if not self._listeners:
                await self.close()

    async def close(self) -> None:
        """End the socket."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _address(self) -> str:
        """Return where the stream is: asking for a key renews the one there is."""
        answer = await self._rest.listen_key("POST")
        with reading(self._context.name, "a listen key"):
            return self._url + self._dialect.sockets.private.format(key=text(row_of(answer)["listenKey"]))

    async def _read(self) -> None:
        backoff = Backoff(self._context.random)
        while True:
            try:
                await self._read_all()
            except Rejected as error:
                # A key that is refused now, by an overload or a list of addresses, may be taken later.
                wait_ns = backoff.next_ns()
                self._context.log.warning("no listen key, asked again in %.1f s: %s", wait_ns / SECOND_NS, error)
                await self._clock.sleep_until(self._clock.now_ns() + wait_ns)
            except Exception as error:
                self._context.log.exception("reading the account's socket failed")
                self._tell(
                    BadResponse(f"reading the socket failed: {error!r}", exchange=self._context.name, code="bug")
                )
                return

    async def _read_all(self) -> None:
        async with aclosing(self._stream.messages()) as messages:
            async for message in messages:
                if isinstance(message, Connected):
                    self._tell(message)
                    continue
                try:
                    self._take(message)
                except ExchangeError as error:
                    self._context.log.warning("%s", error)

    def _take(self, message: str | bytes) -> None:
        with reading(self._context.name, "an event of the account"):
            found = row_of(decoded(message, self._context.name))
            # Combined streams wrap their events.
            event = row_of(found["data"]) if "stream" in found else found
            kind = event.get("e")
            if kind is None:
                return
            if kind in _REASONS:
                self._stream.restart(_REASONS[kind])
        self._tell(event)

    def _tell(self, event: Event | ExchangeError) -> None:
        for unread in self._listeners:
            unread.put_nowait(event)

    async def _keep(self) -> None:
        """Keep the listen key valid, and replace the socket before the venue closes it."""
        began_ns = self._clock.now_ns()
        while True:
            await self._clock.sleep_until(self._clock.now_ns() + _RENEWED_NS)
            try:
                await self._rest.listen_key("PUT")
            except ExchangeError as error:
                self._context.log.warning("the listen key could not be renewed: %s", error)
                if error.code == NO_LISTEN_KEY:
                    self._stream.restart("the listen key is void")
            if self._clock.now_ns() - began_ns >= self._dialect.sockets.life_ns - _EARLY_NS:
                began_ns = self._clock.now_ns()
                self._stream.restart("it is replaced before the venue closes it")
