"""Whether two instruments of one ticker are one asset: what their prices say (handbook C5).

The same ticker is not the same asset: on one venue EDGE costs six times what it costs on the others, and BB
six hundred times. Two instruments count as one asset when

    |P_a / P_b - 1| < 2 %

with P the US dollars per unit of the base asset, as the median over a day of observations. The index price
is taken where both venues publish one, since it is what the contract follows; a mark price carries the
premium as well, and stood 8 % off for hours on a venue whose index agreed. Where either has none, the mark
prices are compared.

A denomination (1000PEPE, kPEPE) that the venue does not publish as a multiplier is accepted when the name
claims it *and* the ratio is within the same 2 % of the claim. Neither alone is enough: stripping digits makes
Z of 2Z, and PURR on two venues, two assets, has kept within 5 % of a ratio of 100 for days.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from statistics import median
from typing import Final, NamedTuple

from arb.model import DAY_NS, MINUTE_NS, Instrument, InstrumentId, MarketStats

from ._denomination import claimed_units

PRICE_LIMIT: Final = Decimal("0.02")
"""Largest distance of the price ratio from one (handbook C5)."""
MIN_OBSERVATIONS: Final = 12
"""Fewer common observations within the day prove nothing."""
_SLOT_NS: Final = 15 * MINUTE_NS
"""Prices of one quarter of an hour are compared with each other; each slot is one observation."""
_SLOTS: Final = DAY_NS // _SLOT_NS
_ONE: Final = Decimal(1)


class Sameness(StrEnum):
    """What the prices of two instruments say."""

    PROVED = "proved"
    """One asset."""
    DENOMINATED = "denominated"
    """One asset, but a contract is not as many units of it as the instrument's rules say."""
    DIFFERS = "differs"
    """Not one asset."""
    UNPROVED = "unproved"
    """Too few common observations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two instruments' prices over the last day in which both had one.

    Attributes:
        ratio: Median of the first price over the second, US dollars per unit of the base asset; None where
            there is no common observation.
        factor: The claimed ratio that `ratio` keeps to; 1 where it keeps to none.
        observations: How many were compared.
    """

    sameness: Sameness
    ratio: Decimal | None
    factor: Decimal
    observations: int

    @property
    def contradicts(self) -> bool:
        """Return whether the prices seen, however few, are not those of one asset as the rules describe it."""
        return self.ratio is not None and not _near(self.ratio, _ONE)


class _Prices(NamedTuple):
    """US dollars per unit of the base asset."""

    index_price: Decimal | None
    mark_price: Decimal | None


class AssetIdentity:
    """Prices of the last day, and what they say of any two instruments. It does no I/O and has no clock."""

    def __init__(self, *, min_observations: int = MIN_OBSERVATIONS) -> None:
        """Start without any price."""
        self.min_observations = min_observations
        self._slots: dict[InstrumentId, dict[int, _Prices]] = {}
        self._claims: dict[InstrumentId, Decimal] = {}

    def observe(self, instrument: Instrument, stats: MarketStats, usd_rate: Decimal) -> None:
        """Take the prices of an instrument; the last ones of each quarter of an hour count.

        Args:
            instrument: As it was when the prices were published.
            stats: Its statistics. A price that is absent or not positive is no price.
            usd_rate: US dollars per unit of its quote currency.
        """
        unit = usd_rate / instrument.multiplier
        prices = _Prices(_usable(stats.index_price, unit), _usable(stats.mark_price, unit))
        if prices == (None, None):
            return
        slot = stats.ts_event_ns // _SLOT_NS
        slots = self._slots.setdefault(instrument.id, {})
        slots[slot] = prices
        if len(slots) > _SLOTS:
            newest = max(slots)
            self._slots[instrument.id] = {key: value for key, value in slots.items() if key > newest - _SLOTS}
        self._claims[instrument.id] = claimed_units(instrument.symbol, instrument.base) / instrument.multiplier

    def compare(self, first: InstrumentId, second: InstrumentId) -> Comparison:
        """Return what the last common day of prices says of two instruments."""
        ratios = self._ratios(first, second)
        if not ratios:
            return Comparison(sameness=Sameness.UNPROVED, ratio=None, factor=_ONE, observations=0)
        ratio = median(ratios)
        claim = self._claims[first] / self._claims[second]
        factor = claim if not _near(ratio, _ONE) and _near(ratio, claim) else _ONE
        if len(ratios) < self.min_observations:
            sameness = Sameness.UNPROVED
        elif _near(ratio, _ONE):
            sameness = Sameness.PROVED
        else:
            sameness = Sameness.DIFFERS if factor == 1 else Sameness.DENOMINATED
        return Comparison(sameness=sameness, ratio=ratio, factor=factor, observations=len(ratios))

    def _ratios(self, first: InstrumentId, second: InstrumentId) -> Collection[Decimal]:
        one, other = self._slots.get(first, {}), self._slots.get(second, {})
        common = one.keys() & other.keys()
        start = max(common, default=0) - _SLOTS
        found = (_ratio(one[slot], other[slot]) for slot in common if slot > start)
        return [ratio for ratio in found if ratio is not None]


def _usable(price: Decimal | None, unit: Decimal) -> Decimal | None:
    return price * unit if price is not None and price.is_finite() and price > 0 else None


def _ratio(one: _Prices, other: _Prices) -> Decimal | None:
    if one.index_price is not None and other.index_price is not None:
        return one.index_price / other.index_price
    if one.mark_price is not None and other.mark_price is not None:
        return one.mark_price / other.mark_price
    return None


def _near(ratio: Decimal, expected: Decimal) -> bool:
    return abs(ratio / expected - 1) < PRICE_LIMIT
