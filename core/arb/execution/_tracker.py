"""Execution quality: what the record says of it, and the prices after fills that it needs."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

from arb.api import Clock
from arb.marketdata import PriceProvider
from arb.model import (
    MINUTE_NS,
    SECOND_NS,
    ClientOrderId,
    Fill,
    Fresh,
    HedgeId,
    InstrumentId,
    Markout,
    OrderRecord,
)
from arb.storage import Journal

from ._quality import ExecutionQuality, filled_at_ns, quality

HORIZONS_NS: Final = (SECOND_NS, 10 * SECOND_NS, MINUTE_NS, 5 * MINUTE_NS)
"""How long after its last fill the price of an order is looked at."""


class _Due(NamedTuple):
    """A markout to take, from `due_ns` on."""

    client_order_id: ClientOrderId
    instrument: InstrumentId
    horizon_ns: int
    due_ns: int


class ExecutionTracker:
    """Reads how well orders were executed."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def quality(self, hedge_id: HedgeId | None = None) -> ExecutionQuality:
        """Return the quality of all own orders, or of one hedge's; raises StorageError when it cannot be read."""
        async with self._journal.transaction() as tx:
            records = await tx.orders(hedge_id=hedge_id)
            reports = [
                report for one in records for report in await tx.order_reports(one.order.request.client_order_id)
            ]
            instruments = {one.id: one for one in await tx.instruments()}
            fills = await tx.fills(hedge_id=hedge_id)
            return quality(records, fills, await tx.markouts(), instruments, reports=reports)


class MarkoutRecorder:
    """Stores the mid price at fixed times after the last fill of each order.

    A price is taken from after the horizon, at most half of it late, or :data:`SECOND_NS` where that
    is more: one that cannot be had then is never stored. A fill that comes later moves the horizons
    of its order, and the markouts are taken again.
    """

    def __init__(
        self,
        prices: PriceProvider,
        journal: Journal,
        clock: Clock,
        *,
        horizons_ns: Collection[int] = HORIZONS_NS,
        max_age_ns: int = SECOND_NS // 2,
    ) -> None:
        """Take no price yet.

        Args:
            prices: Where prices come from.
            journal: Where markouts are kept.
            clock: The run's, whose time is stored with them.
            horizons_ns: When to look, after the last fill.
            max_age_ns: Largest age of a price when it is read.
        """
        self._prices = prices
        self._journal = journal
        self._clock = clock
        self.horizons_ns = tuple(horizons_ns)
        self._max_age_ns = max_age_ns
        self._stored: dict[tuple[ClientOrderId, int], int] | None = None

    @property
    def lookback_ns(self) -> int:
        """Return how old a fill may be and still have a markout due."""
        return max((horizon + _lateness_ns(horizon) for horizon in self.horizons_ns), default=0)

    async def due(self, now_ns: int, fills: Collection[Fill], orders: Collection[OrderRecord]) -> tuple[Markout, ...]:
        """Store the markouts that are due and return them; without one nothing is read or written.

        Args:
            now_ns: Now.
            fills: Those of the last `lookback_ns` at least; older ones are passed over.
            orders: Own orders; fills of others are ignored.

        Raises:
            StorageError: the journal cannot be read or written.
        """
        pending = _due(now_ns, _last_fills(now_ns - self.lookback_ns, fills, orders), self.horizons_ns)
        if not pending:
            return ()
        if self._stored is None:
            self._stored = {(one.client_order_id, one.horizon_ns): one.ts_ns for one in await self._journal.markouts()}
        # What was stored longer ago keeps nothing from being taken now.
        self._stored = {key: ts_ns for key, ts_ns in self._stored.items() if ts_ns >= now_ns - self.lookback_ns}
        wanted = [one for one in pending if self._stored.get((one.client_order_id, one.horizon_ns), 0) < one.due_ns]
        found = await self._read(wanted)
        if found:
            async with self._journal.transaction() as tx:
                await tx.put_markouts(found)
                await tx.save_clock(self._clock.now_ns())
            self._stored.update(((one.client_order_id, one.horizon_ns), one.ts_ns) for one in found)
        return found

    async def _read(self, wanted: Sequence[_Due]) -> tuple[Markout, ...]:
        names = sorted({one.instrument for one in wanted})
        readings = await asyncio.gather(*(self._prices.read_bbo(name, self._max_age_ns) for name in names))
        fresh = {name: found for name, found in zip(names, readings, strict=True) if isinstance(found, Fresh)}
        return tuple(
            Markout(
                client_order_id=one.client_order_id,
                horizon_ns=one.horizon_ns,
                mid_price=fresh[one.instrument].value.mid_price,
                ts_ns=fresh[one.instrument].observed_ns,
            )
            for one in wanted
            if one.instrument in fresh
            # A price that was cached before the horizon is not the one to see, nor one that came late.
            and one.due_ns <= fresh[one.instrument].observed_ns <= one.due_ns + _lateness_ns(one.horizon_ns)
        )


def _lateness_ns(horizon_ns: int) -> int:
    return max(SECOND_NS, horizon_ns // 2)


def _last_fills(
    since_ns: int, fills: Collection[Fill], orders: Collection[OrderRecord]
) -> Mapping[tuple[ClientOrderId, InstrumentId], int]:
    """Return when each own order was last filled, of those filled since."""
    recent = [fill for fill in fills if fill.ts_event_ns >= since_ns]
    if not recent:
        return {}
    known = {(one.order.request.client_order_id, one.order.request.instrument): one for one in orders}
    last_ns: dict[tuple[ClientOrderId, InstrumentId], int] = {}
    for fill in recent:
        key = fill.client_order_id, fill.instrument
        if key in known:
            last_ns[key] = max(last_ns.get(key, 0), filled_at_ns(known[key], fill))
    return last_ns


def _due(
    now_ns: int, last_ns: Mapping[tuple[ClientOrderId, InstrumentId], int], horizons_ns: Sequence[int]
) -> Sequence[_Due]:
    return [
        _Due(order_id, instrument, horizon, filled_ns + horizon)
        for (order_id, instrument), filled_ns in last_ns.items()
        for horizon in horizons_ns
        if filled_ns + horizon <= now_ns <= filled_ns + horizon + _lateness_ns(horizon)
    ]
