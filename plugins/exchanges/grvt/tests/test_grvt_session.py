"""The login: one at a time, before the cookie ends, again after a 401, and never shown."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest
from pydantic import SecretStr

from arb.api import AuthenticationFailed, BadResponse, HttpRequest, HttpResponse, NotSent, OutcomeUnknown
from arb.model import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from arb.testing import START_NS, Bench, BenchDesk, FakeWorld, Listener
from arb_exchange_grvt._session import Cookie, ends_ns
from arb_exchange_grvt.fake._keys import API_KEY, PRIVATE_KEY
from arb_exchange_grvt.fake._sessions import LIFE, Sessions

LOGIN = "/auth/api_key/login"


def tokens(desk: BenchDesk, path: str) -> list[str]:
    return [each.headers["Cookie"] for each in desk.wire.sent("POST", path)]


def test_private_calls_carry_the_cookie_and_public_ones_do_not(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.exchange.market.fetch_order_book(desk.instrument.id, 5)
        await desk.trading.fetch_positions()
        (login,) = desk.wire.sent("POST", LOGIN)
        assert json.loads(login.body) == {"api_key": API_KEY}
        assert login.headers["Cookie"] == "rm=true;"
        for request in desk.wire.requests:
            if request.method == "POST":
                assert request.headers["Content-Type"] == "application/json"
                assert json.loads(request.body) is not None
        (positions,) = desk.wire.sent("POST", "/positions")
        assert positions.headers["Cookie"].startswith("gravity=")
        assert positions.headers["X-Grvt-Account-Id"]
        (book,) = desk.wire.sent("POST", "/book")
        assert "Cookie" not in book.headers

    bench(body)


def test_one_login_at_a_time_whoever_asks(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        assert len(desk.wire.sent("POST", LOGIN)) == 1
        await desk.sleep(DAY_NS)
        await asyncio.gather(*(desk.trading.fetch_balances() for _ in range(3)), desk.trading.fetch_positions())
        assert len(desk.wire.sent("POST", LOGIN)) == 2

    bench(body)


def test_a_cookie_is_replaced_before_it_ends(bench: Bench) -> None:
    world = FakeWorld(memory={LIFE: HOUR_NS})

    async def body(desk: BenchDesk) -> None:
        await desk.sleep(HOUR_NS - 6 * MINUTE_NS)
        await desk.trading.fetch_positions()
        assert len(desk.wire.sent("POST", LOGIN)) == 1
        await desk.sleep(2 * MINUTE_NS)
        await desk.trading.fetch_positions()
        assert len(desk.wire.sent("POST", LOGIN)) == 2
        first, second = tokens(desk, "/positions")
        assert first != second

    bench(body, world=world)


def test_a_401_is_mended_by_a_login_and_the_call_is_sent_once_more(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        Sessions(desk.clock, desk.world.memory).end_all()
        order = await desk.send(await desk.request())
        assert order.filled_quantity == order.request.quantity
        assert len(desk.wire.sent("POST", "/create_order")) == 2
        first, second = (each.body for each in desk.wire.sent("POST", "/create_order"))
        assert first == second  # the same signature: the venue let nothing of the first one in
        assert len(desk.truth.venue.orders(0)) == 1
        Sessions(desk.clock, desk.world.memory).end_all()
        assert await desk.trading.fetch_positions()
        assert len(desk.wire.sent("POST", LOGIN)) == 3

    bench(body)


def test_calls_that_meet_one_401_log_in_once(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        Sessions(desk.clock, desk.world.memory).end_all()
        await asyncio.gather(desk.trading.fetch_positions(), desk.trading.fetch_balances())
        assert len(desk.wire.sent("POST", LOGIN)) == 2

    bench(body)


def test_a_second_401_is_told(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        denied = json.dumps({"code": 1000, "message": "You need to authenticate", "status": 401}).encode()
        desk.wire.answer = lambda request: (
            HttpResponse(status=401, headers={}, body=denied) if request.url.endswith("/positions") else None
        )
        with pytest.raises(AuthenticationFailed, match="1000"):
            await desk.trading.fetch_positions()
        assert len(desk.wire.sent("POST", "/positions")) == 2

    bench(body)


def test_a_login_that_fails_early_leaves_the_old_cookie_in_use(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    world = FakeWorld(memory={LIFE: HOUR_NS})

    async def body(desk: BenchDesk) -> None:
        desk.wire.answer = lambda request: (
            HttpResponse(status=502, headers={}, body=b"<html>") if request.url.endswith(LOGIN) else None
        )
        await desk.sleep(HOUR_NS - 4 * MINUTE_NS)
        await desk.trading.fetch_positions()
        await desk.trading.fetch_positions()
        assert len(desk.wire.sent("POST", LOGIN)) == 2  # not with every call
        await desk.sleep(5 * MINUTE_NS)  # now it has ended: what needs it is not sent
        sent = len(desk.wire.sent("POST", "/create_order"))
        request = await desk.request()
        prepared = await desk.trading.prepare_order(request)
        with pytest.raises(NotSent):
            await desk.trading.send_order(prepared)
        assert len(desk.wire.sent("POST", "/create_order")) == sent
        desk.wire.answer = None
        # Nothing was claimed by then: the same order can be sent.
        await desk.sleep(9 * SECOND_NS)
        assert (await desk.trading.send_order(prepared)).filled_quantity == request.quantity

    bench(body, world=world)
    assert "the old one is used on" in caplog.text


@pytest.mark.parametrize(
    "answer",
    [
        HttpResponse(status=200, headers={}, body=b'{"status":"success"}'),
        HttpResponse(status=200, headers={"Set-Cookie": "gravity=abc; Path=/"}, body=b"{}"),
        HttpResponse(status=200, headers={"X-Grvt-Account-Id": "1", "Set-Cookie": "rm=true"}, body=b"{}"),
        HttpResponse(status=404, headers={}, body=b"<html>"),
    ],
)
def test_a_login_without_cookie_or_account_sends_nothing_on(bench: Bench, answer: HttpResponse) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.sleep(2 * DAY_NS)
        desk.wire.answer = lambda request: answer if request.url.endswith(LOGIN) else None
        with pytest.raises(NotSent):
            await desk.trading.fetch_positions()
        assert not desk.wire.sent("POST", "/positions")

    bench(body)


def test_a_key_that_the_venue_does_not_know_shows_at_opening(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        raise AssertionError("it must not open")

    with pytest.raises(AuthenticationFailed, match="api_key") as caught:
        bench(body, settings={"api_key": SecretStr("wrongKeyOfGrvt")})
    assert "wrongKeyOfGrvt" not in str(caught.value)


def test_a_login_that_is_refused_in_a_success_is_refused(bench: Bench) -> None:
    refused = HttpResponse(status=200, headers={}, body=b'{"status":"failure","location":""}')

    def answer(request: HttpRequest) -> HttpResponse | None:
        return refused if request.url.endswith(LOGIN) else None

    async def body(desk: BenchDesk) -> None:
        raise AssertionError("it must not open")

    with pytest.raises(AuthenticationFailed):
        bench(body, answer=answer)


def test_every_socket_of_the_account_has_a_login_of_its_own(bench: Bench) -> None:
    """A cookie may have ended while the socket was open: one that is opened again brings a new one."""

    async def body(desk: Any) -> None:
        listener = Listener(desk.streams.watch_account())
        await desk.sleep(5 * SECOND_NS)
        assert len(desk.wire.sent("POST", LOGIN)) == 1
        Sessions(desk.clock, desk.world.memory).end_all()
        for socket in desk.wire.sockets:
            socket.drop()
        request = await desk.resting()
        await desk.send(request)
        await desk.sleep(30 * SECOND_NS)
        cookies = [each.headers["Cookie"] for each in desk.wire.sockets if "Cookie" in each.headers]
        assert len(set(cookies)) == len(cookies) >= 2
        assert request.client_order_id in [each.request.client_order_id for each in listener.heard]
        await listener.stop()

    bench(body)


def test_a_cookie_is_never_shown(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    texts: list[str] = []
    secrets: list[str] = []

    def echo(request: HttpRequest) -> HttpResponse | None:
        shown = f"{request.url} {dict(request.headers)}".encode() + request.body
        return HttpResponse(status=500 if "/positions" in request.url else 400, headers={}, body=shown)

    async def body(desk: BenchDesk) -> None:
        await desk.trading.fetch_positions()
        secrets.append(tokens(desk, "/positions")[0].removeprefix("gravity="))
        prepared = await desk.trading.prepare_order(await desk.request())
        desk.wire.answer = echo
        for call in (
            desk.trading.fetch_positions,
            desk.trading.fetch_balances,
            lambda: desk.trading.send_order(prepared),
        ):
            with pytest.raises((BadResponse, OutcomeUnknown, NotSent)) as caught:
                await call()
            texts.extend([str(caught.value), repr(caught.value), repr(caught.value.__cause__)])
        await desk.sleep(2 * DAY_NS)
        with pytest.raises((NotSent, AuthenticationFailed)) as late:
            await desk.trading.fetch_positions()
        texts.extend([str(late.value), repr(late.value.__context__)])
        texts.append(repr(prepared))

    bench(body)
    assert secrets
    for secret in (*secrets, API_KEY, PRIVATE_KEY):
        assert secret not in caplog.text
        assert not [text for text in texts if secret in text]


def test_when_a_cookie_ends() -> None:
    now_ns = START_NS
    told = "gravity=a; Path=/; Expires=Thu, 01 Jan 2026 06:00:00 GMT; HttpOnly"
    assert ends_ns(told, now_ns) == 1767247200 * SECOND_NS
    assert ends_ns("gravity=a; max-age=60; expires=Thu, 01 Jan 2026 06:00:00 GMT", now_ns) == now_ns + MINUTE_NS
    assert ends_ns("gravity=a", now_ns) == now_ns + HOUR_NS
    assert ends_ns("gravity=a; expires=soon", now_ns) == now_ns + HOUR_NS
    short = Cookie({"Cookie": "gravity=secret"}, now_ns, now_ns + 20 * MINUTE_NS)
    assert short.stale_ns == now_ns + 18 * MINUTE_NS
    assert "secret" not in repr(short)
    assert short.token == "secret"
