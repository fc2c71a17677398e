"""What may be risked, and why something was refused."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskLimits:
    """Bounds set by the owner. Notionals are gross, in US dollars.

    Attributes:
        max_hedge_notional_usd: Of one leg of one hedge.
        max_instrument_notional_usd: Of one instrument, what is held there included.
        max_exchange_notional_usd: Of everything on one exchange.
        max_pair_notional_usd: Of both legs of all hedges between the same exchanges.
        max_total_notional_usd: Of everything everywhere.
        max_hedges: Hedges not yet closed.
        max_leverage: Notional over equity, of each account.
        min_liquidation_distance: Smallest fraction a price may move against an account before it is
            liquidated, right after the entry: by our own formula, and by the venue's own price.
        min_available_margin: Smallest share of the equity that new orders could still use after the entry.
        max_maintenance_ratio: Maintenance margin over equity after the entry; at 1 the venue liquidates.
        max_mark_divergence_bps: Between the legs' prices per base unit: mids, and marks where known.
        max_depeg_bps: Of a leg's quote currency from one dollar.
        max_price_age_ns: Of the mid prices.
        max_account_age_ns: Of what was read of the accounts that the plan uses.
    """

    max_hedge_notional_usd: Decimal
    max_instrument_notional_usd: Decimal
    max_exchange_notional_usd: Decimal
    max_pair_notional_usd: Decimal
    max_total_notional_usd: Decimal
    max_hedges: int
    max_leverage: Decimal
    min_liquidation_distance: Decimal
    min_available_margin: Decimal
    max_maintenance_ratio: Decimal
    max_mark_divergence_bps: Decimal
    max_depeg_bps: Decimal
    max_price_age_ns: int
    max_account_age_ns: int


class RefusalCode(StrEnum):
    """Why no risk may be opened. Stable: events and `arb explain` show it."""

    HALTED = "halted"
    NOT_NEUTRAL = "not_neutral"
    NOT_TRADING = "not_trading"
    PRICE_UNKNOWN = "price_unknown"
    """Also one that is too old."""
    QUOTE_UNKNOWN = "quote_unknown"
    """What the quote currency is worth in dollars."""
    DEPEG = "depeg"
    PRICE_DIVERGENCE = "price_divergence"
    MARK_DIVERGENCE = "mark_divergence"
    HEDGE_NOTIONAL = "hedge_notional"
    INSTRUMENT_NOTIONAL = "instrument_notional"
    EXCHANGE_NOTIONAL = "exchange_notional"
    PAIR_NOTIONAL = "pair_notional"
    TOTAL_NOTIONAL = "total_notional"
    HEDGE_COUNT = "hedge_count"
    EQUITY_UNKNOWN = "equity_unknown"
    """Also an account that was not read, or too long ago."""
    MARGIN_UNKNOWN = "margin_unknown"
    """Available margin, or the leverage and margin mode that the venue has set."""
    LEVERAGE = "leverage"
    AVAILABLE_MARGIN = "available_margin"
    MAINTENANCE_RATIO = "maintenance_ratio"
    LIQUIDATION_DISTANCE = "liquidation_distance"
    LIQUIDATION_UNKNOWN = "liquidation_unknown"
    """Of an open position: neither the venue nor our own formula tells."""
    NOT_COMPUTABLE = "not_computable"
    """A venue's number, such as one of its margin rules, is none."""
    NOT_ITS_LEG = "not_its_leg"
    """The order belongs to no leg of its hedge, or to a hedge that is not being opened."""
    LEG_TARGET = "leg_target"
    VETOED = "vetoed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One broken limit, with the number that broke it.

    Attributes:
        subject: The asset, instrument, exchange or pair it is about.
        note: What else a person should know; empty for most.
    """

    code: RefusalCode
    subject: str
    value: Decimal | None = None
    limit: Decimal | None = None
    note: str = ""

    def __str__(self) -> str:
        numbers = "" if self.value is None else f": {self.value:.6g}, limit {self.limit}"
        note = f": {self.note}" if self.note else ""
        return f"{self.code} ({self.subject}){numbers}{note}"
