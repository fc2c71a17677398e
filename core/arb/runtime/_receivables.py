"""Funding that is due: booked when a settlement is known, alarmed when the venue does not pay it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from arb.api import Clock
from arb.execution import Recorder
from arb.funding import FundingBook, accrued_funding, base_price, expected_funding
from arb.model import (
    CHANGE_NS,
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    ZERO,
    Event,
    EventKind,
    ExchangeName,
    ExpectedFunding,
    Fill,
    Fresh,
    FundingPayment,
    FundingRate,
    Instrument,
    InstrumentId,
    Severity,
    exchange_of,
    format_utc,
)
from arb.storage import differs, match_tolerance_ns

from ._accrual import Accrual
from ._timeline import Timeline

_PRICE_NS: Final = 90 * MINUTE_NS
"""How far from a settlement a price may have been read to value it: a run that was down missed the moment."""
_PATIENCE: Final = 2
"""Intervals after which what was not paid is an alarm (handbook C9)."""
_UNREALISED_NS: Final = HOUR_NS
"""After a position became smaller: until then a venue has booked what had accrued."""
_MEMORY_NS: Final = 14 * DAY_NS
_REDUCED: Final = "reduced_ns"


class Receivables:
    """Computes what settlements owe from our own fills, and compares it with what venues book.

    It never says what was paid: only the venue's record does.
    """

    def __init__(
        self, *, instruments: Mapping[InstrumentId, Instrument], funding: FundingBook, recorder: Recorder, clock: Clock
    ) -> None:
        """Keep `instruments` by reference: a later change of it is seen."""
        self._instruments = instruments
        self._funding = funding
        self._recorder = recorder
        self._clock = clock
        self._held: dict[InstrumentId, Timeline] = {}
        self._open: dict[tuple[InstrumentId, int], ExpectedFunding] = {}
        self._booked: dict[tuple[InstrumentId, int], Decimal] = {}
        self._differing: list[tuple[ExpectedFunding, Decimal]] = []
        self._accruals: dict[InstrumentId, Accrual] = {}
        self._fills_known_ns: dict[ExchangeName, int] = {}
        self._realised_to: dict[InstrumentId, int] = {}
        self._told_of: dict[InstrumentId, int] = {}

    async def start(self) -> None:
        """Take up what earlier sessions traded, and what is still due or was never booked as due."""
        journal, since_ns = self._recorder.journal, self._clock.now_ns() - _MEMORY_NS
        self._hold(await journal.fills())
        known = await journal.expected_funding(since_ns, accrued=False)
        self._open = {(one.instrument, one.settled_ns): one for one in known}
        accrued_to = await journal.accrued_to(since_ns)
        self._accruals = {name: Accrual(ts_ns, is_stored=True) for name, ts_ns in accrued_to.items()}
        self.add_payments(await journal.funding_payments(since_ns))
        self._differing.clear()  # they were told of when they came
        for _, event in await journal.events(0, 0, {EventKind.FUNDING_UNPAID}) if self._accruals else ():
            if _REDUCED in event.data:
                self._told_of[InstrumentId(event.subject)] = int(event.data[_REDUCED])
        # A process may have ended between storing a rate and booking what it owes.
        booked = {(one.instrument, one.settled_ns) for one in known}
        missed = [rate for instrument in self._held for rate in self._funding.settled(instrument, since_ns)]
        await self._book([rate for rate in missed if (rate.instrument, rate.ts_event_ns) not in booked])

    def add_fills(self, fills: Iterable[Fill], known_ns: Mapping[ExchangeName, int]) -> None:
        """Take the fills that are new, and until when all of an exchange are known."""
        self._hold(fills)
        self._fills_known_ns.update(known_ns)

    def _hold(self, fills: Iterable[Fill]) -> None:
        for fill in fills:
            self._held.setdefault(fill.instrument, Timeline()).add(fill)
            if fill.instrument in self._accruals:
                self._accruals[fill.instrument].forget_after(fill.ts_event_ns)

    def add_payments(self, payments: Iterable[FundingPayment]) -> None:
        """Take what venues booked: it is not due any more, and it may not be what was due."""
        found = tuple(payments)
        self._differing += self._compare(found, self._open)
        for one in found:
            self._realised_to[one.instrument] = max(one.settled_ns, self._realised_to.get(one.instrument, 0))
            if one.instrument in self._accruals:
                self._accruals[one.instrument].add_realised(one.settled_ns)

    def _compare(
        self, payments: Iterable[FundingPayment], due: Mapping[tuple[InstrumentId, int], ExpectedFunding]
    ) -> list[tuple[ExpectedFunding, Decimal]]:
        """Note what was booked of what is due; return what was booked as something else."""
        touched: dict[tuple[InstrumentId, int], ExpectedFunding] = {}
        of: defaultdict[InstrumentId, list[tuple[InstrumentId, int]]] = defaultdict(list)
        for key in due:
            of[key[0]].append(key)
        for payment in payments:
            for key in of[payment.instrument]:
                one = due[key]
                near = abs(one.settled_ns - payment.settled_ns) <= match_tolerance_ns(one.interval_ns)
                if near and one.currency == payment.currency:
                    self._booked[key] = self._booked.get(key, ZERO) + payment.amount
                    touched[key] = one
        return [(one, self._booked[key]) for key, one in touched.items() if differs(one.amount, self._booked[key])]

    async def update(self, settled: Sequence[FundingRate]) -> None:
        """Book what new settlements owe, and alarm once for what is long overdue or was paid otherwise."""
        await self._book(settled)
        await self._alarm()

    async def close(self) -> None:
        """Book all that has accrued: the run ends."""
        await self._book((), closing=True)

    async def _book(self, settled: Sequence[FundingRate], *, closing: bool = False) -> None:
        due = [one for rate in settled if (one := await self._due(rate)) is not None]
        for instrument in list(self._held):
            await self._accrue(instrument)
        now_ns = self._clock.now_ns()
        accrued = [row for one in self._accruals.values() for row in one.rows(now_ns, closing=closing)]
        due += accrued
        if not due:
            return
        async with self._recorder.transaction(guarded=True) as tx:
            new = await tx.add_expected_funding(due)
            paid = {
                (payment.instrument, payment.payment_id): payment
                for one in new
                if one.interval_ns
                for payment in await tx.funding_payments(
                    one.settled_ns - match_tolerance_ns(one.interval_ns),
                    until_ns=one.settled_ns + match_tolerance_ns(one.interval_ns) + 1,
                    instrument=one.instrument,
                )
            }
        opened = {(one.instrument, one.settled_ns): one for one in new if one.interval_ns}
        self._differing += self._compare(paid.values(), opened)
        self._open.update(opened)
        for row in accrued:
            self._accruals[row.instrument].booked(row.settled_ns)

    async def _due(self, rate: FundingRate) -> ExpectedFunding | None:
        instrument, held = self._instruments.get(rate.instrument), self._held.get(rate.instrument)
        if instrument is None or held is None:
            return None
        quantity = held.before(rate.ts_event_ns)
        if not quantity or not held.is_quiet_around(rate.ts_event_ns):
            return None
        price = await self._price(instrument, rate.ts_event_ns)
        return None if price is None else expected_funding(instrument, rate, quantity, price)

    async def _accrue(self, instrument_id: InstrumentId) -> None:
        """Take what has accrued since the last time, until the fills were read last.

        A fill may realise what had accrued until then, so no piece is of a time before and after it.
        """
        instrument = self._instruments.get(instrument_id)
        if instrument is None or instrument.funding_interval_ns != 0:
            return
        now_ns, end_ns = self._clock.now_ns(), self._fills_known_ns.get(exchange_of(instrument_id), 0)
        if instrument_id not in self._accruals:
            # Where nothing accrued yet, there were settlements: what they have paid does not accrue.
            settled_ns = max(now_ns - _MEMORY_NS, self._realised_to.get(instrument_id, 0))
            self._accruals[instrument_id] = Accrual(settled_ns, is_stored=False)
        accrual, held = self._accruals[instrument_id], self._held[instrument_id]
        start_ns = accrual.reached_ns
        found: list[tuple[int, ExpectedFunding]] = []
        parts = list(held.pieces(start_ns, end_ns, accrual.realised))
        if parts:
            rate, price = self._funding.predicted(instrument_id, now_ns), await self._price(instrument, end_ns)
            if price is None or not isinstance(rate, Fresh):
                return  # what accrued meanwhile is taken with the next rate and price
            history = self._funding.settled(instrument_id, start_ns)
            for begin, end, quantity in parts:
                then = price if end == end_ns else await self._price(instrument, end) or price
                one = accrued_funding(instrument, rate.value, quantity, then, begin, end, history=history)
                found += [] if one is None else [(begin, one)]
        # A fill or a payment may have been told meanwhile; then all of it is read again.
        if (start_ns, parts) == (accrual.reached_ns, list(held.pieces(start_ns, end_ns, accrual.realised))):
            accrual.add(found, end_ns)

    async def _price(self, instrument: Instrument, ts_ns: int) -> Decimal | None:
        near = await self._recorder.journal.stats(instrument.id, ts_ns - _PRICE_NS, ts_ns + _PRICE_NS)
        priced = [(abs(row.ts_event_ns - ts_ns), price) for row in near if (price := base_price(instrument, row))]
        return min(priced)[1] if priced else None

    async def _alarm(self) -> None:
        now_ns = self._clock.now_ns()
        late = [key for key, one in self._open.items() if now_ns - one.settled_ns > _PATIENCE * one.interval_ns]
        events = [_unpaid(self._open[key], now_ns) for key in late if key not in self._booked]
        events += [_differing(one, paid, now_ns) for one, paid in self._differing]
        events += await self._unrealised(now_ns)
        for key in late:
            # Told once; what is unpaid stays in the books as receivable.
            del self._open[key]
            self._booked.pop(key, None)
        self._differing.clear()
        if events:
            await self._recorder.events(events)

    async def _unrealised(self, now_ns: int) -> list[Event]:
        """Return an alarm for each position that became smaller long ago without a record of what had accrued.

        It is told once until something is realised. Not every venue books when a position grows.
        """
        events: list[Event] = []
        for instrument, held in self._held.items():
            realised_ns = self._realised_to.get(instrument, now_ns - _MEMORY_NS)
            if instrument not in self._accruals or self._told_of.get(instrument, realised_ns) > realised_ns:
                continue
            reduced_ns = held.reduced_ns(now_ns - _UNREALISED_NS)
            if reduced_ns is None or reduced_ns <= realised_ns + CHANGE_NS:
                continue
            rows = await self._recorder.journal.expected_funding(realised_ns + CHANGE_NS, {instrument}, accrued=True)
            due = [one for one in rows if one.settled_ns <= reduced_ns]
            amount = sum((one.amount for one in due), ZERO)
            if differs(amount, ZERO):
                self._told_of[instrument] = reduced_ns
                events.append(_unrealised(due[-1], amount, reduced_ns, now_ns))
        return events


def _differing(one: ExpectedFunding, paid: Decimal, now_ns: int) -> Event:
    return Event(
        ts_ns=now_ns,
        kind=EventKind.FUNDING_DIFFERS,
        subject=one.instrument,
        severity=Severity.ALARM,
        message=f"{one.instrument}: the funding of {format_utc(one.settled_ns)} should be about {one.amount} "
        f"{one.currency}, and the venue has booked {paid}",
        data={"expected": str(one.amount), "paid": str(paid), "currency": one.currency, "rate": str(one.rate)},
    )


def _unpaid(one: ExpectedFunding, now_ns: int) -> Event:
    return Event(
        ts_ns=now_ns,
        kind=EventKind.FUNDING_UNPAID,
        subject=one.instrument,
        severity=Severity.ALARM,
        message=f"{one.instrument}: the funding of {format_utc(one.settled_ns)}, about {one.amount} {one.currency}, "
        "is not in the venue's records two intervals later",
        data={"amount": str(one.amount), "currency": one.currency, "rate": str(one.rate)},
    )


def _unrealised(last: ExpectedFunding, amount: Decimal, reduced_ns: int, now_ns: int) -> Event:
    return Event(
        ts_ns=now_ns,
        kind=EventKind.FUNDING_UNPAID,
        subject=last.instrument,
        severity=Severity.ALARM,
        message=f"{last.instrument}: the position was reduced at {format_utc(reduced_ns)}, and the funding that had "
        f"accrued until then, about {amount} {last.currency}, is not in the venue's records",
        data={"amount": str(amount), "currency": last.currency, "rate": str(last.rate), _REDUCED: str(reduced_ns)},
    )
