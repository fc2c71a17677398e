"""Settings of one Aster account, or of the public data alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from pydantic import Field, SecretStr, field_validator, model_validator

from arb.api import Duration, Secret
from arb.model import MILLISECOND_NS, SECOND_NS
from arb_dialect_fapi import FapiSettings

_WIDEST_WINDOW_NS: Final = 60 * SECOND_NS
_ADDRESS: Final = re.compile(r"0[xX][0-9a-fA-F]{40}")


class Hosts(NamedTuple):
    """Where a network is."""

    api: str
    stream: str


HOSTS: Final[Mapping[str, Hosts]] = MappingProxyType(
    {
        "mainnet": Hosts("https://fapi.asterdex.com", "wss://fstream.asterdex.com"),
        "testnet": Hosts("https://fapi.asterdex-testnet.com", "wss://fstream.asterdex-testnet.com"),
    }
)


class AsterSettings(FapiSettings):
    """Where the venue is and who asks."""

    network: Literal["mainnet", "testnet"] = Field(
        default="mainnet", description="Which of the venue's two networks; it is part of what an agent signs."
    )
    user: str | None = Field(
        default=None, description="Address of the account that trades: the wallet it was opened with, not the agent's."
    )
    agent_key: Secret | None = Field(
        default=None, description="Private key of an agent (API wallet) that the account has approved."
    )
    api_key: Secret | None = Field(
        default=None, description="API key of version 1, in the place of an agent; the venue makes no new ones."
    )
    api_secret: Secret | None = Field(default=None, description="Its secret.")
    window: Duration = Field(
        default=5 * SECOND_NS,
        description="How long what a key of version 1 signs stays valid, 500 ms to 60 s; of an agent it is 10 s.",
    )
    allow_withdrawal_keys: bool = Field(
        default=False, description="Take an agent that can withdraw, or the wallet's own key, which always can."
    )

    @field_validator("user")
    @classmethod
    def _lower_case(cls, user: str | None) -> str | None:
        if user is not None and not _ADDRESS.fullmatch(user):
            raise ValueError("an address is 0x and 40 hexadecimal digits")
        return None if user is None else user.lower()

    @field_validator("agent_key")
    @classmethod
    def _usable_key(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None:
            from arb.net import EvmKey

            EvmKey(key.get_secret_value())
        return key

    @model_validator(mode="after")
    def _usable(self) -> AsterSettings:
        if self.agent_key is not None and self.user is None:
            raise ValueError("agent_key needs `user`: the address of the account that the agent trades for")
        if (self.api_key is None) != (self.api_secret is None):
            raise ValueError("api_key and api_secret belong together: set both, or none")
        if self.agent_key is not None and self.api_key is not None:
            raise ValueError("set agent_key, or api_key and api_secret, not both")
        if not 500 * MILLISECOND_NS <= self.window <= _WIDEST_WINDOW_NS or self.window % MILLISECOND_NS:
            raise ValueError("window is between '500ms' and '60s', in whole milliseconds")
        return self

    @property
    def rest_address(self) -> str:
        """Return scheme and host of REST calls."""
        return self.api_url or HOSTS[self.network].api

    @property
    def stream_address(self) -> str:
        """Return scheme and host of WebSockets."""
        return self.stream_url or HOSTS[self.network].stream
