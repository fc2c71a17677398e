"""Exchange kit: the dead man's switch."""

from __future__ import annotations

from arb.api import Capability
from arb.model import SECOND_NS, OrderStatus

from ._kit_desk import Desk
from ._kit_exchange_base import ExchangeCases, Use
from ._kit_exchange_checks import PROXY_PAGE, fails, listed, resting, true_orders
from ._kit_ground import FAKE


class SwitchCases(ExchangeCases):
    """The dead man's switch."""

    group = "switch"

    def test_x057_a_dead_mans_switch_cancels_unless_it_is_armed_again(self, use: Use) -> None:
        """Armed again in time nothing happens; when the time is over every resting order is cancelled."""

        async def body(desk: Desk) -> None:
            orders = [await desk.send(await resting(desk)) for _ in range(2)]
            names = [order.request.client_order_id for order in orders]
            for _ in range(3):
                await desk.arm(desk.switch_ns)
                await desk.sleep(desk.switch_ns * 2 // 3)
                assert await listed(desk) == names, "cancelled before the time was over"
            await desk.sleep(desk.switch_ns)
            assert await listed(desk) == []
            for name in names:
                order = await desk.trading.fetch_order(desk.instrument.id, name)
                assert order.status is OrderStatus.CANCELLED
            late = await desk.send(await resting(desk))
            await desk.sleep(desk.switch_ns * 2)
            assert await listed(desk) == [late.request.client_order_id], "it acts once"

        use(body, Capability.TRADING, Capability.DEAD_MANS_SWITCH)

    def test_x058_a_dead_mans_switch_can_be_disarmed(self, use: Use) -> None:
        """With a time of 0."""

        async def body(desk: Desk) -> None:
            order = await desk.send(await resting(desk))
            await desk.arm(desk.switch_ns)
            await desk.arm(0)
            await desk.sleep(desk.switch_ns * 2)
            assert await listed(desk) == [order.request.client_order_id]

        use(body, Capability.TRADING, Capability.DEAD_MANS_SWITCH)

    def test_x310_the_venue_itself_cancels(self, use: Use) -> None:
        """With our process gone: nothing of ours runs when the time is over."""

        async def body(desk: Desk) -> None:
            async with desk.again() as gone:
                await gone.send(await resting(gone))
                await gone.arm(desk.switch_ns)
            desk.ground.wire.is_refusing = True
            await desk.sleep(desk.switch_ns * 2)
            assert (await true_orders(desk))[-1].status is OrderStatus.CANCELLED
            desk.ground.wire.is_refusing = False

        use(body, Capability.TRADING, Capability.DEAD_MANS_SWITCH, FAKE)

    def test_x311_positions_stay(self, use: Use) -> None:
        """It cancels orders; what is open stays open."""

        async def body(desk: Desk) -> None:
            await desk.send(await desk.request())
            held = await desk.held()
            await desk.send(await resting(desk))
            await desk.arm(desk.switch_ns)
            await desk.sleep(desk.switch_ns * 2)
            assert await listed(desk) == []
            assert await desk.held() == held

        use(body, Capability.TRADING, Capability.DEAD_MANS_SWITCH)

    def test_x312_arming_that_fails_says_so(self, use: Use) -> None:
        """Whoever believes it is armed would rest orders without it."""

        async def body(desk: Desk) -> None:
            with desk.ground.answering(PROXY_PAGE):
                await fails(desk.arm(desk.switch_ns))

        use(body, Capability.TRADING, Capability.DEAD_MANS_SWITCH, FAKE)

    def test_x313_it_acts_in_time(self, use: Use) -> None:
        """Not before the time that was asked for, and not seconds after it."""

        async def body(desk: Desk) -> None:
            await desk.send(await resting(desk))
            await desk.arm(desk.switch_ns)
            await desk.sleep(desk.switch_ns - 2 * SECOND_NS)
            assert (await true_orders(desk))[-1].status is OrderStatus.OPEN, "too early"
            await desk.sleep(4 * SECOND_NS)
            assert (await true_orders(desk))[-1].status is OrderStatus.CANCELLED, "too late"

        use(body, Capability.TRADING, Capability.DEAD_MANS_SWITCH, FAKE)
