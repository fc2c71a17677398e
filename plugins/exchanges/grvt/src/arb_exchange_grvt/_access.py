"""Whose account it is: asked once, before anything is traded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from arb.api import ConfigError, Context
from arb.net import reading, row_of

from ._rest import Pace, VenueRest

_SINGLE: Final = "SINGLE_ASSET_MODE"


async def check_account(context: Context, rest: VenueRest, sub_account_id: str) -> None:
    """Read the account with the key.

    The venue nets positions in every account, so there is no position mode to check. Which rights a key has it does
    not tell.

    Raises:
        ConfigError: the account is none that can be traded for as it is.
        AuthenticationFailed: the venue refuses the key, or the key is of another account.
        ExchangeError: the venue could not be asked.
    """
    answer = await rest.read("/full/v1/account_summary", {"sub_account_id": sub_account_id}, pace=Pace.ACCOUNT)
    with reading(context.name, "the account"):
        account = row_of(answer["result"])
        told = str(account["sub_account_id"])
    if told != sub_account_id:
        raise ConfigError(f"{context.name}: the key is of the trading account {told}, not of {sub_account_id}")
    _require_mode(context, account)


def _require_mode(context: Context, account: Mapping[str, Any]) -> None:
    mode = account.get("sub_account_mode") or _SINGLE
    if mode != _SINGLE:
        text = f"the trading account is in {mode!s:.40}, where other currencies lend margin: switch it to {_SINGLE}"
        raise ConfigError(f"{context.name}: {text}")
    if account.get("is_vault"):
        context.log.warning("the trading account is a vault: its leverage cannot be set")
    context.log.info("margin of the account: %s", account.get("margin_type"))
