"""Exchange kit: opening, closing, and opening again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from arb.api import Capability, Context, ExchangeError, ExchangeSpec
from arb.model import MINUTE_NS, SECOND_NS

from ._kit import require
from ._kit_desk import Desk
from ._kit_exchange_base import ExchangeCases, Make, Play, Use, declared_by
from ._kit_exchange_checks import (
    EMPTY_LIST,
    EMPTY_OBJECT,
    NO_JSON,
    NULL,
    PROXY_PAGE,
    listed,
    outcome,
    resting,
    true_held,
)
from ._kit_ground import FAKE, without_secrets
from ._kit_streams import listening

_KEPT: Final = 2
"""A plugin may keep a socket or two open for the next reader."""


class ClosingCases(ExchangeCases):
    """Opening, closing, and opening again."""

    group = "closing"

    def test_x072_an_account_outlives_the_connection(
        self,
        spec: ExchangeSpec,
        make: Make,
        context: Callable[[], Context],
        play: Play,
        options: Mapping[str, Any],
    ) -> None:
        """A position opened before closing is there after opening again."""
        require(declared_by(spec), Capability.TRADING)

        async def case() -> None:
            lent = context()
            async with make(lent) as exchange:
                desk = await Desk.open(exchange, lent, options)
                await desk.send(await desk.request())
                held = await desk.held()
            async with make(context()) as again:
                desk = Desk(again, lent, desk.instrument)
                assert await desk.held() == held
                await desk.flatten()

        play(case)

    def test_x280_closing_ends_every_task(self, use: Use) -> None:
        """Of streams that were read to the end of the run too."""

        async def body(desk: Desk) -> None:
            before = asyncio.all_tasks()
            async with desk.again() as other:
                for stream in _streams(other):
                    async with listening(stream):
                        await other.sleep(10 * SECOND_NS)
                await other.exchange.market.fetch_stats()
            await desk.sleep(SECOND_NS)
            left = {task for task in asyncio.all_tasks() - before if not task.done()}
            assert not left, f"tasks outlive the plugin: {left}"

        use(body, FAKE)

    def test_x281_closing_ends_every_socket(self, use: Use) -> None:
        """A venue counts them, and refuses the next run."""

        async def body(desk: Desk) -> None:
            before = len(desk.ground.wire.open_sockets)
            async with desk.again() as other:
                for stream in _streams(other):
                    async with listening(stream):
                        await other.sleep(10 * SECOND_NS)
            await desk.sleep(SECOND_NS)
            assert len(desk.ground.wire.open_sockets) == before

        use(body, FAKE)

    def test_x282_a_stream_that_nobody_reads_any_more_frees_its_socket(self, use: Use) -> None:
        """Read and left again, over and over: sockets do not pile up while the plugin is open."""

        async def body(desk: Desk) -> None:
            for _ in range(8):
                async with listening(desk.streams.watch_order_book(desk.instrument.id)):
                    await desk.sleep(5 * SECOND_NS)
            await desk.sleep(MINUTE_NS)
            assert len(desk.ground.wire.open_sockets) <= _KEPT, f"{len(desk.ground.wire.open_sockets)} sockets are open"

        use(body, Capability.BOOK_STREAM, FAKE)

    def test_x283_a_venue_that_cannot_be_reached_fails_the_opening_or_nothing(self, use: Use) -> None:
        """An error of our tree, or an exchange whose calls raise one; nothing is left behind."""

        async def body(desk: Desk) -> None:
            before = asyncio.all_tasks()
            desk.ground.wire.is_refusing = True
            with suppress(ExchangeError):
                async with desk.again() as other:
                    await other.exchange.market.fetch_stats()
            desk.ground.wire.is_refusing = False
            await desk.sleep(SECOND_NS)
            assert not {task for task in asyncio.all_tasks() - before if not task.done()}
            async with desk.again() as other:
                assert await other.exchange.market.fetch_stats(), "it does not open again"

        use(body, FAKE)

    def test_x284_nonsense_at_the_opening_is_an_error_of_our_tree(self, use: Use) -> None:
        """Whatever the first answers are."""

        async def body(desk: Desk) -> None:
            for answer in (NO_JSON, PROXY_PAGE, EMPTY_OBJECT, EMPTY_LIST, NULL):
                with suppress(ExchangeError), desk.ground.answering(answer):
                    async with desk.again() as other:
                        await other.exchange.market.fetch_instruments()

        use(body, FAKE)

    def test_x285_a_cancelled_opening_leaves_nothing(self, use: Use) -> None:
        """Cancelled in the middle, as by Ctrl-C: no task, no socket."""

        async def body(desk: Desk) -> None:
            before, sockets = asyncio.all_tasks(), len(desk.ground.wire.open_sockets)
            desk.ground.wire.delay_ns = 3 * SECOND_NS

            async def open_it() -> None:
                async with desk.again():
                    await desk.sleep(MINUTE_NS)

            for wait_ns in (0, SECOND_NS, 4 * SECOND_NS):
                opening = asyncio.create_task(open_it())
                await desk.sleep(wait_ns)
                opening.cancel()
                await asyncio.gather(opening, return_exceptions=True)
            desk.ground.wire.delay_ns = 0
            await desk.sleep(MINUTE_NS)
            left = {task for task in asyncio.all_tasks() - before if not task.done()}
            assert not left, f"tasks outlive a cancelled opening: {left}"
            assert len(desk.ground.wire.open_sockets) == sockets

        use(body, FAKE)

    def test_x286_a_cancelled_call_breaks_no_later_one(self, use: Use) -> None:
        """Reads and an order that are cancelled while they wait for an answer."""

        async def body(desk: Desk) -> None:
            prepared = await desk.trading.prepare_order(await resting(desk))
            desk.ground.wire.delay_ns = 2 * SECOND_NS
            for call in (desk.trading.fetch_balances, desk.trading.fetch_positions):
                reading = asyncio.create_task(outcome(call()))
                await desk.sleep(SECOND_NS)
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
            sending = asyncio.create_task(outcome(desk.trading.send_order(prepared)))
            await desk.sleep(SECOND_NS)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            desk.ground.wire.delay_ns = 0
            await desk.sleep(MINUTE_NS)
            # The order was on its way: it rests, and is found.
            assert await listed(desk) == [prepared.request.client_order_id]
            await desk.send(await desk.request())
            assert await desk.held() == await true_held(desk) > 0

        use(body, Capability.TRADING, FAKE)

    def test_x287_without_keys_everything_public_works(self, use: Use) -> None:
        """With the secrets taken out of the settings there is no trading, and no error."""

        async def body(desk: Desk) -> None:
            settings = without_secrets(desk.ground.settings)
            if settings is None:
                return  # this venue has nothing without a key
            async with desk.ground.client(desk.ground.context(), settings) as public:
                assert public.trading is None
                assert Capability.TRADING not in public.capabilities
                assert await public.market.fetch_instruments()
                assert (await public.market.fetch_order_book(desk.instrument.id, 5)).bids

        use(body, FAKE)


def _streams(desk: Desk) -> list[AsyncIterator[object]]:
    capabilities, found = desk.exchange.capabilities, list[AsyncIterator[object]]()
    if Capability.BOOK_STREAM in capabilities:
        found.append(desk.streams.watch_order_book(desk.instrument.id))
    if Capability.TRADE_STREAM in capabilities:
        found.append(desk.streams.watch_trades(desk.instrument.id))
    if Capability.ACCOUNT_STREAM in capabilities:
        found.append(desk.streams.watch_account())
    return found
