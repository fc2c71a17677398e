"""Settings of the strategy."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Self

from pydantic import Field, model_validator

from arb.api import Duration, Settings
from arb.model import BPS, HOUR_NS, MINUTE_NS, OpportunityFilter

_LONGEST_GUARD_NS: Final = 15 * MINUTE_NS


class FundingArbitrageSettings(Settings):
    """When to open and when to close hedges. Basis points are of one leg's notional."""

    notional_usd: Decimal = Field(default=Decimal(1000), gt=0, description="Size of one leg of a hedge, US dollars.")
    horizon: Duration = Field(
        default="3d",
        validate_default=True,
        description="How long a hedge is expected to be held; capture and cost are compared over it.",
    )
    cycle: Duration = Field(default="60s", validate_default=True, description="Time between two decisions.")
    max_hedges: int = Field(default=3, ge=1, description="Most hedges open at a time.")
    max_hedges_per_base: int = Field(default=1, ge=1, description="Most hedges of one asset at a time.")
    bases: frozenset[str] = Field(default=frozenset(), description="Assets to trade; empty is all.")

    min_net_bps: Decimal = Field(
        default=Decimal(0), description="Least expected capture minus the cost of all four fills."
    )
    safety_factor: Decimal = Field(
        default=Decimal(1),
        ge=0,
        description="k: a hedge is opened when expected capture minus cost is at least k times the cost.",
    )
    max_break_even: Duration = Field(
        default="48h", validate_default=True, description="Longest time in which the carry must have paid the cost."
    )
    hurdle_apr: Decimal = Field(
        default=Decimal(0),
        ge=0,
        description="Least expected net, as a simple annual rate on the capital bound, such as 0.05: what it would "
        "earn elsewhere.",
    )
    min_survival: Decimal | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Least share of the pair's past spreads that lasted until they had paid the cost, such as 0.3; "
        "without it none is asked for.",
    )
    min_volume_24h_usd: Decimal = Field(default=Decimal(0), ge=0, description="Least 24 h volume of the thinner leg.")
    max_open_interest_usd: Decimal | None = Field(
        default=None, gt=0, description="Largest open interest of either leg; for finding small markets."
    )
    max_basis_bps: Decimal = Field(
        default=Decimal(200), gt=0, description="Largest price difference of the legs: beyond it, another asset."
    )
    max_slippage_bps: Decimal = Field(
        default=Decimal(10), gt=0, description="Bound of each leg's entry and exit against its mid price."
    )

    min_carry_bps_hour: Decimal = Field(
        default=Decimal(0), description="Funding has flipped when the carry per hour is below this."
    )
    erosion: Decimal = Field(
        default=Decimal("0.5"),
        ge=0,
        le=1,
        description="Profit has eroded when the carry is below this share of entry's.",
    )
    risk_charge_bps_day: Decimal = Field(
        default=Decimal(1), ge=0, description="What a day of holding an eroded hedge must be expected to bring."
    )
    confirm: Duration = Field(
        default="1h", validate_default=True, description="How long a flip, an erosion or a better use must last to act."
    )
    max_hold: Duration = Field(default="14d", validate_default=True, description="Longest time a hedge is held.")
    settlement_guard: Duration = Field(
        default="60s",
        validate_default=True,
        description="No exit but for risk this close to a settlement: who takes part is undetermined there.",
    )
    rotate: bool = Field(default=True, description="Whether a hedge is closed for a clearly better one.")

    min_liquidation_distance: Decimal = Field(
        default=Decimal("0.08"), gt=0, lt=1, description="Least distance of a leg to liquidation, as a fraction."
    )
    basis_stop_bps: Decimal = Field(
        default=Decimal(150), gt=0, description="Largest loss of prices at which the books could be left now."
    )
    max_risk_slippage_bps: Decimal = Field(
        default=Decimal(100), gt=0, description="Bound of each leg's exit for risk against its mid price."
    )
    max_stale: Duration = Field(
        default="30m",
        validate_default=True,
        description="A hedge that cannot be valued for longer is reported as a warning; only risk closes it.",
    )

    cooldown: Duration = Field(
        default="4h", validate_default=True, description="No new entry in a pair this long after an entry or an exit."
    )
    max_cost_usd_pair_day: Decimal | None = Field(
        default=None, gt=0, description="Round trips of one pair may cost this in 24 h; 50 bps of a leg when not set."
    )
    max_cost_usd_day: Decimal | None = Field(
        default=None,
        gt=0,
        description="All round trips may cost this in 24 h; the pair's times max_hedges when not set.",
    )

    @model_validator(mode="after")
    def _refuse_contradictions(self) -> Self:
        problems = [text for holds, text in self._rules() if not holds]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _rules(self) -> list[tuple[bool, str]]:
        """Return each rule between two settings: whether it holds, and what to say when it does not."""
        return [
            (self.cycle > 0 and self.horizon > 0, "cycle and horizon must be longer than zero"),
            (self.cycle <= self.horizon, "cycle must not be longer than horizon"),
            (self.horizon <= self.max_hold, "horizon must not be longer than max_hold"),
            (self.max_break_even <= self.max_hold, "max_break_even must not be longer than max_hold"),
            (self.confirm < self.max_hold, "confirm must be shorter than max_hold"),
            (
                self.settlement_guard < _LONGEST_GUARD_NS,
                "settlement_guard must be shorter than 15m: venues settle as often as each hour",
            ),
            (self.max_hedges_per_base <= self.max_hedges, "max_hedges_per_base must not exceed max_hedges"),
            (
                self.max_slippage_bps <= self.max_risk_slippage_bps,
                "max_slippage_bps must not exceed max_risk_slippage_bps",
            ),
            (self.pair_budget_usd <= self.day_budget_usd, "max_cost_usd_pair_day must not exceed max_cost_usd_day"),
        ]

    @property
    def horizon_hours(self) -> Decimal:
        """Return the horizon in hours."""
        return Decimal(self.horizon) / HOUR_NS

    @property
    def pair_budget_usd(self) -> Decimal:
        """Return what round trips of one pair may cost in 24 hours."""
        if self.max_cost_usd_pair_day is not None:
            return self.max_cost_usd_pair_day
        scaled = 50 * BPS * self.notional_usd
        return scaled if self.max_cost_usd_day is None else min(scaled, self.max_cost_usd_day)

    @property
    def day_budget_usd(self) -> Decimal:
        """Return what all round trips may cost in 24 hours."""
        return self.max_cost_usd_day if self.max_cost_usd_day is not None else self.pair_budget_usd * self.max_hedges

    def wanted(self) -> OpportunityFilter:
        """Return what to scan for; some rows more than can be opened, since a pair may be cooling down."""
        return OpportunityFilter(
            notional_usd=self.notional_usd,
            horizon_hours=self.horizon_hours,
            min_net_bps=self.min_net_bps,
            min_capture_ratio=1 + self.safety_factor,
            max_break_even_hours=Decimal(self.max_break_even) / HOUR_NS,
            hurdle_apr=self.hurdle_apr,
            min_survival=self.min_survival,
            min_volume_24h_usd=self.min_volume_24h_usd,
            max_open_interest_usd=self.max_open_interest_usd,
            bases=self.bases,
            max_basis_bps=self.max_basis_bps,
            limit=10 + 3 * self.max_hedges,
        )
