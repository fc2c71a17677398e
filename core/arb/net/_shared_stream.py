"""One stream for many listeners."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Hashable
from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import Generic, TypeVar

from arb.api import BadResponse, Context, ExchangeError

from ._listeners import Inbox, Listeners
from ._stream import Connected, Message, Stream

K = TypeVar("K", bound=Hashable)
H = TypeVar("H")


async def _nothing() -> None:
    """Do nothing of a venue's own."""


class SharedStream(Generic[K, H]):
    """Reads a stream while somebody listens, and subscribes to what anybody listens to.

    `K` names what can be subscribed to, `H` is what is heard of it. The venue's own part is `take`, which reads each
    message and hands it on with :meth:`tell`.
    """

    def __init__(
        self,
        context: Context,
        stream: Stream,
        *,
        subscription: Callable[[K], Message],
        cancellation: Callable[[K], Message],
        take: Callable[[Message], Awaitable[None]],
        most_unread: int,
        restart_when_behind: bool = False,
        begin: Callable[[], Awaitable[None]] = _nothing,
        joined: Callable[[K], None] = lambda _key: None,
    ) -> None:
        """Open nothing yet.

        Args:
            context: The exchange plugin's.
            stream: Of which nobody else reads the messages.
            subscription: Makes the message that asks for something.
            cancellation: Makes the message that asks for it no more.
            take: Called with every message, one after another.
            most_unread: So many messages behind, a listener begins anew.
            restart_when_behind: Give the socket up then, where only a new one tells again what was missed.
            begin: Called before the first socket is opened.
            joined: Called when somebody listens to what others listen to already, such as for a snapshot.
        """
        self._context = context
        self._stream = stream
        self._subscription = subscription
        self._cancellation = cancellation
        self._take = take
        self._begin = begin
        self._joined = joined
        self._listeners = Listeners[K, H](most_unread, self.restart if restart_when_behind else lambda _: None)
        self._reading: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Let it be used in this block, whose end closes the socket."""
        try:
            yield
        finally:
            await self._stop()

    def __contains__(self, key: K) -> bool:
        """Return whether anybody listens to it."""
        return key in self._listeners

    async def listen(self, *keys: K) -> AsyncGenerator[Connected | H, None]:
        """Yield what is heard, and :class:`Connected` where it begins or has a gap; closing it unsubscribes.

        Raises:
            ExchangeError: reading has ended; BadResponse is an error of `take` or `begin` that no new socket mends.
        """
        inbox, first = self._listeners.join(keys)
        try:
            if self._reading is None:
                self._reading = asyncio.create_task(self._read())
            else:
                inbox.put(Connected())
            for key in keys:
                (self.subscribe if key in first else self._joined)(key)
            while True:
                yield await inbox.get()
        finally:
            await self._leave(keys, inbox)

    def subscribe(self, key: K) -> None:
        """Ask for what somebody listens to once more, such as after a refusal."""
        self._stream.subscribe(repr(key), partial(self._subscription, key))

    def resubscribe(self, key: K) -> None:
        """Have the venue begin anew with something, for all who listen to it."""
        cancellation, subscription = partial(self._cancellation, key), partial(self._subscription, key)
        self._stream.resubscribe(repr(key), cancellation, subscription)

    def tell(self, key: K, heard: H) -> None:
        """Hand on what `take` has read to those who listen to it."""
        self._listeners.tell(key, heard)

    def tell_all(self, heard: H) -> None:
        """Hand it on to everybody."""
        self._listeners.tell_all(heard)

    def restart(self, why: str) -> None:
        """Give the socket up for a new one."""
        self._stream.restart(why)

    async def _leave(self, keys: tuple[K, ...], inbox: Inbox[H]) -> None:
        for key in self._listeners.leave(keys, inbox):
            self._stream.unsubscribe(repr(key), partial(self._cancellation, key))
        if not self._listeners:
            await self._stop()

    async def _stop(self) -> None:
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(self) -> None:
        try:
            await self._begin()
            async with aclosing(self._stream.messages()) as messages:
                async for message in messages:
                    if isinstance(message, Connected):
                        self._listeners.tell_all(message)
                    else:
                        await self._take(message)
        except (Exception, asyncio.CancelledError) as error:
            # Where it was stopped another may read by now; else nothing comes any more, and nobody may wait for it.
            if self._reading is asyncio.current_task():
                self._reading = None
                self._listeners.tell_all(self._reported(error))
            if isinstance(error, asyncio.CancelledError):
                raise

    def _reported(self, error: BaseException) -> ExchangeError:
        if isinstance(error, ExchangeError):
            return error
        self._context.log.error("reading the socket failed", exc_info=error)
        return BadResponse(f"reading the socket failed: {error!r}", exchange=self._context.name, code="bug")
