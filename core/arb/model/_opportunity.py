"""What could be earned, at what cost, and why other candidates were passed over."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from ._hedge import Hedge
from ._ids import InstrumentId
from ._money import ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class OpportunityFilter:
    """Which opportunities a strategy wants to see.

    Attributes:
        notional_usd: Of one leg; costs are computed at this size.
        horizon_hours: How long the hedge is expected to be held.
        min_net_bps: Least expected capture minus cost over the horizon, of one leg's notional.
        min_capture_ratio: Least expected capture over cost (the handbook's 1 + k).
        max_break_even_hours: Longest time until the capture pays the cost.
        min_volume_24h_usd: Of the thinner leg; unknown volume fails a positive minimum.
        max_open_interest_usd: Of either leg; None is no cap (the cap is for finding small markets).
        bases: Only these assets; empty is all.
        exchanges: Only these; empty is all.
        hurdle_apr: Least expected net as a simple annual rate on the capital bound: what it would earn
            elsewhere, and a premium for the venues.
        min_survival: Least share of the pair's past spreads that lasted until they had paid the cost;
            None asks for none.
        max_basis_bps: Largest difference of the legs' prices per base unit (C5: same asset).
        limit: Most rows returned.
    """

    notional_usd: Decimal
    horizon_hours: Decimal
    min_net_bps: Decimal = ZERO
    min_capture_ratio: Decimal = Decimal(1)
    max_break_even_hours: Decimal | None = None
    min_volume_24h_usd: Decimal = ZERO
    max_open_interest_usd: Decimal | None = None
    bases: frozenset[str] = frozenset()
    exchanges: frozenset[str] = frozenset()
    hurdle_apr: Decimal = ZERO
    min_survival: Decimal | None = None
    max_basis_bps: Decimal = Decimal(200)
    limit: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeCost:
    """The four fills of a hedge, each counted once, in basis points of one leg's notional.

    Attributes:
        fees_bps: Taker (or expected maker) fees of both entries and both exits.
        spread_bps: Four half spreads.
        impact_bps: Four walks of the depth beyond the touch, at the asked size.
    """

    fees_bps: Decimal
    spread_bps: Decimal
    impact_bps: Decimal

    @property
    def total_bps(self) -> Decimal:
        """Return the round trip."""
        return self.fees_bps + self.spread_bps + self.impact_bps


@dataclass(frozen=True, slots=True, kw_only=True)
class Opportunity:
    """A pair of instruments that is expected to earn more than it costs.

    Attributes:
        long_quantity: Contracts on the long leg; both legs are equal in base units.
        carry_bps_hour: Short leg's minus long leg's funding per hour.
        capture_bps: Expected funding over the horizon, settlement by settlement on both calendars.
        break_even_hours: Cost over carry; None when the carry never pays it.
        basis_bps: Short leg's over long leg's mid price per base unit, minus one.
        net_usd: Expected capture minus cost.
        capital_usd: Margin of both legs with the buffer.
        score: Net per unit of capital and horizon; the rank.
        survival: Share of the pair's past spreads that lasted for the break-even time; None when its
            history is too short to tell.
    """

    base: str
    long: InstrumentId
    short: InstrumentId
    long_quantity: Decimal
    short_quantity: Decimal
    notional_usd: Decimal
    long_rate_hour: Decimal
    short_rate_hour: Decimal
    carry_bps_hour: Decimal
    capture_bps: Decimal
    cost: HedgeCost
    break_even_hours: Decimal | None
    basis_bps: Decimal
    net_usd: Decimal
    capital_usd: Decimal
    score: Decimal
    survival: Decimal | None = None

    @property
    def net_bps(self) -> Decimal:
        """Return expected capture minus cost, of one leg's notional."""
        return self.capture_bps - self.cost.total_bps


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedPair:
    """A pair that was looked at and left.

    Attributes:
        reason: Stable code such as `funding_unknown`, `break_even_too_long`.
        value: The number that failed, where one did.
        limit: What it was compared with.
    """

    long: InstrumentId
    short: InstrumentId
    reason: str
    value: Decimal | None = None
    limit: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpportunityScan:
    """Result of one scan, best first."""

    ts_ns: int
    rows: tuple[Opportunity, ...]
    skipped: tuple[SkippedPair, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeOutlook:
    """An open hedge, valued now. A number that cannot be known is None: decide nothing on it.

    Attributes:
        carry_bps_hour: Short leg's minus long leg's funding per hour.
        capture_bps: Expected funding over `horizon_hours` from now.
        exit_cost_bps: Closing both legs now: fees, half spreads, impact at the open size.
        funding: Received so far, quote currency.
        fees: Paid so far, quote currency.
        price_pnl: Of both legs at executable prices of both books.
        liquidation_distance: Smallest fraction a price may move before a leg is liquidated.
        stale: Which inputs were missing or too old, for people.
    """

    hedge: Hedge
    ts_ns: int
    horizon_hours: Decimal
    notional_usd: Decimal | None
    carry_bps_hour: Decimal | None
    capture_bps: Decimal | None
    exit_cost_bps: Decimal | None
    funding: Decimal
    fees: Decimal
    price_pnl: Decimal | None
    liquidation_distance: Decimal | None
    stale: tuple[str, ...] = ()
