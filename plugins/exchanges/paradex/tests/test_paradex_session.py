"""The token of five minutes, the rate limits that others use up as well, and the key."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from arb.api import AuthenticationFailed, ConnectFailed, HttpRequest, HttpResponse, NotSent, RateLimited
from arb.model import MINUTE_NS, SECOND_NS, OrderStatus
from arb.net import RateLimit
from arb.simulation import VirtualClock, run_virtual
from arb.testing import START_NS, Bench, BenchDesk, FakeContext
from arb_exchange_paradex._budgets import ADDRESS, READS, budgets_of
from arb_exchange_paradex._session import Session


def _logins(desk: BenchDesk) -> int:
    return len([each for each in desk.wire.requests if "/v1/auth/" in each.url])


def test_a_token_is_renewed_before_its_end(bench: Bench) -> None:
    """An hour of reads every half minute: never an old token, and a login every three minutes."""

    async def body(desk: BenchDesk) -> None:
        refused: list[int] = []

        def watching(asked: HttpRequest, found: HttpResponse) -> HttpResponse:
            refused.append(found.status)
            return found

        desk.wire.change = watching
        assert _logins(desk) == 1
        for _ in range(120):
            await desk.sleep(30 * SECOND_NS)
            await desk.trading.fetch_open_orders()
        assert 401 not in refused
        assert 19 <= _logins(desk) <= 21

    bench(body)


def test_a_token_that_was_not_used_for_long_is_renewed_first(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.sleep(10 * MINUTE_NS)
        await asyncio.gather(*(desk.trading.fetch_open_orders() for _ in range(20)))
        assert _logins(desk) == 2, "one for all of them"

    bench(body)


def test_after_a_refused_token_there_is_one_login_and_every_call_is_repeated(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        old = await desk.trading._rest.session.token()

        def revoked(asked: HttpRequest) -> HttpResponse | None:
            if asked.headers.get("Authorization") != f"Bearer {old}":
                return None
            return HttpResponse(
                status=401, headers={}, body=b'{"error": "UNAUTHORIZED_ERROR", "message": "missing or malformed jwt"}'
            )

        await desk.sleep(2 * SECOND_NS)  # a token of the same second would be the same one
        desk.wire.answer = revoked
        order, *_ = await asyncio.gather(
            desk.send(await desk.resting()), *(desk.trading.fetch_positions() for _ in range(10))
        )
        assert order.status is OrderStatus.OPEN
        assert len(await desk.truth.trading.fetch_orders(0)) == 1, "the order was sent again, and taken once"
        assert _logins(desk) == 2

    bench(body)


def test_a_second_refusal_is_final(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.answer = lambda asked: (
            HttpResponse(status=401, headers={}, body=b'{"error": "UNAUTHORIZED_ERROR", "message": "no"}')
            if "Authorization" in asked.headers
            else None
        )
        with pytest.raises(AuthenticationFailed, match="UNAUTHORIZED_ERROR"):
            await desk.trading.fetch_positions()
        with pytest.raises(AuthenticationFailed):
            await desk.send(await desk.request())
        assert await desk.truth.trading.fetch_orders(0) == []

    bench(body)


def test_a_proxy_that_wants_a_token_for_public_data(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.answer = lambda asked: HttpResponse(status=401, headers={}, body=b"<html>")
        with pytest.raises(AuthenticationFailed):
            await desk.exchange.market.fetch_stats()
        desk.wire.answer = None
        assert await desk.exchange.market.fetch_stats()

    bench(body)


def test_an_order_waits_for_no_better_time(bench: Bench) -> None:
    """The venue's time is known from the login; that it is old keeps no order, also while it cannot be asked."""

    async def body(desk: BenchDesk) -> None:
        times = len(desk.wire.sent("GET", "/system/time"))
        await desk.sleep(4 * MINUTE_NS)
        desk.wire.answer = lambda asked: (
            HttpResponse(status=503, headers={}, body=b"") if "/system/time" in asked.url else None
        )
        assert (await desk.send(await desk.request())).status is OrderStatus.FILLED
        await desk.sleep(2 * MINUTE_NS)
        assert (await desk.send(await desk.request())).status is OrderStatus.FILLED
        assert len(desk.wire.sent("GET", "/system/time")) <= times + 1, "by a login alone"

    bench(body)


def test_a_login_that_fails_is_no_doubt_about_an_order(bench: Bench) -> None:
    """The order never left: NotSent, and its id still works."""

    async def body(desk: BenchDesk) -> None:
        await desk.sleep(10 * MINUTE_NS)
        prepared = await desk.trading.prepare_order(await desk.request())
        desk.wire.answer = lambda asked: (
            HttpResponse(status=502, headers={}, body=b"<html>") if "/auth/" in asked.url else None
        )
        with pytest.raises(NotSent):
            await desk.trading.send_order(prepared)
        assert desk.wire.sent("POST", "/v1/orders") == []
        desk.wire.answer = None
        assert (await desk.trading.send_order(prepared)).status is OrderStatus.FILLED

    bench(body)


def test_a_renewal_that_fails_ahead_hurts_nobody() -> None:
    async def main() -> None:
        clock = VirtualClock.of_running_loop()
        context, answers = FakeContext("pd", clock=clock), [{"jwt_token": "a.e30.a"}, None, {"jwt_token": "b.e30.b"}]

        async def login() -> Any:
            found = answers.pop(0)
            if found is None:
                raise ConnectFailed("gone")
            return found

        session = Session(context, login)
        assert await session.token() == "a.e30.a"
        await clock.sleep_until(clock.now_ns() + 190 * SECOND_NS)
        assert await session.token() == "a.e30.a"
        await clock.sleep_until(clock.now_ns() + SECOND_NS)
        assert await session.token() == "a.e30.a", "not asked again at once"
        assert len(answers) == 1
        await clock.sleep_until(clock.now_ns() + 10 * SECOND_NS)
        await session.token()
        await clock.sleep_until(clock.now_ns() + SECOND_NS)
        assert await session.token() == "b.e30.b"
        await session.close()

    run_virtual(main(), start_ns=START_NS)


def test_what_other_processes_use_counts() -> None:
    """The venue says how far a window is used up: another process shares the address and the account."""

    async def main() -> None:
        clock = VirtualClock.of_running_loop()
        budgets = budgets_of(FakeContext("pd", clock=clock), "http://fake.test", "0x1")
        assert RateLimit(weight=600, per_ns=MINUTE_NS) in READS
        headers = {"X-RateLimit-Limit": "600", "X-RateLimit-Remaining": "181", "X-RateLimit-Window": "60"}
        budgets.observe(headers, budgets.reads)
        began_ns = clock.now_ns()
        await budgets.reads.spend()
        assert clock.now_ns() == began_ns
        with pytest.raises(RateLimited):
            await budgets.reads.spend()  # 419 of 600 were used by others, and 180 are kept for what is urgent
        await budgets.reads.spend(urgent=True)
        for odd in (
            {"X-RateLimit-Limit": "9999", "X-RateLimit-Remaining": "0", "X-RateLimit-Window": "60"},
            {"X-RateLimit-Limit": "1500", "X-RateLimit-Remaining": "0", "X-RateLimit-Window": "soon"},
            {"X-RateLimit-Limit": "1500"},
        ):
            budgets.observe(odd, budgets.reads)
            await budgets.address.spend()
        assert RateLimit(weight=1_500, per_ns=MINUTE_NS) in ADDRESS

    run_virtual(main(), start_ns=START_NS)


def test_two_plugins_of_one_process_share_the_address(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        context = FakeContext("other", clock=desk.clock)
        first = budgets_of(context, "http://x", "0x1")
        second = budgets_of(context, "http://x", "0x2")
        assert first.address is second.address
        assert first.reads is not second.reads
        assert budgets_of(context, "http://x", "0x1").writes is first.writes
        answer = await desk.wire.venue.send(
            HttpRequest(method="GET", url="http://fake.test/v1/system/time", headers={})
        )
        assert answer.headers["X-RateLimit-Limit"] == "1500"
        assert json.loads(answer.body)["server_time"].isdigit()

    bench(body)
