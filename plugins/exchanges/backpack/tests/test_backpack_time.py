"""The venue's time: what is signed by it, and what waits for it."""

from __future__ import annotations

import pytest

from arb.api import FakeVenue, HttpRequest, HttpResponse, NotSent
from arb.model import MILLISECOND_NS, MINUTE_NS, SECOND_NS, OrderStatus
from arb.simulation import VirtualClock
from arb.testing import Bench, BenchDesk, Listener

DOWN = HttpResponse(status=503, headers={}, body=b"{}")


class SlowTime:
    """A venue whose `/time` hangs; everything else is as it was."""

    def __init__(self, venue: FakeVenue) -> None:
        self._venue = venue
        self.connect = venue.connect

    async def send(self, request: HttpRequest) -> HttpResponse:
        if request.url.endswith("/api/v1/time"):
            clock = VirtualClock.of_running_loop()
            await clock.sleep_until(clock.now_ns() + 60 * SECOND_NS)
        return await self._venue.send(request)


def without_time(request: HttpRequest) -> HttpResponse | None:
    return DOWN if request.url.endswith("/api/v1/time") else None


def test_nothing_waits_for_a_new_time_while_one_is_known(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.request()
        asked = len(desk.wire.sent("GET", "/api/v1/time"))
        desk.wire.venue = SlowTime(desk.wire.venue)
        await desk.sleep(6 * MINUTE_NS)  # the one that is known is old
        began_ns = desk.clock.now_ns()
        await desk.trading.fetch_positions()
        assert (await desk.send(request)).status is OrderStatus.FILLED
        await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert desk.clock.now_ns() == began_ns
        await desk.sleep(SECOND_NS)
        assert len(desk.wire.sent("GET", "/api/v1/time")) == asked + 1  # and is asked for all the same

    bench(body)


def test_the_time_is_asked_for_again_when_it_is_old(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.trading.fetch_positions()
        asked = len(desk.wire.sent("GET", "/api/v1/time"))
        await desk.sleep(MINUTE_NS)
        await desk.trading.fetch_positions()
        assert len(desk.wire.sent("GET", "/api/v1/time")) == asked
        await desk.sleep(5 * MINUTE_NS)
        await desk.trading.fetch_positions()
        await desk.sleep(SECOND_NS)
        assert len(desk.wire.sent("GET", "/api/v1/time")) == asked + 1

    bench(body)


def test_no_order_is_signed_by_a_clock_that_was_never_compared(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.request()
        with pytest.raises(NotSent, match="time is not known"):
            await desk.trading.prepare_order(request)
        began_ns = desk.clock.now_ns()
        with pytest.raises(NotSent, match="time is not known"):
            await desk.trading.prepare_order(request)
        assert desk.clock.now_ns() == began_ns  # a try that failed is not repeated at once
        assert await desk.trading.fetch_positions() == []  # a read does no harm
        desk.wire.answer = None
        await desk.sleep(10 * SECOND_NS)
        assert (await desk.send(request)).status is OrderStatus.FILLED

    bench(body, answer=without_time)


def test_the_accounts_stream_begins_without_the_venues_time(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        listener = Listener(desk.streams.watch_account())
        await desk.sleep(5 * SECOND_NS)
        assert not listener.is_over
        desk.wire.answer = None
        await desk.sleep(10 * SECOND_NS)
        await desk.send(await desk.request())
        await desk.sleep(5 * SECOND_NS)
        assert listener.heard
        await listener.stop()

    bench(body, answer=without_time)


def test_a_refused_time_is_replaced_by_what_the_venue_tells_then(bench: Bench) -> None:
    # The quickest of the old samples would hide for minutes that a clock was set.
    async def body(desk: BenchDesk) -> None:
        refused = b'{"code": "INVALID_CLIENT_REQUEST", "message": "Request has expired"}'
        answers = [HttpResponse(status=400, headers={}, body=refused)]
        desk.wire.answer = lambda request: answers.pop() if answers and "/position" in request.url else None
        desk.wire.change_json("/api/v1/time", lambda now_ms: now_ms + 500)
        assert await desk.trading.fetch_positions() == []
        stamp_ms = int(desk.wire.sent("GET", "/api/v1/position")[-1].headers["X-Timestamp"])
        assert stamp_ms == desk.clock.now_ns() // MILLISECOND_NS + 500

    bench(body)
