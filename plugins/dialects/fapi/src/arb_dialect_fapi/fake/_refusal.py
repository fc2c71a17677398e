"""What a fake venue answers instead of doing something."""

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

JSON: Final[Mapping[str, str]] = MappingProxyType({"Content-Type": "application/json;charset=UTF-8"})


class Refusal(Exception):
    """An answer of the venue that is an error."""

    def __init__(self, code: int, message: str, *, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message

    def response(self, headers: Mapping[str, str] = JSON) -> HttpResponse:
        """Return it as it leaves."""
        body = json.dumps({"code": self.code, "msg": self.message}).encode()
        return HttpResponse(status=self.status, headers=headers, body=body)


UNKNOWN_ORDER: Final = (-2013, "Order does not exist.")
NOTHING_TO_CANCEL: Final = (-2011, "Unknown order sent.")
INVALID_SYMBOL: Final = (-1121, "Invalid symbol.")
DUPLICATE: Final = (-4116, "ClientOrderId is duplicated.")
NO_LISTEN_KEY: Final = (-1125, "This listenKey does not exist.")

_BY_CODE: Final[Mapping[str, tuple[int, str]]] = MappingProxyType(
    {
        "tick_size": (-4014, "Price not increased by tick size."),
        "lot_size": (-4023, "Qty not increased by step size."),
        "max_quantity": (-4005, "Quantity greater than max quantity."),
        "price_band": (-4131, "The counterparty's best price does not meet the PERCENT_PRICE filter limit."),
        "out_of_range": (-1111, "Precision is over the maximum defined for this asset."),
        "reduce_only": (-2022, "ReduceOnly Order is rejected."),
        "not_trading": (-4140, "Invalid symbol status for opening position."),
        "unknown_instrument": INVALID_SYMBOL,
        "client_order_id": (-4015, "Client order id length should be less than 36 chars."),
        "duplicate_client_order_id": DUPLICATE,
        "order_final": NOTHING_TO_CANCEL,
        "leverage": (-4028, "Leverage is not valid."),
    }
)


def missing(name: str) -> Refusal:
    """Return the refusal of a request without a parameter."""
    return Refusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def illegal(name: str) -> Refusal:
    """Return the refusal of a request with a parameter that is none."""
    return Refusal(-1100, f"Illegal characters found in parameter '{name}'.")


def refusal_of(error: Rejected) -> Refusal:
    """Return the venue's words for a refusal of the ground."""
    if isinstance(error, InsufficientMargin):
        return Refusal(-2019, "Margin is insufficient.")
    if isinstance(error, WouldCross):
        return Refusal(
            -5022,
            "Due to the order could not be executed as maker, the Post Only order will be rejected. "
            "The order will not be recorded in the order history",
        )
    if isinstance(error, BelowMinimum):
        return Refusal(-4164, "Order's notional must be no smaller than 5 (unless you choose reduce only).")
    if isinstance(error, UnknownOrder):
        return Refusal(*UNKNOWN_ORDER)
    if isinstance(error, AuthenticationFailed) and error.code == "timestamp":
        return Refusal(-1021, "Timestamp for this request is outside of the recvWindow.")
    if isinstance(error, AuthenticationFailed):
        return Refusal(-2015, "Invalid API-key, IP, or permissions for action.", status=401)
    return Refusal(*_BY_CODE.get(error.code, (-2010, "NEW_ORDER_REJECTED")))


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
        return Refusal(0, "Service Unavailable.", status=503).response()
    if isinstance(error, BadResponse):
        return HttpResponse(status=200, headers={"Content-Type": "text/html"}, body=b"<html>Bad gateway</html>")
    unknown = "Unknown error, please check your request or try again later."
    return Refusal(-1000, unknown, status=503).response()


def too_many(wait_s: int, code: int = -1003) -> HttpResponse:
    """Return the answer beyond a rate limit."""
    refusal = Refusal(code, "Too many requests; current limit is reached.", status=429)
    return refusal.response({**JSON, "Retry-After": str(wait_s)})
