"""One venue as a function of time, from recorded funding rates and hourly candles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from arb.api import ConfigError
from arb.model import (
    DAY_NS,
    MINUTE_NS,
    BookLevel,
    FeeSchedule,
    Instrument,
    InstrumentId,
    MarginTier,
    MarketStats,
    OrderBook,
    Side,
    Trade,
    floor_to,
    instrument_id,
    parse_utc,
)

from ._replay_candles import Candle, CandleSeries
from ._replay_costs import MarketCosts, build_book, read_costs
from ._replay_schedule import FundingSchedule
from ._replay_settings import VENUE_DEFAULTS, AssetRules, ReplaySettings
from ._replay_tables import Row, Window, read_series

_Levels = tuple[tuple[BookLevel, ...], tuple[BookLevel, ...]]

_EARLIEST_NS: Final = parse_utc("1970-01-01")
_LATEST_NS: Final = parse_utc("2200-01-01")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedAsset:
    """What one instrument's answers are made from."""

    instrument: Instrument
    candles: CandleSeries
    funding: FundingSchedule
    costs: MarketCosts


class FundingReplayMarket:
    """Implements :class:`Market` from recordings; see `docs/explanation/time.md` for what is assumed.

    Mark and index price are the candle price. The book has the measured median costs around that
    price, new each minute. The predicted rate is the rate settled last: naive, but nothing that
    was not known. Trades are made from a candle's open, extremes and close, and show when its hour
    has ended; a resting order placed within the hour can be filled by an extreme before it.
    """

    def __init__(self, assets: Sequence[ReplayedAsset], *, usd_rate: Decimal) -> None:
        self._assets = {asset.instrument.id: asset for asset in assets}
        self._instruments = tuple(asset.instrument for asset in assets)
        self._usd_rate = usd_rate
        self._quotes = {instrument.quote for instrument in self._instruments}
        # The last book of each instrument: the price is the same for an hour. A cache, no state.
        self._books: dict[InstrumentId, tuple[Decimal, _Levels]] = {}

    def instruments(self) -> Sequence[Instrument]:
        """Return what is listed; the funding interval is None unless three quarters of the record agree on one."""
        return self._instruments

    def funding_interval_ns(self, instrument: InstrumentId, ts_ns: int) -> int | None:
        """Return the interval in force by the settlements up to `ts_ns` (handbook C1 rule 4); None when unclear."""
        return self._assets[instrument].funding.interval_ns(ts_ns)

    def book(self, instrument: InstrumentId, ts_ns: int) -> OrderBook | None:
        """Return the depth that costs what was measured; None when the price is not known."""
        asset = self._assets.get(instrument)
        price = asset.candles.price(ts_ns) if asset else None
        if asset is None or price is None:
            return None
        known = self._books.get(instrument)
        if known is None or known[0] != price:
            rules = asset.instrument
            levels = build_book(price, asset.costs, tick=rules.tick_size, lot=rules.lot_size, usd_rate=self._usd_rate)
            known = self._books[instrument] = (price, levels)
        minute = ts_ns // MINUTE_NS
        return OrderBook(
            instrument=instrument,
            bids=known[1][0],
            asks=known[1][1],
            sequence=minute,
            ts_event_ns=minute * MINUTE_NS,
            ts_init_ns=ts_ns,
        )

    def trades(self, instrument: InstrumentId, start_ns: int, end_ns: int) -> Sequence[Trade]:
        """Return the trades made from the candles whose hour ended in (start, end]."""
        asset = self._assets.get(instrument)
        if asset is None:
            return []
        return [
            trade
            for candle in asset.candles.ended_in(start_ns, end_ns)
            for trade in _trades_of(candle, asset.instrument)
        ]

    def stats(self, instrument: InstrumentId, ts_ns: int) -> MarketStats | None:
        """Return the price as mark and index, and the volume of the last 24 whole hours."""
        asset = self._assets.get(instrument)
        price = asset.candles.price(ts_ns) if asset else None
        if asset is None or price is None:
            return None
        return MarketStats(
            instrument=instrument,
            mark_price=price,
            index_price=price,
            volume_24h=asset.candles.turnover_24h(ts_ns),
            open_interest=None,
            ts_event_ns=ts_ns,
            ts_init_ns=ts_ns,
        )

    def usd_rate(self, currency: str, ts_ns: int) -> Decimal | None:
        """Return the configured rate; None for a currency nothing here is quoted in."""
        return self._usd_rate if currency in self._quotes else None

    def next_settlement_ns(self, instrument: InstrumentId, ts_ns: int) -> int | None:
        """Return the first settlement after `ts_ns`, missed ones included; None after the record."""
        asset = self._assets.get(instrument)
        return asset.funding.next_ns(ts_ns) if asset else None

    def settled_rate(self, instrument: InstrumentId, settlement_ns: int) -> Decimal | None:
        """Return the recorded rate; None when it was not recorded."""
        asset = self._assets.get(instrument)
        return asset.funding.rate(settlement_ns) if asset else None

    def predicted_rate(self, instrument: InstrumentId, ts_ns: int) -> Decimal | None:
        """Return the rate settled last; None when that one was not recorded."""
        asset = self._assets.get(instrument)
        return asset.funding.last_rate(ts_ns) if asset else None


def open_replay_market(settings: ReplaySettings, exchange: str) -> FundingReplayMarket:
    """Read what `settings` name for the exchange of that name in the configuration.

    Raises:
        ConfigError: a file, a venue, an asset or a default is missing, or the data is not usable.
    """
    try:
        return _open(settings, exchange)
    except ConfigError as error:
        raise ConfigError(f"exchange {exchange}: {error}") from error


def _open(settings: ReplaySettings, exchange: str) -> FundingReplayMarket:
    candles_in, funding_in = _windows(settings)
    candle_rows = read_series(
        settings.path(settings.candles),
        venue=settings.venue,
        coins=settings.assets,
        numbers=("o", "h", "l", "c", "v"),
        window=candles_in,
    )
    funding_rows = read_series(
        settings.path(settings.funding),
        venue=settings.venue,
        coins=settings.assets,
        numbers=("funding_rate",),
        window=funding_in,
    )
    measured = {asset: settings.costs_assets.get(asset, asset) for asset in settings.assets}
    costs = read_costs(
        settings.path(settings.costs),
        venue=settings.costs_venue or settings.venue,
        assets=sorted(set(measured.values())),
    )
    assets = []
    for name in settings.assets:
        try:
            candles = CandleSeries(_candles(candle_rows[name], _volume_unit(settings, name)))
            funding = FundingSchedule([(row.ts_ns, row.values[0]) for row in funding_rows[name]])
            instrument = _instrument(settings, exchange, name, candles, funding)
        except ConfigError as error:
            raise ConfigError(f"{name} on {settings.venue}: {error}") from error
        assets.append(
            ReplayedAsset(instrument=instrument, candles=candles, funding=funding, costs=costs[measured[name]])
        )
    return FundingReplayMarket(assets, usd_rate=settings.usd_rate)


def _windows(settings: ReplaySettings) -> tuple[Window, Window]:
    start = _EARLIEST_NS if settings.start is None else max(settings.start - settings.history, _EARLIEST_NS)
    end = _LATEST_NS if settings.end is None else settings.end
    # Venues publish their schedule in advance: the settlement after the last candle is known.
    return Window(start, end), Window(start, min(end + DAY_NS, _LATEST_NS))


def _volume_unit(settings: ReplaySettings, asset: str) -> Decimal:
    defaults = VENUE_DEFAULTS.get(settings.venue)
    return settings.volume_units.get(asset) or (defaults.volume_units.get(asset) if defaults else None) or Decimal(1)


def _candles(rows: Sequence[Row], volume_unit: Decimal) -> list[Candle]:
    candles = []
    for row in rows:
        first, high, low, last, volume = row.values
        # A candle without its prices is a gap, not a price of zero.
        if first is not None and high is not None and low is not None and last is not None:
            candles.append(Candle(row.ts_ns, first, high, low, last, None if volume is None else volume * volume_unit))
    return candles


def _instrument(
    settings: ReplaySettings, exchange: str, asset: str, candles: CandleSeries, funding: FundingSchedule
) -> Instrument:
    defaults = VENUE_DEFAULTS.get(settings.venue)
    maker, taker, quote = settings.maker_fee, settings.taker_fee, settings.quote
    if defaults is not None:
        maker = defaults.maker if maker is None else maker
        taker = defaults.taker if taker is None else taker
        quote = quote or defaults.quote
    if maker is None or taker is None or not quote:
        raise ConfigError("no defaults are known for this venue: give quote, maker_fee and taker_fee")
    rules = settings.rules.get(asset) or AssetRules()
    tick = rules.tick_size or candles.tick_size()
    if tick is None:
        raise ConfigError("the window holds no candles, or no price step shows in them: give rules with a tick_size")
    return Instrument(
        id=instrument_id(f"{asset}-PERP", exchange),
        symbol=asset,
        base=asset,
        quote=quote,
        tick_size=tick,
        lot_size=rules.lot_size or candles.lot_size(),
        min_notional=settings.min_notional if rules.min_notional is None else rules.min_notional,
        fees=FeeSchedule(maker=maker, taker=taker),
        margin_tiers=tuple(
            MarginTier(
                max_notional=tier.max_notional,
                maintenance_rate=tier.maintenance_rate,
                max_leverage=tier.max_leverage,
            )
            for tier in settings.margin_tiers
        ),
        funding_interval_ns=funding.usual_interval_ns,
    )


def _trades_of(candle: Candle, instrument: Instrument) -> Sequence[Trade]:
    """Return four trades of a quarter of the volume each: open, the extreme against the move, the other, close."""
    quantity = floor_to((candle.volume or Decimal(0)) / 4, instrument.lot_size)
    if not quantity:
        return []
    rising = candle.close >= candle.open
    path = (candle.open, *((candle.low, candle.high) if rising else (candle.high, candle.low)), candle.close)
    trades, before = [], candle.open
    for price in path:
        trades.append(
            Trade(
                instrument=instrument.id,
                side=Side.BUY if price > before or (price == before and rising) else Side.SELL,
                price=price,
                quantity=quantity,
                ts_event_ns=candle.end_ns,
                ts_init_ns=candle.end_ns,
            )
        )
        before = price
    return trades
