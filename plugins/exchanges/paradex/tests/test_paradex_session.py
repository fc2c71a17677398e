"""The token of five minutes, the rate limits that others use up as well, and the key."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from arb.api import (
    AuthenticationFailed,
    ConnectFailed,
    HttpRequest,
    HttpResponse,
    NotSent,
    OutcomeUnknown,
    RateLimited,
)
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


def _too_many(**limit: str) -> HttpResponse:
    headers = {f"X-RateLimit-{name.capitalize()}": value for name, value in limit.items()}
    body = b'{"error": "RATE_LIMITED", "message": "too many requests", "data": null}'
    return HttpResponse(status=429, headers={"Retry-After": "60", **headers}, body=body)


@pytest.mark.parametrize("limit", [{"limit": "600", "window": "60"}, {}])
def test_a_refused_read_keeps_no_order(bench: Bench, limit: dict[str, str]) -> None:
    """Reads have limits of their own: they wait as long as the venue asks; orders and cancels do not.

    Where it does not say which limit it was, the address waits for a few seconds.
    """

    async def body(desk: BenchDesk) -> None:
        waits = await desk.resting()
        await desk.send(waits)
        request = await desk.request()
        refused_ns = desk.clock.now_ns()
        desk.wire.answer = lambda asked: _too_many(**limit) if "/fills" in asked.url else None
        with pytest.raises(RateLimited) as refused:
            await desk.trading.fetch_fills(0)
        assert (refused.value.code, refused.value.retry_after_ns) == ("429", MINUTE_NS)
        desk.wire.answer = None
        await desk.sleep(0 if limit else 8 * SECOND_NS)
        began_ns = desk.clock.now_ns()
        await desk.trading.cancel_order(desk.instrument.id, waits.client_order_id)
        prepared = await desk.trading.prepare_order(request)
        sending = asyncio.create_task(desk.trading.send_order(prepared))
        await desk.sleep(SECOND_NS)
        assert desk.clock.now_ns() - began_ns == SECOND_NS, "the cancel left at once"
        assert [each.method for each in desk.wire.requests[-2:]] == ["DELETE", "POST"]
        with pytest.raises(OutcomeUnknown):
            await sending  # nobody listens to the account, and its orders cannot be read now
        with pytest.raises(RateLimited):
            await desk.trading.fetch_positions()
        await desk.sleep(refused_ns + MINUTE_NS - desk.clock.now_ns())
        assert [each.quantity for each in await desk.trading.fetch_positions()] == [request.quantity]

    bench(body)


def test_a_refused_order_keeps_no_read(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.resting()
        desk.wire.answer = lambda asked: _too_many(limit="800", window="1") if asked.method == "POST" else None
        with pytest.raises(RateLimited):
            await desk.send(request)
        desk.wire.answer = None
        began_ns = desk.clock.now_ns()
        assert list(await desk.trading.fetch_open_orders()) == []
        assert desk.clock.now_ns() == began_ns

    bench(body)


def test_a_limit_of_the_address_keeps_everything(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        prepared = await desk.trading.prepare_order(await desk.resting())
        desk.wire.answer = lambda asked: _too_many(limit="1500", window="60") if "/bbo" in asked.url else None
        with pytest.raises(RateLimited):
            await desk.exchange.market.fetch_bbo(desk.instrument.id)
        desk.wire.answer = None
        with pytest.raises(NotSent, match="budget is spent for another"):
            await desk.trading.send_order(prepared)
        assert desk.wire.sent("POST", "/v1/orders") == []

    bench(body)


def test_public_calls_that_are_refused_keep_no_order_for_long(bench: Bench) -> None:
    """A proxy before the venue names no limit: what it refused waits as it asks, an order a few seconds at most."""

    async def body(desk: BenchDesk) -> None:
        request = await desk.resting()
        desk.wire.answer = lambda asked: _too_many() if "/bbo" in asked.url else None
        with pytest.raises(RateLimited):
            await desk.exchange.market.fetch_bbo(desk.instrument.id)
        began_ns = desk.clock.now_ns()
        await desk.sleep(8 * SECOND_NS)
        assert (await desk.send(request)).status is OrderStatus.OPEN
        with pytest.raises(RateLimited) as refused:
            await desk.exchange.market.fetch_bbo(desk.instrument.id)
        assert refused.value.code == "own_budget"
        assert desk.clock.now_ns() - began_ns < 9 * SECOND_NS

    bench(body)
