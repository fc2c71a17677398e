"""A WebSocket that is opened again whenever it ends, breaks or falls silent."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Final

from arb.api import BadResponse, Context, NotSent, OutcomeUnknown, WebSocket
from arb.model import HOUR_NS, SECOND_NS

from ._backoff import Backoff
from ._budget import RateBudget
from ._redact import shown

Message = str | bytes
Make = Callable[[], Message | None]
"""Makes a message when its turn to be sent has come; None where it is wanted no more."""

MAX_UNREAD: Final = 10_000
"""Messages: whoever is that far behind reads the past, and is better served by a new snapshot."""

_TURN: Final = 16
"""Messages read in a row: others want their turn too, an order among them, when thousands stand unread."""

_STEADY_NS: Final = 10 * SECOND_NS
"""A socket that held so long was no failure: a venue that drops each after half a minute is met again at once."""

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Connected:
    """A socket was opened: whatever was built from an earlier one has a gap.

    Attributes:
        why: What ended the one before; empty for the first.
    """

    why: str = ""


async def _nothing(socket: WebSocket) -> None:
    """Greet a venue that wants no greeting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRules:
    """What is particular to a venue's sockets.

    Attributes:
        silence_ns: A socket on which no data came for that long is dead, whatever the pings say.
        is_data: Tells data from the answers to pings and subscriptions; only data breaks the silence.
        ping: A message of the venue's own that keeps the socket open, and how often it is sent.
        greet: Called on every new socket before anything is subscribed, to log in.
        headers: Of the request that opens it.
        connects: Spends one for every socket.
        sends: Spends one for every message.
    """

    silence_ns: int
    is_data: Callable[[Message], bool] = lambda _: True
    ping: tuple[Message, int] | None = None
    greet: Callable[[WebSocket], Awaitable[None]] = _nothing
    headers: Callable[[], Mapping[str, str]] = lambda: _NO_HEADERS
    connects: RateBudget | None = None
    sends: RateBudget | None = None


@dataclass(slots=True)
class _Open:
    """One socket that is open now."""

    socket: WebSocket
    heard_ns: int
    unread: asyncio.Queue[Message | None] = field(default_factory=asyncio.Queue)
    unsent: asyncio.PriorityQueue[tuple[bool, int, Make]] = field(default_factory=asyncio.PriorityQueue)
    asking: set[str] = field(default_factory=set)
    """Keys of subscriptions that were not sent yet."""

    numbers: Iterator[int] = field(default_factory=itertools.count)
    why: str = ""

    def end(self, why: str) -> None:
        """Let the reader see the end after what came before it; the first reason stands."""
        self.why = self.why or why
        self.unread.put_nowait(None)

    def ask(self, make: Make, *, mends: bool = False) -> None:
        """Have something sent after what was asked before, and what mends a gap before all else."""
        self.unsent.put_nowait((not mends, next(self.numbers), make))

    def next_wanted(self, make: Make) -> Message | None:
        """Make what is to be sent, passing over what is wanted no more; None where nothing is left."""
        message = make()
        while message is None and not self.unsent.empty():
            _, _, make = self.unsent.get_nowait()
            message = make()
        return message

    def forget(self) -> None:
        """Drop what was not read yet."""
        while not self.unread.empty():
            self.unread.get_nowait()


class Stream:
    """One address with its subscriptions, which every new socket is sent again.

    Read :meth:`messages` in one task, inside `contextlib.aclosing`; everything else may be called from any.
    """

    def __init__(
        self, context: Context, url: str, rules: StreamRules, *, address: Callable[[], Awaitable[str]] | None = None
    ) -> None:
        """Open nothing yet.

        Args:
            context: The exchange plugin's.
            url: Where every socket is opened, and what the log names.
            rules: The venue's.
            address: Asked before every socket for where it is opened instead, with a listen key that is valid now.
        """
        self._context = context
        self._clock = context.clock
        self._url = url
        self._address = address
        self._rules = rules
        self._subscriptions: dict[str, Callable[[], Message]] = {}
        self._backoff = Backoff(context.random)
        self._open: _Open | None = None

    def subscribe(self, key: str, message: Callable[[], Message]) -> None:
        """Ask for something on this socket and on every one to come.

        It is sent when the budget has room; nobody waits for that, and a socket that ends before takes it along.

        Args:
            key: Names it, for :meth:`unsubscribe`.
            message: Makes what is sent; called each time anew, since it may be signed for the moment.
        """
        self._subscriptions[key] = message
        self._ask(key)

    def resubscribe(self, key: str, cancellation: Make, message: Callable[[], Message]) -> None:
        """Have the venue begin anew with something that was asked for, before anything else is asked.

        Args:
            key: Of the subscription.
            cancellation: Makes what is sent first, as for :meth:`unsubscribe`.
            message: Makes what asks for it.
        """
        if self._open is not None and key not in self._open.asking:
            self._open.ask(cancellation, mends=True)
        self._subscriptions[key] = message
        self._ask(key, mends=True)

    def unsubscribe(self, key: str, message: Make | None = None) -> None:
        """Ask for it no more.

        Args:
            key: Of the subscription.
            message: Makes what tells a venue that was asked for it; called when its turn to be sent has come, and
                None from it sends nothing.
        """
        self._subscriptions.pop(key, None)
        opened = self._open
        if message is not None and opened is not None and key not in opened.asking:
            opened.ask(message)

    def restart(self, why: str) -> None:
        """Give the socket up for a new one, whose snapshots begin anew: after a gap that nothing else mends."""
        if self._open is not None:
            self._open.end(why)

    async def messages(self) -> AsyncGenerator[Connected | Message, None]:
        """Yield what comes, for ever; :class:`Connected` stands before the first message of every socket.

        Raises:
            Rejected: by `greet` or `address`, such as AuthenticationFailed: no new socket would mend it.
        """
        why = ""
        while True:
            began_ns = self._clock.now_ns()
            try:
                async with self._connected() as opened:
                    yield Connected(why)
                    for number in itertools.count(1):
                        message = await opened.unread.get()
                        if message is None:
                            break
                        yield message
                        if number % _TURN == 0:
                            await self._clock.sleep_until(self._clock.now_ns())
                    why = opened.why
            except (NotSent, OutcomeUnknown, BadResponse) as error:
                why = str(error)
            if self._clock.now_ns() - began_ns >= _STEADY_NS:
                self._backoff.reset()
            wait_ns = self._backoff.next_ns()
            self._context.log.warning("%s: connecting again in %.1f s: %s", shown(self._url), wait_ns / SECOND_NS, why)
            await self._clock.sleep_until(self._clock.now_ns() + wait_ns)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[_Open]:
        rules = self._rules
        if rules.connects is not None:
            await rules.connects.spend(patience_ns=HOUR_NS)
        url = self._url if self._address is None else await self._address()
        async with self._context.websocket.connect(url, headers=rules.headers()) as socket:
            await rules.greet(socket)
            opened = _Open(socket, self._clock.now_ns())
            self._open = opened
            for key in self._subscriptions:
                self._ask(key)
            works = (self._read, self._watch, self._ping, self._tell)
            tasks = [asyncio.create_task(work(opened)) for work in works]
            try:
                yield opened
            finally:
                if self._open is opened:
                    self._open = None
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, opened: _Open) -> None:
        try:
            async for message in opened.socket.messages():
                if self._rules.is_data(message):
                    opened.heard_ns = self._clock.now_ns()
                if opened.unread.qsize() == MAX_UNREAD:
                    opened.forget()
                    opened.end(f"{MAX_UNREAD} messages stood unread")
                    return
                opened.unread.put_nowait(message)
            opened.end("the venue closed the socket")
        except Exception as error:
            self._context.log.exception("%s: a message could not be taken", shown(self._url))
            opened.end(f"a message could not be taken: {error!r}")

    async def _watch(self, opened: _Open) -> None:
        while (silent_ns := opened.heard_ns + self._rules.silence_ns) > self._clock.now_ns():
            await self._clock.sleep_until(silent_ns)
        opened.end(f"no data for {self._rules.silence_ns / SECOND_NS:g} s")

    async def _ping(self, opened: _Open) -> None:
        if self._rules.ping is None:
            return
        message, every_ns = self._rules.ping
        while not opened.why:
            await self._clock.sleep_until(self._clock.now_ns() + every_ns)
            await self._send(opened, lambda: message)

    def _ask(self, key: str, *, mends: bool = False) -> None:
        opened = self._open
        if opened is None or key in opened.asking:
            return
        opened.asking.add(key)

        def message() -> Message | None:
            opened.asking.discard(key)
            make = self._subscriptions.get(key)
            return None if make is None else make()

        opened.ask(message, mends=mends)

    async def _tell(self, opened: _Open) -> None:
        while not opened.why:
            is_new, _, make = await opened.unsent.get()
            await self._send(opened, partial(opened.next_wanted, make), urgent=not is_new)

    async def _send(self, opened: _Open, make: Make, *, urgent: bool = False) -> None:
        """Send what is made when its turn has come, which may be long after it was wanted."""
        try:
            if self._rules.sends is not None:
                await self._rules.sends.spend(urgent=urgent, patience_ns=HOUR_NS)
            if (message := make()) is not None:
                await opened.socket.send(message)
        except (NotSent, OutcomeUnknown) as error:
            # A socket that was not asked must not pass for one that was; the next one is asked everything.
            opened.end(f"a message could not be sent: {error}")
        except Exception as error:
            self._context.log.exception("%s: a message could not be made", shown(self._url))
            opened.end(f"a message could not be made: {error!r}")
