"""Whose key it is and how the account keeps its money: asked once, before anything is traded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from arb.api import AuthenticationFailed, BadResponse, ConfigError
from arb.net import EvmKey, reading

from ._balances import APART, POOLED
from ._client import Client
from ._settings import HyperliquidSettings
from ._signing import ActionSigner

UNKNOWN_MODE: Final = "account_mode"
_WALLET: Final = "user"
_AGENT: Final = "agent"
_MISSING: Final = "missing"


class Access:
    """An account, and the key that signs for it. What they are to each other only the venue tells.

    Attributes:
        address: Of master wallet, sub-account or vault.
        key: Signs.
    """

    def __init__(self, client: Client, settings: HyperliquidSettings, key: EvmKey, address: str) -> None:
        """Ask nothing yet."""
        self.address = address
        self.key = key
        self._client = client
        self._settings = settings
        self._signer: ActionSigner | None = None

    @property
    def signer(self) -> ActionSigner:
        """Return the signer; there is none before :meth:`check` has returned."""
        if self._signer is None:
            raise RuntimeError("the account was not looked at yet")
        return self._signer

    async def check(self) -> None:
        """Ask the venue whether the key may trade for the account, and how the account keeps its money.

        Raises:
            ConfigError: the key can withdraw, or the account is none that can be traded for.
            AuthenticationFailed: the key is not approved for the account.
            ExchangeError: the venue could not be asked.
        """
        vault = await self._vault()
        try:
            await account_mode(self._client, self.address)
        except BadResponse as error:
            if error.code == UNKNOWN_MODE:
                raise ConfigError(str(error)) from error
            raise
        self._signer = ActionSigner(self.key, self._settings.network, vault=vault)

    async def _vault(self) -> str | None:
        """Return the address again where it is a sub-account or a vault: actions have to name it."""
        client = self._client
        owner = await _owner(client, self.key, self._settings)
        role = await _role(client, self.address)
        if role["role"] == _AGENT:
            text = "`account` is the address of an API wallet: name the account that it trades for"
            raise ConfigError(f"{client.name}: {text}")
        if role["role"] == _WALLET:
            if owner != self.address:
                raise _not_approved(client, self.key, self.address)
            return None
        if role["role"] == _MISSING:
            text = "the venue does not know `account`: check address and network, and deposit first"
            raise AuthenticationFailed(text, exchange=client.name, code="no_account")
        if role["role"] == "subAccount" and _address(role, "master") != owner:
            raise _not_approved(client, self.key, self.address)
        # Who leads a vault is not told here; the venue refuses what another signs for it.
        return self.address


def account_of(client: Client, settings: HyperliquidSettings) -> Access | None:
    """Return the account of the settings; None without a key."""
    if settings.key is None or settings.account is None:
        return None
    return Access(client, settings, EvmKey(settings.key.get_secret_value()), settings.account)


async def account_mode(client: Client, address: str) -> str:
    """Return how an account keeps its balances.

    Raises:
        BadResponse: in a way that this plugin does not know.
    """
    mode = await client.info("userAbstraction", user=address)
    if isinstance(mode, str) and mode in APART | POOLED:
        return mode
    text = f"the account keeps its balances in a way that is not known here: {mode!r:.50}"
    raise BadResponse(f"{text}; choose 'disabled' or 'unifiedAccount'", exchange=client.name, code=UNKNOWN_MODE)


async def _owner(client: Client, key: EvmKey, settings: HyperliquidSettings) -> str:
    """Return the wallet that a key acts for; a wallet's own key can withdraw and is refused."""
    role = await _role(client, key.address)
    if role["role"] == _AGENT:
        return _address(role, "user")
    if role["role"] == _MISSING:
        raise _not_approved(client, key, settings.account)
    if not settings.allow_withdrawal_keys:
        text = "`key` is the key of a wallet, which can withdraw everything: create an API wallet and use its key"
        raise ConfigError(f"{client.name}: {text}, or set `allow_withdrawal_keys`")
    return key.address


async def _role(client: Client, address: str) -> Mapping[str, Any]:
    answer = await client.info("userRole", user=address)
    with reading(client.name, "the role of an address"):
        if answer["role"] not in (_WALLET, _AGENT, _MISSING, "vault", "subAccount"):
            raise ValueError(f"{answer['role']!r} is no role that is known")
        if answer["role"] in (_AGENT, "subAccount"):
            _address(answer, "user" if answer["role"] == _AGENT else "master")
    role: Mapping[str, Any] = answer
    return role


def _address(role: Mapping[str, Any], field: str) -> str:
    return str(role["data"][field]).lower()


def _not_approved(client: Client, key: EvmKey, account: str | None) -> AuthenticationFailed:
    text = f"the venue has not approved the wallet {key.address} for the account {account}: approve it as API wallet"
    text += " (it may have expired; a new one needs a new key), and check the network"
    return AuthenticationFailed(text, exchange=client.name, code="not_approved")
