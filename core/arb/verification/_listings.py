"""Which venues an episode has, and what they list: lots, ticks and minimums that do not fit each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from arb.api import FakeSpec
from arb.model import HOUR_NS, FeeSchedule, Instrument, MarginTier, instrument_id
from arb.simulation import PROFILES

from ._chance import Chance
from ._market import Listing

NAMES: Final = ("left", "right", "third")
_TIERS: Final = (MarginTier(max_notional=None, maintenance_rate=Decimal("0.01"), max_leverage=Decimal(20)),)
_CARRIES: Final = (-1, 1, 0)
_TYPICAL_USD: Final = 2_500
"""Dollars on one level of a book."""


@dataclass(frozen=True, slots=True)
class _Asset:
    """A base asset: its price, and the lots, ticks and multipliers venues give it."""

    name: str
    price: Decimal
    lots: tuple[str, ...]
    ticks: tuple[str, ...]
    multipliers: tuple[int, ...] = (1,)


_ASSETS: Final = (
    _Asset("BTC", Decimal(60_000), ("0.001", "0.0001", "0.0003"), ("0.5", "1", "0.1")),
    _Asset("ETH", Decimal(3_000), ("0.01", "0.001", "0.006"), ("0.05", "0.1", "0.01")),
    _Asset("SOL", Decimal(150), ("0.1", "0.01", "0.03"), ("0.001", "0.01", "0.002")),
    _Asset("PEPE", Decimal("0.00001"), ("1", "100", "10"), ("0.0000000001", "0.0000000002"), (1, 1000)),
)


def drawn_listings(seed: int, name: str, index: int, bases: Sequence[str], thin_ppm: int) -> list[Listing]:
    """Return what one venue lists; `index` tells its place among the venues."""
    return [
        _listing(Chance(seed, "listing", name, asset.name), name, asset, _CARRIES[index], thin_ppm)
        for asset in _ASSETS
        if asset.name in bases
    ]


def fitted_listings(
    seed: int, name: str, index: int, bases: Sequence[str], thin_ppm: int, fake: FakeSpec
) -> list[Listing]:
    """Return what one venue lists under the rules of a real one: what costs next to nothing comes by the thousand."""
    quote = PROFILES[fake.profile].quote
    assets = [replace(asset, multipliers=asset.multipliers[-1:]) for asset in _ASSETS if asset.name in bases]
    drawn = [
        _listing(Chance(seed, "listing", name, asset.name), name, asset, _CARRIES[index], thin_ppm) for asset in assets
    ]
    return [_fitted(each, fake, quote) for each in drawn]


def _fitted(listing: Listing, fake: FakeSpec, quote: str) -> Listing:
    instrument = fake.fit(replace(listing.instrument, quote=quote), listing.price)
    lots = max(40, int(_TYPICAL_USD / (listing.price * instrument.lot_size)))
    return replace(listing, instrument=instrument, level_lots=lots)


def drawn_bases(seed: int, most: int) -> tuple[str, ...]:
    """Return the assets of an episode."""
    chance = Chance(seed, "bases")
    left = [asset.name for asset in _ASSETS]
    return tuple(left.pop(chance.below(len(left))) for _ in range(chance.between(1, most)))


def _listing(chance: Chance, exchange: str, asset: _Asset, carry: int, thin_ppm: int) -> Listing:
    multiplier = Decimal(chance.choice(asset.multipliers))
    price = asset.price * multiplier
    lot = Decimal(chance.choice(asset.lots)) * (1 if multiplier == 1 else Decimal("0.1"))
    if asset.name == "PEPE" and multiplier == 1:
        lot *= 1000
    prefix = "" if multiplier == 1 else str(multiplier)
    instrument = Instrument(
        id=instrument_id(f"{prefix}{asset.name}-PERP", exchange),
        symbol=f"{prefix}{asset.name}",
        base=asset.name,
        quote=chance.choice(("USDC", "USDT")),
        tick_size=Decimal(chance.choice(asset.ticks)) * multiplier,
        lot_size=lot,
        fees=FeeSchedule(
            maker=chance.choice((Decimal("0.0001"), Decimal("-0.00005"))),
            taker=chance.choice((Decimal("0.0002"), Decimal("0.0005"))),
        ),
        margin_tiers=_TIERS,
        funding_interval_ns=chance.choice((1, 4, 8)) * HOUR_NS,
        min_quantity=lot * chance.choice((1, 1, 2, 5)),
        min_notional=Decimal(chance.choice((5, 10))),
        closing_min_notional=Decimal(chance.choice((0, 0, 5, 10))),
        multiplier=multiplier,
    )
    return Listing(
        instrument=instrument,
        price=price,
        spread_ticks=chance.between(1, 4),
        level_lots=max(40, int(_TYPICAL_USD / (price * lot))),
        carry=carry,
        thin_ppm=thin_ppm,
    )
