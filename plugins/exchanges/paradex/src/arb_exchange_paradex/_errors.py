"""What Paradex's error codes mean. One table; a code that is not in it leaves in doubt what happened.

The codes are `ErrorCode` of the venue's OpenAPI document. Only an answer with a status of 4xx is read with it: a
server that fails (5xx) may have failed after its work. What becomes of an order *after* it was accepted is told by
`cancel_reason`, whose values the venue has published few of; they are matched by the words in them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from arb.api import (
    AuthenticationFailed,
    BadResponse,
    BelowMinimum,
    ClockRefused,
    ExchangeError,
    HttpResponse,
    InMaintenance,
    InsufficientMargin,
    Rejected,
    WouldCross,
)
from arb.model import SECOND_NS
from arb.net import decoded

UNAUTHORIZED: Final = 401
"""The token is missing, malformed or has run out: nothing was looked at."""

BY_CLIENT_ID: Final = "CLIENT_ORDER_ID_NOT_FOUND"
BY_ORDER_ID: Final = "ORDER_ID_NOT_FOUND"
NOT_RESTING: Final = frozenset({BY_CLIENT_ID, BY_ORDER_ID, "ORDER_IS_CLOSED", "ORDER_IS_NOT_OPEN"})
"""Of an order: it does not rest. It may have been filled, or it may never have come."""

CLOCK_ADVICE: Final = "set this machine's clock (NTP), or make `window` longer"
KEY_ADVICE: Final = "check that account, private_key and network belong together and that the subkey was not revoked"

REFUSALS: Final[Mapping[str, type[ExchangeError]]] = MappingProxyType(
    {
        "ACCOUNT_NOT_FOUND": AuthenticationFailed,
        "BATCH_SIZE_OUT_OF_RANGE": Rejected,
        "BINDING_ERROR": Rejected,
        BY_CLIENT_ID: Rejected,
        "ETHEREUM_ADDRESS_BLOCKED": AuthenticationFailed,
        "GEO_IP_BLOCK": AuthenticationFailed,
        "INVALID_CHAIN": AuthenticationFailed,
        "INVALID_ORDER_SIGNATURE": AuthenticationFailed,
        "INVALID_ORDER_SIZE": Rejected,
        "INVALID_REQUEST_PARAMETER": Rejected,
        "INVALID_STARKNET_ADDRESS": AuthenticationFailed,
        "INVALID_STARKNET_SIGNATURE": AuthenticationFailed,
        "INVALID_SUBKEY": AuthenticationFailed,
        "INVALID_SYMBOL": Rejected,
        "INVALID_TIMESTAMP": ClockRefused,
        "INVALID_TOKEN": AuthenticationFailed,
        "INVALID_TOKEN_SCOPE": AuthenticationFailed,
        "IP_NOT_ALLOWED": AuthenticationFailed,
        "ISOLATED_MARKET_ACCOUNT_MISMATCH": Rejected,
        "MARKET_MARGIN_RESTRICTED": Rejected,
        "MARKET_NOT_FOUND": Rejected,
        "MARKET_NOT_OPEN": Rejected,
        "NOT_ONBOARDED": AuthenticationFailed,
        "NO_ACCESS_TO_MARKET": Rejected,
        BY_ORDER_ID: Rejected,
        "ORDER_IS_CLOSED": Rejected,
        "ORDER_IS_NOT_OPEN": Rejected,
        "PUBLIC_KEY_INVALID": AuthenticationFailed,
        "REQUEST_NOT_ALLOWED": Rejected,
        "RPI_ACCOUNT_NOT_WHITELISTED": Rejected,
        "STARKNET_SIGNATURE_VERIFICATION_FAILED": AuthenticationFailed,
        "SYSTEM_STATUS_CANCEL_ONLY": InMaintenance,
        "SYSTEM_STATUS_POST_ONLY": InMaintenance,
        "UNAUTHORIZED_ERROR": AuthenticationFailed,
        "VALIDATION_ERROR": Rejected,
    }
)
"""Codes of which each says that nothing was done."""

IN_DOUBT: Final = frozenset(
    {"DUPLICATED_CLIENT_ID", "INTERNAL_ERROR", "NOT_FOUND", "NOT_UNIQUE", "SERVICE_UNAVAILABLE"}
)
"""Codes after which an order may be at the venue; they are judged by the HTTP status alone. Where the venue has an
order with this client id, that one is ours."""

_MODE_WAIT_NS: Final = 60 * SECOND_NS
"""The modes of a release last about two minutes each (docs.paradex.trade, "Maintenance & Releases")."""


def _says(*words: str) -> Callable[[str], bool]:
    return lambda text: any(word in text for word in words)


_CLOSER: Final[tuple[tuple[str, Callable[[str], bool], type[Rejected]], ...]] = (
    ("INVALID_ORDER_SIZE", _says("min", "too small", "below"), BelowMinimum),
    ("VALIDATION_ERROR", _says("min_notional", "minimum", "min notional"), BelowMinimum),
    ("VALIDATION_ERROR", _says("signature timestamp", "signature_timestamp", "recv_window"), ClockRefused),
    ("INVALID_REQUEST_PARAMETER", _says("signature timestamp", "recv_window"), ClockRefused),
)
"""Codes whose text says more: code, what the text says in lower case, meaning."""

REASONS: Final[tuple[tuple[str, type[Rejected]], ...]] = (
    ("NOT_ENOUGH_MARGIN", InsufficientMargin),
    ("ORDER_EXCEEDS_POSITION_LIMIT", Rejected),
    ("MARGIN", InsufficientMargin),
    ("COLLATERAL", InsufficientMargin),
    ("POST_ONLY", WouldCross),
    ("REDUCE", Rejected),
    ("BAND", Rejected),
    ("MIN_NOTIONAL", BelowMinimum),
    ("NOTIONAL", Rejected),
    ("POSITION_LIMIT", Rejected),
    ("OPEN_ORDERS", Rejected),
    ("MMP", Rejected),
)
"""Words of a `cancel_reason` with which the venue ends an order that it refuses; the first that is found counts."""


def error_of(answer: object) -> tuple[str, str]:
    """Return code and text of an error answer; empty ones where it is none."""
    if not isinstance(answer, dict) or not isinstance(answer.get("error"), str):
        return "", ""
    return answer["error"], str(answer.get("message", ""))


def refusal_table(exchange: str) -> Callable[[HttpResponse], ExchangeError | None]:
    """Return the function that reads an answer with the table; it returns None where nothing is certain."""

    def refusal(response: HttpResponse) -> ExchangeError | None:
        if not 400 <= response.status < 500:
            return None
        code, text = error_of(_json(response.body, exchange))
        return refused(exchange, code, text)

    return refusal


def refused(exchange: str, code: str, text: str) -> ExchangeError | None:
    """Return the error of a code and its text; None for a code that is not in the table."""
    kind = REFUSALS.get(code)
    if kind is None:
        return None
    lowered = text.lower()
    kind = next((closer for name, says, closer in _CLOSER if name == code and says(lowered)), kind)
    message = f"{code}: {text}"
    if kind is InMaintenance:
        return InMaintenance(message, exchange=exchange, code=code, retry_after_ns=_MODE_WAIT_NS)
    if kind is AuthenticationFailed and ("timestamp" in lowered or "recv_window" in lowered):
        kind = ClockRefused
    if issubclass(kind, AuthenticationFailed):
        message = f"{message} ({CLOCK_ADVICE if kind is ClockRefused else KEY_ADVICE})"
    return kind(message, exchange=exchange, code=code)


def refusal_by(reason: str) -> type[Rejected] | None:
    """Return what a `cancel_reason` refuses an order for; None where it ended in another way, or nobody knows."""
    upper = reason.upper()
    return next((kind for word, kind in REASONS if word in upper), None)


def _json(body: bytes, exchange: str) -> Any:
    try:
        return decoded(body, exchange)
    except BadResponse:
        return None
