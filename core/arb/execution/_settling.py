"""Coming to rest: what we believe is read at the venue before it is written down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal

from arb.api import Clock, Exchange
from arb.model import (
    ZERO,
    Dust,
    Event,
    EventKind,
    ExchangeName,
    Hedge,
    HedgeStatus,
    Instrument,
    InstrumentId,
    Severity,
    exchange_of,
)
from arb.risk import EVERYTHING, Halts

from ._building import settled
from ._journaling import Recorder
from ._policy import ExecutionPolicy
from ._positions import Agreement, PositionReader
from ._steps import Quotes, Settle, Wait


class Settler:
    """Ends a phase of a hedge: verifies its positions, declares dust, halts what a person has to see."""

    def __init__(
        self,
        recorder: Recorder,
        positions: PositionReader,
        halts: Halts,
        policy: ExecutionPolicy,
        clock: Clock,
        exchanges: Mapping[ExchangeName, Exchange],
        instruments: Mapping[InstrumentId, Instrument],
        usd_rate: Callable[[str], Decimal | None],
    ) -> None:
        self._recorder = recorder
        self._positions = positions
        self._halts = halts
        self._policy = policy
        self._clock = clock
        self._exchanges = exchanges
        self._instruments = instruments
        self._usd_rate = usd_rate

    async def verify(self, hedge: Hedge) -> Agreement:
        """Compare the venues' positions with the record, after the time in which a read may lag.

        The worst of all legs counts.
        """
        names = {exchange_of(leg.instrument) for leg in hedge.legs}
        lag_ns = max(self._exchanges[name].traits.read_after_write_ns for name in names)
        await self._clock.sleep_until(self._clock.now_ns() + lag_ns)
        found = [await self._positions.compare(leg.instrument) for leg in hedge.legs]
        for worst in (Agreement.UNREADABLE, Agreement.DIFFERS):
            if worst in found:
                return worst
        return Agreement.AGREES

    async def settle(self, hedge: Hedge, step: Settle, quotes: Quotes) -> Hedge | None:
        """Store the new status with its event, dust and halt; return the hedge.

        Returns:
            None while its halt cannot be stored: it stands for this process, and nothing is called halted that a
            restart would take up again.

        Raises:
            StorageError: the record could not be stored.
        """
        now = self._clock.now_ns()
        if step.status is HedgeStatus.HALTED:
            # The halt first: a crash in between finds a halt without a halted hedge, which does no harm.
            self._halts.hold(EVERYTHING, step.note, by="execution", subject=hedge.id)
            if any(halt.subject == hedge.id for halt in self._halts.catch_up()):
                return None
        opened = now if step.status is HedgeStatus.OPEN and hedge.opened_ns is None else hedge.opened_ns
        closed = now if step.status.is_final else None
        hedge = replace(hedge, status=step.status, opened_ns=opened, closed_ns=closed)
        dust = self._dust(hedge, quotes, now) if step.status.is_final else []
        events = [settled(hedge, step, now), *(_dust_event(one) for one in dust)]
        if step.status is HedgeStatus.HALTED:
            events.append(_halt_event(hedge, step, now))
        await self._recorder.hedge(hedge, events=events, dust=dust)
        return hedge

    async def keep_dust(self, hedge: Hedge) -> None:
        """Store a finished hedge whose dust somebody has closed since, a venue or a person."""
        declared = [one for one in await self._recorder.journal.dust() if one.hedge_id == hedge.id]
        legs = hedge.legs
        left = [
            replace(one, quantity=legs[one.leg_index].open_quantity * legs[one.leg_index].side.sign) for one in declared
        ]
        await self._recorder.hedge(hedge, dust=left)

    def judged(self, hedge: Hedge, step: Settle, quotes: Quotes) -> Settle | Wait:
        """Return the step, unless what it leaves behind is worth looking at: then a halt.

        While the worth of a rest is not known, it is waited for.
        """
        if step.status is HedgeStatus.HALTED:
            return step
        for index, leg in enumerate(hedge.legs):
            left = leg.open_quantity if step.status.is_final else ZERO
            if step.status is HedgeStatus.OPEN:
                left = abs(hedge.imbalance) / leg.multiplier
            if not left:
                continue
            value = self._value(hedge, index, quotes)
            if value is None:
                return Wait(why=f"nobody knows what {left} {leg.instrument} is worth, which would be left")
            if abs(left) * value > self._policy.max_dust_usd:
                worth = f"worth {abs(left) * value:.2f} USD"
                note = f"{left} {leg.instrument}, {worth}, is left and cannot be traded: close it at the venue"
                return Settle(status=HedgeStatus.HALTED, note=note)
        return step

    def _value(self, hedge: Hedge, index: int, quotes: Quotes) -> Decimal | None:
        """Return dollars per contract of a leg, by its book or else by its entry; None when neither tells."""
        quote, leg = quotes.get(index), hedge.legs[index]
        if quote is not None:
            return quote.mid_usd
        rate = self._usd_rate(self._instruments[leg.instrument].quote)
        return None if rate is None or leg.entry_price is None else leg.entry_price * rate

    def _dust(self, hedge: Hedge, quotes: Quotes, now_ns: int) -> list[Dust]:
        return [
            Dust(
                hedge_id=hedge.id,
                leg_index=index,
                instrument=leg.instrument,
                quantity=leg.open_quantity * leg.side.sign,
                price=quotes[index].mid_price if index in quotes else leg.entry_price or ZERO,
                declared_ns=now_ns,
            )
            for index, leg in enumerate(hedge.legs)
            if leg.open_quantity
        ]


def _dust_event(dust: Dust) -> Event:
    return Event(
        ts_ns=dust.declared_ns,
        kind=EventKind.DUST_DECLARED,
        severity=Severity.WARNING,
        subject=dust.hedge_id,
        message=f"{dust.quantity} {dust.instrument} is too little for an order of its venue and stays there as dust",
        data={"quantity": str(dust.quantity), "price": str(dust.price)},
    )


def _halt_event(hedge: Hedge, step: Settle, now_ns: int) -> Event:
    return Event(
        ts_ns=now_ns,
        kind=EventKind.HALT_RAISED,
        severity=Severity.ALARM,
        subject=hedge.id,
        message=f"{hedge.base}: {step.note}; nothing more is opened until a person resumes",
        data={"imbalance": str(hedge.imbalance)},
    )
