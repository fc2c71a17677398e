"""Settings of one Binance USD-M account, or of the public data alone."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from pydantic import Field, model_validator

from arb.api import Duration, Secret
from arb.model import MILLISECOND_NS, SECOND_NS
from arb_dialect_fapi import FapiSettings, Url

_WIDEST_WINDOW_NS: Final = 60 * SECOND_NS


class Hosts(NamedTuple):
    """Where a network is; the demo has no spot host that tells of keys."""

    api: str
    stream: str
    spot: str | None


HOSTS: Final[Mapping[str, Hosts]] = MappingProxyType(
    {
        "mainnet": Hosts("https://fapi.binance.com", "wss://fstream.binance.com", "https://api.binance.com"),
        "testnet": Hosts("https://demo-fapi.binance.com", "wss://fstream.binancefuture.com", None),
    }
)


class BinanceSettings(FapiSettings):
    """Where the venue is and who asks."""

    network: Literal["mainnet", "testnet"] = Field(
        default="mainnet", description="The real one, or the venue's demo; keys of one are void on the other."
    )
    api_key: Secret | None = Field(
        default=None, description="API key of the account; without it and its secret nothing can be traded."
    )
    api_secret: Secret | None = Field(
        default=None, description="Secret of an HMAC key, or the private half of an Ed25519 key as PEM."
    )
    window: Duration = Field(
        default=5 * SECOND_NS,
        description="How long a signed request stays valid, 500 ms to 60 s; an order may still arrive until then.",
    )
    allow_withdrawal_keys: bool = Field(
        default=False, description="Take a key that can withdraw, or of which that cannot be asked."
    )
    spot_url: Url | None = Field(
        default=None, pattern=r"^https?://[^\s]+$", description="Where the rights of the key are asked instead."
    )

    @model_validator(mode="after")
    def _usable(self) -> BinanceSettings:
        if (self.api_key is None) != (self.api_secret is None):
            raise ValueError("api_key and api_secret belong together: set both, or none for public data alone")
        if not 500 * MILLISECOND_NS <= self.window <= _WIDEST_WINDOW_NS or self.window % MILLISECOND_NS:
            raise ValueError("window is between '500ms' and '60s': the venue refuses a longer one")
        return self

    @property
    def rest_address(self) -> str:
        """Return scheme and host of REST calls."""
        return self.api_url or HOSTS[self.network].api

    @property
    def stream_address(self) -> str:
        """Return scheme and host of WebSockets."""
        return self.stream_url or HOSTS[self.network].stream

    @property
    def spot_address(self) -> str | None:
        """Return scheme and host of the call that tells what a key may do; None where there is none."""
        return self.spot_url or HOSTS[self.network].spot
