"""What extensions are told of a run in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest

from arb.api import (
    CachedBook,
    CacheTierSpec,
    Context,
    Exchange,
    ExchangeSpec,
    ExtensionSpec,
    FundingService,
    PriceSourceSpec,
    Settings,
    Spec,
    StorageSpec,
    StrategySpec,
    StrategyView,
)
from arb.kernel import Composition, Family, Part, PluginRef, Registry, parse_config
from arb.model import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    EventKind,
    ExchangeName,
    Fresh,
    FundingKind,
    HedgePlan,
    HedgeStatus,
    InstrumentId,
    Intent,
    LegPlan,
    OpenHedge,
    OpportunityFilter,
    OrderBook,
    PositionSide,
    Unknown,
)
from arb.risk import EVERYTHING, Halts, MemoryHaltStore
from arb.runtime import MAX_SPEED, RunOptions, execute
from arb.runtime._service import RunService
from arb.storage import Journal
from arb.testing import START_NS, Fault, MemoryExchange, MemoryStorage

LEFT, RIGHT = InstrumentId("BTC-PERP.left"), InstrumentId("BTC-PERP.right")
WANTED = OpportunityFilter(notional_usd=Decimal(1000), horizon_hours=Decimal(240))

Look = Callable[["World", FundingService, Context], Awaitable[None]]


class Tier:
    """Keeps nothing."""

    async def get(self, instruments: Sequence[InstrumentId]) -> Mapping[InstrumentId, CachedBook]:
        return {}

    async def put(self, books: Mapping[InstrumentId, CachedBook]) -> None:
        return None

    async def drop(self, instruments: Sequence[InstrumentId]) -> None:
        return None


class Source:
    """Reads every book from the exchange."""

    async def fetch_order_book(self, exchange: Exchange, instrument: InstrumentId, depth: int) -> OrderBook:
        return await exchange.market.fetch_order_book(instrument, depth)


class World:
    """A run of two venues whose one extension does what a test says.

    The strategy opens one hedge at its first decision.
    """

    cycle_ns = 5 * MINUTE_NS

    def __init__(self, look: Look) -> None:
        self._look = look
        self.storage = MemoryStorage()
        self.halts = MemoryHaltStore()
        self.venues: dict[str, MemoryExchange] = {}
        self._has_opened = False

    async def decide(self, view: StrategyView) -> Sequence[Intent]:
        if self._has_opened:
            return ()
        self._has_opened = True
        sides = ((LEFT, PositionSide.LONG), (RIGHT, PositionSide.SHORT))
        legs = tuple(LegPlan(instrument=name, side=side, quantity=Decimal("0.01")) for name, side in sides)
        return [OpenHedge(plan=HedgePlan(base="BTC", legs=legs, max_slippage_bps=Decimal(20), reason="test"))]

    def run(self) -> None:
        options = RunOptions(until_ns=START_NS + HOUR_NS, speed=MAX_SPEED)
        outcome = execute(self._composition(), "test", options, lambda app: None, halt_store=self.halts)
        assert outcome.reason == "the end time was reached"

    def failures(self) -> list[str]:
        """Return what extensions died of."""

        async def read() -> list[str]:
            journal = await Journal.open(self.storage)
            return [event.message for _, event in await journal.events(limit=0, kinds=(EventKind.PLUGIN_FAILED,))]

        return asyncio.run(read())

    def _venue(self, context: Context) -> MemoryExchange:
        venue = self.venues[context.name] = MemoryExchange(context.name, clock=context.clock)
        venue.set_funding(InstrumentId(f"BTC-PERP.{context.name}"), "0.001" if context.name == "right" else "-0.001")
        return venue

    def _composition(self) -> Composition:
        world = self

        class Watcher:
            def __init__(self, context: Context) -> None:
                self._context = context

            async def run(self, service: FundingService) -> None:
                await world._look(world, service, self._context)

        def opens(make: Callable[[Context], object]) -> Any:
            @asynccontextmanager
            async def opened(settings: Settings, context: Context) -> AsyncIterator[object]:
                yield make(context)

            return opened

        def parts(family: Family, spec: type[Spec[Any]], make: Callable[[Context], object], *names: str) -> Any:
            more = {"capabilities": MemoryExchange().capabilities} if family is Family.EXCHANGES else {}
            one = spec(name="test", settings=Settings, open=opens(make), **more)
            ref = PluginRef(family=family, name="test", target="test", dist_name="test", dist_version="1")
            return MappingProxyType(
                {
                    name: Part(family=family, alias=name, ref=ref, spec=one, settings=Settings(), raw={})
                    for name in names
                }
            )

        uses = {"left": {"plugin": "test"}, "right": {"plugin": "test"}}
        config = parse_config(
            {
                "run": {"start": "2026-01-01T00:00:00Z", "collect_every": "10m"},
                "storages": {"main": {"plugin": "test"}},
                "exchanges": uses,
                "strategies": {"carry": {"plugin": "test", "exchanges": [*uses]}},
            },
            "test",
        )
        families = {
            Family.STORAGES: parts(Family.STORAGES, StorageSpec, lambda context: world.storage, "main"),
            Family.CACHE_TIERS: parts(Family.CACHE_TIERS, CacheTierSpec, lambda context: Tier(), "memory"),
            Family.PRICE_SOURCES: parts(Family.PRICE_SOURCES, PriceSourceSpec, lambda context: Source(), "rest"),
            Family.EXCHANGES: parts(Family.EXCHANGES, ExchangeSpec, world._venue, *uses),
            Family.STRATEGIES: parts(Family.STRATEGIES, StrategySpec, lambda context: world, "carry"),
            Family.EXTENSIONS: parts(Family.EXTENSIONS, ExtensionSpec, Watcher, "watcher"),
        }
        return Composition(config=config, registry=Registry(), parts=MappingProxyType(families))


async def wait(context: Context, minutes: int) -> None:
    await context.clock.sleep_until(START_NS + minutes * MINUTE_NS)


def watched(look: Look) -> World:
    """Run with an extension that looks, and fail where it did not look to its end."""
    done = []

    async def watch(world: World, service: FundingService, context: Context) -> None:
        await look(world, service, context)
        done.append(True)

    world = World(watch)
    world.run()
    assert world.failures() == []
    assert done
    return world


def test_before_the_first_collection_nothing_is_known() -> None:
    async def look(world: World, service: FundingService, context: Context) -> None:
        assert service.started_ns == service.now_ns == START_NS
        left, right = service.exchanges()
        assert (left.name, right.name) == ("left", "right")
        assert (left.instruments, left.collected_ns, left.failures, left.has_account) == (0, None, (), True)
        assert isinstance(service.funding(LEFT), Unknown)
        assert isinstance(service.stats(LEFT), Unknown)
        assert isinstance(service.positions()[ExchangeName("left")], Unknown)
        assert (service.hedges(), service.halts()) == ((), ())

    watched(look)


def test_what_the_run_collects_is_told() -> None:
    async def look(world: World, service: FundingService, context: Context) -> None:
        await wait(context, 25)
        assert (service.now_ns, service.started_ns) == (START_NS + 25 * MINUTE_NS, START_NS)
        for state in service.exchanges():
            assert (state.collected_ns, state.failures) == (START_NS + 20 * MINUTE_NS, ())
            assert state.instruments == sum(one.exchange == state.name for one in service.instruments.values()) > 0
            assert state.capabilities == world.venues[state.name].capabilities
        rate, stats = service.funding(RIGHT), service.stats(RIGHT)
        assert isinstance(rate, Fresh)
        assert rate.value.rate == Decimal("0.001")
        assert isinstance(stats, Fresh)
        assert stats.value.mark_price is not None
        stored = await service.history(RIGHT, FundingKind.PREDICTED, 0, START_NS + DAY_NS)
        assert {one.rate for one in stored} == {Decimal("0.001")}
        assert await service.history(RIGHT, FundingKind.PREDICTED, 0, START_NS) == ()

    watched(look)


def test_what_the_run_holds_and_what_forbids_it_more_is_told() -> None:
    async def look(world: World, service: FundingService, context: Context) -> None:
        await wait(context, 25)
        (hedge,) = service.hedges()
        assert hedge.status is HedgeStatus.OPEN
        held = service.positions()
        assert list(held) == ["left", "right"]
        for name, quantity in (("left", "0.01"), ("right", "-0.01")):
            reading = held[ExchangeName(name)]
            assert isinstance(reading, Fresh)
            assert [one.quantity for one in reading.value] == [Decimal(quantity)]
        assert service.halts() == ()
        Halts(world.halts, context.clock).halt(EVERYTHING, "a person said so", by="anna")
        assert service.halts() == ("halt 1 (all): a person said so",)

    watched(look)


def test_a_failure_is_told_with_the_time_of_the_last_success() -> None:
    async def look(world: World, service: FundingService, context: Context) -> None:
        await wait(context, 15)
        world.venues["left"].faults.always("fetch_stats", Fault(error=KeyError("result")))
        await wait(context, 45)
        left, right = service.exchanges()
        assert left.collected_ns == START_NS + 10 * MINUTE_NS
        assert left.failures == ("stats: KeyError: 'result'",)
        assert (right.collected_ns, right.failures) == (START_NS + 40 * MINUTE_NS, ())
        world.venues["left"].faults._always.clear()
        await wait(context, 55)
        assert service.exchanges()[0].failures == ()

    watched(look)


def test_rates_in_quarantine_are_unknown_with_the_reason() -> None:
    async def look(world: World, service: FundingService, context: Context) -> None:
        await wait(context, 15)
        assert isinstance(service, RunService)
        service._p.funding_book.quarantine(ExchangeName("left"), "a thousand times too large")
        left, right = service.exchanges()
        assert (left.quarantine, right.quarantine) == ("a thousand times too large", "")
        reading = service.funding(LEFT)
        assert isinstance(reading, Unknown)
        assert "a thousand times too large" in reading.reason
        assert (await service.opportunities(WANTED)).rows == ()

    watched(look)


def test_pairs_worth_opening_are_found_among_all_exchanges() -> None:
    async def look(world: World, service: FundingService, context: Context) -> None:
        await wait(context, 25)
        scan = await service.opportunities(WANTED)
        assert [(row.long, row.short) for row in scan.rows] == [(LEFT, RIGHT)]
        with pytest.raises(ValueError, match="positive notional"):
            await service.opportunities(OpportunityFilter(notional_usd=Decimal(0), horizon_hours=Decimal(1)))

    watched(look)


def test_scans_wait_for_one_another() -> None:
    async def look(world: World, service: FundingService, context: Context) -> None:
        await wait(context, 26)
        venue = world.venues["left"]
        venue.faults.always("fetch_order_book", Fault(delay_ns=MINUTE_NS // 60))
        ends: list[int] = []

        async def scan() -> None:
            await service.opportunities(WANTED)
            ends.append(service.now_ns)

        await asyncio.gather(scan(), scan(), scan())
        assert len(set(ends)) == 3, "one ends after the other"

    watched(look)


def test_nothing_that_trades_is_lent() -> None:
    async def look(world: World, service: FundingService, context: Context) -> None:
        await wait(context, 5)
        with pytest.raises(TypeError):
            service.instruments[LEFT] = None  # type: ignore[index]
        public = {name for name in dir(service) if not name.startswith("_")}
        assert public == {name for name in dir(FundingService) if not name.startswith("_")}

    watched(look)


def test_an_extension_that_breaks_ends_alone() -> None:
    async def look(world: World, service: FundingService, context: Context) -> None:
        await wait(context, 5)
        raise RuntimeError("of its own")

    world = World(look)
    world.run()
    assert world.failures() == ["RuntimeError: of its own"]
