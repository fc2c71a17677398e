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
    InsufficientMargin,
    RateLimited,
    Rejected,
    UnknownOrder,
    WouldCross,
)
from arb.model import SECOND_NS
from arb.simulation import transport_failure

JSON: Final[Mapping[str, str]] = MappingProxyType({"Content-Type": "application/json; charset=utf-8"})


class Refusal(Exception):
    """An answer of the venue that is an error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message

    def response(self, headers: Mapping[str, str] = JSON) -> HttpResponse:
        """Return it as it leaves."""
        body = json.dumps({"code": self.code, "message": self.message}).encode()
        return HttpResponse(status=self.status, headers=headers, body=body)


_BY_CODE: Final[Mapping[str, tuple[int, str, str]]] = MappingProxyType(
    {
        "tick_size": (400, "INVALID_PRICE", "Price decimal too long"),
        "price_band": (400, "INVALID_PRICE", "Price is outside of the price bands"),
        "lot_size": (400, "INVALID_QUANTITY", "Quantity decimal too long"),
        "max_quantity": (400, "INVALID_QUANTITY", "Quantity exceeds the maximum quantity"),
        "out_of_range": (400, "INVALID_CLIENT_REQUEST", "Invalid decimal"),
        "reduce_only": (400, "INVALID_ORDER", "Reduce only order not reduced"),
        "not_trading": (400, "INVALID_MARKET", "Market is not open"),
        "unknown_instrument": (400, "INVALID_MARKET", "Invalid market"),
        "order_final": (404, "RESOURCE_NOT_FOUND", "Order not found"),
    }
)


def refusal_of(error: Rejected) -> Refusal:
    """Return the venue's words for a refusal of the ground."""
    if isinstance(error, InsufficientMargin):
        return Refusal(400, "INSUFFICIENT_MARGIN", "Insufficient margin")
    if isinstance(error, WouldCross):
        return Refusal(400, "INVALID_ORDER", "Order would immediately match and take")
    if isinstance(error, BelowMinimum):
        return Refusal(400, "INVALID_QUANTITY", "Quantity is below the minimum quantity")
    if isinstance(error, UnknownOrder):
        return Refusal(404, "RESOURCE_NOT_FOUND", "Order not found")
    if isinstance(error, AuthenticationFailed) and error.code == "timestamp":
        return Refusal(400, "INVALID_CLIENT_REQUEST", "Request has expired")
    if isinstance(error, AuthenticationFailed):
        return Refusal(401, "UNAUTHORIZED", "Unauthorized")
    return Refusal(*_BY_CODE.get(error.code, (400, "INVALID_CLIENT_REQUEST", "Invalid request")))


def answer_of(error: ExchangeError) -> HttpResponse:
    """Return what becomes of a request after an error of the ground; raises what the transport raises."""
    failure = transport_failure(error)
    if failure is not None:
        raise failure from error
    if isinstance(error, Rejected):
        return refusal_of(error).response()
    if isinstance(error, RateLimited):
        wait_s = -(-(error.retry_after_ns or SECOND_NS) // SECOND_NS)
        return too_many(wait_s)
    if isinstance(error, InMaintenance):
        return Refusal(503, "MAINTENANCE", "System under maintenance").response()
    if isinstance(error, BadResponse):
        return HttpResponse(status=200, headers={"Content-Type": "text/html"}, body=b"<html>Bad gateway</html>")
    return Refusal(500, "SERVER_ERROR", "Internal server error").response()


def too_many(wait_s: int) -> HttpResponse:
    """Return the answer beyond the rate limit."""
    return Refusal(429, "TOO_MANY_REQUESTS", "Too many requests").response({**JSON, "Retry-After": str(wait_s)})
