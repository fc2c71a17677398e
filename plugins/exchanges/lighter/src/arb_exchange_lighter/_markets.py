"""Lighter's markets as instruments, and their numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from arb.model import (
    HOUR_NS,
    ZERO,
    FeeSchedule,
    Instrument,
    InstrumentId,
    InstrumentStatus,
    MarginTier,
    PriceBase,
    instrument_id,
)
from arb.net import Row, flag, number, positive, row_of, text, whole

from ._fields import maybe_rows

QUOTE: Final = "USDC"
MARGIN_TICK: Final = 10_000
"""Margin fractions count 1e-4 of the notional."""

FEE_TICK: Final = Decimal(1_000_000)
"""Fees of an account and of a trade count 1e-6 of the notional; those of a market are written in percent."""

MAX_BASE: Final = (1 << 48) - 1
MAX_PRICE: Final = (1 << 32) - 1

_THOUSANDS: Final = re.compile(r"(1000{0,4}|k)(?=[A-Z][A-Z0-9]*$)")
_FACTORS: Final[Mapping[str, Decimal]] = MappingProxyType(
    {"k": Decimal(1000), "1000": Decimal(1000), "10000": Decimal(10_000), "1000000": Decimal(1_000_000)}
)
_STATUSES: Final[Mapping[str, InstrumentStatus]] = MappingProxyType(
    {
        "active": InstrumentStatus.TRADING,
        "inactive": InstrumentStatus.SUSPENDED,
        "in-settlement": InstrumentStatus.SUSPENDED,
        "waiting-for-settlement": InstrumentStatus.SUSPENDED,
        "settled": InstrumentStatus.DELISTED,
    }
)
_CURRENCIES: Final = frozenset(
    {"AUD", "BRL", "CAD", "CHF", "CNH", "EUR", "GBP", "HKD", "JPY", "KRW", "MXN", "NZD", "SGD", "TRY", "USD", "ZAR"}
)
_CLASSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("XAU", "XAG", "XPT", "XPD", "XCU", "WTI", "BRENTOIL", "NATGAS"), "commodity"),
        **dict.fromkeys(("SPX", "NDX", "SPY", "QQQ", "IWM", "EWY", "URA"), "index"),
        **dict.fromkeys(
            (
                *("AAPL", "AMZN", "AMD", "ASML", "BABA", "COIN", "CRCL", "GOOGL", "HOOD", "INTC", "META", "MSFT"),
                *("MSTR", "MU", "NFLX", "NVDA", "ORCL", "PLTR", "SNDK", "TSLA", "TSM"),
            ),
            "stock",
        ),
    }
)
"""What the venue lists beside crypto and does not mark as such; `asset_classes` of the settings goes before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """A perpetual market.

    Attributes:
        details: Its row of `orderBookDetails`.
        default_fraction: Initial margin in 1e-4 of the notional while the account has set none.
        least_fraction: The lowest that can be set.
        order_limit: Largest notional of one order.
    """

    market_id: int
    instrument: Instrument
    size_decimals: int
    price_decimals: int
    default_fraction: int
    least_fraction: int
    order_limit: Decimal
    details: Row


def markets_of(
    answer: Row,
    exchange: str,
    *,
    account_fees: FeeSchedule | None,
    asset_classes: Mapping[str, str],
    unreadable: Callable[[str, Exception], None] | None = None,
) -> list[Market]:
    """Return the perpetual markets of `orderBookDetails`.

    Args:
        answer: The whole answer.
        exchange: Its name in the configuration.
        account_fees: Of the account's tier; without it the published ones hold.
        asset_classes: By symbol, from the settings.
        unreadable: Told of a market that cannot be read, which is left out; without it the error is raised.
    """
    found = []
    for row in perpetual_rows(answer):
        try:
            found.append(_market(row, exchange, account_fees, asset_classes))
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            if unreadable is None:
                raise
            unreadable(str(row.get("symbol")), error)
    return found


def perpetual_rows(answer: Row) -> list[Row]:
    """Return the rows of perpetual markets in `orderBookDetails`."""
    return [row for row in maybe_rows(answer["order_book_details"]) if row.get("market_type", "perp") == "perp"]


def name_of(symbol: str, exchange: str) -> InstrumentId:
    """Return our id of a perpetual market by its symbol, listed or not any more."""
    return instrument_id(f"{symbol}-PERP", exchange)


def account_fees(limits: Row) -> FeeSchedule:
    """Return the fees of an account's tier from `accountLimits`."""
    return FeeSchedule(
        maker=number(limits["current_maker_fee_tick"]) / FEE_TICK,
        taker=number(limits["current_taker_fee_tick"]) / FEE_TICK,
    )


def base_of(symbol: str) -> tuple[str, Decimal]:
    """Return the asset of a symbol and how much of it one contract is: `1000PEPE` is PEPE x 1000, `2Z` is 2Z."""
    match = _THOUSANDS.match(symbol)
    factor = None if match is None else _FACTORS.get(match[1])
    return (symbol, Decimal(1)) if match is None or factor is None else (symbol[match.end() :], factor)


def asset_class_of(symbol: str, config: Row, chosen: Mapping[str, str]) -> str:
    """Return what kind of asset a symbol is; a market with trading hours is never crypto."""
    if symbol in chosen:
        return chosen[symbol]
    pair = len(symbol) == 6 and {symbol[:3], symbol[3:]} <= _CURRENCIES
    found = "fx" if pair else _CLASSES.get(symbol, "crypto")
    return "other" if found == "crypto" and config.get("trading_hours") else found


def _market(row: Row, exchange: str, fees: FeeSchedule | None, classes: Mapping[str, str]) -> Market:
    symbol = text(row["symbol"])
    base, multiplier = base_of(symbol)
    config = row_of(row.get("market_config") or {})
    size_decimals, price_decimals = whole(row["size_decimals"]), whole(row["price_decimals"])
    lot, tick = Decimal(1).scaleb(-size_decimals), Decimal(1).scaleb(-price_decimals)
    least = whole(row["min_initial_margin_fraction"])
    tier = MarginTier(
        max_notional=None,
        maintenance_rate=positive(row["maintenance_margin_fraction"]) / MARGIN_TICK,
        max_leverage=Decimal(MARGIN_TICK) / least,
    )
    least_notional = number(row["min_quote_amount"])
    instrument = Instrument(
        id=name_of(symbol, exchange),
        symbol=symbol,
        base=base,
        quote=QUOTE,
        tick_size=tick,
        lot_size=lot,
        fees=_fees(row, fees),
        margin_tiers=(tier,),
        funding_interval_ns=HOUR_NS,
        min_quantity=number(row["min_base_amount"]),
        min_notional=least_notional,
        # Whether closing orders are exempt is not said.
        closing_min_notional=least_notional,
        max_quantity=MAX_BASE * lot,
        multiplier=multiplier,
        funding_price_base=PriceBase.INDEX,
        asset_class=asset_class_of(symbol, config, classes),
        status=_status(row, config),
    )
    return Market(
        market_id=whole(row["market_id"]),
        instrument=instrument,
        size_decimals=size_decimals,
        price_decimals=price_decimals,
        default_fraction=whole(row["default_initial_margin_fraction"]),
        least_fraction=least,
        order_limit=number(row.get("order_quote_limit") or MAX_BASE),
        details=row,
    )


def _fees(row: Row, fees: FeeSchedule | None) -> FeeSchedule:
    """Return the account's fees, else the published ones; a fee that the market does not charge is zero."""
    published = FeeSchedule(maker=number(row["maker_fee"]) / 100, taker=number(row["taker_fee"]) / 100)
    applied = fees or published
    charges_maker, charges_taker = (
        flag(row.get(name, True)) for name in ("is_maker_fee_enabled", "is_taker_fee_enabled")
    )
    return FeeSchedule(
        maker=applied.maker if charges_maker else ZERO,
        taker=applied.taker if charges_taker else ZERO,
    )


def _status(row: Row, config: Row) -> InstrumentStatus:
    status = _STATUSES.get(text(row["status"]), InstrumentStatus.SUSPENDED)
    if status is InstrumentStatus.TRADING and (config.get("force_reduce_only") or config.get("hidden")):
        return InstrumentStatus.REDUCE_ONLY
    return status
