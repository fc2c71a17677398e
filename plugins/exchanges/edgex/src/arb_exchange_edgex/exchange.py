"""Opening the exchange, and what a fake of its venue needs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from arb.api import Capability, Context, ExchangeTraits, FakeSpec
from arb.model import ExchangeName
from pydantic import SecretStr

from .fake import FAKE_KEY, FAKE_SECRET, VenueFake, fitted
from .market import VenueMarket
from .plugin import CAPABILITIES
from .settings import ExchangeSettings
from .streams import VenueStreams
from .trading import VenueTrading
from .wire import WINDOW_NS, VenueWire

__all__ = ["FAKE", "ExchangeSettings", "VenueExchange", "open_exchange"]

PRIVATE = frozenset(
    {
        Capability.TRADING,
        Capability.POST_ONLY,
        Capability.FILL_OR_KILL,
        Capability.FUNDING_PAYMENTS,
        Capability.SET_LEVERAGE,
        Capability.ACCOUNT_STREAM,
    }
)


class VenueExchange:
    """Implements `arb.api.Exchange`."""

    def __init__(self, wire: VenueWire, context: Context) -> None:
        self.name = ExchangeName(context.name)
        self.capabilities: frozenset[Capability] = CAPABILITIES if wire.has_key else CAPABILITIES - PRIVATE
        self.traits = ExchangeTraits(read_after_write_ns=0, order_validity_ns=WINDOW_NS)
        self.market = VenueMarket(wire, context)
        self.trading = VenueTrading(wire, self.market, context) if wire.has_key else None
        self.streams = VenueStreams(wire, self.market, context)


@asynccontextmanager
async def open_exchange(settings: ExchangeSettings, context: Context) -> AsyncIterator[VenueExchange]:
    """Open the exchange; what it opens here it closes after the yield."""
    wire = VenueWire(settings, context)
    await wire.synchronise()
    exchange = VenueExchange(wire, context)
    await exchange.market.fetch_instruments()
    yield exchange


def fake_settings(address: str) -> Mapping[str, Any]:
    """Return the settings for a fake at this address."""
    return {
        "url": address,
        "stream_url": address.replace("http", "ws", 1) + "/stream",
        "key": SecretStr(FAKE_KEY),
        "secret": SecretStr(FAKE_SECRET),
    }


FAKE = FakeSpec(open=VenueFake, settings=fake_settings, profile="hyperliquid-like", fit=fitted)
