"""The market of an episode: small, cheap, and a function of seed, instrument and time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from arb.model import (
    HOUR_NS,
    SECOND_NS,
    BookLevel,
    Instrument,
    InstrumentId,
    MarketStats,
    OrderBook,
    Side,
    Trade,
)

from ._chance import MILLION, Chance

SLOT_NS: Final = SECOND_NS
"""Between two states of a book."""

_KNOT_SLOTS: Final = 32
_KNOT_PPM: Final = 1_500
_WINDOW_SLOTS: Final = 8
_LEVELS: Final = 4
_THIN: Final = 40
_VOLUME: Final = Decimal(50_000_000)
_BPS_HOUR: Final = Decimal("0.0015")


class Tide:
    """What all venues of an episode share: where prices jump and when the carry turns."""

    def __init__(self, flips_ns: Sequence[int] = ()) -> None:
        """Take the times at which every carry changes its sign."""
        self._flips_ns = tuple(flips_ns)
        self._jumps: list[tuple[int, int]] = []

    def jump(self, ts_ns: int, ppm: int) -> None:
        """Move every price by so many parts in a million from now on."""
        self._jumps.append((ts_ns, ppm))

    def sign(self, ts_ns: int) -> int:
        """Return +1 or -1."""
        return -1 if sum(flip <= ts_ns for flip in self._flips_ns) % 2 else 1

    def level_ppm(self, ts_ns: int) -> int:
        """Return the sum of the jumps so far."""
        return sum(size for moment, size in self._jumps if moment <= ts_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """How one instrument trades on one venue.

    Attributes:
        price: Quote currency per contract, where the walk begins.
        spread_ticks: Widest half spread.
        level_lots: Contracts on one level, in lots.
        carry: Part of the episode's carry this venue pays, +1, 0 or -1.
        thin_ppm: How often the book is thin for some seconds.
    """

    instrument: Instrument
    price: Decimal
    spread_ticks: int
    level_lots: int
    carry: int
    thin_ppm: int = 0


@dataclass(frozen=True, slots=True)
class _Patch:
    """A stretch of time in which a book offers `lots` a level, nothing where that is 0, and is no narrower than that.

    Attributes:
        half_bps: Smallest half spread.
    """

    from_ns: int
    until_ns: int
    lots: int
    half_bps: int = 0


class EpisodeMarket:
    """Implements :class:`arb.simulation.Market`."""

    def __init__(self, seed: int, exchange: str, listings: Sequence[Listing], tide: Tide, start_ns: int) -> None:
        self._seed = seed
        self._exchange = exchange
        self._tide = tide
        self._listed_ns = start_ns - HOUR_NS
        self._listings = {each.instrument.id: each for each in listings}
        self._bases = {
            each.instrument.id: int(each.price / each.instrument.tick_size) for each in self._listings.values()
        }
        self._instruments = tuple(each.instrument for each in listings)
        self._knots: dict[tuple[str, int], int] = {}
        self._books: dict[InstrumentId, OrderBook] = {}
        self._patches: dict[InstrumentId, list[_Patch]] = {}
        self._intervals: dict[InstrumentId, list[tuple[int, int]]] = {}
        self._patched = 0
        self._printed: list[Trade] = []

    def instruments(self) -> Sequence[Instrument]:
        """Return what is listed."""
        return self._instruments

    def change(self, instrument: InstrumentId, **fields: Any) -> Instrument:
        """Give an instrument other rules from now on and return it."""
        rows = {each.id: each for each in self._instruments}
        rows[instrument] = changed = replace(rows[instrument], **fields)
        self._instruments = tuple(rows.values())
        return changed

    def change_interval(self, instrument: InstrumentId, interval_ns: int, ts_ns: int) -> None:
        """Settle funding at another interval after `ts_ns`."""
        self._intervals.setdefault(instrument, []).append((ts_ns, interval_ns))
        self.change(instrument, funding_interval_ns=interval_ns)

    def patch(self, instrument: InstrumentId, from_ns: int, until_ns: int, lots: int, half_bps: int = 0) -> None:
        """Let a book offer `lots` a level for a while, with a wide spread; the past must not be changed."""
        self._patches.setdefault(instrument, []).append(_Patch(from_ns, until_ns, lots, half_bps))
        self._patched += 1
        self._books.pop(instrument, None)

    def print_trade(self, instrument: InstrumentId, side: Side, price: Decimal, quantity: Decimal, ts_ns: int) -> None:
        """Let others trade now; `side` is the taker's."""
        row = Trade(
            instrument=instrument, side=side, price=price, quantity=quantity, ts_event_ns=ts_ns, ts_init_ns=ts_ns
        )
        self._printed.append(row)

    def mid(self, instrument: InstrumentId, ts_ns: int) -> Decimal:
        """Return the middle price."""
        return self._mid_ticks(self._listings[instrument], ts_ns // SLOT_NS) * self._tick(instrument)

    def book(self, instrument: InstrumentId, ts_ns: int) -> OrderBook | None:
        """Return the book of a second."""
        listing = self._listings.get(instrument)
        if listing is None:
            return None
        slot = ts_ns // SLOT_NS
        known = self._books.get(instrument)
        if known is not None and known.ts_event_ns == slot * SLOT_NS:
            return known
        made = self._books[instrument] = self._book(listing, slot)
        return made

    def trades(self, instrument: InstrumentId, start_ns: int, end_ns: int) -> Sequence[Trade]:
        """Return trades of others at the touch, one in four seconds on average."""
        rows: list[Trade] = []
        for slot in range(start_ns // SLOT_NS, end_ns // SLOT_NS + 1):
            moment = slot * SLOT_NS + SLOT_NS // 2
            draw = self._own(instrument, slot) >> 40
            book = self.book(instrument, moment) if start_ns < moment <= end_ns and draw % 4 == 0 else None
            if book is not None:
                side = Side.BUY if draw & 4 else Side.SELL
                price, size = book.asks[0] if side is Side.BUY else book.bids[0]
                rows.append(
                    Trade(
                        instrument=instrument,
                        side=side,
                        price=price,
                        quantity=self._listings[instrument].instrument.floor_quantity(size / 4) or size,
                        ts_event_ns=moment,
                        ts_init_ns=moment,
                    )
                )
        rows += [row for row in self._printed if row.instrument == instrument and start_ns < row.ts_event_ns <= end_ns]
        return sorted(rows, key=lambda row: row.ts_event_ns)

    def stats(self, instrument: InstrumentId, ts_ns: int) -> MarketStats | None:
        """Return the middle price as mark and index, and a calm market."""
        if instrument not in self._listings:
            return None
        mid = self.mid(instrument, ts_ns)
        return MarketStats(
            instrument=instrument,
            mark_price=mid,
            index_price=mid,
            volume_24h=_VOLUME,
            open_interest=_VOLUME,
            ts_event_ns=ts_ns,
            ts_init_ns=ts_ns,
        )

    def usd_rate(self, currency: str, ts_ns: int) -> Decimal | None:
        """Return 1 for every quote currency of the market."""
        return Decimal(1) if any(each.quote == currency for each in self._instruments) else None

    def next_settlement_ns(self, instrument: InstrumentId, ts_ns: int) -> int | None:
        """Return the first full interval after `ts_ns`; there was none before the listing."""
        if instrument not in self._listings:
            return None
        ts_ns = max(ts_ns, self._listed_ns)
        interval_ns = self._interval_ns(instrument, ts_ns)
        return (ts_ns // interval_ns + 1) * interval_ns

    def settled_rate(self, instrument: InstrumentId, settlement_ns: int) -> Decimal | None:
        """Return what was predicted until then."""
        return self.predicted_rate(instrument, settlement_ns)

    def predicted_rate(self, instrument: InstrumentId, ts_ns: int) -> Decimal | None:
        """Return the carry of this venue for one interval."""
        listing = self._listings.get(instrument)
        if listing is None:
            return None
        hours = Decimal(self._interval_ns(instrument, ts_ns)) / HOUR_NS
        return _BPS_HOUR * listing.carry * self._tide.sign(ts_ns) * hours

    def _interval_ns(self, instrument: InstrumentId, ts_ns: int) -> int:
        interval_ns = self._listings[instrument].instrument.funding_interval_ns or HOUR_NS
        for since_ns, changed_ns in self._intervals.get(instrument, ()):
            if since_ns <= ts_ns:
                interval_ns = changed_ns
        return interval_ns

    def _tick(self, instrument: InstrumentId) -> Decimal:
        return self._listings[instrument].instrument.tick_size

    def _mid_ticks(self, listing: Listing, slot: int) -> int:
        instrument = listing.instrument
        number, within = divmod(slot, _KNOT_SLOTS)
        before, after = self._knot(instrument.base, number), self._knot(instrument.base, number + 1)
        ppm = before + (after - before) * within // _KNOT_SLOTS + self._tide.level_ppm(slot * SLOT_NS)
        ppm += self._own(instrument.id, slot) % 101 - 50
        return self._bases[instrument.id] * (MILLION + ppm) // MILLION

    def _knot(self, base: str, number: int) -> int:
        found = self._knots.get((base, number))
        if found is None:
            found = Chance(self._seed, "index", base, number).between(-_KNOT_PPM, _KNOT_PPM)
            self._knots[base, number] = found
        return found

    def _own(self, instrument: InstrumentId, slot: int) -> int:
        found = self._knots.get((instrument, slot))
        if found is None:
            found = self._knots[instrument, slot] = Chance(self._seed, instrument, slot).bits()
        return found

    def _book(self, listing: Listing, slot: int) -> OrderBook:
        instrument, draw = listing.instrument, self._own(listing.instrument.id, slot) >> 8
        tick, mid = instrument.tick_size, self._mid_ticks(listing, slot)
        start_ns = slot * SLOT_NS
        patch = self._patch(instrument.id, start_ns)
        lots = self._lots(listing, slot) if patch is None else patch.lots
        half = 1 + draw % listing.spread_ticks
        half = half if patch is None else max(half, mid * patch.half_bps // 10_000)
        sizes = [max(1, lots + lots * ((draw >> 6 * level) % 64 - 32) // 64) for level in range(_LEVELS if lots else 0)]
        levels = list(enumerate(sizes))
        return OrderBook(
            instrument=instrument.id,
            bids=tuple(BookLevel((mid - half - step) * tick, size * instrument.lot_size) for step, size in levels),
            asks=tuple(BookLevel((mid + half + step) * tick, size * instrument.lot_size) for step, size in levels),
            # Another state of the book within the same second is another snapshot.
            sequence=slot * 1000 + self._patched,
            ts_event_ns=start_ns,
            ts_init_ns=start_ns,
        )

    def _patch(self, instrument: InstrumentId, start_ns: int) -> _Patch | None:
        patches = self._patches.get(instrument, ())
        return next((one for one in patches if one.from_ns < start_ns + SLOT_NS and start_ns < one.until_ns), None)

    def _lots(self, listing: Listing, slot: int) -> int:
        window = Chance(self._seed, listing.instrument.id, "window", slot // _WINDOW_SLOTS)
        return listing.level_lots // _THIN if window.happens(listing.thin_ppm) else listing.level_lots
