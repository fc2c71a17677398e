"""The bench of plugin authors, with the generated exchange on it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.testing.venue_bugs import sample

from arb.api import ConnectFailed, HttpRequest, HttpResponse, InMaintenance, NotSent
from arb.model import MINUTE_NS, SECOND_NS, Fill, Order, OrderBook, OrderRequest, OrderStatus, Side, TimeInForce
from arb.testing import Bench, BenchDesk, FakeWorld, Listener, MemoryState

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "write-a-plugin.md"
DOWN = HttpResponse(status=503, headers={}, body=b"<html>")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with sample(tmp_path) as plugin:
        (spec,) = plugin.arb_exchanges()
        yield Bench(spec)


def test_an_order_fills_or_waits_and_the_truth_knows(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        filled = await desk.send(await desk.request())
        waiting = await desk.send(await desk.resting(side=Side.SELL))
        assert filled.status is OrderStatus.FILLED
        assert filled.filled_quantity == desk.instrument.lot_size * 100
        assert (waiting.status, waiting.request.side) == (OrderStatus.OPEN, Side.SELL)
        true = {each.status for each in await desk.truth.trading.fetch_orders(0)}
        assert true == {OrderStatus.FILLED, OrderStatus.OPEN}

    bench(body)


def test_anything_of_an_order_can_be_changed(bench: Bench) -> None:
    wanted: list[OrderRequest] = []

    async def body(desk: BenchDesk) -> None:
        wanted.append(await desk.request(Side.SELL, through="-0.5", quantity=Decimal(7), reduce_only=True))
        wanted.append(await desk.resting(time_in_force=TimeInForce.FOK))

    Bench(bench.spec, lots=3)(body)
    first, second = wanted
    assert (first.side, first.quantity, first.reduce_only) == (Side.SELL, Decimal(7), True)
    assert first.client_order_id != second.client_order_id
    assert second.time_in_force is TimeInForce.FOK


def test_what_passes_is_recorded_and_answered_or_changed(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        order = await desk.send(await desk.resting())
        asked = desk.wire.requests[-1]
        path = asked.url.partition("?")[0].removeprefix("http://fake.test")
        assert asked in desk.wire.sent(asked.method, path)
        assert desk.wire.sent(asked.method, f"{path}/more") == []
        read = partial(desk.trading.fetch_order, desk.instrument.id, order.request.client_order_id)
        desk.wire.answer = lambda request: DOWN
        with pytest.raises(InMaintenance):
            await read()
        desk.wire.answer = None
        assert (await read()).status is order.status

    bench(body)


def test_the_first_requests_can_be_answered_too(bench: Bench) -> None:
    seen: list[HttpRequest] = []

    def note(request: HttpRequest) -> None:
        seen.append(request)

    async def body(desk: BenchDesk) -> None:
        assert seen == desk.wire.requests

    bench(body, answer=note)
    assert seen


def test_settings_are_the_fakes_changed_or_left_out(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        assert desk.exchange.trading is None
        with pytest.raises(AssertionError, match="`trading` is None"):
            _ = desk.trading

    bench(body, without=("key", "secret"))
    with pytest.raises(ConnectFailed):
        bench(body, settings={"url": "http://nowhere.test"}, answer=refused)


def refused(request: HttpRequest) -> HttpResponse | None:
    if "nowhere" in request.url:
        raise ConnectFailed("nobody is there")
    return None


def test_it_is_opened_again_over_the_same_account(bench: Bench) -> None:
    world = FakeWorld()

    async def first(desk: BenchDesk) -> None:
        await desk.send(await desk.request())
        async with desk.open(made={}, state=MemoryState()) as other:
            assert other.exchange is not desk.exchange
            assert len(await other.trading.fetch_positions()) == 1
            assert (await other.request()).client_order_id != (await desk.request()).client_order_id

    async def second(desk: BenchDesk) -> None:
        assert len(await desk.trading.fetch_positions()) == 1

    bench(first, world=world)
    bench(second, world=world)


def test_a_clock_can_be_wrong(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        assert desk.clock.now_ns() == desk.ground.now_ns
        assert desk.ground.context().clock.now_ns() == desk.clock.now_ns() + MINUTE_NS

    bench(body, ahead_ns=MINUTE_NS)


def test_what_goes_wrong_at_the_venue_is_planned(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.script.plan("send_order", before=ConnectFailed("no line"))
        with pytest.raises(NotSent):
            await desk.send(await desk.request())
        assert await desk.truth.trading.fetch_orders(0) == []
        assert (await desk.send(await desk.request())).status is OrderStatus.FILLED

    bench(body)


def test_a_market_that_is_not_listed_any_more_can_be_left(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        with pytest.raises(AssertionError):
            await desk.check_unlisted(lambda: None)

    bench(body)


def test_streams_are_heard_and_a_book_is_compared_with_the_truth(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        books = Listener(desk.streams.watch_order_book(desk.instrument.id))
        account = Listener(desk.streams.watch_account())
        await desk.sleep(10 * SECOND_NS)
        await desk.check_book(books, 1000)
        await desk.send(await desk.request())
        await desk.sleep(5 * SECOND_NS)
        assert {type(each) for each in await account.stop()} >= {Order, Fill}
        for socket in desk.wire.open_sockets:
            socket.drop()
        await desk.sleep(MINUTE_NS)
        assert sum(isinstance(each, OrderBook) for each in books.heard) > 1
        desk.wire.tamper = lambda message: []
        with pytest.raises(AssertionError, match="tells nothing more"):
            await desk.check_book(books, 1000)
        assert not books.is_over
        await books.stop()

    bench(body)


def test_a_plugin_without_a_fake_has_no_bench(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        """Never reached."""

    with pytest.raises(AssertionError, match="brings no fake venue"):
        Bench(replace(bench.spec, fake=None))(body)


def test_the_example_of_the_documentation_passes(bench: Bench) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (example,) = (block for block in blocks if "Bench(" in block)
    names: dict[str, Any] = {}
    exec(example.replace("arb_exchange_my_venue", "sample_venue"), names)
    names["test_a_venue_in_maintenance_is_told_as_that"](bench)
