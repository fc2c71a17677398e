from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.storage.conftest import with_journal

from arb.api import InvariantBroken, StateStore, Storage, StorageError
from arb.model import (
    ClientOrderId,
    Event,
    EventKind,
    ExchangeName,
    ExchangeOrderId,
    Fill,
    FillId,
    FundingPayment,
    Hedge,
    HedgeId,
    HedgeStatus,
    InstrumentId,
    Leg,
    Liquidity,
    Order,
    OrderPurpose,
    OrderRecord,
    OrderRequest,
    OrderStatus,
    PaymentId,
    PositionSide,
    Side,
)
from arb.storage import Journal, JournalStateStore
from arb.testing import FakeClock, MemoryStorage

T = TypeVar("T")
FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])

A, B = ExchangeName("one"), ExchangeName("two")
COIN_A, COIN_B = InstrumentId("COIN-PERP.one"), InstrumentId("COIN-PERP.two")


def hedge(hedge_id: str = "h1", status: HedgeStatus = HedgeStatus.OPENING) -> Hedge:
    return Hedge(
        id=HedgeId(hedge_id),
        strategy="carry",
        base="COIN",
        legs=(
            Leg(instrument=COIN_A, side=PositionSide.LONG, target_quantity=Decimal(3), multiplier=Decimal(1)),
            Leg(instrument=COIN_B, side=PositionSide.SHORT, target_quantity=Decimal(3), multiplier=Decimal(1)),
        ),
        status=status,
        created_ns=5,
        max_slippage_bps=Decimal(10),
        entry_reason="carry",
    )


def order(order_id: str = "o1", status: OrderStatus = OrderStatus.PENDING, *, filled: str = "0") -> OrderRecord:
    request = OrderRequest(
        client_order_id=ClientOrderId(order_id),
        instrument=COIN_A,
        side=Side.BUY,
        quantity=Decimal(3),
        price=Decimal(100),
    )
    return OrderRecord(
        order=Order(request=request, status=status, filled_quantity=Decimal(filled)),
        hedge_id=HedgeId("h1"),
        leg_index=0,
        purpose=OrderPurpose.ENTRY,
        attempt=1,
        arrival_price=Decimal("99.5"),
        created_ns=6,
    )


def fill(fill_id: str = "f1", ts_ns: int = 10, instrument: InstrumentId = COIN_A, order_id: str = "o1") -> Fill:
    return Fill(
        fill_id=FillId(fill_id),
        client_order_id=ClientOrderId(order_id),
        exchange_order_id=ExchangeOrderId("x"),
        instrument=instrument,
        side=Side.BUY,
        price=Decimal(100),
        quantity=Decimal(1),
        fee=Decimal("0.05"),
        fee_currency="USDC",
        liquidity=Liquidity.TAKER,
        ts_event_ns=ts_ns,
    )


def payment(payment_id: str = "p1", ts_ns: int = 10) -> FundingPayment:
    return FundingPayment(
        payment_id=PaymentId(payment_id),
        instrument=COIN_A,
        amount=Decimal("-0.01"),
        currency="USDC",
        settled_ns=ts_ns,
    )


# --- whatever a plugin says -------------------------------------------------------------------


def test_a_text_that_no_storage_keeps_is_stored_with_replacement_characters() -> None:
    async def body(journal: Journal) -> None:
        told = replace(order().order, reason="why \ud800\0", exchange_order_id=ExchangeOrderId("7\udfff"))
        event = Event(ts_ns=1, kind=EventKind.ORDER_REJECTED, subject="\ud800", message="m\0", data={"k\0": "\udc00"})
        async with journal.transaction() as tx:
            await tx.put_hedge(hedge())
            await tx.put_order(replace(order(), order=told))
            await tx.add_events([event])
            assert len(await tx.add_fills([fill("f\ud800")])) == 1
            assert await tx.add_fills([fill("f\ud800")]) == ()
        ((found,), ((_, stored),)) = await journal.orders(), await journal.events()
        assert (found.order.reason, found.order.exchange_order_id) == ("why \ufffd\ufffd", "7\ufffd")
        assert (stored.subject, stored.message, dict(stored.data)) == ("\ufffd", "m\ufffd", {"k\ufffd": "\ufffd"})

    with_journal(body)


# --- each entry exactly once ------------------------------------------------------------------


@FEW
@given(st.lists(st.integers(0, 30), max_size=20).flatmap(lambda ids: st.tuples(st.just(ids), st.permutations(ids))))
def test_overlapping_backfills_in_any_order_book_each_entry_once(backfills: tuple[list[int], list[int]]) -> None:
    async def body(journal: Journal) -> None:
        new_fills: list[Fill] = []
        new_payments: list[FundingPayment] = []
        for ids in (*backfills, list(reversed(backfills[0])) * 2):
            async with journal.transaction() as tx:
                new_fills += await tx.add_fills([fill(f"f{number}", number) for number in ids])
                new_payments += await tx.add_funding_payments([payment(f"p{number}", number) for number in ids])
        expected = sorted(set(backfills[0]))
        assert sorted(one.ts_event_ns for one in new_fills) == expected
        assert sorted(one.settled_ns for one in new_payments) == expected
        assert [one.ts_event_ns for one in await journal.fills()] == expected
        assert [one.settled_ns for one in await journal.funding_payments()] == expected

    with_journal(body)


def test_one_id_at_two_exchanges_is_two_fills() -> None:
    async def body(journal: Journal) -> None:
        async with journal.transaction() as tx:
            assert len(await tx.add_fills([fill(), fill(instrument=COIN_B)])) == 2
        assert len(await journal.fills(exchange=B)) == 1

    with_journal(body)


def test_more_entries_than_one_statement_takes() -> None:
    async def body(journal: Journal) -> None:
        many = [fill(f"f{number}", number) for number in range(1500)]
        async with journal.transaction() as tx:
            assert len(await tx.add_fills(many)) == 1500
        async with journal.transaction() as tx:
            assert await tx.add_fills(many[::-1]) == ()

    with_journal(body)


@pytest.mark.parametrize(
    "change",
    [{"price": Decimal(101)}, {"fee": Decimal(0)}, {"side": Side.SELL}, {"ts_event_ns": 11}, {"fee_currency": "BTC"}],
)
def test_a_fill_with_other_content_breaks_the_books(change: dict[str, object]) -> None:
    other = replace(fill(), **change)  # type: ignore[arg-type]

    async def body(journal: Journal) -> None:
        async with journal.transaction() as tx:
            await tx.add_fills([fill()])
        with pytest.raises(InvariantBroken, match="f1 of one was stored with"):
            async with journal.transaction() as tx:
                await tx.add_fills([fill("f2"), other])
        assert await journal.fills() == (fill(),)

    with_journal(body)


def test_two_contents_of_one_id_in_one_batch_break_the_books() -> None:
    async def body(journal: Journal) -> None:
        with pytest.raises(InvariantBroken, match="payment p1"):
            async with journal.transaction() as tx:
                await tx.add_funding_payments([payment(), replace(payment(), amount=Decimal(1))])

    with_journal(body)


def test_a_number_that_differs_in_writing_only_is_the_same() -> None:
    async def body(journal: Journal) -> None:
        async with journal.transaction() as tx:
            await tx.add_fills([fill()])
            assert await tx.add_fills([replace(fill(), price=Decimal("1.0E+2"))]) == ()

    with_journal(body)


def test_a_later_report_may_tell_what_the_first_left_open() -> None:
    async def body(journal: Journal) -> None:
        whole = replace(payment(), rate=Decimal("0.0001"), quantity=Decimal(1))
        async with journal.transaction() as tx:
            await tx.add_funding_payments([payment()])
            assert await tx.add_funding_payments([whole]) == ()
            assert await tx.add_funding_payments([payment()]) == ()
        assert await journal.funding_payments() == (whole,)
        with pytest.raises(InvariantBroken, match="rate"):
            async with journal.transaction() as tx:
                await tx.add_funding_payments([replace(payment(), rate=Decimal(1))])

    with_journal(body)


# --- orders and hedges ------------------------------------------------------------------------


def put(journal: Journal, *records: OrderRecord) -> Awaitable[None]:
    async def run() -> None:
        for record in records:
            async with journal.transaction() as tx:
                await tx.put_hedge(hedge())
                await tx.put_order(record)

    return run()


@pytest.mark.parametrize(
    "statuses",
    [
        (OrderStatus.PENDING, OrderStatus.FILLED),
        (OrderStatus.PENDING, OrderStatus.SUBMITTED, OrderStatus.IN_DOUBT, OrderStatus.NOT_SENT),
        (OrderStatus.CANCELLED, OrderStatus.FILLED),
        (OrderStatus.OPEN, OrderStatus.OPEN),
    ],
)
def test_an_order_moves_along_the_table(statuses: tuple[OrderStatus, ...]) -> None:
    async def body(journal: Journal) -> None:
        await put(journal, *(order(status=status) for status in statuses))
        assert await journal.orders(statuses=[statuses[-1]]) == (order(status=statuses[-1]),)

    with_journal(body)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (OrderStatus.FILLED, OrderStatus.OPEN),
        (OrderStatus.REJECTED, OrderStatus.FILLED),
        (OrderStatus.NOT_SENT, OrderStatus.OPEN),
        (OrderStatus.OPEN, OrderStatus.IN_DOUBT),
        (OrderStatus.SUBMITTED, OrderStatus.PENDING),
    ],
)
def test_an_impossible_move_of_an_order_is_refused(old: OrderStatus, new: OrderStatus) -> None:
    async def body(journal: Journal) -> None:
        with pytest.raises(InvariantBroken, match=f"o1 is {old} and cannot become {new}"):
            await put(journal, order(status=old), order(status=new))
        assert await journal.order(ClientOrderId("o1")) == order(status=old)

    with_journal(body)


def test_a_filled_quantity_never_shrinks() -> None:
    async def body(journal: Journal) -> None:
        with pytest.raises(InvariantBroken, match="cannot shrink from 2 to 1"):
            await put(
                journal,
                order(status=OrderStatus.PARTIALLY_FILLED, filled="2"),
                order(status=OrderStatus.PARTIALLY_FILLED, filled="1"),
            )

    with_journal(body)


def test_an_order_id_is_never_used_twice() -> None:
    async def body(journal: Journal) -> None:
        with pytest.raises(InvariantBroken, match="never used twice"):
            await put(journal, order(), replace(order(), attempt=2))

    with_journal(body)


def test_an_exchange_order_id_is_not_forgotten_and_not_changed() -> None:
    async def body(journal: Journal) -> None:
        opened = order(status=OrderStatus.OPEN)
        named = replace(opened, order=replace(opened.order, exchange_order_id=ExchangeOrderId("x1")))
        await put(journal, named, opened)
        assert await journal.order(ClientOrderId("o1")) == named
        with pytest.raises(InvariantBroken, match="x1"):
            await put(journal, replace(named, order=replace(named.order, exchange_order_id=ExchangeOrderId("x2"))))

    with_journal(body)


def test_an_order_needs_its_hedge() -> None:
    async def body(journal: Journal) -> None:
        with pytest.raises(InvariantBroken, match="hedge h1, which is not stored"):
            async with journal.transaction() as tx:
                await tx.put_order(order())

    with_journal(body)


def test_a_closed_hedge_stays_closed_and_its_legs_stay_its_legs() -> None:
    async def body(journal: Journal) -> None:
        async with journal.transaction() as tx:
            await tx.put_hedge(hedge())
            await tx.put_hedge(hedge(status=HedgeStatus.CLOSED))
        with pytest.raises(InvariantBroken, match="h1 is closed and cannot become open"):
            async with journal.transaction() as tx:
                await tx.put_hedge(hedge(status=HedgeStatus.OPEN))
        with pytest.raises(InvariantBroken, match="legs cannot change"):
            async with journal.transaction() as tx:
                await tx.put_hedge(replace(hedge(status=HedgeStatus.CLOSED), legs=hedge().legs[::-1]))

    with_journal(body)


def test_fills_of_a_hedge_are_those_of_its_orders() -> None:
    async def body(journal: Journal) -> None:
        await put(journal, order())
        async with journal.transaction() as tx:
            # The other exchange may know an order of the same id that is not ours.
            await tx.add_fills([fill(), fill("f2", 20, COIN_B), fill("f3", 30, order_id="by-hand")])
        assert await journal.fills(hedge_id=HedgeId("h1")) == (fill(),)
        assert [one.fill_id for one in await journal.fills(since_ns=20, until_ns=30)] == ["f2"]
        assert await journal.hedges(statuses=[]) == ()

    with_journal(body)


def test_fills_of_no_own_order_are_found_by_their_instrument() -> None:
    async def body(journal: Journal) -> None:
        await put(journal, order())
        by_hand = [fill("f2", 20, order_id="by-hand"), fill("f3", 30, order_id="by-hand")]
        async with journal.transaction() as tx:
            # On the other exchange the id of our order is not our order.
            await tx.add_fills([fill(ts_ns=25), *by_hand, fill("f4", 40, COIN_B)])
        assert await journal.foreign_fills(COIN_A, 0) == tuple(by_hand)
        assert await journal.foreign_fills(COIN_A, 21) == (by_hand[1],)
        assert [one.fill_id for one in await journal.foreign_fills(COIN_B, 0)] == ["f4"]

    with_journal(body)


def test_the_fills_of_an_instrument_make_its_position() -> None:
    async def body(journal: Journal) -> None:
        assert await journal.net_quantity(COIN_A) == 0
        sold = replace(fill("f2", order_id="by-hand"), side=Side.SELL, quantity=Decimal("2.5"))
        async with journal.transaction() as tx:
            await tx.add_fills([fill(), sold, fill("f3", instrument=COIN_B)])
        assert await journal.net_quantity(COIN_A) == Decimal("-1.5")

    with_journal(body)


# --- memory, events, failures -----------------------------------------------------------------


def test_a_state_store_sees_its_owner_only() -> None:
    async def body(journal: Journal) -> None:
        mine: StateStore = JournalStateStore(journal, "strategy.carry", FakeClock())
        other = JournalStateStore(journal, "strategy.other", FakeClock())
        assert await mine.get("k") is None
        await mine.put("k", "1")
        await mine.put("k", "2")
        assert (await mine.get("k"), await other.get("k")) == ("2", None)

    with_journal(body)


def test_events_are_read_on_from_an_id() -> None:
    async def body(journal: Journal) -> None:
        made = [Event(ts_ns=n, kind=kind, subject="s", message="m") for n, kind in enumerate(EventKind)]
        async with journal.transaction() as tx:
            await tx.add_events(made)
        first = await journal.events(limit=3)
        rest = await journal.events(after_id=first[-1][0], limit=0)
        assert [event for _, event in (*first, *rest)] == made
        assert [event.kind for _, event in await journal.events(kinds=[EventKind.HEDGE_OPENED])] == [
            EventKind.HEDGE_OPENED
        ]

    with_journal(body)


@pytest.mark.parametrize("bad", ["NaN", "Infinity", "-Infinity", "sNaN"])
def test_what_is_not_a_number_is_refused(bad: str) -> None:
    async def body(journal: Journal) -> None:
        with pytest.raises(InvariantBroken, match="cannot be stored"):
            async with journal.transaction() as tx:
                await tx.add_fills([replace(fill(), price=Decimal(bad))])
        assert await journal.fills() == ()

    with_journal(body)


def test_a_failed_transaction_leaves_nothing_and_an_open_one_sees_its_writes() -> None:
    async def body(journal: Journal) -> None:
        async def fail() -> None:
            async with journal.transaction() as tx:
                await tx.put_hedge(hedge())
                assert await tx.hedge(HedgeId("h1")) == hedge()
                raise RuntimeError

        with pytest.raises(RuntimeError):
            await fail()
        assert await journal.hedges() == ()

    with_journal(body)


def test_a_row_this_version_cannot_read_is_a_storage_error() -> None:
    async def run() -> None:
        storage = MemoryStorage()
        journal = await Journal.open(storage)
        async with journal.transaction() as tx:
            await tx.put_hedge(hedge())
        async with storage.transaction() as raw:
            await raw.execute("UPDATE hedges SET status = 'unheard-of'")
        with pytest.raises(StorageError, match="table hedges holds a row this version cannot read"):
            await journal.hedges()
        storage.close()

    asyncio.run(run())


def test_reads_aside_wait_for_no_transaction_where_the_storage_has_snapshots(
    on_server: Callable[[], AbstractAsyncContextManager[Storage]],
) -> None:
    async def main() -> None:
        async with on_server() as storage:
            journal = await Journal.open(storage)
            async with journal.transaction() as tx:
                await tx.put_state("owner", "key", "first")
            async with journal.transaction() as tx:
                await tx.put_state("owner", "key", "second")
                assert await journal.aside.state("owner", "key") == "first"
            assert await journal.aside.state("owner", "key") == "second"

    asyncio.run(main())
