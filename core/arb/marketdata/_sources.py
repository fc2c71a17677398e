"""Asks the price sources one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from arb.api import BadResponse, Clock, Exchange, ExchangeError, PriceSource
from arb.cache import within
from arb.model import SECOND_NS, ExchangeName, Fresh, InstrumentId, OrderBook, exchange_of

from ._flight import Landed, Missed
from ._quotes import Quote, Quotes


@dataclass(slots=True)
class SourceCounts:
    """Calls of price sources: all, those that raised or were late, those with a book not believed."""

    fetches: int = 0
    errors: int = 0
    refused: int = 0


class Sources:
    """The configured price sources in order, each bounded in time."""

    def __init__(
        self,
        clock: Clock,
        exchanges: Mapping[ExchangeName, Exchange],
        sources: Mapping[str, PriceSource],
        quotes: Quotes,
        timeout_ns: int,
    ) -> None:
        self._clock = clock
        self._exchanges = exchanges
        self._sources = sources
        self._quotes = quotes
        self._timeout_ns = timeout_ns
        self.counts = SourceCounts()

    async def fetch(self, instrument: InstrumentId, depth: int) -> Landed | Missed:
        """Return the first believable book, dated by the moment before its request was sent."""
        exchange = self._exchanges.get(exchange_of(instrument))
        if exchange is None:
            known = ", ".join(sorted(self._exchanges)) or "none"
            return _unavailable(instrument, f"exchange {exchange_of(instrument)!r} is not open; open are: {known}")
        if not self._sources:
            return _unavailable(instrument, "no price source is configured")
        errors: list[ExchangeError] = []
        refusals: list[str] = []
        for name, source in self._sources.items():
            found = await self._ask(name, source, exchange, instrument, depth)
            if isinstance(found, Quote):
                return Landed(found, fetched_ns=found.observed_ns)
            if isinstance(found, ExchangeError):
                self.counts.errors += 1
                errors.append(found)
            else:
                self.counts.refused += 1
                refusals.append(found)
        reason = "; ".join([*refusals, *map(str, errors)])
        # One answer that cannot be believed is news of the market: what was known before is void.
        return Missed(reason) if refusals else Missed(reason, errors[0])

    async def _ask(
        self, name: str, source: PriceSource, exchange: Exchange, instrument: InstrumentId, depth: int
    ) -> Quote | ExchangeError | str:
        started_ns = self._clock.now_ns()
        self.counts.fetches += 1
        try:
            received: object = await within(
                self._clock, self._timeout_ns, source.fetch_order_book(exchange, instrument, depth)
            )
        except ExchangeError as error:
            return error
        except TimeoutError:
            waited = Decimal(self._timeout_ns) / SECOND_NS
            return BadResponse(f"price source {name} gave no answer within {waited} s", exchange=exchange.name)
        except Exception as error:  # a plugin's fault is one source less, not the end of the run
            return BadResponse(f"price source {name} failed: {error!r}", exchange=exchange.name)
        if not isinstance(received, OrderBook):
            return f"price source {name} returned {type(received).__name__}, not an order book"
        now_ns = self._clock.now_ns()
        receipt_ns = received.ts_init_ns if started_ns <= received.ts_init_ns <= now_ns else now_ns
        book = Fresh(replace(received, ts_init_ns=receipt_ns), name, started_ns)
        quote = self._quotes.believe(instrument, book, now_ns, depth)
        return f"the book from {name} is refused: {quote}" if isinstance(quote, str) else quote


def _unavailable(instrument: InstrumentId, reason: str) -> Missed:
    return Missed(reason, ExchangeError(reason, exchange=exchange_of(instrument)))
