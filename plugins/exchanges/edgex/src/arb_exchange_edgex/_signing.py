"""Signatures of EdgeX V2: HMAC of every private request, EIP-712 of what reaches the chain.

The rules are those of the venue's Python SDK 2.0.1, where its documents differ:

* A request is signed over `<ms><METHOD><path><parameters>` with HMAC-SHA256; the key is the base64 *text* of the
  secret's bytes. Parameters are `name=value` sorted by name and joined with `&`: those of the query, or those of the
  body, in which an object is written the same way, a list is its values joined with `&`, a boolean is in lower case
  and null is nothing.
* The nonce of an order is the first 32 bits of the SHA-256 of its client order id.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from arb.api import ConfigError
from arb.net import EvmKey, TypedData, keccak256

Params = Mapping[str, str]
Body = Mapping[str, Any]
NO_PARAMS: Final[Params] = {}

_BASE: Final = (
    ("nonce", "uint256"),
    ("signer", "address"),
    ("accountId", "uint64"),
    ("expirationTimestamp", "uint256"),
)
_ORDER: Final = (
    ("base", "OrderBase"),
    ("amountSynthetic", "int256"),
    ("amountCollateral", "int256"),
    ("amountFee", "uint256"),
    ("assetIdSynthetic", "uint64"),
    ("assetIdCollateral", "uint64"),
    ("isBuyingSynthetic", "bool"),
    ("parentOrderHash", "bytes32"),
    ("subOrderIndex", "uint256"),
)
_MARGIN: Final = (
    ("accountId", "uint64"),
    ("assetId", "uint64"),
    ("marginMode", "uint8"),
    ("nonce", "uint256"),
    ("signer", "address"),
)
_NO_PARENT: Final = bytes(32)


def flattened(value: Any) -> str:
    """Return a body, or a part of one, as it is signed."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "&".join(f"{name}={flattened(value[name])}" for name in sorted(value))
    if isinstance(value, list | tuple):
        return "&".join(flattened(each) for each in value)
    return str(value)


def nonce_of(client_order_id: str) -> int:
    """Return the nonce of an order; two ids meet at one nonce by chance, one pair in 4 thousand million."""
    return int.from_bytes(hashlib.sha256(client_order_id.encode()).digest()[:4], "big")


class RequestSigner:
    """Signs requests for one API key. Neither its text nor its errors show the secret."""

    def __init__(self, api_key: str, passphrase: str, secret: str) -> None:
        """Take the three values of the venue's page API Management."""
        self.api_key: Final = api_key.strip()
        self._passphrase = passphrase.strip()
        self._key = base64.b64encode(secret.strip().encode())

    def headers(self, method: str, path: str, parameters: str, timestamp_ms: int) -> dict[str, str]:
        """Return the headers of a request; `parameters` is flattened, and empty where there are none."""
        message = f"{timestamp_ms}{method}{path}{parameters}".encode()
        return {
            "X-edgeX-Api-Key": self.api_key,
            "X-edgeX-Passphrase": self._passphrase,
            "X-edgeX-Signature": hmac.new(self._key, message, hashlib.sha256).hexdigest(),
            "X-edgeX-Timestamp": str(timestamp_ms),
        }

    def __repr__(self) -> str:
        return "RequestSigner()"


class Chain(NamedTuple):
    """What typed data are signed for; the venue tells it with its contracts."""

    chain_id: int
    contract: str


class OrderToSign(NamedTuple):
    """The numbers of an order as the chain counts them."""

    nonce: int
    expires_s: int
    synthetic: int
    collateral: int
    fee: int
    contract_id: int
    coin_id: int
    is_buy: bool


class TypedSigner:
    """Signs typed data of one account with its trading key."""

    def __init__(self, trading_key: str, account_id: str) -> None:
        """Read the key; raises ConfigError where it is none."""
        try:
            self._key = EvmKey(trading_key)
        except ValueError as error:
            raise ConfigError(f"edgex: trading_key: {error}") from None
        self._account_id = int(account_id)
        self.address: Final = checksummed(self._key.address)
        self._made: dict[tuple[Chain, str], TypedData] = {}

    def order(self, chain: Chain, order: OrderToSign) -> str:
        """Return the signature of an order: r, s and v in hex, without 0x."""
        base = {
            "nonce": order.nonce,
            "signer": self.address,
            "accountId": self._account_id,
            "expirationTimestamp": order.expires_s,
        }
        message = {
            "base": base,
            "amountSynthetic": order.synthetic,
            "amountCollateral": order.collateral,
            "amountFee": order.fee,
            "assetIdSynthetic": order.contract_id,
            "assetIdCollateral": order.coin_id,
            "isBuyingSynthetic": order.is_buy,
            "parentOrderHash": _NO_PARENT,
            "subOrderIndex": 0,
        }
        return self._signed(chain, "LimitOrderParams", message)

    def margin_mode(self, chain: Chain, contract_id: int, mode: int, nonce: int) -> str:
        """Return the signature of a change of the margin mode of a contract."""
        message = {
            "accountId": self._account_id,
            "assetId": contract_id,
            "marginMode": mode,
            "nonce": nonce,
            "signer": self.address,
        }
        return self._signed(chain, "SetMarginPreferenceParams", message)

    def _signed(self, chain: Chain, primary: str, message: Mapping[str, Any]) -> str:
        typed = self._made.get((chain, primary))
        if typed is None:
            typed = self._made[chain, primary] = typed_data(chain, primary)
        return self._key.sign(typed.digest(message)).to_bytes().hex()

    def __repr__(self) -> str:
        return f"TypedSigner({self.address})"


def typed_data(chain: Chain, primary: str) -> TypedData:
    """Return what hashes messages of a type for a chain; raises ValueError for a chain that is none."""
    domain = {"name": "EdgeX", "version": "1", "chainId": chain.chain_id, "verifyingContract": chain.contract}
    types = {"OrderBase": _BASE, "LimitOrderParams": _ORDER, "SetMarginPreferenceParams": _MARGIN}
    return TypedData(domain, primary, types)


def checksummed(address: str) -> str:
    """Return an address in the letter case of EIP-55, in which the venue's clients send it."""
    digits = address.lower().removeprefix("0x")
    marks = keccak256(digits.encode()).hex()
    return "0x" + "".join(
        digit.upper() if int(mark, 16) >= 8 else digit for digit, mark in zip(digits, marks[:40], strict=True)
    )
