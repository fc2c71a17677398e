"""Two processes, one account: only the holder of the newest token trades."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from arb.api import LeaseLost, StorageError
from arb.execution import AccountLeases, Recorder
from arb.model import SECOND_NS, EventKind, ExchangeName, HedgeStatus, Lease, OrderStatus
from arb.storage import Journal
from arb.testing import START_NS, Fault

if TYPE_CHECKING:
    from tests.execution.conftest import Desk, OnDesk, OnWorld, World

ACCOUNT = ExchangeName("elsewhere")
TERM_NS = 30 * SECOND_NS


class Bench:
    """One database, and the leases that processes take in it."""

    def __init__(self, d: Desk) -> None:
        self.storage = d.storage
        self.journal = d.journal
        self.clock = d.world.clock
        self.gone = d.world.gone

    def process(self, holder: str) -> AccountLeases:
        return AccountLeases(self.clock, holder=holder, is_gone=lambda name: name in self.gone, ttl_ns=TERM_NS)

    def recorder(self, leases: AccountLeases) -> Recorder:
        return Recorder(self.journal, self.clock, lambda event: None, leases)

    async def sleep(self, seconds: float) -> None:
        await self.clock.sleep_until(self.clock.now_ns() + int(seconds * SECOND_NS))

    async def stored(self) -> Lease:
        found = await self.journal.lease(ACCOUNT)
        assert found is not None
        return found


def on_bench(on_desk: OnDesk, check: Callable[[Bench], Awaitable[None]]) -> None:
    async def main(d: Desk) -> None:
        await check(Bench(d))

    on_desk(main)


def test_the_first_process_takes_the_lease_and_each_change_of_hands_raises_the_token(on_desk: OnDesk) -> None:
    async def check(b: Bench) -> None:
        await b.process("a").take(b.journal, [ACCOUNT])
        assert await b.stored() == Lease(account=ACCOUNT, holder="a", token=1, expires_ns=START_NS + TERM_NS)
        b.gone.add("a")
        await b.process("b").take(b.journal, [ACCOUNT])
        await b.process("b").take(b.journal, [ACCOUNT])  # its own leftover
        assert (await b.stored()).holder == "b"
        assert (await b.stored()).token == 3
        assert b.clock.now_ns() == START_NS, "nobody was waited for"

    on_bench(on_desk, check)


def test_a_process_that_lives_keeps_its_lease(on_desk: OnDesk) -> None:
    async def check(b: Bench) -> None:
        first = b.process("a")
        await first.take(b.journal, [ACCOUNT])
        recorder = b.recorder(first)

        async def live() -> None:
            while True:
                await recorder.event(EventKind.RUN_STARTED, "run", "still here")
                await b.sleep(5)

        living = asyncio.ensure_future(live())
        second = b.process("b")
        with pytest.raises(LeaseLost, match=r"process a trades this account; stop it first, or wait 30 s"):
            await second.take(b.journal, [ACCOUNT])
        assert b.clock.now_ns() - START_NS <= TERM_NS
        with pytest.raises(LeaseLost):
            second.check(ACCOUNT)
        first.check(ACCOUNT)
        living.cancel()

    on_bench(on_desk, check)


def test_a_lease_that_is_not_renewed_runs_out_and_is_taken_over(on_desk: OnDesk) -> None:
    async def check(b: Bench) -> None:
        first, second = b.process("a"), b.process("b")
        await first.take(b.journal, [ACCOUNT])
        await b.sleep(10)
        await second.take(b.journal, [ACCOUNT])
        assert b.clock.now_ns() == START_NS + TERM_NS
        second.check(ACCOUNT)
        with pytest.raises(LeaseLost):
            first.check(ACCOUNT)

    on_bench(on_desk, check)


def test_a_lease_of_a_clock_that_is_far_ahead_is_waited_for_one_term_only(on_desk: OnDesk) -> None:
    async def check(b: Bench) -> None:
        async with b.journal.transaction() as tx:
            ahead = Lease(account=ACCOUNT, holder="a", token=7, expires_ns=START_NS + 10**6 * SECOND_NS)
            assert await tx.swap_lease(None, ahead)
        with suppress(LeaseLost):
            await b.process("b").take(b.journal, [ACCOUNT])
        assert b.clock.now_ns() == START_NS + TERM_NS

    on_bench(on_desk, check)


def test_of_two_that_wait_for_the_same_lease_one_gets_it(on_desk: OnDesk) -> None:
    async def check(b: Bench) -> None:
        await b.process("a").take(b.journal, [ACCOUNT])
        waiting = [b.process("b"), b.process("c")]
        found = await asyncio.gather(*(one.take(b.journal, [ACCOUNT]) for one in waiting), return_exceptions=True)
        assert sorted(type(one).__name__ for one in found) == ["LeaseLost", "NoneType"]
        assert (await b.stored()).token == 2
        (winner,) = [one for one, error in zip(waiting, found, strict=True) if error is None]
        winner.check(ACCOUNT)

    on_bench(on_desk, check)


def test_a_lease_that_was_given_up_need_not_be_waited_for(on_desk: OnDesk) -> None:
    async def check(b: Bench) -> None:
        first, second = b.process("a"), b.process("b")
        await first.take(b.journal, [ACCOUNT])
        await first.release(b.journal)
        await second.take(b.journal, [ACCOUNT])
        assert b.clock.now_ns() == START_NS
        with pytest.raises(LeaseLost):
            first.check(ACCOUNT)
        second.check(ACCOUNT)

    on_bench(on_desk, check)


def test_giving_up_takes_nothing_from_the_one_who_has_it_now(on_desk: OnDesk) -> None:
    async def check(b: Bench) -> None:
        first, second = b.process("a"), b.process("b")
        await first.take(b.journal, [ACCOUNT])
        b.gone.add("a")
        await second.take(b.journal, [ACCOUNT])
        before = await b.stored()
        await first.release(b.journal)
        assert await b.stored() == before

    on_bench(on_desk, check)


def test_a_transaction_that_records_orders_renews_and_proves_the_lease(on_desk: OnDesk) -> None:
    async def check(b: Bench) -> None:
        first = b.process("a")
        await first.take(b.journal, [ACCOUNT])
        recorder = b.recorder(first)
        await b.sleep(5)
        async with recorder.transaction(guarded=True):
            pass
        assert (await b.stored()).expires_ns == START_NS + 5 * SECOND_NS + TERM_NS
        b.gone.add("a")
        await b.process("b").take(b.journal, [ACCOUNT])
        with pytest.raises(LeaseLost, match="process b has taken over"):
            async with recorder.transaction(guarded=True) as tx:
                await tx.put_state("test", "key", "value")
        assert await b.journal.state("test", "key") is None

    on_bench(on_desk, check)


def test_any_transaction_renews_a_lease_that_is_a_third_over(on_desk: OnDesk) -> None:
    async def check(b: Bench) -> None:
        first = b.process("a")
        await first.take(b.journal, [ACCOUNT])
        recorder = b.recorder(first)
        await b.sleep(9)
        await recorder.event(EventKind.RUN_STARTED, "run", "not yet due")
        assert (await b.stored()).expires_ns == START_NS + TERM_NS
        await b.sleep(2)
        await recorder.event(EventKind.RUN_STARTED, "run", "due")
        assert (await b.stored()).expires_ns == START_NS + 11 * SECOND_NS + TERM_NS

    on_bench(on_desk, check)


@pytest.mark.parametrize("failing", ["inside", "commit"])
def test_a_renewal_that_was_rolled_back_is_not_counted_on(on_desk: OnDesk, failing: str) -> None:
    async def check(b: Bench) -> None:
        first = b.process("a")
        await first.take(b.journal, [ACCOUNT])
        recorder = b.recorder(first)
        await b.sleep(20)
        b.storage.refuses = failing == "commit"
        with suppress(StorageError, ValueError):
            async with recorder.transaction(guarded=True):
                if failing == "inside":
                    raise ValueError("something else failed")
        b.storage.refuses = False
        assert (await b.stored()).expires_ns == START_NS + TERM_NS
        await b.sleep(9.9)
        first.check(ACCOUNT)
        await b.sleep(0.2)
        with pytest.raises(LeaseLost, match="ran out"):
            first.check(ACCOUNT)

    on_bench(on_desk, check)


def test_an_account_without_a_lease_is_never_traded(on_desk: OnDesk) -> None:
    async def check(b: Bench) -> None:
        leases = b.process("a")
        with pytest.raises(LeaseLost):
            leases.check(ACCOUNT)
        await leases.take(b.journal, [ACCOUNT])
        leases.check(ACCOUNT)
        with pytest.raises(LeaseLost):
            leases.check(ExchangeName("right"))

    on_bench(on_desk, check)


# Trading under leases.


async def beat(d: Desk) -> None:
    """Record something now and then, as a run does."""
    while True:
        await d.services.recorder.event(EventKind.RUN_STARTED, "run", "still here")
        await d.sleep(5)


def test_a_second_process_is_refused_while_the_first_works(on_world: OnWorld) -> None:
    async def check(world: World) -> None:
        first = await world.start()
        for venue in world.venues:
            venue.faults.always("fetch_fills", Fault.not_sent())
        opening = asyncio.ensure_future(first.open())  # it goes on asking for the fills
        beating = asyncio.ensure_future(beat(first))
        await first.sleep(1)
        with pytest.raises(LeaseLost):
            await world.start()
        beating.cancel()
        for venue in world.venues:
            venue.faults.always("fetch_fills", None)
        hedge = await first.wait(await opening)
        assert hedge.status is HedgeStatus.OPEN

    on_world(check)


async def repairing(d: Desk) -> asyncio.Task[object]:
    """Begin an entry that goes on trying to take its left leg back."""
    d.right.faults.always("send_order", Fault.rejected())
    d.left.faults.once("send_order", None)
    d.left.faults.always("send_order", Fault.not_sent())
    opening = asyncio.ensure_future(d.open())
    await d.sleep(5)
    return opening


def test_who_is_taken_over_stops_and_sends_nothing_more(on_world: OnWorld) -> None:
    async def check(world: World) -> None:
        first = await world.start()
        opening = await repairing(first)
        world.gone.add(first.holder)  # wrongly: it only did not answer for a while
        second = await world.start()
        sent = first.orders_sent()
        first.left.faults.always("send_order", None)
        with pytest.raises(LeaseLost, match="host:2:0 has taken over"):
            await opening
        assert second.orders_sent() == sent
        assert [type(one) for one in first.failures] == [LeaseLost]
        (hedge,) = await second.journal.hedges()
        assert (await second.taken_up(hedge)).status is HedgeStatus.ABANDONED
        assert not any(await second.held())
        with pytest.raises(LeaseLost):
            await first.open()
        assert second.orders_sent() == sent + 1

    on_world(check)


def test_an_idle_process_whose_lease_ran_out_finds_out_before_it_sends(on_world: OnWorld) -> None:
    async def check(world: World) -> None:
        first = await world.start(lease_ns=5 * SECOND_NS)
        hedge = await first.open()
        await first.sleep(60)
        second = await world.start()
        sent = second.orders_sent()
        with pytest.raises(LeaseLost):
            await first.open()
        with pytest.raises(LeaseLost):
            await first.close(hedge)
        assert second.orders_sent() == sent
        assert await second.stored(hedge) == hedge
        assert len(await second.journal.hedges()) == 1
        assert (await second.close(hedge)).status is HedgeStatus.CLOSED

    on_world(check)


def test_a_lease_that_ran_out_and_that_nobody_took_is_renewed_by_the_next_order(on_world: OnWorld) -> None:
    async def check(world: World) -> None:
        first = await world.start(lease_ns=5 * SECOND_NS)
        await first.sleep(3600)
        assert (await first.open()).status is HedgeStatus.OPEN

    on_world(check)


def test_a_pause_between_the_commit_and_the_wire_sends_nothing(on_world: OnWorld) -> None:
    async def check(world: World) -> None:
        first = await world.start(lease_ns=3 * SECOND_NS)
        approved = first.approved()
        opening = asyncio.ensure_future(first.executor.open(approved, strategy="test"))
        while not await Journal(world.storage).hedges():
            first.storage.delay_ns = 4 * SECOND_NS  # each commit takes longer than the lease lasts
            await first.sleep(0.01)
        first.storage.delay_ns = 0
        hedge = await opening
        assert hedge is not None
        assert hedge.status is HedgeStatus.ABANDONED
        assert first.orders_sent() == 0
        records = await first.orders(hedge)
        assert [one.order.status for one in records] == [OrderStatus.NOT_SENT] * 2
        assert all("the lease of this account ran out" in one.order.reason for one in records)

    on_world(check)


def test_a_failing_storage_ends_the_work_and_sends_nothing_more(on_world: OnWorld) -> None:
    async def check(world: World) -> None:
        first = await world.start()
        opening = await repairing(first)
        sent = first.orders_sent()
        first.storage.refuses = True
        first.left.faults.always("send_order", None)
        with pytest.raises(StorageError):
            await opening
        await first.sleep(60)
        assert first.orders_sent() == sent
        assert [type(one) for one in first.failures] == [StorageError]

    on_world(check)


def test_what_was_read_of_orders_is_not_recorded_over_that_of_the_next_writer(on_desk: OnDesk) -> None:
    async def check(b: Bench) -> None:
        first = b.process("a")
        await first.take(b.journal, [ACCOUNT])
        b.gone.add("a")
        await b.process("b").take(b.journal, [ACCOUNT])
        with pytest.raises(LeaseLost, match="process b has taken over"):
            await b.recorder(first).orders([], source="send_order")

    on_bench(on_desk, check)


def test_who_waits_for_a_lease_says_for_whom_and_how_long(on_desk: OnDesk, caplog: pytest.LogCaptureFixture) -> None:
    async def check(b: Bench) -> None:
        await b.process("a").take(b.journal, [ACCOUNT])
        await b.sleep(10)
        await b.process("b").take(b.journal, [ACCOUNT])

    on_bench(on_desk, check)
    (record,) = caplog.records
    assert "process a may still trade this account: waiting 20 s" in record.getMessage()
