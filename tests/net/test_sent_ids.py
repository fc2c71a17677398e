from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from arb.api import Rejected
from arb.model import ClientOrderId
from arb.net import SentId, SentIds
from arb.testing import START_NS, FakeContext, MemoryState

AT_NS = START_NS + 7
A, B = ClientOrderId("a"), ClientOrderId("b")


async def refused(call: Awaitable[None]) -> None:
    with pytest.raises(Rejected, match="used before") as error:
        await call
    assert error.value.code == "duplicate_client_order_id"


def test_an_id_may_be_prepared_again_until_it_is_sent() -> None:
    async def run() -> None:
        sent = SentIds(FakeContext())
        await sent.reserve(A, AT_NS, "buy")
        await sent.reserve(A, AT_NS + 5, "buy")
        sent.claim(A)
        await refused(sent.reserve(A, AT_NS, "buy"))
        with pytest.raises(Rejected, match="used before"):
            sent.claim(A)
        with pytest.raises(Rejected, match="used before"):
            sent.claim(B)

        found = await sent.reserved(A)
        assert found is not None
        assert (found.since_ns, found.note) == (AT_NS, "buy")
        assert await sent.reserved(B) is None

    asyncio.run(run())


def test_after_a_restart_whatever_was_prepared_may_have_been_sent() -> None:
    async def run() -> None:
        state = MemoryState()
        await SentIds(FakeContext(state=state)).reserve(A, AT_NS)
        after = SentIds(FakeContext(state=state))
        await refused(after.reserve(A, AT_NS))
        await after.reserve(B, AT_NS)
        after.claim(B)

    asyncio.run(run())


def test_ids_that_an_earlier_version_wrote_down_without_a_note_are_known() -> None:
    async def run() -> None:
        state = MemoryState()
        await state.put(f"order:{A}", "123")
        sent = SentIds(FakeContext(state=state), "order")
        assert await sent.reserved(A) == SentId(123, "")
        await refused(sent.reserve(A, AT_NS))

    asyncio.run(run())


def test_two_at_once_are_one() -> None:
    async def run() -> None:
        sent = SentIds(FakeContext())
        await asyncio.gather(sent.reserve(A, AT_NS), sent.reserve(A, AT_NS))
        sent.claim(A)

    asyncio.run(run())
