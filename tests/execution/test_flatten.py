"""The emergency exit of one account, at venues that fail in every way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arb.api import Capability, Exchange, ExchangeTraits, PreparedOrder, Trading
from arb.execution import AccountVerdict, Flattener, FlattenOutcome, FlattenPolicy
from arb.model import (
    MILLISECOND_NS,
    SECOND_NS,
    ClientOrderId,
    InstrumentId,
    Order,
    OrderRequest,
    Position,
    Side,
    TimeInForce,
)
from arb.simulation import VirtualClock, run_virtual
from arb.testing import START_NS, FakeIds, Fault, MemoryExchange, sample_instrument

SIMULATED = frozenset(Capability) - {Capability.DEAD_MANS_SWITCH}
REAL = SIMULATED - {Capability.SIMULATED}
TRAITS = ExchangeTraits(read_after_write_ns=300 * MILLISECOND_NS)
BTC, ETH = InstrumentId("BTC-PERP.venue"), InstrumentId("ETH-PERP.venue")
LONG, SHORT = {BTC: "0.5"}, {ETH: "-4"}


@dataclass(frozen=True, kw_only=True)
class Ended:
    outcome: FlattenOutcome
    held: dict[InstrumentId, Decimal]
    requests: list[OrderRequest]
    lines: list[str]
    seconds: float

    @property
    def verdict(self) -> AccountVerdict:
        return self.outcome.verdict


Script = Callable[[MemoryExchange], Any]


def flattened(
    held: dict[InstrumentId, str],
    script: Script = lambda exchange: None,
    *,
    policy: FlattenPolicy | None = None,
    capabilities: frozenset[Capability] = SIMULATED,
    wrapped: Callable[[MemoryExchange], object] = lambda exchange: exchange,
    beside: Callable[[MemoryExchange], Awaitable[None]] | None = None,
) -> Ended:
    """Take positions, script the venue, flatten, and read what the account really holds afterwards."""

    async def main() -> Ended:
        exchange = MemoryExchange(
            "venue",
            clock=VirtualClock.of_running_loop(),
            prices={"BTC": 50_000, "ETH": 2_000},
            capabilities=capabilities,
            traits=TRAITS,
        )
        for name, quantity in held.items():
            await take(exchange, name, Decimal(quantity))
        begun, lines = exchange.clock.now_ns(), list[str]()
        found = cast("Exchange", wrapped(exchange))
        script(exchange)
        other = asyncio.ensure_future(beside(exchange)) if beside else None
        flattener = Flattener(found, exchange.clock, FakeIds(), policy or FlattenPolicy(), lines.append)
        outcome = await flattener.flatten()
        seconds = (exchange.clock.now_ns() - begun) / SECOND_NS
        if other is not None:
            await other
        quantities = {name: exchange._account.quantity(name) for name in (BTC, ETH)}
        orders = exchange._orders.orders.items()
        return Ended(
            outcome=outcome,
            held={name: quantity for name, quantity in quantities.items() if quantity},
            requests=[order.request for name, order in orders if name.startswith("flat-")],
            lines=lines,
            seconds=seconds,
        )

    return run_virtual(main(), start_ns=START_NS)


async def take(exchange: MemoryExchange, instrument: InstrumentId, quantity: Decimal) -> None:
    """Open a position, as whoever traded before did."""
    assert exchange.trading is not None
    request = OrderRequest(
        client_order_id=ClientOrderId(f"before-{instrument}-{quantity}"[:32]),
        instrument=instrument,
        side=Side.BUY if quantity > 0 else Side.SELL,
        quantity=abs(quantity),
        price=Decimal(100_000) if quantity > 0 else Decimal(1_000),
    )
    await exchange.trading.send_order(await exchange.trading.prepare_order(request))


async def rest(exchange: MemoryExchange) -> None:
    """Leave an order in the book, far from the market."""
    assert exchange.trading is not None
    request = OrderRequest(
        client_order_id=ClientOrderId("resting"),
        instrument=BTC,
        side=Side.BUY,
        quantity=Decimal("0.1"),
        price=Decimal(30_000),
        time_in_force=TimeInForce.GTC,
    )
    await exchange.trading.send_order(await exchange.trading.prepare_order(request))


def test_longs_and_shorts_are_closed_by_bounded_orders_that_can_only_reduce() -> None:
    ended = flattened({**LONG, **SHORT})
    assert (ended.verdict, ended.held) == (AccountVerdict.FLAT, {})
    assert {(one.instrument, one.side, one.quantity) for one in ended.requests} == {
        (BTC, Side.SELL, Decimal("0.5")),
        (ETH, Side.BUY, Decimal(4)),
    }
    for request in ended.requests:
        assert request.reduce_only
        assert request.time_in_force is TimeInForce.IOC
    prices = {one.instrument: one.price for one in ended.requests}
    # 50 bps from the best bid of 49 995 and the best ask of 2 000.20.
    assert prices == {BTC: Decimal("49745.03"), ETH: Decimal("2010.20")}
    assert ended.outcome.remaining == ()
    assert ended.outcome.read_ns is not None


def test_an_account_that_is_flat_gets_no_order() -> None:
    ended = flattened({})
    assert (ended.verdict, ended.outcome.orders, ended.outcome.problems) == (AccountVerdict.FLAT, (), ())


def test_what_rests_is_cancelled() -> None:
    async def beside(exchange: MemoryExchange) -> None:
        await rest(exchange)

    ended = flattened(LONG, beside=beside)
    assert (ended.verdict, ended.outcome.resting, ended.held) == (AccountVerdict.FLAT, 0, {})


def test_a_venue_that_cannot_cancel_all_is_asked_for_each() -> None:
    class NoCancelAll(Wrapped):
        async def cancel_all(self, instrument: InstrumentId | None = None) -> None:
            raise NotImplementedError

    async def beside(exchange: MemoryExchange) -> None:
        await rest(exchange)

    ended = flattened(LONG, wrapped=NoCancelAll, beside=beside)
    assert (ended.verdict, ended.outcome.resting) == (AccountVerdict.FLAT, 0)


def test_an_order_that_cannot_be_cancelled_is_no_flat_account() -> None:
    class NoCancel(Wrapped):
        async def cancel_all(self, instrument: InstrumentId | None = None) -> None:
            return

    async def beside(exchange: MemoryExchange) -> None:
        await rest(exchange)

    ended = flattened({}, wrapped=NoCancel, beside=beside)
    assert (ended.verdict, ended.outcome.resting) == (AccountVerdict.OPEN, 1)


@pytest.mark.parametrize("fault", [Fault.unknown_after(), Fault.unknown_before(), Fault.not_sent(), Fault.rejected()])
def test_no_answer_to_an_order_is_believed(fault: Fault) -> None:
    ended = flattened({**LONG, **SHORT}, lambda exchange: exchange.faults.once("send_order", fault, fault, fault))
    assert (ended.verdict, ended.held) == (AccountVerdict.FLAT, {})
    assert len(ended.outcome.orders) == (2 if fault.after_effect else 5)


def test_client_ids_are_never_used_twice() -> None:
    ended = flattened(LONG, lambda exchange: exchange.faults.once("send_order", *[Fault.unknown_before()] * 4))
    ids = [order.client_order_id for order in ended.outcome.orders]
    assert len(ids) == len(set(ids)) == 5
    assert all(name.startswith("flat-") and len(name) <= TRAITS.client_order_id_length for name in ids)


def test_the_band_widens_step_by_step_and_no_further() -> None:
    """Most of the book is six per cent away."""

    def thin(exchange: MemoryExchange) -> None:
        exchange.set_book(BTC, [(49_995, "0.001"), (47_000, 10)], [(50_005, 10)])

    ended = flattened(LONG, thin, policy=FlattenPolicy(budget_ns=20 * SECOND_NS))
    assert ended.verdict is AccountVerdict.OPEN
    bands = [order.band_bps for order in ended.outcome.orders]
    assert bands[:4] == [50, 100, 200, 500]
    assert set(bands[4:]) == {500}
    assert min(request.price for request in ended.requests) >= Decimal(49_995) * Decimal("0.95")
    wider = flattened(LONG, thin, policy=FlattenPolicy(max_band_bps=Decimal(700)))
    assert (wider.verdict, wider.held) == (AccountVerdict.FLAT, {})
    assert [order.band_bps for order in wider.outcome.orders] == [50, 100, 200, 500, 700]


def test_a_band_may_be_narrower_than_the_first_step() -> None:
    assert FlattenPolicy(max_band_bps=Decimal(20)).band_bps(0) == 20


def test_parts_are_filled_for_as_long_as_there_is_progress() -> None:
    ended = flattened(LONG, lambda exchange: exchange.faults.once("send_order", *[Fault.partial_fill("0.02")] * 20))
    assert (ended.verdict, ended.held) == (AccountVerdict.FLAT, {})
    assert len(ended.requests) > FlattenPolicy().rounds


def test_orders_that_bring_nothing_end_with_the_reason_of_the_venue() -> None:
    ended = flattened(LONG, lambda exchange: exchange.faults.always("send_order", Fault.rejected("closed")))
    assert ended.verdict is AccountVerdict.OPEN
    assert len(ended.outcome.orders) == FlattenPolicy().rounds + 1
    assert "refused" in ended.outcome.problems[0]
    (left,) = ended.outcome.remaining
    assert (left.quantity, left.is_dust) == (Decimal("0.5"), False)


def test_positions_that_are_read_late_are_closed_and_never_reversed() -> None:
    """Each reading shows the account as it was two seconds ago."""

    class Late(Wrapped):
        def __init__(self, exchange: MemoryExchange) -> None:
            super().__init__(exchange)
            self.seen: list[tuple[int, Sequence[Position]]] = []

        async def fetch_positions(self) -> Sequence[Position]:
            now_ns = self.exchange.clock.now_ns()
            self.seen.append((now_ns, await self.inner.fetch_positions()))
            old = [rows for ts_ns, rows in self.seen if ts_ns <= now_ns - 2 * SECOND_NS]
            return old[-1] if old else self.seen[0][1]

    ended = flattened({**LONG, **SHORT}, wrapped=Late)
    assert (ended.verdict, ended.held) == (AccountVerdict.FLAT, {})
    assert len(ended.outcome.orders) > 2


def test_a_venue_that_is_down_is_unknown_and_tried_for_as_long_as_there_is_time() -> None:
    def down(exchange: MemoryExchange) -> None:
        for operation in ("fetch_instruments", "fetch_positions", "fetch_open_orders", "cancel_all", "send_order"):
            exchange.faults.always(operation, Fault.not_sent())

    ended = flattened(LONG, down)
    assert ended.verdict is AccountVerdict.UNKNOWN
    assert ended.outcome.read_ns is None
    assert any("no connection" in problem for problem in ended.outcome.problems)
    assert 55 < ended.seconds < 70


def test_a_venue_that_comes_back_in_time_is_flattened() -> None:
    ended = flattened(LONG, lambda exchange: exchange.faults.once("fetch_positions", *[Fault.not_sent()] * 6))
    assert (ended.verdict, ended.outcome.problems) == (AccountVerdict.FLAT, ())


@pytest.mark.parametrize("operation", ["fetch_positions", "fetch_open_orders", "cancel_all", "fetch_instruments"])
def test_a_call_that_hangs_does_not_hold_the_exit_up(operation: str) -> None:
    hang = Fault(delay_ns=3_600 * SECOND_NS)
    ended = flattened(LONG, lambda exchange: exchange.faults.always(operation, hang))
    assert ended.seconds < 80
    expected = {"fetch_positions": AccountVerdict.UNKNOWN, "fetch_open_orders": AccountVerdict.UNKNOWN}
    assert ended.verdict is expected.get(operation, AccountVerdict.FLAT)
    assert (ended.held == {}) is (operation != "fetch_positions")


def test_positions_that_are_flat_do_not_prove_that_nothing_rests() -> None:
    ended = flattened({}, lambda exchange: exchange.faults.always("fetch_open_orders", Fault.not_sent()))
    assert (ended.verdict, ended.outcome.resting) == (AccountVerdict.UNKNOWN, None)


def test_a_book_that_cannot_be_read_leaves_the_mark_price() -> None:
    ended = flattened(LONG, lambda exchange: exchange.faults.always("fetch_order_book", Fault.not_sent()))
    assert (ended.verdict, ended.held) == (AccountVerdict.FLAT, {})
    assert ended.requests[0].price == Decimal("49750.00")


def test_a_position_without_any_price_is_said_to_have_none() -> None:
    def no_price(exchange: MemoryExchange) -> None:
        exchange.faults.always("fetch_order_book", Fault.not_sent())
        exchange.set_mark(BTC, 0)

    ended = flattened(LONG, no_price)
    assert (ended.verdict, ended.requests) == (AccountVerdict.OPEN, [])
    assert any("order book of BTC-PERP.venue" in problem for problem in ended.outcome.problems)


def test_instruments_that_cannot_be_read_do_not_keep_a_position_open() -> None:
    ended = flattened(LONG, lambda exchange: exchange.faults.always("fetch_instruments", Fault.not_sent()))
    assert (ended.verdict, ended.held) == (AccountVerdict.FLAT, {})


@pytest.mark.parametrize("changes", [{"min_quantity": Decimal(1)}, {"closing_min_notional": Decimal(100_000)}])
def test_what_no_order_can_close_is_dust(changes: dict[str, Decimal]) -> None:
    ended = flattened(LONG, lambda exchange: exchange.add_instrument(sample_instrument("venue", "BTC", **changes)))
    assert (ended.verdict, ended.requests) == (AccountVerdict.DUST, [])
    (left,) = ended.outcome.remaining
    assert (left.instrument, left.quantity, left.notional, left.is_dust) == (BTC, Decimal("0.5"), Decimal(25_000), True)


def test_the_part_below_the_lot_is_dust_after_the_rest_is_closed() -> None:
    coarse = sample_instrument("venue", "BTC", lot_size=Decimal("0.2"))
    ended = flattened(LONG, lambda exchange: exchange.add_instrument(coarse))
    assert ended.verdict is AccountVerdict.DUST
    assert ended.held == {BTC: Decimal("0.1")}


def test_a_position_larger_than_any_order_takes_several() -> None:
    small = sample_instrument("venue", "BTC", max_quantity=Decimal("0.03"))
    ended = flattened(LONG, lambda exchange: exchange.add_instrument(small))
    assert (ended.verdict, ended.held) == (AccountVerdict.FLAT, {})
    assert max(request.quantity for request in ended.requests) == Decimal("0.03")


def test_an_order_that_was_on_its_way_is_waited_for() -> None:
    """Another process sent it just before the halt; it arrives three seconds later."""

    async def beside(exchange: MemoryExchange) -> None:
        await exchange.clock.sleep_until(START_NS + 3 * SECOND_NS)
        await take(exchange, ETH, Decimal(2))

    ended = flattened(LONG, beside=beside, capabilities=REAL)
    assert (ended.verdict, ended.held) == (AccountVerdict.FLAT, {})
    assert ended.seconds >= TRAITS.order_validity_ns / SECOND_NS


def test_a_venue_that_takes_old_orders_for_longer_than_there_is_time_is_not_certain() -> None:
    class Patient(Wrapped):
        traits = ExchangeTraits(read_after_write_ns=0, order_validity_ns=3_600 * SECOND_NS)

    ended = flattened(LONG, wrapped=Patient, capabilities=REAL)
    assert (ended.verdict, ended.held) == (AccountVerdict.UNKNOWN, {})
    assert "may arrive until 2026-01-01T01:00:00Z" in ended.outcome.problems[0]
    assert ended.seconds < 80


def test_an_exchange_without_an_account_is_unknown() -> None:
    async def main() -> FlattenOutcome:
        exchange = MemoryExchange("venue", clock=VirtualClock.of_running_loop(), capabilities=frozenset())
        return await Flattener(exchange, exchange.clock, FakeIds(), FlattenPolicy(), lambda line: None).flatten()

    assert run_virtual(main(), start_ns=START_NS).verdict is AccountVerdict.UNKNOWN


GARBAGE: list[object] = [
    None,
    "flat",
    {},
    [None],
    [("BTC-PERP.venue", 0)],
    RuntimeError("broken"),
]


@pytest.mark.parametrize("answer", GARBAGE, ids=repr)
def test_positions_that_cannot_be_understood_are_unknown(answer: object) -> None:
    class Broken(Wrapped):
        async def fetch_positions(self) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

    ended = flattened(LONG, wrapped=Broken, policy=FlattenPolicy(budget_ns=5 * SECOND_NS))
    assert ended.verdict is AccountVerdict.UNKNOWN
    assert ended.outcome.problems


@pytest.mark.parametrize("change", [{"instrument": InstrumentId("BTC-PERP.other")}, {"quantity": Decimal("NaN")}])
def test_positions_that_cannot_be_its_own_are_unknown(change: dict[str, Any]) -> None:
    class Foreign(Wrapped):
        async def fetch_positions(self) -> Sequence[Position]:
            return [replace(row, **change) for row in await self.inner.fetch_positions()]

    ended = flattened(LONG, wrapped=Foreign, policy=FlattenPolicy(budget_ns=5 * SECOND_NS))
    assert (ended.verdict, ended.requests) == (AccountVerdict.UNKNOWN, [])


@pytest.mark.parametrize(
    "change", [{"reduce_only": False}, {"side": Side.BUY}, {"quantity": Decimal(9)}, {"price": Decimal(1)}]
)
def test_an_order_that_was_prepared_as_another_is_not_sent(change: dict[str, Any]) -> None:
    class Other(Wrapped):
        async def prepare_order(self, request: OrderRequest) -> PreparedOrder:
            return PreparedOrder(request=replace(request, **change), payload=None)

    ended = flattened(LONG, wrapped=Other)
    assert (ended.verdict, ended.requests) == (AccountVerdict.OPEN, [])
    assert "something else than asked" in ended.outcome.orders[0].answer


@settings(max_examples=150, deadline=None)
@given(
    script=st.lists(
        st.tuples(
            st.sampled_from(("send_order", "fetch_positions", "fetch_open_orders", "cancel_all", "fetch_order_book")),
            st.sampled_from(
                (
                    None,
                    Fault.not_sent(),
                    Fault.rejected(),
                    Fault.unknown_before(),
                    Fault.unknown_after(),
                    Fault(delay_ns=SECOND_NS),
                    Fault(delay_ns=30 * SECOND_NS),
                )
            ),
        ),
        max_size=40,
    ),
    quantity=st.sampled_from(("0.5", "-0.5", "0.001", "-12")),
)
def test_whatever_fails_flat_is_flat_and_nothing_is_reversed(
    script: list[tuple[str, Fault | None]], quantity: str
) -> None:
    def play(exchange: MemoryExchange) -> None:
        for operation, fault in script:
            exchange.faults.once(operation, fault)

    ended = flattened({BTC: quantity}, play)
    left = ended.held.get(BTC, Decimal(0))
    assert 0 <= left / Decimal(quantity) <= 1
    if ended.verdict.is_done:
        assert left == 0
    assert ended.seconds < 90


class Wrapped:
    """A venue of which a test replaces single calls."""

    def __init__(self, exchange: MemoryExchange) -> None:
        assert exchange.trading is not None
        self.exchange = exchange
        self.inner: Trading = exchange.trading

    @property
    def trading(self) -> Wrapped:
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner if hasattr(self.inner, name) else self.exchange, name)

    async def send_order(self, prepared: PreparedOrder) -> Order:
        return await self.inner.send_order(prepared)
