"""Settings of one simulated exchange."""

from __future__ import annotations

from decimal import Decimal
from difflib import get_close_matches
from typing import Final, Literal

from pydantic import Field, field_validator, model_validator

from arb.api import Duration, Settings
from arb.model import DAY_NS, MILLISECOND_NS, MINUTE_NS, SECOND_NS
from arb.simulation import PROFILES, RecordingSettings, ReplaySettings

_SEEDED_ONLY: Final = ("assets", "seed", "currency", "funding_interval", "maker_fee", "taker_fee")


class SimulatedSettings(Settings):
    """What the venue is like, and which market it stands in."""

    market: Literal["seeded", "funding_replay", "book_recording"] = Field(
        default="seeded",
        description="Where prices come from: a seed, recorded funding and candles, or a recorded book.",
    )
    profile: str = Field(
        default="hyperliquid-like", description=f"Which venue a seeded market resembles: {', '.join(PROFILES)}."
    )
    assets: tuple[str, ...] = Field(
        default=("BTC", "ETH", "SOL", "XRP", "HYPE"), min_length=1, description="Assets a seeded market lists."
    )
    seed: int | None = Field(
        default=None, description="Seed of a seeded market; default: the run's, so that all venues share one index."
    )
    currency: Literal["USDC", "USDT", "USD"] | None = Field(
        default=None, description="Quote and collateral currency of a seeded market; default: the profile's."
    )
    deposit: Decimal = Field(
        default=Decimal(100_000), gt=0, max_digits=28, decimal_places=8, description="Cash of a new account."
    )
    maker_fee: Decimal | None = Field(
        default=None,
        gt=Decimal("-0.01"),
        lt=Decimal("0.1"),
        description="Fraction of notional, negative for a rebate; default: the profile's.",
    )
    taker_fee: Decimal | None = Field(
        default=None,
        gt=Decimal("-0.01"),
        lt=Decimal("0.1"),
        description="Fraction of notional; default: the profile's.",
    )
    funding_interval: Duration | None = Field(
        default=None, description="Between settlements of every instrument, such as '8h'; default: the profile's."
    )
    leverage: Decimal = Field(default=Decimal(5), ge=1, description="Set on every instrument until it is changed.")
    latency: Duration = Field(default=25 * MILLISECOND_NS, description="One way to the venue, and back again.")
    latency_jitter: Duration = Field(
        default=10 * MILLISECOND_NS, description="Added to each way in part, evenly spread from none to all of it."
    )
    stream_interval: Duration = Field(default=SECOND_NS, gt=0, description="Between two book snapshots of a stream.")
    replay: ReplaySettings | None = Field(default=None, description="What `market = 'funding_replay'` replays.")
    recording: RecordingSettings | None = Field(default=None, description="What `market = 'book_recording'` replays.")

    @field_validator("profile")
    @classmethod
    def _known_profile(cls, name: str) -> str:
        if name not in PROFILES:
            close = get_close_matches(name, PROFILES, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"choose from {', '.join(PROFILES)}"
            raise ValueError(f"there is no profile {name!r}; {hint}")
        return name

    @field_validator("funding_interval")
    @classmethod
    def _fitting_interval(cls, interval_ns: int | None) -> int | None:
        if interval_ns is not None and (interval_ns <= 0 or DAY_NS % interval_ns or interval_ns % (5 * MINUTE_NS)):
            raise ValueError("a funding interval divides 24 h and is a multiple of 5 minutes, such as '1h', '4h', '8h'")
        return interval_ns

    @model_validator(mode="after")
    def _consistent(self) -> SimulatedSettings:
        needed = {"funding_replay": "replay", "book_recording": "recording"}.get(self.market)
        for part in ("replay", "recording"):
            if part == needed and getattr(self, part) is None:
                raise ValueError(f"market = {self.market!r} needs a table {part!r}")
            if part != needed and getattr(self, part) is not None:
                raise ValueError(f"the table {part!r} has no effect with market = {self.market!r}: remove one of them")
        if self.market == "seeded":
            self._check_assets()
        else:
            useless = sorted(self.model_fields_set & {*_SEEDED_ONLY, "profile"})
            if useless:
                raise ValueError(f"{', '.join(useless)}: only for a seeded market; use the table {needed!r}")
        return self

    def _check_assets(self) -> None:
        listed = PROFILES[self.profile].listings
        strangers = [asset for asset in self.assets if asset not in listed]
        if strangers:
            raise ValueError(f"{self.profile} has no {', '.join(strangers)}; it has {', '.join(listed)}")
        if len(set(self.assets)) < len(self.assets):
            raise ValueError("an asset is named twice")
