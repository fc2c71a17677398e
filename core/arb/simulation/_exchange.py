"""A simulated venue as an exchange."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from arb.api import Capability, Context, ExchangeTraits
from arb.model import SECOND_NS, ExchangeName, format_utc

from ._access import VenueAccess
from ._desk import Desk
from ._exchange_market import SimulatedMarketData
from ._exchange_streams import SimulatedStreams
from ._exchange_trading import SimulatedTrading
from ._faults import Faults
from ._latency import Latency
from ._venue import SimulatedVenue

SIMULATED_CAPABILITIES: Final = frozenset(Capability) - {Capability.TRANSFERS}
"""What every exchange made of a simulated venue can do."""


def account_traits(venue: SimulatedVenue) -> ExchangeTraits:
    """Return the traits of every simulated account."""
    return ExchangeTraits(
        read_after_write_ns=0,
        order_validity_ns=0,
        client_order_id_length=venue.rules.client_order_id_length,
        history_ns=2**62,
    )


class SimulatedExchange:
    """One simulated venue with one account behind the protocol of every exchange."""

    def __init__(self, access: VenueAccess, *, stream_interval_ns: int = SECOND_NS) -> None:
        self._access = access
        self._market = SimulatedMarketData(access)
        self._trading = SimulatedTrading(access)
        self._streams = SimulatedStreams(access, stream_interval_ns)

    @property
    def name(self) -> ExchangeName:
        """Return its name in the configuration."""
        return self._access.venue.name

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Return every capability there is."""
        return SIMULATED_CAPABILITIES

    @property
    def traits(self) -> ExchangeTraits:
        """Return that a read sees every write before it, an order comes at once or never, history stays for ever."""
        return account_traits(self._access.venue)

    @property
    def market(self) -> SimulatedMarketData:
        """Return public data."""
        return self._market

    @property
    def trading(self) -> SimulatedTrading:
        """Return the account."""
        return self._trading

    @property
    def streams(self) -> SimulatedStreams:
        """Return live data."""
        return self._streams

    @property
    def venue(self) -> SimulatedVenue:
        """Return the venue itself, for tests and reports; orders go through `trading`."""
        return self._access.venue


@asynccontextmanager
async def open_simulated_exchange(
    venue: SimulatedVenue,
    context: Context,
    *,
    world: str = "",
    latency: Latency | None = None,
    faults: Faults | None = None,
    stream_interval_ns: int = SECOND_NS,
) -> AsyncIterator[SimulatedExchange]:
    """Open the exchange on the account kept in `context.state`, or on a new one.

    Args:
        world: Describes the market in one line; an account kept in another world is refused.

    Raises:
        ConfigError: the stored account belongs to another world.
        StorageError: the stored account cannot be read.
    """
    desk = Desk(venue, context, latency=latency, faults=faults)
    deposits = venue.deposits
    if await desk.open(world):
        context.log.info("continuing the simulated account of %s", format_utc(venue.now_ns))
        if venue.deposits != deposits:
            context.log.warning("the stored account began with another deposit; the configured one is not used")
    try:
        yield SimulatedExchange(desk, stream_interval_ns=stream_interval_ns)
    finally:
        await desk.close()
