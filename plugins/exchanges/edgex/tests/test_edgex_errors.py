"""Codes: one table, complete and unique; what is not in it is no refusal, and errors in HTTP 200 are no success."""

from __future__ import annotations

import ast
import inspect
import json

import pytest

import arb_exchange_edgex._errors as errors
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
from arb_exchange_edgex._errors import CANCELLED, GONE, IN_DOUBT, REFUSALS, refusal_table, refused

KNOWN_CODES = frozenset(
    {
        # Seen in answers of the venue, September 2026.
        "ACCOUNT_UPDATE_LEVERAGE_FAILED_ORDER",
        "GATEWAY_HEADER_REQUIRED",
        "GATEWAY_INTERNAL_ERROR",
        "GATEWAY_PARAM_INVALID",
        "GATEWAY_PARAM_REQUIRED",
        "GATEWAY_UNRECOGNIZED_MESSAGE",
        "INVALID_API_KEY",
        "INVALID_GET_PAGE_SIZE",
        # Documented.
        "RATE_LIMIT_EXCEEDED",
        # Handled by other clients.
        "INSUFFICIENT_AVAILABLE_BALANCE",
        "INVALID_L2_NONCE",
        "INVALID_PASSPHRASE",
        "INVALID_SIGNATURE",
        "INVALID_TIMESTAMP",
        "L2_SIGNATURE_INVALID",
        "ORDER_NOT_FOUND",
        "ORDER_SIZE_LESS_THAN_MIN",
        "STOCK_MARKET_CLOSED",
        "TRIGGER_PRICE_INVALID",
    }
)
CANCEL_RESULTS = frozenset(
    {
        "UNKNOWN_ORDER_CANCEL_RESULT",
        "SUCCESS",
        "SUCCESS_ORDER_CANCELING",
        "SUCCESS_ORDER_CANCELED",
        "FAILED_ORDER_NOT_FOUND",
        "FAILED_ORDER_FILLED",
        "FAILED_ORDER_UNKNOWN_STATUS",
        "UNRECOGNIZED",
    }
)
"""Of the venue's OpenAPI document."""

SECRET = "0123456789abcdef0123456789abcdef"


def answer(status: int, code: object, **more: object) -> HttpResponse:
    return HttpResponse(status=status, headers={}, body=json.dumps({"code": code, "data": None, **more}).encode())


def judged(response: HttpResponse, *, writes: bool = True) -> ExchangeError | None:
    return refusal_table("ex", writes=writes)(response)


def test_every_known_code_has_one_meaning() -> None:
    assert REFUSALS.keys() | IN_DOUBT == KNOWN_CODES
    assert not REFUSALS.keys() & IN_DOUBT


def test_no_code_stands_twice_in_the_table() -> None:
    (table,) = (
        node.value
        for node in ast.walk(ast.parse(inspect.getsource(errors)))
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "REFUSALS"
    )
    assert isinstance(table, ast.Call)
    (mapping,) = table.args
    assert isinstance(mapping, ast.Dict)
    names = [ast.unparse(key) for key in mapping.keys if key is not None]
    assert len(names) == len(set(names)) == len(REFUSALS)


def test_results_of_cancellations_are_told_apart() -> None:
    assert CANCELLED | GONE < CANCEL_RESULTS
    assert not CANCELLED & GONE
    assert {
        "UNKNOWN_ORDER_CANCEL_RESULT",
        "FAILED_ORDER_UNKNOWN_STATUS",
        "UNRECOGNIZED",
    } == CANCEL_RESULTS - CANCELLED - GONE


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("INSUFFICIENT_AVAILABLE_BALANCE", InsufficientMargin),
        ("ORDER_SIZE_LESS_THAN_MIN", BelowMinimum),
        ("INVALID_API_KEY", AuthenticationFailed),
        ("INVALID_SIGNATURE", AuthenticationFailed),
        ("L2_SIGNATURE_INVALID", AuthenticationFailed),
        ("INVALID_TIMESTAMP", ClockRefused),
        ("RATE_LIMIT_EXCEEDED", RateLimited),
        ("STOCK_MARKET_CLOSED", Rejected),
        ("ORDER_NOT_FOUND", Rejected),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 401])
def test_a_known_code_means_the_same_at_any_status(status: int, code: str, kind: type[Exception]) -> None:
    error = judged(answer(status, code))
    assert type(error) is kind
    assert error.code == code


@pytest.mark.parametrize("code", sorted(IN_DOUBT | {"A_CODE_OF_NEXT_YEAR"}))
@pytest.mark.parametrize("status", [200, 400, 404])
def test_a_code_that_is_not_in_the_table_is_neither_refusal_nor_success(status: int, code: str) -> None:
    error = judged(answer(status, code))
    assert type(error) is BadResponse
    assert error.code == code


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_a_server_that_fails_is_never_taken_at_its_word(code: str) -> None:
    assert type(judged(answer(500, code))) is OutcomeUnknown
    assert type(judged(answer(503, code), writes=False)) is InMaintenance


def test_only_success_is_one() -> None:
    assert judged(answer(200, "SUCCESS")) is None
    assert isinstance(judged(answer(400, "SUCCESS")), BadResponse)
    assert isinstance(judged(answer(502, "SUCCESS")), OutcomeUnknown)
    # No envelope at all: whoever reads it finds that out.
    assert judged(HttpResponse(status=200, headers={}, body=b"{}")) is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"code": 7}', b"\xff", b'{"code": "' + b"x" * 99 + b'"}'])
def test_a_page_of_a_proxy_is_no_refusal(body: bytes) -> None:
    error = judged(HttpResponse(status=403, headers={}, body=body))
    assert type(error) is BadResponse


def test_what_an_error_repeats_of_the_request_is_not_shown() -> None:
    """Measured 2026-09-24: `msg` and `errorParam` of INVALID_API_KEY quote the key."""
    told = {"msg": f"invalid apiKey : {SECRET}", "errorParam": {"apiKey": SECRET}}
    for status in (200, 401, 500):
        for code in ("INVALID_API_KEY", "A_NEW_CODE", SECRET):
            error = judged(answer(status, code, **told))
            assert error is not None
            assert SECRET not in f"{error} {error.code} {error.args}"


def test_a_refused_time_comes_with_advice() -> None:
    error = refused("ex", "INVALID_TIMESTAMP")
    assert isinstance(error, ClockRefused)
    assert "clock" in str(error)
    other = refused("ex", "INVALID_SIGNATURE")
    assert not isinstance(other, ClockRefused)
    assert "api_secret" in str(other)


def test_a_rate_limit_says_how_long() -> None:
    error = judged(answer(200, "RATE_LIMIT_EXCEEDED"))
    assert error is not None
    assert error.retry_after_ns


@pytest.mark.parametrize("code", ["RATE_LIMIT_EXCEEDED", "A_NEW_CODE", "GATEWAY_PARAM_INVALID", ""])
@pytest.mark.parametrize("status", [418, 429])
def test_a_status_for_the_rate_is_left_to_the_client_of_http(status: int, code: str) -> None:
    """It knows how long to wait, and that nothing was done."""
    assert judged(answer(status, code)) is None
