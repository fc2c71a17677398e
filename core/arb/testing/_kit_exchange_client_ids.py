"""Exchange kit: client order ids."""

from __future__ import annotations

from dataclasses import replace

import pytest

from arb.api import Capability, ExchangeError, InsufficientMargin, Rejected, UnknownOrder
from arb.model import SECOND_NS, ZERO, OrderStatus

from ._kit_desk import Desk
from ._kit_exchange_base import ExchangeCases, Use
from ._kit_exchange_checks import LAST_UNIT, listed, near, outcome, resting, true_held, true_orders
from ._kit_ground import FAKE


class ClientIdCases(ExchangeCases):
    """Client order ids."""

    group = "client_ids"

    def test_x044_a_client_order_id_works_once(self, use: Use) -> None:
        """Sending the same id again is refused and trades nothing: this makes a retry safe."""

        async def body(desk: Desk) -> None:
            request = await desk.request()
            await desk.send(request)
            held = await desk.held()
            with pytest.raises(Rejected):
                await desk.send(request)
            await desk.caught_up()
            assert await desk.held() == held

        use(body, Capability.TRADING)

    def test_x046_an_order_that_never_was_is_unknown(self, use: Use) -> None:
        """UnknownOrder, and nothing else, proves absence."""

        async def body(desk: Desk) -> None:
            with pytest.raises(UnknownOrder):
                await desk.trading.fetch_order(desk.instrument.id, desk.name())
            with pytest.raises(UnknownOrder):
                await desk.trading.cancel_order(desk.instrument.id, desk.name())

        use(body, Capability.TRADING)

    def test_x056_the_longest_client_order_id_is_taken(self, use: Use) -> None:
        """The length the traits state works; it comes back unchanged."""

        async def body(desk: Desk) -> None:
            length = desk.exchange.traits.client_order_id_length
            name = desk.name().ljust(length, "z")[:length]
            order = await desk.send(await desk.request(name=name))
            assert order.request.client_order_id == name

        use(body, Capability.TRADING)

    def test_x200_ids_are_known_again_after_a_restart(self, use: Use) -> None:
        """Open orders, final ones and fills of the run before carry the ids that it gave them."""

        async def body(desk: Desk) -> None:
            start_ns = desk.now_ns
            done, waits = await desk.request(), await resting(desk)
            await desk.send(done)
            await desk.send(waits)
            async with desk.again() as restarted:
                assert await listed(restarted) == [waits.client_order_id]
                order = await restarted.trading.fetch_order(desk.instrument.id, done.client_order_id)
                assert order.status is OrderStatus.FILLED
                fills = await restarted.trading.fetch_fills(start_ns)
                assert {fill.client_order_id for fill in fills} == {done.client_order_id}

        use(body, Capability.TRADING, FAKE)

    def test_x201_an_order_of_the_run_before_can_be_cancelled(self, use: Use) -> None:
        """By the id alone."""

        async def body(desk: Desk) -> None:
            request = await resting(desk)
            await desk.send(request)
            async with desk.again() as restarted:
                await restarted.trading.cancel_order(desk.instrument.id, request.client_order_id)
                await restarted.caught_up()
                assert await listed(restarted) == []

        use(body, Capability.TRADING, FAKE)

    def test_x202_an_id_works_once_over_a_restart_too(self, use: Use) -> None:
        """A journal that is read again after a crash must not be able to send twice."""

        async def body(desk: Desk) -> None:
            request = await desk.request()
            await desk.send(request)
            async with desk.again() as restarted:
                told = await outcome(restarted.send(request))
                assert isinstance(told, Rejected), f"{told!r}"
            assert await true_held(desk) == request.quantity

        use(body, Capability.TRADING, FAKE)

    def test_x203_orders_of_the_venue_itself_are_listed(self, use: Use) -> None:
        """A deleveraging and its fill: an order that is not ours breaks no read, and gets none of our ids."""

        async def body(desk: Desk) -> None:
            start_ns = desk.now_ns
            request = await desk.request(quantity=await desk.quantity(6))
            await desk.send(request)
            await desk.sleep(SECOND_NS)
            name = (await true_orders(desk))[0].request.instrument
            forced = desk.truth.venue.deleverage(name, await desk.quantity(2), desk.ground.now_ns)
            assert forced is not None
            fills = await desk.trading.fetch_fills(start_ns)
            assert sum((fill.quantity * fill.side.sign for fill in fills), ZERO) == await desk.held()
            assert fills[-1].client_order_id != request.client_order_id
            assert fills[-1].fill_id
            assert list(await desk.trading.fetch_open_orders()) == []

        use(body, Capability.TRADING, FAKE)

    def test_x204_a_liquidation_is_seen(self, use: Use) -> None:
        """The position is gone, its fill and its fee are listed, and nothing crashes."""

        async def body(desk: Desk) -> None:
            start_ns = desk.now_ns
            await desk.send(await desk.request(quantity=await desk.quantity(4)))
            await desk.send(await resting(desk))
            await desk.sleep(SECOND_NS)
            name = (await true_orders(desk))[0].request.instrument
            assert desk.truth.venue.liquidate(name, desk.ground.now_ns) is not None
            assert await desk.held() == await true_held(desk) == 0
            fills = await desk.trading.fetch_fills(start_ns)
            assert sum((fill.quantity * fill.side.sign for fill in fills), ZERO) == 0
            true = sum((fill.fee for fill in desk.truth.venue.fills(start_ns)), ZERO)
            assert near(sum((fill.fee for fill in fills), ZERO), true, most=str(LAST_UNIT))
            assert await listed(desk) == []

        use(body, Capability.TRADING, FAKE)

    def test_x205_many_ids_are_told_apart(self, use: Use) -> None:
        """Ids that differ in one place only: each finds its own order."""

        async def body(desk: Desk) -> None:
            stem = desk.name()
            requests = [await resting(desk, name=f"{stem}{letter}") for letter in "abcdefghij"]
            for index, request in enumerate(requests):
                price = request.price - desk.instrument.tick_size * index
                await desk.send(replace(request, price=price))
            assert sorted(await listed(desk)) == sorted(request.client_order_id for request in requests)
            for index, request in enumerate(requests):
                order = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
                assert order.request.client_order_id == request.client_order_id
                assert order.request.price == request.price - desk.instrument.tick_size * index

        use(body, Capability.TRADING)

    def test_x206_an_id_that_is_too_long_is_refused(self, use: Use) -> None:
        """Never cut: two long ids would become one."""

        async def body(desk: Desk) -> None:
            name = desk.name().ljust(desk.exchange.traits.client_order_id_length + 1, "z")
            told = await outcome(desk.send(await desk.request(name=name)))
            if isinstance(told, ExchangeError):
                assert isinstance(told, Rejected), f"{told!r}"
                assert await desk.held() == 0
            else:
                assert told.request.client_order_id == name, "cut silently"

        use(body, Capability.TRADING)

    def test_x207_a_refused_order_does_not_become_another(self, use: Use) -> None:
        """An id whose order was refused finds no other order, and never one that fills."""

        async def body(desk: Desk) -> None:
            desk.ground.script.plan("send_order", before=InsufficientMargin("refused"))
            refused = await desk.request()
            assert isinstance(await outcome(desk.send(refused)), Rejected)
            good = await desk.request()
            await desk.send(good)
            told = await outcome(desk.trading.fetch_order(desk.instrument.id, refused.client_order_id))
            if isinstance(told, ExchangeError):
                assert isinstance(told, UnknownOrder), f"{told!r}"
            else:
                assert told.status is OrderStatus.REJECTED
                assert told.filled_quantity == 0

        use(body, Capability.TRADING, FAKE)
