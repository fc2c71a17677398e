"""A 401 in other words than the venue's: it is taken for the end of the login, and never for a certain refusal."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from plugins.exchanges.grvt.tests.conftest import CREATE

from arb.api import AuthenticationFailed, BadResponse, HttpRequest, HttpResponse, OutcomeUnknown
from arb.model import HOUR_NS, SECOND_NS
from arb.testing import Bench, BenchDesk
from arb_exchange_grvt.fake._sessions import Sessions

LOGIN, POSITIONS = "/auth/api_key/login", "/full/v1/positions"
WORDS = (
    b'{"error":"unauthorized"}',
    b'{"code":"1000","message":"You need to authenticate","status":401}',
    b'{"code":4711,"message":"what is this","status":401}',
    b"<html>",
    b"",
)


def logins(desk: BenchDesk) -> int:
    return len(desk.wire.sent("POST", LOGIN))


def unauthorized(words: bytes) -> Callable[[HttpRequest, HttpResponse], HttpResponse]:
    """Let the venue say in these words that a cookie is not good."""

    def change(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
        return HttpResponse(status=401, headers={}, body=words) if answer.status == 401 else answer

    return change


def always(path: str, words: bytes) -> Callable[[HttpRequest], HttpResponse | None]:
    return lambda request: HttpResponse(status=401, headers={}, body=words) if request.url.endswith(path) else None


@pytest.mark.parametrize("words", WORDS)
def test_a_read_logs_in_anew_and_is_sent_once_more(bench: Bench, words: bytes) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.change = unauthorized(words)
        Sessions(desk.clock, desk.world.memory).end_all()
        assert await desk.trading.fetch_balances()
        assert logins(desk) == 2
        await desk.trading.fetch_positions()
        assert logins(desk) == 2

    bench(body)


@pytest.mark.parametrize("words", WORDS)
def test_an_order_is_left_in_doubt_and_the_next_one_has_a_new_login(bench: Bench, words: bytes) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.change = unauthorized(words)
        Sessions(desk.clock, desk.world.memory).end_all()
        with pytest.raises(OutcomeUnknown, match="401"):
            await desk.send(await desk.request())
        assert len(desk.wire.sent("POST", CREATE)) == 1
        request = await desk.request()
        assert (await desk.send(request)).filled_quantity == request.quantity
        assert (len(desk.wire.sent("POST", CREATE)), logins(desk)) == (2, 2)

    bench(body)


def test_a_login_that_does_not_help_is_not_repeated_with_every_read(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.answer = always(POSITIONS, b"<html>")
        for _ in range(5):
            with pytest.raises(BadResponse, match="401"):
                await desk.trading.fetch_positions()
            await desk.sleep(SECOND_NS)
        assert logins(desk) == 2
        await desk.sleep(10 * SECOND_NS)
        with pytest.raises(BadResponse, match="401"):
            await desk.trading.fetch_positions()
        assert logins(desk) == 3
        await desk.trading.fetch_balances()

    bench(body)


def test_a_doubted_cookie_is_used_on_where_no_other_can_be_had(bench: Bench) -> None:
    """The 401 may come from somebody before the venue, and the host of logins be down as well."""

    async def body(desk: BenchDesk) -> None:
        down = HttpResponse(status=502, headers={}, body=b"<html>")
        denied = always(POSITIONS, b"")
        desk.wire.answer = lambda request: down if request.url.endswith(LOGIN) else denied(request)
        with pytest.raises(BadResponse, match="401"):
            await desk.trading.fetch_positions()
        request = await desk.request()
        assert (await desk.send(request)).filled_quantity == request.quantity

    bench(body)


def test_a_401_with_a_known_code_is_what_the_code_says(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.answer = always(POSITIONS, json.dumps({"code": 1008, "message": "no", "status": 401}).encode())
        with pytest.raises(AuthenticationFailed, match="1008"):
            await desk.trading.fetch_positions()
        assert logins(desk) == 1

    bench(body)


def test_an_order_whose_new_login_does_not_help_is_in_doubt(bench: Bench) -> None:
    """The first answer is the venue's own, the second is not: what became of the second order is not known."""
    told = [json.dumps({"code": 1000, "message": "no", "status": 401}).encode(), b"<html>"]

    async def body(desk: BenchDesk) -> None:
        desk.wire.answer = lambda request: (
            HttpResponse(status=401, headers={}, body=told.pop(0)) if told and request.url.endswith(CREATE) else None
        )
        with pytest.raises(OutcomeUnknown, match="401"):
            await desk.send(await desk.request())
        assert logins(desk) == 2
        await desk.sleep(HOUR_NS // 60)
        request = await desk.request()
        assert (await desk.send(request)).filled_quantity == request.quantity

    bench(body)
