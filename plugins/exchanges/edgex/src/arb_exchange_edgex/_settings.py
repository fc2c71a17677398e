"""Settings of one EdgeX account, or of the venue's public data alone."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final, NamedTuple

from pydantic import AfterValidator, Field, model_validator

from arb.api import Duration, Secret, Settings
from arb.model import DAY_NS, MINUTE_NS, SECOND_NS


class Network(StrEnum):
    """Which of the venue's networks."""

    MAINNET = "mainnet"
    TESTNET = "testnet"


class Addresses(NamedTuple):
    """Where a network is."""

    api: str
    stream: str


NETWORKS: Final = MappingProxyType(
    {
        Network.MAINNET: Addresses("https://edgex-prod-v2.edgex.exchange", "wss://edgex-quote-prod-v2.edgex.exchange"),
        Network.TESTNET: Addresses("https://testnet.edgex.exchange", "wss://quote-testnet.edgex.exchange"),
    }
)

LONGEST_LIFE_NS: Final = 22 * DAY_NS
"""What the venue's own clients sign."""


def _without_slash(url: str) -> str:
    return url.rstrip("/")


Url = Annotated[str, AfterValidator(_without_slash)]


class EdgexSettings(Settings):
    """Where the venue is, who asks, and how long what is signed holds."""

    network: Network = Field(default=Network.MAINNET, description="`mainnet` or `testnet`.")
    account_id: str | None = Field(
        default=None, pattern=r"^[1-9][0-9]{0,19}$", description="The account's number, of the page API Management."
    )
    api_key: Secret | None = Field(
        default=None, description="API key of the account; without it, passphrase, secret and trading key: no trading."
    )
    api_passphrase: Secret | None = Field(default=None, description="Passphrase that belongs to the API key.")
    api_secret: Secret | None = Field(default=None, description="Secret that signs requests (HMAC).")
    trading_key: Secret | None = Field(
        default=None, description="Private key that signs orders (EIP-712): that of the API key, never the wallet's."
    )
    allow_withdrawal_keys: bool = Field(
        default=False, description="Accept the key of the account's wallet as trading key, which can withdraw."
    )
    order_validity: Duration = Field(
        default=10 * SECOND_NS,
        ge=2 * SECOND_NS,
        le=60 * SECOND_NS,
        description="How long after it was signed the venue may still take an order that does not rest.",
    )
    resting_life: Duration = Field(
        default=DAY_NS,
        ge=2 * MINUTE_NS,
        le=LONGEST_LIFE_NS,
        description="After which a resting order ends by itself: the venue takes none without an end.",
    )
    calls_per_minute: int = Field(
        default=600, ge=60, le=6000, description="Of this machine's address, at most: the venue publishes no limit."
    )
    api_url: Url | None = Field(
        default=None, pattern=r"^https?://[^\s]+$", description="Another address than the network's, for a proxy."
    )
    stream_url: Url | None = Field(
        default=None, pattern=r"^wss?://[^\s]+$", description="Another address for WebSockets, for a proxy."
    )

    @property
    def addresses(self) -> Addresses:
        """Return where REST calls go and sockets are opened."""
        network = NETWORKS[self.network]
        return Addresses(self.api_url or network.api, self.stream_url or network.stream)

    @model_validator(mode="after")
    def _usable(self) -> EdgexSettings:
        keys = (self.api_key, self.api_passphrase, self.api_secret, self.trading_key)
        if any(key is None for key in keys) and any(key is not None for key in keys):
            raise ValueError("api_key, api_passphrase, api_secret and trading_key belong together: set all, or none")
        if self.api_key is not None and self.account_id is None:
            raise ValueError("account_id is missing: keys belong to one account")
        if self.order_validity % SECOND_NS or self.resting_life % SECOND_NS:
            raise ValueError("order_validity and resting_life are whole seconds: the venue signs no fractions")
        return self
