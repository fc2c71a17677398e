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
from arb.model import MILLISECOND_NS, SECOND_NS
from arb.simulation import transport_failure

JSON: Final[Mapping[str, str]] = MappingProxyType({"Content-Type": "application/json"})


class Refusal(Exception):
    """An answer of the venue that is an error; most come with the status 200."""

    def __init__(self, code: str, *, status: int = 200, param: Mapping[str, str] = MappingProxyType({})) -> None:
        super().__init__(code)
        self.code = code
        self.status = status
        self.param = param


def envelope(code: str, data: Any, now_ns: int, param: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return an answer of the venue."""
    now = str(now_ns // MILLISECOND_NS)
    return {
        "code": code,
        "data": data,
        "msg": None if param is None else f"{code.lower()}: {param}",
        "errorParam": None if param is None else dict(param),
        "requestTime": now,
        "responseTime": now,
        "traceId": f"{now_ns:032x}",
    }


def answered(data: Any, now_ns: int) -> HttpResponse:
    """Return an answer of success."""
    return _response(200, envelope("SUCCESS", data, now_ns), JSON)


def refused(refusal: Refusal, now_ns: int) -> HttpResponse:
    """Return an error: its text and parameters repeat what was sent."""
    return _response(refusal.status, envelope(refusal.code, None, now_ns, refusal.param), JSON)


def too_many(wait_s: int, now_ns: int) -> HttpResponse:
    """Return the answer beyond the rate limit."""
    headers = {**JSON, "Retry-After": str(wait_s)}
    return _response(429, envelope("RATE_LIMIT_EXCEEDED", None, now_ns, {}), headers)


_BY_CODE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "not_trading": "STOCK_MARKET_CLOSED",
        "order_final": "ORDER_NOT_FOUND",
    }
)


def refusal_of(error: Rejected) -> Refusal:
    """Return the venue's words for a refusal of the ground."""
    if isinstance(error, InsufficientMargin):
        return Refusal("INSUFFICIENT_AVAILABLE_BALANCE")
    if isinstance(error, BelowMinimum):
        return Refusal("ORDER_SIZE_LESS_THAN_MIN")
    if isinstance(error, UnknownOrder):
        return Refusal("ORDER_NOT_FOUND")
    if isinstance(error, AuthenticationFailed):
        return Refusal("INVALID_TIMESTAMP" if error.code == "timestamp" else "INVALID_API_KEY", status=401)
    return Refusal(_BY_CODE.get(error.code, "GATEWAY_PARAM_INVALID"))


def answer_of(error: ExchangeError, now_ns: int) -> HttpResponse:
    """Return what becomes of a request after an error of the ground; raises what the transport raises."""
    failure = transport_failure(error)
    if failure is not None:
        raise failure from error
    if isinstance(error, Rejected):
        return refused(refusal_of(error), now_ns)
    if isinstance(error, RateLimited):
        return too_many(-(-(error.retry_after_ns or SECOND_NS) // SECOND_NS), now_ns)
    if isinstance(error, BadResponse):
        return HttpResponse(status=200, headers={"Content-Type": "text/html"}, body=b"<html>Bad gateway</html>")
    status = 503 if isinstance(error, InMaintenance) else 500
    return refused(Refusal("GATEWAY_INTERNAL_ERROR", status=status), now_ns)


def _response(status: int, content: Any, headers: Mapping[str, str]) -> HttpResponse:
    return HttpResponse(status=status, headers=headers, body=json.dumps(content).encode())
