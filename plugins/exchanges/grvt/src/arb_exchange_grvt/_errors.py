"""What GRVT's codes mean. One table for each kind; what is in none leaves in doubt what happened.

The codes are those that gravity-technologies/api-spec (`apispec.json`, `on_request_errors`) names for the calls this
plugin makes. Only an answer with a status of 4xx is read with the table: a server that fails (5xx) may have failed
after its work.
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

NOT_LOGGED_IN: Final = "1000"
UNCLEAR: Final = "401"
"""Code of an error for an answer 401 that is not in the venue's own words: somebody before it, or a new wording. It is
like 1000, and no certain refusal."""

NOT_FOUND: Final = "1004"
"""Of an order: the venue has none with this id now. It may have been forgotten, or it may never have come."""

CLOCK_ADVICE: Final = "set this machine's clock (NTP), or make `order_validity` longer"
KEY_ADVICE: Final = (
    "check that api_key, private_key and sub_account_id are of one key of this trading account, that it was not "
    "deleted, may trade, and admits this machine's address"
)

_DENIED: Final = (1000, 1001, 1008, 1400, 2000, 2002, 2003, 2004)
_SMALL: Final = (2062, 2063, 2066, 2067)
_POOR: Final = (2080, 2504, 4000)
_REFUSED: Final = (
    *(1003, 1004, 1012, 2005, 2006, 2007, 2008, 2010, 2011, 2020, 2021, 2030, 2031, 2032, 2040, 2041, 2042, 2050),
    *(2051, 2060, 2061, 2064, 2065, 2070, 2081, 2082, 2083, 2084, 2090, 2100, 2101, 2102, 2103, 2104, 2105, 2107),
    *(2108, 2110, 2111, 2112, 2113, 2114, 2115, 2116, 2117, 2233, 2242, 2300, 2301, 2400, 2401, 2402, 2450, 2451),
    *(2452, 2453, 3000, 3007, 3020, 3021, 3031, 6000, 7201, 7304),
)
REFUSALS: Final[Mapping[str, type[ExchangeError]]] = MappingProxyType(
    {
        **{str(code): AuthenticationFailed for code in _DENIED},
        **{str(code): BelowMinimum for code in _SMALL},
        **{str(code): InsufficientMargin for code in _POOR},
        **{str(code): Rejected for code in _REFUSED},
        "1006": RateLimited,
        "2001": ClockRefused,
    }
)
"""Codes of which each says that nothing was done."""

IN_DOUBT: Final = frozenset({"1002", "1005", "1009", "2012", "3004", "3005", "3006"})
"""Known codes that are no certain refusal: failures of the server, and a client id that is at work already, which can
only be this order itself, since each id is sent once."""

REASONS: Final[Mapping[str, type[Rejected]]] = MappingProxyType(
    {
        "FAIL_POST_ONLY": WouldCross,
        "FAIL_REDUCE_ONLY": Rejected,
        "BELOW_MARGIN": InsufficientMargin,
        "BELOW_MARGIN_WITH_PENALTY_DEVIATION": InsufficientMargin,
        "INSUFFICIENT_BALANCE": InsufficientMargin,
        "UNAUTHORISED": AuthenticationFailed,
        "SESSION_KEY_EXPIRED": AuthenticationFailed,
        "NO_TRADE_PERMISSION": AuthenticationFailed,
        "SUB_ACCOUNT_NOT_FOUND": AuthenticationFailed,
        "LIQUIDATION": Rejected,
        "INSTRUMENT_INVALID": Rejected,
        "INSTRUMENT_DEACTIVATED": Rejected,
        "UNSUPPORTED_TIME_IN_FORCE": Rejected,
        "MULTI_LEGGED_ORDER": Rejected,
        "EXCEED_MAX_POSITION_SIZE": Rejected,
        "EXCEED_MAX_SIGNATURE_EXPIRATION": Rejected,
        "EXPIRED": Rejected,
        "MARKET_ORDER_WITH_LIMIT_PRICE": Rejected,
        "SELF_TRADE_PROTECTION": Rejected,
        "SELF_MATCHED_SUBACCOUNT": Rejected,
        "REDUCE_ONLY_LIMIT": Rejected,
        "INVALID_ORDER_TYPE": Rejected,
        "CURRENCY_NOT_DEFINED": Rejected,
        "INVALID_CHAIN_ID": Rejected,
        "TRADE_PRICE_WORSE_THAN_BANKRUPTCY_PRICE": Rejected,
    }
)
"""`reject_reason` of an order that is REJECTED: what it was refused for after it had been accepted for matching."""


def code_of(answer: object) -> tuple[str, str]:
    """Return code and text of an error answer; empty ones where it is none."""
    if not isinstance(answer, dict) or not isinstance(answer.get("code"), int) or isinstance(answer["code"], bool):
        return "", ""
    return str(answer["code"]), str(answer.get("message", ""))


def refusal_table(exchange: str) -> Callable[[HttpResponse], ExchangeError | None]:
    """Return the function that reads an answer with the table; it returns None where nothing is certain."""

    def refusal(response: HttpResponse) -> ExchangeError | None:
        if not 400 <= response.status < 500:
            return None
        return refused(exchange, *code_of(_json(response.body, exchange)))

    return refusal


def refused(exchange: str, code: str, text: str) -> ExchangeError | None:
    """Return the error of a code and its text; None for a code that is not in the table."""
    kind = REFUSALS.get(code)
    if kind is None:
        return None
    message = f"{code}: {text}"
    if issubclass(kind, AuthenticationFailed):
        message = f"{message} ({CLOCK_ADVICE if kind is ClockRefused else KEY_ADVICE})"
    return kind(message, exchange=exchange, code=code)


def _json(body: bytes, exchange: str) -> Any:
    try:
        return decoded(body, exchange)
    except BadResponse:
        return None
