"""Hedges of several legs: opened, repaired and closed by one loop over the durable record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from arb.api import (
    ArbError,
    Clock,
    Exchange,
    ExchangeError,
    IdSource,
    OrderIntent,
    PreparedOrder,
    Veto,
)
from arb.marketdata import PriceProvider
from arb.model import (
    CloseHedge,
    Event,
    EventKind,
    ExchangeName,
    Fresh,
    Hedge,
    HedgeId,
    HedgeStatus,
    Instrument,
    InstrumentId,
    OrderRecord,
    Severity,
    Stale,
    exchange_of,
)
from arb.risk import ApprovedPlan

from ._account_sync import AccountSync
from ._building import closing, entry_orders, new_hedge, new_record, opening, refused, settled
from ._gateway import OrderGateway
from ._journaling import Recorder
from ._legs import filled_by_order, with_fills
from ._leverage import LeverageKeeper
from ._liquidity import LiquidityAnalyzer
from ._next_step import PlannedOrder, RepairPolicy, Settle, next_step


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionServices:
    """What the executor works with.

    Attributes:
        veto: Asks every plugin before an order that opens risk.
        usd_rate: Dollars per unit of a currency; None while unknown.
        max_price_age_ns: Of books that lead to an entry.
        order_timeout_ns: How long one answer about an order is waited for; after it the order is in doubt.
        fill_polls: How often fills are read again until they add up to an order's filled quantity.
    """

    exchanges: Mapping[ExchangeName, Exchange]
    instruments: Mapping[InstrumentId, Instrument]
    prices: PriceProvider
    recorder: Recorder
    sync: AccountSync
    leverage: LeverageKeeper
    clock: Clock
    ids: IdSource
    veto: Callable[[OrderIntent], Veto | None]
    usd_rate: Callable[[str], Decimal | None]
    max_price_age_ns: int
    order_timeout_ns: int
    repair: RepairPolicy = field(default_factory=RepairPolicy)
    fill_polls: int = 10


class _Refused(Exception):
    """An entry that stops before anything is recorded or sent."""


class AtomicMultiOrderExecutor:
    """Opens all legs or none, and repairs what came out uneven.

    Every method reads the journal and the venue, takes one safe step, and repeats; so a hedge that a
    crash interrupted is continued by :meth:`reconcile` as if nothing had happened. One hedge at a
    time is worked on.
    """

    def __init__(self, services: ExecutionServices) -> None:
        self._s = services
        self._gateway = OrderGateway(
            services.exchanges,
            services.recorder,
            services.clock,
            timeout_ns=services.order_timeout_ns,
            doubt_poll_ns=services.repair.retry_delay_ns,
        )
        self._liquidity = LiquidityAnalyzer(services.prices, services.instruments, max_age_ns=services.max_price_age_ns)
        self._turn = asyncio.Lock()
        self._alarmed: dict[HedgeId, set[str]] = {}

    async def open(self, approved: ApprovedPlan, *, strategy: str) -> Hedge | None:
        """Open a hedge and return it as it stands; None when it was refused before anything was sent."""
        plan = approved.plan
        async with self._turn:
            now = self._s.clock.now_ns()
            hedge = new_hedge(
                plan, self._s.instruments, hedge_id=HedgeId(self._s.ids.new()), strategy=strategy, now_ns=now
            )
            try:
                records, prepared = await self._prepare_entry(hedge, await self._arrival_prices(approved))
            except (_Refused, ArbError) as error:
                await self._s.recorder.events([refused(plan, str(error), self._s.clock.now_ns())])
                return None
            await self._s.recorder.hedge(hedge, records, events=[opening(hedge)])
            await self._gateway.send(records, prepared)
            return await self._reconcile(hedge)

    async def close(self, intent: CloseHedge) -> Hedge:
        """Close a hedge with reduce-only orders and return it as it stands; raises ArbError if it is not open."""
        async with self._turn:
            hedge = await self._s.recorder.journal.hedge(intent.hedge_id)
            if hedge is None or hedge.status is not HedgeStatus.OPEN:
                raise ArbError(f"hedge {intent.hedge_id} is not open, so it cannot be closed")
            now = self._s.clock.now_ns()
            hedge = replace(
                hedge,
                status=HedgeStatus.CLOSING,
                closing_ns=now,
                exit_reason=intent.reason,
                exit_numbers=intent.numbers,
                max_slippage_bps=intent.max_slippage_bps,
            )
            await self._s.recorder.hedge(hedge, events=[closing(hedge, now)])
            return await self._reconcile(hedge)

    async def reconcile(self, hedge_id: HedgeId) -> Hedge:
        """Continue a hedge that is being opened or closed, after a crash or an unreadable venue."""
        async with self._turn:
            hedge = await self._s.recorder.journal.hedge(hedge_id)
            if hedge is None:
                raise ArbError(f"there is no hedge {hedge_id}")
            return await self._reconcile(hedge)

    async def _arrival_prices(self, approved: ApprovedPlan) -> Sequence[Decimal]:
        reports = await self._liquidity.check(approved.plan)
        for report in reports:
            if not report.is_enough:
                raise _Refused(
                    f"{report.leg.instrument} offers {report.fillable} of {report.leg.quantity} contracts "
                    f"within {approved.plan.max_slippage_bps} bps"
                )
        for leg in approved.plan.legs:
            await self._s.leverage.ensure(leg.instrument)
        return [report.mid_price for report in reports]

    async def _prepare_entry(
        self, hedge: Hedge, mids: Sequence[Decimal]
    ) -> tuple[Sequence[OrderRecord], Sequence[PreparedOrder]]:
        now = self._s.clock.now_ns()
        records = [
            new_record(hedge, planned, self._s.instruments[leg.instrument], mid=mid, now_ns=now)
            for planned, leg, mid in zip(entry_orders(hedge), hedge.legs, mids, strict=True)
        ]
        for record in records:
            self._ask_veto(record, hedge)
        return records, await self._gateway.prepare([record.order.request for record in records])

    def _ask_veto(self, record: OrderRecord, hedge: Hedge) -> None:
        request = record.order.request
        rate = self._s.usd_rate(self._s.instruments[request.instrument].quote)
        if rate is None:
            raise _Refused(f"{request.instrument}: the value of its quote currency in dollars is not known")
        notional = request.quantity * request.price * rate
        veto = self._s.veto(OrderIntent(order=request, hedge=hedge, notional_usd=notional))
        if veto is not None:
            raise _Refused(f"{request.instrument}: vetoed, {veto.reason}")

    async def _reconcile(self, hedge: Hedge) -> Hedge:
        # Enough to give up on every leg. Orders that never left do not count towards that, so a
        # venue that cannot be reached ends the rounds: the next call goes on.
        for _ in range(self._s.repair.max_attempts + 2):
            if hedge.status not in (HedgeStatus.OPENING, HedgeStatus.CLOSING):
                return hedge
            records = [
                record if record.order.status.is_final else await self._gateway.resolve(record)
                for record in await self._s.recorder.journal.orders(hedge_id=hedge.id)
            ]
            unclear = [record.order for record in records if not record.order.status.is_final]
            if unclear:  # nothing that could duplicate them is sent until a read settles it
                names = ", ".join(f"{one.request.client_order_id} {one.status}" for one in unclear)
                await self._alarm(hedge, EventKind.ORDER_IN_DOUBT, f"the venue does not tell what became of {names}")
                return hedge
            absorbed = await self._absorb(hedge, records)
            if absorbed is None:
                return hedge
            hedge = absorbed
            step = next_step(hedge, records, self._s.instruments, self._s.repair)
            if isinstance(step, Settle):
                return await self._settle(hedge, step)
            if step.is_retry:
                await self._s.clock.sleep_until(self._s.clock.now_ns() + self._s.repair.retry_delay_ns)
            if not await self._send_closing(hedge, step.orders):
                return hedge
        if hedge.status in (HedgeStatus.OPENING, HedgeStatus.CLOSING):
            await self._alarm(hedge, EventKind.EXCHANGE_FAILED, "its orders do not reach the venue; trying goes on")
        return hedge

    async def _absorb(self, hedge: Hedge, records: Sequence[OrderRecord]) -> Hedge | None:
        """Return the hedge with the fills of its final orders; None while the venue does not show them all."""
        names = {exchange_of(leg.instrument) for leg in hedge.legs}
        for _ in range(self._s.fill_polls):
            fills = await self._s.recorder.journal.fills(hedge_id=hedge.id)
            filled = filled_by_order(fills)
            missing = [
                record
                for record in records
                if filled.get(record.order.request.client_order_id, Decimal(0)) < record.order.filled_quantity
            ]
            if not missing:
                return with_fills(hedge, records, fills)
            pulled = await asyncio.gather(
                *(self._s.sync.pull_fills(name) for name in sorted(names)), return_exceptions=True
            )
            failures = [result for result in pulled if isinstance(result, BaseException)]
            for failure in failures:
                if not isinstance(failure, ExchangeError):
                    raise failure
            if failures:
                await self._alarm(hedge, EventKind.BOOKS_DIFFER, f"fills cannot be read: {failures[0]}")
                return None
            await self._s.clock.sleep_until(
                self._s.clock.now_ns() + max(self._s.exchanges[name].traits.read_after_write_ns for name in names)
            )
        await self._alarm(
            hedge, EventKind.BOOKS_DIFFER, "the venue reports filled orders but does not list their fills"
        )
        return None

    async def _send_closing(self, hedge: Hedge, orders: Sequence[PlannedOrder]) -> bool:
        """Send reduce-only orders; False when a leg has no price at all to bound its order with."""
        records = []
        for planned in orders:
            instrument = hedge.legs[planned.leg_index].instrument
            reading = await self._s.prices.read_bbo(instrument, self._s.max_price_age_ns)
            if not isinstance(reading, Fresh | Stale):
                await self._alarm(hedge, EventKind.EXCHANGE_FAILED, f"{instrument} has no price: {reading.reason}")
                return False
            records.append(
                new_record(
                    hedge,
                    planned,
                    self._s.instruments[instrument],
                    mid=reading.value.mid_price,
                    now_ns=self._s.clock.now_ns(),
                )
            )
        await self._s.recorder.hedge(hedge, records)
        await asyncio.gather(*(self._gateway.prepare_and_send(record) for record in records))
        return True

    async def _settle(self, hedge: Hedge, step: Settle) -> Hedge:
        now = self._s.clock.now_ns()
        opened = now if step.status is HedgeStatus.OPEN and hedge.opened_ns is None else hedge.opened_ns
        closed = now if step.status.is_final else None
        hedge = replace(hedge, status=step.status, opened_ns=opened, closed_ns=closed)
        await self._s.recorder.hedge(hedge, events=[settled(hedge, step, now)])
        self._alarmed.pop(hedge.id, None)
        return hedge

    async def _alarm(self, hedge: Hedge, kind: EventKind, message: str) -> None:
        """Tell once what keeps a hedge from going on; it is tried again and again."""
        told = self._alarmed.setdefault(hedge.id, set())
        if kind in told:
            return
        told.add(kind)
        event = Event(
            ts_ns=self._s.clock.now_ns(),
            kind=kind,
            severity=Severity.ALARM,
            subject=hedge.id,
            message=f"{hedge.base} {hedge.status}: {message}",
        )
        await self._s.recorder.events([event])
