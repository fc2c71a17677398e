from __future__ import annotations

import asyncio

import pytest

from arb.api import Clock
from arb.testing import FakeClock, settle


def test_sleepers_wake_in_order_at_their_own_time() -> None:
    async def main() -> None:
        fake = FakeClock(0)
        clock: Clock = fake
        woken: list[tuple[str, int]] = []

        async def sleeper(name: str, ts_ns: int) -> None:
            await clock.sleep_until(ts_ns)
            woken.append((name, clock.now_ns()))

        tasks = [asyncio.create_task(sleeper(name, ts)) for name, ts in (("late", 20), ("early", 10), ("same", 10))]
        await fake.run_for(15)
        assert woken == [("early", 10), ("same", 10)]
        assert fake.now_ns() == 15
        await fake.run_for(5)
        assert woken[-1] == ("late", 20)
        await asyncio.gather(*tasks)

    asyncio.run(main())


def test_a_sleeper_that_sleeps_again_is_followed() -> None:
    async def main() -> None:
        clock = FakeClock(0)
        ticks: list[int] = []

        async def ticker() -> None:
            while True:
                await clock.sleep_until(clock.now_ns() + 10)
                ticks.append(clock.now_ns())

        task = asyncio.create_task(ticker())
        await clock.run_for(35)
        assert ticks == [10, 20, 30]
        task.cancel()
        await settle()
        assert clock.next_wake_ns is None

    asyncio.run(main())


def test_it_never_goes_back() -> None:
    clock = FakeClock(10)
    with pytest.raises(ValueError, match="never goes back"):
        clock.move_to(9)
    with pytest.raises(ValueError, match="never goes back"):
        clock.advance(-1)
