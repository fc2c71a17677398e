"""Funding that is due: booked when a settlement is known, alarmed when the venue does not pay it."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from arb.api import Clock
from arb.execution import Recorder
from arb.funding import UNDETERMINED_NS, FundingBook, accrued_funding, base_price, expected_funding
from arb.model import (
    DAY_NS,
    MINUTE_NS,
    ZERO,
    Event,
    EventKind,
    ExpectedFunding,
    Fill,
    Fresh,
    FundingPayment,
    FundingRate,
    Instrument,
    InstrumentId,
    Severity,
    format_utc,
)
from arb.storage import differs, match_tolerance_ns

_PRICE_NS: Final = 90 * MINUTE_NS
"""How far from a settlement a price may have been read to value it: a run that was down missed the moment."""
_PATIENCE: Final = 2
"""Intervals after which what was not paid is an alarm (handbook C9)."""
_MEMORY_NS: Final = 14 * DAY_NS


class _Timeline:
    """Signed contracts over time, from fills in any order."""

    def __init__(self) -> None:
        self._times: list[int] = []
        self._changes: list[Decimal] = []

    def add(self, fill: Fill) -> None:
        at = bisect_left(self._times, fill.ts_event_ns)
        self._times.insert(at, fill.ts_event_ns)
        self._changes.insert(at, fill.quantity * fill.side.sign)

    def before(self, ts_ns: int) -> Decimal:
        return sum(self._changes[: bisect_left(self._times, ts_ns)], ZERO)

    def is_quiet_around(self, ts_ns: int) -> bool:
        first = bisect_left(self._times, ts_ns - UNDETERMINED_NS)
        return first == len(self._times) or self._times[first] > ts_ns + UNDETERMINED_NS


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
        self._held: dict[InstrumentId, _Timeline] = {}
        self._open: dict[tuple[InstrumentId, int], ExpectedFunding] = {}
        self._booked: dict[tuple[InstrumentId, int], Decimal] = {}
        self._differing: list[tuple[ExpectedFunding, Decimal]] = []
        self._accrued_to: dict[InstrumentId, int] = {}

    async def start(self) -> None:
        """Take up what earlier sessions traded, and what is still due or was never booked as due."""
        journal, since_ns = self._recorder.journal, self._clock.now_ns() - _MEMORY_NS
        self.add_fills(await journal.fills())
        known = await journal.expected_funding(since_ns)
        self._open = {(one.instrument, one.settled_ns): one for one in known if one.interval_ns}
        self._accrued_to = {one.instrument: one.settled_ns for one in known if not one.interval_ns}
        self.add_payments(await journal.funding_payments(since_ns))
        self._differing.clear()  # they were told of when they came
        # A process may have ended between storing a rate and booking what it owes.
        booked = {(one.instrument, one.settled_ns) for one in known}
        missed = [rate for instrument in self._held for rate in self._funding.settled(instrument, since_ns)]
        await self._book([rate for rate in missed if (rate.instrument, rate.ts_event_ns) not in booked])

    def add_fills(self, fills: Iterable[Fill]) -> None:
        """Take new fills."""
        for fill in fills:
            self._held.setdefault(fill.instrument, _Timeline()).add(fill)

    def add_payments(self, payments: Iterable[FundingPayment]) -> None:
        """Take what venues booked: it is not due any more, and it may not be what was due."""
        self._differing += self._compare(payments, self._open)

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

    async def _book(self, settled: Sequence[FundingRate]) -> None:
        due = [one for rate in settled if (one := await self._due(rate)) is not None]
        due += [one for instrument in list(self._held) if (one := await self._accrued(instrument)) is not None]
        if not due:
            return
        async with self._recorder.transaction(guarded=True) as tx:
            new = await tx.add_expected_funding(due)
            paid = {
                (payment.instrument, payment.payment_id): payment
                for one in new
                for payment in await tx.funding_payments(
                    one.settled_ns - match_tolerance_ns(one.interval_ns),
                    until_ns=one.settled_ns + match_tolerance_ns(one.interval_ns) + 1,
                    instrument=one.instrument,
                )
            }
        opened = {(one.instrument, one.settled_ns): one for one in new if one.interval_ns}
        self._differing += self._compare(paid.values(), opened)
        self._open.update(opened)

    async def _due(self, rate: FundingRate) -> ExpectedFunding | None:
        instrument, held = self._instruments.get(rate.instrument), self._held.get(rate.instrument)
        if instrument is None or held is None:
            return None
        quantity = held.before(rate.ts_event_ns)
        if not quantity or not held.is_quiet_around(rate.ts_event_ns):
            return None
        price = await self._price(instrument, rate.ts_event_ns)
        return None if price is None else expected_funding(instrument, rate, quantity, price)

    async def _accrued(self, instrument_id: InstrumentId) -> ExpectedFunding | None:
        instrument = self._instruments.get(instrument_id)
        if instrument is None or instrument.funding_interval_ns != 0:
            return None
        now_ns = self._clock.now_ns()
        start_ns = self._accrued_to.setdefault(instrument_id, now_ns)
        quantity = self._held[instrument_id].before(now_ns)
        rate = self._funding.predicted(instrument_id, now_ns)
        if not quantity:
            self._accrued_to[instrument_id] = now_ns
        if start_ns == now_ns or not quantity or not isinstance(rate, Fresh):
            return None
        price = await self._price(instrument, now_ns)
        if price is None:
            return None  # what accrued meanwhile is booked with the next price
        self._accrued_to[instrument_id] = now_ns
        return accrued_funding(instrument, rate.value, quantity, price, start_ns, now_ns)

    async def _price(self, instrument: Instrument, ts_ns: int) -> Decimal | None:
        near = await self._recorder.journal.stats(instrument.id, ts_ns - _PRICE_NS, ts_ns + _PRICE_NS)
        priced = [(abs(row.ts_event_ns - ts_ns), price) for row in near if (price := base_price(instrument, row))]
        return min(priced)[1] if priced else None

    async def _alarm(self) -> None:
        now_ns = self._clock.now_ns()
        late = [key for key, one in self._open.items() if now_ns - one.settled_ns > _PATIENCE * one.interval_ns]
        events = [_unpaid(self._open[key], now_ns) for key in late if key not in self._booked]
        events += [_differing(one, paid, now_ns) for one, paid in self._differing]
        for key in late:
            # Told once; what is unpaid stays in the books as receivable.
            del self._open[key]
            self._booked.pop(key, None)
        self._differing.clear()
        if events:
            await self._recorder.events(events)


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
