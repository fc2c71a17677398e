"""The venue's limits and our own: what waits for which, and what goes before everything else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from arb.api import HttpRequest, HttpResponse, NotSent, RateLimited
from arb.model import MINUTE_NS, SECOND_NS, OrderStatus
from arb.testing import Bench, BenchDesk
from arb_exchange_lighter._settings import Tier

WAIT = HttpResponse(status=429, headers={"Retry-After": "30"}, body=b'{"code":23000,"message":"Too Many Requests!"}')


def refusing(desk: BenchDesk, path: str, answer: HttpResponse = WAIT) -> None:
    """Have the venue answer every request of a path so, until `answer` is None again."""

    def choose(request: HttpRequest) -> HttpResponse | None:
        return answer if f"/{path}" in request.url else None

    desk.wire.answer = choose


async def until_limited(ask: Callable[[], Awaitable[object]]) -> None:
    """Ask until it is refused, which our own budget does before the venue."""
    while True:
        try:
            await ask()
        except RateLimited:
            return


def test_a_limit_that_reads_have_reached_holds_no_order_back(bench: Bench) -> None:
    """Premium accounts have a limit for reads and another one for transactions."""

    async def body(desk: BenchDesk) -> None:
        resting, taking = await desk.resting(), await desk.request()
        await desk.send(resting)
        refusing(desk, "trades")
        with pytest.raises(RateLimited):
            await desk.trading.fetch_fills(0)
        began_ns = desk.clock.now_ns()
        await desk.trading.cancel_order(desk.instrument.id, resting.client_order_id)
        assert (await desk.send(taking)).status is OrderStatus.FILLED
        assert desk.clock.now_ns() - began_ns < SECOND_NS
        await desk.trading.fetch_open_orders()
        assert desk.clock.now_ns() - began_ns >= 29 * SECOND_NS

    bench(body, settings={"tier": Tier.PREMIUM})


def test_a_limit_that_orders_have_reached_is_told_at_once_and_leaves_reads_alone(bench: Bench) -> None:
    """Nobody waits in the line of nonces: whoever is refused may do something else."""

    async def body(desk: BenchDesk) -> None:
        requests = [await desk.request() for _ in range(3)]
        refusing(desk, "sendTx")
        with pytest.raises(RateLimited):
            await desk.send(requests.pop())
        desk.wire.answer = None
        began_ns, sent = desk.clock.now_ns(), len(desk.wire.sent("POST", "/sendTx"))
        for told in await asyncio.gather(*(desk.send(each) for each in requests), return_exceptions=True):
            assert isinstance(told, RateLimited)
        assert await desk.trading.fetch_open_orders() == []
        assert desk.clock.now_ns() == began_ns
        assert len(desk.wire.sent("POST", "/sendTx")) == sent
        await desk.sleep(30 * SECOND_NS)
        assert (await desk.send(await desk.request())).status is OrderStatus.FILLED

    bench(body, settings={"tier": Tier.PREMIUM})


def test_the_limit_of_a_standard_account_is_one(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.request()
        refusing(desk, "trades")
        with pytest.raises(RateLimited):
            await desk.trading.fetch_fills(0)
        desk.wire.answer = None
        with pytest.raises(RateLimited):
            await desk.send(request)
        assert desk.wire.sent("POST", "/sendTx") == []

    bench(body, settings={"tier": Tier.STANDARD})


def test_transactions_of_a_standard_account_are_requests(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        began_ns = desk.clock.now_ns()
        request = await desk.resting()
        await desk.send(request)
        await until_limited(desk.trading.cancel_all)
        assert len(desk.wire.requests) <= 60
        assert desk.clock.now_ns() - began_ns < MINUTE_NS

    bench(body, settings={"tier": Tier.STANDARD})


@pytest.mark.parametrize("status", [400, 429])
def test_too_many_pending_transactions_hold_no_cancel_back(bench: Bench, status: int) -> None:
    """21506 is a limit on what waits in one place, not on how often something is sent."""
    pending = HttpResponse(status=status, headers={}, body=b'{"code":21506,"message":"too many pending txs"}')

    async def body(desk: BenchDesk) -> None:
        resting, refused = await desk.resting(), await desk.request()
        await desk.send(resting)
        refusing(desk, "sendTx", pending)
        with pytest.raises(NotSent, match="21506"):
            await desk.send(refused)
        desk.wire.answer = None
        began_ns = desk.clock.now_ns()
        await desk.trading.cancel_order(desk.instrument.id, resting.client_order_id)
        assert desk.clock.now_ns() == began_ns
        assert await desk.trading.fetch_open_orders() == []

    bench(body)


@pytest.mark.parametrize("status", [200, 400])
def test_a_limit_is_known_by_its_code(bench: Bench, status: int) -> None:
    limit = HttpResponse(status=status, headers={}, body=b'{"code":23001,"message":"Too Many Requests!"}')

    async def body(desk: BenchDesk) -> None:
        refusing(desk, "accountActiveOrders", limit)
        with pytest.raises(RateLimited):
            await desk.trading.fetch_open_orders()
        desk.wire.answer = None
        began_ns = desk.clock.now_ns()
        assert await desk.trading.fetch_open_orders() == []
        assert desk.clock.now_ns() - began_ns >= SECOND_NS

    bench(body)


def test_what_became_of_an_order_is_asked_before_everything_else(bench: Bench) -> None:
    """A standard account has 60 requests a minute: polls leave some of them, and this is what they are for."""

    async def body(desk: BenchDesk) -> None:
        request = await desk.request()
        await desk.send(request)
        await until_limited(desk.trading.fetch_open_orders)
        found = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert found.status is OrderStatus.FILLED

    bench(body, settings={"tier": Tier.STANDARD, "live_reads": False})


def test_an_order_that_ended_long_ago_is_asked_for_before_everything_else(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.request()
        await desk.send(request)
        desk.wire.change_json("/accountOrders", lambda found: {**found, "orders": []})
        await until_limited(desk.trading.fetch_open_orders)
        found = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert found.status is OrderStatus.FILLED

    bench(body, settings={"tier": Tier.STANDARD, "live_reads": False})


def test_without_a_socket_an_order_is_asked_for_before_everything_else(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.request()
        desk.wire.lose_sockets()
        await desk.sleep(MINUTE_NS)
        await until_limited(desk.trading.fetch_open_orders)
        assert (await desk.send(request)).status is OrderStatus.FILLED

    bench(body, settings={"tier": Tier.STANDARD})
