"""The price provider: cache first, one fetch for all who ask, never older than asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Final

from arb.api import BadResponse, CachedBook, CacheTier, Clock, Exchange, ExchangeError, PriceSource, StaleData
from arb.cache import TierChain, TierCounts, Verdict
from arb.model import SECOND_NS, Bbo, ExchangeName, Fresh, InstrumentId, OrderBook, Reading, Stale, Unknown, exchange_of

from ._flight import Flight, Landed, Missed
from ._quotes import Quote, Quotes
from ._sources import Sources
from ._statistics import PriceStatistics

DEFAULT_DEPTH: Final = 20
SOURCE_TIMEOUT_NS: Final = 5 * SECOND_NS
MAX_ROUNDS: Final = 3
"""Flights one read waits for: one that began before it, its own, and one more after a drop."""


class PriceProvider:
    """Serves books and their tops from the cache tiers, else from the price sources.

    Every read states the largest age it accepts and never gets an older value: the age runs, by
    our clock, from the moment before the request for the book was sent. Concurrent misses share
    one fetch; cancelling one who waits does not disturb the others.
    """

    def __init__(
        self,
        clock: Clock,
        exchanges: Mapping[ExchangeName, Exchange],
        tiers: Mapping[str, CacheTier],
        sources: Mapping[str, PriceSource],
        *,
        depth: int = DEFAULT_DEPTH,
        timeout_ns: int = SOURCE_TIMEOUT_NS,
        on_fetch: Callable[[InstrumentId], None] = lambda _instrument: None,
    ) -> None:
        """Take tiers and sources by their names, in the order they are asked.

        Args:
            depth: Levels a side to fetch when a read does not say.
            timeout_ns: How long one source may take.
            on_fetch: Told of every instrument whose book no tier had.
        """
        self._now = clock.now_ns
        self._depth = depth
        self._tiers = TierChain(clock, tiers)
        self._peek = self._tiers.peek
        self._on_fetch = on_fetch
        self._quotes = Quotes()
        self._table = self._quotes.table
        self._sources = Sources(clock, exchanges, sources, self._quotes, timeout_ns)
        self._flights: dict[InstrumentId, Flight] = {}
        self._airborne: dict[asyncio.Task[None], Flight] = {}
        self._hits = self._misses = self._joined = self._tier_hits = self._refused = 0
        self._served = self._age_total_ns = 0

    async def get_bbo(self, instrument: InstrumentId, max_age_ns: int) -> Fresh[Bbo]:
        """Return the top of the book, not older than `max_age_ns`.

        Raises:
            StaleData: what could be had is older, or not believable.
            ExchangeError: no source could deliver.
            ValueError: `max_age_ns` is negative.
        """
        # The hit path, kept short by measurement. The table spares checking the book and making its
        # top again; whether the book is still held is for the tier to say.
        try:
            quote = self._table[instrument]
            if self._peek(instrument) is quote.book:
                age_ns = self._now() - quote.observed_ns
                if 0 <= age_ns <= max_age_ns:
                    self._hits += 1
                    self._age_total_ns += age_ns
                    return quote.bbo
        except Exception:  # noqa: S110 - never seen, or the tier failed: the long way below tells which
            pass
        found = await self._obtain(instrument, max_age_ns, 1)
        if isinstance(found, Quote):
            return found.bbo
        raise self._error(instrument, found)

    async def get_book(self, instrument: InstrumentId, max_age_ns: int, depth: int | None = None) -> Fresh[OrderBook]:
        """Return the book with at least `depth` levels a side where the venue has them.

        Raises:
            StaleData: what could be had is older, or not believable.
            ExchangeError: no source could deliver.
            ValueError: `max_age_ns` is negative or `depth` not positive.
        """
        found = await self._obtain(instrument, max_age_ns, self._depth if depth is None else depth)
        if isinstance(found, Quote):
            return found.book
        raise self._error(instrument, found)

    async def read_bbo(self, instrument: InstrumentId, max_age_ns: int) -> Reading[Bbo]:
        """Return the top of the book: fresh, else the last known one, else why there is none."""
        found = await self._obtain(instrument, max_age_ns, 1)
        if isinstance(found, Quote):
            return found.bbo
        if found.last is None:
            return Unknown(found.reason)
        last = found.last.bbo
        return Stale(last.value, last.source, last.observed_ns)

    async def read_book(
        self, instrument: InstrumentId, max_age_ns: int, depth: int | None = None
    ) -> Reading[OrderBook]:
        """Return the book: fresh, else the last known one of any depth, else why there is none."""
        found = await self._obtain(instrument, max_age_ns, self._depth if depth is None else depth)
        if isinstance(found, Quote):
            return found.book
        if found.last is None:
            return Unknown(found.reason)
        last = found.last.book
        return Stale(last.value, last.source, last.observed_ns)

    async def put_book(
        self, instrument: InstrumentId, book: OrderBook, source: str, *, observed_ns: int | None = None
    ) -> None:
        """Keep a book that somebody else read, such as a liquidity check or a stream.

        Args:
            observed_ns: The moment before its request was sent; left out, its receipt counts.

        Raises:
            BadResponse: the book is crossed, empty, of another instrument, dated in the future of
                our clock or from before a drop. Nothing is kept.
        """
        observed_ns = book.ts_init_ns if observed_ns is None else min(observed_ns, book.ts_init_ns)
        quote = self._quotes.believe(instrument, Fresh(book, source, observed_ns), self._now())
        if isinstance(quote, str):
            self._refused += 1
            raise BadResponse(
                f"{instrument}: the book from {source} is refused: {quote}", exchange=exchange_of(instrument)
            )
        await self._tiers.put(instrument, quote.book)

    async def drop(self, instrument: InstrumentId) -> None:
        """Serve nothing observed before now: after a gap in a stream, or a large own fill."""
        self._quotes.drop(instrument, self._now())
        self._flights.pop(instrument, None)
        for flight in self._airborne.values():
            if flight.instrument == instrument:
                flight.overtaken = True
        await self._tiers.drop(instrument)

    async def close(self) -> None:
        """Stop every fetch; reads that wait for one fail."""
        tasks = list(self._airborne)
        for task in tasks:
            task.cancel()
        if tasks:  # to gather nothing makes a loop where none runs: when a run that was killed is cleared away
            await asyncio.gather(*tasks, return_exceptions=True)

    def statistics(self) -> PriceStatistics:
        """Return the counts since the start."""
        sources = self._sources.counts
        return PriceStatistics(
            hits=self._hits,
            misses=self._misses,
            joined=self._joined,
            tier_hits=self._tier_hits,
            fetches=sources.fetches,
            errors=sources.errors,
            refused=sources.refused + self._refused,
            served=self._hits + self._served,
            age_total_ns=self._age_total_ns,
        )

    def tier_counts(self) -> Mapping[str, TierCounts]:
        """Return what each cache tier did, by its name."""
        return self._tiers.counts

    async def _obtain(self, instrument: InstrumentId, max_age_ns: int, depth: int) -> Quote | Missed:
        if max_age_ns < 0 or depth < 1:
            raise ValueError(f"{instrument}: max_age_ns {max_age_ns} must be >= 0 and depth {depth} >= 1")
        called_ns = self._now()
        quote = self._near_quote(instrument, depth)
        if quote is not None and self._serves(quote, max_age_ns):
            self._hits += 1
            return quote
        self._misses += 1
        reason = "it was dropped again and again while it was fetched"
        for _ in range(MAX_ROUNDS):
            flight = self._board(instrument, max_age_ns, depth)
            outcome = await asyncio.shield(flight.outcome)
            if flight.overtaken:
                continue
            if isinstance(outcome, Missed):
                return outcome
            if outcome.quote.depth >= depth and self._serves(outcome.quote, max_age_ns):
                self._served += 1
                return outcome.quote
            # A book asked for after this read began is as young as can be had.
            if outcome.fetched_ns is not None and outcome.fetched_ns >= called_ns:
                return Missed("the book took longer to arrive than it may be old", last=outcome.quote)
            reason = "books that others had asked for, or that tiers held, arrived too old"
        return Missed(reason)

    def _near_quote(self, instrument: InstrumentId, depth: int) -> Quote | None:
        try:
            held = self._peek(instrument)
        except Exception:  # the chain asks again and counts it
            return None
        quote = None if held is None else self._quotes.believe(instrument, held, self._now())
        return quote if isinstance(quote, Quote) and quote.depth >= depth else None

    def _serves(self, quote: Quote, max_age_ns: int) -> bool:
        age_ns = self._now() - quote.observed_ns
        if not 0 <= age_ns <= max_age_ns:
            return False
        self._age_total_ns += age_ns
        return True

    def _board(self, instrument: InstrumentId, max_age_ns: int, depth: int) -> Flight:
        """Return the flight to wait for, begun here unless there is one."""
        flight = self._flights.get(instrument)
        if flight is not None and flight.depth >= depth:
            self._joined += 1
            flight.needed = max(flight.needed, depth)
            flight.max_age_ns = min(flight.max_age_ns, max_age_ns)
            return flight
        flight = Flight(
            instrument=instrument,
            depth=max(depth, self._depth),
            needed=depth,
            max_age_ns=max_age_ns,
            outcome=asyncio.get_running_loop().create_future(),
        )
        self._flights[instrument] = flight
        task = asyncio.create_task(self._fly(flight))
        self._airborne[task] = flight
        task.add_done_callback(self._ended)
        return flight

    async def _fly(self, flight: Flight) -> None:
        found = await self._tiers.get(flight.instrument, partial(self._judge, flight))
        quote = None if found.book is None else self._quotes.believe(flight.instrument, found.book, self._now())
        if isinstance(quote, Quote):
            self._tier_hits += 1
            self._land(flight, Landed(quote, fetched_ns=None))
            return
        self._on_fetch(flight.instrument)
        outcome = await self._sources.fetch(flight.instrument, flight.depth)
        if isinstance(outcome, Missed) and outcome.error is not None and found.last is not None:
            last = self._quotes.believe(flight.instrument, found.last, self._now())
            outcome = Missed(outcome.reason, outcome.error, last if isinstance(last, Quote) else None)
        if isinstance(outcome, Missed) or flight.overtaken:
            self._land(flight, outcome)
            return
        # Before anybody goes on: who reads again must find it there.
        await self._tiers.put_near(flight.instrument, outcome.quote.book)
        self._land(flight, outcome)
        await self._tiers.put_far(flight.instrument, outcome.quote.book)

    def _judge(self, flight: Flight, held: CachedBook) -> Verdict:
        now_ns = self._now()
        quote = self._quotes.believe(flight.instrument, held, now_ns)
        if isinstance(quote, str):
            return Verdict.REFUSED
        young = now_ns - held.observed_ns <= flight.max_age_ns
        return Verdict.SERVE if young and quote.depth >= flight.needed else Verdict.OLD

    def _land(self, flight: Flight, outcome: Landed | Missed) -> None:
        if self._flights.get(flight.instrument) is flight:
            del self._flights[flight.instrument]
        flight.land(outcome)

    def _ended(self, task: asyncio.Task[None]) -> None:
        flight = self._airborne.pop(task)
        fault = None if task.cancelled() else task.exception()
        if not flight.outcome.done():
            reason = f"the fetch failed: {fault!r}" if fault else "the price provider was closed"
            self._land(flight, Missed(reason, ExchangeError(reason, exchange=exchange_of(flight.instrument))))

    def _error(self, instrument: InstrumentId, missed: Missed) -> StaleData | ExchangeError:
        text = f"no price of {instrument} young enough: {missed.reason}"
        if missed.last is not None:
            age_ns = self._now() - missed.last.observed_ns
            text += f" (the last known one is {Decimal(age_ns) / SECOND_NS:f} s old)"
        if missed.error is None:
            return StaleData(text)
        error = ExchangeError(
            text,
            exchange=missed.error.exchange,
            code=missed.error.code,
            retry_after_ns=missed.error.retry_after_ns,
        )
        error.__cause__ = missed.error
        return error
