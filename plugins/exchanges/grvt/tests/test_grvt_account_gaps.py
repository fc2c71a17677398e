"""Holes in the account's streams: what happens while the venue refuses a subscription is read when it has taken it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from arb.api import HttpResponse
from arb.model import MINUTE_NS, SECOND_NS, Fill, Order
from arb.testing import Bench, BenchDesk, Listener, WireSocket
from arb_exchange_grvt._gaps import Gaps
from arb_exchange_grvt._hub import Subscribed, Told, Topic

Tamper = Callable[[str | bytes], list[str | bytes]]
ORDERS, FILLS = Topic("v1.order", "1"), Topic("v1.fill", "1")


def refusing(stream: str, refused_until_ns: int, now_ns: Callable[[], int]) -> Tamper:
    """Return what lets the venue refuse a stream until then; nothing of it arrives before it is asked for again."""
    is_refused = [True]

    def tamper(message: str | bytes) -> list[str | bytes]:
        told = json.loads(message)
        if told.get("stream") == stream:
            return [] if is_refused[0] else [message]
        if told.get("method") == "subscribe" and told["result"]["stream"] == stream:
            is_refused[0] = now_ns() < refused_until_ns
            if is_refused[0]:
                error = {"code": 1006, "message": "limit"}
                return [json.dumps({"jsonrpc": "2.0", "error": error, "id": told["id"], "method": "subscribe"})]
        return [message]

    return tamper


def fills(listener: Listener[Any]) -> list[str]:
    return sorted(each.fill_id for each in listener.heard if isinstance(each, Fill))


async def true_fills(desk: BenchDesk, since_ns: int = 0) -> list[str]:
    return sorted(each.fill_id for each in await desk.trading.fetch_fills(since_ns))


@pytest.mark.parametrize("refused_ns", [4 * SECOND_NS, 5 * MINUTE_NS])
def test_fills_of_before_the_subscription_was_taken_are_read_when_it_is(bench: Bench, refused_ns: int) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.request())  # before anybody listens
        await desk.sleep(SECOND_NS)
        began_ns = desk.clock.now_ns()
        desk.wire.tamper = refusing("v1.fill", began_ns + refused_ns, desk.clock.now_ns)
        listener = Listener(desk.streams.watch_account())
        await desk.sleep(2 * SECOND_NS)
        for _ in range(2):
            await desk.send(await desk.request())
            await desk.sleep(SECOND_NS)
        assert fills(listener) == []
        # Orders are told all the while: they are no sign that fills are.
        while desk.clock.now_ns() < began_ns + refused_ns:
            await desk.send(await desk.resting())
            await desk.sleep(20 * SECOND_NS)
        await desk.sleep(10 * SECOND_NS)
        told = await true_fills(desk, began_ns)
        assert fills(listener) == told
        assert len(told) == 2
        await listener.stop()

    bench(body)


def test_fills_between_two_sockets_are_read_though_the_new_one_is_refused(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        listener = Listener(desk.streams.watch_account())
        await desk.sleep(5 * SECOND_NS)
        await desk.send(await desk.request())
        await desk.sleep(10 * MINUTE_NS)
        desk.wire.tamper = refusing("v1.fill", desk.clock.now_ns() + 3 * MINUTE_NS, desk.clock.now_ns)
        private(desk).drop()
        await desk.sleep(20 * SECOND_NS)
        await desk.send(await desk.request())
        await desk.sleep(4 * MINUTE_NS)
        await desk.send(await desk.request())
        await desk.sleep(5 * SECOND_NS)
        assert fills(listener) == await true_fills(desk)
        assert len(fills(listener)) == 3
        await listener.stop()

    bench(body)


def test_orders_of_before_the_subscription_was_taken_are_read_when_it_is(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.tamper = refusing("v1.order", desk.clock.now_ns() + 4 * SECOND_NS, desk.clock.now_ns)
        listener = Listener(desk.streams.watch_account())
        await desk.sleep(2 * SECOND_NS)
        request = await desk.resting()
        await desk.send(request)
        assert not [each for each in listener.heard if isinstance(each, Order)]
        await desk.sleep(10 * SECOND_NS)
        told = [each.request.client_order_id for each in listener.heard if isinstance(each, Order)]
        assert told == [request.client_order_id]
        await listener.stop()

    bench(body)


def test_what_was_missed_is_asked_for_until_the_venue_answers(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        listener = Listener(desk.streams.watch_account())
        await desk.sleep(5 * SECOND_NS)
        down = HttpResponse(status=503, headers={}, body=b"")
        desk.wire.answer = lambda request: down if request.url.endswith(("/fill_history", "/open_orders")) else None
        desk.wire.tamper = refusing("v1.fill", desk.clock.now_ns() + SECOND_NS, desk.clock.now_ns)
        private(desk).drop()
        await desk.sleep(3 * SECOND_NS)
        await desk.send(await desk.request())
        await desk.sleep(2 * MINUTE_NS)
        assert fills(listener) == []
        desk.wire.answer = None
        await desk.sleep(2 * MINUTE_NS)
        assert fills(listener) == await true_fills(desk)
        assert fills(listener)
        await listener.stop()

    bench(body)


def test_a_fill_that_came_after_a_lost_one_does_not_cover_it(bench: Bench) -> None:
    """The lost one may be older than what is read again before a gap."""

    async def body(desk: BenchDesk) -> None:
        listener = Listener(desk.streams.watch_account())
        await desk.sleep(5 * SECOND_NS)
        await desk.send(await desk.request())
        await desk.sleep(SECOND_NS)
        desk.wire.tamper = lambda message: [] if "v1.fill" in str(message) else [message]
        await desk.send(await desk.request())
        await desk.sleep(10 * MINUTE_NS)
        desk.wire.tamper = None
        await desk.send(await desk.request())
        await desk.sleep(5 * SECOND_NS)
        assert fills(listener) == await true_fills(desk)
        await listener.stop()

    bench(body)


def test_how_far_fills_are_known(bench: Bench) -> None:
    known: list[Fill] = []

    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.request())
        known.extend(await desk.trading.fetch_fills(0))

    bench(body)
    fill = replace(known[0], ts_event_ns=50)
    gaps = Gaps(ORDERS, FILLS)
    gaps.tells(fill, 90)
    assert known_of(gaps) == (None, None)
    gaps.read(ORDERS, 10)
    gaps.read(FILLS, 11)
    assert known_of(gaps) == (10, 11)
    gaps.tells(fill, 90)
    assert known_of(gaps) == (10, 11)  # the venue has not confirmed the stream
    assert gaps.after(Subscribed(FILLS, None)) == (FILLS,)
    gaps.tells(fill, 90)
    assert known_of(gaps) == (10, 50)
    gaps.tells(replace(fill, ts_event_ns=10**18), 90)
    assert known_of(gaps) == (10, 90)  # no fill is of a time to come
    assert gaps.after(Told(FILLS, 7, 6, {})) == ()
    assert gaps.after(Told(FILLS, 9, 8, {})) == (ORDERS, FILLS)
    gaps.read(FILLS, 100)
    assert known_of(gaps) == (10, 100)


def private(desk: BenchDesk) -> WireSocket:
    """Return the account's socket that is open now."""
    return next(each for each in desk.wire.open_sockets if "Cookie" in each.headers)


def known_of(gaps: Gaps) -> tuple[int | None, int | None]:
    return gaps.began_ns, gaps.covered_ns
