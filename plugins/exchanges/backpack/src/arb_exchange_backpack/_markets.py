"""Backpack's markets as instruments: symbols, denominations, steps, states."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from arb.api import Rejected
from arb.model import (
    BPS,
    MILLISECOND_NS,
    FeeSchedule,
    Instrument,
    InstrumentId,
    InstrumentStatus,
    PriceBase,
    instrument_id,
)
from arb.net import Row, maybe_number, number, positive, reading, rows_of, text, whole

from ._margin import margin_function, margin_tiers

QUOTE: Final = "USDC"
PUBLIC_FEES: Final = FeeSchedule(maker=Decimal("0.0002"), taker=Decimal("0.0005"))
"""The base tier (https://eu.support.backpack.exchange, "Trading fees"), for who asks without a key."""

_THOUSANDS: Final = re.compile(r"k([A-Z0-9]+)")
"""kPEPE, kBONK, kSHIB: one unit is a thousand of the asset. Symbols are case-sensitive."""

_PERPETUAL: Final = re.compile(r"(?P<base>[^_]+)_(?P<quote>[^_]+)_PERP")

_PERPETUALS: Final = "_PERP"
"""How their symbols end; those of other types, such as `BTC_USDC` and `BTC_USD_IPERP`, do not."""

_STATES: Final[Mapping[str, InstrumentStatus]] = MappingProxyType(
    {
        "Open": InstrumentStatus.TRADING,
        # No order that closes at the market can be relied on in these, so nothing is opened.
        "LimitOnly": InstrumentStatus.SUSPENDED,
        "PostOnly": InstrumentStatus.SUSPENDED,
        "CancelOnly": InstrumentStatus.SUSPENDED,
        "Closed": InstrumentStatus.SUSPENDED,
    }
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between which a funding rate lies, as fractions of one interval; the venue writes them in basis points."""

    lower: Decimal | None
    upper: Decimal | None

    def hold(self, rate: Decimal) -> bool:
        """Whether a rate lies between them."""
        return (self.lower is None or rate >= self.lower) and (self.upper is None or rate <= self.upper)


@dataclass(frozen=True, slots=True)
class Market:
    """One perpetual future."""

    instrument: Instrument
    bounds: Bounds


class Listing:
    """Every perpetual future of the venue, by our id and by its symbol.

    A market that an earlier listing had is still found: what is held there has to be closed, also while the venue
    leaves it out or writes it in a way that cannot be read.
    """

    def __init__(
        self, exchange: str, markets: Iterable[Market], unread: Iterable[str] = (), *, before: Listing | None = None
    ) -> None:
        self._exchange = exchange
        self.markets = tuple(markets)
        self.unread: Final = tuple(unread)
        """What of the venue's list could not be read, and why."""
        self._by_id: dict[InstrumentId, Market] = {} if before is None else dict(before._by_id)
        self._by_id.update((each.instrument.id, each) for each in self.markets)
        self._by_symbol = {each.instrument.symbol: each for each in self._by_id.values()}

    def instrument(self, name: InstrumentId) -> Instrument:
        """Return an instrument; raises Rejected for one that is not listed."""
        found = self._by_id.get(name)
        if found is None:
            raise Rejected(f"{name} is not listed", exchange=self._exchange, code="unknown_instrument")
        return found.instrument

    def market(self, symbol: Any) -> Market | None:
        """Return the market of a symbol."""
        return self._by_symbol.get(symbol)


def perpetual(exchange: str, symbol: Any) -> InstrumentId | None:
    """Return our id of a market by its symbol, listed or not any more; None for what is no perpetual future."""
    match = _PERPETUAL.fullmatch(symbol) if isinstance(symbol, str) else None
    if match is None:
        return None
    name = match["base"] if match["quote"] == QUOTE else f"{match['base']}-{match['quote']}"
    return instrument_id(f"{name}-PERP", exchange)


def is_other(symbol: Any) -> bool:
    """Whether a symbol is surely none of a perpetual future as they are traded here."""
    return isinstance(symbol, str) and bool(symbol) and not symbol.upper().endswith(_PERPETUALS)


def required(exchange: str, symbol: Any) -> InstrumentId:
    """Return our id of a market; raises ValueError for what is no perpetual future."""
    found = perpetual(exchange, symbol)
    if found is None:
        raise ValueError(f"{symbol!r} is no perpetual future")
    return found


def listing_of(exchange: str, answer: Any, fees: FeeSchedule, *, before: Listing | None = None) -> Listing:
    """Read the answer of `GET /api/v1/markets`, which continues an earlier one; what cannot be read is left out.

    Raises:
        BadResponse: it is no list of markets, or none of them can be read.
    """
    markets, unread = [], []
    with reading(exchange, "the list of markets"):
        for row in rows_of(answer):
            if row["marketType"] != "PERP":
                continue
            try:
                markets.append(market_of(exchange, row, fees))
            except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
                unread.append(f"{row.get('symbol')}: {error!r}")
        if unread and not markets:
            raise ValueError(f"none of {len(unread)} perpetual futures, such as {unread[0]}")
    return Listing(exchange, markets, unread, before=before)


def market_of(exchange: str, row: Row, fees: FeeSchedule) -> Market:
    """Read one market; raises ValueError or KeyError."""
    symbol, quote = text(row["symbol"]), text(row["quoteSymbol"])
    base, multiplier, asset_class = asset_of(text(row["baseSymbol"]), row.get("rwaMarketType"))
    price, quantity = row["filters"]["price"], row["filters"]["quantity"]
    interval = row.get("fundingInterval")
    instrument = Instrument(
        id=required(exchange, symbol),
        symbol=symbol,
        base=base,
        quote=quote,
        tick_size=positive(price["tickSize"]),
        lot_size=positive(quantity["stepSize"]),
        fees=fees,
        margin_tiers=margin_tiers(margin_function(row["imfFunction"]), margin_function(row["mmfFunction"])),
        funding_interval_ns=None if interval is None else _interval_ns(interval),
        min_quantity=number(quantity["minQuantity"]),
        max_quantity=maybe_number(quantity.get("maxQuantity")),
        multiplier=multiplier,
        funding_price_base=PriceBase.MARK,
        asset_class=asset_class,
        status=_status(row),
    )
    return Market(
        instrument, Bounds(_bound(row.get("fundingRateLowerBound")), _bound(row.get("fundingRateUpperBound")))
    )


def asset_of(symbol: str, kind: Any = None) -> tuple[str, Decimal, str]:
    """Return the asset behind a base symbol, how many of it one contract holds, and its class.

    `AMZN.US` is a share. `rwaMarketType` (STOCK, INDEX, COMMODITY, FX) names the class where the venue gives it.
    """
    asset_class = kind.lower() if isinstance(kind, str) and kind else "stock" if "." in symbol else "crypto"
    thousands = _THOUSANDS.fullmatch(symbol)
    if thousands is not None:
        return thousands[1], Decimal(1000), asset_class
    return (symbol.partition(".")[0] if asset_class == "stock" else symbol), Decimal(1), asset_class


def _status(row: Row) -> InstrumentStatus:
    if not row.get("visible", True):
        return InstrumentStatus.DELISTED
    return _STATES.get(row["orderBookState"], InstrumentStatus.SUSPENDED)


def _interval_ns(value: Any) -> int:
    interval_ns = whole(value) * MILLISECOND_NS
    if interval_ns <= 0:
        raise ValueError(f"funding interval {value!r}")
    return interval_ns


def _bound(value: Any) -> Decimal | None:
    bound = maybe_number(value)
    return None if bound is None else bound * BPS


def fees_of(answer: Row) -> FeeSchedule:
    """Read the account's own tier of `GET /api/v1/account`: basis points, a rebate is negative."""
    return FeeSchedule(maker=number(answer["futuresMakerFee"]) * BPS, taker=number(answer["futuresTakerFee"]) * BPS)
