"""Exchange kit: reduce-only orders."""

from __future__ import annotations

from arb.api import Capability
from arb.model import DAY_NS, Side

from ._kit_desk import Desk
from ._kit_exchange_base import ExchangeCases, Use
from ._kit_exchange_checks import filled_by, resting, true_held, true_orders
from ._kit_ground import FAKE


class ReduceOnlyCases(ExchangeCases):
    """Reduce-only orders."""

    group = "reduce_only"

    def test_x049_reduce_only_never_opens(self, use: Use) -> None:
        """On a flat account it is refused or trades nothing."""

        async def body(desk: Desk) -> None:
            request = await desk.request(reduce_only=True)
            assert await filled_by(desk, request.client_order_id, desk.send(request)) == 0
            assert await desk.held() == 0

        use(body, Capability.TRADING)

    def test_x050_reduce_only_never_turns_a_position_around(self, use: Use) -> None:
        """More than is held closes what is held at most."""

        async def body(desk: Desk) -> None:
            await desk.send(await desk.request())
            request = await desk.request(Side.SELL, quantity=await desk.quantity(6), reduce_only=True)
            filled = await filled_by(desk, request.client_order_id, desk.send(request))
            assert await desk.held() == await desk.quantity(2) - filled >= 0

        use(body, Capability.TRADING)

    def test_x210_the_flag_reaches_the_venue(self, use: Use) -> None:
        """A resting close is reduce-only there: it must not open when the position is gone meanwhile."""

        async def body(desk: Desk) -> None:
            await desk.send(await desk.request(quantity=await desk.quantity(4)))
            request = await resting(desk, Side.SELL, reduce_only=True)
            await desk.send(request)
            true = (await true_orders(desk))[-1]
            assert true.request.reduce_only
            (order,) = await desk.trading.fetch_open_orders()
            assert order.request.reduce_only, "a read forgets it"

        use(body, Capability.TRADING, FAKE)

    def test_x211_a_short_is_closed_by_a_buy(self, use: Use) -> None:
        """And by no more than it is."""

        async def body(desk: Desk) -> None:
            await desk.send(await desk.request(Side.SELL))
            assert await desk.held() < 0
            request = await desk.request(Side.BUY, quantity=await desk.quantity(6), reduce_only=True)
            filled = await filled_by(desk, request.client_order_id, desk.send(request))
            assert await desk.held() == filled - await desk.quantity(2) <= 0
            if not filled:  # a venue that refuses the excess instead of cutting it
                await desk.send(await desk.request(Side.BUY, quantity=await desk.quantity(2), reduce_only=True))
            assert await desk.held() == 0

        use(body, Capability.TRADING)

    def test_x212_in_the_direction_of_the_position_it_trades_nothing(self, use: Use) -> None:
        """A reduce-only buy on a long is refused or cancelled."""

        async def body(desk: Desk) -> None:
            await desk.send(await desk.request())
            request = await desk.request(Side.BUY, reduce_only=True)
            assert await filled_by(desk, request.client_order_id, desk.send(request)) == 0
            assert await desk.held() == await desk.quantity(2)

        use(body, Capability.TRADING)

    def test_x213_a_close_resting_when_the_position_goes_opens_nothing(self, use: Use) -> None:
        """Closed by another order meanwhile: the resting one ends, and the account stays flat."""

        async def body(desk: Desk) -> None:
            await desk.send(await desk.request())
            held = await desk.held()
            await desk.send(await resting(desk, Side.SELL, quantity=held, reduce_only=True))
            await desk.send(await desk.request(Side.SELL, quantity=held, reduce_only=True))
            await desk.sleep(DAY_NS)
            assert await desk.held() == await true_held(desk) == 0

        use(body, Capability.TRADING, FAKE)

    def test_x214_a_plain_order_is_not_reduce_only(self, use: Use) -> None:
        """The flag is not stuck: after a close an order opens again."""

        async def body(desk: Desk) -> None:
            await desk.send(await desk.request())
            await desk.send(await desk.request(Side.SELL, quantity=await desk.held(), reduce_only=True))
            assert await desk.held() == 0
            request = await desk.request(Side.SELL)
            await desk.send(request)
            assert await desk.held() == -request.quantity

        use(body, Capability.TRADING)
