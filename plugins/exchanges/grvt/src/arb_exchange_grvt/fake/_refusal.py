"""What the fake venue answers instead of doing something."""

from __future__ import annotations

import json
from collections.abc import Mapping
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
    RateLimited,
    Rejected,
    UnknownOrder,
)
from arb.model import SECOND_NS
from arb.simulation import transport_failure

JSON: Final[Mapping[str, str]] = MappingProxyType({"Content-Type": "application/json"})

_TEXTS: Final[Mapping[int, tuple[int, str]]] = MappingProxyType(
    {
        1000: (401, "You need to authenticate prior to using this functionality"),
        1001: (403, "You are not authorized to access this functionality"),
        1002: (500, "Internal Server Error"),
        1003: (400, "Request could not be processed due to malformed syntax"),
        1004: (404, "Data Not Found"),
        1006: (429, "You have surpassed the allocated rate limit for your tier"),
        1009: (503, "We are temporarily deactivating this API endpoint, please try again later"),
        1012: (400, "Invalid signature chain ID"),
        1101: (400, "Feed Format must be in the format of <primary>@<secondary>"),
        2000: (403, "Signature is from an unauthorized signer"),
        2001: (403, "Signature has expired"),
        2002: (403, "Signature does not match payload"),
        2003: (403, "Order sub account does not match logged in user"),
        2005: (403, "Signature V must be 27/28"),
        2006: (403, "Signature R/S must have exactly 64 characters long without 0x prefix"),
        2007: (403, "Signature S must be in the lower half of the curve"),
        2008: (403, "Signature exceeds maximum allowed duration."),
        2010: (400, "Order ID should be empty when creating an order"),
        2011: (400, "Client Order ID should be supplied when creating an order"),
        2012: (400, "Client Order ID overlaps with existing active order"),
        2020: (400, "Market Order must always be supplied without a limit price"),
        2021: (400, "Limit Order must always be supplied with a limit price"),
        2030: (400, "Orderbook Orders must have a TimeInForce of GTT/IOC/FOK"),
        2032: (400, "Post Only can only be set to true for GTT/AON orders"),
        2040: (400, "Order must contain at least one leg"),
        2042: (400, "Orderbook Orders must contain only one leg"),
        2060: (400, "Order Legs contain one or more inactive derivative"),
        2061: (400, "Unsupported Instrument Requested"),
        2062: (400, "Order size smaller than min size"),
        2064: (400, "Invalid limit price tick"),
        2065: (400, "Order size too granular"),
        2066: (400, "Order below minimum notional. Please try again with a higher price or size."),
        2067: (
            400,
            "Order below minimum notional. Please try reducing your position again with a higher price or size.",
        ),
        2080: (400, "Insufficient margin to create order"),
        2081: (400, "Order Fill would result in exceeding maximum position size"),
        2082: (400, "Pre-order check failed"),
        2100: (400, "Invalid initial leverage"),
        2102: (400, "Margin type change failed, has open position for this instrument"),
        2105: (400, "Margin type change failed"),
        2107: (400, "Attempted to set leverage below minimum"),
        2108: (400, "Attempted to set leverage above maximum"),
        2301: (400, "Order cancel time-to-live exceeds maximum allowed value."),
        2400: (400, "Reduce only order with no position"),
        3000: (400, "Instrument is invalid"),
        3020: (400, "Sub account ID must be an uint64 integer"),
        3021: (400, "Either order ID or client order ID must be supplied"),
        3031: (400, "Depth is invalid"),
        6000: (400, "Countdown time is bigger than 300s supported"),
        7201: (400, "Limit price is outside of the price band"),
    }
)
"""The venue's codes with status and text (gravity-technologies/api-spec)."""


class Refusal(Exception):
    """An answer of the venue that is an error."""

    def __init__(self, code: int) -> None:
        self.code = code
        self.status, self.message = _TEXTS[code]
        super().__init__(f"{code}: {self.message}")

    def row(self) -> dict[str, Any]:
        """Return it as an object."""
        return {"code": self.code, "message": self.message, "status": self.status}

    def response(self, headers: Mapping[str, str] = JSON) -> HttpResponse:
        """Return it as it leaves."""
        return HttpResponse(status=self.status, headers=headers, body=json.dumps(self.row()).encode())


_BY_CODE: Final[Mapping[str, int]] = MappingProxyType(
    {
        "tick_size": 2064,
        "price_band": 7201,
        "lot_size": 2065,
        "max_quantity": 2081,
        "reduce_only": 2400,
        "not_trading": 2060,
        "unknown_instrument": 2061,
        "leverage": 2108,
    }
)


def refusal_of(error: Rejected, *, is_signed: bool = True) -> Refusal:
    """Return the venue's words for a refusal of the ground; a time is refused of what is signed alone."""
    if isinstance(error, InsufficientMargin):
        return Refusal(2080)
    if isinstance(error, BelowMinimum):
        return Refusal(2062)
    if isinstance(error, UnknownOrder):
        return Refusal(1004)
    if isinstance(error, AuthenticationFailed):
        if error.code == "timestamp":
            return Refusal(2001 if is_signed else 1000)
        return Refusal(1001)
    return Refusal(_BY_CODE.get(error.code, 2082))


def answer_of(error: ExchangeError, *, is_signed: bool) -> HttpResponse:
    """Return what becomes of a request after an error of the ground; raises what the transport raises."""
    failure = transport_failure(error)
    if failure is not None:
        raise failure from error
    if isinstance(error, Rejected):
        return refusal_of(error, is_signed=is_signed).response()
    if isinstance(error, RateLimited):
        return too_many(-(-(error.retry_after_ns or SECOND_NS) // SECOND_NS))
    if isinstance(error, InMaintenance):
        return Refusal(1009).response()
    if isinstance(error, BadResponse):
        return HttpResponse(status=200, headers={"Content-Type": "text/html"}, body=b"<html>Bad gateway</html>")
    return Refusal(1002).response()


def too_many(wait_s: int) -> HttpResponse:
    """Return the answer beyond the rate limit."""
    return Refusal(1006).response({**JSON, "Retry-After": str(wait_s)})
