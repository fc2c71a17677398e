"""An exchange plugin over its own fake venue, in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from arb.api import Clock, Exchange, ExchangeSpec, FakeGround, FakeVenue, StateStore
from arb.model import ExchangeName
from arb.simulation import (
    PROFILES,
    Faults,
    FittedMarket,
    Latency,
    Market,
    SeededMarket,
    SimulatedExchange,
    SimulatedVenue,
    VenueRules,
    open_simulated_exchange,
)

from ._fakes_context import FakeContext, FakeIds, MemoryState

FAKE_ADDRESS: Final = "http://fake.test"
_ASSETS: Final = ("BTC", "ETH", "SOL")


@dataclass(slots=True)
class FakeWorld:
    """A venue with one account that outlives every client.

    Attributes:
        state: The account's, durable.
        client_state: The plugin's.
        memory: The fake's, beyond the account.
        assets: What a seeded market lists.
        deposit: Cash of a new account, quote currency.
    """

    name: str = "check"
    seed: int = 7
    assets: tuple[str, ...] = _ASSETS
    deposit: Decimal = Decimal(50_000)
    leverage: Decimal = Decimal(5)
    state: MemoryState = field(default_factory=MemoryState)
    client_state: StateStore = field(default_factory=MemoryState)
    client_ids: FakeIds = field(default_factory=FakeIds)
    memory: dict[str, Any] = field(default_factory=dict)

    def venue(self, spec: ExchangeSpec, now_ns: int, market: Market | None = None) -> SimulatedVenue:
        """Return the venue at its beginning; its account is restored by :meth:`ground`."""
        fake = _fake_of(spec)
        profile = PROFILES[fake.profile]
        if market is None:
            market = SeededMarket(seed=self.seed, exchange=self.name, profile=profile, assets=self.assets)
        return SimulatedVenue(
            FittedMarket(market, fake.fit, now_ns),
            VenueRules(leverage=self.leverage),
            name=ExchangeName(self.name),
            deposits={profile.quote: self.deposit},
            start_ns=now_ns,
        )

    @asynccontextmanager
    async def ground(
        self, spec: ExchangeSpec, clock: Clock, *, market: Market | None = None, faults: Faults | None = None
    ) -> AsyncIterator[tuple[SimulatedExchange, FakeVenue]]:
        """Open the simulated account and the fake venue over it."""
        context = FakeContext(self.name, seed=self.seed, clock=clock, state=self.state)
        venue = self.venue(spec, clock.now_ns(), market)
        async with open_simulated_exchange(venue, context, latency=Latency(), faults=faults) as exchange:
            yield exchange, _fake_of(spec).open(FakeGround(exchange=exchange, clock=clock, memory=self.memory))

    @asynccontextmanager
    async def client(self, spec: ExchangeSpec, clock: Clock, fake: FakeVenue) -> AsyncIterator[Exchange]:
        """Open the plugin over the fake."""
        context = FakeContext(
            self.name,
            seed=self.seed,
            clock=clock,
            http=fake,
            websocket=fake,
            state=self.client_state,
            ids=self.client_ids,
        )
        settings = spec.settings.model_validate(dict(_fake_of(spec).settings(FAKE_ADDRESS)))
        async with spec.open(settings, context) as exchange:
            yield exchange


@asynccontextmanager
async def over_fake(
    spec: ExchangeSpec,
    clock: Clock,
    *,
    world: FakeWorld | None = None,
    market: Market | None = None,
    faults: Faults | None = None,
) -> AsyncIterator[tuple[Exchange, SimulatedExchange]]:
    """Open a plugin over its fake venue; yield it, and the truth: the simulated exchange behind the fake.

    Args:
        spec: Of the plugin; it brings a fake.
        clock: Of both sides.
        world: Give the same one again to come back to the same account.
        market: Instead of the seeded one of the fake's profile.
        faults: Between the fake and the account; what they raise becomes of the request.
    """
    world = world or FakeWorld()
    async with (
        world.ground(spec, clock, market=market, faults=faults) as (truth, fake),
        world.client(spec, clock, fake) as exchange,
    ):
        yield exchange, truth


def _fake_of(spec: ExchangeSpec) -> Any:
    assert spec.fake is not None, f"{spec.name} brings no fake venue"
    return spec.fake
