"""Settings of one account at Hyperliquid."""

from __future__ import annotations

import re
from typing import Final, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from arb.api import Duration, Secret, Settings
from arb.model import SECOND_NS

_ADDRESS: Final = re.compile(r"0[xX][0-9a-fA-F]{40}")
_DEX: Final = re.compile(r"[a-z0-9]{1,12}")


class HyperliquidSettings(Settings):
    """Which network, whose account, and with which key."""

    network: Literal["mainnet", "testnet"] = Field(
        default="mainnet", description="Which of the venue's two networks; it is part of what is signed."
    )
    account: str | None = Field(
        default=None,
        description="Address of the account that trades: the master wallet, a sub-account or a vault, never the API "
        "wallet. Without a key it is only used to read the account's own fees.",
    )
    key: Secret | None = Field(
        default=None, description="Private key of an API wallet (agent) of the account; without it nothing is traded."
    )
    allow_withdrawal_keys: bool = Field(
        default=False, description="Accept the key of a wallet, which can withdraw; an API wallet cannot."
    )
    dexes: tuple[str, ...] = Field(
        default=(), description="Builder-deployed dexes (HIP-3) whose markets are listed too, such as 'xyz'."
    )
    order_validity: Duration = Field(
        default=5 * SECOND_NS,
        ge=2 * SECOND_NS,
        le=60 * SECOND_NS,
        description="How long after it was signed the venue may still take an order (its `expiresAfter`).",
    )
    fast_books: bool = Field(
        default=False,
        description="Stream five levels a side about twice a second, instead of twenty every few seconds.",
    )
    api_url: str | None = Field(
        default=None, pattern=r"^https?://", description="Another address than the network's, for a proxy or a fake."
    )
    stream_url: str | None = Field(
        default=None, pattern=r"^wss?://", description="Another address for the WebSocket, such as 'wss://host/ws'."
    )

    @field_validator("account")
    @classmethod
    def _lower_case(cls, account: str | None) -> str | None:
        if account is not None and not _ADDRESS.fullmatch(account):
            raise ValueError("an address is 0x and 40 hexadecimal digits")
        return None if account is None else account.lower()

    @field_validator("key")
    @classmethod
    def _usable_key(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None:
            from arb.net import EvmKey

            EvmKey(key.get_secret_value())
        return key

    @field_validator("dexes")
    @classmethod
    def _plain_names(cls, dexes: tuple[str, ...]) -> tuple[str, ...]:
        if any(not _DEX.fullmatch(name) for name in dexes) or len(set(dexes)) < len(dexes):
            raise ValueError("name each dex once, in lower case, as the venue does")
        return dexes

    @model_validator(mode="after")
    def _account_of_key(self) -> HyperliquidSettings:
        if self.key is not None and self.account is None:
            raise ValueError("`key` needs `account`: the address of the account it trades for")
        return self
