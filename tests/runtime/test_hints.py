"""Account streams are hints: what they tell, and what they do when they break."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from arb.api import Capability, Exchange
from arb.model import SECOND_NS
from arb.runtime._hints import AccountHints
from arb.testing import FakeClock, settle


class Broken:
    """A venue whose account stream never comes."""

    name = "right"
    capabilities = frozenset({Capability.ACCOUNT_STREAM})
    tries = 0

    @property
    def streams(self) -> Broken:
        return self

    def watch_account(self) -> AsyncIterator[Any]:
        self.tries += 1
        raise RuntimeError("no such channel")


class Cancelled(Broken):
    """A venue whose plugin lets a cancellation of its own out."""

    def watch_account(self) -> AsyncIterator[Any]:
        self.tries += 1
        raise asyncio.CancelledError


def test_a_cancellation_that_a_plugin_lets_out_does_not_end_the_listening() -> None:
    async def case() -> None:
        clock, venue = FakeClock(), Cancelled()
        listening = asyncio.create_task(AccountHints([cast("Exchange", venue)], clock, lambda: None).listen())
        for _ in range(3):
            await settle()
            clock.advance(10 * SECOND_NS)
        assert venue.tries == 3
        listening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listening

    asyncio.run(case())


def test_a_stream_that_never_comes_is_tried_again_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    async def case() -> None:
        clock, venue = FakeClock(), Broken()
        hints = AccountHints([cast("Exchange", venue)], clock, lambda: None)
        listening = asyncio.create_task(hints.listen())
        for _ in range(5):
            await settle()
            clock.advance(10 * SECOND_NS)
        listening.cancel()
        assert venue.tries == 5

    with caplog.at_level(logging.WARNING):
        asyncio.run(case())
    assert len(caplog.records) == 1
