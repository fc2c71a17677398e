from __future__ import annotations

import ast
import inspect
import json

import pytest

import arb_exchange_backpack._errors as errors
from arb.api import (
    AuthenticationFailed,
    BelowMinimum,
    ClockRefused,
    HttpResponse,
    InsufficientMargin,
    RateLimited,
    Rejected,
    WouldCross,
)
from arb_exchange_backpack._errors import IN_DOUBT, REFUSALS, refusal_table, refused

API_ERROR_CODES = frozenset(
    {
        "ACCOUNT_DEACTIVATED",
        "ACCOUNT_LIQUIDATING",
        "BORROW_LIMIT",
        "BORROW_REQUIRES_LEND_REDEEM",
        "FORBIDDEN",
        "INSUFFICIENT_FUNDS",
        "INSUFFICIENT_MARGIN",
        "INSUFFICIENT_SUPPLY",
        "INVALID_ASSET",
        "INVALID_CLIENT_REQUEST",
        "INVALID_MARKET",
        "INVALID_ORDER",
        "INVALID_POSITION_ID",
        "INVALID_PRICE",
        "INVALID_QUANTITY",
        "INVALID_RANGE",
        "INVALID_SIGNATURE",
        "INVALID_SOURCE",
        "INVALID_SYMBOL",
        "INVALID_TWO_FACTOR_CODE",
        "LEND_LIMIT",
        "LEND_REQUIRES_BORROW_REPAY",
        "MAINTENANCE",
        "MAX_LEVERAGE_REACHED",
        "NOT_IMPLEMENTED",
        "ORDER_LIMIT",
        "POSITION_LIMIT",
        "PRECONDITION_FAILED",
        "RESOURCE_NOT_FOUND",
        "SERVER_ERROR",
        "TIMEOUT",
        "TOO_EARLY",
        "TOO_MANY_REQUESTS",
        "TRADING_PAUSED",
        "UNAUTHORIZED",
    }
)
"""`ApiErrorCode` of https://docs.backpack.exchange (2025-11)."""


def answer(status: int, code: str, message: str = "") -> HttpResponse:
    return HttpResponse(status=status, headers={}, body=json.dumps({"code": code, "message": message}).encode())


def test_every_code_of_the_venue_has_one_meaning() -> None:
    assert REFUSALS.keys() | IN_DOUBT == API_ERROR_CODES
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


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        ("INSUFFICIENT_MARGIN", "Insufficient margin", InsufficientMargin),
        ("INSUFFICIENT_FUNDS", "Insufficient funds", InsufficientMargin),
        ("INVALID_ORDER", "Order would immediately match and take liquidity", WouldCross),
        ("INVALID_QUANTITY", "Quantity is below the minimum quantity", BelowMinimum),
        ("INVALID_CLIENT_REQUEST", "Request has expired", ClockRefused),
        ("INVALID_CLIENT_REQUEST", "Invalid timestamp", ClockRefused),
        ("INVALID_SIGNATURE", "Invalid signature", AuthenticationFailed),
        ("UNAUTHORIZED", "Unauthorized", AuthenticationFailed),
        ("TOO_MANY_REQUESTS", "Too many requests", RateLimited),
    ],
)
def test_codes_with_a_meaning_of_their_own(code: str, text: str, kind: type[Exception]) -> None:
    error = refused("bp", code, text)
    assert type(error) is kind
    assert error.code == code
    assert text in str(error)


@pytest.mark.parametrize("code", ["INVALID_ORDER", "INVALID_QUANTITY", "INVALID_CLIENT_REQUEST", "POSITION_LIMIT"])
def test_other_texts_of_these_codes_are_plain_refusals(code: str) -> None:
    assert type(refused("bp", code, "Something else")) is Rejected


@pytest.mark.parametrize("code", sorted(IN_DOUBT | {"A_CODE_OF_NEXT_YEAR", ""}))
def test_a_code_that_is_not_in_the_table_is_no_refusal(code: str) -> None:
    assert refusal_table("bp")(answer(400, code)) is None


def test_a_server_that_fails_is_never_taken_at_its_word() -> None:
    table = refusal_table("bp")
    assert table(answer(500, "INVALID_ORDER")) is None
    assert table(answer(200, "INVALID_ORDER")) is None
    assert isinstance(table(answer(400, "INVALID_ORDER")), Rejected)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"code": 7}', b"\xff"])
def test_a_page_of_a_proxy_is_no_refusal(body: bytes) -> None:
    assert refusal_table("bp")(HttpResponse(status=403, headers={}, body=body)) is None


def test_a_refused_time_comes_with_advice() -> None:
    error = refused("bp", "INVALID_CLIENT_REQUEST", "Request has expired")
    assert error is not None
    assert isinstance(error, ClockRefused)
    assert "clock" in str(error)
    other = refused("bp", "INVALID_SIGNATURE", "Invalid signature")
    assert other is not None
    assert not isinstance(other, ClockRefused)
