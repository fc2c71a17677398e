from __future__ import annotations

import asyncio

import pytest

from arb.api import BadResponse
from arb.net import Connected, Listeners


def test_each_hears_what_it_listens_to_until_it_leaves() -> None:
    async def run() -> None:
        listeners = Listeners[str, int](10)
        assert not listeners
        one, first = listeners.join(["a", "b"])
        assert first == ["a", "b"]
        other, first = listeners.join(["b", "c"])
        assert first == ["c"]
        assert listeners
        assert "a" in listeners
        assert "d" not in listeners

        for number, key in enumerate("abcd"):
            listeners.tell(key, number)
        assert [await one.get(), await one.get()] == [0, 1]
        assert [await other.get(), await other.get()] == [1, 2]

        assert listeners.leave(["a", "b"], one) == ["a"]
        assert listeners.leave(["b", "c"], other) == ["b", "c"]
        assert not listeners

    asyncio.run(run())


def test_what_is_for_all_comes_once_to_each() -> None:
    async def run() -> None:
        listeners = Listeners[str, int](10)
        one, _ = listeners.join("ab")
        other, _ = listeners.join("a")
        listeners.tell_all(Connected())
        listeners.tell("a", 5)
        for inbox in (one, other):
            assert [await inbox.get(), await inbox.get()] == [Connected(), 5]
        listeners.tell_all(BadResponse("lost"))
        for inbox in (one, other):
            with pytest.raises(BadResponse, match="lost"):
                await inbox.get()

    asyncio.run(run())


def test_one_who_is_too_far_behind_has_a_gap_and_the_others_have_none() -> None:
    async def run() -> None:
        listeners = Listeners[str, int](3)
        slow, _ = listeners.join("a")
        quick, _ = listeners.join("a")
        for number in range(5):
            listeners.tell("a", number)
            assert await quick.get() == number
        heard = [await slow.get() for _ in range(3)]
        assert heard == [Connected("3 messages stood unread"), 3, 4]

    asyncio.run(run())
