"""How fills are read: which symbols are asked for, how often, and whose they are."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import nullcontext
from urllib.parse import parse_qsl

import pytest

from arb.api import BadResponse, HttpRequest, HttpResponse, RateLimited, Rejected
from arb.cache import within
from arb.model import DAY_NS, HOUR_NS, MILLISECOND_NS, MINUTE_NS, SECOND_NS, OrderStatus, Side, TimeInForce
from arb.testing import Bench, BenchDesk, FakeWorld, MemoryState, listening

ORDER = "/fapi/v1/order"
TRADES = "/fapi/v1/userTrades"
GONE = {"code": -1121, "msg": "Invalid symbol."}
NOT_THERE = {"code": -2013, "msg": "Order does not exist."}


def refusal(body: dict[str, object]) -> HttpResponse:
    return HttpResponse(status=400, headers={}, body=json.dumps(body).encode())


def params(request: HttpRequest) -> dict[str, str]:
    return dict(parse_qsl(request.url.partition("?")[2]))


def traded(symbols: dict[str, int]) -> MemoryState:
    """Return what an earlier run has left behind that traded some symbols, and when."""
    return MemoryState({"symbols": json.dumps(symbols)})


def asked_for(desk: BenchDesk) -> Counter[str]:
    return Counter(params(each)["symbol"] for each in desk.wire.sent("GET", TRADES))


async def in_time(desk: BenchDesk, since_ns: int) -> bool:
    """Read fills as a run does, which waits for three seconds."""
    try:
        await within(desk.clock, 3 * SECOND_NS, desk.trading.fetch_fills(since_ns))
    except TimeoutError:
        return False
    return True


def refuse_gone(request: HttpRequest) -> HttpResponse | None:
    is_gone = TRADES in request.url and params(request)["symbol"] == "GONEUSDT"
    return refusal(GONE) if is_gone else None


def test_a_symbol_that_was_delisted_takes_no_fills_of_others_along(bench: Bench) -> None:
    """Field report: one coin of months ago that the venue does not know any more, and no fill was ever read again."""

    async def body(desk: BenchDesk) -> None:
        desk.wire.answer = refuse_gone
        since_ns = desk.clock.now_ns() - HOUR_NS
        async with desk.open(state=traded({"GONEUSDT": desk.clock.now_ns() - MINUTE_NS})) as again:
            order = await again.send(await again.request())
            for _ in range(10):
                fills = await again.trading.fetch_fills(since_ns)
                assert {fill.client_order_id for fill in fills} == {order.request.client_order_id}
                await again.sleep(10 * SECOND_NS)
        assert asked_for(desk)["GONEUSDT"] <= 2

    bench(body)


def test_fills_of_a_delisted_symbol_that_is_still_held_are_not_passed_over(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.answer = refuse_gone
        row = {"symbol": "GONEUSDT", "positionSide": "BOTH", "positionAmt": "7"}
        desk.wire.change_json("/positionRisk", lambda rows: [*rows, row])
        with pytest.raises(Rejected, match="-1121"):
            await desk.trading.fetch_fills(desk.clock.now_ns() - HOUR_NS)

    bench(body)


def test_symbols_of_long_ago_are_not_asked_for_again(bench: Bench) -> None:
    """What was traded before the last fill has none after it: a history of many coins costs nothing."""

    async def body(desk: BenchDesk) -> None:
        old = {f"OLD{number}USDT": desk.clock.now_ns() - 30 * DAY_NS for number in range(60)}
        async with desk.open(state=traded(old)) as again:
            await again.send(await again.request())
            assert len(await again.trading.fetch_fills(desk.clock.now_ns() - HOUR_NS)) == 1
        assert set(asked_for(desk)) == {desk.instrument.symbol}

    bench(body)


def test_many_symbols_held_for_weeks_are_read_within_the_patience_of_a_run(bench: Bench) -> None:
    """Thirty symbols, the last fill two weeks ago, 100 ms a call, and whoever asks gives up after three seconds.

    What was read until then is kept, so that the next look is at the rest; from then on a look is a few calls.
    """

    async def body(desk: BenchDesk) -> None:
        last_ns = desk.clock.now_ns() - 14 * DAY_NS
        symbols = [f"C{number}USDT" for number in range(30)]
        answer = HttpResponse(status=200, headers={}, body=b"[]")
        desk.wire.answer = lambda sent: answer if TRADES in sent.url and "symbol=C" in sent.url else None
        async with desk.open(state=traded(dict.fromkeys(symbols, last_ns))) as again:
            desk.wire.delay_ns = 100 * MILLISECOND_NS
            looks = 0
            while not await in_time(again, last_ns):
                looks += 1
            assert looks <= 3
            before = len(desk.wire.log)
            for _ in range(6):
                await desk.sleep(10 * SECOND_NS)
                assert await in_time(again, last_ns)
            assert len(desk.wire.log) - before < 2 * len(symbols)

    bench(body)


@pytest.mark.parametrize("told_by", ["a minute", "positions", "stream"])
def test_a_position_that_is_closed_by_hand_long_after_it_was_opened_is_seen(bench: Bench, told_by: str) -> None:
    """At once where positions or the stream tell of it, within a minute where nothing does."""

    async def body(desk: BenchDesk) -> None:
        since_ns = desk.clock.now_ns()
        await desk.send(await desk.request())
        async with listening(desk.streams.watch_account()) if told_by == "stream" else nullcontext():
            for _ in range(120):
                await desk.sleep(10 * SECOND_NS)
                (bought,) = await desk.trading.fetch_fills(since_ns)
                await desk.trading.fetch_positions()
            assert len(desk.wire.sent("GET", TRADES)) < 90
            closing = await desk.request(Side.SELL, instrument=desk.ground.true_name(desk.instrument))
            await desk.truth.trading.send_order(await desk.truth.trading.prepare_order(closing))
            await desk.sleep(MINUTE_NS if told_by == "a minute" else 5 * SECOND_NS)
            if told_by == "positions":
                await desk.trading.fetch_positions()
            first, *sold = await desk.trading.fetch_fills(since_ns)
        assert first == bought
        assert sum(fill.quantity for fill in sold) == bought.quantity

    bench(body)


def test_what_is_filled_after_a_long_rest_is_listed_once_the_order_says_so(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        since_ns = desk.clock.now_ns()
        order = await desk.send(await desk.request(through="-0.002", time_in_force=TimeInForce.GTC))
        name, waited_ns = order.request.client_order_id, 0
        while (order := await desk.trading.fetch_order(desk.instrument.id, name)).status is OrderStatus.OPEN:
            await desk.trading.fetch_fills(since_ns)
            await desk.sleep(5 * SECOND_NS)
            waited_ns += 5 * SECOND_NS
        assert waited_ns > 10 * MINUTE_NS, "else nothing is shown"
        fills = await desk.trading.fetch_fills(since_ns)
        assert sum(fill.quantity for fill in fills) == order.filled_quantity

    bench(body)


def test_a_fill_whose_order_is_not_told_yet_waits_for_its_owner(bench: Bench) -> None:
    """It would be stored as somebody else's, and no run could go on when the venue tells that it is ours."""
    world = FakeWorld()

    async def fill(desk: BenchDesk) -> None:
        await desk.send(await desk.request())

    bench(fill, world=world)

    async def body(desk: BenchDesk) -> None:
        since_ns = desk.clock.now_ns() - HOUR_NS
        desk.wire.answer = lambda request: refusal(NOT_THERE) if ORDER + "?" in request.url else None
        with pytest.raises(BadResponse, match="not told yet"):
            await desk.trading.fetch_fills(since_ns)
        desk.wire.answer = None
        (found,) = await desk.trading.fetch_fills(since_ns)
        assert found.client_order_id == "mine-1"

    bench(body, world=world)


def test_a_fill_whose_order_the_venue_has_forgotten_is_foreign(bench: Bench) -> None:
    world = FakeWorld()

    async def fill(desk: BenchDesk) -> None:
        await desk.send(await desk.request())

    bench(fill, world=world)

    async def body(desk: BenchDesk) -> None:
        await desk.sleep(MINUTE_NS)
        desk.wire.answer = lambda request: refusal(NOT_THERE) if ORDER + "?" in request.url else None
        (found,) = await desk.trading.fetch_fills(desk.clock.now_ns() - HOUR_NS)
        assert found.client_order_id.startswith("foreign-")

    bench(body, world=world)


def test_no_fill_is_listed_whose_order_the_venue_may_have_forgotten(bench: Bench) -> None:
    """Trades are told for six months, orders for 90 days: a fill of ours would come back as somebody else's."""

    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.request())
        now_ns = desk.clock.now_ns()
        await desk.trading.fetch_fills(now_ns - 170 * DAY_NS)
        oldest = min(int(params(each)["startTime"]) for each in desk.wire.sent("GET", TRADES))
        assert oldest * MILLISECOND_NS >= now_ns - 89 * DAY_NS - SECOND_NS

    bench(body)


def test_the_price_of_a_filled_order_is_read_from_the_reserve(bench: Bench) -> None:
    """Whoever has used up what reads may use, a leg that is filled is not in doubt for that."""

    async def body(desk: BenchDesk) -> None:
        request = await desk.request()
        desk.exchange.market._rest._weight.observe(MINUTE_NS, 2_000)  # type: ignore[attr-defined]
        with pytest.raises(RateLimited):
            await desk.trading.fetch_open_orders()
        assert (await desk.send(request)).average_price is not None
        found = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert found.status is OrderStatus.FILLED

    bench(body)
