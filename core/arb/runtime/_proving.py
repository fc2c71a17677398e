"""Proving live that venues pay what their rates say, and doing without the rates of one that does not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from arb.api import Capability, Clock, Exchange, ExchangeError
from arb.execution import Recorder, ask, listed
from arb.funding import FundingBook, PaidSettlement, VenueProof, Verdict, join, prove_venues, rate_near
from arb.model import (
    DAY_NS,
    HOUR_NS,
    Event,
    EventKind,
    ExchangeName,
    FundingPayment,
    FundingRate,
    InstrumentId,
    Severity,
    exchange_of,
)

_MEMORY_NS: Final = 14 * DAY_NS


class UnitProver:
    """Joins own payments with settled rates, and keeps the quarantine of the funding book.

    What an earlier session was paid is judged at the start by the history that the venue gives now: a
    plugin that has been mended is released, one that was broken by an update is caught.
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
        self._proved: dict[tuple[InstrumentId, int], PaidSettlement] = {}

    async def start(self) -> None:
        """Judge the payments of the last two weeks."""
        payments = await self._recorder.journal.funding_payments(self._clock.now_ns() - _MEMORY_NS)
        by_instrument: defaultdict[InstrumentId, list[FundingPayment]] = defaultdict(list)
        for payment in payments:
            by_instrument[payment.instrument].append(payment)
        rates = {instrument: await self._history(instrument, rows) for instrument, rows in by_instrument.items()}
        await self._take(payments, rates)

    def add_payments(self, payments: Sequence[FundingPayment]) -> None:
        """Take new payments; each is judged once the rate of its settlement is known."""
        self._waiting += payments

    async def update(self) -> None:
        """Judge the payments whose settled rate has come."""
        if not self._waiting:
            return
        oldest_ns = self._clock.now_ns() - _MEMORY_NS
        rates = {one.instrument: self._funding.settled(one.instrument, oldest_ns) for one in self._waiting}
        ready: list[FundingPayment] = []
        waiting: list[FundingPayment] = []
        for one in self._waiting:
            (waiting if rate_near(rates[one.instrument], one.settled_ns) is None else ready).append(one)
        self._waiting = [one for one in waiting if one.settled_ns >= oldest_ns]
        await self._take(ready, rates)

    async def _take(
        self, payments: Sequence[FundingPayment], rates: Mapping[InstrumentId, Sequence[FundingRate]]
    ) -> None:
        if not payments:
            return
        since_ns = min(one.settled_ns for one in payments) - HOUR_NS
        expected = await self._recorder.journal.expected_funding(since_ns, {one.instrument for one in payments})
        found = {(one.instrument, one.settled_ns): one for one in join(payments, rates, expected)}
        self._proved.update(found)
        oldest_ns = self._clock.now_ns() - _MEMORY_NS
        self._proved = {key: one for key, one in self._proved.items() if one.settled_ns >= oldest_ns}
        events = [event for one in prove_venues(self._proved.values()) if (event := self._judge(one)) is not None]
        if events:
            await self._recorder.events(events)

    def _judge(self, venue: VenueProof) -> Event | None:
        """Change the quarantine where the proof demands it; return what is to be told."""
        proof, held = venue.proof, self._funding.quarantined(venue.exchange)
        ratio = "unknown" if proof.ratio is None else f"{proof.ratio:.4g}"
        if proof.verdict is Verdict.MISMATCH:
            reason = f"paid over published is {ratio} in {proof.telling} settlements: {proof.cause}"
            self._funding.quarantine(venue.exchange, reason)
            message = f"{venue.exchange}: its rates are not used any more: {reason}"
            return None if held else self._event(EventKind.FUNDING_QUARANTINED, venue.exchange, message, Severity.ALARM)
        if proof.verdict is Verdict.PROVED and held:
            self._funding.release(venue.exchange)
            message = f"{venue.exchange}: its payments fit its rates again (ratio {ratio}), which are used from now on"
            return self._event(EventKind.FUNDING_RELEASED, venue.exchange, message, Severity.INFO)
        return None

    async def _history(self, instrument: InstrumentId, payments: Sequence[FundingPayment]) -> Sequence[FundingRate]:
        """Return the settled rates of payments as the venue gives them now; as stored where it does not answer."""
        start_ns, end_ns = payments[0].settled_ns - HOUR_NS, payments[-1].settled_ns + HOUR_NS
        exchange = self._exchanges.get(exchange_of(instrument))
        if exchange is not None and Capability.FUNDING_HISTORY in exchange.capabilities:
            market = exchange.market

            async def read() -> tuple[FundingRate, ...]:
                return listed(await market.fetch_funding_history(instrument, start_ns, end_ns), FundingRate)

            try:
                return await ask(self._clock, self._timeout_ns, exchange.name, "funding history", read)
            except ExchangeError:
                pass
        return self._funding.settled(instrument, start_ns, end_ns)

    def _event(self, kind: EventKind, exchange: ExchangeName, message: str, severity: Severity) -> Event:
        return Event(ts_ns=self._clock.now_ns(), kind=kind, subject=exchange, message=message, severity=severity)
