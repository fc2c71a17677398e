"""What has been seen of a live market, as the world around a paper account."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from arb.model import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    FundingKind,
    FundingRate,
    Instrument,
    InstrumentId,
    MarketStats,
    OrderBook,
    Trade,
)

from ._paper_belief import Belief, book_problem, stats_problem

BOOK_LIFE_NS: Final = 5 * SECOND_NS
"""How long an observed book stands for the market."""
STATS_LIFE_NS: Final = 10 * MINUTE_NS
"""How long an observed mark price stands for the market."""
SOONEST_NS: Final = MINUTE_NS
"""The shortest time between two settlements that is believed; their times are kept to the minute."""
LATEST_NS: Final = 31 * DAY_NS
"""No venue announces a settlement so far ahead; a time in another unit is far beyond it."""
_BOOKS_KEPT: Final = 32
_STATS_KEPT: Final = 2000


@dataclass(slots=True)
class _Seen:
    """What is kept of one instrument that the account uses; times are those of observation."""

    since_ns: int
    books: deque[tuple[int, OrderBook]] = field(default_factory=lambda: deque(maxlen=_BOOKS_KEPT))
    stats: deque[tuple[int, MarketStats]] = field(default_factory=lambda: deque(maxlen=_STATS_KEPT))
    settlements: list[int] = field(default_factory=list)
    rates: dict[int, Decimal] = field(default_factory=dict)
    predicted: FundingRate | None = None
    entry: tuple[int, Decimal] | None = None
    doubt: str | None = None


class LiveMarket:
    """Implements :class:`Market` from observations of another exchange.

    Only instruments that are watched are remembered. There are no trades: a resting order fills
    when an observed book reaches it. Settlements are rounded to the minute, so that one announced
    and one in the history are the same.
    """

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._instruments = instruments
        self._seen: dict[InstrumentId, _Seen] = {}
        self._fx: Mapping[str, Decimal] = {}

    def watch(self, instrument: InstrumentId, since_ns: int) -> None:
        """Begin to remember an instrument; settlements after `since_ns` matter."""
        self._seen.setdefault(instrument, _Seen(since_ns))

    @property
    def watched(self) -> Collection[InstrumentId]:
        """Return the instruments that are remembered."""
        return self._seen.keys()

    def add_instruments(self, instruments: Sequence[Instrument]) -> None:
        """Take the instruments as listed now."""
        self._instruments = instruments

    def add_book(self, book: OrderBook, observed_ns: int) -> str | None:
        """Take a book; return why it is not believed, and then it is not taken."""
        seen = self._seen.get(book.instrument)
        if seen is None:
            return None
        problem = book_problem(book, _believed(seen, observed_ns))
        if problem is None:
            seen.books.append((observed_ns, book))
        return problem

    def add_stats(self, rows: Sequence[MarketStats], observed_ns: int) -> None:
        """Take mark prices; one that is not believed is a doubt until one is again, for ten minutes at most."""
        for row in rows:
            seen = self._seen.get(row.instrument)
            if seen is None:
                continue
            problem = stats_problem(row, _believed(seen, observed_ns))
            if problem is None:
                seen.stats.append((observed_ns, row))
            # The first reason stands while it lasts, so that it is told once.
            seen.doubt = problem and (seen.doubt or problem)

    def add_entry(self, instrument: InstrumentId, price: Decimal, restored_ns: int) -> None:
        """Take the entry price of a restored position: all that is known until its first mark price."""
        self._seen[instrument].entry = (restored_ns, price)

    def doubt(self, instrument: InstrumentId) -> str | None:
        """Return why the last prices of an instrument were not believed; None when they were."""
        seen = self._seen.get(instrument)
        return seen.doubt if seen else None

    def add_fx_rates(self, rates: Mapping[str, Decimal]) -> None:
        """Take US dollars per unit of each currency."""
        self._fx = rates

    def add_rates(self, rates: Sequence[FundingRate], observed_ns: int) -> None:
        """Take predicted rates with the settlement they announce, and settled ones.

        An announcement tells the settlements before it too, one interval apart, back to the last
        announcement: none may be lost while nobody looked.
        """
        for rate in rates:
            seen = self._seen.get(rate.instrument)
            if seen is None:
                continue
            if rate.interval_ns == 0:
                if rate.kind is FundingKind.PREDICTED:
                    self._accrue(seen, rate, observed_ns)
            elif rate.kind is FundingKind.SETTLED:
                moment = _minute(rate.ts_event_ns)
                seen.rates[moment] = rate.rate
                _add(seen, moment)
            elif (
                rate.next_funding_ns is not None
                and rate.interval_ns >= SOONEST_NS
                and abs(rate.next_funding_ns - observed_ns) <= LATEST_NS
            ):
                self._announce(seen, rate, _minute(rate.next_funding_ns), observed_ns)

    @staticmethod
    def _announce(seen: _Seen, rate: FundingRate, moment: int, observed_ns: int) -> None:
        # A settlement announced before and still to come may have been moved.
        seen.settlements = [known for known in seen.settlements if known <= observed_ns or known in seen.rates]
        _add(seen, moment)
        # It is the next one: what lies between now and it is no settlement, whatever the interval.
        ahead = max(1, -(-(moment - observed_ns) // rate.interval_ns))
        earlier = moment - ahead * rate.interval_ns
        while earlier > seen.since_ns:
            _add(seen, _minute(earlier))
            earlier -= rate.interval_ns
        seen.since_ns = max(seen.since_ns, observed_ns)
        seen.predicted = rate

    @staticmethod
    def _accrue(seen: _Seen, rate: FundingRate, observed_ns: int) -> None:
        """Let what accrues in each hour be known at its end, at the rate seen last before it."""
        before = rate if seen.predicted is None else seen.predicted
        hour = seen.since_ns // HOUR_NS * HOUR_NS + HOUR_NS
        while hour <= observed_ns:
            seen.rates.setdefault(hour, before.per_hour)
            _add(seen, hour)
            hour += HOUR_NS
        seen.rates[hour] = rate.per_hour
        _add(seen, hour)
        seen.since_ns = max(seen.since_ns, observed_ns)
        seen.predicted = rate

    def announced_ns(self, instrument: InstrumentId) -> int | None:
        """Return the last settlement known of, past or to come; None without any."""
        seen = self._seen.get(instrument)
        return seen.settlements[-1] if seen and seen.settlements else None

    def unsettled(self, instrument: InstrumentId, now_ns: int) -> Sequence[int]:
        """Return the settlements up to now whose rate is not known."""
        seen = self._seen[instrument]
        return [moment for moment in seen.settlements if moment <= now_ns and moment not in seen.rates]

    def book_age_ns(self, instrument: InstrumentId, now_ns: int) -> int | None:
        """Return the age of the last book; None without one."""
        seen = self._seen.get(instrument)
        return now_ns - seen.books[-1][0] if seen and seen.books else None

    def instruments(self) -> Sequence[Instrument]:
        """Return what is listed."""
        return self._instruments

    def book(self, instrument: InstrumentId, ts_ns: int) -> OrderBook | None:
        """Return the last book observed by `ts_ns`, unless it is older than five seconds."""
        seen = self._seen.get(instrument)
        for observed_ns, book in reversed(seen.books) if seen else ():
            if observed_ns <= ts_ns:
                return book if ts_ns - observed_ns <= BOOK_LIFE_NS else None
        return None

    def trades(self, instrument: InstrumentId, start_ns: int, end_ns: int) -> Sequence[Trade]:
        """Return nothing: trades are not observed."""
        return ()

    def stats(self, instrument: InstrumentId, ts_ns: int) -> MarketStats | None:
        """Return the last reading by `ts_ns` of the ten minutes before it, else the first one after it.

        The latter values a settlement that passed while nobody looked.
        """
        seen = self._seen.get(instrument)
        if seen is None or not seen.stats:
            return None
        index = bisect_right(seen.stats, ts_ns, key=lambda sample: sample[0])
        if index and ts_ns - seen.stats[index - 1][0] <= STATS_LIFE_NS:
            return seen.stats[index - 1][1]
        return seen.stats[index][1] if index < len(seen.stats) else None

    def usd_rate(self, currency: str, ts_ns: int) -> Decimal | None:
        """Return the last rate observed."""
        return self._fx.get(currency)

    def next_settlement_ns(self, instrument: InstrumentId, ts_ns: int) -> int | None:
        """Return the first known settlement after `ts_ns`."""
        seen = self._seen.get(instrument)
        if seen is None:
            return None
        index = bisect_right(seen.settlements, ts_ns)
        return seen.settlements[index] if index < len(seen.settlements) else None

    def settled_rate(self, instrument: InstrumentId, settlement_ns: int) -> Decimal | None:
        """Return the rate of the venue's own history; None until it shows there."""
        seen = self._seen.get(instrument)
        return seen.rates.get(settlement_ns) if seen else None

    def predicted_rate(self, instrument: InstrumentId, ts_ns: int) -> Decimal | None:
        """Return the rate announced last for a settlement after `ts_ns`."""
        seen = self._seen.get(instrument)
        rate = seen.predicted if seen else None
        if rate is not None and rate.interval_ns == 0:
            return rate.per_hour
        if rate is None or rate.next_funding_ns is None or rate.next_funding_ns <= ts_ns:
            return None
        return rate.rate


def _believed(seen: _Seen, now_ns: int) -> Belief | None:
    """Return what is known of the price; after ten minutes of another one, that must be believed."""
    if seen.stats and seen.stats[-1][1].mark_price is not None and now_ns - seen.stats[-1][0] <= STATS_LIFE_NS:
        return Belief.of_mark(seen.stats[-1][1].mark_price)
    if not seen.stats and seen.entry is not None and now_ns - seen.entry[0] <= STATS_LIFE_NS:
        return Belief.of_entry(seen.entry[1])
    return None


def _add(seen: _Seen, moment: int) -> None:
    if moment not in seen.settlements:
        insort(seen.settlements, moment)


def _minute(ts_ns: int) -> int:
    return (ts_ns + MINUTE_NS // 2) // MINUTE_NS * MINUTE_NS
