"""The ground of an exchange case: the fake venue of the plugin, what is true there, and what goes wrong."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any, Final

from pydantic import BaseModel, SecretStr, ValidationError

from arb.api import Clock, Context, Exchange, ExchangeSpec, HttpResponse
from arb.model import Instrument, InstrumentId
from arb.simulation import Market, SimulatedExchange, VirtualClock

from ._fakes_context import FakeContext
from ._fakes_world import FakeWorld
from ._kit_wire import Wire

FAKE: Final = "fake"
"""What cases need that look behind the wire: a plugin declares it by bringing `ExchangeSpec.fake`."""


class SkewedClock:
    """A clock that is wrong by a constant: what the plugin's machine believes."""

    def __init__(self, clock: Clock, ahead_ns: int) -> None:
        self._clock = clock
        self._ahead_ns = ahead_ns

    def now_ns(self) -> int:
        """Return the wrong time."""
        return self._clock.now_ns() + self._ahead_ns

    async def sleep_until(self, ts_ns: int) -> None:
        """Wait until the wrong time is `ts_ns`."""
        await self._clock.sleep_until(ts_ns - self._ahead_ns)


class Script:
    """Implements :class:`arb.simulation.Faults`: what becomes of the next calls that reach the account.

    Attributes:
        reached: The operations that reached it, in order.
    """

    def __init__(self) -> None:
        self._before: dict[str, deque[Exception]] = {}
        self._after: dict[str, deque[Exception]] = {}
        self.reached: list[str] = []

    async def before(self, operation: str, subject: object) -> None:
        """Raise what is planned, with no effect."""
        self.reached.append(operation)
        _raise_planned(self._before, operation)

    async def after(self, operation: str, subject: object) -> None:
        """Raise what is planned, after the effect."""
        _raise_planned(self._after, operation)

    def plan(self, operation: str, *, before: Exception | None = None, after: Exception | None = None) -> None:
        """Let the next call of `operation` fail before or after its effect."""
        for table, error in ((self._before, before), (self._after, after)):
            if error is not None:
                table.setdefault(operation, deque()).append(error)

    @property
    def is_used_up(self) -> bool:
        """Whether everything that was planned has happened."""
        return not any([*self._before.values(), *self._after.values()])


def _raise_planned(table: dict[str, deque[Exception]], operation: str) -> None:
    planned = table.get(operation)
    if planned:
        raise planned.popleft()


class Ground:
    """One venue with one account, for as long as a case lasts: it outlives the plugin's connections.

    Attributes:
        settings: Of the plugin, unless a client is opened with others.
        world: The memory of both sides.
        wire: Between them.
        script: Between the fake venue and the account.
        ahead_ns: How far the plugin's clock is ahead of the venue's.
    """

    def __init__(
        self,
        spec: ExchangeSpec,
        settings: BaseModel,
        *,
        market: Callable[[str], Market] | None = None,
        world: FakeWorld | None = None,
    ) -> None:
        self.spec = spec
        self.settings = settings
        self.world = world or FakeWorld()
        self.wire = Wire()
        self.script = Script()
        self.ahead_ns = 0
        self._market = market
        self._truth: SimulatedExchange | None = None
        self._users = 0
        self._made: dict[tuple[type, str], object] = {}
        self._open = AsyncExitStack()
        self._opening = asyncio.Lock()

    @property
    def truth(self) -> SimulatedExchange:
        """Return the simulated exchange behind the fake venue."""
        assert self._truth is not None, "the venue is not open"
        return self._truth

    @property
    def now_ns(self) -> int:
        """Return the venue's time."""
        return VirtualClock.of_running_loop().now_ns()

    def true_name(self, instrument: Instrument) -> InstrumentId:
        """Return the id that an instrument of the plugin has at the venue."""
        wanted = (instrument.base, instrument.quote)
        return next(name for name, each in self.truth.venue.instruments.items() if (each.base, each.quote) == wanted)

    @contextmanager
    def answering(self, answer: HttpResponse) -> Iterator[None]:
        """Let every request be answered by this instead of the venue, for the length of the block."""
        self.wire.answer = lambda request: answer
        try:
            yield
        finally:
            self.wire.answer = None

    def context(self, **changes: Any) -> FakeContext:
        """Return what the plugin is opened with, with anything changed; two of them are two runs of one account."""
        clock: Clock = VirtualClock.of_running_loop()
        if self.ahead_ns:
            clock = SkewedClock(clock, self.ahead_ns)
        world = self.world
        usual: dict[str, Any] = {
            "seed": world.seed,
            "clock": clock,
            "http": self.wire,
            "websocket": self.wire,
            "state": world.client_state,
            "ids": world.client_ids,
            "made": self._made,
        }
        return FakeContext(world.name, **{**usual, **changes})

    @asynccontextmanager
    async def client(self, context: Context, settings: BaseModel | None = None) -> AsyncIterator[Exchange]:
        """Open the plugin, with other settings if some are given; the venue is open for as long as any client."""
        async with self.venue(), self.spec.open(settings or self.settings, context) as exchange:
            yield exchange

    @asynccontextmanager
    async def venue(self) -> AsyncIterator[None]:
        """Keep the venue open; it closes when nobody does any more."""
        async with self._opening:
            if not self._users:
                await self._begin()
            self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                self._truth = None
                self._made.clear()
                await self.wire.close()
                await self._open.aclose()

    async def _begin(self) -> None:
        clock = VirtualClock.of_running_loop()
        market = None if self._market is None else self._market(self.world.name)
        ground = self.world.ground(self.spec, clock, market=market, faults=self.script)
        self._truth, self.wire.venue = await self._open.enter_async_context(ground)
        self.wire.clock = clock


def secrets_of(settings: BaseModel) -> list[str]:
    """Return every secret value in a settings model."""
    values = (getattr(settings, name) for name in type(settings).model_fields)
    return [value.get_secret_value() for value in values if isinstance(value, SecretStr)]


def with_wrong_secrets(settings: BaseModel) -> BaseModel:
    """Return the settings with every secret changed in one place, so that its form stays good."""
    wrong = {
        name: SecretStr(_changed(value.get_secret_value()))
        for name in type(settings).model_fields
        if isinstance(value := getattr(settings, name), SecretStr)
    }
    return settings.model_copy(update=wrong)


def without_secrets(settings: BaseModel) -> BaseModel | None:
    """Return the settings without any secret; None where they cannot do without."""
    kept = {name: getattr(settings, name) for name in settings.model_fields_set}
    try:
        return type(settings).model_validate(
            {name: value for name, value in kept.items() if not isinstance(value, SecretStr)}
        )
    except ValidationError:
        return None


def _changed(secret: str) -> str:
    """Change the letter or digit in the middle to another of its kind: hex stays hex, base64 stays base64."""
    half = len(secret) // 2
    middle = next(place for place in (*range(half, len(secret)), *range(half)) if secret[place].isalnum())
    swapped = {"0": "1", "a": "b", "A": "B"}
    first = "0" if secret[middle].isdigit() else "a" if secret[middle].islower() else "A"
    other = swapped[first] if secret[middle] == first else first
    return secret[:middle] + other + secret[middle + 1 :]
