"""The conformance kit of extensions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Final

from arb.api import Context, Extension, ExtensionSpec
from arb.model import MINUTE_NS, SECOND_NS

from ._fakes_service import FakeFundingService
from ._kit import Conformance

_STOP_NS: Final = 10 * SECOND_NS


class ExtensionConformance(Conformance):
    """Cases E-001 to E-006."""

    group = "behaviour"
    hook = "arb_extensions"
    spec_type = ExtensionSpec

    def test_e005_it_is_an_extension_and_runs_until_it_is_cancelled(
        self,
        make: Callable[[Context], AbstractAsyncContextManager[Extension]],
        context: Callable[[], Context],
        play: Callable[[Callable[[], Awaitable[None]]], None],
    ) -> None:
        """After a minute it still works, and a cancellation ends it within ten seconds."""

        async def case() -> None:
            lent = context()
            async with make(lent) as extension:
                assert isinstance(extension, Extension)
                service = FakeFundingService(now_ns=lent.clock.now_ns(), started_ns=lent.clock.now_ns())
                running = asyncio.create_task(extension.run(service))
                await lent.clock.sleep_until(lent.clock.now_ns() + MINUTE_NS)
                if running.done():
                    running.result()
                    raise AssertionError("run() ended by itself")
                running.cancel()
                stopped_ns = lent.clock.now_ns() + _STOP_NS
                timer = asyncio.create_task(lent.clock.sleep_until(stopped_ns))
                await asyncio.wait({running, timer}, return_when=asyncio.FIRST_COMPLETED)
                assert running.done(), "run() goes on ten seconds after its cancellation"
                timer.cancel()
                with suppress(asyncio.CancelledError):
                    await running

        play(case)

    def test_e006_it_can_be_closed_without_having_run(
        self,
        make: Callable[[Context], AbstractAsyncContextManager[Extension]],
        context: Callable[[], Context],
        play: Callable[[Callable[[], Awaitable[None]]], None],
    ) -> None:
        """A start that fails elsewhere closes extensions that never ran."""

        async def case() -> None:
            async with make(context()):
                pass

        play(case)
