"""Reading what the venues list and pay, and saying once when one cannot be read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from arb.api import Clock, Exchange, ExchangeError
from arb.execution import Recorder, ask, listed
from arb.funding import CollectionReport, FundingCollector
from arb.model import Event, EventKind, ExchangeName, Instrument, InstrumentId, Severity

from ._listing import compared, require_listing


@dataclass(frozen=True, slots=True)
class Collected:
    """How the last collection from one exchange went.

    Attributes:
        complete_ns: When one last brought everything; None before the first time.
        failures: What the last one did not bring, one line each.
    """

    complete_ns: int | None = None
    failures: tuple[str, ...] = ()


class Collecting:
    """Keeps instruments and funding rates up to date and in the journal.

    `instruments` is shared with everyone who trades and changed in place.
    """

    def __init__(
        self,
        *,
        exchanges: Mapping[ExchangeName, Exchange],
        instruments: dict[InstrumentId, Instrument],
        collector: FundingCollector,
        recorder: Recorder,
        clock: Clock,
        timeout_ns: int,
    ) -> None:
        self._exchanges = exchanges
        self._instruments = instruments
        self._collector = collector
        self._recorder = recorder
        self._clock = clock
        self._timeout_ns = timeout_ns
        self._failed_collections: frozenset[tuple[ExchangeName, str]] = frozenset()
        self._failed_listings: set[ExchangeName] = set()
        self._collected: dict[ExchangeName, Collected] = {}

    async def load_instruments(self) -> None:
        """Read what is listed; an exchange that cannot be read keeps what it had."""
        names = list(self._exchanges)
        found = await asyncio.gather(*(self._listing(name) for name in names))
        changed: list[Instrument] = []
        for name, listing in zip(names, found, strict=True):
            if listing is None:
                continue
            changes = compared(self._instruments, name, listing)
            changed += changes.changed
            for warning in changes.warnings:
                await self._recorder.event(EventKind.EXCHANGE_FAILED, name, warning, Severity.WARNING)
        self._instruments.update({one.id: one for one in changed})
        if changed:
            async with self._recorder.transaction() as tx:
                await tx.put_instruments(changed, self._clock.now_ns())

    async def _listing(self, name: ExchangeName) -> Sequence[Instrument] | None:
        """Return everything an exchange lists; None when it cannot be read."""
        market = self._exchanges[name].market

        async def read() -> Sequence[Instrument]:
            rows = listed(await market.fetch_instruments(), Instrument)
            require_listing(name, rows)
            if not rows and any(one.exchange == name for one in self._instruments.values()):
                raise ValueError("it lists nothing, where it listed instruments before")
            return rows

        try:
            rows = await ask(self._clock, self._timeout_ns, name, "instruments", read)
        except ExchangeError as error:
            if name not in self._failed_listings:
                self._failed_listings.add(name)
                await self._recorder.event(EventKind.EXCHANGE_FAILED, name, str(error), Severity.WARNING)
            return None
        if name in self._failed_listings:
            self._failed_listings.remove(name)
            await self._recorder.event(EventKind.EXCHANGE_RECOVERED, name, f"{name}: instruments can be read again")
        return rows

    async def collect(self) -> CollectionReport:
        """Read, store and return what is new; a venue that fails keeps its old rates, which age."""
        report = await self._collector.collect(self._clock.now_ns())
        self._note(report)
        async with self._recorder.transaction() as tx:
            await tx.add_funding_rates([*report.settled, *report.predicted])
            await tx.add_stats(report.stats)
        await self._recorder.events([*report.events, *self._collection_events(report)])
        return report

    def collected(self, exchange: ExchangeName) -> Collected:
        """Return how the last collection from an exchange went."""
        return self._collected.get(exchange, Collected())

    def _note(self, report: CollectionReport) -> None:
        for name in self._exchanges:
            lines = tuple(f"{one.what}: {one.reason}" for one in report.failures if one.exchange == name)
            complete_ns = self.collected(name).complete_ns if lines else report.ts_ns
            self._collected[name] = Collected(complete_ns, lines)

    def _collection_events(self, report: CollectionReport) -> list[Event]:
        failed = {(failure.exchange, failure.what): failure.reason for failure in report.failures}
        news = [
            Event(
                ts_ns=report.ts_ns,
                kind=EventKind.EXCHANGE_FAILED,
                severity=Severity.WARNING,
                subject=exchange,
                message=f"{exchange}, {what}: {reason}",
            )
            for (exchange, what), reason in failed.items()
            if (exchange, what) not in self._failed_collections
        ]
        news += [
            Event(
                ts_ns=report.ts_ns,
                kind=EventKind.EXCHANGE_RECOVERED,
                subject=exchange,
                message=f"{exchange}: {what} can be read again",
            )
            for exchange, what in sorted(self._failed_collections)
            if (exchange, what) not in failed
        ]
        self._failed_collections = frozenset(failed)
        return news
