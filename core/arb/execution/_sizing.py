"""From dollars to the contracts of every leg, on the step that all legs share (handbook C6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from arb.model import Instrument, InstrumentId, common_quantum, exact_money

STRESS_MOVE: Final = Decimal("0.3")
"""Fraction by which a price may have fallen when the hedge is closed, unless somebody knows better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizingLeg:
    """One leg to be sized.

    Attributes:
        price: Mid price, quote currency per contract.
        usd_rate: US dollars per unit of the quote currency.
    """

    instrument: Instrument
    price: Decimal
    usd_rate: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionSize:
    """A size that every leg can trade exactly.

    Attributes:
        base: Base units of every leg.
        quantities: Contracts, by leg.
        notionals_usd: By leg.
        residual_usd: What was asked minus the largest leg.
    """

    base: Decimal
    quantities: tuple[Decimal, ...]
    notionals_usd: tuple[Decimal, ...]
    residual_usd: Decimal


class SizeRefusalCode(StrEnum):
    """Why no size can be traded."""

    BELOW_QUANTUM = "below_quantum"
    OFF_LOT = "off_lot"
    BELOW_MIN_QUANTITY = "below_min_quantity"
    BELOW_MIN_NOTIONAL = "below_min_notional"
    BELOW_MIN_NOTIONAL_AT_EXIT = "below_min_notional_at_exit"
    """After a fall of the price the venue would not take the order that closes the leg."""
    ABOVE_MAX_QUANTITY = "above_max_quantity"


_TEXTS: Final[Mapping[SizeRefusalCode, str]] = MappingProxyType(
    {
        SizeRefusalCode.BELOW_QUANTUM: "{value} base units are less than the step of all legs together, {limit}",
        SizeRefusalCode.OFF_LOT: "{value} contracts are no multiple of its step, {limit}",
        SizeRefusalCode.BELOW_MIN_QUANTITY: "{value} contracts are less than its smallest order, {limit}",
        SizeRefusalCode.BELOW_MIN_NOTIONAL: "a notional of {value} is less than its smallest order, {limit}",
        SizeRefusalCode.BELOW_MIN_NOTIONAL_AT_EXIT: (
            "a notional of {value}, once the price has fallen, is less than its smallest order, {limit}: "
            "it could not be closed"
        ),
        SizeRefusalCode.ABOVE_MAX_QUANTITY: "{value} contracts are more than its largest order, {limit}",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRefusal:
    """The first rule that a size breaks.

    Attributes:
        instrument: Whose rule it is; of the common step, the leg with the fewest units for the money.
        value: What was found: base units, contracts or quote currency, as the code says.
        limit: What is asked for, in the same unit.
    """

    code: SizeRefusalCode
    instrument: InstrumentId
    value: Decimal
    limit: Decimal

    def __str__(self) -> str:
        text = _TEXTS[self.code].format(value=f"{self.value:.8g}", limit=f"{self.limit:f}")
        more_or_less = "less" if self.code is SizeRefusalCode.ABOVE_MAX_QUANTITY else "more"
        return f"{self.instrument}: {text}; ask for {more_or_less}"


class PositionSizer:
    """Turns an amount of money into equal base units of every leg."""

    def __init__(self, *, stress_move: Decimal = STRESS_MOVE) -> None:
        """Take the fraction by which a price may have fallen at the exit; raise ValueError outside [0, 1)."""
        if not 0 <= stress_move < 1:
            raise ValueError(f"stress_move must be in [0, 1), not {stress_move}")
        self._kept = 1 - stress_move

    def size(self, notional_usd: Decimal, legs: Sequence[SizingLeg]) -> PositionSize | SizeRefusal:
        """Return the largest size of which no leg is worth more than `notional_usd`, or why there is none.

        Raises:
            ValueError: no leg is given, the notional is not finite, or a price or rate is not positive.
        """
        _check(notional_usd, legs)
        quantum = common_quantum(*(leg.instrument for leg in legs))
        asked = [_base_units(notional_usd, leg) for leg in legs]
        least = min(asked)
        count = least // Fraction(quantum)
        if count < 1:
            value = Decimal(least.numerator) / least.denominator
            instrument = legs[asked.index(least)].instrument.id
            return SizeRefusal(code=SizeRefusalCode.BELOW_QUANTUM, instrument=instrument, value=value, limit=quantum)
        with exact_money():
            base = quantum * count
            quantities = tuple(base / leg.instrument.multiplier for leg in legs)
        for leg, quantity in zip(legs, quantities, strict=True):
            refusal = self._refusal(leg, quantity)
            if refusal is not None:
                return refusal
        notionals = tuple(quantity * leg.price * leg.usd_rate for leg, quantity in zip(legs, quantities, strict=True))
        return PositionSize(
            base=base, quantities=quantities, notionals_usd=notionals, residual_usd=notional_usd - max(notionals)
        )

    def check(self, legs: Sequence[SizingLeg], quantities: Sequence[Decimal]) -> SizeRefusal | None:
        """Return the first rule that a size chosen by somebody else breaks on its leg; None when it can be traded.

        Raises:
            ValueError: a price or rate is not positive.
        """
        _check(Decimal(0), legs)
        for leg, quantity in zip(legs, quantities, strict=True):
            if quantity != leg.instrument.floor_quantity(quantity):
                lot = leg.instrument.lot_size
                return SizeRefusal(
                    code=SizeRefusalCode.OFF_LOT, instrument=leg.instrument.id, value=quantity, limit=lot
                )
            refusal = self._refusal(leg, quantity)
            if refusal is not None:
                return refusal
        return None

    def _refusal(self, leg: SizingLeg, quantity: Decimal) -> SizeRefusal | None:
        rules, notional = leg.instrument, quantity * leg.price
        lower_bounds = (
            (SizeRefusalCode.BELOW_MIN_QUANTITY, quantity, rules.min_quantity),
            (SizeRefusalCode.BELOW_MIN_NOTIONAL, notional, rules.min_notional),
            # Not every venue lets a position close that is worth less than what may be opened.
            (
                SizeRefusalCode.BELOW_MIN_NOTIONAL_AT_EXIT,
                notional * self._kept,
                max(rules.min_notional, rules.closing_min_notional),
            ),
        )
        for code, value, limit in lower_bounds:
            if value < limit:
                return SizeRefusal(code=code, instrument=rules.id, value=value, limit=limit)
        if rules.max_quantity is not None and quantity > rules.max_quantity:
            return SizeRefusal(
                code=SizeRefusalCode.ABOVE_MAX_QUANTITY, instrument=rules.id, value=quantity, limit=rules.max_quantity
            )
        return None


def _check(notional_usd: Decimal, legs: Sequence[SizingLeg]) -> None:
    if not notional_usd.is_finite():
        raise ValueError(f"a notional of {notional_usd} cannot be sized")
    for leg in legs:
        for what, value in (("price", leg.price), ("dollar rate", leg.usd_rate)):
            if not value.is_finite() or value <= 0:
                raise ValueError(f"{leg.instrument.id}: its {what} must be positive to be sized, not {value}")


def _base_units(notional_usd: Decimal, leg: SizingLeg) -> Fraction:
    """Return the base units for the money, exactly: a rounded quotient might reach one step too far."""
    per_contract = Fraction(leg.price) * Fraction(leg.usd_rate)
    return Fraction(notional_usd) / per_contract * Fraction(leg.instrument.multiplier)
