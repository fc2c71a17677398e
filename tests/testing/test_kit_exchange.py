from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from decimal import Decimal
from types import ModuleType

from arb.api import Capability, Context, ExchangeSpec, Settings, StateStore
from arb.model import HOUR_NS, FundingKind, FundingRate, InstrumentId, RateUnit
from arb.testing import ExchangeConformance, MemoryExchange

CAPABILITIES = frozenset(Capability) - {
    Capability.SIMULATED,
    Capability.PREDICTED_FUNDING,
}


class NoSettings(Settings):
    pass


def settled(instrument: InstrumentId, paid_ns: int, read_ns: int) -> FundingRate:
    return FundingRate(
        instrument=instrument,
        raw=Decimal("0.0001"),
        unit=RateUnit(factor=Decimal(1), period_ns=8 * HOUR_NS),
        interval_ns=8 * HOUR_NS,
        kind=FundingKind.SETTLED,
        ts_event_ns=paid_ns,
        ts_init_ns=read_ns,
    )


class Venues:
    """Keeps the venue while a connection to it is closed, as a real one would."""

    def __init__(self) -> None:
        self._open: dict[int, tuple[StateStore, MemoryExchange]] = {}

    @asynccontextmanager
    async def open(self, settings: NoSettings, context: Context) -> AsyncIterator[MemoryExchange]:
        key = id(context.state)
        if key not in self._open:
            exchange = MemoryExchange(context.name, clock=context.clock, capabilities=CAPABILITIES)
            name = exchange.id_of("BTC")
            exchange.set_price(name, 50_000, levels=30)
            for hours in (24, 16, 8):
                exchange.add_history(settled(name, context.clock.now_ns() - hours * HOUR_NS, context.clock.now_ns()))
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
