"""What the fake venue answers instead of doing something."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from arb.api import (
    AuthenticationFailed,
    BadResponse,
    BelowMinimum,
    ExchangeError,
    HttpResponse,
    InMaintenance,
    RateLimited,
    Rejected,
    UnknownOrder,
)
from arb.model import SECOND_NS
from arb.simulation import transport_failure

JSON: Final[Mapping[str, str]] = MappingProxyType({"Content-Type": "application/json"})


class Refusal(Exception):
    """An answer of the venue that is an error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message

    def response(self, headers: Mapping[str, str] = JSON) -> HttpResponse:
        """Return it as it leaves."""
        body = json.dumps({"error": self.code, "message": self.message, "data": None}).encode()
        return HttpResponse(status=self.status, headers=headers, body=body)


_BY_CODE: Final[Mapping[str, tuple[int, str, str]]] = MappingProxyType(
    {
        "tick_size": (400, "VALIDATION_ERROR", "price must be a multiple of the price tick size"),
        "lot_size": (400, "INVALID_ORDER_SIZE", "size must be a multiple of the order size increment"),
        "max_quantity": (400, "INVALID_ORDER_SIZE", "size exceeds the largest order"),
        "out_of_range": (400, "VALIDATION_ERROR", "invalid decimal"),
        "not_trading": (400, "MARKET_NOT_OPEN", "market is not open"),
        "unknown_instrument": (400, "MARKET_NOT_FOUND", "market not found"),
        "order_final": (400, "ORDER_IS_CLOSED", "order is closed"),
        "leverage": (400, "VALIDATION_ERROR", "leverage exceeds the market's maximum"),
    }
)


def refusal_of(error: Rejected) -> Refusal:
    """Return the venue's words for a refusal of the ground that it makes at once."""
    if isinstance(error, BelowMinimum):
        return Refusal(400, "INVALID_ORDER_SIZE", "order notional is below the min_notional of the market")
    if isinstance(error, UnknownOrder):
        return Refusal(400, "CLIENT_ORDER_ID_NOT_FOUND", "order not found")
    if isinstance(error, AuthenticationFailed) and error.code == "timestamp":
        return Refusal(400, "INVALID_TIMESTAMP", "signature timestamp is out of the receive window")
    if isinstance(error, AuthenticationFailed):
        return token_refused()
    return Refusal(*_BY_CODE.get(error.code, (400, "VALIDATION_ERROR", "invalid request")))


def token_refused() -> Refusal:
    """Return what a token that lives no more is answered."""
    return Refusal(401, "UNAUTHORIZED_ERROR", "missing or malformed jwt")


def answer_of(error: ExchangeError) -> HttpResponse:
    """Return what becomes of a request after an error of the ground; raises what the transport raises."""
    failure = transport_failure(error)
    if failure is not None:
        raise failure from error
    if isinstance(error, Rejected):
        return refusal_of(error).response()
    if isinstance(error, RateLimited):
        return too_many(-(-(error.retry_after_ns or SECOND_NS) // SECOND_NS))
    if isinstance(error, InMaintenance):
        return Refusal(503, "SERVICE_UNAVAILABLE", "service unavailable").response()
    if isinstance(error, BadResponse):
        return HttpResponse(status=200, headers={"Content-Type": "text/html"}, body=b"<html>Bad gateway</html>")
    return Refusal(500, "INTERNAL_ERROR", "internal error").response()


def too_many(wait_s: int, limit: Mapping[str, str] = MappingProxyType({})) -> HttpResponse:
    """Return the answer beyond a rate limit, with the headers that tell which."""
    headers = {**JSON, **limit, "Retry-After": str(wait_s)}
    return Refusal(429, "RATE_LIMITED", "too many requests").response(headers)
