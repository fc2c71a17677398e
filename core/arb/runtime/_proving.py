"""Proving live that venues pay what their rates say, and doing without the rates of one that does not."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final

from arb.api import Capability, Clock, Exchange, ExchangeError
from arb.execution import Recorder, ask, listed
from arb.funding import LATEST, FundingBook, PaidSettlement, VenueProof, Verdict, is_rated, join, prove_venues
from arb.model import (
    DAY_NS,
    HOUR_NS,
    Event,
    EventKind,
    ExchangeName,
    Fill,
    FundingPayment,
    FundingRate,
    InstrumentId,
    Severity,
    exchange_of,
)

_MEMORY_NS: Final = 14 * DAY_NS
_NEWS: Final = frozenset({EventKind.FUNDING_QUARANTINED, EventKind.FUNDING_RELEASED})


class UnitProver:
    """Joins own payments with settled rates, and keeps the quarantine of the funding book.

    What an earlier session was paid is judged at the start by the history that the venue gives now: a
    plugin that has been mended is released, one that was broken by an update is caught. Nothing but such
    a proof ends a quarantine: that nothing was paid for long is none.
    """

    def __init__(
        self,
        *,
        exchanges: Mapping[ExchangeName, Exchange],
        funding: FundingBook,
        recorder: Recorder,
        clock: Clock,
        timeout_ns: int,
    ) -> None:
        self._exchanges = exchanges
        self._funding = funding
        self._recorder = recorder
        self._clock = clock
        self._timeout_ns = timeout_ns
        self._waiting: list[FundingPayment] = []
        self._paid: defaultdict[InstrumentId, dict[int, PaidSettlement]] = defaultdict(dict)

    async def start(self) -> None:
        """Judge the payments of the last two weeks, and those that brought a venue into quarantine.

        Ask before the histories are collected: that of a venue which is released here is read anew.
        """
        journal, since_ns = self._recorder.journal, self._clock.now_ns() - _MEMORY_NS
        news = {ExchangeName(one.subject): one for _, one in await journal.events(0, 0, _NEWS)}
        held = {
            name: event
            for name, event in news.items()
            if name in self._exchanges and event.kind is EventKind.FUNDING_QUARANTINED
        }
        for name, event in held.items():
            self._funding.quarantine(name, event.data.get("reason", event.message))
        since_ns = min([since_ns, *(event.ts_ns - _MEMORY_NS for event in held.values())])
        stored = await journal.funding_payments(since_ns)
        payments = [one for one in stored if exchange_of(one.instrument) in self._exchanges]
        known = {one.instrument: self._funding.settled(one.instrument, since_ns) for one in payments}
        stretches = await self._stretches(payments, known, since_ns)
        found = await asyncio.gather(*(self._histories(name, stretches) for name in self._exchanges))
        fetched = {instrument: rates for histories in found for instrument, rates in histories.items()}
        await self._judge(payments, {**known, **fetched})
        rates = [rate for series in fetched.values() for rate in series]
        if rates:
            self._funding.add_settled(rates)
            async with self._recorder.transaction() as tx:
                await tx.add_funding_rates(rates)
        for name in held:
            if not self._funding.quarantined(name):
                # What else is known of its history was stored as it was misread.
                self._funding.forget_settled(name)

    def add_payments(self, payments: Sequence[FundingPayment]) -> None:
        """Take new payments; each is judged once the rate of its settlement is known."""
        self._waiting += payments

    async def update(self) -> None:
        """Judge the payments whose settled rate has come."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            since_ns = self._clock.now_ns() - _MEMORY_NS
            rates = {one.instrument: self._funding.settled(one.instrument, since_ns) for one in waiting}
            await self._judge(waiting, rates)

    async def _judge(
        self, payments: Sequence[FundingPayment], rates: Mapping[InstrumentId, Sequence[FundingRate]]
    ) -> None:
        """Judge the venues by what they paid of late; payments without a settled rate wait for it."""
        oldest_ns = self._clock.now_ns() - _MEMORY_NS
        ready: list[FundingPayment] = []
        for one in payments:
            if is_rated(rates[one.instrument], one.settled_ns):
                ready.append(one)
            elif one.settled_ns >= oldest_ns:
                self._waiting.append(one)
        if not ready:
            return
        since_ns, journal = min(one.settled_ns for one in ready) - HOUR_NS, self._recorder.journal
        accruing = {one.instrument for one in ready} & _accruing(rates)
        fills: Sequence[Fill] = ()
        if accruing:
            # What was realised is of all the time since the fill or payment before it.
            since_ns = min(since_ns, oldest_ns)
            fills = await journal.fills(since_ns)
            whole = [one for one in await journal.funding_payments(since_ns) if one.instrument in accruing]
            ready = [*(one for one in ready if one.instrument not in accruing), *whole]
        expected = await journal.expected_funding(since_ns, {one.instrument for one in ready})
        for found in join(ready, rates, expected, fills):
            series = self._paid[found.instrument]
            series[found.settled_ns] = found
            if len(series) > LATEST:
                del series[min(series)]
        proofs = prove_venues(one for series in self._paid.values() for one in series.values())
        events = [event for one in proofs if (event := self._news_of(one)) is not None]
        if events:
            await self._recorder.events(events)

    def _news_of(self, venue: VenueProof) -> Event | None:
        """Change the quarantine where the proof demands it; return what is to be told."""
        proof, held = venue.proof, bool(self._funding.quarantined(venue.exchange))
        ratio = "unknown" if proof.ratio is None else f"{proof.ratio:.4g}"
        if proof.verdict is Verdict.MISMATCH and not held:
            # The reason stays as it was first told, however many settlements say the same.
            reason = f"paid over published is {ratio} in {proof.telling} settlements: {proof.cause}"
            self._funding.quarantine(venue.exchange, reason)
            message = f"{venue.exchange}: its rates are not used any more: {reason}"
            kind, severity = EventKind.FUNDING_QUARANTINED, Severity.ALARM
        elif proof.verdict is Verdict.PROVED and held:
            self._funding.release(venue.exchange)
            reason = f"its payments fit its rates again (ratio {ratio})"
            message = f"{venue.exchange}: {reason}, which are used from now on"
            kind, severity = EventKind.FUNDING_RELEASED, Severity.INFO
        else:
            return None
        return Event(
            ts_ns=self._clock.now_ns(),
            kind=kind,
            subject=venue.exchange,
            message=message,
            severity=severity,
            data={"reason": reason, "ratio": ratio, "settlements": str(proof.telling)},
        )

    async def _stretches(
        self, payments: Sequence[FundingPayment], known: Mapping[InstrumentId, Sequence[FundingRate]], since_ns: int
    ) -> Mapping[InstrumentId, tuple[int, int]]:
        """Return from when to when the settled rates of payments are needed, of each instrument."""
        times: defaultdict[InstrumentId, list[int]] = defaultdict(list)
        for payment in payments:
            times[payment.instrument].append(payment.settled_ns)
        accruing = _accruing(known)
        for fill in await self._recorder.journal.fills(since_ns) if accruing else ():
            if fill.instrument in accruing:
                times[fill.instrument].append(fill.ts_event_ns)
        found: dict[InstrumentId, tuple[int, int]] = {}
        for instrument, moments in times.items():
            # Where funding accrues, the step in which it was realised ends later.
            after_ns = DAY_NS if instrument in accruing else HOUR_NS
            found[instrument] = min(moments) - HOUR_NS, max(moments) + after_ns
        return found

    async def _histories(
        self, name: ExchangeName, stretches: Mapping[InstrumentId, tuple[int, int]]
    ) -> Mapping[InstrumentId, Sequence[FundingRate]]:
        """Return the settled rates of a venue as it gives them now; it is not asked again once it fails."""
        exchange = self._exchanges[name]
        if Capability.FUNDING_HISTORY not in exchange.capabilities:
            return {}
        found: dict[InstrumentId, Sequence[FundingRate]] = {}
        for instrument, (start_ns, end_ns) in stretches.items():
            if exchange_of(instrument) != name:
                continue
            read = _reader(exchange, instrument, start_ns, end_ns)
            try:
                found[instrument] = await ask(self._clock, self._timeout_ns, name, "funding history", read)
            except ExchangeError:
                break  # the collection that follows meets and tells the same
        return found


def _accruing(rates: Mapping[InstrumentId, Sequence[FundingRate]]) -> set[InstrumentId]:
    """Return the instruments whose funding accrues at every moment."""
    return {instrument for instrument, series in rates.items() if any(not rate.interval_ns for rate in series)}


def _reader(
    exchange: Exchange, instrument: InstrumentId, start_ns: int, end_ns: int
) -> Callable[[], Coroutine[Any, Any, Sequence[FundingRate]]]:
    async def read() -> Sequence[FundingRate]:
        rows = listed(await exchange.market.fetch_funding_history(instrument, start_ns, end_ns), FundingRate)
        # A book of its own takes nothing that the funding book would refuse.
        return FundingBook().add_settled(one for one in rows if one.instrument == instrument)

    return read
