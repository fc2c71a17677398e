"""Collects funding from every exchange at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from arb.api import ArbError, Capability, Clock, Exchange
from arb.model import (
    SECOND_NS,
    Event,
    Fresh,
    FundingRate,
    Instrument,
    InstrumentId,
    InstrumentStatus,
    MarketStats,
    exchange_of,
)

from ._book import FundingBook
from ._collection import CollectionFailure, CollectionReport, CollectorSettings
from ._cursor import HistoryCursor
from ._identity import AssetIdentity
from ._observed import FxBook, StatsBook, is_usable_stats


@dataclass(slots=True)
class _Yield:
    """What one exchange has brought so far; kept when the rest of it times out."""

    exchange: Exchange
    predicted: list[FundingRate] = field(default_factory=list)
    settled: list[FundingRate] = field(default_factory=list)
    stats: list[MarketStats] = field(default_factory=list)
    failures: list[CollectionFailure] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    priced_ns: int | None = None

    def fail(self, what: str, reason: str) -> None:
        self.failures.append(CollectionFailure(exchange=self.exchange.name, what=what, reason=reason))


class FundingCollector:
    """Reads predicted rates, statistics, currency rates and newly settled history.

    An exchange that fails or hangs keeps what was known of it, which ages and becomes stale; it
    neither delays the others beyond the timeout nor hides them. What arrives is in the books at
    once, not when the slowest is done.
    """

    def __init__(
        self,
        *,
        exchanges: Sequence[Exchange],
        instruments: Mapping[InstrumentId, Instrument],
        clock: Clock,
        funding: FundingBook,
        stats: StatsBook,
        fx: FxBook,
        settings: CollectorSettings | None = None,
        identity: AssetIdentity | None = None,
    ) -> None:
        """Keep `instruments` by reference: a later change of it is seen. `identity` is fed with prices."""
        self._exchanges = tuple(exchanges)
        self._instruments = instruments
        self._clock = clock
        self._funding = funding
        self._stats = stats
        self._fx = fx
        self._settings = settings or CollectorSettings()
        self._identity = identity or AssetIdentity()
        self._cursor = HistoryCursor(funding, self._settings.backfill_ns)
        self._one_at_a_time = asyncio.Lock()

    async def collect(self, now_ns: int) -> CollectionReport:
        """Ask every exchange at once and return what is new; an exchange's failure is part of the report."""
        async with self._one_at_a_time:
            listed = self._by_exchange()
            brought = await asyncio.gather(
                *(self._collect_one(exchange, listed.get(exchange.name, ()), now_ns) for exchange in self._exchanges)
            )
            priced_ns = max((one.priced_ns for one in brought if one.priced_ns is not None), default=now_ns)
            for one in brought:
                self._name_unpriced(one, listed.get(one.exchange.name, ()), priced_ns)
                self._identify(one, priced_ns)
        return CollectionReport(
            ts_ns=now_ns,
            predicted=tuple(rate for one in brought for rate in one.predicted),
            settled=tuple(rate for one in brought for rate in one.settled),
            stats=tuple(row for one in brought for row in one.stats),
            failures=tuple(failure for one in brought for failure in one.failures),
            events=tuple(event for one in brought for event in one.events),
        )

    def _by_exchange(self) -> Mapping[str, Sequence[Instrument]]:
        listed: dict[str, list[Instrument]] = {}
        for instrument in self._instruments.values():
            listed.setdefault(instrument.exchange, []).append(instrument)
        return listed

    async def _collect_one(self, exchange: Exchange, instruments: Sequence[Instrument], now_ns: int) -> _Yield:
        brought = _Yield(exchange)
        seconds = self._settings.timeout_ns / SECOND_NS
        try:
            async with asyncio.timeout(seconds):
                await self._read_predictions(brought)
                await self._read_stats(brought)
                await self._read_fx(brought)
                await self._read_history(brought, instruments, now_ns)
        except TimeoutError:
            brought.fail("exchange", f"no complete answer within {seconds:g} s")
        return brought

    async def _read_predictions(self, brought: _Yield) -> None:
        if Capability.PREDICTED_FUNDING not in brought.exchange.capabilities:
            return

        async def read() -> None:
            observed_ns = self._clock.now_ns()
            for rate in await brought.exchange.market.fetch_funding_rates():
                self._take_prediction(brought, rate, observed_ns)

        await _guarded(brought, "funding_rates", read)

    def _take_prediction(self, brought: _Yield, rate: FundingRate, observed_ns: int) -> None:
        if exchange_of(rate.instrument) != brought.exchange.name:
            brought.fail(rate.instrument, "the exchange gave a rate of an instrument that is not its own")
            return
        try:
            change = self._funding.observe(rate, observed_ns)
        except ValueError as error:
            brought.fail(rate.instrument, str(error))
            return
        brought.predicted.append(rate)
        if change is not None:
            brought.events.append(change.event())

    async def _read_stats(self, brought: _Yield) -> None:
        async def read() -> None:
            observed_ns = self._clock.now_ns()
            stats = await brought.exchange.market.fetch_stats()
            own = [row for row in stats if exchange_of(row.instrument) == brought.exchange.name]
            for row in own:
                if not is_usable_stats(row):
                    brought.fail(f"the statistics of {row.instrument}", "they hold what is no number or no time")
            own = [row for row in own if is_usable_stats(row)]
            self._stats.observe(own, brought.exchange.name, observed_ns)
            brought.stats.extend(own)

        await _guarded(brought, "stats", read)

    async def _read_fx(self, brought: _Yield) -> None:
        async def read() -> None:
            observed_ns = self._clock.now_ns()
            rates = await brought.exchange.market.fetch_fx_rates()
            self._fx.observe(rates, brought.exchange.name, observed_ns)
            brought.priced_ns = observed_ns

        await _guarded(brought, "fx_rates", read)

    def _identify(self, brought: _Yield, priced_ns: int) -> None:
        """Note what was published for whom; asked when every exchange has been read, as currencies are."""
        for row in brought.stats:
            instrument = self._instruments.get(row.instrument)
            if instrument is None:
                continue
            usd_rate = self._fx.usd_rate(instrument.quote, priced_ns)
            if isinstance(usd_rate, Fresh):
                self._identity.observe(instrument, row, usd_rate.value)

    def _name_unpriced(self, brought: _Yield, instruments: Iterable[Instrument], priced_ns: int) -> None:
        """Name currencies without a dollar value: nothing quoted in them is opened, and no account in them counts.

        Asked when every exchange has been read, since one may price what another does not, and as of the last
        of these reads: an exchange that hangs makes the collection old, not the rates.
        """
        if brought.priced_ns is None:
            return
        quotes = {each.quote for each in instruments if each.status is InstrumentStatus.TRADING}
        for currency in sorted(quotes):
            if not isinstance(self._fx.usd_rate(currency, priced_ns), Fresh):
                brought.fail(
                    f"the value of {currency}",
                    f"nobody says how many US dollars a {currency} is worth now, so nothing quoted in it "
                    "is opened; [run] fx can assume it",
                )

    async def _read_history(self, brought: _Yield, instruments: Iterable[Instrument], now_ns: int) -> None:
        if Capability.FUNDING_HISTORY not in brought.exchange.capabilities:
            return
        due = [(found, each) for each in instruments if (found := self._cursor.due(each, now_ns)) is not None]
        # Whoever lags most comes first, so that a large backfill cannot starve anybody.
        due.sort(key=lambda item: (item[0][0], item[1].id))
        # A long backfill is work for several collections and not a failure of this one.
        until_ns = self._clock.now_ns() + self._settings.timeout_ns // 2
        for (start_ns, end_ns), instrument in due[: self._settings.history_requests]:
            if self._clock.now_ns() >= until_ns:
                break
            read = self._history_reader(brought, instrument.id, start_ns, end_ns, now_ns)
            await _guarded(brought, f"funding_history of {instrument.id}", read)

    def _history_reader(
        self, brought: _Yield, instrument: InstrumentId, start_ns: int, end_ns: int, now_ns: int
    ) -> Callable[[], Awaitable[None]]:
        async def read() -> None:
            rates = await brought.exchange.market.fetch_funding_history(instrument, start_ns, end_ns)
            own = [rate for rate in rates if rate.instrument == instrument and start_ns <= rate.ts_event_ns < end_ns]
            brought.settled.extend(self._funding.add_settled(own))
            self._cursor.done(instrument, end_ns, now_ns)
            brought.events.extend(gap.event(now_ns) for gap in self._cursor.confirmed(instrument))

        return read


async def _guarded(brought: _Yield, what: str, read: Callable[[], Awaitable[None]]) -> None:
    """Run one read; whatever a plugin raises becomes a failure of the report."""
    try:
        await read()
    except ArbError as error:
        brought.fail(what, str(error))
    except TimeoutError:
        # Ours is raised outside the block by asyncio.timeout; this one is the plugin's own.
        brought.fail(what, "the request timed out")
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        brought.fail(what, "its plugin cancelled the work that called it")
    except Exception as error:
        brought.fail(what, f"{type(error).__name__}: {error}")
