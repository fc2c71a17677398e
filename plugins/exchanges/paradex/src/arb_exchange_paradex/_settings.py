"""Settings of one Paradex account, or of its public data alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from pydantic import Field, field_validator, model_validator

from arb.api import Duration, Secret, Settings
from arb.model import MILLISECOND_NS, SECOND_NS

_FELT: Final = re.compile(r"0[xX][0-9a-fA-F]{1,64}")


class Network(NamedTuple):
    """One of the venue's two networks."""

    api_url: str
    stream_url: str
    chain: str


NETWORKS: Final[Mapping[str, Network]] = MappingProxyType(
    {
        "mainnet": Network(
            "https://api.prod.paradex.trade/v1", "wss://ws.api.prod.paradex.trade/v1", "PRIVATE_SN_PARACLEAR_MAINNET"
        ),
        "testnet": Network(
            "https://api.testnet.paradex.trade/v1", "wss://ws.api.testnet.paradex.trade/v1", "PRIVATE_SN_POTC_SEPOLIA"
        ),
    }
)


class ParadexSettings(Settings):
    """Which network, whose account, and with which key."""

    network: Literal["mainnet", "testnet"] = Field(
        default="mainnet", description="Which of the venue's two networks; it is part of what is signed."
    )
    account: str | None = Field(
        default=None, description="Starknet address of the account that trades, 0x and hex digits, also with a subkey."
    )
    private_key: Secret | None = Field(
        default=None, description="Stark private key, hex: of a subkey, which can trade and cannot withdraw."
    )
    allow_withdrawal_keys: bool = Field(
        default=False, description="Accept the account's main key, which can withdraw; a subkey cannot."
    )
    window: Duration = Field(
        default=5 * SECOND_NS,
        description="How long after it was signed the venue takes an order (its `recv_window`), 500 ms to 60 s.",
    )
    sbe_version: int = Field(
        default=2,
        ge=1,
        le=9,
        description="Version of the binary schema that sockets ask for; where the venue refuses it, 1 is tried.",
    )
    api_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s]+$",
        description="Another address than the network's, with the version's path, such as 'http://127.0.0.1:8700/v1'.",
    )
    stream_url: str | None = Field(
        default=None, pattern=r"^wss?://[^\s?]+$", description="Another address for the WebSocket, without a query."
    )

    @field_validator("account")
    @classmethod
    def _address(cls, account: str | None) -> str | None:
        if account is not None and not _FELT.fullmatch(account):
            raise ValueError("an account is 0x and up to 64 hexadecimal digits")
        return None if account is None else hex(int(account, 16))

    @model_validator(mode="after")
    def _usable(self) -> ParadexSettings:
        if (self.account is None) != (self.private_key is None):
            raise ValueError("account and private_key belong together: set both, or none for public data alone")
        if not 500 * MILLISECOND_NS <= self.window <= 60 * SECOND_NS or self.window % MILLISECOND_NS:
            raise ValueError("window is between '500ms' and '60s'")
        return self

    @property
    def rest_address(self) -> str:
        """Return where REST calls go, without a slash at its end."""
        return (self.api_url or NETWORKS[self.network].api_url).rstrip("/")

    @property
    def stream_address(self) -> str:
        """Return where WebSockets are opened, without the parameters of the schema."""
        return (self.stream_url or NETWORKS[self.network].stream_url).rstrip("/")

    @property
    def chain(self) -> str:
        """Return the name of the chain that is part of every signature."""
        return NETWORKS[self.network].chain
