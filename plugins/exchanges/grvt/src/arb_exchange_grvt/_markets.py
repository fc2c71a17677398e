"""GRVT's instruments as ours: symbols, denominations, steps, margin brackets, fees."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from arb.api import Rejected
from arb.model import (
    HOUR_NS,
    FeeSchedule,
    Instrument,
    InstrumentId,
    MarginTier,
    PriceBase,
    instrument_id,
)
from arb.net import BAD_SHAPE, Row, maybe_number, number, positive, reading, row_of, rows_of, text, whole

QUOTE: Final = "USDT"
PERPETUAL: Final = "PERPETUAL"
PUBLIC_FEES: Final = FeeSchedule(maker=Decimal(0), taker=Decimal("0.00045"))
"""For who asks without a key, or is told no tier: 0.045 % is what a recorded fill of 2026-01-02 paid."""

FEE_UNIT: Final = Decimal("0.000001")
"""A hundredth of a basis point, in which the venue writes fees of a tier."""

_THOUSANDS: Final = frozenset({"KPEPE", "KSHIB", "KBONK", "KFLOKI", "KLUNC"})
"""One unit is a thousand of the asset. KAITO, KAS and KSM are assets of that name."""

_DIGITS: Final = re.compile(r"(1000{0,3})([A-Z][A-Z0-9]*)")
_SYMBOL: Final = re.compile(r"(?P<base>[^_]+)_(?P<quote>[^_]+)_Perp")
_LEAST_LEVERAGE: Final = Decimal(1)

_CLASSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("XAU", "XAG", "XPT", "XPD", "XCU", "WTI", "BRENT", "NATGAS"), "commodity"),
        **dict.fromkeys(("SPX", "SPX500", "NDX", "NAS100", "SPY", "QQQ"), "index"),
        **dict.fromkeys(
            (
                *("AAPL", "AMZN", "AMD", "ASML", "BABA", "COIN", "CRCL", "GOOGL", "HOOD", "INTC", "META", "MSFT"),
                *("MSTR", "MU", "NFLX", "NVDA", "ORCL", "PLTR", "SNDK", "TSLA", "TSM"),
            ),
            "stock",
        ),
    }
)
"""What the venue lists beside crypto and does not mark as such; `asset_classes` of the settings goes before it.
The words are those of the other exchanges' plugins, since markets of two words never meet. PAXG is a token: crypto."""


@dataclass(frozen=True, slots=True)
class Market:
    """One perpetual future, and what of it is signed or checked.

    Attributes:
        asset_id: `instrument_hash`, which stands for it in what is signed.
        base_decimals: How sizes are scaled in what is signed.
        base: The venue's own name of the base, by which it filters.
        cap: Of a funding rate of one interval, in the venue's unit; None where it states none.
        floor: The lower one.
    """

    instrument: Instrument
    asset_id: str
    base_decimals: int
    base: str
    cap: Decimal | None
    floor: Decimal | None

    def holds(self, rate: Decimal) -> bool:
        """Whether a funding rate lies within the bounds that the venue states."""
        return (self.cap is None or rate <= self.cap) and (self.floor is None or rate >= self.floor)


class Listing:
    """Every perpetual future of the venue, by our id and by its symbol.

    A market that an earlier listing had is still found: what is held there has to be closed.
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

    def of(self, name: InstrumentId) -> Market:
        """Return a market; raises Rejected for one that is not listed."""
        found = self._by_id.get(name)
        if found is None:
            raise Rejected(f"{name} is not listed", exchange=self._exchange, code="unknown_instrument")
        return found

    def by_symbol(self, symbol: Any) -> Market | None:
        """Return the market of a symbol."""
        return self._by_symbol.get(symbol)


def perpetual(exchange: str, symbol: Any) -> InstrumentId | None:
    """Return our id of a market by its symbol, listed or not any more; None for what is no perpetual future."""
    match = _SYMBOL.fullmatch(symbol) if isinstance(symbol, str) else None
    if match is None:
        return None
    name = match["base"] if match["quote"] == QUOTE else f"{match['base']}-{match['quote']}"
    return instrument_id(f"{name}-PERP", exchange)


def required(exchange: str, symbol: Any) -> InstrumentId:
    """Return our id of a market; raises ValueError for what is no perpetual future."""
    found = perpetual(exchange, symbol)
    if found is None:
        raise ValueError(f"{symbol!r} is no perpetual future")
    return found


def perpetual_rows(exchange: str, answer: Any) -> list[Row]:
    """Return the rows of perpetual futures in the answer of `all_instruments`; raises BadResponse."""
    with reading(exchange, "the list of instruments"):
        return [row for row in rows_of(row_of(answer)["result"]) if row["kind"] == PERPETUAL]


def listing_of(
    exchange: str,
    rows: Iterable[Row],
    tiers: Mapping[str, tuple[MarginTier, ...]],
    fees: FeeSchedule,
    classes: Mapping[str, str],
    *,
    before: Listing | None = None,
) -> Listing:
    """Read the rows of the listing, which continues an earlier one; what cannot be read is left out.

    Args:
        exchange: Our name of it.
        rows: Of `all_instruments`.
        tiers: By symbol, from `margin_rules`; a market without is left out.
        fees: Of the account.
        classes: By base, from the settings.
        before: What was read last.

    Raises:
        BadResponse: none of them can be read.
    """
    markets, unread = [], []
    with reading(exchange, "the list of instruments"):
        for row in rows:
            try:
                markets.append(market_of(exchange, row, tiers[row["instrument"]], fees, classes))
            except BAD_SHAPE as error:
                unread.append(f"{row.get('instrument')}: {error!r}")
        if unread and not markets:
            raise ValueError(f"none of {len(unread)} perpetual futures, such as {unread[0]}")
    return Listing(exchange, markets, unread, before=before)


def market_of(
    exchange: str, row: Row, tiers: tuple[MarginTier, ...], fees: FeeSchedule, classes: Mapping[str, str]
) -> Market:
    """Read one instrument; raises ValueError or KeyError.

    The step of a size is `min_size`, not that of `base_decimals`, and the minimum notional is asked of orders that
    close as well (code 2067).
    """
    symbol, venue_base, quote = text(row["instrument"]), text(row["base"]), text(row["quote"])
    base, multiplier = asset_of(venue_base)
    least, notional = positive(row["min_size"]), maybe_number(row.get("min_notional")) or Decimal(0)
    asset_id = text(row["instrument_hash"])
    int(asset_id, 16)
    hours = row.get("funding_interval_hours")
    instrument = Instrument(
        id=required(exchange, symbol),
        symbol=symbol,
        base=base,
        quote=quote,
        tick_size=positive(row["tick_size"]),
        lot_size=least,
        fees=fees,
        margin_tiers=tiers,
        funding_interval_ns=interval_ns(hours) if hours not in (None, "") else None,
        min_quantity=least,
        min_notional=notional,
        closing_min_notional=notional,
        max_quantity=maybe_number(row.get("max_position_size")) or None,
        multiplier=multiplier,
        funding_price_base=PriceBase.MARK,
        asset_class=classes.get(venue_base, _CLASSES.get(base, "crypto")),
    )
    return Market(
        instrument=instrument,
        asset_id=asset_id,
        base_decimals=whole(row["base_decimals"]),
        base=venue_base,
        cap=maybe_number(row.get("adjusted_funding_rate_cap")),
        floor=maybe_number(row.get("adjusted_funding_rate_floor")),
    )


def asset_of(symbol: str) -> tuple[str, Decimal]:
    """Return the asset behind a base, and how many of it one contract holds."""
    if symbol in _THOUSANDS:
        return symbol[1:], Decimal(1000)
    digits = _DIGITS.fullmatch(symbol)
    return (digits[2], Decimal(digits[1])) if digits is not None else (symbol, Decimal(1))


def interval_ns(hours: Any) -> int | None:
    """Return the time between two settlements; 0 hours stand for one that is not known."""
    found = whole(hours)
    if found < 0:
        raise ValueError(f"a funding interval of {hours!r} hours")
    return found * HOUR_NS or None


def tiers_of(answer: Any) -> tuple[MarginTier, ...]:
    """Read the answer of `margin_rules`: brackets by notional, the last one without an end; raises ValueError."""
    rows = sorted(rows_of(row_of(answer)["risk_brackets"]), key=lambda row: number(row["notional_floor"]))
    tiers = []
    for place, row in enumerate(rows):
        cap = maybe_number(row.get("notional_cap"))
        initial = positive(row["initial_margin_rate"])
        is_last = place == len(rows) - 1
        tiers.append(
            MarginTier(
                max_notional=None if is_last else cap,
                maintenance_rate=positive(row["maintenance_margin_rate"]),
                # The venue states the whole number below 1 / initial; what it lets be set is no more.
                max_leverage=max(
                    _LEAST_LEVERAGE, min(1 / initial, maybe_number(row.get("max_leverage")) or 1 / initial)
                ),
            )
        )
        if not is_last and cap is None:
            raise ValueError("a bracket without an end before the last")
    if not tiers:
        raise ValueError("no bracket at all")
    return tuple(tiers)


def fees_of(answer: Any) -> FeeSchedule | None:
    """Read the account's tier in the answer of `funding_account_summary`; None where the venue tells none."""
    tier = row_of(answer).get("tier")
    if not isinstance(tier, dict) or tier.get("futures_taker_fee") is None or tier.get("futures_maker_fee") is None:
        return None
    return FeeSchedule(
        maker=number(tier["futures_maker_fee"]) * FEE_UNIT, taker=number(tier["futures_taker_fee"]) * FEE_UNIT
    )
