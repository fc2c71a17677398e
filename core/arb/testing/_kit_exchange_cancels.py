"""Exchange kit: cancelling, and its races."""

from __future__ import annotations

import asyncio

from arb.api import BadResponse, Capability, OutcomeUnknown, Rejected
from arb.model import OrderStatus, Side

from ._kit_desk import Desk
from ._kit_exchange_base import ExchangeCases, Use
from ._kit_exchange_checks import NO_JSON, PROXY_PAGE, fails, listed, outcome, resting
from ._kit_ground import FAKE


class CancelCases(ExchangeCases):
    """Cancelling, and its races."""

    group = "cancels"

    def test_x052_cancel_all_cancels_all(self, use: Use) -> None:
        """Every resting order of the instrument; on an empty account it is quiet."""

        async def body(desk: Desk) -> None:
            await desk.trading.cancel_all(desk.instrument.id)
            for _ in range(3):
                await desk.send(await resting(desk))
            assert len(await listed(desk)) == 3
            await desk.trading.cancel_all(desk.instrument.id)
            await desk.caught_up()
            assert await listed(desk) == []
            await desk.send(await resting(desk))
            await desk.trading.cancel_all()
            await desk.caught_up()
            assert await listed(desk) == []

        use(body, Capability.TRADING)

    def test_x220_cancelling_a_filled_order_changes_nothing(self, use: Use) -> None:
        """It is refused or quiet; the fill and the position stay, and the order stays filled."""

        async def body(desk: Desk) -> None:
            request = await desk.request()
            await desk.send(request)
            told = await outcome(desk.trading.cancel_order(desk.instrument.id, request.client_order_id))
            assert told is None or isinstance(told, Rejected), f"{told!r}"
            order = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
            assert order.status is OrderStatus.FILLED
            assert await desk.held() == request.quantity

        use(body, Capability.TRADING)

    def test_x221_cancelling_twice_is_harmless(self, use: Use) -> None:
        """The second time it is refused or quiet, and the order stays cancelled."""

        async def body(desk: Desk) -> None:
            request = await resting(desk)
            await desk.send(request)
            await desk.trading.cancel_order(desk.instrument.id, request.client_order_id)
            await desk.caught_up()
            told = await outcome(desk.trading.cancel_order(desk.instrument.id, request.client_order_id))
            assert told is None or isinstance(told, Rejected), f"{told!r}"
            order = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
            assert order.status is OrderStatus.CANCELLED

        use(body, Capability.TRADING)

    def test_x222_a_cancel_takes_its_own_order_only(self, use: Use) -> None:
        """The others keep resting."""

        async def body(desk: Desk) -> None:
            requests = [await resting(desk, side) for side in (Side.BUY, Side.SELL, Side.BUY)]
            for request in requests:
                await desk.send(request)
            await desk.trading.cancel_order(desk.instrument.id, requests[1].client_order_id)
            await desk.caught_up()
            assert await listed(desk) == [requests[0].client_order_id, requests[2].client_order_id]

        use(body, Capability.TRADING)

    def test_x223_cancelling_all_of_one_instrument_leaves_the_others(self, use: Use) -> None:
        """Of the instrument named, and no other; without a name all."""

        async def body(desk: Desk) -> None:
            other = await desk.another()
            if other is None:
                return
            kept = await resting(other)
            await other.send(kept)
            await desk.send(await resting(desk))
            await desk.trading.cancel_all(desk.instrument.id)
            await desk.caught_up()
            assert await listed(desk) == []
            assert await listed(other) == [kept.client_order_id]
            await desk.trading.cancel_all()
            await desk.caught_up()
            assert await listed(other) == []

        use(body, Capability.TRADING)

    def test_x224_a_cancel_that_fails_says_so(self, use: Use) -> None:
        """A proxy's page, silence, nonsense: each raises, since nothing is certain."""

        async def body(desk: Desk) -> None:
            request = await resting(desk)
            await desk.send(request)
            for answer in (PROXY_PAGE, NO_JSON):
                with desk.ground.answering(answer):
                    await fails(desk.trading.cancel_order(desk.instrument.id, request.client_order_id))
            assert await listed(desk) == [request.client_order_id]

        use(body, Capability.TRADING, FAKE)

    def test_x225_cancelling_all_that_fails_says_so(self, use: Use) -> None:
        """And the orders are still listed."""

        async def body(desk: Desk) -> None:
            request = await resting(desk)
            await desk.send(request)
            for answer in (PROXY_PAGE, NO_JSON):
                with desk.ground.answering(answer):
                    await fails(desk.trading.cancel_all())
            assert await listed(desk) == [request.client_order_id]

        use(body, Capability.TRADING, FAKE)

    def test_x226_a_cancel_whose_answer_is_lost_is_not_an_unknown_order(self, use: Use) -> None:
        """The order is cancelled, and a read says so."""

        async def body(desk: Desk) -> None:
            request = await resting(desk)
            await desk.send(request)
            desk.ground.script.plan("cancel_order", after=OutcomeUnknown("lost"))
            told = await outcome(desk.trading.cancel_order(desk.instrument.id, request.client_order_id))
            assert told is None or isinstance(told, OutcomeUnknown | BadResponse), f"{told!r}"
            await desk.caught_up()
            order = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
            assert order.status is OrderStatus.CANCELLED

        use(body, Capability.TRADING, FAKE)

    def test_x227_cancels_at_once_each_find_their_order(self, use: Use) -> None:
        """Concurrent cancels and a read do not mix up."""

        async def body(desk: Desk) -> None:
            requests = [await resting(desk) for _ in range(4)]
            for request in requests:
                await desk.send(request)
            cancel = desk.trading.cancel_order
            await asyncio.gather(*(cancel(desk.instrument.id, request.client_order_id) for request in requests[:3]))
            await desk.caught_up()
            assert await listed(desk) == [requests[3].client_order_id]

        use(body, Capability.TRADING)

    def test_x228_a_cancel_that_crosses_a_fill_loses_neither(self, use: Use) -> None:
        """Sent at once with an order that fills: whatever comes first, position and orders agree."""

        async def body(desk: Desk) -> None:
            waits, taker = await resting(desk), await desk.request()
            await desk.send(waits)
            ready = await desk.trading.prepare_order(taker)
            await asyncio.gather(
                desk.trading.send_order(ready),
                desk.trading.cancel_order(desk.instrument.id, waits.client_order_id),
            )
            await desk.caught_up()
            assert await listed(desk) == []
            assert await desk.held() == taker.quantity

        use(body, Capability.TRADING)

    def test_x229_an_order_of_another_instrument_is_unknown_there(self, use: Use) -> None:
        """By the right id and the wrong instrument nothing is cancelled."""

        async def body(desk: Desk) -> None:
            other = await desk.another()
            if other is None:
                return
            request = await resting(desk)
            await desk.send(request)
            told = await outcome(desk.trading.cancel_order(other.instrument.id, request.client_order_id))
            if told is not None:
                assert isinstance(told, Rejected), f"{told!r}"
                assert await listed(desk) == [request.client_order_id]

        use(body, Capability.TRADING)
