"""Settings of a replayed venue, and what is assumed of a venue where they say nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, field_validator, model_validator

from arb.api import Duration, Settings
from arb.model import DAY_NS, parse_utc

DATA_VARIABLE: Final = "ARB_REAL_DATA"
DATA_DEFAULT: Final = "../shared/data"


def _moment(value: Any) -> int:
    if isinstance(value, (date, datetime)):  # TOML and YAML have dates of their own
        value = value.isoformat()
    if not isinstance(value, str):
        raise ValueError(f"write a time as text, such as '2026-01-24T00:00:00Z', not {value!r}")
    try:
        return parse_utc(value)
    except ValueError:
        raise ValueError(f"not a time: {value!r}; write it as '2026-01-24T00:00:00Z'") from None


Moment = Annotated[int, BeforeValidator(_moment)]
"""Nanoseconds since the epoch, written as ISO 8601; UTC unless it names a zone."""

Positive = Annotated[Decimal, Field(gt=0)]


class AssetRules(Settings):
    """Rules of one asset on the replayed venue, where the defaults do not fit."""

    tick_size: Positive | None = Field(
        default=None, description="Price step; default: the step of the recorded prices."
    )
    lot_size: Positive | None = Field(
        default=None,
        description="Quantity step; default: the largest power of ten worth at most 10 in the quote currency.",
    )
    min_notional: Decimal | None = Field(
        default=None, ge=0, description="Smallest order; default: the venue's min_notional."
    )


class TierRules(Settings):
    """One margin tier."""

    max_notional: Positive | None = Field(
        default=None, description="Up to this position, quote currency; absent in the last."
    )
    maintenance_rate: Decimal = Field(gt=0, lt=1, description="Maintenance margin as a fraction of notional.")
    max_leverage: Decimal = Field(ge=1, description="Largest notional over margin.")


_TIERS: Final = (
    TierRules(max_notional=Decimal(250_000), maintenance_rate=Decimal("0.01"), max_leverage=Decimal(50)),
    TierRules(max_notional=Decimal(1_000_000), maintenance_rate=Decimal("0.025"), max_leverage=Decimal(20)),
    TierRules(max_notional=None, maintenance_rate=Decimal("0.05"), max_leverage=Decimal(10)),
)


class DataRoot(Settings):
    """Where relative paths of recorded data start."""

    root: Path | None = Field(
        default=None, description=f"Folder of the data; default: environment {DATA_VARIABLE}, else {DATA_DEFAULT}."
    )

    def path(self, relative: Path) -> Path:
        """Return `relative` below the root; an absolute path stays."""
        root = self.root or Path(os.environ.get(DATA_VARIABLE) or DATA_DEFAULT)
        return root.expanduser() / relative.expanduser()


class ReplaySettings(DataRoot):
    """One venue replayed from settled funding rates and hourly candles."""

    venue: str = Field(min_length=1, description="The venue's name in the recorded files, such as 'binance'.")
    assets: tuple[str, ...] = Field(min_length=1, description="Assets to load, such as ['BTC', 'ETH'].")
    costs_venue: str | None = Field(
        default=None, description="Venue whose measured costs are used; needed where the replayed one was not measured."
    )
    costs_assets: dict[str, str] = Field(
        default_factory=dict, description="Asset whose measured costs stand in for one that was not measured."
    )
    funding: Path = Field(
        default=Path("funding/finm-7venues/funding_rates.parquet"),
        description="Settled rates: timestamp, venue, coin, funding_rate; Parquet or CSV.",
    )
    candles: Path = Field(
        default=Path("funding/finm-7venues/candles.parquet"),
        description="Hourly candles: timestamp, venue, coin, o, h, l, c, v; Parquet or CSV.",
    )
    costs: Path = Field(default=Path("costs/2026-02.csv.gz"), description="Measured spread and slippage; CSV.")
    start: Moment | None = Field(default=None, description="Start of the window; default: all.")
    end: Moment | None = Field(default=None, description="End of the window; default: all.")
    history: Duration = Field(default=30 * DAY_NS, description="How much is loaded before the start.")
    quote: str | None = Field(default=None, description="Quote and collateral currency; default: the venue's.")
    usd_rate: Positive = Field(default=Decimal(1), description="US dollars per unit of the quote currency.")
    maker_fee: Decimal | None = Field(
        default=None, description="Fraction of notional; default: the published base tier."
    )
    taker_fee: Decimal | None = Field(
        default=None, description="Fraction of notional; default: the published base tier."
    )
    min_notional: Decimal = Field(
        default=Decimal(10), ge=0, description="Smallest order that opens risk, quote currency."
    )
    volume_units: dict[str, Positive] = Field(
        default_factory=dict,
        description="Base units per unit of candle volume, by asset; default: the venue's, else 1.",
    )
    rules: dict[str, AssetRules] = Field(default_factory=dict, description="Rules by asset that differ.")
    margin_tiers: tuple[TierRules, ...] = Field(
        default=_TIERS,
        min_length=1,
        description="Margin tiers by rising max_notional (an assumption, no venue's table).",
    )

    @field_validator("assets")
    @classmethod
    def _no_asset_twice(cls, assets: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({asset for asset in assets if assets.count(asset) > 1})
        if twice:
            raise ValueError(f"named twice: {', '.join(twice)}")
        return assets

    @model_validator(mode="after")
    def _consistent(self) -> ReplaySettings:
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError("start must be before end")
        for name in ("costs_assets", "volume_units", "rules"):
            strangers = sorted(set(getattr(self, name)) - set(self.assets))
            if strangers:
                raise ValueError(f"{name} names {', '.join(strangers)}, which assets does not")
        limits = [tier.max_notional for tier in self.margin_tiers]
        known = [limit for limit in limits[:-1] if limit is not None]
        if limits[-1] is not None or len(known) != len(limits) - 1 or known != sorted(set(known)):
            raise ValueError("margin_tiers must rise by max_notional, and only the last has none")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueDefaults:
    """What is assumed of a venue.

    Attributes:
        maker: Published base tier, a fraction of notional.
        taker: Published base tier, a fraction of notional.
        volume_units: Base units per unit of volume in the recorded candles.
    """

    quote: str
    maker: Decimal
    taker: Decimal
    volume_units: Mapping[str, Decimal] = field(default_factory=lambda: MappingProxyType({}))


def _defaults(quote: str, maker: str, taker: str) -> VenueDefaults:
    return VenueDefaults(quote=quote, maker=Decimal(maker), taker=Decimal(taker))


VENUE_DEFAULTS: Final[Mapping[str, VenueDefaults]] = MappingProxyType(
    {
        "binance": _defaults("USDT", "0.0002", "0.0005"),
        "bybit": _defaults("USDT", "0.0002", "0.00055"),
        "dydx": _defaults("USDC", "0.0001", "0.0005"),
        "hyperliquid": _defaults("USDC", "0.00015", "0.00045"),
        "kraken": _defaults("USD", "0.0002", "0.0005"),
        "lighter": _defaults("USDC", "0", "0"),
        # OKX candles count contracts.
        "okx": VenueDefaults(
            quote="USDT",
            maker=Decimal("0.0002"),
            taker=Decimal("0.0005"),
            volume_units=MappingProxyType(
                {
                    "BTC": Decimal("0.01"),
                    "ETH": Decimal("0.1"),
                    "SOL": Decimal(1),
                    "DOGE": Decimal(1000),
                    "HYPE": Decimal("0.1"),
                }
            ),
        ),
    }
)
