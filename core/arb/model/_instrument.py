"""What can be traded, and by which rules."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from ._ids import ExchangeName, InstrumentId, exchange_of
from ._money import ZERO, ceil_to, floor_to
from ._order import Side


class InstrumentStatus(StrEnum):
    """Whether orders are taken."""

    TRADING = "trading"
    REDUCE_ONLY = "reduce_only"
    SUSPENDED = "suspended"
    DELISTED = "delisted"


class PriceBase(StrEnum):
    """The price that a venue multiplies with the funding rate."""

    MARK = "mark"
    INDEX = "index"
    ORACLE = "oracle"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeSchedule:
    """The account's own tier, as fractions of notional. A cost is positive, a rebate negative."""

    maker: Decimal
    taker: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginTier:
    """Margin rules up to a position notional.

    Attributes:
        max_notional: In quote currency; None in the last tier.
        maintenance_rate: Maintenance margin as a fraction of notional.
        max_leverage: Notional over margin.
    """

    max_notional: Decimal | None
    maintenance_rate: Decimal
    max_leverage: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """A linear perpetual future on one exchange.

    Quantities everywhere count contracts, prices are quote currency per contract, and one
    contract is `multiplier` units of the base asset (1000 for 1000PEPE): `notional = quantity x
    price` and `base = quantity x multiplier`.

    Attributes:
        id: `BTC-PERP.hl-main`.
        symbol: The venue's own name; only its plugin reads it.
        base: The asset, such as `BTC`; denominations are resolved (kPEPE is PEPE x 1000).
        asset_class: `crypto` unless the venue says otherwise: `stock`, `index`, `commodity`, `fx`, or a word of the
            venue's own. Only instruments of one class are paired.
        min_quantity: Smallest order, in contracts.
        min_notional: Smallest order that opens risk, in quote currency.
        closing_min_notional: Smallest reduce-only order, in quote currency; zero where any may close.
        max_quantity: Largest order, in contracts; None where the venue has no limit.
        margin_tiers: By ascending `max_notional`; at least one.
        funding_interval_ns: Between two settlements; 0 where funding accrues continuously,
            None while it is not known (then no hedge may use the instrument).
        effective_from_ns: Since when these rules hold; a change makes a new version.
    """

    id: InstrumentId
    symbol: str
    base: str
    quote: str
    tick_size: Decimal
    lot_size: Decimal
    fees: FeeSchedule
    margin_tiers: tuple[MarginTier, ...]
    funding_interval_ns: int | None
    min_quantity: Decimal = ZERO
    min_notional: Decimal = ZERO
    closing_min_notional: Decimal = ZERO
    max_quantity: Decimal | None = None
    multiplier: Decimal = Decimal(1)
    funding_price_base: PriceBase = PriceBase.MARK
    asset_class: str = "crypto"
    status: InstrumentStatus = InstrumentStatus.TRADING
    effective_from_ns: int = 0

    def __post_init__(self) -> None:
        """Refuse rules under which nothing could be traded."""
        for field in ("tick_size", "lot_size", "multiplier"):
            if getattr(self, field) <= 0:
                raise ValueError(f"{self.id}: {field} must be positive, not {getattr(self, field)}")
        if not self.margin_tiers:
            raise ValueError(f"{self.id}: at least one margin tier is needed")

    @property
    def exchange(self) -> ExchangeName:
        """Return the exchange, by its name in the configuration."""
        return exchange_of(self.id)

    def floor_quantity(self, quantity: Decimal) -> Decimal:
        """Round contracts down to the lot."""
        return floor_to(quantity, self.lot_size)

    def limit_price(self, side: Side, price: Decimal) -> Decimal:
        """Round to the tick, never to a worse price for `side` than the one asked."""
        return floor_to(price, self.tick_size) if side is Side.BUY else ceil_to(price, self.tick_size)

    def margin_tier(self, notional: Decimal) -> MarginTier:
        """Return the tier of a position of `notional` quote currency."""
        for tier in self.margin_tiers:
            if tier.max_notional is None or notional <= tier.max_notional:
                return tier
        return self.margin_tiers[-1]
