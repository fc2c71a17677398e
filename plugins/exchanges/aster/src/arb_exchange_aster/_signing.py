"""Signatures of Aster: EIP-712 by an agent over the parameters as they are sent, or HMAC-SHA256 of a key of version 1.

Of version 3 the parameters, url-encoded and in the order in which they leave, are the one field of a struct `Message`
("Authentication signature payload" of the venue's documents). The domain's chain id is a constant of each network and
no chain. Of version 1 they are what is signed, query directly followed by body ("SIGNED Endpoint security").
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from arb.api import ConfigError
from arb.model import MILLISECOND_NS, SECOND_NS
from arb.net import EvmKey, TypedData, keccak256

from ._nonces import NonceLine

CHAIN_IDS: Final[Mapping[str, int]] = MappingProxyType({"mainnet": 1666, "testnet": 714})
WINDOW_NS: Final = 10 * SECOND_NS
"""How far a nonce may be from the venue's time, on either side."""

_NO_CONTRACT: Final = "0x" + "00" * 20
_MICROSECOND_NS: Final = 1_000


def typed_message(chain_id: int) -> TypedData:
    """Return what makes digests of `{"msg": text}` on a network."""
    domain = {
        "name": "AsterSignTransaction",
        "version": "1",
        "chainId": chain_id,
        "verifyingContract": _NO_CONTRACT,
    }
    return TypedData(domain, "Message", {"Message": [("msg", "string")]})


class AgentSigner:
    """Implements :class:`arb_dialect_fapi.Signer` with the key of an agent. Neither text nor errors show the key."""

    def __init__(self, user: str, key: EvmKey, chain_id: int, nonces: NonceLine) -> None:
        """Sign nothing yet.

        Args:
            user: The address of the account, not of the agent.
            key: The agent's.
            chain_id: Of the network, see :data:`CHAIN_IDS`.
            nonces: The user's, shared by all who sign for it.
        """
        self.user: Final = checksummed(user)
        self.agent: Final = checksummed(key.address)
        self.account: Final = user.lower()
        self._key = key
        self._typed = typed_message(chain_id)
        self._nonces = nonces

    @property
    def validity_ns(self) -> int:
        """Return how long after its signing a request may still be taken."""
        return WINDOW_NS

    def headers(self) -> Mapping[str, str]:
        """Return nothing: all that names the account is a parameter."""
        return {}

    def signed(self, form: str, now_ns: int) -> str:
        """Return the form with nonce, user, signer and the signature."""
        nonce = self._nonces.next(now_ns // _MICROSECOND_NS)
        named = f"nonce={nonce}&user={self.user}&signer={self.agent}"
        text = f"{form}&{named}" if form else named
        signature = self._key.sign(self._typed.digest({"msg": text})).to_bytes()
        return f"{text}&signature=0x{signature.hex()}"

    def listen_form(self, now_ns: int) -> str:
        """Return a signed form without parameters."""
        return self.signed("", now_ns)


class KeySigner:
    """Implements :class:`arb_dialect_fapi.Signer` with a key of version 1. Neither text nor errors show the secret."""

    def __init__(self, api_key: str, api_secret: str, window_ns: int) -> None:
        """Read the key.

        Args:
            api_key: Names it at the venue.
            api_secret: Its secret.
            window_ns: How long a request stays valid, by the venue's clock.

        Raises:
            ConfigError: the secret is none.
        """
        if not api_secret.strip():
            raise ConfigError("aster: api_secret is empty")
        self._api_key = api_key
        self._secret = api_secret.encode()
        self._window_ms = window_ns // MILLISECOND_NS
        self.account: Final = hashlib.sha256(api_key.encode()).hexdigest()[:16]

    @property
    def validity_ns(self) -> int:
        """Return how long after its signing a request may still be taken."""
        return self._window_ms * MILLISECOND_NS

    def headers(self) -> Mapping[str, str]:
        """Return the header that names the key."""
        return {"X-MBX-APIKEY": self._api_key}

    def signed(self, form: str, now_ns: int) -> str:
        """Return the form with its window, its time and the signature."""
        timed = f"{form}&" if form else ""
        timed += f"recvWindow={self._window_ms}&timestamp={now_ns // MILLISECOND_NS}"
        return f"{timed}&signature={hmac.new(self._secret, timed.encode(), hashlib.sha256).hexdigest()}"

    def listen_form(self, now_ns: int) -> str:
        """Return nothing: of a listen key the header is enough."""
        return ""


def checksummed(address: str) -> str:
    """Return an address in the mixed case that checks it (EIP-55), as the venue writes addresses."""
    digits = address[2:].lower()
    marks = keccak256(digits.encode()).hex()
    return "0x" + "".join(
        digit.upper() if int(mark, 16) >= 8 else digit for digit, mark in zip(digits, marks, strict=False)
    )
