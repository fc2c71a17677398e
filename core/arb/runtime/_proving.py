"""Proving live that venues pay what their rates say, and doing without the rates of one that does not."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Container, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Final

from arb.api import Capability, Clock, Exchange, ExchangeError
from arb.execution import Recorder, ask, listed
from arb.funding import LATEST, FundingBook, PaidSettlement, VenueProof, Verdict, is_rated, prove_venues
from arb.model import (
    DAY_NS,
    Event,
    EventKind,
    ExchangeName,
    FundingKind,
    FundingPayment,
    FundingRate,
    InstrumentId,
    Severity,
    exchange_of,
)

from ._paid_evidence import Stretch, accruing_of, fills_of, paid_evidence, stretches
from ._predictions import Predictions

_MEMORY_NS: Final = 14 * DAY_NS
_NEWS: Final = frozenset({EventKind.FUNDING_QUARANTINED, EventKind.FUNDING_RELEASED})


class UnitProver:
    """Joins own payments with settled rates, and these with predictions; keeps the quarantine of the funding book.

    What an earlier session was paid is judged at the start by the history that the venue gives now: a
    plugin that has been mended is released, one that was broken by an update is caught. Nothing but such
    a proof, of the kind of rates that were found wrong, ends a quarantine: that nothing was paid for long
    is none.
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
        self._predictions = Predictions(funding, recorder.journal)
        self._doubted: dict[ExchangeName, FundingKind] = {}
        self._told_ns: dict[ExchangeName, int] = {}

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
            self._doubted[name] = FundingKind(event.data.get("kind", FundingKind.SETTLED))
        self._told_ns = {name: event.ts_ns for name, event in news.items()}
        since_ns = min([since_ns, *(event.ts_ns - _MEMORY_NS for event in held.values())])
        stored = await journal.funding_payments(since_ns)
        payments = [one for one in stored if exchange_of(one.instrument) in self._exchanges]
        self._predictions.follow(one.instrument for one in payments)
        known = {one.instrument: self._funding.settled(one.instrument, since_ns) for one in payments}
        accruing = {one.id for one in await journal.instruments() if one.funding_interval_ns == 0} & known.keys()
        needed = stretches(payments, await fills_of(journal, accruing), accruing)
        found = await asyncio.gather(*(self._histories(name, needed) for name in self._exchanges))
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
        self._predictions.follow(one.instrument for one in payments)

    async def update(self) -> None:
        """Judge the payments whose settled rate has come, and predictions by the history that has."""
        if await self._predictions.update(self._told_ns):
            await self._tell()
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
        accruing = {one.instrument for one in ready} & accruing_of(rates)
        if accruing:
            # What was realised is of all the time since the payment before it.
            since_ns = min(oldest_ns, *(one.settled_ns for one in ready))
            stored = await self._recorder.journal.funding_payments(since_ns)
            whole = [one for one in stored if one.instrument in accruing]
            ready = [*(one for one in ready if one.instrument not in accruing), *whole]
        for found in await paid_evidence(self._recorder.journal, ready, rates):
            series = self._paid[found.instrument]
            series[found.settled_ns] = found
            if len(series) > LATEST:
                del series[min(series)]
        await self._tell()

    async def _tell(self) -> None:
        """Begin and end quarantines by what is proved."""
        steps = (one for series in self._predictions.steps.values() for one in series)
        paid = (one for series in self._paid.values() for one in series.values())
        proofs = [*prove_venues(paid), *prove_venues(steps, FundingKind.PREDICTED)]
        wrong = {one.exchange for one in proofs if one.proof.verdict is Verdict.MISMATCH}
        events = [event for one in proofs if (event := self._news_of(one, wrong)) is not None]
        if events:
            await self._recorder.events(events)

    def _news_of(self, venue: VenueProof, wrong: Container[ExchangeName]) -> Event | None:
        """Change the quarantine where the proof demands it; return what is to be told.

        Args:
            venue: What is proved.
            wrong: Venues of which some rates do not fit.
        """
        name, proof = venue.exchange, venue.proof
        ratio = "unknown" if proof.ratio is None else f"{proof.ratio:.4g}"
        if proof.verdict is Verdict.MISMATCH and name not in self._doubted:
            # The reason stays as it was first told, however many settlements say the same.
            reason = f"{_compared(venue)} is {ratio} in {proof.telling} {_counted(venue)}: {proof.cause}"
            self._funding.quarantine(name, reason)
            self._doubted[name] = venue.kind
            message = f"{name}: its rates are not used any more: {reason}"
            kind, severity = EventKind.FUNDING_QUARANTINED, Severity.ALARM
        elif proof.verdict is Verdict.PROVED and self._doubted.get(name) is venue.kind and name not in wrong:
            self._funding.release(name)
            del self._doubted[name]
            reason = f"{_fitting(venue)} again (ratio {ratio})"
            message = f"{name}: {reason}, which are used from now on"
            kind, severity = EventKind.FUNDING_RELEASED, Severity.INFO
        else:
            return None
        self._told_ns[name] = self._clock.now_ns()
        self._predictions.forget(name)
        return Event(
            ts_ns=self._clock.now_ns(),
            kind=kind,
            subject=name,
            message=message,
            severity=severity,
            data={"reason": reason, "ratio": ratio, "settlements": str(proof.telling), "kind": venue.kind},
        )

    async def _histories(
        self, name: ExchangeName, needed: Mapping[InstrumentId, Iterable[Stretch]]
    ) -> Mapping[InstrumentId, Sequence[FundingRate]]:
        """Return the settled rates of a venue as it gives them now; it is not asked again once it fails."""
        exchange = self._exchanges[name]
        if Capability.FUNDING_HISTORY not in exchange.capabilities:
            return {}
        found: dict[InstrumentId, Sequence[FundingRate]] = {}
        for instrument, parts in needed.items():
            if exchange_of(instrument) != name:
                continue
            rates: list[FundingRate] = []
            try:
                for start_ns, end_ns in parts:
                    read = _reader(exchange, instrument, start_ns, end_ns)
                    rates += await ask(self._clock, self._timeout_ns, name, "funding history", read)
            except ExchangeError:
                break  # the collection that follows meets and tells the same
            found[instrument] = rates
        return found


def _compared(venue: VenueProof) -> str:
    return "what accrued over what was predicted" if venue.kind is FundingKind.PREDICTED else "paid over published"


def _fitting(venue: VenueProof) -> str:
    if venue.kind is FundingKind.PREDICTED:
        return "what accrues fits its predictions"
    return "its payments fit its rates"


def _counted(venue: VenueProof) -> str:
    return "steps of its history" if venue.kind is FundingKind.PREDICTED else "settlements"


def _reader(
    exchange: Exchange, instrument: InstrumentId, start_ns: int, end_ns: int
) -> Callable[[], Coroutine[Any, Any, Sequence[FundingRate]]]:
    async def read() -> Sequence[FundingRate]:
        rows = listed(await exchange.market.fetch_funding_history(instrument, start_ns, end_ns), FundingRate)
        # A book of its own takes nothing that the funding book would refuse.
        return FundingBook().add_settled(one for one in rows if one.instrument == instrument)

    return read
