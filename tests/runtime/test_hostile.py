"""Whole runs in virtual time over plugins that break, hang, cancel and talk nonsense."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, cast

import pytest

from arb.api import (
    CachedBook,
    CacheTierSpec,
    Capability,
    ConfigError,
    Context,
    Exchange,
    ExchangeSpec,
    PluginError,
    PriceSourceSpec,
    Settings,
    Spec,
    StorageSpec,
    StrategySpec,
    StrategyView,
)
from arb.kernel import Composition, Family, Part, PluginRef, Registry, parse_config
from arb.model import (
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    CloseHedge,
    Event,
    EventKind,
    Fill,
    HedgePlan,
    HedgeStatus,
    InstrumentId,
    InstrumentStatus,
    LegPlan,
    OpenHedge,
    OrderBook,
    Position,
    PositionSide,
    Severity,
    Side,
)
from arb.risk import MemoryHaltStore
from arb.runtime import MAX_SPEED, RunOptions, RunOutcome, execute
from arb.storage import Journal
from arb.testing import START_NS, Fault, MemoryExchange
from arb.testing._fakes_storage import MemoryStorage

CYCLE_NS = 5 * MINUTE_NS
FLAT = (Decimal(0), Decimal(0))
LEFT, RIGHT = InstrumentId("BTC-PERP.left"), InstrumentId("BTC-PERP.right")
Decide = Callable[["Stage", StrategyView], Awaitable[Any]]


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


@dataclass
class Stage:
    """A run of two venues and one strategy that a test scripts.

    Attributes:
        on_open: Called for each venue when it is open, to break it.
    """

    decide: Decide
    on_open: Callable[[MemoryExchange], None] = lambda venue: None
    storage: MemoryStorage = field(default_factory=MemoryStorage)
    halt_store: MemoryHaltStore = field(default_factory=MemoryHaltStore)
    venues: dict[str, MemoryExchange] = field(default_factory=dict)
    decisions: int = 0

    def run(self, *, hours: int = 1, strategy: str = "carry") -> RunOutcome:
        return execute(
            self.composition(strategy), "test", self._options(hours), lambda app: None, halt_store=self.halt_store
        )

    def events(self, *kinds: EventKind) -> list[Event]:
        async def read() -> list[Event]:
            journal = await Journal.open(self.storage)
            return [event for _, event in await journal.events(limit=0, kinds=kinds or None)]

        return asyncio.run(read())

    def held(self) -> tuple[Decimal, Decimal]:
        async def read(name: str) -> Decimal:
            trading = self.venues[name].trading
            assert trading is not None
            self.venues[name].faults._always.clear()
            return sum((one.quantity for one in await trading.fetch_positions()), Decimal(0))

        return asyncio.run(read("left")), asyncio.run(read("right"))

    @staticmethod
    def _options(hours: int) -> RunOptions:
        return RunOptions(until_ns=START_NS + hours * HOUR_NS, speed=MAX_SPEED)

    def composition(self, strategy: str = "carry") -> Composition:
        config = parse_config(
            {
                "run": {"start": "2026-01-01T00:00:00Z", "sample_every": "10m"},
                "storages": {"main": {"plugin": "test"}},
                "exchanges": {"left": {"plugin": "test"}, "right": {"plugin": "test"}},
                "strategies": {strategy: {"plugin": "test", "exchanges": ["left", "right"]}},
            },
            "test",
        )
        stage = self

        @asynccontextmanager
        async def exchange(settings: Settings, context: Context) -> AsyncIterator[MemoryExchange]:
            venue = MemoryExchange(context.name, clock=context.clock)
            stage.venues[context.name] = venue
            stage.on_open(venue)
            yield venue

        @asynccontextmanager
        async def storage(settings: Settings, context: Context) -> AsyncIterator[MemoryStorage]:
            yield stage.storage

        @asynccontextmanager
        async def tier(settings: Settings, context: Context) -> AsyncIterator[Tier]:
            yield Tier()

        @asynccontextmanager
        async def source(settings: Settings, context: Context) -> AsyncIterator[Source]:
            yield Source()

        @asynccontextmanager
        async def strategies(settings: Settings, context: Context) -> AsyncIterator[Scripted]:
            yield Scripted(stage)

        venue_spec = ExchangeSpec(
            name="test", settings=Settings, open=exchange, capabilities=MemoryExchange().capabilities
        )
        return Composition(
            config=config,
            registry=Registry(),
            parts=MappingProxyType(
                {
                    Family.STORAGES: _parts(
                        Family.STORAGES, StorageSpec(name="test", settings=Settings, open=storage), "main"
                    ),
                    Family.CACHE_TIERS: _parts(
                        Family.CACHE_TIERS, CacheTierSpec(name="test", settings=Settings, open=tier), "memory"
                    ),
                    Family.PRICE_SOURCES: _parts(
                        Family.PRICE_SOURCES, PriceSourceSpec(name="test", settings=Settings, open=source), "rest"
                    ),
                    Family.EXCHANGES: _parts(Family.EXCHANGES, venue_spec, "left", "right"),
                    Family.STRATEGIES: _parts(
                        Family.STRATEGIES, StrategySpec(name="test", settings=Settings, open=strategies), strategy
                    ),
                    Family.EXTENSIONS: MappingProxyType({}),
                }
            ),
        )


@dataclass
class Scripted:
    """Does what the test says."""

    stage: Stage
    cycle_ns: int = CYCLE_NS

    async def decide(self, view: StrategyView) -> Any:
        self.stage.decisions += 1
        return await self.stage.decide(self.stage, view)


def _parts(family: Family, spec: Spec[Any], *names: str) -> Mapping[str, Part]:
    ref = PluginRef(family=family, name="test", target="test", dist_name="test", dist_version="1")
    return MappingProxyType(
        {name: Part(family=family, alias=name, ref=ref, spec=spec, settings=Settings(), raw={}) for name in names}
    )


def plan(quantity: object = Decimal("0.01"), **changes: Any) -> HedgePlan:
    legs = (
        LegPlan(instrument=LEFT, side=PositionSide.LONG, quantity=cast("Decimal", quantity)),
        LegPlan(instrument=RIGHT, side=PositionSide.SHORT, quantity=cast("Decimal", quantity)),
    )
    values: dict[str, Any] = {"base": "BTC", "legs": legs, "max_slippage_bps": Decimal(20), "reason": "test"}
    return HedgePlan(**{**values, **changes})


def close(hedge_id: Any, bound: object = Decimal(20)) -> CloseHedge:
    return CloseHedge(hedge_id=hedge_id, max_slippage_bps=cast("Decimal", bound), reason="test")


async def nothing(stage: Stage, view: StrategyView) -> Sequence[Any]:
    return ()


async def open_once(stage: Stage, view: StrategyView) -> Sequence[Any]:
    return () if stage.decisions > 1 else [OpenHedge(plan=plan())]


async def open_then_close(stage: Stage, view: StrategyView) -> Sequence[Any]:
    return [close(hedge.id) for hedge in view.hedges] if stage.decisions > 6 else await open_once(stage, view)


def check_went_to_its_end(stage: Stage, outcome: RunOutcome) -> None:
    assert outcome.reason == "the end time was reached"
    assert stage.decisions >= 11


def test_a_calm_run_opens_and_closes() -> None:
    stage = Stage(open_then_close)
    outcome = stage.run()
    check_went_to_its_end(stage, outcome)
    assert [hedge.status for hedge in outcome.account.hedges] == [HedgeStatus.CLOSED]
    assert stage.held() == FLAT
    assert outcome.account.unexplained == 0


FAULTS: Sequence[BaseException] = (KeyError("result"), AssertionError(), TimeoutError(), asyncio.CancelledError())
READS = ("fetch_instruments", "fetch_positions", "fetch_balances", "fetch_fills", "fetch_funding_payments")


@pytest.mark.parametrize("operation", READS)
@pytest.mark.parametrize("fault", [*FAULTS, 10**6], ids=lambda fault: type(fault).__name__)
def test_a_venue_that_breaks_in_a_read_is_one_venue_less(operation: str, fault: BaseException | int) -> None:
    broken = Fault(delay_ns=fault * SECOND_NS) if isinstance(fault, int) else Fault(error=cast("Exception", fault))

    def on_open(venue: MemoryExchange) -> None:
        if venue.name == "right":
            venue.faults.once(operation, None)
            venue.faults.always(operation, broken)

    stage = Stage(nothing, on_open)
    outcome = stage.run(hours=2)
    assert outcome.reason == "the end time was reached"
    told = [event for event in stage.events(EventKind.EXCHANGE_FAILED) if event.subject == "right"]
    assert len(told) == 1


@pytest.mark.parametrize("operation", READS)
def test_a_venue_that_answers_nothing_at_all_is_one_venue_less(operation: str) -> None:
    async def answer(*_: object) -> None:
        return None

    def on_open(venue: MemoryExchange) -> None:
        if venue.name == "right":
            target = venue.market if operation == "fetch_instruments" else venue.trading
            setattr(target, operation, answer)

    stage = Stage(nothing, on_open)
    check_went_to_its_end(stage, stage.run())
    assert "right" in {event.subject for event in stage.events(EventKind.EXCHANGE_FAILED)}


LIES: Mapping[str, Callable[[Fill], Fill]] = {
    "another exchange": lambda fill: replace(fill, instrument=InstrumentId("BTC-PERP.other")),
    "negative": lambda fill: replace(fill, quantity=-fill.quantity),
    "quantity NaN": lambda fill: replace(fill, quantity=Decimal("NaN")),
    "price NaN": lambda fill: replace(fill, price=Decimal("NaN")),
    "fee infinite": lambda fill: replace(fill, fee=Decimal("Infinity")),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_fills_that_cannot_be_are_the_venues_failure_and_never_reach_the_books(lie: Callable[[Fill], Fill]) -> None:
    def on_open(venue: MemoryExchange) -> None:
        trading: Any = venue.trading
        honest = trading.fetch_fills

        async def fetch_fills(since_ns: int) -> Sequence[Fill]:
            return [lie(fill) for fill in await honest(since_ns)]

        if venue.name == "right":
            trading.fetch_fills = fetch_fills

    stage = Stage(open_once, on_open)
    check_went_to_its_end(stage, stage.run())
    assert "right" in {event.subject for event in stage.events(EventKind.EXCHANGE_FAILED)}

    async def stored() -> Sequence[Fill]:
        return await (await Journal.open(stage.storage)).fills()

    assert {fill.instrument for fill in asyncio.run(stored())} == {LEFT}


def showing(change: Callable[[Position], Position]) -> Callable[[MemoryExchange], None]:
    """Return what makes the right venue show other positions than it has."""

    def on_open(venue: MemoryExchange) -> None:
        trading: Any = venue.trading
        honest = trading.fetch_positions

        async def fetch_positions() -> Sequence[Position]:
            return [change(one) for one in await honest()]

        if venue.name == "right":
            trading.fetch_positions = fetch_positions

    return on_open


@pytest.mark.parametrize("name", ["quantity", "mark_price", "unrealized_pnl"])
def test_a_position_that_is_no_number_ends_no_run(name: str) -> None:
    changes: dict[str, Any] = {name: Decimal("NaN")}
    stage = Stage(open_once, showing(lambda one: replace(one, **changes)))
    check_went_to_its_end(stage, stage.run())


def test_a_position_that_is_another_one_at_each_look_is_halted_all_the_same() -> None:
    looks = itertools.count()
    stage = Stage(open_once, showing(lambda one: replace(one, quantity=one.quantity - next(looks))))
    check_went_to_its_end(stage, stage.run())
    assert '"raised_by": "books"' in (stage.halt_store.text or "")


def test_halts_that_cannot_be_read_are_an_alarm_and_not_only_a_refusal() -> None:
    stage = Stage(nothing)
    stage.halt_store.write("{")
    check_went_to_its_end(stage, stage.run())
    (told,) = stage.events(EventKind.HALT_RAISED)
    assert told.severity is Severity.ALARM
    assert "cannot be read" in told.message


async def raising(stage: Stage, view: StrategyView) -> Sequence[Any]:
    raise KeyError("a bug")


async def cancelling(stage: Stage, view: StrategyView) -> Sequence[Any]:
    raise asyncio.CancelledError


async def leaving(stage: Stage, view: StrategyView) -> Sequence[Any]:
    raise SystemExit(3)


async def hanging(stage: Stage, view: StrategyView) -> Sequence[Any]:
    await asyncio.Event().wait()
    return ()


def deciding(*intents: object, answer: object = None) -> Decide:
    async def decide(stage: Stage, view: StrategyView) -> Any:
        return list(intents) if intents else answer

    return decide


NONSENSE = {
    "raises": raising,
    "cancels itself": cancelling,
    "exits": leaving,
    "hangs": hanging,
    "None": deciding(answer=None),
    "a text": deciding("open"),
    "no plan": deciding(OpenHedge(plan=cast("Any", None))),
    "quantity 0": deciding(OpenHedge(plan=plan(Decimal(0)))),
    "quantity NaN": deciding(OpenHedge(plan=plan(Decimal("NaN")))),
    "quantity float": deciding(OpenHedge(plan=plan(0.01))),
    "slippage NaN": deciding(OpenHedge(plan=plan(max_slippage_bps=Decimal("NaN")))),
    "number not text": deciding(OpenHedge(plan=plan(numbers={"edge": Decimal(1)}))),
    "reason not text": deciding(OpenHedge(plan=plan(reason=None))),
    "close, slippage NaN": deciding(close("x", Decimal("NaN"))),
    "close, slippage None": deciding(close("x", None)),
}


@pytest.mark.parametrize("decide", NONSENSE.values(), ids=NONSENSE.keys())
def test_a_strategy_that_talks_nonsense_is_told_once_and_trades_nothing(decide: Decide) -> None:
    stage = Stage(decide)
    check_went_to_its_end(stage, stage.run())
    (told,) = stage.events(EventKind.PLUGIN_FAILED)
    assert (told.subject, told.severity) == ("carry", Severity.ALARM)
    assert stage.held() == FLAT


@pytest.mark.parametrize(
    "legs",
    [
        ((LEFT, PositionSide.LONG), (LEFT, PositionSide.SHORT)),
        ((LEFT, PositionSide.LONG), (InstrumentId("BTC-PERP.other"), PositionSide.SHORT)),
        ((LEFT, PositionSide.LONG), (RIGHT, PositionSide.LONG)),
        (),
    ],
)
def test_a_plan_that_hedges_nothing_is_refused(legs: Sequence[tuple[InstrumentId, PositionSide]]) -> None:
    wanted = plan(legs=tuple(LegPlan(instrument=one, side=side, quantity=Decimal("0.01")) for one, side in legs))
    stage = Stage(deciding(OpenHedge(plan=wanted)))
    check_went_to_its_end(stage, stage.run())
    assert stage.held() == FLAT


def test_a_hedge_is_closed_once_however_often_it_is_asked_for() -> None:
    async def decide(stage: Stage, view: StrategyView) -> Sequence[Any]:
        if stage.decisions == 1:
            return [OpenHedge(plan=plan())]
        return [close(hedge.id) for hedge in view.hedges for _ in range(3)]

    stage = Stage(decide)
    check_went_to_its_end(stage, stage.run())
    assert stage.held() == FLAT


def test_closing_a_halted_hedge_is_refused_and_ends_nothing() -> None:
    async def decide(stage: Stage, view: StrategyView) -> Sequence[Any]:
        if stage.decisions == 1:
            stage.venues["right"].faults.once("send_order", Fault.rejected())
            stage.venues["left"].faults.once("send_order", None, *[Fault.rejected() for _ in range(20)])
            return [OpenHedge(plan=plan())]
        return [close(hedge.id) for hedge in view.hedges]

    stage = Stage(decide)
    outcome = stage.run()
    check_went_to_its_end(stage, outcome)
    assert [hedge.status for hedge in outcome.account.hedges] == [HedgeStatus.HALTED]
    assert "is halted" in stage.events(EventKind.ORDER_VETOED)[0].message


def test_two_hedges_may_not_oppose_each_other_on_one_venue() -> None:
    """Netted by the venue, neither could be closed with reduce-only orders."""

    async def decide(stage: Stage, view: StrategyView) -> Sequence[Any]:
        sides = (
            (PositionSide.LONG, PositionSide.SHORT) if stage.decisions == 1 else (PositionSide.SHORT, PositionSide.LONG)
        )
        legs = tuple(
            LegPlan(instrument=one, side=side, quantity=Decimal("0.01"))
            for one, side in zip((LEFT, RIGHT), sides, strict=True)
        )
        return [OpenHedge(plan=plan(legs=legs))] if stage.decisions < 3 else []

    stage = Stage(decide)
    outcome = stage.run()
    assert [hedge.status for hedge in outcome.account.hedges] == [HedgeStatus.OPEN]
    assert stage.held() == (Decimal("0.01"), Decimal("-0.01"))
    assert "keeps one position" in stage.events(EventKind.ORDER_VETOED)[0].message


def test_a_difference_is_not_forgotten_while_the_venue_cannot_be_read() -> None:
    async def decide(stage: Stage, view: StrategyView) -> Sequence[Any]:
        right = stage.venues["right"]
        if stage.decisions == 1:
            right._account.trade(RIGHT, Side.BUY, Decimal(1), Decimal(50_000), Decimal(0))
        if stage.decisions == 3:
            right.faults.always("fetch_positions", Fault.unknown_before())
        if stage.decisions == 8:
            right.faults.always("fetch_positions", None)
        return [OpenHedge(plan=plan())] if stage.decisions > 3 else []

    stage = Stage(decide)
    check_went_to_its_end(stage, stage.run())
    assert len(stage.events(EventKind.BOOKS_DIFFER)) == 1
    assert stage.held() == (Decimal(0), Decimal(1))


def test_a_venue_that_holds_a_leg_and_cannot_be_read_for_minutes_is_one_alarm() -> None:
    async def decide(stage: Stage, view: StrategyView) -> Sequence[Any]:
        if stage.decisions == 2:
            stage.venues["right"].faults.always("fetch_positions", Fault.unknown_before())
        return [OpenHedge(plan=plan())] if stage.decisions == 1 else []

    stage = Stage(decide)
    stage.run()
    alarms = [one for one in stage.events(EventKind.EXCHANGE_FAILED) if one.severity is Severity.ALARM]
    assert [one.subject for one in alarms] == ["right"]
    assert "has not been readable for minutes" in alarms[0].message


def test_a_hedge_whose_strategy_was_renamed_is_not_forgotten() -> None:
    stage = Stage(open_once)
    stage.run()
    opened = list(stage.venues.values())
    stage.venues.clear()
    with pytest.raises(ConfigError, match=r"\[strategies\.carry\]"):
        stage.run(hours=2, strategy="other")
    assert all(venue.faults.calls["send_order"] == 0 for venue in stage.venues.values())
    assert len(opened) == 2


def test_a_database_of_another_seed_is_refused_before_any_exchange_opens() -> None:
    stage = Stage(nothing)
    stage.run()
    stage.venues.clear()
    with pytest.raises(ConfigError, match="holds a run that is simulated with seed 0"):
        execute(stage.composition(), "test", RunOptions(seed=5, speed=MAX_SPEED), lambda app: None)
    assert not stage.venues


def test_a_run_that_was_killed_at_its_very_end_is_brought_to_it() -> None:
    stage = Stage(nothing)
    stage.run()
    with pytest.raises(ConfigError, match="it is over"):
        stage.run()

    async def forget_the_stop() -> None:
        async with stage.storage.transaction() as tx:
            assert await tx.execute("DELETE FROM events WHERE kind = ?", (EventKind.RUN_STOPPED,)) == 1

    asyncio.run(forget_the_stop())
    assert stage.run().reason == "the end time was reached"
    assert len(stage.events(EventKind.RUN_STOPPED)) == 1
    with pytest.raises(ConfigError, match="it is over"):
        stage.run()


def test_a_signal_while_the_plugins_open_ends_the_run_at_once() -> None:
    stage = Stage(nothing, lambda venue: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(asyncio.CancelledError):
        stage.run()
    assert stage.decisions == 0


def test_an_exchange_that_opens_as_more_than_it_declared_is_refused_before_it_is_used() -> None:
    def pretend(venue: MemoryExchange) -> None:
        # Declared as simulated, opened as one where real money moves.
        venue.capabilities = venue.capabilities - {Capability.SIMULATED}

    stage = Stage(open_once, on_open=pretend)
    with pytest.raises(PluginError, match="simulated is an error of test"):
        stage.run()
    assert all(not venue.faults.calls for venue in stage.venues.values())


def test_an_empty_listing_is_no_answer_and_delists_nothing() -> None:
    def vanish(venue: MemoryExchange) -> None:
        listed = venue.market.fetch_instruments
        calls = 0

        async def first_only() -> Sequence[Any]:
            nonlocal calls
            calls += 1
            return await listed() if calls == 1 else ()

        venue.market.fetch_instruments = first_only  # type: ignore[method-assign]

    stage = Stage(nothing, on_open=vanish)
    stage.run(hours=3)

    async def statuses() -> set[InstrumentStatus]:
        journal = await Journal.open(stage.storage)
        return {one.status for one in await journal.instruments()}

    assert asyncio.run(statuses()) == {InstrumentStatus.TRADING}
    told = [event for event in stage.events(EventKind.EXCHANGE_FAILED) if "lists nothing" in event.message]
    assert len(told) == 2
