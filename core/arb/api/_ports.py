"""Ports: time, chance, ids, network and blocking work reach a plugin through one Context only."""

from __future__ import annotations

import logging
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """The only source of time; virtual in a simulation."""

    def now_ns(self) -> int:
        """Return nanoseconds since the Unix epoch; it never goes back."""
        ...

    async def sleep_until(self, ts_ns: int) -> None:
        """Return when `now_ns() >= ts_ns`; when that is so already after one turn of the loop, which others have."""
        ...


class IdSource(Protocol):
    """The only source of new identifiers; reproducible in a simulation."""

    def new(self) -> str:
        """Return an identifier never returned before, short, of letters and digits."""
        ...


class StateStore(Protocol):
    """A small durable memory of one plugin, kept by the configured storage; private to it."""

    async def get(self, key: str) -> str | None:
        """Return the text last put under `key`, or None."""
        ...

    async def put(self, key: str, value: str) -> None:
        """Store `value`; it is durable when this returns."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One HTTP request; `body` is sent byte for byte, since venues sign it."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    body: bytes = b""
    timeout_ns: int = 10_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """One HTTP answer, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpTransport(Protocol):
    """Sends HTTP requests over pooled connections."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send and return the answer.

        Raises:
            ConnectFailed: no byte left.
            OutcomeUnknown: the request left, the answer did not come back whole.
        """
        ...


class WebSocket(Protocol):
    """One open WebSocket."""

    async def send(self, message: str | bytes) -> None:
        """Send one message; raises ConnectFailed when the socket is closed."""
        ...

    def messages(self) -> AsyncIterator[str | bytes]:
        """Yield messages until the socket closes."""
        ...


class WebSocketTransport(Protocol):
    """Opens WebSockets."""

    def connect(
        self, url: str, *, headers: Mapping[str, str] = MappingProxyType({})
    ) -> AbstractAsyncContextManager[WebSocket]:
        """Open a socket; raises ConnectFailed."""
        ...


class Context(Protocol):
    """What the runtime lends one plugin.

    Attributes:
        name: The plugin's name in the configuration, such as `hl-main`.
        seed: The run's seed, the same for every plugin; with `name` it separates their streams.
        random: A generator seeded from `seed` and `name`.
        log: A logger named `arb.<family>.<name>`.
        state: Durable memory of this plugin.
    """

    @property
    def name(self) -> str: ...
    @property
    def seed(self) -> int: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def random(self) -> random.Random: ...  # noqa: TID251 - the type, not a new instance
    @property
    def ids(self) -> IdSource: ...
    @property
    def log(self) -> logging.Logger: ...
    @property
    def http(self) -> HttpTransport: ...
    @property
    def websocket(self) -> WebSocketTransport: ...
    @property
    def state(self) -> StateStore: ...

    def shared(self, kind: type[T], key: str, make: Callable[[], T]) -> T:
        """Return the one object of this kind and key in this run, made by whoever asks first.

        For what a venue counts for all who come from here, such as the rate budget of this machine's address:
        two accounts of one venue are two plugins. Begin the key with the venue's name.
        """
        ...

    async def run_blocking(self, work: Callable[[], T]) -> T:
        """Run work that blocks: in a thread in production, in line under virtual time."""
        ...
