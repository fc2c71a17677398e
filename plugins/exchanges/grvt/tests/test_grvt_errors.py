"""The tables of codes and reasons: complete, unique, and what each means."""

from __future__ import annotations

import json

import pytest

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
from arb_exchange_grvt import _errors
from arb_exchange_grvt._errors import IN_DOUBT, REASONS, REFUSALS, code_of, refusal_table, refused

CREATE = (
    *(1000, 1001, 1002, 1003, 1004, 1005, 1006, 1008, 1009, 1012, 1400, 2000, 2001, 2002, 2003, 2004, 2005, 2006, 2007),
    *(2008, 2010, 2011, 2012, 2020, 2021, 2030, 2031, 2032, 2040, 2041, 2042, 2050, 2051, 2060, 2061, 2062, 2063, 2064),
    *(2065, 2066, 2067, 2070, 2080, 2081, 2082, 2083, 2084, 2090, 2110, 2111, 2112, 2113, 2114, 2115, 2116, 2117, 2242),
    *(2400, 2401, 2402, 2450, 2451, 2452, 2453, 3004, 3005, 3006, 7304),
)
"""What api-spec of 2026-05 names for `create_order` (`on_request_errors`)."""

OTHERS = (
    *(2233, 2300, 2301, 3000, 3007, 3020, 3021, 3031, 6000, 2100, 2101, 2102, 2103, 2104, 2105, 2107, 2108, 2504, 4000),
    7201,
)
"""What it names for the other calls of this plugin, and the price band, which others have met."""


def test_every_code_is_in_one_table_once() -> None:
    known = [str(code) for code in (*CREATE, *OTHERS)]
    assert len(set(known)) == len(known)
    assert set(known) == set(REFUSALS) | IN_DOUBT
    assert not set(REFUSALS) & IN_DOUBT
    parts = [*_errors._DENIED, *_errors._SMALL, *_errors._POOR, *_errors._REFUSED, 1006, 2001]
    assert len(set(parts)) == len(parts) == len(REFUSALS)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1000, AuthenticationFailed),
        (1008, AuthenticationFailed),
        (1006, RateLimited),
        (2000, AuthenticationFailed),
        (2001, ClockRefused),
        (2062, BelowMinimum),
        (2066, BelowMinimum),
        (2080, InsufficientMargin),
        (2064, Rejected),
        (2090, Rejected),
        (7201, Rejected),
    ],
)
def test_what_codes_mean(code: int, kind: type[Exception]) -> None:
    error = refused("grvt", str(code), "text")
    assert type(error) is kind
    assert error.code == str(code)


def test_a_wrong_clock_and_a_wrong_key_have_their_advice() -> None:
    assert "clock" in str(refused("grvt", "2001", "Signature has expired"))
    assert "api_key" in str(refused("grvt", "1008", "Your IP has not been whitelisted for access"))


def test_failures_of_the_server_are_no_refusals() -> None:
    table = refusal_table("grvt")

    def answer(status: int, **content: object) -> HttpResponse:
        return HttpResponse(status=status, headers={}, body=json.dumps(content).encode())

    assert table(answer(500, code=2080)) is None
    assert table(answer(503, code=1009)) is None
    assert table(answer(200, code=2080)) is None
    assert table(answer(400, code=2012)) is None
    assert table(answer(400, code=9999)) is None
    assert table(answer(400, code="2080")) is None  # the venue writes numbers
    assert table(answer(400, code=True)) is None
    assert table(HttpResponse(status=400, headers={}, body=b"<html>")) is None
    assert isinstance(table(answer(400, code=2080)), InsufficientMargin)
    assert code_of(None) == code_of([]) == ("", "")


def test_reasons_of_orders_that_were_refused_later() -> None:
    assert REASONS["FAIL_POST_ONLY"] is WouldCross
    assert REASONS["BELOW_MARGIN"] is InsufficientMargin
    # What may be another order, or one whose state was lost, is no certain refusal.
    for doubtful in ("OVERLAPPING_CLIENT_ORDER_ID", "SYSTEM_FAILOVER", "UNSPECIFIED", "CLIENT_CANCEL"):
        assert doubtful not in REASONS
