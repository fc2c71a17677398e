"""The kits are worth what they catch: each flaw here fails the case that is meant for it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal

import pytest

from arb.api import (
    Capability,
    Context,
    DeadMansSwitch,
    Dialect,
    PreparedOrder,
    Rejected,
    Row,
    SqlValue,
    StorageError,
    StrategyView,
    UnknownOrder,
)
from arb.model import (
    SECOND_NS,
    ClientOrderId,
    FeeSchedule,
    InstrumentId,
    Intent,
    LegPlan,
    OpenHedge,
    Order,
    OrderRequest,
    PositionSide,
    TimeInForce,
)
from arb.model import HedgePlan as Plan
from arb.simulation import VirtualClock, run_virtual
from arb.testing import (
    ExchangeConformance,
    FakeContext,
    MemoryExchange,
    StorageConformance,
    StrategyConformance,
    sample_instrument,
)
from arb.testing._kit_desk import Desk

# --- exchanges


class Flawed:
    """A trading side that passes calls on, with one flaw."""

    def __init__(self, exchange: MemoryExchange, flaw: str) -> None:
        assert exchange.trading is not None
        self._exchange = exchange
        self._inner = exchange.trading
        self._flaw = flaw
        self._sent: dict[ClientOrderId, Order] = {}

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    async def prepare_order(self, request: OrderRequest) -> PreparedOrder:
        if self._flaw in ("reduce-only is forgotten", "a small close passes"):
            request = replace(request, reduce_only=False)
        if self._flaw == "everything rests":
            request = replace(request, time_in_force=TimeInForce.GTC)
        prepared = await self._inner.prepare_order(request)
        if self._flaw == "rounds up":
            lot = sample_instrument().lot_size
            return replace(prepared, request=replace(prepared.request, quantity=prepared.request.quantity + lot))
        return prepared

    async def send_order(self, prepared: PreparedOrder) -> Order:
        name = prepared.request.client_order_id
        if self._flaw == "duplicates trade" and name in self._sent:
            prepared = replace(prepared, request=replace(prepared.request, client_order_id=ClientOrderId(f"{name}x")))
        self._sent[name] = await self._inner.send_order(prepared)
        if self._flaw == "cash drifts":
            self._exchange.deposit("0.00001")
        return self._sent[name]

    async def fetch_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> Order:
        try:
            return await self._inner.fetch_order(instrument, client_order_id)
        except UnknownOrder:
            if self._flaw == "absence is a plain refusal":
                raise Rejected("no") from None
            raise


async def desk_with(flaw: str) -> Desk:
    context = FakeContext("memory")
    exchange = MemoryExchange("memory", clock=context.clock)
    name = exchange.id_of("BTC")
    if flaw == "crossed":
        exchange.set_book(name, [("100.02", 1)], [("100.01", 1)])
    if flaw == "unsorted":
        exchange.set_book(name, [(99, 1), (100, 1)], [(101, 1), (102, 1)])
    if flaw == "off the tick":
        exchange.set_book(name, [("99.999", 1)], [(101, 1)])
    if flaw == "fees in percent":
        fees = FeeSchedule(maker=Decimal("0.02"), taker=Decimal("0.05"))
        exchange.add_instrument(sample_instrument("memory", "BTC", fees=fees), 50_000)
    if flaw == "a small close passes":
        # More than the smallest order is worth, so that the kit tries one.
        exchange.add_instrument(sample_instrument("memory", "BTC", closing_min_notional=Decimal(100)))
    if flaw == "waits in microseconds":
        exchange.traits = replace(exchange.traits, order_validity_ns=3_600 * SECOND_NS)
    if flaw == "an old prediction":
        exchange.set_funding(name, "0.0001")
        await exchange.clock.sleep_until(0)
        clock = exchange.clock
        assert hasattr(clock, "advance")
        clock.advance(9 * 3_600_000_000_000)
    if flaw == "percent per hour":
        exchange.set_funding(name, "1")
    exchange.trading = Flawed(exchange, flaw)  # type: ignore[assignment]
    return await Desk.open(exchange, context, {})


@pytest.mark.parametrize(
    ("case", "flaw"),
    [
        ("x006_instruments_have_usable_rules", "fees in percent"),
        ("x009_traits_are_sane", "waits in microseconds"),
        ("x010_books_are_sorted_and_not_crossed", "crossed"),
        ("x010_books_are_sorted_and_not_crossed", "unsorted"),
        ("x010_books_are_sorted_and_not_crossed", "off the tick"),
        ("x020_predicted_funding_has_unit_interval_and_payment_time", "an old prediction"),
        ("x020_predicted_funding_has_unit_interval_and_payment_time", "percent per hour"),
        ("x040_preparing_rounds_and_sends_nothing", "rounds up"),
        ("x041_too_small_is_refused_before_it_is_sent", "a small close passes"),
        ("x044_a_client_order_id_works_once", "duplicates trade"),
        ("x046_an_order_that_never_was_is_unknown", "absence is a plain refusal"),
        ("x049_reduce_only_never_opens", "reduce-only is forgotten"),
        ("x051_immediate_or_cancel_never_rests", "everything rests"),
        ("x061_a_round_trip_moves_cash_by_pnl_and_fees_exactly", "cash drifts"),
    ],
)
def test_a_flawed_exchange_fails_its_case(case: str, flaw: str) -> None:
    def use(body: Callable[[Desk], Awaitable[None]], *needed: Capability) -> None:
        async def main() -> None:
            await body(await desk_with(flaw))

        asyncio.run(main())

    with pytest.raises((AssertionError, pytest.fail.Exception, Rejected)):
        getattr(ExchangeConformance(), f"test_{case}")(use)


class FlawedSwitch:
    """A trading side whose dead man's switch is wired wrongly."""

    def __init__(self, exchange: MemoryExchange, flaw: str) -> None:
        assert isinstance(exchange.trading, DeadMansSwitch)
        self._inner = exchange.trading
        self._flaw = flaw

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    async def arm_dead_mans_switch(self, timeout_ns: int) -> None:
        if self._flaw == "never armed":
            return
        if self._flaw == "seconds for minutes":
            timeout_ns //= 60
        if self._flaw == "cannot be disarmed" and not timeout_ns:
            return
        await self._inner.arm_dead_mans_switch(timeout_ns)


def play_switch_case(case: str, flaw: str) -> None:
    def use(body: Callable[[Desk], Awaitable[None]], *needed: Capability) -> None:
        async def main() -> None:
            context = FakeContext("memory", clock=VirtualClock.of_running_loop())
            exchange = MemoryExchange("memory", clock=context.clock)
            exchange.trading = FlawedSwitch(exchange, flaw)  # type: ignore[assignment]
            await body(await Desk.open(exchange, context, {}))

        run_virtual(main(), start_ns=0)

    getattr(ExchangeConformance(), f"test_{case}")(use)


@pytest.mark.parametrize(
    ("case", "flaw"),
    [
        ("x057_a_dead_mans_switch_cancels_unless_it_is_armed_again", "never armed"),
        ("x057_a_dead_mans_switch_cancels_unless_it_is_armed_again", "seconds for minutes"),
        ("x058_a_dead_mans_switch_can_be_disarmed", "cannot be disarmed"),
    ],
)
def test_a_flawed_switch_fails_its_case(case: str, flaw: str) -> None:
    with pytest.raises(AssertionError):
        play_switch_case(case, flaw)
    play_switch_case(case, "none")


# --- storages


class FlawedStorage:
    """SQLite in memory, with one flaw."""

    def __init__(self, flaw: str) -> None:
        self._flaw = flaw
        self._lock = asyncio.Lock()
        self._connection = sqlite3.connect(":memory:", isolation_level=None)

    @property
    def dialect(self) -> Dialect:
        return Dialect.SQLITE

    def close(self) -> None:
        self._connection.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[FlawedStorage]:
        if self._flaw == "no isolation":
            yield self
            return
        async with self._lock:
            await self.execute("BEGIN")
            try:
                yield self
            except BaseException as error:
                cancelled = isinstance(error, asyncio.CancelledError)
                kept = self._flaw == "no rollback" or (self._flaw == "cancellation commits" and cancelled)
                await self.execute("COMMIT" if kept else "ROLLBACK")
                if self._flaw == "wraps errors":
                    raise StorageError(str(error)) from error
                raise
            await self.execute("COMMIT")

    async def execute(self, sql: str, values: Sequence[SqlValue] = ()) -> int:
        try:
            return self._connection.execute(sql, [self._bound(value) for value in values]).rowcount
        except sqlite3.Error as error:
            raise StorageError(str(error)) from error

    async def execute_many(self, sql: str, rows: Sequence[Sequence[SqlValue]]) -> None:
        for row in rows:
            await self.execute(sql, row)

    async def query(self, sql: str, values: Sequence[SqlValue] = ()) -> list[Row]:
        try:
            cursor = self._connection.execute(sql, [self._bound(value) for value in values])
        except sqlite3.Error as error:
            raise StorageError(str(error)) from error
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def _bound(self, value: SqlValue) -> object:
        if isinstance(value, Decimal):
            return str(float(value)) if self._flaw == "floats" else str(value)
        return value


@pytest.mark.parametrize(
    ("case", "flaw"),
    [
        ("s007_an_exception_rolls_back_and_passes_unchanged", "no rollback"),
        ("s007_an_exception_rolls_back_and_passes_unchanged", "wraps errors"),
        ("s008_a_cancelled_transaction_rolls_back", "cancellation commits"),
        ("s009_decimals_come_back_exactly", "floats"),
        ("s012_a_bad_statement_is_a_storage_error_and_undoes_the_transaction", "no rollback"),
        ("s013_concurrent_transactions_are_as_if_one_after_another", "no isolation"),
    ],
)
def test_a_flawed_storage_fails_its_case(case: str, flaw: str) -> None:
    def use_of(flaw: str) -> Callable[[Callable[[FlawedStorage, Context], Awaitable[None]]], None]:
        def use(body: Callable[[FlawedStorage, Context], Awaitable[None]]) -> None:
            async def main() -> None:
                storage = FlawedStorage(flaw)
                try:
                    await body(storage, FakeContext())
                finally:
                    storage.close()

            asyncio.run(main())

        return use

    with pytest.raises((AssertionError, StorageError)):
        getattr(StorageConformance(), f"test_{case}")(use_of(flaw))
    getattr(StorageConformance(), f"test_{case}")(use_of("none"))


# --- strategies


class FlawedStrategy:
    """Always wants the same hedge, whatever it knows."""

    cycle_ns = 60_000_000_000

    def __init__(self, long_quantity: str) -> None:
        self._long_quantity = Decimal(long_quantity)

    async def decide(self, view: StrategyView) -> Sequence[Intent]:
        names = sorted(view.instruments)
        if not names:
            return []
        legs = (
            LegPlan(instrument=names[0], side=PositionSide.LONG, quantity=self._long_quantity),
            LegPlan(instrument=names[1], side=PositionSide.SHORT, quantity=Decimal(1)),
        )
        return [OpenHedge(plan=Plan(base="BTC", legs=legs, max_slippage_bps=Decimal(5), reason="always"))]


@pytest.mark.parametrize(
    ("case", "long_quantity"),
    [("t007_what_it_wants_can_be_traded", "2"), ("t008_unknown_inputs_open_nothing", "1")],
)
def test_a_flawed_strategy_fails_its_case(case: str, long_quantity: str) -> None:
    def use(body: Callable[[FlawedStrategy, Context], Awaitable[None]]) -> None:
        asyncio.run(_played(body, FlawedStrategy(long_quantity)))

    with pytest.raises(AssertionError):
        getattr(StrategyConformance(), f"test_{case}")(use)


async def _played(body: Callable[[FlawedStrategy, Context], Awaitable[None]], strategy: FlawedStrategy) -> None:
    await body(strategy, FakeContext())
