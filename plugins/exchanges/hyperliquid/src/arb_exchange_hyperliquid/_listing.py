"""What is listed: instruments made of the venue's `meta`, and their numbers in orders."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Context, Decimal
from typing import Any, Final, NamedTuple

from arb.api import BadResponse, Rejected
from arb.model import (
    HOUR_NS,
    FeeSchedule,
    Instrument,
    InstrumentId,
    InstrumentStatus,
    MarginTier,
    PriceBase,
    instrument_id,
)
from arb.net import BAD_SHAPE, maybe_positive, number, text, whole

from ._precision import PERP_DECIMALS, lot, price_step

MIN_NOTIONAL: Final = Decimal(10)
"""US dollars (documentation, "Error responses": minTradeNtl)."""

BASE_FEES: Final = FeeSchedule(maker=Decimal("0.00015"), taker=Decimal("0.00045"))
"""The lowest tier, for whoever gives no account."""

USDC: Final = "USDC"
_USDC_TOKEN: Final = 0
_THOUSAND: Final = re.compile(r"k([A-Z0-9]+)")
_FLAT_TABLES: Final = 50
"""A margin table of a smaller id has one tier of that leverage, and is not listed."""

_DEX_ASSETS: Final = 110_000
_PER_DEX: Final = 10_000
_UP: Final = Context(prec=12, rounding=ROUND_CEILING)


@dataclass(frozen=True, slots=True)
class Market:
    """One perpetual.

    Attributes:
        asset: Its number in orders.
        dex: Empty for the venue's own.
    """

    instrument: Instrument
    asset: int
    sz_decimals: int
    dex: str

    @property
    def coin(self) -> str:
        """Return the venue's name, such as `kPEPE` or `xyz:TSLA`."""
        return self.instrument.symbol

    @property
    def is_open(self) -> bool:
        """Return whether it has a book."""
        return self.instrument.status is not InstrumentStatus.DELISTED


class Coin(NamedTuple):
    """What is sure of a perpetual, listed or not, by the names of :class:`arb.model.Instrument`."""

    id: InstrumentId
    symbol: str
    quote: str


class Listing:
    """Every market that is read, by our name and by the venue's.

    A market that an earlier listing had is still found, so that what is held there can be closed.
    """

    def __init__(self, markets: Sequence[Market], exchange: str, *, before: Listing | None = None) -> None:
        """Continue an earlier listing.

        Raises:
            ValueError: a coin is listed twice, or its number is not the one it had: the number is its place in the
                venue's list, so one row that is missing would let orders reach the market of another coin.
        """
        self._exchange = exchange
        self._markets = tuple(markets)
        self._by_id: dict[InstrumentId, Market] = {} if before is None else dict(before._by_id)
        self._by_coin: dict[str, Market] = {} if before is None else dict(before._by_coin)
        for market in markets:
            known = self._by_coin.get(market.coin)
            if known is not None and known.asset != market.asset:
                raise ValueError(f"{market.coin} has the numbers {known.asset} and {market.asset}")
            self._by_id[market.instrument.id] = market
            self._by_coin[market.coin] = market

    def __iter__(self) -> Iterator[Market]:
        return iter(self._markets)

    def of_id(self, instrument: InstrumentId) -> Market:
        """Return a market; raises Rejected when it is not listed."""
        market = self._by_id.get(instrument)
        if market is None:
            raise Rejected(f"{instrument} is not listed", exchange=self._exchange, code="unknown_instrument")
        return market

    def of_coin(self, coin: Any) -> Market | None:
        """Return the market of a name; None for one of a dex that is not read, for spot, and for what is new."""
        return self._by_coin.get(coin)

    def needs(self, coin: Any, dexes: Sequence[str]) -> bool:
        """Return whether a name that is not known has to be: a perpetual of a dex that is read.

        Spot pairs are called `@107` or `PURR/USDC`, outcomes `#12` or `+12`, a dex's own `dex:COIN`.
        """
        if not isinstance(coin, str) or not coin:
            raise BadResponse(f"{coin!r} is no coin", exchange=self._exchange, code="bad_shape")
        if coin in self._by_coin or coin[0] in "@#+" or "/" in coin:
            return False
        dex, _, name = coin.partition(":")
        return not name or dex in dexes

    def quote_beside(self, coin: str) -> str | None:
        """Return the collateral of a coin's dex, which all of its markets share; None while it lists none."""
        dex = dex_of(coin)
        return next((market.instrument.quote for market in self._by_coin.values() if market.dex == dex), None)


@dataclass(frozen=True, slots=True)
class Dex:
    """A dex as its markets are read: name, the number of its first asset, and the name of its collateral."""

    name: str
    first_asset: int
    collateral: str


def id_of(coin: str, exchange: str) -> InstrumentId:
    """Return our name of a coin; raises ValueError for none."""
    return instrument_id(f"{coin}-PERP", exchange)


def dex_of(coin: str) -> str:
    """Return the dex of a coin by its name; empty for the venue's own."""
    dex, _, name = coin.partition(":")
    return dex if name else ""


def dex_numbers(answer: Sequence[Any]) -> dict[str, int]:
    """Return the number of the first asset of each builder's dex; the first row of `perpDexs` is the main one's."""
    return {row["name"]: _DEX_ASSETS + _PER_DEX * place for place, row in enumerate(answer[1:]) if row is not None}


def collateral_name(token: int, spot_meta: Mapping[str, Any] | None) -> str:
    """Return what a collateral token is called; raises KeyError when it is not listed."""
    if token == _USDC_TOKEN:
        return USDC
    names = {whole(row["index"]): str(row["name"]) for row in (spot_meta or {"tokens": ()})["tokens"]}
    return names[token]


def account_fees(answer: Mapping[str, Any]) -> FeeSchedule:
    """Read `userFees`: the account's own rates on the main dex."""
    return FeeSchedule(maker=number(answer["userAddRate"]), taker=number(answer["userCrossRate"]))


def markets(answer: Sequence[Any], dex: Dex, fees: FeeSchedule, exchange: str) -> tuple[list[Market], list[str]]:
    """Read `metaAndAssetCtxs`: coins and their state, joined by position.

    A coin that cannot be read is left out, and does not move the numbers of the others.

    Returns:
        The markets, and what is left out with the reason.

    Raises:
        ValueError: none can be read, or coins and states are not as many.
    """
    meta, states = answer
    universe = meta["universe"]
    if len(universe) != len(states):
        raise ValueError(f"{len(universe)} coins with {len(states)} states")
    tables = {whole(table): rows["marginTiers"] for table, rows in meta.get("marginTables", ())}
    charged = fees if not dex.name else _doubled(fees)
    found, unread = [], []
    for place, (row, state) in enumerate(zip(universe, states, strict=True)):
        try:
            instrument = _instrument(row, state, dex, charged, tables, exchange)
            found.append(Market(instrument, dex.first_asset + place, whole(row["szDecimals"]), dex.name))
        except BAD_SHAPE as error:
            unread.append(f"{row.get('name') if isinstance(row, dict) else row!r}: {error!r}")
    if unread and not found:
        raise ValueError(f"none of {len(unread)} coins, such as {unread[0]}")
    return found, unread


def _instrument(
    row: Mapping[str, Any],
    state: Mapping[str, Any],
    dex: Dex,
    fees: FeeSchedule,
    tables: Mapping[int, Any],
    exchange: str,
) -> Instrument:
    coin, decimals = text(row["name"]), whole(row["szDecimals"])
    base, multiplier = base_of(coin)
    shown = next(filter(None, (maybe_positive(state.get(name)) for name in ("midPx", "markPx", "oraclePx"))), None)
    finest = Decimal(1).scaleb(decimals - PERP_DECIMALS)
    return Instrument(
        id=id_of(coin, exchange),
        symbol=coin,
        base=base,
        quote=dex.collateral,
        tick_size=finest if shown is None else price_step(shown, decimals),
        lot_size=lot(decimals),
        fees=fees,
        margin_tiers=margin_tiers(row, tables),
        funding_interval_ns=HOUR_NS,
        min_quantity=lot(decimals),
        min_notional=MIN_NOTIONAL,
        multiplier=multiplier,
        funding_price_base=PriceBase.ORACLE,
        asset_class=f"hip3:{dex.name}" if dex.name else "crypto",
        status=InstrumentStatus.DELISTED if row.get("isDelisted") else InstrumentStatus.TRADING,
    )


def base_of(coin: str) -> tuple[str, Decimal]:
    """Return the asset of a coin and how many of it one contract is: `kPEPE` is a thousand PEPE."""
    name = coin.partition(":")[2] or coin
    thousand = _THOUSAND.fullmatch(name)
    return (thousand[1], Decimal(1000)) if thousand else (name, Decimal(1))


def margin_tiers(row: Mapping[str, Any], tables: Mapping[int, Any]) -> tuple[MarginTier, ...]:
    """Return the tiers of a coin; maintenance is half of the initial margin at the tier's highest leverage.

    Source: documentation, "Margin tiers". What the venue takes off a larger tier's maintenance margin is left
    out, so ours is never too small.
    """
    leverage, table = Decimal(whole(row["maxLeverage"])), row.get("marginTableId")
    tiers = tables.get(table, ()) if isinstance(table, int) and table >= _FLAT_TABLES else ()
    bounds = [(number(tier["lowerBound"]), Decimal(whole(tier["maxLeverage"]))) for tier in tiers]
    if not bounds:
        return (_tier(None, leverage),)
    ends = [lower for lower, _ in bounds[1:]]
    return tuple(_tier(end, most) for end, (_, most) in zip([*ends, None], bounds, strict=True))


def _tier(most: Decimal | None, leverage: Decimal) -> MarginTier:
    return MarginTier(max_notional=most, maintenance_rate=_UP.divide(Decimal(1), 2 * leverage), max_leverage=leverage)


def _doubled(fees: FeeSchedule) -> FeeSchedule:
    """Return the fees of a builder's dex: twice the venue's; a rebate is not taken for granted there."""
    return FeeSchedule(maker=max(fees.maker, 2 * fees.maker), taker=max(fees.taker, 2 * fees.taker))
