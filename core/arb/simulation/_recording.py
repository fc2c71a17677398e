"""One instrument as a function of time, from a recording of its order book."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

from pydantic import Field

from arb.api import ConfigError, Duration
from arb.model import (
    SECOND_NS,
    BookLevel,
    FeeSchedule,
    Instrument,
    InstrumentId,
    MarginTier,
    MarketStats,
    OrderBook,
    Side,
    Trade,
    instrument_id,
)

from ._recording_book import BookAt, BookHistory
from ._recording_events import (
    BookSnapshot,
    BookUpdate,
    MarkPrice,
    RecordedEvent,
    TopOfBook,
    TradePrint,
    decode_binance,
    read_recording,
)
from ._replay_settings import DataRoot, Positive

SILENCE_NS: Final = 10 * SECOND_NS
"""How long after the last recorded event the market still counts as known."""


class RecordingSettings(DataRoot):
    """One instrument replayed from a recorded Binance USD-M stream."""

    file: Path = Field(description="Lines of '<time of receipt> <JSON>', gzipped or not.")
    base: str = Field(min_length=1, description="The asset, such as 'BTC'.")
    quote: str = Field(default="USDT", min_length=1, description="Quote and collateral currency.")
    usd_rate: Positive = Field(default=Decimal(1), description="US dollars per unit of the quote currency.")
    tick_size: Positive = Field(description="Price step.")
    lot_size: Positive = Field(description="Quantity step.")
    min_notional: Decimal = Field(default=Decimal(5), ge=0, description="Smallest order that opens risk.")
    maker_fee: Decimal = Field(default=Decimal("0.0002"), description="Fraction of notional.")
    taker_fee: Decimal = Field(default=Decimal("0.0005"), description="Fraction of notional.")
    maintenance_rate: Decimal = Field(default=Decimal("0.01"), gt=0, lt=1, description="Maintenance margin rate.")
    max_leverage: Decimal = Field(default=Decimal(50), ge=1, description="Largest notional over margin.")
    funding_interval: Duration | None = Field(
        default=None, description="Between two settlements; without it no hedge may use the instrument."
    )
    depth: int = Field(default=100, ge=1, le=5000, description="Levels of a side that are read.")


class BookRecordingMarket:
    """Implements :class:`Market` from recorded events, at the times they were received.

    While the local book is not known (before the first snapshot, after a gap) the book is the
    last recorded top of book, one level a side, and None where there is none either. Without
    recorded mark prices the mark is the middle of the book.
    """

    def __init__(
        self, instrument: Instrument, events: Iterable[RecordedEvent], *, usd_rate: Decimal, depth: int
    ) -> None:
        """Take events in the order of receipt.

        Raises:
            ConfigError: there are none, or their times go back.
        """
        self._instrument = instrument
        self._instruments = (instrument,)
        self._usd_rate = usd_rate
        depth_events: list[BookSnapshot | BookUpdate] = []
        self._tops: list[TopOfBook] = []
        self._prints: list[TradePrint] = []
        self._marks: list[MarkPrice] = []
        self._times: list[int] = []
        for event in events:
            if self._times and event.ts_ns < self._times[-1]:
                raise ConfigError(f"{instrument.id}: the recording goes back in time at {event.ts_ns}")
            self._times.append(event.ts_ns)
            match event:
                case TopOfBook():
                    self._tops.append(event)
                case TradePrint():
                    self._prints.append(event)
                case MarkPrice():
                    self._marks.append(event)
                case _:
                    depth_events.append(event)
        if not self._times:
            raise ConfigError(f"{instrument.id}: the recording holds no events")
        self._history = BookHistory(depth_events, depth=depth)
        self._top_times = [top.ts_ns for top in self._tops]
        self._print_times = [trade.ts_ns for trade in self._prints]
        self._mark_times = [mark.ts_ns for mark in self._marks]
        self._rates = _settled(self._marks)

    @property
    def start_ns(self) -> int:
        """Return when the first event was received."""
        return self._times[0]

    @property
    def end_ns(self) -> int:
        """Return when the last event was received."""
        return self._times[-1]

    def instruments(self) -> Sequence[Instrument]:
        """Return the one instrument."""
        return self._instruments

    def book(self, instrument: InstrumentId, ts_ns: int) -> OrderBook | None:
        """Return the depth; None before it is known and ten seconds after the last event."""
        if instrument != self._instrument.id or not self._is_live(ts_ns):
            return None
        found = self._history.at(ts_ns) or self._top(ts_ns)
        if found is None:
            return None
        return OrderBook(
            instrument=instrument,
            bids=tuple(BookLevel(Decimal(price), Decimal(size)) for price, size in found.bids),
            asks=tuple(BookLevel(Decimal(price), Decimal(size)) for price, size in found.asks),
            sequence=found.sequence,
            ts_event_ns=found.event_ns,
            ts_init_ns=ts_ns,
        )

    def trades(self, instrument: InstrumentId, start_ns: int, end_ns: int) -> Sequence[Trade]:
        """Return the trades received in (start, end]."""
        if instrument != self._instrument.id:
            return []
        first, last = bisect_right(self._print_times, start_ns), bisect_right(self._print_times, end_ns)
        return [
            Trade(
                instrument=instrument,
                side=Side.SELL if trade.taker_sold else Side.BUY,
                price=Decimal(trade.price),
                quantity=Decimal(trade.quantity),
                ts_event_ns=trade.event_ns,
                ts_init_ns=trade.ts_ns,
            )
            for trade in self._prints[first:last]
        ]

    def stats(self, instrument: InstrumentId, ts_ns: int) -> MarketStats | None:
        """Return the recorded mark and index, else the middle of the book as mark."""
        if instrument != self._instrument.id or not self._is_live(ts_ns):
            return None
        mark = self._mark(ts_ns)
        price = Decimal(mark.mark) if mark else self._mid(ts_ns)
        if price is None:
            return None
        return MarketStats(
            instrument=instrument,
            mark_price=price,
            index_price=Decimal(mark.index) if mark and mark.index else None,
            volume_24h=None,
            open_interest=None,
            ts_event_ns=mark.event_ns if mark else ts_ns,
            ts_init_ns=ts_ns,
        )

    def usd_rate(self, currency: str, ts_ns: int) -> Decimal | None:
        """Return the configured rate; None for another currency."""
        return self._usd_rate if currency == self._instrument.quote else None

    def next_settlement_ns(self, instrument: InstrumentId, ts_ns: int) -> int | None:
        """Return the settlement shown at `ts_ns`; None where the recording shows none."""
        mark = self._mark(ts_ns)
        due = mark.next_funding_ns if mark and instrument == self._instrument.id else None
        return due if due is not None and due > ts_ns else None

    def settled_rate(self, instrument: InstrumentId, settlement_ns: int) -> Decimal | None:
        """Return the last rate shown for a settlement that the recording passes; else None."""
        return self._rates.get(settlement_ns) if instrument == self._instrument.id else None

    def predicted_rate(self, instrument: InstrumentId, ts_ns: int) -> Decimal | None:
        """Return the rate shown at `ts_ns` for the coming settlement; None where none is shown."""
        mark = self._mark(ts_ns)
        if mark is None or mark.rate is None or self.next_settlement_ns(instrument, ts_ns) is None:
            return None
        return Decimal(mark.rate)

    def _is_live(self, ts_ns: int) -> bool:
        index = bisect_right(self._times, ts_ns)
        return index > 0 and ts_ns - self._times[index - 1] <= SILENCE_NS

    def _top(self, ts_ns: int) -> BookAt | None:
        index = bisect_right(self._top_times, ts_ns)
        if not index or ts_ns - self._top_times[index - 1] > SILENCE_NS:
            return None
        top = self._tops[index - 1]
        return BookAt(top.sequence, top.event_ns, [top.bid], [top.ask])

    def _mark(self, ts_ns: int) -> MarkPrice | None:
        index = bisect_right(self._mark_times, ts_ns)
        if not index or ts_ns - self._mark_times[index - 1] > SILENCE_NS:
            return None
        return self._marks[index - 1]

    def _mid(self, ts_ns: int) -> Decimal | None:
        book = self.book(self._instrument.id, ts_ns)
        top = book.bbo() if book else None
        return top.mid_price if top else None


def open_recording_market(settings: RecordingSettings, exchange: str) -> BookRecordingMarket:
    """Read the recording for the exchange of that name in the configuration.

    Raises:
        ConfigError: the file is absent, unreadable or empty.
    """
    instrument = Instrument(
        id=instrument_id(f"{settings.base}-PERP", exchange),
        symbol=settings.base,
        base=settings.base,
        quote=settings.quote,
        tick_size=settings.tick_size,
        lot_size=settings.lot_size,
        min_notional=settings.min_notional,
        fees=FeeSchedule(maker=settings.maker_fee, taker=settings.taker_fee),
        margin_tiers=(
            MarginTier(
                max_notional=None, maintenance_rate=settings.maintenance_rate, max_leverage=settings.max_leverage
            ),
        ),
        funding_interval_ns=settings.funding_interval,
    )
    events = read_recording(settings.path(settings.file), decode_binance)
    return BookRecordingMarket(instrument, events, usd_rate=settings.usd_rate, depth=settings.depth)


def _settled(marks: Sequence[MarkPrice]) -> dict[int, Decimal]:
    """Return the last rate shown for each settlement that the recording passes."""
    shown: dict[int, Decimal] = {}
    for mark in marks:
        if mark.rate is not None and mark.next_funding_ns is not None:
            shown[mark.next_funding_ns] = Decimal(mark.rate)
    times = sorted(shown)
    passed = bisect_left(times, times[-1]) if times else 0
    return {settlement: shown[settlement] for settlement in times[:passed]}
