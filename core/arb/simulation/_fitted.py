"""A market under the rules that another venue can express."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from arb.model import Bbo, BookLevel, Instrument, InstrumentId, MarketStats, OrderBook, Side, Trade, floor_to

from ._market import Market

Fit = Callable[[Instrument, Decimal], Instrument]


class FittedMarket:
    """Implements :class:`Market` over another one: its books and trades under the names, ticks and lots of `fit`.

    The rules are made once, for the prices at `start_ns`.
    """

    def __init__(self, inner: Market, fit: Fit, start_ns: int) -> None:
        self._inner = inner
        fitted = {each.id: fit(each, self._price(each, start_ns)) for each in inner.instruments()}
        self._listed = {each.id: each for each in fitted.values()}
        self._inner_ids = {each.id: name for name, each in fitted.items()}
        self._instruments = tuple(self._listed.values())  # always the same one: another would mean other rules

    def instruments(self) -> Sequence[Instrument]:
        """Return what is listed, fitted."""
        return self._instruments

    def book(self, instrument: InstrumentId, ts_ns: int) -> OrderBook | None:
        """Return others' orders, each moved to the next tick away from the touch."""
        rules = self._listed.get(instrument)
        book = None if rules is None else self._inner.book(self._inner_id(instrument), ts_ns)
        if book is None or rules is None:
            return None
        return replace(
            book,
            instrument=instrument,
            bids=tuple(_merged(book.bids, rules, Side.BUY)),
            asks=tuple(_merged(book.asks, rules, Side.SELL)),
        )

    def trades(self, instrument: InstrumentId, start_ns: int, end_ns: int) -> Sequence[Trade]:
        """Return others' trades, each of whole lots; those below a lot are left out."""
        rules = self._listed[instrument]
        fitted = (
            replace(
                each,
                instrument=instrument,
                quantity=rules.floor_quantity(each.quantity),
                price=rules.limit_price(each.side.opposite, each.price),
            )
            for each in self._inner.trades(self._inner_id(instrument), start_ns, end_ns)
        )
        return [each for each in fitted if each.quantity > 0]

    def stats(self, instrument: InstrumentId, ts_ns: int) -> MarketStats | None:
        """Return the inner market's."""
        stats = self._inner.stats(self._inner_id(instrument), ts_ns)
        return None if stats is None else replace(stats, instrument=instrument)

    def usd_rate(self, currency: str, ts_ns: int) -> Decimal | None:
        """Return the inner market's."""
        return self._inner.usd_rate(currency, ts_ns)

    def next_settlement_ns(self, instrument: InstrumentId, ts_ns: int) -> int | None:
        """Return the inner market's."""
        return self._inner.next_settlement_ns(self._inner_id(instrument), ts_ns)

    def settled_rate(self, instrument: InstrumentId, settlement_ns: int) -> Decimal | None:
        """Return the inner market's."""
        return self._inner.settled_rate(self._inner_id(instrument), settlement_ns)

    def predicted_rate(self, instrument: InstrumentId, ts_ns: int) -> Decimal | None:
        """Return the inner market's."""
        return self._inner.predicted_rate(self._inner_id(instrument), ts_ns)

    def _inner_id(self, instrument: InstrumentId) -> InstrumentId:
        return self._inner_ids.get(instrument, instrument)

    def _price(self, instrument: Instrument, ts_ns: int) -> Decimal:
        book = self._inner.book(instrument.id, ts_ns)
        bbo: Bbo | None = None if book is None else book.bbo()
        if bbo is None:
            raise ValueError(f"{instrument.id} has no price at the start")
        return bbo.mid_price


def _merged(levels: Iterable[BookLevel], rules: Instrument, side: Side) -> Iterable[BookLevel]:
    """Yield levels on ticks; sizes are whole lots, and levels that meet at one price are one."""
    sizes: dict[Decimal, Decimal] = {}
    for price, size in levels:
        on_tick = rules.limit_price(side, price)
        sizes[on_tick] = sizes.get(on_tick, Decimal(0)) + floor_to(size, rules.lot_size)
    return (BookLevel(price, size) for price, size in sizes.items() if size > 0 and price > 0)
