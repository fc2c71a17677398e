"""Funding that is due: booked when a settlement is known, alarmed when the venue does not pay it."""

from __future__ import annotations

from bisect import bisect_left
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
from arb.storage import match_tolerance_ns

_PRICE_NS: Final = 10 * MINUTE_NS
"""How far from a settlement a price may have been read to value it."""
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
        self._accrued_to: dict[InstrumentId, int] = {}

    async def start(self) -> None:
        """Take up what earlier sessions traded and what is still due."""
        journal, since_ns = self._recorder.journal, self._clock.now_ns() - _MEMORY_NS
        self.add_fills(await journal.fills())
        self._open = {
            (one.instrument, one.settled_ns): one for one in await journal.expected_funding(since_ns) if one.interval_ns
        }
        self.add_payments(await journal.funding_payments(since_ns))

    def add_fills(self, fills: Iterable[Fill]) -> None:
        """Take new fills."""
        for fill in fills:
            self._held.setdefault(fill.instrument, _Timeline()).add(fill)

    def add_payments(self, payments: Iterable[FundingPayment]) -> None:
        """Take what venues booked: it is not due any more."""
        for payment in payments:
            for key, due in list(self._open.items()):
                near = abs(due.settled_ns - payment.settled_ns) <= match_tolerance_ns(due.interval_ns)
                if due.instrument == payment.instrument and near:
                    del self._open[key]

    async def update(self, settled: Sequence[FundingRate]) -> None:
        """Book what new settlements owe, and alarm once for what is long overdue."""
        due = [one for rate in settled if (one := await self._due(rate)) is not None]
        due += [one for instrument in list(self._held) if (one := await self._accrued(instrument)) is not None]
        if due:
            async with self._recorder.transaction(guarded=True) as tx:
                new = await tx.add_expected_funding(due)
                paid = [
                    payment
                    for one in new
                    for payment in await tx.funding_payments(
                        one.settled_ns - match_tolerance_ns(one.interval_ns), instrument=one.instrument
                    )
                ]
            self._open.update({(one.instrument, one.settled_ns): one for one in new if one.interval_ns})
            self.add_payments(paid)
        await self._alarm()

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
        start_ns, self._accrued_to[instrument_id] = self._accrued_to.get(instrument_id), now_ns
        quantity = self._held[instrument_id].before(now_ns)
        rate = self._funding.predicted(instrument_id, now_ns)
        if start_ns is None or start_ns == now_ns or not quantity or not isinstance(rate, Fresh):
            return None
        price = await self._price(instrument, now_ns)
        return None if price is None else accrued_funding(instrument, rate.value, quantity, price, start_ns, now_ns)

    async def _price(self, instrument: Instrument, ts_ns: int) -> Decimal | None:
        near = await self._recorder.journal.stats(instrument.id, ts_ns - _PRICE_NS, ts_ns + _PRICE_NS)
        priced = [(abs(row.ts_event_ns - ts_ns), price) for row in near if (price := base_price(instrument, row))]
        return min(priced)[1] if priced else None

    async def _alarm(self) -> None:
        now_ns = self._clock.now_ns()
        late = [one for one in self._open.values() if now_ns - one.settled_ns > _PATIENCE * one.interval_ns]
        for one in late:
            # Told once; it stays in the books as receivable.
            del self._open[one.instrument, one.settled_ns]
        if late:
            await self._recorder.events([_unpaid(one, now_ns) for one in late])


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
