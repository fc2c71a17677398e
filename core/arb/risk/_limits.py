"""What may be risked, and why a plan was refused."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from arb.model import ExchangeName, Instrument, Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskLimits:
    """Upper bounds set by the owner.

    Attributes:
        max_hedge_notional_usd: Of one leg of one hedge.
        max_exchange_notional_usd: Gross, of all legs on one exchange.
        max_total_notional_usd: Gross, of all legs everywhere.
        max_hedges: Hedges not yet closed.
        max_leverage: Gross notional over equity, of each account.
        min_liquidation_distance: Smallest fraction a price may move against an account before it
            is liquidated, right after the entry.
        max_mark_divergence_bps: Between the legs' prices per base unit.
    """

    max_hedge_notional_usd: Decimal
    max_exchange_notional_usd: Decimal
    max_total_notional_usd: Decimal
    max_hedges: int
    max_leverage: Decimal
    min_liquidation_distance: Decimal
    max_mark_divergence_bps: Decimal


class RefusalCode(StrEnum):
    """Why a plan may not be opened. Stable: events and `arb explain` show it."""

    NOT_NEUTRAL = "not_neutral"
    NOT_TRADING = "not_trading"
    PRICE_UNKNOWN = "price_unknown"
    PRICE_DIVERGENCE = "price_divergence"
    HEDGE_NOTIONAL = "hedge_notional"
    EXCHANGE_NOTIONAL = "exchange_notional"
    TOTAL_NOTIONAL = "total_notional"
    HEDGE_COUNT = "hedge_count"
    EQUITY_UNKNOWN = "equity_unknown"
    LEVERAGE = "leverage"
    LIQUIDATION_DISTANCE = "liquidation_distance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One broken limit, with the number that broke it."""

    code: RefusalCode
    subject: str
    value: Decimal | None = None
    limit: Decimal | None = None

    def __str__(self) -> str:
        numbers = "" if self.value is None else f": {self.value:.6g}, limit {self.limit}"
        return f"{self.code} ({self.subject}){numbers}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRisk:
    """What one exchange's account carries now.

    Attributes:
        equity_usd: Only a Fresh reading lets risk be opened.
        gross_notional_usd: Of all its open positions; None while they are not known.
    """

    exchange: ExchangeName
    equity_usd: Reading[Decimal]
    gross_notional_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedLeg:
    """A planned leg with what risk has to know of its instrument.

    Attributes:
        mid_usd: Dollars per contract, by the mid price.
    """

    instrument: Instrument
    base_quantity: Decimal
    quantity: Decimal
    mid_usd: Reading[Decimal]
