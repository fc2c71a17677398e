"""Looking at venues without trading: their listings, rates and books, with or without a storage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from arb.api import CacheTier, Clock, Context, Exchange, ExchangeError, PriceSource, Storage
from arb.execution import ask, listed
from arb.funding import CollectionFailure, CollectionReport, FeeCalculator, FundingCollector, OpportunityFinder
from arb.kernel import Composition, Family, open_family
from arb.marketdata import PriceProvider
from arb.model import MINUTE_NS, ExchangeName, FundingRate, Instrument, InstrumentId, parse_utc
from arb.net import open_transports
from arb.risk import MemoryHaltStore
from arb.storage import Journal

from ._books import Books, finder_of, stored_books
from ._clock import WallClock
from ._context import Ports, SeededIds, make_context
from ._holder import is_gone, own_holder
from ._listing import require_listing
from ._modes import is_virtual
from ._probe import ForgetfulState
from ._run import DEFAULT_START
from ._traffic import check_traffic, lent_ports
from ._wiring import LONG_ANSWER_NS

T = TypeVar("T")

LOOKOUT_FAMILIES = (Family.EXCHANGES, Family.CACHE_TIERS, Family.PRICE_SOURCES)
"""What is opened; the storage too where something is to be stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookout:
    """Open venues and what was read of them.

    Attributes:
        journal: Where :meth:`collect` stores; None for a look that leaves nothing behind.
    """

    clock: Clock
    exchanges: Mapping[ExchangeName, Exchange]
    instruments: dict[InstrumentId, Instrument]
    books: Books
    finder: OpportunityFinder
    collector: FundingCollector
    journal: Journal | None

    async def load_instruments(self) -> Sequence[CollectionFailure]:
        """Read what is listed, and store it; return what could not be read."""
        names = list(self.exchanges)
        failures: list[CollectionFailure] = []
        found: list[Instrument] = []
        for name, rows in zip(names, await asyncio.gather(*map(self._listing, names)), strict=True):
            if isinstance(rows, ExchangeError):
                failures.append(CollectionFailure(exchange=name, what="instruments", reason=str(rows)))
            else:
                found += rows
        self.instruments.update({one.id: one for one in found})
        if self.journal is not None:
            async with self.journal.transaction() as tx:
                await tx.put_instruments(found, self.clock.now_ns())
        return failures

    async def collect(self) -> CollectionReport:
        """Read rates, statistics and new history from every exchange at once, and store them."""
        report = await self.collector.collect(self.clock.now_ns())
        if self.journal is not None:
            async with self.journal.transaction() as tx:
                await tx.add_funding_rates([*report.settled, *report.predicted])
                await tx.add_stats(report.stats)
                await tx.add_events(report.events)
                await tx.save_clock(self.clock.now_ns())
        return report

    async def _listing(self, name: ExchangeName) -> Sequence[Instrument] | ExchangeError:
        market = self.exchanges[name].market

        async def read() -> tuple[Instrument, ...]:
            rows = listed(await market.fetch_instruments(), Instrument)
            require_listing(name, rows)
            return rows

        try:
            return await ask(self.clock, LONG_ANSWER_NS, name, "instruments", read)
        except ExchangeError as error:
            return error


def look(
    composition: Composition,
    work: Callable[[Lookout], Awaitable[T]],
    *,
    start_ns: int | None = None,
    settled: Sequence[FundingRate] = (),
    record: Path | None = None,
) -> T:
    """Open the exchanges, do `work`, close them, and return what it returned.

    Args:
        composition: With LOOKOUT_FAMILIES loaded; with STORAGES as well where it is to be stored.
        work: Runs on the exchanges' own time: virtual where all of them are simulated.
        start_ns: Where virtual time begins; None for the configuration's or the default start.
        settled: Settled rates known already, so that they need not be read again.
        record: Folder into which the traffic of real exchanges is written.

    Raises:
        ArbError: a plugin or the storage cannot be opened or used.
    """
    check_traffic(composition, record)
    if not is_virtual(composition):
        return asyncio.run(_looked(composition, work, settled, WallClock, record, inline=False))
    # Imported here: a look at real exchanges has no simulated time in it.
    from arb.simulation import VirtualClock, run_virtual

    begin_ns = start_ns or composition.config.run.start_ns or parse_utc(DEFAULT_START)
    main = _looked(composition, work, settled, VirtualClock.of_running_loop, record, inline=True)
    return run_virtual(main, start_ns=begin_ns)


async def _looked(
    composition: Composition,
    work: Callable[[Lookout], Awaitable[T]],
    settled: Sequence[FundingRate],
    make_clock: Callable[[], Clock],
    record: Path | None,
    *,
    inline: bool,
) -> T:
    async with open_transports() as (http, websocket):
        ports = Ports(
            clock=make_clock(),
            ids=SeededIds(composition.config.run.seed, 0),
            http=http,
            websocket=websocket,
            seed=composition.config.run.seed,
            inline=inline,
            halt_store=MemoryHaltStore(),
            holder=own_holder(),
            holder_is_gone=is_gone,
            lease_ns=MINUTE_NS,
        )
        async with _opened(composition, ports, settled, record) as lookout:
            return await work(lookout)


@asynccontextmanager
async def _opened(
    composition: Composition, ports: Ports, settled: Sequence[FundingRate], record: Path | None
) -> AsyncIterator[Lookout]:
    config = composition.config
    async with AsyncExitStack() as stack:

        async def family(which: Family) -> dict[str, object]:
            # Nothing of a look is remembered by the plugins: it may run beside a run on the same accounts.
            def context(of: Family, alias: str) -> Context:
                lent = lent_ports(stack, ports, composition, of, alias, record)
                return make_context(lent, of, alias, ForgetfulState())

            return await open_family(stack, composition, which, context)

        storages = await family(Family.STORAGES) if Family.STORAGES in composition.parts else {}
        journal = await Journal.open(cast("Storage", storages["main"])) if storages else None
        tiers = cast("dict[str, CacheTier]", await family(Family.CACHE_TIERS))
        sources = cast("dict[str, PriceSource]", await family(Family.PRICE_SOURCES))
        opened = cast("dict[ExchangeName, Exchange]", await family(Family.EXCHANGES))
        instruments: dict[InstrumentId, Instrument] = {}
        if journal is not None:
            instruments.update({one.id: one for one in await journal.instruments() if one.exchange in opened})
        books = await stored_books(config, journal, instruments, ports.clock.now_ns())
        books.funding.add_settled(settled)
        prices = PriceProvider(ports.clock, opened, tiers, sources)
        stack.push_async_callback(prices.close)
        yield Lookout(
            clock=ports.clock,
            exchanges=opened,
            instruments=instruments,
            books=books,
            finder=finder_of(config, ports, opened, instruments, books, prices, FeeCalculator()),
            collector=FundingCollector(
                exchanges=list(opened.values()),
                instruments=instruments,
                clock=ports.clock,
                funding=books.funding,
                stats=books.stats,
                fx=books.fx,
                identity=books.identity,
            ),
            journal=journal,
        )
