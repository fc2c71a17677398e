"""What a fake venue stands on: a market, and one account that outlives every client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from arb.api import Clock, ExchangeSpec, FakeGround, FakeVenue, StateStore
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


def _fake_of(spec: ExchangeSpec) -> Any:
    assert spec.fake is not None, f"{spec.name} brings no fake venue"
    return spec.fake
