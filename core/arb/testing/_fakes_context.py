"""A Context for tests: fake time, seeded chance, counted ids, memory for state, no network."""

from __future__ import annotations

import itertools
import logging
import random
from collections.abc import Callable
from typing import TypeVar

from arb.api import Clock, HttpTransport, IdSource, StateStore, WebSocketTransport

from ._fakes_clock import FakeClock
from ._fakes_network import FakeHttp, FakeWebSockets

T = TypeVar("T")


class FakeIds:
    """Implements `arb.api.IdSource` by counting: `id1`, `id2`, ..."""

    def __init__(self, prefix: str = "id") -> None:
        self._prefix = prefix
        self._count = itertools.count(1)

    def new(self) -> str:
        """Return the next id."""
        return f"{self._prefix}{next(self._count)}"


class MemoryState:
    """Implements `arb.api.StateStore` in a dictionary.

    Attributes:
        values: What is stored; a test may read and prepare it.
    """

    def __init__(self, values: dict[str, str] | None = None) -> None:
        self.values: dict[str, str] = {} if values is None else values

    async def get(self, key: str) -> str | None:
        """Return the text under `key`."""
        return self.values.get(key)

    async def put(self, key: str, value: str) -> None:
        """Keep the text."""
        self.values[key] = value


class FakeContext:
    """Implements `arb.api.Context`.

    Give the same `state` to a second one to test a restart, and the same `made` to test two plugins of one run.

    Attributes:
        made: What :meth:`shared` has made.
    """

    def __init__(
        self,
        name: str = "test",
        *,
        seed: int = 0,
        clock: Clock | None = None,
        http: HttpTransport | None = None,
        websocket: WebSocketTransport | None = None,
        state: StateStore | None = None,
        ids: IdSource | None = None,
        made: dict[tuple[type, str], object] | None = None,
    ) -> None:
        self.name = name
        self.made: dict[tuple[type, str], object] = {} if made is None else made
        self.seed = seed
        self.clock: Clock = clock or FakeClock()
        self.random = random.Random(f"{seed}/{name}")  # noqa: TID251, S311 - this is the injected source
        self.ids: IdSource = ids or FakeIds()
        self.log = logging.getLogger(f"arb.test.{name}")
        self.http: HttpTransport = http or FakeHttp()
        self.websocket: WebSocketTransport = websocket or FakeWebSockets(reachable=False)
        self.state: StateStore = state or MemoryState()

    def shared(self, kind: type[T], key: str, make: Callable[[], T]) -> T:
        """Return the one object of this kind and key."""
        found = self.made.get((kind, key))
        if not isinstance(found, kind):
            found = self.made[(kind, key)] = make()
        return found

    async def run_blocking(self, work: Callable[[], T]) -> T:
        """Run the work in line."""
        return work()
