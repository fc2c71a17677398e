"""Funding rates with their units, and funding payments."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from ._ids import InstrumentId, PaymentId
from ._time import HOUR_NS


class Averaging(StrEnum):
    """How a venue makes the rate of a settlement of the premium during the period before it.

    Inside the period it publishes the average so far. A venue that publishes anything else, such as an
    expectation or the average of a window that reaches back before the period, has none of these.
    """

    FLAT = "flat"
    """Each sample weighs the same (TWAP)."""
    LINEAR = "linear"
    """The samples weigh 1..n: later ones more."""
    EWMA = "ewma"
    """Each sample weighs half of one that is 30 minutes younger."""
    CONTINUOUS = "continuous"
    """Nothing is averaged: each moment accrues its own rate."""


class FundingKind(StrEnum):
    """Predicted and settled rates are two series and never mixed."""

    PREDICTED = "predicted"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateUnit:
    """How a venue writes a rate: `fraction = raw x factor` for each `period_ns`.

    Percent per hour is `RateUnit(factor=Decimal("0.01"), period_ns=HOUR_NS)`. `period_ns` is the
    period of the number published, which is not always the settlement interval.
    """

    factor: Decimal
    period_ns: int

    def per_hour(self, raw: Decimal) -> Decimal:
        """Return a published number as a fraction per hour (handbook C1: r_h = raw * u / I)."""
        return raw * self.factor * HOUR_NS / self.period_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingRate:
    """One rate as published. Positive means longs pay shorts.

    Attributes:
        raw: The published number, in `unit`.
        interval_ns: Between two settlements of this instrument.
        ts_event_ns: For a settled rate when it was paid, for a predicted one when it was published.
        next_funding_ns: When a predicted rate will be paid; None for a settled one.
    """

    instrument: InstrumentId
    raw: Decimal
    unit: RateUnit
    interval_ns: int
    kind: FundingKind
    ts_event_ns: int
    ts_init_ns: int
    next_funding_ns: int | None = None

    @property
    def per_hour(self) -> Decimal:
        """Return the rate as a fraction of notional per hour."""
        return self.unit.per_hour(self.raw)

    @property
    def rate(self) -> Decimal:
        """Return the fraction of notional paid at one settlement."""
        return self.raw * self.unit.factor * self.interval_ns / self.unit.period_ns

    @property
    def apr(self) -> Decimal:
        """Return the simple annual rate as a fraction (handbook C3: r_h x 8760)."""
        return self.per_hour * 8760


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingPayment:
    """Funding that a venue booked to the account.

    Attributes:
        amount: In `currency`; received is positive, paid negative.
        quantity: Signed contracts held at the snapshot; None where the venue does not say.
        price: The price the venue used; None where it does not say.
        rate: Fraction of notional at this settlement; None where the venue does not say.
        settled_ns: The settlement, by the venue's clock.
    """

    payment_id: PaymentId
    instrument: InstrumentId
    amount: Decimal
    currency: str
    settled_ns: int
    quantity: Decimal | None = None
    price: Decimal | None = None
    rate: Decimal | None = None
