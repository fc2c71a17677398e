"""A market made from a seed: the same on every platform, for every venue that shares the seed."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from arb.model import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    FeeSchedule,
    Instrument,
    InstrumentId,
    MarketStats,
    OrderBook,
    Side,
    Trade,
    instrument_id,
)

from ._seeded_book import DepthShape
from ._seeded_index import IndexPath
from ._seeded_noise import HALF_LIFE_5_STEPS, HALF_LIFE_36_STEPS, Blocks, mean_reverting, uniforms
from ._seeded_premium import FundingRule, Premium
from ._seeded_profiles import ASSETS, VenueProfile, like

BOOK_NS: Final = SECOND_NS
"""Between two states of a book; the sequence of a book counts them since the epoch."""

_RATE_DIGITS: Final = 10
_MAX_TRADES: Final = 8
_NOISE: Final = 0.00005
_BLOCK: Final = 240


class SeededInstrument:
    """One instrument: every figure is a function of seed, exchange, asset and time."""

    def __init__(
        self,
        seed: int,
        exchange: str,
        asset: str,
        profile: VenueProfile,
        fees: FeeSchedule,
        quote: str,
        interval_ns: int,
    ) -> None:
        listing, shared = profile.listings[like(asset)], ASSETS[like(asset)]
        self._key = f"{seed}/book/{exchange}/{asset}"
        self._shape = DepthShape(listing, shared.price)
        self._index = IndexPath(seed, asset, shared)
        self._premium = Premium(seed, exchange, asset, listing)
        self._noise = Blocks(self._make_noise, 3)
        self._tenth = listing.tick / 10
        self._tenth_size = float(self._tenth)
        self._volume = shared.volume
        self._activity = Blocks(self._make_activity, 3)
        # The last answers: they are asked for again and again at one moment.
        self._book: OrderBook | None = None
        self._stats: MarketStats | None = None
        self.funding = FundingRule(profile, interval_ns, self._premium)
        self.instrument = Instrument(
            id=instrument_id(f"{asset}-PERP", exchange),
            symbol=asset,
            base=asset,
            quote=quote,
            tick_size=listing.tick,
            lot_size=listing.lot,
            fees=fees,
            margin_tiers=shared.margin_tiers,
            funding_interval_ns=interval_ns,
            min_quantity=listing.lot,
            min_notional=profile.min_notional,
            funding_price_base=profile.price_base,
        )

    def book(self, ts_ns: int) -> OrderBook:
        """Return the book, which changes each second."""
        slot = ts_ns // BOOK_NS
        if self._book is None or self._book.sequence != slot:
            mid = self._mid(slot)
            bids, asks = self._shape.levels(self._shape.touch(f"{self._key}/{slot}", mid), mid)
            start_ns = slot * BOOK_NS
            self._book = OrderBook(
                instrument=self.instrument.id,
                bids=bids,
                asks=asks,
                sequence=slot,
                ts_event_ns=start_ns,
                ts_init_ns=start_ns,
            )
        return self._book

    def trades(self, start_ns: int, end_ns: int) -> list[Trade]:
        """Return trades in (start, end], at the best prices of their second."""
        minutes = range((start_ns + 1) // MINUTE_NS, end_ns // MINUTE_NS + 1)
        rows = (trade for minute in minutes for trade in self._minute_trades(minute))
        return [trade for trade in rows if start_ns < trade.ts_event_ns <= end_ns]

    def stats(self, ts_ns: int) -> MarketStats:
        """Return mark (index and premium), index and activity."""
        if self._stats is None or self._stats.ts_event_ns != ts_ns:
            index = self._index.at(ts_ns)
            volume, open_interest = self._activity.get(ts_ns // DAY_NS)
            self._stats = MarketStats(
                instrument=self.instrument.id,
                mark_price=self._price(index * (1.0 + self._premium.at(ts_ns))),
                index_price=self._price(index),
                volume_24h=volume,
                open_interest=open_interest,
                ts_event_ns=ts_ns,
                ts_init_ns=ts_ns,
            )
        return self._stats

    def _minute_trades(self, minute: int) -> list[Trade]:
        count, *draws = uniforms(f"{self._key}/trades/{minute}", 1 + 3 * _MAX_TRADES)
        rows = []
        for index in range(int(count * (_MAX_TRADES + 1))):
            moment, direction, size = draws[3 * index : 3 * index + 3]
            ts_ns = minute * MINUTE_NS + int(moment * 65536) * (MINUTE_NS // 65536)
            slot = ts_ns // BOOK_NS
            mid = self._mid(slot)
            touch = self._shape.touch(f"{self._key}/{slot}", mid)
            side = Side.BUY if direction < 0.5 else Side.SELL
            rows.append(
                Trade(
                    instrument=self.instrument.id,
                    side=side,
                    price=self._shape.price(touch.ask if side is Side.BUY else touch.bid),
                    quantity=self._shape.quantity(1.5 * size * size * self._shape.touch_notional, mid),
                    ts_event_ns=ts_ns,
                    ts_init_ns=ts_ns,
                )
            )
        return sorted(rows, key=lambda trade: trade.ts_event_ns)

    def _mid(self, slot: int) -> float:
        """Return the middle the book is built around: index, premium, and noise of some minutes."""
        ts_ns = slot * BOOK_NS
        minute, rest = divmod(ts_ns, MINUTE_NS)
        before, now = self._minute_noise(minute - 1), self._minute_noise(minute)
        noise = before + (now - before) * (rest / MINUTE_NS)
        return self._index.at(ts_ns) * (1.0 + self._premium.at(ts_ns) + _NOISE * noise)

    def _minute_noise(self, minute: int) -> float:
        block, index = divmod(minute, _BLOCK)
        return self._noise.get(block)[index]

    def _make_noise(self, block: int) -> list[float]:
        return mean_reverting(f"{self._key}/noise", block * _BLOCK, _BLOCK, HALF_LIFE_5_STEPS, 60)

    def _make_activity(self, day: int) -> tuple[Decimal, Decimal]:
        volume = int(self._volume * (0.7 + 0.6 * uniforms(f"{self._key}/volume/{day}", 1)[0]))
        return Decimal(volume), Decimal(volume * 3 // 10)

    def _price(self, price: float) -> Decimal:
        """Return a price in tenths of a tick, as venues publish marks."""
        return self._tenth * round(price / self._tenth_size)


class SeededMarket:
    """Books, trades, prices and funding of one venue, as pure functions of time.

    Venues of one seed share each asset's index whatever their names and profiles; premiums share a
    part. Nothing is stored between calls but caches.

    Args:
        seed: The same for every venue of one world.
        exchange: The venue's name in the configuration.
        profile: Which kind of venue; see `PROFILES`.
        assets: Which of the profile's assets are listed; a number after one, as in `SOL17`, makes another like it.
        fees: Instead of the profile's.
        quote: Collateral currency instead of the profile's.
        interval_ns: Funding interval of every instrument instead of the profile's; it divides a day
            and is a multiple of 5 minutes.

    Raises:
        ValueError: an asset the profile does not have, or an interval that does not fit.
    """

    def __init__(
        self,
        *,
        seed: int,
        exchange: str,
        profile: VenueProfile,
        assets: Sequence[str],
        fees: FeeSchedule | None = None,
        quote: str | None = None,
        interval_ns: int | None = None,
    ) -> None:
        unknown = [asset for asset in assets if like(asset) not in profile.listings]
        if unknown:
            raise ValueError(f"{profile.name} has no {unknown[0]!r}; it has {', '.join(profile.listings)}")
        if interval_ns is not None and (
            interval_ns <= 0 or 24 * HOUR_NS % interval_ns or interval_ns % (5 * MINUTE_NS)
        ):
            raise ValueError("a funding interval divides 24 h and is a multiple of 5 minutes")
        self._seed = seed
        self._listed: dict[InstrumentId, SeededInstrument] = {}
        for asset in assets:
            own = interval_ns or profile.listings[like(asset)].interval_ns or profile.interval_ns
            listed = SeededInstrument(seed, exchange, asset, profile, fees or profile.fees, quote or profile.quote, own)
            self._listed[listed.instrument.id] = listed
        self._instruments = tuple(listed.instrument for listed in self._listed.values())
        self._fx = Blocks(self._make_fx, 3)

    def instruments(self) -> Sequence[Instrument]:
        """Return what is listed."""
        return self._instruments

    def book(self, instrument: InstrumentId, ts_ns: int) -> OrderBook | None:
        """Return others' resting orders; None for what is not listed."""
        listed = self._listed.get(instrument)
        return listed.book(ts_ns) if listed else None

    def trades(self, instrument: InstrumentId, start_ns: int, end_ns: int) -> Sequence[Trade]:
        """Return others' trades in (start, end], oldest first."""
        listed = self._listed.get(instrument)
        return listed.trades(start_ns, end_ns) if listed else ()

    def stats(self, instrument: InstrumentId, ts_ns: int) -> MarketStats | None:
        """Return mark and index price and activity."""
        listed = self._listed.get(instrument)
        return listed.stats(ts_ns) if listed else None

    def usd_rate(self, currency: str, ts_ns: int) -> Decimal | None:
        """Return US dollars per unit: 1 for USD; USDC and USDT stay within some basis points of 1."""
        if currency == "USD":
            return Decimal(1)
        if currency not in ("USDC", "USDT"):
            return None
        hour, rest = divmod(ts_ns, HOUR_NS)
        before, now = self._fx_hour(currency, hour - 1), self._fx_hour(currency, hour)
        level = before + (now - before) * (rest / HOUR_NS)
        return Decimal(round(1_000_000 + 250 * level)).scaleb(-6)

    def next_settlement_ns(self, instrument: InstrumentId, ts_ns: int) -> int | None:
        """Return the first funding settlement after `ts_ns`."""
        listed = self._listed.get(instrument)
        return listed.funding.next_settlement_ns(ts_ns) if listed else None

    def settled_rate(self, instrument: InstrumentId, settlement_ns: int) -> Decimal | None:
        """Return the fraction of notional paid at a settlement."""
        listed = self._listed.get(instrument)
        rate = listed.funding.settled(settlement_ns) if listed else None
        return None if rate is None else _rate(rate)

    def predicted_rate(self, instrument: InstrumentId, ts_ns: int) -> Decimal | None:
        """Return what the venue shows at `ts_ns` for the coming settlement."""
        listed = self._listed.get(instrument)
        return _rate(listed.funding.predicted(ts_ns)) if listed else None

    def _fx_hour(self, currency: str, hour: int) -> float:
        block, index = divmod(hour, _BLOCK)
        return self._fx.get(block)[currency][index]

    def _make_fx(self, block: int) -> dict[str, list[float]]:
        return {
            currency: mean_reverting(f"{self._seed}/fx/{currency}", block * _BLOCK, _BLOCK, HALF_LIFE_36_STEPS, 360)
            for currency in ("USDC", "USDT")
        }


def _rate(rate: float) -> Decimal:
    """Return a rate with ten decimals."""
    return Decimal(round(rate * 10**_RATE_DIGITS)).scaleb(-_RATE_DIGITS)
