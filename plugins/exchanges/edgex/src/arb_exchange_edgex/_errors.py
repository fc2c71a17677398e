"""What EdgeX's codes mean. One table; a code that is not in it leaves in doubt what happened.

The venue publishes no list. An answer tells by its `code`, whatever its HTTP status: errors come with 200 as well.
Text and parameters of an error repeat what was sent, keys included, so neither is ever shown.
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
    OutcomeUnknown,
    RateLimited,
    Rejected,
)
from arb.model import SECOND_NS
from arb.net import decoded

SUCCESS: Final = "SUCCESS"
OPEN_ORDERS: Final = "ACCOUNT_UPDATE_LEVERAGE_FAILED_ORDER"
TOO_MANY: Final = "RATE_LIMIT_EXCEEDED"
NOT_FOUND: Final = "ORDER_NOT_FOUND"
"""Of an order: not at work, or not there; by itself it proves neither."""

PAUSE_NS: Final = 5 * SECOND_NS
"""After a refusal for the rate that says not how long; the venue's documents advise to back off."""

CLOCK_ADVICE: Final = "the venue takes requests within a minute of its own clock: set this machine's (NTP)"
KEY_ADVICE: Final = (
    "check account_id, api_key, api_passphrase, api_secret and trading_key: page API Management, Perps V2"
)

REFUSALS: Final[Mapping[str, type[ExchangeError]]] = MappingProxyType(
    {
        OPEN_ORDERS: Rejected,
        "GATEWAY_HEADER_REQUIRED": AuthenticationFailed,
        "GATEWAY_PARAM_INVALID": Rejected,
        "GATEWAY_PARAM_REQUIRED": Rejected,
        "GATEWAY_UNRECOGNIZED_MESSAGE": Rejected,
        "INSUFFICIENT_AVAILABLE_BALANCE": InsufficientMargin,
        "INVALID_API_KEY": AuthenticationFailed,
        "INVALID_GET_PAGE_SIZE": Rejected,
        "INVALID_PASSPHRASE": AuthenticationFailed,
        "INVALID_SIGNATURE": AuthenticationFailed,
        "INVALID_TIMESTAMP": ClockRefused,
        "L2_SIGNATURE_INVALID": AuthenticationFailed,
        NOT_FOUND: Rejected,
        "ORDER_SIZE_LESS_THAN_MIN": BelowMinimum,
        TOO_MANY: RateLimited,
        "STOCK_MARKET_CLOSED": Rejected,
        "TRIGGER_PRICE_INVALID": Rejected,
    }
)
"""Codes of which each says that nothing was done. Seen in answers: those with GATEWAY, INVALID_API_KEY,
INVALID_GET_PAGE_SIZE and ACCOUNT_UPDATE_LEVERAGE_FAILED_ORDER; documented: RATE_LIMIT_EXCEEDED; the others are those
that other clients handle, and their words leave no doubt."""

IN_DOUBT: Final = frozenset({"GATEWAY_INTERNAL_ERROR", "INVALID_L2_NONCE"})
"""Known codes after which an order may be at the venue: a nonce that was used may have been used by this order."""

GONE: Final = frozenset({"FAILED_ORDER_FILLED", "FAILED_ORDER_NOT_FOUND", "SUCCESS_ORDER_CANCELED"})
"""Results of a cancellation that found no order at work (`cancelResultMap`)."""

CANCELLED: Final = frozenset({"SUCCESS", "SUCCESS_ORDER_CANCELING"})

_TOO_MANY_STATUSES: Final = frozenset({418, 429})


def code_of(answer: object) -> str:
    """Return the code of an answer; an empty text where it is no envelope of the venue."""
    code = answer.get("code") if isinstance(answer, dict) else None
    return code if isinstance(code, str) else ""


def refusal_table(exchange: str, *, writes: bool) -> Callable[[HttpResponse], ExchangeError | None]:
    """Return the function that judges an answer; None is a success.

    Args:
        exchange: Its name in the configuration.
        writes: Whether the request may have changed something, so that what is not certain is in doubt.
    """

    def refusal(response: HttpResponse) -> ExchangeError | None:
        code, status = code_of(_json(response.body, exchange)), response.status
        if 200 <= status < 300 and code in (SUCCESS, ""):
            return None  # what is no envelope is found out by whoever reads it
        if status in _TOO_MANY_STATUSES:
            return None  # whatever its code: the client of HTTP reads how long to wait
        if status < 500 and code in REFUSALS:
            return refused(exchange, code)
        text = f"HTTP {status} with {_shown(code)}"
        if status >= 500:
            kind = OutcomeUnknown if writes else InMaintenance
            return kind(f"the venue failed: {text}", exchange=exchange, code=_shown(code) or str(status))
        return BadResponse(f"an answer that says neither yes nor no: {text}", exchange=exchange, code=_shown(code))

    return refusal


def refused(exchange: str, code: str) -> ExchangeError:
    """Return the error of a code of the table."""
    kind, text = REFUSALS[code], f"refused: {code}"
    if issubclass(kind, AuthenticationFailed):
        text = f"{text} ({CLOCK_ADVICE if kind is ClockRefused else KEY_ADVICE})"
    return kind(text, exchange=exchange, code=code, retry_after_ns=PAUSE_NS if kind is RateLimited else None)


def _shown(code: str) -> str:
    """Return a code, or what stands for one that cannot be one: a broken venue may write anything there."""
    plain = len(code) <= 64 and code.isascii() and code.replace("_", "").isalnum() and code == code.upper()
    return code if plain else "a code that is none"


def _json(body: bytes, exchange: str) -> Any:
    try:
        return decoded(body, exchange)
    except BadResponse:
        return None
