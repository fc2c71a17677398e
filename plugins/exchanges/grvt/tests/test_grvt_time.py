"""The venue's time: learnt beside what is sent, so that no order waits for the host of market data."""

from __future__ import annotations

import json
from collections.abc import Awaitable
from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest
from plugins.exchanges.grvt.tests.conftest import CREATE, ORDER, answering, bodies, error

from arb.api import ExchangeError, HttpRequest, HttpResponse, NotSent, OutcomeUnknown
from arb.model import MINUTE_NS, SECOND_NS, ClientOrderId, MarginMode, OrderStatus, Side
from arb.net import from_http_date
from arb.testing import Bench, BenchDesk

TIME = "/time"
WRONG_NS = 10 * MINUTE_NS
"""How far our clock is ahead of the venue's."""


def asked(desk: BenchDesk) -> int:
    return len(desk.wire.sent("GET", TIME))


def hanging(request: HttpRequest) -> HttpResponse | None:
    """Let the host of market data not answer `GET /time`: the wire raises what a timeout does."""
    if request.url.endswith(TIME):
        raise OutcomeUnknown("no answer came back", code="timeout")
    return None


def undated(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
    return replace(answer, headers={name: value for name, value in answer.headers.items() if name != "Date"})


async def took_ns(desk: BenchDesk, call: Awaitable[object]) -> int:
    began_ns = desk.clock.now_ns()
    await call
    return desk.clock.now_ns() - began_ns


def expiration_ns(prepared: Any) -> int:
    return int(json.loads(prepared.payload.body)["order"]["signature"]["expiration"])


def test_orders_do_not_wait_for_a_host_of_market_data_that_hangs(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.request())
        requests = [await desk.request(reduce_only=True, side=Side.SELL) for _ in range(3)]
        await desk.sleep(6 * MINUTE_NS)
        held: list[HttpRequest] = []
        send = desk.wire.venue.send

        class Hanging:
            connect = desk.wire.venue.connect

            async def send(self, request: HttpRequest) -> HttpResponse:
                if request.url.endswith(TIME):
                    held.append(request)
                    await desk.sleep(60 * SECOND_NS)
                return await send(request)

        desk.wire.venue = Hanging()
        for request in requests:
            assert await took_ns(desk, desk.trading.prepare_order(request)) == 0
        await desk.sleep(4 * SECOND_NS)  # the question has failed by then, and is not put again at once
        assert await took_ns(desk, desk.send(requests[0])) < 3 * SECOND_NS
        assert len(held) == 1
        await desk.sleep(20 * SECOND_NS)
        await desk.trading.fetch_positions()
        await desk.sleep(SECOND_NS)
        assert len(held) == 2

    bench(body)


def test_orders_do_not_wait_for_a_pause_of_market_data(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.request()
        await desk.sleep(6 * MINUTE_NS)
        refused = json.dumps(error(1006, 429)).encode()
        desk.wire.answer = lambda request: (
            HttpResponse(status=429, headers={"Retry-After": "60"}, body=refused)
            if request.url.endswith("/book")
            else None
        )
        with pytest.raises(NotSent):
            await desk.exchange.market.fetch_order_book(desk.instrument.id, 5)
        count = asked(desk)
        for place in range(3):
            one = replace(request, client_order_id=ClientOrderId(f"paused-{place}"))
            assert await took_ns(desk, desk.trading.prepare_order(one)) == 0
        assert asked(desk) == count  # what the venue has paused is not asked

    bench(body)


def test_reads_keep_the_time_fresh_in_the_background(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        for read in (
            desk.trading.fetch_positions,
            lambda: desk.exchange.market.fetch_order_book(desk.instrument.id, 5),
        ):
            await desk.sleep(6 * MINUTE_NS)
            count = asked(desk)
            await read()
            await desk.sleep(SECOND_NS)
            await read()
            assert asked(desk) == count + 1

    bench(body)


def test_a_time_that_fails_again_and_again_is_told_of_once(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.answer = hanging
        for _ in range(20):
            await desk.sleep(MINUTE_NS)
            await desk.trading.fetch_positions()
        assert caplog.text.count("time could not be asked") == 1

    bench(body)


def test_without_a_key_nothing_asks_for_the_time(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.exchange.market.fetch_order_book(desk.instrument.id, 5)
        assert asked(desk) == 0

    bench(body, without=("api_key", "private_key", "sub_account_id"))


@pytest.mark.parametrize("ahead_ns", [WRONG_NS, -WRONG_NS])
def test_a_wrong_clock_of_ours_is_known_by_the_date_of_answers(bench: Bench, ahead_ns: int) -> None:
    """Whole seconds: so the signature is right to half of one, and the trait's slack covers that."""

    async def body(desk: BenchDesk) -> None:
        await desk.sleep(SECOND_NS // 3)
        prepared = await desk.trading.prepare_order(await desk.request())
        assert abs(expiration_ns(prepared) - desk.clock.now_ns() - 35 * SECOND_NS) <= SECOND_NS // 2
        # The same moment by our clock: until then it is in doubt where its answer was lost.
        assert prepared.expires_ns is not None
        assert abs(prepared.expires_ns - expiration_ns(prepared) - ahead_ns) <= SECOND_NS // 2
        assert (await desk.trading.send_order(prepared)).status is OrderStatus.FILLED

    bench(body, answer=hanging, ahead_ns=ahead_ns)


def test_the_time_that_was_asked_for_is_better_than_a_date(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.sleep(6 * MINUTE_NS + SECOND_NS // 3)
        await desk.trading.fetch_positions()
        await desk.sleep(SECOND_NS)
        prepared = await desk.trading.prepare_order(await desk.request())
        assert abs(expiration_ns(prepared) - desk.clock.now_ns() - 35 * SECOND_NS) <= SECOND_NS // 100

    bench(body, ahead_ns=WRONG_NS)


def test_nothing_is_signed_by_a_clock_of_which_nothing_is_known(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.request()
        desk.wire.answer, desk.wire.change = hanging, undated
        async with desk.open(made={}) as other:
            for place in range(3):
                one = replace(request, client_order_id=ClientOrderId(f"blind-{place}"))
                with pytest.raises(NotSent, match=r"time is not known: .*no answer came back"):
                    await other.trading.prepare_order(one)
            with pytest.raises(NotSent, match="time is not known"):
                await other.trading.set_leverage(desk.instrument.id, D(7), MarginMode.CROSS)
            assert not desk.wire.sent("POST", CREATE)
            desk.wire.change = None  # an answer with a date is enough
            await other.sleep(SECOND_NS)
            await other.trading.fetch_positions()
            order = await other.send(replace(request, client_order_id=ClientOrderId("blind-3")))
            assert order.status is OrderStatus.FILLED

    bench(body, ahead_ns=WRONG_NS)


def test_a_history_begins_early_enough_where_nothing_is_known_of_the_time(bench: Bench) -> None:
    """Our clock may be ahead by what local time is off: what was sent since may be before our own minute."""

    async def body(desk: BenchDesk) -> None:
        request = await desk.request()
        order = await desk.send(request)
        gone, empty = answering(ORDER, 404, error(1004, 404)), answering("/fill_history", 200, {"result": []})
        desk.wire.answer = lambda request: hanging(request) or gone(request) or empty(request)
        desk.wire.change = undated
        async with desk.open(made={}) as other:
            found = await other.trading.fetch_order(desk.instrument.id, request.client_order_id)
            assert found.exchange_order_id == order.exchange_order_id
        (told,) = bodies(desk, "/order_history")
        assert int(told["start_time"]) < desk.clock.now_ns() < int(told["end_time"])

    bench(body, ahead_ns=WRONG_NS)


def test_after_a_time_was_refused_the_next_order_is_signed_by_a_new_one(bench: Bench) -> None:
    """Our clock was set: of two answers that were as quick the older one may not stand."""

    async def body(desk: BenchDesk) -> None:
        first, second = await desk.request(), await desk.request()
        desk.wire.change = undated
        desk.wire.change_json(TIME, lambda told: {"server_time": told["server_time"] + 60_000})
        desk.wire.answer = answering(CREATE, 403, error(2001, 403), times=1)
        with pytest.raises(ExchangeError, match="2001"):
            await desk.send(first)
        prepared = await desk.trading.prepare_order(second)
        assert abs(expiration_ns(prepared) - desk.clock.now_ns() - 95 * SECOND_NS) < SECOND_NS

    bench(body)


def test_after_a_time_was_refused_what_was_known_does_where_it_cannot_be_asked(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        refused = answering(CREATE, 403, error(2001, 403), times=1)
        desk.wire.answer = lambda request: hanging(request) or refused(request)
        with pytest.raises(ExchangeError, match="2001"):
            await desk.send(await desk.request())
        assert (await desk.send(await desk.request())).status is OrderStatus.FILLED

    bench(body)


@pytest.mark.parametrize("odd", ["", "soon", "Thu, 01 Jan 0001 06:00:00 GMT", "Thu, 01 Jan 2054 06:00:00 GMT"])
def test_a_date_that_is_none_is_not_used(bench: Bench, odd: str) -> None:
    def spoil(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
        return replace(answer, headers={**answer.headers, "Date": odd})

    async def body(desk: BenchDesk) -> None:
        request = await desk.request()
        desk.wire.answer, desk.wire.change = hanging, spoil
        async with desk.open(made={}) as other:
            with pytest.raises(NotSent, match="time is not known"):
                await other.trading.prepare_order(request)

    bench(body)


def test_dates_of_headers() -> None:
    assert from_http_date("Thu, 01 Jan 2026 06:00:00 GMT") == 1767247200 * SECOND_NS
    assert from_http_date(" Thu, 01 Jan 2026 06:00:00 -0000") == 1767247200 * SECOND_NS
    assert from_http_date("Thu, 01 Jan 2026 07:00:00 +0100") == 1767247200 * SECOND_NS
