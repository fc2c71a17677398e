from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from types import ModuleType

from arb.api import Capability, Context, ExchangeSpec, Settings, StateStore
from arb.testing import ExchangeConformance, MemoryExchange

CAPABILITIES = frozenset(Capability) - {
    Capability.SIMULATED,
    Capability.PREDICTED_FUNDING,
}


class NoSettings(Settings):
    pass


class Venues:
    """Keeps the venue while a connection to it is closed, as a real one would."""

    def __init__(self) -> None:
        self._open: dict[int, tuple[StateStore, MemoryExchange]] = {}

    @asynccontextmanager
    async def open(self, settings: NoSettings, context: Context) -> AsyncIterator[MemoryExchange]:
        key = id(context.state)
        if key not in self._open:
            exchange = MemoryExchange(context.name, clock=context.clock, capabilities=CAPABILITIES)
            exchange.set_price(exchange.id_of("BTC"), 50_000, levels=30)
            self._open[key] = (context.state, exchange)
        yield self._open[key][1]


VENUES = Venues()


class MemoryPlugin(ModuleType):
    PLUGIN_API = 1

    def arb_exchanges(self) -> Iterable[ExchangeSpec]:
        return [ExchangeSpec(name="memory", settings=NoSettings, open=VENUES.open, capabilities=CAPABILITIES)]


class TestMemoryExchange(ExchangeConformance):
    """The kit's first client: the fake that third parties test with behaves as an exchange has to."""

    plugin = MemoryPlugin("memory_plugin")
