"""Settings of one Lighter account, or of the public data alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from arb.api import Duration, Secret, Settings
from arb.model import MINUTE_NS, SECOND_NS

CHAIN_IDS: Final[Mapping[str, int]] = MappingProxyType({"mainnet": 304, "testnet": 300})
"""The first element that a transaction's signature covers (lighter-sdk, endpoint_profiles.py)."""

_KEY: Final = re.compile(r"(0x)?[0-9a-fA-F]{80}")
_LOWEST_KEY_INDEX: Final = 4
"""The slots 0 to 3 are used by the web and mobile apps, whose transactions would use up our nonces."""


class Tier(StrEnum):
    """What the account pays for, and with it how much it may ask."""

    STANDARD = "standard"
    PREMIUM = "premium"
    PLUS = "plus"


def _without_slash(url: str) -> str:
    return url.rstrip("/")


Url = Annotated[str, AfterValidator(_without_slash)]


class LighterSettings(Settings):
    """Where the venue is, whose account it is, and how much it may be asked."""

    network: Literal["mainnet", "testnet"] = Field(
        default="mainnet", description="Which of the two deployments; signatures of one are void on the other."
    )
    account_index: int | None = Field(
        default=None, gt=0, lt=(1 << 48) - 1, description="Number of the account or sub-account that trades."
    )
    api_key_index: int = Field(
        default=_LOWEST_KEY_INDEX,
        ge=_LOWEST_KEY_INDEX,
        le=254,
        description="Slot of the API key; 0 to 3 belong to the venue's apps. Give each process a slot of its own.",
    )
    private_key: Secret | None = Field(
        default=None, description="Private API key: 40 bytes as 80 hex digits; without it nothing can be traded."
    )
    tier: Tier = Field(
        default=Tier.STANDARD,
        description="Account tier, which sets the rate limits: standard has 60 requests a minute for everything.",
    )
    live_reads: bool = Field(
        default=True,
        description="Answer reads of books, statistics and ended orders from the sockets where those are current.",
    )
    keep_books: Duration = Field(
        default=5 * MINUTE_NS,
        ge=SECOND_NS,
        description="How long a book is kept by the stream after it was asked for last.",
    )
    asset_classes: Mapping[str, str] = Field(
        default_factory=dict,
        description="Class of markets by symbol, such as `{ XAU = 'commodity' }`, over what the plugin knows.",
    )
    api_url: Url | None = Field(
        default=None, pattern=r"^https?://[^\s]+$", description="Where REST calls go instead of the network's address."
    )
    stream_url: Url | None = Field(
        default=None, pattern=r"^wss?://[^\s]+$", description="Where WebSockets are opened instead."
    )

    @field_validator("private_key")
    @classmethod
    def _is_key(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and _KEY.fullmatch(key.get_secret_value()) is None:
            raise ValueError("an API private key has 80 hex digits; an Ethereum key (64) is another thing")
        return key

    @model_validator(mode="after")
    def _belongs_together(self) -> LighterSettings:
        if (self.account_index is None) != (self.private_key is None):
            raise ValueError("account_index and private_key belong together: set both, or none for public data alone")
        return self

    @property
    def rest_address(self) -> str:
        """Return scheme and host of REST calls."""
        return self.api_url or f"https://{self.network}.zklighter.elliot.ai"

    @property
    def stream_address(self) -> str:
        """Return the address of WebSockets."""
        return self.stream_url or f"wss://{self.network}.zklighter.elliot.ai/stream"

    @property
    def chain_id(self) -> int:
        """Return the number that signatures are bound to."""
        return CHAIN_IDS[self.network]
