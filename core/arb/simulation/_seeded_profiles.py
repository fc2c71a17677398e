"""Named venues of the seeded market: rules by the venue they resemble, figures from recorded data.

Spreads and slippages are medians of costs/2026-02.csv.gz (299 minutes of 2026-02-12, both sides,
basis points of the mid price). Premiums are set so that the settled funding comes near the median and
the 5 % and 95 % points of funding/finm-7venues (2025-03-08 to 2026-03-07) and, for Hyperliquid and XRP,
of funding/zs-funding-1y (2025-08-21 to 2026-05-31). `tools/calibrate.py` prints both;
HYPE is the least like its record, above all on dydx-like. Where a venue has no series of a
coin another stands in: Lighter's HYPE for hyperliquid-like, DOGE for XRP on
lighter-like and dydx-like. Fees are published base tiers; the maker rebate of dydx-like is that of
the venue's upper tiers, so that one profile pays makers. Volumes, open interest and the flow of
trades are not calibrated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from arb.model import HOUR_NS, FeeSchedule, MarginTier, PriceBase


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """What all venues share.

    Attributes:
        price: Around which the index wanders, US dollars (2026-02-12).
        daily_volatility: Deviation of a day's return, as a fraction.
        volume: A day's turnover on one venue, US dollars.
    """

    price: float
    daily_volatility: float
    volume: float
    margin_tiers: tuple[MarginTier, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One instrument of one profile.

    Attributes:
        spread: Median, basis points.
        slips: Median slippage of 1 thousand, 10 thousand, 100 thousand and 1 million US dollars
            against the mid price, basis points.
        premium: Mean of the premium over the index, basis points.
        premium_deviation: Of the premium, basis points.
        interval_ns: Between settlements where it is not the venue's usual one.
    """

    tick: Decimal
    lot: Decimal
    spread: float
    slips: tuple[float, float, float, float]
    premium: float
    premium_deviation: float
    interval_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueProfile:
    """One kind of venue.

    The rate of 8 h is `premium + clamp(interest - premium, -clamp, +clamp)`, an average over the
    settlement interval, scaled to the interval and capped.

    Attributes:
        linear_weights: Whether later samples weigh more (1..n, Binance) or all the same.
        interest: Of 8 h, basis points.
        clamp: Basis points.
        cap: Of one settlement, as a fraction.
    """

    name: str
    quote: str
    fees: FeeSchedule
    interval_ns: int
    linear_weights: bool
    interest: float
    clamp: float
    cap: float
    price_base: PriceBase
    min_notional: Decimal
    listings: Mapping[str, Listing] = field(repr=False)


def _tiers(*rows: tuple[int | None, str, int]) -> tuple[MarginTier, ...]:
    return tuple(
        MarginTier(
            max_notional=None if limit is None else Decimal(limit),
            maintenance_rate=Decimal(rate),
            max_leverage=Decimal(leverage),
        )
        for limit, rate, leverage in rows
    )


_MAJOR: Final = _tiers((1_000_000, "0.01", 40), (10_000_000, "0.025", 20), (None, "0.05", 10))
_MINOR: Final = _tiers((200_000, "0.02", 20), (2_000_000, "0.05", 10), (None, "0.1", 5))

ASSETS: Final[Mapping[str, Asset]] = MappingProxyType(
    {
        "BTC": Asset(price=66_950.0, daily_volatility=0.024, volume=6e9, margin_tiers=_MAJOR),
        "ETH": Asset(price=1_959.0, daily_volatility=0.033, volume=4e9, margin_tiers=_MAJOR),
        "SOL": Asset(price=79.9, daily_volatility=0.040, volume=1e9, margin_tiers=_MINOR),
        "XRP": Asset(price=1.367, daily_volatility=0.040, volume=6e8, margin_tiers=_MINOR),
        "HYPE": Asset(price=30.7, daily_volatility=0.050, volume=4e8, margin_tiers=_MINOR),
    }
)


def like(asset: str) -> str:
    """Return the asset whose figures another one has: `SOL17` is an asset of its own that is like SOL."""
    return asset if asset in ASSETS else asset.rstrip("0123456789")


def _listing(
    tick: str,
    lot: str,
    spread: float,
    slips: tuple[float, float, float, float],
    premium: tuple[float, float],
    hours: int | None = None,
) -> Listing:
    return Listing(
        tick=Decimal(tick),
        lot=Decimal(lot),
        spread=spread,
        slips=slips,
        premium=premium[0],
        premium_deviation=premium[1],
        interval_ns=None if hours is None else hours * HOUR_NS,
    )


def _fees(maker: str, taker: str) -> FeeSchedule:
    return FeeSchedule(maker=Decimal(maker), taker=Decimal(taker))


_BINANCE: Final = VenueProfile(
    name="binance-like",
    quote="USDT",
    fees=_fees("0.0002", "0.0005"),
    interval_ns=8 * HOUR_NS,
    linear_weights=True,
    interest=1.0,
    clamp=5.0,
    cap=0.02,
    price_base=PriceBase.MARK,
    min_notional=Decimal(5),
    listings=MappingProxyType(
        {
            "BTC": _listing("0.1", "0.001", 0.015, (0.01, 0.01, 0.01, 1.05), (-4.6, 0.55)),
            "ETH": _listing("0.01", "0.001", 0.051, (0.03, 0.03, 0.16, 2.08), (-4.6, 0.62)),
            "SOL": _listing("0.01", "0.01", 1.249, (0.62, 0.62, 0.94, 4.49), (-4.8, 1.2)),
            "XRP": _listing("0.0001", "0.1", 0.731, (0.37, 0.37, 1.55, 6.62), (-4.85, 1.0)),
            "HYPE": _listing("0.001", "0.01", 0.325, (0.30, 1.75, 6.54, 24.84), (0.3, 4.3), 4),
        }
    ),
)

_BYBIT: Final = VenueProfile(
    name="bybit-like",
    quote="USDT",
    fees=_fees("0.0002", "0.00055"),
    interval_ns=8 * HOUR_NS,
    linear_weights=True,
    interest=1.0,
    clamp=5.0,
    cap=0.02,
    price_base=PriceBase.MARK,
    min_notional=Decimal(5),
    listings=MappingProxyType(
        {
            "BTC": _listing("0.1", "0.001", 0.015, (0.01, 0.01, 0.19, 1.13), (-4.6, 0.62)),
            "ETH": _listing("0.01", "0.01", 0.051, (0.03, 0.03, 0.72, 2.61), (-4.55, 0.8)),
            "SOL": _listing("0.01", "0.1", 1.249, (0.62, 0.63, 1.40, 4.23), (-4.65, 1.3)),
            "XRP": _listing("0.0001", "0.1", 0.731, (0.37, 0.37, 1.23, 5.97), (-4.75, 1.0)),
            "HYPE": _listing("0.001", "0.01", 0.326, (0.89, 2.69, 7.30, 28.64), (0.3, 4.3)),
        }
    ),
)

_HYPERLIQUID: Final = VenueProfile(
    name="hyperliquid-like",
    quote="USDC",
    fees=_fees("0.00015", "0.00045"),
    interval_ns=HOUR_NS,
    linear_weights=False,
    interest=1.0,
    clamp=5.0,
    cap=0.04,
    price_base=PriceBase.ORACLE,
    min_notional=Decimal(10),
    listings=MappingProxyType(
        {
            "BTC": _listing("1", "0.00001", 0.150, (0.08, 0.08, 0.10, 0.85), (-4.0, 1.2)),
            "ETH": _listing("0.1", "0.0001", 0.511, (0.26, 0.26, 0.28, 1.42), (-4.0, 1.2)),
            "SOL": _listing("0.001", "0.01", 0.127, (0.06, 0.12, 0.76, 4.33), (-4.5, 1.8)),
            "XRP": _listing("0.0001", "1", 0.732, (0.37, 0.40, 2.35, 12.36), (-4.25, 1.55)),
            "HYPE": _listing("0.001", "0.01", 0.331, (0.24, 1.40, 5.25, 21.55), (0.3, 4.2)),
        }
    ),
)

_LIGHTER: Final = VenueProfile(
    name="lighter-like",
    quote="USDC",
    fees=_fees("0", "0"),
    interval_ns=HOUR_NS,
    linear_weights=False,
    interest=1.0,
    clamp=5.0,
    cap=0.04,
    price_base=PriceBase.INDEX,
    min_notional=Decimal(10),
    listings=MappingProxyType(
        {
            "BTC": _listing("0.1", "0.00001", 0.120, (0.17, 0.29, 0.49, 1.31), (-3.9, 1.2)),
            "ETH": _listing("0.01", "0.0001", 0.665, (0.38, 0.48, 0.89, 2.17), (-3.9, 1.4)),
            "SOL": _listing("0.001", "0.001", 0.880, (0.47, 0.70, 1.46, 3.99), (-5.1, 2.3)),
            "XRP": _listing("0.00001", "1", 2.367, (1.22, 1.50, 5.16, 13.47), (-3.9, 1.8)),
            "HYPE": _listing("0.0001", "0.01", 1.547, (1.27, 2.15, 4.67, 16.96), (0.3, 4.2)),
        }
    ),
)

_DYDX: Final = VenueProfile(
    name="dydx-like",
    quote="USDC",
    fees=_fees("-0.00011", "0.0005"),
    interval_ns=HOUR_NS,
    linear_weights=False,
    interest=0.0,
    clamp=0.0,
    cap=0.04,
    price_base=PriceBase.ORACLE,
    min_notional=Decimal(1),
    listings=MappingProxyType(
        {
            "BTC": _listing("1", "0.0001", 2.158, (1.09, 1.23, 2.67, 7.35), (-0.5, 1.9)),
            "ETH": _listing("0.1", "0.001", 0.512, (0.26, 1.15, 3.30, 7.96), (-0.5, 1.85)),
            "SOL": _listing("0.01", "0.1", 1.255, (0.63, 1.52, 8.14, 27.02), (-1.4, 2.5)),
            "XRP": _listing("0.0001", "10", 5.141, (2.75, 5.69, 8.78, 27.10), (0.3, 0.9)),
            "HYPE": _listing("0.001", "0.1", 12.232, (8.88, 19.12, 76.52, 345.83), (2.0, 6.0)),
        }
    ),
)

PROFILES: Final[Mapping[str, VenueProfile]] = MappingProxyType(
    {profile.name: profile for profile in (_BINANCE, _BYBIT, _HYPERLIQUID, _LIGHTER, _DYDX)}
)
"""Every profile by name."""
