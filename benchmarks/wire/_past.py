"""Venues with a past, the journal of a process that traded on them, and what a kill leaves in flight."""

from __future__ import annotations

import pickle
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from enum import Enum
from typing import Final

from arb.api import PreparedOrder
from arb.model import (
    DAY_NS,
    HOUR_NS,
    SECOND_NS,
    ClientOrderId,
    ExchangeName,
    Hedge,
    HedgeId,
    HedgeStatus,
    InstrumentId,
    Leg,
    Order,
    OrderPurpose,
    OrderRecord,
    OrderRequest,
    OrderStatus,
    PositionSide,
    Side,
    exchange_of,
    instrument_id,
)
from arb.runtime import WallClock
from arb.storage import Journal, JournalTransaction
from arb.testing import Fault, MemoryExchange, sample_instrument

from ._server import called

VENUES: Final = tuple(f"v{number}" for number in range(8))
ASSETS: Final = tuple(f"A{number}" for number in range(8))
PRICE: Final = Decimal(1_000)
QUANTITY: Final = Decimal("0.1")
STRATEGY: Final = "churn"

Slot = tuple[InstrumentId, InstrumentId]
"""The instruments of one hedge: an asset on two neighbouring venues."""

SLOTS: Final[Sequence[Slot]] = tuple(
    (instrument_id(f"{asset}-PERP", left), instrument_id(f"{asset}-PERP", right))
    for asset in ASSETS
    for left, right in zip(VENUES[::2], VENUES[1::2], strict=True)
)
HELD: Final = SLOTS[:20]
"""Hedges that are open and stay so."""

FLIGHT: Final = SLOTS[20:25]
"""Hedges that a kill interrupts: with those held they make 50 positions."""

CHURN: Final = SLOTS[-1]
"""What the strategy of the run opens and closes."""


class Fate(Enum):
    """What became of an order when its process was killed."""

    LOST = "recorded, never sent"
    UNANSWERED = "filled, and nobody read the answer"
    ANSWERED = "filled, and the answer is on record"
    EMPTY = "cancelled with nothing filled, and nobody read the answer"


class PastClock(WallClock):
    """The wall clock, as long ago as it is told."""

    behind_ns = 0

    def now_ns(self) -> int:
        """Return nanoseconds since the Unix epoch."""
        return super().now_ns() - self.behind_ns


class Past:
    """Eight venues that outlive every process, and what is written into the journal of a dead one.

    Attributes:
        sent: Every order that a process sent: its id and when, by the monotonic clock.
    """

    def __init__(self, *, latency_ns: int, seed: int) -> None:
        self._clock = PastClock()
        self._latency_ns = latency_ns
        self._random = random.Random(seed)  # noqa: TID251 - the fates of orders, by the seed of the benchmark
        self._count = 0
        self.sent: list[tuple[ClientOrderId, int]] = []
        self._exchanges: Mapping[ExchangeName, MemoryExchange] = {
            ExchangeName(name): MemoryExchange(name, clock=self._clock, prices={}, deposit=10**6) for name in VENUES
        }
        for name, exchange in self._exchanges.items():
            for asset in ASSETS:
                exchange.add_instrument(sample_instrument(name, asset), PRICE)
                exchange.set_funding(exchange.id_of(asset), "0.0001")

    async def answer(self, path: str, body: bytes, arrived_ns: int) -> bytes:
        """Answer a call of `/VENUE/call`: half of the latency before its effect, half after it."""
        half_ns = self._latency_ns // 2
        await self._clock.sleep_until(self._clock.now_ns() + half_ns)
        name, arguments = pickle.loads(body)
        if name == "send_order":
            self.sent.append((arguments[0].request.client_order_id, time.monotonic_ns()))
        answer = await called(self._exchanges[ExchangeName(path.split("/")[1])], body)
        await self._clock.sleep_until(self._clock.now_ns() + half_ns)
        return answer

    async def write(self, journal: Journal, orders: int) -> None:
        """Write a past of so many orders: hedges that were closed, and those that are held."""
        closed = (orders - 2 * len(HELD)) // 4
        async with journal.transaction() as tx:
            for name, exchange in self._exchanges.items():
                await tx.put_instruments(await exchange.market.fetch_instruments(), self._clock.now_ns() - 7 * DAY_NS)
                await tx.put_cursor(name, "begin", self._clock.now_ns() - 7 * DAY_NS)
                await tx.put_cursor(name, "fills", self._clock.now_ns())
            for number in range(closed):
                self._clock.behind_ns = HOUR_NS + 6 * DAY_NS * (closed - number) // closed
                await self._write_closed(tx, SLOTS[number % len(SLOTS)])
            self._clock.behind_ns = HOUR_NS
            for slot in HELD:
                await self._put(tx, await self._entered(slot), HedgeStatus.OPEN)
            self._clock.behind_ns = 0
            for exchange in self._exchanges.values():
                assert exchange.trading is not None
                await tx.add_fills(await exchange.trading.fetch_fills(0))

    async def interrupt(self, journal: Journal) -> None:
        """Leave hedges half way: entries where nothing is open, exits where a hedge is."""
        live = [one for one in await journal.hedges() if not one.status.is_final]
        by_slot = {tuple(leg.instrument for leg in one.legs): one for one in live}
        async with journal.transaction() as tx:
            for slot in FLIGHT:
                hedge = by_slot.get(slot)
                if hedge is None:
                    await self._put(tx, await self._entered(slot, self._fates()), HedgeStatus.OPENING)
                elif hedge.status is HedgeStatus.OPEN:
                    hedge = replace(hedge, closing_ns=self._clock.now_ns(), exit_reason="benchmark")
                    tries = await tx.orders(hedge_id=hedge.id)
                    orders = [
                        await self._order(hedge, index, max(one.attempt for one in tries) + 1, fate, closing=True)
                        for index, fate in enumerate(self._fates())
                    ]
                    await self._put(tx, (hedge, orders), HedgeStatus.CLOSING)

    def _fates(self) -> Sequence[Fate]:
        return self._random.choices(list(Fate), k=2)

    async def _write_closed(self, tx: JournalTransaction, slot: Slot) -> None:
        hedge, entry = await self._entered(slot)
        self._clock.behind_ns -= 600 * SECOND_NS
        exits = [await self._order(hedge, index, 1, Fate.ANSWERED, closing=True) for index, _ in enumerate(hedge.legs)]
        now_ns = self._clock.now_ns()
        hedge = replace(
            hedge,
            legs=tuple(
                replace(leg, exit_quantity=one.order.filled_quantity, exit_price=one.order.average_price)
                for leg, one in zip(hedge.legs, exits, strict=True)
            ),
            closing_ns=now_ns,
            closed_ns=now_ns,
        )
        await self._put(tx, (hedge, [*entry, *exits]), HedgeStatus.CLOSED)

    async def _entered(
        self, slot: Slot, fates: Sequence[Fate] = (Fate.ANSWERED, Fate.ANSWERED)
    ) -> tuple[Hedge, list[OrderRecord]]:
        self._count += 1
        now_ns = self._clock.now_ns()
        legs = tuple(
            Leg(instrument=instrument, side=side, target_quantity=QUANTITY, multiplier=Decimal(1))
            for instrument, side in zip(slot, PositionSide, strict=True)
        )
        hedge = Hedge(
            id=HedgeId(f"past{self._count}"),
            strategy=STRATEGY,
            base=slot[0].split("-")[0],
            legs=legs,
            status=HedgeStatus.OPENING,
            created_ns=now_ns,
            max_slippage_bps=Decimal(20),
            entry_reason="benchmark",
        )
        orders = [await self._order(hedge, index, 0, fate, closing=False) for index, fate in enumerate(fates)]
        if set(fates) == {Fate.ANSWERED}:
            legs = tuple(
                replace(leg, entry_quantity=one.order.filled_quantity, entry_price=one.order.average_price)
                for leg, one in zip(legs, orders, strict=True)
            )
            hedge = replace(hedge, legs=legs, opened_ns=now_ns)
        return hedge, orders

    async def _order(self, hedge: Hedge, index: int, attempt: int, fate: Fate, *, closing: bool) -> OrderRecord:
        """Let the venue do what it did, and return what the dead process had on record."""
        leg, now_ns = hedge.legs[index], self._clock.now_ns()
        side = leg.entry_side.opposite if closing else leg.entry_side
        request = OrderRequest(
            client_order_id=ClientOrderId(f"{hedge.id}-{index}-{attempt}"),
            instrument=leg.instrument,
            side=side,
            quantity=QUANTITY,
            price=PRICE * (Decimal("1.002") if side is Side.BUY else Decimal("0.998")),
            reduce_only=closing,
        )
        record = OrderRecord(
            order=Order(request=request, status=OrderStatus.SUBMITTED, ts_event_ns=now_ns),
            hedge_id=hedge.id,
            leg_index=index,
            purpose=OrderPurpose.EXIT if closing else OrderPurpose.ENTRY,
            attempt=attempt,
            arrival_price=PRICE,
            created_ns=now_ns,
        )
        if fate is Fate.LOST:
            return record
        exchange = self._exchanges[exchange_of(leg.instrument)]
        assert exchange.trading is not None
        if fate is Fate.EMPTY:
            exchange.faults.once("send_order", Fault.partial_fill(0))
        order = await exchange.trading.send_order(PreparedOrder(request=request, payload=None))
        return replace(record, order=order) if fate is Fate.ANSWERED else record

    @staticmethod
    async def _put(tx: JournalTransaction, made: tuple[Hedge, Sequence[OrderRecord]], status: HedgeStatus) -> None:
        hedge, orders = made
        await tx.put_hedge(replace(hedge, status=status))
        for order in orders:
            await tx.put_order(order)

    async def differences(self, journal: Journal) -> list[str]:
        """Return where the venues hold something else than the journal's fills make."""
        found = []
        for exchange in self._exchanges.values():
            assert exchange.trading is not None
            held = {one.instrument: one.quantity for one in await exchange.trading.fetch_positions()}
            for asset in ASSETS:
                name = exchange.id_of(asset)
                ours = await journal.net_quantity(name)
                if held.get(name, Decimal(0)) != ours:
                    found.append(f"{name}: the venue holds {held.get(name, 0)}, the journal {ours}")
        return found
