from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arb.api import Rejected
from arb.model import ClientOrderId
from arb.net import OrderNumbers
from arb.net import _order_numbers as module
from arb.testing import FakeClock, MemoryState

IDS = st.text("abcdefghij0123456789", min_size=1, max_size=6).map(ClientOrderId)


class SlowState(MemoryState):
    """A memory in which every access lets others run before it."""

    def __init__(self) -> None:
        super().__init__()
        self._clock = FakeClock()

    async def get(self, key: str) -> str | None:
        await self._clock.sleep_until(0)
        return await super().get(key)

    async def put(self, key: str, value: str) -> None:
        await self._clock.sleep_until(0)
        await super().put(key, value)


@given(ids=st.lists(IDS, unique=True, max_size=20), bits=st.integers(5, 12))
@settings(deadline=None)
def test_no_two_ids_share_a_number_and_all_are_found_after_a_restart(ids: Sequence[ClientOrderId], bits: int) -> None:
    async def run() -> None:
        state = MemoryState()
        numbers = OrderNumbers(state, bits=bits)
        given_out = {each: await numbers.reserve(each) for each in ids}
        assert len(set(given_out.values())) == len(ids)
        assert all(1 <= number < 1 << bits for number in given_out.values())
        for again in (numbers, OrderNumbers(state, bits=bits)):
            for each, number in given_out.items():
                assert await again.number_of(each) == number
                assert await again.client_order_id_of(number) == each

    asyncio.run(run())


@given(ids=st.lists(IDS, unique=True, min_size=2, max_size=12))
@settings(deadline=None)
def test_no_two_ids_share_a_number_when_they_ask_at_once(ids: Sequence[ClientOrderId]) -> None:
    async def run() -> None:
        state = SlowState()
        numbers = OrderNumbers(state, bits=4)
        given_out = await asyncio.gather(*map(numbers.reserve, ids))
        assert len(set(given_out)) == len(ids)
        for each, number in zip(ids, given_out, strict=True):
            assert await OrderNumbers(state, bits=4).client_order_id_of(number) == each

    asyncio.run(run())


CALLS = st.lists(st.tuples(st.sampled_from(["reserve", "claim", "restart", "number_of"]), st.integers(0, 3)))


@given(calls=CALLS, bits=st.sampled_from([3, 48]))
@settings(deadline=None)
def test_an_id_leaves_once_in_whatever_order_it_is_asked_for(calls: list[tuple[str, int]], bits: int) -> None:
    async def run() -> None:
        state = MemoryState()
        numbers = OrderNumbers(state, bits=bits)
        reserved: dict[ClientOrderId, int] = {}
        left: set[ClientOrderId] = set()
        may_leave: set[ClientOrderId] = set()
        for call, which in calls:
            client_order_id = ClientOrderId(f"id{which}")
            if call == "restart":
                numbers = OrderNumbers(state, bits=bits)
                may_leave.clear()
            elif call == "number_of":
                assert await numbers.number_of(client_order_id) == reserved.get(client_order_id)
            elif call == "reserve":
                if client_order_id in reserved and client_order_id not in may_leave:
                    with pytest.raises(Rejected, match="was used before"):
                        await numbers.reserve(client_order_id)
                    continue
                number = await numbers.reserve(client_order_id)
                assert reserved.setdefault(client_order_id, number) == number
                may_leave.add(client_order_id)
            elif client_order_id in reserved:
                if client_order_id in may_leave:
                    numbers.claim(reserved[client_order_id], client_order_id)
                    assert client_order_id not in left
                    left.add(client_order_id)
                    may_leave.remove(client_order_id)
                else:
                    with pytest.raises(Rejected) as caught:
                        numbers.claim(reserved[client_order_id], client_order_id)
                    assert caught.value.code == "duplicate_client_order_id"

    asyncio.run(run())


def test_numbers_that_are_not_ours_are_foreign() -> None:
    async def run() -> None:
        numbers = OrderNumbers(MemoryState(), bits=48)
        assert await numbers.client_order_id_of(7) == "foreign-7"
        assert await numbers.number_of(ClientOrderId("never")) is None

    asyncio.run(run())


def test_two_processes_agree_on_a_number() -> None:
    async def run() -> None:
        ours, theirs = (OrderNumbers(MemoryState(), bits=48) for _ in range(2))
        assert await ours.reserve(ClientOrderId("a")) == await theirs.reserve(ClientOrderId("a"))

    asyncio.run(run())


def test_when_no_number_is_free_it_is_said() -> None:
    async def run() -> None:
        numbers = OrderNumbers(MemoryState(), bits=1)
        assert await numbers.reserve(ClientOrderId("a")) == 1
        with pytest.raises(RuntimeError, match="no number is free for b"):
            await numbers.reserve(ClientOrderId("b"))

    asyncio.run(run())


def test_more_ids_than_are_remembered_are_still_found() -> None:
    async def run() -> None:
        numbers = OrderNumbers(MemoryState(), bits=48)
        count = module._REMEMBERED + 50
        given_out = [await numbers.reserve(ClientOrderId(f"id{each}")) for each in range(count)]
        assert await numbers.client_order_id_of(given_out[0]) == "id0"
        numbers.claim(given_out[0], ClientOrderId("id0"))
        with pytest.raises(Rejected):
            await numbers.reserve(ClientOrderId("id0"))

    asyncio.run(run())


def test_a_memory_that_fails_leaves_the_id_to_be_reserved_again_or_refused() -> None:
    class Failing(MemoryState):
        async def put(self, key: str, value: str) -> None:
            raise OSError("full")

    async def run() -> None:
        numbers = OrderNumbers(Failing(), bits=48)
        for _ in range(2):
            with pytest.raises(OSError, match="full"):
                await numbers.reserve(ClientOrderId("a"))
        assert await numbers.number_of(ClientOrderId("a")) is None

    asyncio.run(run())
