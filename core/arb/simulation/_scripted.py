"""A market that is told what to be: for tests of venues, of strategies and of fake wires."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from decimal import Decimal

from arb.model import BookLevel, Instrument, InstrumentId, MarketStats, OrderBook, Side, Trade

Number = Decimal | int | str
"""How a script writes numbers; text and integers become exact decimals."""


class _Script:
    """What is known of one instrument, by time."""

    def __init__(self) -> None:
        self.books: list[OrderBook] = []
        self.stats: list[MarketStats] = []
        self.trades: list[Trade] = []
        self.settlements: list[int] = []
        self.rates: dict[int, Decimal] = {}


class ScriptedMarket:
    """Implements :class:`Market` from explicit calls; nothing shows before its time."""

    def __init__(self, *instruments: Instrument) -> None:
        self._instruments = instruments
        self._scripts = {instrument.id: _Script() for instrument in instruments}
        self._sequence = 0

    def show(
        self,
        instrument: InstrumentId,
        bids: Sequence[tuple[Number, Number]],
        asks: Sequence[tuple[Number, Number]],
        *,
        ts_ns: int = 0,
    ) -> None:
        """Let a book stand from `ts_ns` on; levels are (price, size), best first."""
        self._sequence += 1
        book = OrderBook(
            instrument=instrument,
            bids=_levels(bids),
            asks=_levels(asks),
            sequence=self._sequence,
            ts_event_ns=ts_ns,
            ts_init_ns=ts_ns,
        )
        insort(self._scripts[instrument].books, book, key=lambda each: each.ts_event_ns)

    def mark(self, instrument: InstrumentId, mark: Number, *, index: Number | None = None, ts_ns: int = 0) -> None:
        """Let a mark price stand from `ts_ns` on, and an index price, which is the same unless given."""
        stats = MarketStats(
            instrument=instrument,
            mark_price=Decimal(mark),
            index_price=Decimal(mark if index is None else index),
            volume_24h=None,
            open_interest=None,
            ts_event_ns=ts_ns,
            ts_init_ns=ts_ns,
        )
        insort(self._scripts[instrument].stats, stats, key=lambda each: each.ts_event_ns)

    def trade(self, instrument: InstrumentId, side: Side, price: Number, quantity: Number, *, ts_ns: int) -> None:
        """Print a trade of others; `side` is the taker's."""
        trade = Trade(
            instrument=instrument,
            side=side,
            price=Decimal(price),
            quantity=Decimal(quantity),
            ts_event_ns=ts_ns,
            ts_init_ns=ts_ns,
        )
        insort(self._scripts[instrument].trades, trade, key=lambda each: each.ts_event_ns)

    def relist(self, instrument: Instrument) -> None:
        """Replace the rules of an instrument, or list another one, from now on."""
        rules = {each.id: each for each in self._instruments}
        rules[instrument.id] = instrument
        self._instruments = tuple(rules.values())
        self._scripts.setdefault(instrument.id, _Script())

    def settle(self, instrument: InstrumentId, settlement_ns: int, rate: Number | None = None) -> None:
        """Schedule a settlement; without `rate` it stays unknown until it is given by another call."""
        script = self._scripts[instrument]
        if settlement_ns not in script.settlements:
            insort(script.settlements, settlement_ns)
        if rate is not None:
            script.rates[settlement_ns] = Decimal(rate)

    def instruments(self) -> Sequence[Instrument]:
        """Return what is listed now; another sequence after each change."""
        return self._instruments

    def book(self, instrument: InstrumentId, ts_ns: int) -> OrderBook | None:
        """Return the book that stands at `ts_ns`."""
        script = self._scripts.get(instrument)
        place = bisect_right(script.books, ts_ns, key=lambda each: each.ts_event_ns) if script else 0
        return script.books[place - 1] if script and place else None

    def trades(self, instrument: InstrumentId, start_ns: int, end_ns: int) -> Sequence[Trade]:
        """Return the trades printed in (start, end]."""
        script = self._scripts.get(instrument)
        return [trade for trade in script.trades if start_ns < trade.ts_event_ns <= end_ns] if script else []

    def stats(self, instrument: InstrumentId, ts_ns: int) -> MarketStats | None:
        """Return the prices that stand at `ts_ns`."""
        script = self._scripts.get(instrument)
        place = bisect_right(script.stats, ts_ns, key=lambda each: each.ts_event_ns) if script else 0
        return script.stats[place - 1] if script and place else None

    def usd_rate(self, currency: str, ts_ns: int) -> Decimal | None:
        """Return 1 for every quote currency of the market."""
        return Decimal(1) if any(each.quote == currency for each in self._instruments) else None

    def next_settlement_ns(self, instrument: InstrumentId, ts_ns: int) -> int | None:
        """Return the first scheduled settlement after `ts_ns`."""
        script = self._scripts.get(instrument)
        place = bisect_right(script.settlements, ts_ns) if script else 0
        return script.settlements[place] if script and place < len(script.settlements) else None

    def settled_rate(self, instrument: InstrumentId, settlement_ns: int) -> Decimal | None:
        """Return the rate given for a settlement."""
        script = self._scripts.get(instrument)
        return script.rates.get(settlement_ns) if script else None

    def predicted_rate(self, instrument: InstrumentId, ts_ns: int) -> Decimal | None:
        """Return the last known rate settled at or before `ts_ns`."""
        script = self._scripts.get(instrument)
        known = [moment for moment in script.rates if moment <= ts_ns] if script else []
        return script.rates[max(known)] if script and known else None


def _levels(rows: Sequence[tuple[Number, Number]]) -> tuple[BookLevel, ...]:
    return tuple(BookLevel(Decimal(price), Decimal(size)) for price, size in rows)
