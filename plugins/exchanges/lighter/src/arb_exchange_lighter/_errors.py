"""The one table of Lighter's refusals.

Codes and meanings are those of the venue's documentation and of ccxt's table for it. What is not here is no
certain refusal: for an order it leaves a doubt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from arb.api import (
    AuthenticationFailed,
    BadResponse,
    BelowMinimum,
    ExchangeError,
    HttpResponse,
    InMaintenance,
    InsufficientMargin,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    Rejected,
)
from arb.net import decoded

INVALID_NONCE: Final = frozenset({"21104", "21105"})
GONE: Final = frozenset({"21600", "21707", "21708", "21709", "21715"})
"""Answers to a cancellation: nothing rests that it could cancel."""

_OK: Final = 200

REFUSALS: Final[Mapping[str, type[ExchangeError]]] = MappingProxyType(
    {
        "20013": AuthenticationFailed,  # the token is void
        "21104": AuthenticationFailed,  # invalid nonce
        "21105": AuthenticationFailed,  # nonce does not increase
        "21109": AuthenticationFailed,  # no such API key
        "21120": AuthenticationFailed,  # bad signature
        "21136": AuthenticationFailed,  # the signing library is too old
        "21301": InsufficientMargin,  # not enough collateral
        "21304": InsufficientMargin,
        # Too many pending transactions: no matter of rate, and what waits for a cancel or another market may go on.
        "21506": NotSent,
        "21507": InsufficientMargin,  # below maintenance margin
        "21508": InsufficientMargin,  # below initial margin
        "21600": Rejected,  # not an active order
        "21601": InMaintenance,  # the book is full
        "21605": Rejected,  # the market takes no orders now
        "21701": Rejected,  # base amount
        "21702": Rejected,  # price
        "21704": Rejected,  # type
        "21705": Rejected,  # time in force
        "21706": BelowMinimum,  # minimum amount, base or quote
        "21707": Rejected,  # another owner
        "21708": Rejected,  # no such order
        "21709": Rejected,  # no longer active
        "21711": Rejected,  # expiry
        "21715": Rejected,  # not an active limit order
        "21717": Rejected,  # 21717 to 21722: too many orders
        "21718": Rejected,
        "21719": Rejected,
        "21720": Rejected,
        "21721": Rejected,
        "21722": Rejected,
        "21727": Rejected,  # client order index
        # The index is in use: with ids that are sent once that is our own order, which another way brought there.
        "21728": OutcomeUnknown,
        "21732": Rejected,  # reduce-only would increase
        "21733": Rejected,  # fat finger
        "21734": Rejected,  # too far from the mark price
        "21738": Rejected,  # reduce-only in the wrong direction
        "21739": InsufficientMargin,
        "21740": Rejected,  # reduce-only mode
        "23000": RateLimited,
        "23001": RateLimited,
        "23002": RateLimited,
        "23003": RateLimited,
        "23004": RateLimited,
    }
)


def refusal_table(exchange: str) -> Callable[[HttpResponse], ExchangeError | None]:
    """Return a function that finds the error of an answer; None for one that the table does not name."""

    def refusal(response: HttpResponse) -> ExchangeError | None:
        body = _object(response.body, exchange)
        return None if body is None else error_of(exchange, body)

    return refusal


def limit_table(exchange: str) -> Callable[[HttpResponse], bool]:
    """Return a function that tells whether an answer says that a rate limit is reached, whatever its status."""
    refusal = refusal_table(exchange)
    return lambda response: isinstance(refusal(response), RateLimited)


def error_of(exchange: str, body: Mapping[str, Any]) -> ExchangeError | None:
    """Return the error that a body names by its code; None without one."""
    code = str(body.get("code", ""))
    kind = REFUSALS.get(code)
    return None if kind is None else kind(f"{body.get('message', '')} ({code})", exchange=exchange, code=code)


def is_success(body: Any) -> bool:
    """Return whether a body says that all went well."""
    return isinstance(body, dict) and str(body.get("code")) == str(_OK)


def _object(body: bytes, exchange: str) -> dict[str, Any] | None:
    # Answers of success begin with their code as well; large ones are not parsed twice for it.
    if len(body) > 10_000:
        return None
    try:
        found = decoded(body, exchange)
    except BadResponse:
        return None
    return found if isinstance(found, dict) else None
