"""What is sent after the venue has refused something for its rate: little, and one call at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest

from arb.api import ExchangeError, HttpRequest, HttpResponse, NotSent, RateLimited
from arb.model import DAY_NS, MINUTE_NS, SECOND_NS, Order, OrderStatus, Side
from arb.testing import Bench, BenchDesk

TOO_MANY = b'{"code": -1003, "msg": "Too many requests; current limit of IP is 2400 requests per minute."}'
LONGEST_PAUSE_NS = 8 * SECOND_NS


def refused(status: int = 429, body: bytes = TOO_MANY, **headers: str) -> HttpResponse:
    return HttpResponse(
        status=status, headers={name.replace("_", "-"): value for name, value in headers.items()}, body=body
    )


USED_UP = refused(X_MBX_USED_WEIGHT_1M="2405")


def only(answer: HttpResponse, method: str) -> Callable[[HttpRequest], HttpResponse | None]:
    return lambda request: answer if request.method == method else None


async def poll(desk: BenchDesk, until_ns: int) -> None:
    """Read again and again, as somebody who waits as long as he is told."""
    while desk.clock.now_ns() < until_ns:
        try:
            await desk.exchange.market.fetch_order_book(desk.instrument.id, 5)
        except RateLimited as error:
            await desk.sleep(max(SECOND_NS, error.retry_after_ns or 0))
        else:
            await desk.sleep(SECOND_NS)


def test_what_a_refusal_tells_of_the_weight_keeps_reads_away_for_the_minute(bench: Bench) -> None:
    """Another process at the address has used the minute: ten pollers sent 69 requests in it, all refused."""

    async def body(desk: BenchDesk) -> None:
        desk.wire.answer = lambda request: USED_UP
        desk.wire.log.clear()
        until_ns = desk.clock.now_ns() + MINUTE_NS - SECOND_NS
        polling = [asyncio.create_task(poll(desk, until_ns)) for _ in range(10)]
        await desk.sleep(MINUTE_NS - SECOND_NS)
        assert len(desk.wire.log) == 10  # those that were under way at once
        desk.wire.answer = None
        await asyncio.gather(*polling)
        await desk.sleep(SECOND_NS)
        await desk.exchange.market.fetch_order_book(desk.instrument.id, 5)

    bench(body)


def test_where_the_venue_says_how_long_reads_wait_no_longer(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.answer = lambda request: refused(X_MBX_USED_WEIGHT_1M="2405", Retry_After="3")
        with pytest.raises(RateLimited):
            await desk.exchange.market.fetch_order_book(desk.instrument.id, 5)
        desk.wire.answer = None
        began_ns = desk.clock.now_ns()
        await desk.exchange.market.fetch_order_book(desk.instrument.id, 5)
        assert desk.clock.now_ns() - began_ns == 3 * SECOND_NS

    bench(body)


def test_a_close_waits_for_the_pause_alone(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.request())
        waiting = await desk.send(await desk.resting())
        close = await desk.request(Side.SELL, reduce_only=True)
        desk.wire.answer = lambda request: USED_UP
        with pytest.raises(RateLimited):
            await desk.exchange.market.fetch_order_book(desk.instrument.id, 5)
        desk.wire.answer = None
        began_ns = desk.clock.now_ns()
        await desk.trading.cancel_order(desk.instrument.id, waiting.request.client_order_id)
        assert SECOND_NS <= desk.clock.now_ns() - began_ns <= LONGEST_PAUSE_NS
        assert (await desk.send(close)).status is OrderStatus.FILLED
        assert desk.clock.now_ns() - began_ns <= LONGEST_PAUSE_NS
        with pytest.raises(RateLimited):  # the minute is still used up
            await desk.exchange.market.fetch_order_book(desk.instrument.id, 5)

    bench(body)


async def cancelled(desk: BenchDesk, order: Order) -> ExchangeError | None:
    """Return why a cancel failed."""
    try:
        await desk.trading.cancel_order(desk.instrument.id, order.request.client_order_id)
    except ExchangeError as error:
        return error
    return None


def test_what_is_urgent_goes_one_by_one_until_the_venue_takes_something(bench: Bench) -> None:
    """Cancels of one moment: after the pause one of them leaves, and the others when that one was taken."""

    async def body(desk: BenchDesk) -> None:
        orders = [await desk.send(await desk.resting()) for _ in range(12)]
        desk.wire.answer = only(USED_UP, "DELETE")
        assert isinstance(await cancelled(desk, orders[0]), NotSent)
        desk.wire.log.clear()

        async def cancel(order: Order) -> None:
            while await cancelled(desk, order) is not None:
                await desk.sleep(SECOND_NS)

        cancelling = [asyncio.create_task(cancel(order)) for order in orders]
        await desk.sleep(30 * SECOND_NS)
        times = [sent_ns for sent_ns, _ in desk.wire.log]
        assert 4 <= len(times) <= 8
        assert all(later - sooner >= 2 * SECOND_NS for sooner, later in pairwise(times))
        desk.wire.answer = None
        await desk.sleep(LONGEST_PAUSE_NS + SECOND_NS)
        assert all(task.done() for task in cancelling)
        assert not await desk.trading.fetch_open_orders()

    bench(body)


def test_a_cancel_does_not_wait_for_the_answer_to_a_read(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        waiting = await desk.send(await desk.resting())
        desk.wire.answer = lambda request: refused(Retry_After="1")
        with pytest.raises(RateLimited):
            await desk.exchange.market.fetch_order_book(desk.instrument.id, 5)
        desk.wire.answer, desk.wire.delay_ns = None, 9 * SECOND_NS
        reading = asyncio.create_task(desk.exchange.market.fetch_order_book(desk.instrument.id, 5))
        await desk.sleep(2 * SECOND_NS)
        desk.wire.delay_ns = 0
        began_ns = desk.clock.now_ns()
        assert await cancelled(desk, waiting) is None
        assert desk.clock.now_ns() == began_ns
        await reading

    bench(body)


def test_an_answer_from_before_a_refusal_ends_no_caution(bench: Bench) -> None:
    """A read is on its way when a cancel is refused; its answer, which comes later, says nothing of the time since."""

    async def body(desk: BenchDesk) -> None:
        orders = [await desk.send(await desk.resting()) for _ in range(4)]
        desk.wire.answer = lambda request: refused(Retry_After="1")
        with pytest.raises(RateLimited):
            await desk.exchange.market.fetch_order_book(desk.instrument.id, 5)
        desk.wire.answer = only(refused(Retry_After="5"), "DELETE")
        desk.wire.delay_ns = 4 * SECOND_NS
        reading = asyncio.create_task(desk.exchange.market.fetch_order_book(desk.instrument.id, 5))
        await desk.sleep(2 * SECOND_NS)
        desk.wire.delay_ns = 0
        assert isinstance(await cancelled(desk, orders[0]), RateLimited)
        await reading
        desk.wire.log.clear()
        cancelling = [asyncio.create_task(cancelled(desk, order)) for order in orders[1:]]
        await desk.sleep(4 * SECOND_NS)
        assert len(desk.wire.log) == 1
        await asyncio.gather(*cancelling)

    bench(body)


def test_an_order_that_cannot_leave_soon_is_refused_for_certain(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        prepared = await desk.trading.prepare_order(await desk.request())
        desk.wire.answer = lambda request: refused(Retry_After="7")
        with pytest.raises(RateLimited):
            await desk.exchange.market.fetch_order_book(desk.instrument.id, 5)
        desk.wire.answer = None
        desk.wire.log.clear()
        began_ns = desk.clock.now_ns()
        with pytest.raises(RateLimited):
            await desk.trading.send_order(prepared)
        assert desk.clock.now_ns() == began_ns
        assert not desk.wire.log

    bench(body)


def test_a_ban_of_days_is_waited_for(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.answer = lambda request: refused(418, Retry_After=str(2 * 24 * 3600))
        with pytest.raises(RateLimited):
            await desk.exchange.market.fetch_order_book(desk.instrument.id, 5)
        desk.wire.log.clear()
        polling = asyncio.create_task(poll(desk, desk.clock.now_ns() + 2 * DAY_NS - SECOND_NS))
        with pytest.raises(RateLimited):
            await desk.trading.cancel_all(desk.instrument.id)
        await desk.sleep(2 * DAY_NS - SECOND_NS)
        assert not desk.wire.log
        desk.wire.answer = None
        await polling
        await desk.sleep(SECOND_NS)
        await desk.trading.cancel_all(desk.instrument.id)

    bench(body)


def test_the_firewall_is_heeded_as_a_limit(bench: Bench) -> None:
    """403 is the firewall's: what it turned away did not arrive. With a code it is an answer as any other."""

    async def body(desk: BenchDesk) -> None:
        prepared = await desk.trading.prepare_order(await desk.request())
        desk.wire.answer = lambda request: refused(403, b"<html>Forbidden</html>")
        with pytest.raises(RateLimited) as walled:
            await desk.trading.send_order(prepared)
        assert walled.value.retry_after_ns is not None
        desk.wire.log.clear()
        reading = asyncio.create_task(desk.exchange.market.fetch_order_book(desk.instrument.id, 5))
        await desk.sleep(walled.value.retry_after_ns - 1)
        assert not desk.wire.log
        desk.wire.answer = None
        await reading
        desk.wire.answer = lambda request: refused(403, b'{"code": -9999, "msg": "?"}')
        with pytest.raises(ExchangeError) as told:
            await desk.send(await desk.request())
        assert not isinstance(told.value, NotSent)

    bench(body)
