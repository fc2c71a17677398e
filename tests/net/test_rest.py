"""What an answer means: certain, in doubt, or not to be understood."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arb.api import (
    BadResponse,
    BelowMinimum,
    ExchangeError,
    HttpRequest,
    HttpResponse,
    InMaintenance,
    OutcomeUnknown,
    RateLimited,
)
from arb.model import SECOND_NS
from arb.net import RateBudget, RateLimit, Rest, RestCall
from arb.testing import FakeClock, FakeContext, FakeHttp

READ = RestCall(method="GET", target="/v1/thing?b=%20&a=1", weight=2)
WRITE = RestCall(method="POST", target="/v1/order?key=secret", body=b'{"a": 1}', headers={"X-Key": "k"}, writes=True)


class Venue:
    def __init__(
        self,
        answer: HttpResponse,
        refusal: Callable[[HttpResponse], ExchangeError | None] = lambda _: None,
        **judges: Any,
    ) -> None:
        self.clock = FakeClock()
        self.http = FakeHttp(lambda _: answer)
        budget = RateBudget(self.clock, [RateLimit(weight=10, per_ns=SECOND_NS)])
        context = FakeContext("hl-main", clock=self.clock, http=self.http)
        self.rest = Rest(context, "https://api.venue.test", budget, refusal=refusal, **judges)

    def call(self, call: RestCall) -> Any:
        return asyncio.run(self.rest.call(call))


def answer(status: int, body: bytes = b"", **headers: str) -> HttpResponse:
    return HttpResponse(
        status=status, headers={name.replace("_", "-"): value for name, value in headers.items()}, body=body
    )


def test_a_request_leaves_byte_for_byte_and_fractions_come_back_exactly() -> None:
    venue = Venue(answer(200, b'{"rate": 0.10000000000000000001, "n": 12, "text": "1.50"}'))
    assert venue.call(WRITE) == {"rate": Decimal("0.10000000000000000001"), "n": 12, "text": "1.50"}
    (sent,) = venue.http.requests
    assert sent == HttpRequest(
        method="POST",
        url="https://api.venue.test/v1/order?key=secret",
        headers={"X-Key": "k"},
        body=b'{"a": 1}',
        timeout_ns=10 * SECOND_NS,
    )


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
def test_a_servers_failure_leaves_a_write_in_doubt_and_a_read_for_later(status: int) -> None:
    venue = Venue(answer(status, b"<html>\x1b[2Jbad gateway</html>", Retry_After="7"))
    with pytest.raises(OutcomeUnknown, match=r"POST /v1/order: HTTP") as doubt:
        venue.call(WRITE)
    assert "secret" not in str(doubt.value)
    assert "\x1b" not in str(doubt.value)
    with pytest.raises(InMaintenance) as later:
        venue.call(READ)
    assert later.value.retry_after_ns == 7 * SECOND_NS


@pytest.mark.parametrize("status", [300, 302, 400, 404, 422])
@pytest.mark.parametrize("call", [READ, WRITE])
def test_a_refusal_that_is_in_no_table_is_not_understood(status: int, call: RestCall) -> None:
    with pytest.raises(BadResponse, match=f"hl-main: .*HTTP {status}: no such thing"):
        Venue(answer(status, b"no such thing")).call(call)


def test_the_venues_table_comes_first_whatever_the_status() -> None:
    def refusal(response: HttpResponse) -> ExchangeError | None:
        return BelowMinimum("too small", code="-4164") if b"-4164" in response.body else None

    for status in (200, 400, 500):
        with pytest.raises(BelowMinimum):
            Venue(answer(status, b'{"code": -4164}'), refusal).call(WRITE)


@pytest.mark.parametrize(
    ("status", "headers", "wait_s"),
    [
        (418, {"retry_after": "30"}, 30),
        (429, {"retry_after": "30"}, 30),
        (418, {"Retry_After": "999999"}, 3 * 24 * 3600),  # a ban: whoever asks during it makes it longer
        (429, {"Retry_After": "999999"}, 3600),
        (418, {"Retry_After": "Wed, 21 Oct"}, None),
        (429, {"Retry_After": "Wed, 21 Oct"}, None),
    ],
)
def test_after_a_limit_nothing_is_sent_until_the_venue_takes_requests_again(
    status: int, headers: dict[str, str], wait_s: int | None
) -> None:
    venue = Venue(answer(status, b"", **headers))
    with pytest.raises(RateLimited, match="the venue's rate limit is reached") as limited:
        venue.call(READ)
    wait_ns = limited.value.retry_after_ns
    assert wait_ns is not None
    if wait_s is not None:
        assert wait_ns == wait_s * SECOND_NS
    else:
        assert SECOND_NS <= wait_ns <= 2 * SECOND_NS

    async def again() -> None:
        await venue.clock.run_for(wait_ns - SECOND_NS)
        task = asyncio.create_task(venue.rest.call(replace(READ, urgent=True)))
        await venue.clock.run_for(SECOND_NS - 1)
        assert len(venue.http.requests) == 1
        await venue.clock.run_for(1)
        assert len(venue.http.requests) == 2
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(again())


def test_what_a_venue_calls_a_limit_besides_is_one() -> None:
    walled = answer(403, b"<html>Forbidden</html>")
    with pytest.raises(BadResponse):
        Venue(walled).call(WRITE)
    venue = Venue(walled, also_limits=lambda response: response.status == 403)
    with pytest.raises(RateLimited, match=r"turns us away \(HTTP 403\)") as limited:
        venue.call(WRITE)
    assert limited.value.code == "403"
    assert limited.value.retry_after_ns is not None
    assert limited.value.retry_after_ns >= SECOND_NS


@pytest.mark.parametrize("status", [200, 400, 418, 429, 503])
def test_the_observer_gets_every_answer_before_it_is_judged(status: int) -> None:
    told: list[HttpResponse] = []

    def refusal(response: HttpResponse) -> ExchangeError | None:
        assert told == [response]
        return BelowMinimum("too small") if status == 400 else None

    found = answer(status, b"{}", X_Used="7")
    try:
        Venue(found, refusal, observer=told.append).call(READ)
    except ExchangeError:
        assert status != 200
    assert told == [found]


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a": NaN}', b"[" * 100_000, b"\xff\xfe", b"1 2"])
def test_what_is_no_json_is_said_with_its_beginning(body: bytes) -> None:
    with pytest.raises(BadResponse, match="not JSON") as found:
        Venue(answer(200, body)).call(READ)
    assert len(str(found.value)) < 300


@given(st.integers(100, 599), st.binary(max_size=300), st.booleans())
def test_whatever_comes_back_is_json_or_one_of_our_errors(status: int, body: bytes, writes: bool) -> None:
    venue = Venue(answer(status, body))
    try:
        venue.call(WRITE if writes else READ)
    except (BadResponse, OutcomeUnknown, InMaintenance, RateLimited):
        pass
    else:
        assert 200 <= status < 300


@pytest.mark.parametrize("body", [b"1e99999999999999999999", b'{"a": [1e-99999999999999999999]}', b"[" * 100_000])
def test_a_number_that_no_decimal_holds_is_not_understood(body: bytes) -> None:
    with pytest.raises(BadResponse, match="not JSON"):
        Venue(answer(200, body)).call(READ)


@pytest.mark.parametrize("escaped", [rb"\ud800", rb"\uDFFF x", rb"\u0000", rb"\udc00\ud800"])
def test_what_no_storage_keeps_does_not_get_in(escaped: bytes) -> None:
    found = Venue(answer(200, b'{"k' + escaped + b'": ["' + escaped + b'", 1.5]}')).call(READ)
    ((name, (text, number)),) = found.items()
    assert "\N{REPLACEMENT CHARACTER}" in text
    assert name == f"k{text}"
    assert "\0" not in text.encode().decode()
    assert number == Decimal("1.5")


def test_what_is_escaped_and_can_be_kept_stays() -> None:
    body = rb'["\ud83d\ude00", "\\ud800", "\u00e9", "\u0001"]'
    assert Venue(answer(200, body)).call(READ) == ["\N{GRINNING FACE}", "\\ud800", "\u00e9", "\x01"]
