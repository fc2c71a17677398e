"""One loop for everything: read the record and the venues, take the next safe step, repeat.

An entry, an exit, a repair and the recovery after a crash differ in the record they find, not in the
code that reads it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from arb.api import Clock
from arb.model import (
    MINUTE_NS,
    SECOND_NS,
    Event,
    EventKind,
    Hedge,
    HedgeId,
    HedgeStatus,
    OrderPurpose,
    OrderRecord,
    OrderStatus,
    Severity,
)
from arb.risk import EVERYTHING, Halts
from arb.storage import HedgeRecord

from ._absorbing import Absorbed, FillAbsorber
from ._budget import ExposureBudget
from ._building import repairing
from ._journaling import Recorder
from ._legs import with_fills
from ._next_step import Situation, next_step
from ._pace import Pace, Wake
from ._policy import ExecutionPolicy
from ._positions import Agreement
from ._quoting import Quoting
from ._resolving import OrderResolver
from ._sending import OrderExecutor
from ._settling import Settler
from ._steps import Cancel, NextStep, Quotes, Send, Settle, Wait
from ._tries import is_resting

_ALARM_EVERY_NS = 10 * MINUTE_NS
_LASTS_NS = MINUTE_NS
"""What was not seen again for so long has passed."""

_DISAGREEMENTS = 3
"""So often a venue may show other positions than its fills make before a person has to look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcilerParts:
    """What the loop works with."""

    recorder: Recorder
    resolver: OrderResolver
    absorber: FillAbsorber
    budget: ExposureBudget
    quoting: Quoting
    orders: OrderExecutor
    settler: Settler
    halts: Halts
    policy: ExecutionPolicy
    clock: Clock
    wake: Wake


@dataclass(slots=True, kw_only=True)
class _Work:
    """What one run of the loop remembers; nothing of it matters to the next.

    Attributes:
        differed: How often in a row the venues' positions were not what the fills make.
        has_waited: Whether the pause before a retry is over.
        is_forbidden: Whether risk refused an order that would make a leg larger.
        seen: The hedge at the last look.
    """

    pace: Pace
    differed: int = 0
    has_waited: bool = False
    is_forbidden: bool = False
    seen: Hedge | None = None

    def see(self, hedge: Hedge) -> None:
        """Take note of a look; look quickly again when something has changed."""
        if self.seen != hedge:
            self.pace.quicken()
        self.seen = hedge


@dataclass(slots=True, kw_only=True)
class _Told:
    """Since when something keeps a hedge from going on, when that was seen and when it was told last."""

    began_ns: int
    seen_ns: int
    told_ns: int | None = None


class Reconciler:
    """Brings one hedge to rest. Cancelling it leaves nothing half done: the record tells how to go on."""

    def __init__(self, parts: ReconcilerParts) -> None:
        self._p = parts
        self._told: dict[tuple[HedgeId, EventKind], _Told] = {}

    async def run(self, hedge_id: HedgeId) -> Hedge:
        """Work until the hedge is at rest and return it.

        Raises:
            ArbError: there is no such hedge, or LeaseLost: it is another process's now.
            StorageError: the record cannot be written; nothing more is sent.
        """
        # Beside the loop: a venue that keeps the loop waiting must not keep the budget from being looked at.
        watch = asyncio.create_task(self._watch_budget(hedge_id))
        task = asyncio.current_task()
        assert task is not None

        def end_the_work(done: asyncio.Task[None]) -> None:
            if not done.cancelled():
                task.cancel()

        # When it fails nothing more is done, however long the venue would keep the loop waiting.
        watch.add_done_callback(end_the_work)
        try:
            return await self._run(hedge_id)
        except asyncio.CancelledError:
            if watch.done() and not watch.cancelled() and task.uncancel() == 0:
                watch.result()
            raise
        finally:
            watch.remove_done_callback(end_the_work)
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    async def _run(self, hedge_id: HedgeId) -> Hedge:
        at_work = _Work(pace=Pace(self._p.clock, self._p.wake, self._p.policy.poll_ns, self._p.policy.longest_poll_ns))
        while True:
            record = await self._p.absorber.look(hedge_id)
            if not record.hedge.status.is_moving:
                hedge = await self._taken_up(record, at_work.pace)
                if hedge is not None:
                    return hedge
                continue
            at = await self._observed(record)
            at_work.see(at.hedge)
            may_open = await self._p.budget.may_open(at) and not at_work.is_forbidden
            unclear = [one for one in at.records if not one.order.status.is_final and not is_resting(one)]
            if unclear or at.missing:
                await self._wait_for_clarity(at, unclear, at_work.pace)
                continue
            quotes = await self._p.quoting.of(at.hedge)
            step = await self._verified(at, self._step(at, quotes, may_open=may_open), at_work)
            if isinstance(step, Settle):
                step = self._p.settler.judged(at.hedge, step, quotes)
            if isinstance(step, Settle):
                settled = await self._settled(at, step, quotes)
                if settled is not None:
                    return settled
                await self._tell(at.hedge, EventKind.HALT_RAISED, f"its halt cannot be stored ({step.note})")
                await at_work.pace.wait()
                continue
            await self._take(at, step, quotes, at_work)

    async def _wait_for_clarity(self, at: Absorbed, unclear: Sequence[OrderRecord], pace: Pace) -> None:
        await self._tell_unclear(at, unclear)
        doubts = [one for one in unclear if one.order.status is OrderStatus.IN_DOUBT]
        provable = [self._p.resolver.provable_ns(record) for record in doubts]
        await pace.wait(at_latest_ns=min(provable, default=None))

    async def _verified(self, at: Absorbed, step: NextStep, at_work: _Work) -> NextStep | None:
        """Read the venues' positions before anything is called settled; None when they tell of another situation."""
        if not isinstance(step, Settle) or step.status is HedgeStatus.HALTED:
            return step
        agreement = await self._p.settler.verify(at.hedge)
        at_work.differed = at_work.differed + 1 if agreement is Agreement.DIFFERS else 0
        # Reading the positions pulled in fills, and they may change what there is to do.
        again = await self._p.absorber.absorb(await self._p.absorber.look(at.hedge.id))
        if again.hedge.legs != at.hedge.legs:
            return None
        if agreement is Agreement.AGREES:
            return step
        if agreement is Agreement.UNREADABLE:
            return Wait(why="the positions cannot be read, so nothing is called settled")
        why = "the venue holds another position than its fills make"
        if at_work.differed < _DISAGREEMENTS:
            return Wait(why=why)
        return Settle(status=HedgeStatus.HALTED, note=f"{why}, again and again")

    async def _watch_budget(self, hedge_id: HedgeId) -> None:
        """Look at the budget each second, by what is stored."""
        while True:
            await self._p.clock.sleep_until(self._p.clock.now_ns() + SECOND_NS)
            stored = await self._p.absorber.look(hedge_id)
            if stored.hedge.status.is_moving:
                hedge = with_fills(stored.hedge, stored.orders, stored.fills)
                await self._p.budget.may_open(
                    Absorbed(hedge=hedge, records=stored.orders, fills=stored.fills, reports=stored.reports)
                )

    async def _taken_up(self, record: HedgeRecord, pace: Pace) -> Hedge | None:
        """Return a hedge that stays at rest; None when a repair of it has begun, or it has to be looked at again.

        It is repaired when it is not what its fills make, or a person lifted its halt. One that
        stays halted keeps its books all the same, and so does the dust of one that is finished.
        """
        at = await self._p.absorber.absorb(record)
        if at.missing:  # what is listed cannot be, or is not whole: the record stays, and nobody else looks again
            await self._tell(record.hedge, EventKind.BOOKS_DIFFER, at.missing)
            await pace.wait()
            return None
        hedge = at.hedge
        if hedge.status.is_final:
            if hedge.legs != record.hedge.legs:
                await self._p.settler.keep_dust(hedge)
            return hedge
        changed, why = hedge.legs != record.hedge.legs, "a leg was reduced by an order that is not ours"
        if hedge.status is HedgeStatus.HALTED:
            if self._p.halts.holds(hedge.id):
                if changed:
                    await self._p.recorder.hedge(hedge)
                return hedge
            if not self._p.halts.knows(hedge.id):
                reason = "it is halted, and its halt is not on record: nobody has lifted it"
                self._p.halts.hold(EVERYTHING, reason, by="execution", subject=hedge.id)
                return hedge
            why = "a person lifted its halt"
        elif not changed:
            return hedge
        now_ns = self._p.clock.now_ns()
        hedge = replace(hedge, status=HedgeStatus.REPAIRING, repairing_ns=now_ns)
        await self._p.recorder.hedge(hedge, events=[repairing(hedge, why, now_ns)])
        return None

    async def _observed(self, record: HedgeRecord) -> Absorbed:
        """Read every order that is not final and absorb all fills."""
        unsettled = [one for one in record.orders if not one.order.status.is_final]
        if unsettled:
            await asyncio.gather(*(self._resolve(one) for one in unsettled))
            record = await self._p.absorber.look(record.hedge.id)
        return await self._p.absorber.absorb(record)

    async def _resolve(self, record: OrderRecord) -> None:
        record = await self._p.resolver.resolve(record)
        known = record.order.status in (OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED)
        if known and not is_resting(record):  # what was meant to trade at once and rests all the same is taken back
            await self._p.resolver.cancel(record)

    def _step(self, at: Absorbed, quotes: Quotes, *, may_open: bool) -> NextStep:
        situation = Situation(
            hedge=at.hedge,
            records=at.records,
            instruments=self._p.quoting.instruments,
            quotes=quotes,
            policy=self._p.policy,
            now_ns=self._p.clock.now_ns(),
            may_open=may_open,
            pilot=_pilot(at.records),
        )
        return next_step(situation)

    async def _take(self, at: Absorbed, step: NextStep | None, quotes: Quotes, at_work: _Work) -> None:
        if isinstance(step, Cancel):
            await self._cancel(at, step, at_work.pace)
        elif isinstance(step, Send):
            if step.is_retry and not at_work.has_waited:
                # Decided again after the wait: the market and the record are then other ones.
                await at_work.pace.retry(self._p.policy.retry_delay_ns)
                at_work.has_waited = True
                return
            at_work.has_waited = False
            if not await self._p.orders.send(at.hedge, step, quotes):
                at_work.is_forbidden = True  # risk will not have it: the other way out is left
        elif isinstance(step, Wait):
            rests = any(is_resting(one) for one in at.records)
            if not rests:
                await self._tell(at.hedge, EventKind.EXCHANGE_FAILED, step.why)
            await at_work.pace.wait(longest_ns=SECOND_NS if rests else None)

    async def _cancel(self, at: Absorbed, step: Cancel, pace: Pace) -> None:
        over = [one for one in at.records if is_resting(one) and one.leg_index in step.leg_indices]
        after = await asyncio.gather(*(self._p.resolver.cancel(record) for record in over))
        if not all(record.order.status.is_final for record in after):
            await pace.wait()

    async def _settled(self, at: Absorbed, step: Settle, quotes: Quotes) -> Hedge | None:
        hedge = await self._p.settler.settle(at.hedge, step, quotes)
        if hedge is not None:
            self._told = {key: told for key, told in self._told.items() if key[0] != hedge.id}
        return hedge

    async def _tell_unclear(self, at: Absorbed, unclear: Sequence[OrderRecord]) -> None:
        hedge = at.hedge
        if unclear:
            names = ", ".join(f"{one.order.request.client_order_id} {one.order.status}" for one in unclear)
            await self._tell(hedge, EventKind.ORDER_IN_DOUBT, f"the venue does not tell what became of {names}")
        else:
            await self._tell(hedge, EventKind.BOOKS_DIFFER, at.missing)

    async def _tell(self, hedge: Hedge, kind: EventKind, message: str) -> None:
        """Tell what keeps a hedge from going on once it has lasted, and again while it lasts: never silently."""
        now_ns = self._p.clock.now_ns()
        known = self._told.setdefault((hedge.id, kind), _Told(began_ns=now_ns, seen_ns=now_ns))
        if now_ns - known.seen_ns > _LASTS_NS:
            known.began_ns, known.told_ns = now_ns, None  # it had passed in between: this is another one
        known.seen_ns = now_ns
        is_lasting = now_ns - known.began_ns >= self._p.policy.alarm_after_ns
        if not is_lasting or (known.told_ns is not None and now_ns - known.told_ns < _ALARM_EVERY_NS):
            return
        known.told_ns = now_ns
        event = Event(
            ts_ns=now_ns,
            kind=kind,
            severity=Severity.ALARM,
            subject=hedge.id,
            message=f"{hedge.base} {hedge.status}: {message}",
        )
        await self._p.recorder.events([event])


def _pilot(records: Sequence[OrderRecord]) -> int:
    """Return the leg whose entry order was recorded first."""
    entries = [record for record in records if record.purpose is OrderPurpose.ENTRY]
    return min(entries, key=lambda one: (one.created_ns, one.attempt)).leg_index if entries else 0
