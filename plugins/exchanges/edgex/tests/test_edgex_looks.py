"""How long what became of an order is looked at."""

from __future__ import annotations

from typing import Any

import pytest

from arb.model import MILLISECOND_NS, OrderStatus
from arb.testing import Bench, BenchDesk


def pending(body: Any) -> Any:
    nothing = dict.fromkeys(("cumFillSize", "cumFillValue", "cumMatchSize"), "0")
    return {**body, "data": [{**row, "status": "PENDING", **nothing} for row in body["data"]]}


@pytest.mark.parametrize("delay_ms", [20, 250])
def test_the_last_look_comes_before_execution_gives_up(bench: Bench, delay_ms: int) -> None:
    """It waits three seconds for the answer to an order, by default."""

    async def body(desk: BenchDesk) -> None:
        prepared = await desk.trading.prepare_order(await desk.request())
        desk.wire.change_json("getOrderById", pending)
        desk.wire.delay_ns = delay_ms * MILLISECOND_NS
        before = desk.clock.now_ns()
        assert (await desk.trading.send_order(prepared)).status is OrderStatus.OPEN
        looks = [sent_ns for sent_ns, one in desk.wire.log if "getOrderById" in one.url]
        assert 1_500 * MILLISECOND_NS < looks[-1] - before <= 2_400 * MILLISECOND_NS
        assert desk.clock.now_ns() - before < 2_700 * MILLISECOND_NS

    bench(body)
