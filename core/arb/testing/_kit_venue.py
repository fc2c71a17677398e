"""Exchange kit against a venue itself, in real time: a part of the cases, first of all on its testnet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest
from pydantic import BaseModel

from arb.api import Capability, Context, Exchange, ExchangeSpec
from arb.model import MILLISECOND_NS, SECOND_NS
from arb.net import open_transports

from ._fakes_context import FakeContext, FakeIds, MemoryState
from ._kit import require
from ._kit_desk import Desk
from ._kit_exchange import ExchangeConformance
from ._kit_exchange_base import Body, Make, Play, Use, played
from ._kit_ground import Ground

READS: Final = frozenset(
    f"X-{number:03}" for number in (1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17, 20, 21, 30)
) | {"X-105", "X-107", "X-110", "X-111", "X-145", "X-299"}
"""Cases that read only: market data without a key, and the account with one."""

ORDERS: Final = frozenset(
    f"X-{number:03}" for number in (40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 54, 56, 60, 61, 162, 171)
) | {"X-220", "X-221", "X-222", "X-296"}
"""Cases that send the smallest orders and take every position back."""

_CASE_TIMEOUT_S: Final = 120.0


class RealClock:
    """Implements :class:`arb.api.Clock`: the time of this machine, which never goes back."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._offset_ns = time.time_ns() - self._steady_ns()  # noqa: TID251 - real time is the point here

    def now_ns(self) -> int:
        """Return nanoseconds since the Unix epoch."""
        return self._offset_ns + self._steady_ns()

    async def sleep_until(self, ts_ns: int) -> None:
        """Return when `now_ns() >= ts_ns`."""
        left_ns = ts_ns - self.now_ns()
        # A timer may ring a little early: a millisecond more makes the promise true.
        await asyncio.sleep((left_ns + MILLISECOND_NS) / SECOND_NS if left_ns > 0 else 0)  # noqa: TID251 - as above

    def _steady_ns(self) -> int:
        return int(self._loop.time() * SECOND_NS)


class VenueConformance(ExchangeConformance):
    """The cases of `READS`, and with `sends_orders` those of `ORDERS`, with the settings of a configuration.

    An account with a position or an open order is not touched: every case that would trade fails.

    Attributes:
        venue_settings: The plugin's table of the configuration; secrets are references.
        sends_orders: Real orders may leave.
        cases: What is run of the kit.
    """

    venue_settings: ClassVar[Mapping[str, Any]] = {}
    sends_orders: ClassVar[bool] = False

    @classmethod
    def cases(cls) -> frozenset[str]:
        """Return the numbers of the cases that are run."""
        return READS | ORDERS if cls.sends_orders else READS

    @pytest.fixture
    def settings(self, spec: ExchangeSpec, options: Mapping[str, Any], tmp_path: Path) -> BaseModel:
        """Return the settings of the configuration."""
        return spec.settings.model_validate(dict(self.venue_settings))

    @pytest.fixture
    def ground(self, spec: ExchangeSpec, settings: BaseModel) -> Ground | None:
        """Return None: nothing is imitated."""
        return None

    @pytest.fixture
    def play(self, options: Mapping[str, Any]) -> Play:
        """Return a function that runs one case in real time."""

        def run(case: Callable[[], Awaitable[None]]) -> None:
            async def bounded() -> None:
                async with asyncio.timeout(_CASE_TIMEOUT_S):
                    await case()

            asyncio.run(bounded())

        return run

    @pytest.fixture
    def use(
        self,
        spec: ExchangeSpec,
        make: Make,
        context: Callable[[], Context],
        play: Play,
        options: Mapping[str, Any],
        ground: Ground | None,
        settings: BaseModel,
    ) -> Use:
        """Return a function that runs a case on the venue."""

        def run(body: Body, *needed: str, ahead_ns: int = 0) -> None:
            require(spec.capabilities, *needed)

            async def case() -> None:
                async with connected(spec, settings) as (exchange, lent):
                    # A configuration without keys has fewer capabilities than the plugin declares.
                    require(exchange.capabilities, *needed)
                    desk = await Desk.open(exchange, lent, options)
                    if not self.sends_orders or Capability.TRADING not in exchange.capabilities:
                        await body(desk)
                        return
                    assert not await desk.trading.fetch_positions(), "the account has an open position"
                    assert not await desk.trading.fetch_open_orders(), "the account has an open order"
                    await played(desk, body)

            play(case)

        return run


@asynccontextmanager
async def connected(spec: ExchangeSpec, settings: BaseModel) -> AsyncIterator[tuple[Exchange, Context]]:
    """Open the plugin on the network, with ids that no earlier run has used."""
    async with open_transports() as (http, websocket):
        clock = RealClock()
        ids = FakeIds(f"{clock.now_ns() // SECOND_NS:x}x")
        context = FakeContext("check", clock=clock, http=http, websocket=websocket, state=MemoryState(), ids=ids)
        async with spec.open(settings, context) as exchange:
            yield exchange, context
