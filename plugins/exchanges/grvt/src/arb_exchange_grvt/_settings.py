"""Settings of one GRVT sub-account, or of public data alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from arb.api import Duration, Secret, Settings
from arb.model import MINUTE_NS, SECOND_NS

_LARGEST_ID: Final = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Network:
    """One of the venue's networks: what is signed for it, and where it is."""

    chain_id: int
    edge_url: str
    trades_url: str
    market_url: str
    trades_stream_url: str
    market_stream_url: str


def _network(chain_id: int, domain: str) -> Network:
    return Network(
        chain_id=chain_id,
        edge_url=f"https://edge.{domain}",
        trades_url=f"https://trades.{domain}",
        market_url=f"https://market-data.{domain}",
        trades_stream_url=f"wss://trades.{domain}/ws/full",
        market_stream_url=f"wss://market-data.{domain}/ws/full",
    )


NETWORKS: Final[Mapping[str, Network]] = MappingProxyType(
    {"mainnet": _network(325, "grvt.io"), "testnet": _network(326, "testnet.grvt.io")}
)
"""The networks of gravity-technologies/grvt-pysdk, `grvt_raw_env.py`; chain ids as in `grvt_raw_signing.py`."""


def _without_slash(url: str) -> str:
    return url.rstrip("/")


HttpUrl = Annotated[str, Field(pattern=r"^https?://[^\s]+$"), AfterValidator(_without_slash)]
SocketUrl = Annotated[str, Field(pattern=r"^wss?://[^\s]+$"), AfterValidator(_without_slash)]


class GrvtSettings(Settings):
    """Which network, which sub-account, and with which key."""

    network: Literal["mainnet", "testnet"] = Field(
        default="mainnet", description="Which of the venue's networks; its chain id is part of what is signed."
    )
    sub_account_id: str | None = Field(
        default=None, description="Number of the trading account (sub-account) that the API key belongs to."
    )
    api_key: Secret | None = Field(
        default=None, description="API key of that trading account: it logs in. Without it nothing can be traded."
    )
    private_key: Secret | None = Field(
        default=None,
        description="Private key that was made with the API key ('API secret'): it signs and never leaves.",
    )
    order_validity: Duration = Field(
        default=35 * SECOND_NS,
        ge=5 * SECOND_NS,
        le=30 * MINUTE_NS,
        description="How long a signed order is good: until then the venue may still take one, and then one that rests "
        "ends. The venue has one time for both. Longer than `rest` of the run, and no longer than it has to be.",
    )
    live_tickers: bool = Field(
        default=True, description="Keep prices and rates of all markets by a stream: the venue has no call for all."
    )
    asset_classes: dict[str, str] = Field(
        default_factory=dict, description="Class by base, such as { XAU = 'commodity' }, over the plugin's own list."
    )
    edge_url: HttpUrl | None = Field(default=None, description="Where the login goes, for a proxy or a fake.")
    trades_url: HttpUrl | None = Field(default=None, description="Where private calls go, for a proxy or a fake.")
    market_url: HttpUrl | None = Field(default=None, description="Where public calls go, for a proxy or a fake.")
    trades_stream_url: SocketUrl | None = Field(
        default=None, description="The private WebSocket, such as 'wss://host'."
    )
    market_stream_url: SocketUrl | None = Field(default=None, description="The public WebSocket, such as 'wss://host'.")

    @field_validator("sub_account_id")
    @classmethod
    def _uint64(cls, value: str | None) -> str | None:
        if value is not None and not (value.isascii() and value.isdigit() and 0 < int(value) <= _LARGEST_ID):
            raise ValueError("sub_account_id is a whole number, as the venue's page of API keys shows it")
        return None if value is None else str(int(value))

    @field_validator("private_key")
    @classmethod
    def _usable_key(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None:
            from arb.net import EvmKey

            EvmKey(key.get_secret_value())
        return key

    @model_validator(mode="after")
    def _whole_account(self) -> GrvtSettings:
        given = [each is not None for each in (self.sub_account_id, self.api_key, self.private_key)]
        if any(given[1:]) and not all(given):
            raise ValueError("api_key, private_key and sub_account_id belong together: set all, or none of the keys")
        return self

    @property
    def where(self) -> Network:
        """Return the network with the addresses that are set."""
        known = NETWORKS[self.network]
        return Network(
            chain_id=known.chain_id,
            edge_url=self.edge_url or known.edge_url,
            trades_url=self.trades_url or known.trades_url,
            market_url=self.market_url or known.market_url,
            trades_stream_url=self.trades_stream_url or known.trades_stream_url,
            market_stream_url=self.market_stream_url or known.market_stream_url,
        )
