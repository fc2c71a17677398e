"""What the gate is told of accounts and of a plan's legs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from arb.model import ZERO, ExchangeName, Fresh, Instrument, MarginMode, Position, Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPosition:
    """An open position with what is needed to value it.

    Attributes:
        quote_usd: Dollars per unit of its quote currency.
    """

    position: Position
    instrument: Instrument
    quote_usd: Decimal

    @property
    def notional(self) -> Decimal:
        """Return its size at the mark price, quote currency."""
        return abs(self.position.quantity) * self.position.mark_price

    @property
    def notional_usd(self) -> Decimal:
        """Return its size at the mark price."""
        return self.notional * self.quote_usd

    @property
    def is_valued(self) -> bool:
        """Whether its numbers are numbers: a mark price of zero is none, and no position is worth nothing."""
        numbers = (self.position.quantity, self.position.mark_price, self.quote_usd)
        return all(number.is_finite() for number in numbers) and self.notional_usd > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRisk:
    """What one exchange's account carries now.

    Attributes:
        equity_usd: Of all its collateral together.
        available_usd: What new orders may use as margin.
        maintenance_usd: What the venue says its positions need; None where it does not say.
        positions: Everything open on it; None while that is not known. The last known ones of an
            account that cannot be read count for the total and open nothing on it.
    """

    exchange: ExchangeName
    equity_usd: Reading[Decimal]
    available_usd: Reading[Decimal]
    maintenance_usd: Decimal | None
    positions: tuple[HeldPosition, ...] | None

    @property
    def gross_notional_usd(self) -> Decimal | None:
        """Return the size of all its positions; None while they, or their values, are not known."""
        if self.positions is None or not all(held.is_valued for held in self.positions):
            return None
        return sum((held.notional_usd for held in self.positions), ZERO)


@dataclass(frozen=True, slots=True)
class MarginSetting:
    """How an instrument is margined: what the venue has set, or what is set before its first order."""

    leverage: Decimal
    mode: MarginMode


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedLeg:
    """A planned leg with what risk has to know of its instrument.

    Attributes:
        base_quantity: Signed, base units.
        quantity: Contracts.
        mid_usd: Dollars per contract, by the mid price.
        mark_usd: Dollars per contract, by the venue's mark price; Unknown where it publishes none.
        quote_usd: Dollars per unit of the quote currency.
        margin: Leverage and margin mode that the leg will have.
    """

    instrument: Instrument
    base_quantity: Decimal
    quantity: Decimal
    mid_usd: Reading[Decimal]
    mark_usd: Reading[Decimal]
    quote_usd: Reading[Decimal]
    margin: Reading[MarginSetting]


def known(reading: Reading[Decimal], oldest_ns: int = 0) -> Decimal | None:
    """Return a number that may lead to new risk: fresh, not read before `oldest_ns`, and finite; else None."""
    if not isinstance(reading, Fresh) or reading.observed_ns < oldest_ns or not reading.value.is_finite():
        return None
    return reading.value


def known_price(reading: Reading[Decimal], oldest_ns: int = 0) -> Decimal | None:
    """Return a price or rate like :func:`known`; zero is none."""
    value = known(reading, oldest_ns)
    return value if value is not None and value > 0 else None
