"""What a key may do. The spot host tells it; the futures host does not.

`canWithdraw` of the futures account is a state of the account, not a right of the key.
"""

from __future__ import annotations

from typing import Final

from arb.api import AuthenticationFailed, ConfigError, Context
from arb.net import reading, row_of
from arb_dialect_fapi import Endpoint, VenueRest, flag

_RESTRICTIONS: Final = Endpoint("/sapi/v1/account/apiRestrictions", 1)


async def require_harmless(context: Context, rest: VenueRest) -> None:
    """Refuse a key that can withdraw, and one that may not trade futures.

    Args:
        context: The exchange plugin's.
        rest: Of the spot host, for the same key.

    Raises:
        ConfigError: it can withdraw.
        AuthenticationFailed: it may not trade futures, or the venue refuses it.
        ExchangeError: the venue could not be asked; nothing may be traded before it was.
    """
    answer = await rest.read(_RESTRICTIONS)
    with reading(context.name, "the rights of the key"):
        rights = row_of(answer)
        can_withdraw, can_trade = flag(rights["enableWithdrawals"]), flag(rights["enableFutures"])
        can_move = [name for name in ("enableInternalTransfer", "permitsUniversalTransfer") if rights.get(name)]
    if can_withdraw:
        text = "the key can withdraw: take that right away at the venue, or set `allow_withdrawal_keys`"
        raise ConfigError(f"{context.name}: {text}")
    if not can_trade:
        text = "the key may not trade futures: give it that right at the venue"
        raise AuthenticationFailed(text, exchange=context.name, code="enableFutures")
    if can_move:
        context.log.warning("the key can move money between own accounts (%s)", ", ".join(can_move))
