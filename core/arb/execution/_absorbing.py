"""Bringing a hedge's legs up to date with every fill, ours and those the venue or a person made."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from arb.api import ArbError, Clock, ExchangeError
from arb.model import (
    ZERO,
    ClientOrderId,
    Event,
    EventKind,
    ExchangeName,
    Fill,
    Hedge,
    HedgeId,
    Order,
    OrderPurpose,
    OrderRecord,
    OrderReport,
    OrderRequest,
    OrderStatus,
    Severity,
    exchange_of,
)
from arb.storage import HedgeRecord

from ._account_sync import AccountSync
from ._clocks import CLOCKS_NS
from ._journaling import Recorder
from ._legs import filled_by_order, key_of, with_fills


@dataclass(frozen=True, slots=True, kw_only=True)
class Absorbed:
    """A hedge with every fill that is known.

    Attributes:
        reports: What was learnt of its orders once something of them was filled, oldest first.
        missing: Why fills that the venue reports are not listed yet; empty when all are there.
    """

    hedge: Hedge
    records: Sequence[OrderRecord]
    fills: Sequence[Fill]
    reports: Sequence[OrderReport] = ()
    missing: str = ""


class FillAbsorber:
    """Computes legs from fills, and takes in reductions that were not ours."""

    def __init__(
        self,
        recorder: Recorder,
        sync: AccountSync,
        clock: Clock,
    ) -> None:
        self._recorder = recorder
        self._sync = sync
        self._clock = clock

    async def look(self, hedge_id: HedgeId) -> HedgeRecord:
        """Return what is stored of a hedge; raises ArbError when there is no such hedge."""
        # The venue's clock may be behind ours: what it did right after the entry would look older.
        record = await self._recorder.journal.hedge_record(hedge_id, slack_ns=CLOCKS_NS)
        if record is None:
            raise ArbError(f"there is no hedge {hedge_id}")
        return record

    async def absorb(self, record: HedgeRecord) -> Absorbed:
        """Return the hedge with all its fills; read the venues when some are missing."""
        found = await self._stored(record)
        if found.missing:
            names = sorted({exchange_of(leg.instrument) for leg in record.hedge.legs})
            pulled = await asyncio.gather(*(self._pull(name) for name in names))
            found = await self._stored(await self.look(record.hedge.id))
            failed = [str(error) for error in pulled if error is not None]
            if found.missing and failed:
                return replace(found, missing="; ".join(failed))
        return found

    async def _pull(self, name: ExchangeName) -> ExchangeError | None:
        try:
            await self._sync.pull_fills(name)
        except ExchangeError as error:
            return error
        return None

    async def _stored(self, record: HedgeRecord) -> Absorbed:
        forced = await self._take_forced(record)
        orders = [*record.orders, *(one for one, _ in forced)]
        fills = [*record.fills, *(fill for _, its_fills in forced for fill in its_fills)]
        filled = filled_by_order(fills)
        missing = [
            one.order.request.client_order_id
            for one in orders
            if filled.get(key_of(one.order.request), ZERO) < one.order.filled_quantity
        ]
        over = [
            one.order.request.client_order_id
            for one in orders
            if one.purpose is not OrderPurpose.FORCED
            and filled.get(key_of(one.order.request), ZERO) > one.order.request.quantity
        ]
        why = f"the venue reports fills of {', '.join(missing)} and does not list them yet" if missing else ""
        if over:
            why = f"the venue lists more fills of {', '.join(over)} than were ordered: they cannot all be true"
        return Absorbed(
            hedge=with_fills(record.hedge, orders, fills),
            records=orders,
            fills=fills,
            reports=record.reports,
            missing=why,
        )

    async def _take_forced(self, record: HedgeRecord) -> list[tuple[OrderRecord, Sequence[Fill]]]:
        """Record orders of others that reduced a leg: liquidation, deleveraging, a person at the venue."""
        hedge, taken, events = record.hedge, list[tuple[OrderRecord, Sequence[Fill]]](), list[Event]()
        for index, leg in enumerate(with_fills(hedge, record.orders, record.fills).legs):
            left = leg.open_quantity
            grouped: dict[ClientOrderId, list[Fill]] = {}
            for fill in record.foreign:
                if fill.instrument == leg.instrument and fill.side is leg.entry_side.opposite:
                    grouped.setdefault(fill.client_order_id, []).append(fill)
            for attempt, fills in enumerate(grouped.values(), _next_attempt(record.orders, index)):
                forced = _forced(hedge, index, fills, attempt, self._clock.now_ns())
                left -= forced.order.filled_quantity
                if left < 0 and hedge.status.is_final:
                    break  # more than its dust: not, or not only, of this hedge
                taken.append((forced, fills))
                events.append(_forced_event(hedge, forced, fills))
        if taken:
            await self._recorder.hedge(hedge, [one for one, _ in taken], events=events)
        return taken


def _next_attempt(records: Sequence[OrderRecord], leg_index: int) -> int:
    return max((record.attempt for record in records if record.leg_index == leg_index), default=-1) + 1


def _forced(hedge: Hedge, leg_index: int, fills: Sequence[Fill], attempt: int, now_ns: int) -> OrderRecord:
    first = fills[0]
    quantity = sum((fill.quantity for fill in fills), ZERO)
    average: Decimal = sum((fill.quantity * fill.price for fill in fills), ZERO) / quantity
    request = OrderRequest(
        client_order_id=first.client_order_id,
        instrument=first.instrument,
        side=first.side,
        quantity=quantity,
        price=first.price,
        reduce_only=True,
    )
    order = Order(
        request=request,
        status=OrderStatus.FILLED,
        exchange_order_id=first.exchange_order_id,
        filled_quantity=quantity,
        average_price=average,
        ts_event_ns=fills[-1].ts_event_ns,
        reason="not an order of arb",
    )
    return OrderRecord(
        order=order,
        hedge_id=hedge.id,
        leg_index=leg_index,
        purpose=OrderPurpose.FORCED,
        attempt=attempt,
        arrival_price=average,
        created_ns=min(first.ts_event_ns, now_ns),
    )


def _forced_event(hedge: Hedge, record: OrderRecord, fills: Sequence[Fill]) -> Event:
    request = record.order.request
    return Event(
        ts_ns=fills[-1].ts_event_ns,
        kind=EventKind.LEG_FORCED,
        severity=Severity.ALARM,
        subject=hedge.id,
        message=f"{hedge.base}: {request.quantity} {request.instrument} was closed by order {request.client_order_id}, "
        "which is not ours: a liquidation, a deleveraging, or a person",
        data={"price": str(record.order.average_price), "side": request.side},
    )
