"""What the fake venue checks of signatures: it builds the signed struct from the fields it received."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from arb.model import DAY_NS, MINUTE_NS, Instrument
from arb.net import EvmSignature, recover_address
from arb_exchange_grvt._signing import (
    BUILDER_ORDER,
    LEVERAGE_DECIMALS,
    ORDER,
    POSITION_CONFIG,
    TIME_IN_FORCE,
    WALLET_LOGIN,
    OrderTerms,
    order_message,
    scaled,
    typed_data,
)

from ._fit import BASE_DECIMALS, asset_id
from ._keys import CHAIN_ID, SUB_ACCOUNT, signer_address
from ._refusal import Refusal

_LONGEST_NS: Final = 30 * DAY_NS
_LOGIN_NS: Final = 5 * MINUTE_NS
_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_WORD: Final = re.compile(r"(?:0x)?([0-9a-fA-F]{64})")
_MARGIN_TYPES: Final = {"ISOLATED": 1, "CROSS": 2}
_NO_BUILDER: Final = ("", "0x00", "0x0000000000000000000000000000000000000000")
_FEE_DECIMALS: Final = 4
Row = Mapping[str, Any]


def require_order(order: Row, instrument: Instrument, now_ns: int) -> None:
    """Check the signature of an order; raises Refusal."""
    (leg,) = order["legs"]
    terms = OrderTerms(
        asset_id=asset_id(instrument),
        base_decimals=BASE_DECIMALS,
        size=Decimal(str(leg["size"])),
        price=Decimal(str(leg.get("limit_price") or 0)),
        is_buy=bool(leg["is_buying_asset"]),
        time_in_force=str(order["time_in_force"]),
        is_market=bool(order.get("is_market")),
        post_only=bool(order.get("post_only")),
        reduce_only=bool(order.get("reduce_only")),
    )
    if terms.time_in_force not in TIME_IN_FORCE:
        raise Refusal(2030)
    message, primary = order_message(terms, int(SUB_ACCOUNT)), ORDER
    builder = order.get("builder") or ""
    if builder not in _NO_BUILDER:
        fee = scaled(Decimal(str(order.get("builder_fee") or 0)), _FEE_DECIMALS)
        message, primary = {**message, "builder": builder, "builderFee": fee}, BUILDER_ORDER
    require_signature(primary, message, order.get("signature") or {}, now_ns, longest_ns=_LONGEST_NS)


def require_config(body: Row, instrument: Instrument, now_ns: int) -> None:
    """Check the signature of a position's configuration; raises Refusal."""
    message = {
        "subAccountID": int(SUB_ACCOUNT),
        "asset": int(asset_id(instrument), 16),
        "marginType": _MARGIN_TYPES.get(str(body.get("margin_type")), 0),
        "leverage": scaled(Decimal(str(body.get("leverage") or 0)), LEVERAGE_DECIMALS),
    }
    require_signature(POSITION_CONFIG, message, body.get("signature") or {}, now_ns, longest_ns=_LONGEST_NS)


def require_login(body: Row, now_ns: int, memory: dict[str, Any]) -> None:
    """Check a wallet's login; raises Refusal."""
    signature = body.get("signature") or {}
    require_signature(WALLET_LOGIN, {"signer": body.get("address")}, signature, now_ns, longest_ns=_LOGIN_NS)
    used: list[str] = memory.setdefault("login nonces", [])
    if str(signature["nonce"]) in used:
        raise Refusal(2002)
    used.append(str(signature["nonce"]))


def require_signature(
    primary: str, message: Mapping[str, Any], signature: Row, now_ns: int, *, longest_ns: int
) -> None:
    """Check form, time and signer of a signature; raises Refusal."""
    try:
        v, nonce, expiration_ns = int(signature["v"]), int(signature["nonce"]), int(signature["expiration"])
        words = [_WORD.fullmatch(str(signature[name])) for name in ("r", "s")]
        chain = int(signature.get("chain_id") or 0)
    except (KeyError, TypeError, ValueError):
        raise Refusal(1003) from None
    if v not in (27, 28):
        raise Refusal(2005)
    if words[0] is None or words[1] is None:
        raise Refusal(2006)
    r, s = int(words[0][1], 16), int(words[1][1], 16)
    if s > _HALF_ORDER:
        raise Refusal(2007)
    if chain not in (0, CHAIN_ID):
        raise Refusal(1012)
    if expiration_ns <= now_ns:
        raise Refusal(2001)
    if expiration_ns > now_ns + longest_ns:
        raise Refusal(2008)
    _require_signer(primary, {**message, "nonce": nonce, "expiration": expiration_ns}, signature, EvmSignature(r, s, v))


def _require_signer(primary: str, message: Mapping[str, Any], signature: Row, made: EvmSignature) -> None:
    told = str(signature.get("signer") or "").lower()
    if told != signer_address():
        raise Refusal(2000)
    try:
        found = recover_address(typed_data(primary, CHAIN_ID).digest(message), made)
    except ValueError:
        raise Refusal(2002) from None
    if found != told:
        raise Refusal(2002)
