"""What the venue answers when it refuses: a code, a text, a status."""

from __future__ import annotations

import json
from typing import Any, Final

from arb.api import (
    BelowMinimum,
    ExchangeError,
    HttpResponse,
    InMaintenance,
    InsufficientMargin,
    RateLimited,
    Rejected,
    UnknownOrder,
)
from arb.simulation import transport_failure


class Refused(Exception):
    """The venue's refusal.

    Attributes:
        code: Of the body.
        status: Of HTTP.
    """

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class TokenRefused(Refused):
    """A private read without a token that is valid."""

    def __init__(self, why: str) -> None:
        super().__init__(20013, f"invalid auth: {why}", 401)


_CODES: Final = {
    "tick_size": (21702, "invalid price"),
    "lot_size": (21701, "invalid base amount"),
    "max_quantity": (21701, "invalid base amount"),
    "price_band": (21733, "order price flagged as an accidental price"),
    "not_trading": (21605, "invalid market status"),
    "unknown_instrument": (21605, "invalid market status"),
    "duplicate_client_order_id": (21728, "client order index already exists"),
    "client_order_id": (21727, "invalid client order index"),
    "reduce_only": (21732, "reduce only increases position"),
    "order_final": (21709, "inactive order"),
    "leverage": (21507, "account is below initial margin"),
}


def refusal_of(error: ExchangeError) -> Refused:
    """Return the venue's own words for what the ground refused, or raise what becomes of the connection."""
    broken = transport_failure(error)
    if broken is not None:
        raise broken
    if isinstance(error, RateLimited):
        return Refused(23000, "Too Many Requests!", 429)
    if isinstance(error, InMaintenance):
        return Refused(29500, "internal server error", 503)
    if isinstance(error, BelowMinimum):
        return Refused(21706, "invalid order base or quote amount")
    if isinstance(error, InsufficientMargin):
        return Refused(21739, "not enough margin to create the order")
    if isinstance(error, UnknownOrder):
        return Refused(21708, "empty order")
    if isinstance(error, Rejected):
        return Refused(*_CODES.get(error.code, (21700, "invalid order index")))
    raise Unreadable from error


class Unreadable(Exception):
    """The venue's answer is no JSON."""


def response(status: int, body: Any) -> HttpResponse:
    """Return an answer."""
    return HttpResponse(status=status, headers={"Content-Type": "application/json"}, body=json.dumps(body).encode())


def unreadable() -> HttpResponse:
    """Return what a proxy says in the venue's place."""
    return HttpResponse(status=200, headers={}, body=b"<html>upstream</html>")
