"""The composition root: every part built from the configuration and joined to the others."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from arb.api import (
    CacheTier,
    Capability,
    Clock,
    ConfigError,
    Context,
    Exchange,
    ExchangeSpec,
    Extension,
    PluginError,
    PriceSource,
    StateStore,
    Storage,
    Strategy,
)
from arb.execution import (
    AccountLeases,
    Recorder,
    ask,
    listed,
)
from arb.kernel import Composition, Family, open_family
from arb.marketdata import PriceProvider
from arb.model import (
    Event,
    ExchangeName,
    Instrument,
)
from arb.risk import Halts
from arb.storage import Journal, JournalStateStore

from ._attended import check_attended
from ._book_feed import BookFeed
from ._claim import claim
from ._context import Ports, make_context
from ._engine import Engine, EngineParts
from ._modes import Mode, RunOptions
from ._periodic import StopSignal
from ._traffic import lent_ports
from ._wiring import LONG_ANSWER_NS, wired


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """An assembled run."""

    engine: Engine
    parts: EngineParts
    journal: Journal
    halts: Halts
    extensions: Mapping[str, Extension]
    stop: StopSignal


Observe = Callable[[App], None]
"""Called after every step of a run; it must return quickly."""


class NoState:
    """The state store of plugins that open before there is a journal; they have nothing to remember."""

    async def get(self, key: str) -> str | None:
        """Return nothing."""
        return None

    async def put(self, key: str, value: str) -> None:
        """Refuse: a value that would be lost must not look stored."""
        raise RuntimeError("a storage plugin cannot keep state in the storage")


@asynccontextmanager
async def assembled(
    composition: Composition, ports: Ports, options: RunOptions, stop: StopSignal, *, identity: str, observe: Observe
) -> AsyncIterator[App]:
    """Open every plugin, join the parts, and close all of it in reverse on leaving.

    Raises:
        ConfigError: the database belongs to another kind of run, or holds a hedge that this
            configuration would leave alone.
    """
    async with AsyncExitStack() as stack:
        opening = _Opening(stack, composition, ports, options.record)
        storages = await opening.family(Family.STORAGES, NoState())
        journal = await Journal.open(cast("Storage", storages["main"]))
        # Before any other plugin opens: it would continue from the state of a run that is not its own.
        await claim(journal, identity)
        leases = AccountLeases(ports.clock, holder=ports.holder, is_gone=ports.holder_is_gone, ttl_ns=ports.lease_ns)
        recorder = Recorder(journal, ports.clock, _Notifier(composition).tell, leases)
        tiers = cast("dict[str, CacheTier]", await opening.family(Family.CACHE_TIERS, journal))
        sources = cast("dict[str, PriceSource]", await opening.family(Family.PRICE_SOURCES, journal))
        exchanges = await _open_exchanges(opening, journal, options)
        await check_attended(journal, exchanges, composition.config.strategies)
        await leases.take(journal, [name for name, one in exchanges.items() if one.trading is not None])
        stack.push_async_callback(leases.release, journal)
        strategies = cast("dict[str, Strategy]", await opening.family(Family.STRATEGIES, journal))
        # Virtual time has no reads to spare, and every message of a stream would be a step of it.
        streamed = {} if ports.inline or not composition.config.run.stream_books else exchanges
        books = BookFeed(streamed, ports.clock)
        prices = PriceProvider(ports.clock, exchanges, tiers, sources, on_fetch=books.want)
        stack.push_async_callback(prices.close)
        halts = Halts(ports.halt_store, ports.clock)
        parts = await wired(composition, ports, recorder, exchanges, strategies, prices, books, halts)
        extensions = cast("dict[str, Extension]", await opening.family(Family.EXTENSIONS, journal))
        engine = Engine(parts, stop, lambda: observe(app))
        app = App(engine=engine, parts=parts, journal=journal, halts=halts, extensions=extensions, stop=stop)
        yield app


class _Notifier:
    """Tells observers; one that fails is reported to its log and stops nobody."""

    def __init__(self, composition: Composition) -> None:
        self._registry = composition.registry

    def tell(self, event: Event) -> None:
        """Pass an event on that the journal already holds."""
        for plugin, error in self._registry.notify(event):
            logging.getLogger(f"arb.plugins.{plugin}").error("arb_event failed: %s: %s", type(error).__name__, error)


@dataclass(frozen=True, slots=True)
class _Opening:
    """Opens families, giving each plugin its context."""

    stack: AsyncExitStack
    composition: Composition
    ports: Ports
    record: Path | None

    async def family(self, family: Family, memory: Journal | StateStore) -> dict[str, object]:
        """Open one family in the order of the configuration."""

        def context(of: Family, alias: str) -> Context:
            state = (
                JournalStateStore(memory, f"{of}:{alias}", self.ports.clock) if isinstance(memory, Journal) else memory
            )
            ports = lent_ports(self.stack, self.ports, self.composition, of, alias, self.record)
            return make_context(ports, of, alias, state)

        return await open_family(self.stack, self.composition, family, context)


async def _open_exchanges(opening: _Opening, journal: Journal, options: RunOptions) -> dict[ExchangeName, Exchange]:
    opened = cast("dict[ExchangeName, Exchange]", await opening.family(Family.EXCHANGES, journal))
    _check_capabilities(opening.composition, opened)
    if options.mode is Mode.LIVE or all(Capability.SIMULATED in one.capabilities for one in opened.values()):
        return opened
    # Imported here: a live run has no simulation in it.
    from arb.simulation import open_paper_exchange

    paper: dict[ExchangeName, Exchange] = {}
    for name, inner in opened.items():
        if Capability.SIMULATED in inner.capabilities:
            paper[name] = inner
            continue
        context = make_context(
            opening.ports, "paper", name, JournalStateStore(journal, f"paper:{name}", opening.ports.clock)
        )
        amount = opening.composition.config.exchanges[name].paper_deposit
        deposits = {await _main_currency(inner, opening.ports.clock): amount}
        paper[name] = await opening.stack.enter_async_context(open_paper_exchange(inner, context, deposits=deposits))
    return paper


def _check_capabilities(composition: Composition, opened: Mapping[ExchangeName, Exchange]) -> None:
    """Refuse an exchange that is not what its plugin declared.

    Whether real money can move was decided by the declaration, before anything was opened.

    Raises:
        PluginError: it can more than declared, or only one of the two says it is simulated.
    """
    for name, part in composition.parts[Family.EXCHANGES].items():
        declared = part.spec.capabilities if isinstance(part.spec, ExchangeSpec) else frozenset()
        found = opened[ExchangeName(name)].capabilities
        extra = (found - declared) | ({Capability.SIMULATED} & (found ^ declared))
        if extra:
            raise PluginError(
                f"[exchanges.{name}]: the plugin declares {_names(declared)}, but what it opened has {_names(found)}; "
                f"the difference in {_names(extra)} is an error of {part.ref.dist_name}"
            )


def _names(capabilities: frozenset[Capability]) -> str:
    return ", ".join(sorted(capabilities)) or "nothing"


async def _main_currency(exchange: Exchange, clock: Clock) -> str:
    """Return the quote currency of most instruments: a paper account is funded in it."""

    async def read() -> tuple[Instrument, ...]:
        return listed(await exchange.market.fetch_instruments(), Instrument)

    quotes = Counter(one.quote for one in await ask(clock, LONG_ANSWER_NS, exchange.name, "instruments", read))
    if not quotes:
        raise ConfigError(f"[exchanges.{exchange.name}]: lists no instrument, so there is nothing to trade on paper")
    return max(quotes, key=lambda quote: (quotes[quote], quote))
