"""A cancel that overtakes its order: the venue keeps the wish for as long as it is told to."""

from __future__ import annotations

from decimal import Decimal as D

import pytest
from plugins.exchanges.grvt.tests.conftest import bodies

from arb.model import MILLISECOND_NS, OrderStatus
from arb.testing import Bench, BenchDesk


@pytest.mark.parametrize("late_ms", [0, 200, 1_000, 4_900])
def test_a_cancel_meets_an_order_that_comes_seconds_later(bench: Bench, late_ms: int) -> None:
    """An order may stand in a line at the venue or on the way, while the cancel takes another."""

    async def body(desk: BenchDesk) -> None:
        request = await desk.resting()
        prepared = await desk.trading.prepare_order(request)
        await desk.trading.cancel_order(desk.instrument.id, request.client_order_id)
        await desk.sleep(late_ms * MILLISECOND_NS)
        order = await desk.trading.send_order(prepared)
        assert (order.status, order.filled_quantity) == (OrderStatus.CANCELLED, D(0))
        assert await desk.trading.fetch_open_orders() == []

    bench(body)


def test_the_time_is_one_that_the_venue_takes(bench: Bench) -> None:
    """A text of whole milliseconds, in steps of 100, 5000 at most: the venue refuses a longer one (2301)."""

    async def body(desk: BenchDesk) -> None:
        request = await desk.resting()
        await desk.send(request)
        await desk.trading.cancel_order(desk.instrument.id, request.client_order_id)
        (sent,) = bodies(desk, "/cancel_order")
        told = sent["time_to_live_ms"]
        assert isinstance(told, str)
        assert 0 < int(told) <= 5_000
        assert int(told) % 100 == 0

    bench(body)


def test_a_wish_of_one_order_does_not_touch_another(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        first, second = await desk.resting(), await desk.resting()
        await desk.trading.prepare_order(first)
        prepared = await desk.trading.prepare_order(second)
        await desk.trading.cancel_order(desk.instrument.id, first.client_order_id)
        assert (await desk.trading.send_order(prepared)).status is OrderStatus.OPEN

    bench(body)
