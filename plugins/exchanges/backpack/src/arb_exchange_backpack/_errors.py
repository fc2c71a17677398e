"""What Backpack's error codes mean. One table; a code that is not in it leaves in doubt what happened.

The codes are `ApiErrorCode` of https://docs.backpack.exchange. Only an answer with a status of 4xx is read with
it: a server that fails (5xx) may have failed after its work.
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
    InsufficientMargin,
    RateLimited,
    Rejected,
    WouldCross,
)
from arb.net import decoded

NOT_FOUND: Final = "RESOURCE_NOT_FOUND"
"""Of an order: it does not rest. It may have been filled, or it may never have come."""

CLOCK_ADVICE: Final = "set this machine's clock (NTP), or make `window` longer"
KEY_ADVICE: Final = "check that api_key and api_secret are those of this account and that the key was not deleted"

REFUSALS: Final[Mapping[str, type[ExchangeError]]] = MappingProxyType(
    {
        "ACCOUNT_DEACTIVATED": Rejected,
        "ACCOUNT_LIQUIDATING": Rejected,
        "BORROW_LIMIT": InsufficientMargin,
        "BORROW_REQUIRES_LEND_REDEEM": InsufficientMargin,
        "FORBIDDEN": AuthenticationFailed,
        "INSUFFICIENT_FUNDS": InsufficientMargin,
        "INSUFFICIENT_MARGIN": InsufficientMargin,
        "INSUFFICIENT_SUPPLY": InsufficientMargin,
        "INVALID_ASSET": Rejected,
        "INVALID_CLIENT_REQUEST": Rejected,
        "INVALID_MARKET": Rejected,
        "INVALID_ORDER": Rejected,
        "INVALID_POSITION_ID": Rejected,
        "INVALID_PRICE": Rejected,
        "INVALID_QUANTITY": Rejected,
        "INVALID_RANGE": Rejected,
        "INVALID_SIGNATURE": AuthenticationFailed,
        "INVALID_SOURCE": Rejected,
        "INVALID_SYMBOL": Rejected,
        "INVALID_TWO_FACTOR_CODE": Rejected,
        "LEND_LIMIT": Rejected,
        "LEND_REQUIRES_BORROW_REPAY": Rejected,
        "MAX_LEVERAGE_REACHED": InsufficientMargin,
        "NOT_IMPLEMENTED": Rejected,
        "ORDER_LIMIT": Rejected,
        "POSITION_LIMIT": Rejected,
        "PRECONDITION_FAILED": Rejected,
        NOT_FOUND: Rejected,
        "TOO_MANY_REQUESTS": RateLimited,
        "UNAUTHORIZED": AuthenticationFailed,
    }
)
"""Codes of which each says that nothing was done."""

IN_DOUBT: Final = frozenset({"MAINTENANCE", "SERVER_ERROR", "TIMEOUT", "TOO_EARLY", "TRADING_PAUSED"})
"""Codes after which an order may be at the venue; they are judged by the HTTP status alone."""


def _says(*words: str) -> Callable[[str], bool]:
    return lambda text: any(word in text for word in words)


_CLOSER: Final[tuple[tuple[str, Callable[[str], bool], type[Rejected]], ...]] = (
    ("INVALID_CLIENT_REQUEST", _says("timestamp", "has expired"), ClockRefused),
    ("INVALID_ORDER", _says("immediately match", "post only", "post-only"), WouldCross),
    ("INVALID_QUANTITY", _says("minimum", "too small", "below"), BelowMinimum),
)
"""Codes whose text says more: code, what the text says in lower case, meaning."""

CROSSED: Final = frozenset({"PostOnlyTaker", "PostOnlyMode"})
"""`expiryReason` of a post-only order that would have taken liquidity."""


def error_of(answer: object) -> tuple[str, str]:
    """Return code and text of an error answer; empty ones where it is none."""
    if not isinstance(answer, dict) or not isinstance(answer.get("code"), str):
        return "", ""
    return answer["code"], str(answer.get("message", ""))


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
    if issubclass(kind, AuthenticationFailed):
        message = f"{message} ({CLOCK_ADVICE if kind is ClockRefused else KEY_ADVICE})"
    return kind(message, exchange=exchange, code=code)


def _json(body: bytes, exchange: str) -> Any:
    try:
        return decoded(body, exchange)
    except BadResponse:
        return None
