from __future__ import annotations

import asyncio
import random
from dataclasses import fields

import pytest

from arb.api import BadResponse, ConnectFailed, ExchangeError, InMaintenance, OutcomeUnknown, RateLimited
from arb.model import SECOND_NS
from arb.simulation import TroubledLine, Troubles
from arb.testing import FakeClock, settle

KINDS = {
    "lost_request": ConnectFailed,
    "rate_limited": RateLimited,
    "maintenance": InMaintenance,
    "lost_answer": OutcomeUnknown,
    "unreadable": BadResponse,
}
BEFORE = ("lost_request", "rate_limited", "maintenance")


def line(troubles: Troubles, clock: FakeClock | None = None, seed: int = 0) -> TroubledLine:
    chance = random.Random(seed)  # noqa: TID251 - seeded
    return TroubledLine(troubles, clock or FakeClock(), chance)


async def call(troubled: TroubledLine) -> type[ExchangeError] | None:
    try:
        await troubled.before("send", None)
        await troubled.after("send", None)
    except ExchangeError as error:
        return type(error)
    return None


@pytest.mark.parametrize("name", KINDS)
def test_a_certain_trouble_is_met_at_every_call_on_its_side_of_the_effect(name: str) -> None:
    async def run() -> None:
        troubled = line(Troubles(**{name: 1_000_000}))
        side, other = troubled.before, troubled.after
        if name not in BEFORE:
            side, other = other, side
        await other("send", None)
        for _ in range(3):
            with pytest.raises(KINDS[name], match="send: "):
                await side("send", None)
        assert troubled.happened == {name: 3}

    asyncio.run(run())


def test_without_troubles_nothing_happens() -> None:
    async def run() -> None:
        troubled = line(Troubles())
        assert [await call(troubled) for _ in range(100)] == [None] * 100
        assert troubled.happened == {}

    asyncio.run(run())


def test_troubles_come_as_often_as_said_and_the_same_again_with_the_same_seed() -> None:
    async def run(seed: int) -> tuple[list[type[ExchangeError] | None], dict[str, int]]:
        troubled = line(Troubles(lost_request=100_000, lost_answer=200_000, rate_limited=50_000), seed=seed)
        return [await call(troubled) for _ in range(10_000)], troubled.happened

    found, happened = asyncio.run(run(1))
    assert found.count(ConnectFailed) == happened["lost_request"] == pytest.approx(1_000, rel=0.15)
    assert found.count(RateLimited) == happened["rate_limited"] == pytest.approx(450, rel=0.2)
    assert found.count(OutcomeUnknown) == happened["lost_answer"] == pytest.approx(1_710, rel=0.15)
    assert asyncio.run(run(1))[0] == found
    assert asyncio.run(run(2))[0] != found


def test_a_slow_call_waits_on_its_way() -> None:
    async def run() -> None:
        clock = FakeClock()
        troubled = line(Troubles(slow=1_000_000, slow_ns=3 * SECOND_NS), clock)
        task = asyncio.create_task(troubled.before("send", None))
        await settle()
        assert clock.next_wake_ns == clock.now_ns() + 3 * SECOND_NS
        assert not task.done()
        await clock.run_for(3 * SECOND_NS)
        assert task.done()
        assert troubled.happened == {"slow": 1}

    asyncio.run(run())


def test_a_rate_limit_says_when_to_come_back() -> None:
    async def run() -> None:
        with pytest.raises(RateLimited) as caught:
            await line(Troubles(rate_limited=1_000_000)).before("send", None)
        assert caught.value.retry_after_ns == SECOND_NS

    asyncio.run(run())


def test_every_trouble_is_tried_here() -> None:
    assert {each.name for each in fields(Troubles)} == {*KINDS, "slow", "slow_ns"}
