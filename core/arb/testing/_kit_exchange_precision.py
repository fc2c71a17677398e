"""Exchange kit: rounding of orders, and minimums."""

from __future__ import annotations

from decimal import Decimal

import pytest

from arb.api import BelowMinimum, Capability, Rejected
from arb.model import Order, OrderRequest, OrderStatus, Side, ceil_to

from ._kit_desk import Desk
from ._kit_exchange_base import ExchangeCases, Use
from ._kit_exchange_checks import AWAY, listed, outcome, resting, true_orders
from ._kit_ground import FAKE


class PrecisionCases(ExchangeCases):
    """Rounding of orders, and minimums."""

    group = "precision"

    def test_x040_preparing_rounds_and_sends_nothing(self, use: Use) -> None:
        """To the lot and the tick, never to a larger quantity or a worse price."""

        async def body(desk: Desk) -> None:
            uneven = Decimal("1.0000000000123")
            for side in Side:
                asked = await desk.request(
                    side, quantity=await desk.quantity(2) * uneven, price=await desk.price(side) * uneven
                )
                ready = (await desk.trading.prepare_order(asked)).request
                assert ready.client_order_id == asked.client_order_id
                assert ready.quantity <= asked.quantity
                assert ready.quantity % desk.instrument.lot_size == 0
                assert (asked.price - ready.price) * side.sign >= 0
                assert ready.price % desk.instrument.tick_size == 0
            assert list(await desk.trading.fetch_open_orders()) == []
            assert await desk.held() == 0

        use(body, Capability.TRADING)

    def test_x041_too_small_is_refused_before_it_is_sent(self, use: Use) -> None:
        """Less than a lot, or less than the minimum notional of an order that opens or of one that closes."""

        async def body(desk: Desk) -> None:
            instrument = desk.instrument
            with pytest.raises(BelowMinimum):
                await desk.trading.prepare_order(await desk.request(quantity=instrument.lot_size / 2))
            least = max(instrument.min_quantity, instrument.lot_size)
            if least * await desk.price(Side.BUY) < instrument.min_notional:
                with pytest.raises(BelowMinimum):
                    await desk.trading.prepare_order(await desk.request(quantity=least))
            if least * await desk.price(Side.BUY) < instrument.closing_min_notional:
                with pytest.raises(BelowMinimum):
                    await desk.trading.prepare_order(await desk.request(quantity=least, reduce_only=True))

        use(body, Capability.TRADING)

    def test_x170_no_price_is_ever_worse_than_asked(self, use: Use) -> None:
        """Over many prices and both sides: on the tick, not past the limit, and one that the venue takes."""

        async def body(desk: Desk) -> None:
            bbo = await desk.exchange.market.fetch_bbo(desk.instrument.id)
            for step in range(60):
                for side in Side:
                    price = bbo.bid * (1 + Decimal(step * 37 - 1000) / 50_000) + Decimal("0.000123456789") * step
                    asked = await desk.request(side, price=price, quantity=await desk.quantity(3))
                    ready = (await desk.trading.prepare_order(asked)).request
                    assert (price - ready.price) * side.sign >= 0, f"{side} at {price} became {ready.price}"
                    assert abs(price - ready.price) < desk.instrument.tick_size, "further than the next tick"
                    assert ready.price % desk.instrument.tick_size == 0

        use(body, Capability.TRADING)

    def test_x171_no_quantity_is_ever_larger_than_asked(self, use: Use) -> None:
        """Over many sizes: on the lot, and less than a lot below what was asked."""

        async def body(desk: Desk) -> None:
            least, lot = await desk.quantity(), desk.instrument.lot_size
            for step in range(1, 61):
                quantity = least * (1 + Decimal(step) / 7) + lot * Decimal("0.987654321")
                ready = (await desk.trading.prepare_order(await desk.request(quantity=quantity))).request
                assert 0 <= quantity - ready.quantity < lot, f"{quantity} became {ready.quantity}"
                assert ready.quantity % lot == 0

        use(body, Capability.TRADING)

    def test_x172_what_was_prepared_is_what_arrives(self, use: Use) -> None:
        """Digit by digit: no float, no power of ten, no other rounding on the wire."""

        async def body(desk: Desk) -> None:
            least, lot, tick = await desk.quantity(), desk.instrument.lot_size, desk.instrument.tick_size
            away = await desk.price(Side.BUY, AWAY)
            for step in range(12):
                quantity, price = least + lot * (step * 7 % 11), away - tick * (step * 13 % 17)
                request = await resting(desk, quantity=quantity, price=price)
                ready = await desk.trading.prepare_order(request)
                await desk.trading.send_order(ready)
                true = (await true_orders(desk))[-1].request
                assert (true.quantity, true.price) == (ready.request.quantity, ready.request.price)

        use(body, Capability.TRADING, FAKE)

    def test_x173_numbers_written_in_another_way_are_the_same_numbers(self, use: Use) -> None:
        """A Decimal may be 1E+1 or 10.0000: the venue gets the number, not how it is written."""

        async def body(desk: Desk) -> None:
            for write in (_shortest, _longer):
                quantity, price = write(await desk.quantity(2)), write(await desk.price(Side.BUY, AWAY))
                await desk.send(await resting(desk, quantity=quantity, price=price))
                true = (await true_orders(desk))[-1].request
                assert (true.quantity, true.price) == (quantity, price)

        use(body, Capability.TRADING, FAKE)

    def test_x174_the_smallest_order_is_taken(self, use: Use) -> None:
        """Exactly the minimum that the instrument states; a lot less is refused before it is sent."""

        async def body(desk: Desk) -> None:
            instrument = desk.instrument
            price = await desk.price(Side.BUY, AWAY)
            least = ceil_to(
                max(instrument.min_quantity, instrument.lot_size, instrument.min_notional / price), instrument.lot_size
            )
            order = await desk.send(await resting(desk, quantity=least, price=price))
            assert order.status is OrderStatus.OPEN
            smaller = least - instrument.lot_size
            if smaller > 0:
                with pytest.raises(BelowMinimum):
                    await desk.trading.prepare_order(await resting(desk, quantity=smaller, price=price))

        use(body, Capability.TRADING)

    def test_x175_more_than_the_venue_takes_is_refused(self, use: Use) -> None:
        """Above the largest order nothing is cut silently: it is refused, and nothing is done."""

        async def body(desk: Desk) -> None:
            most = desk.instrument.max_quantity
            quantity = Decimal(10) ** 9 if most is None else most + desk.instrument.lot_size
            request = await resting(desk, quantity=quantity)
            told = await outcome(_sent(desk, request))
            assert isinstance(told, Rejected), f"{told!r}"
            assert await listed(desk) == []

        use(body, Capability.TRADING)

    def test_x176_a_refused_order_never_reaches_the_venue(self, use: Use) -> None:
        """What breaks a rule of the instrument fails while it is prepared: nothing was sent by then."""

        async def body(desk: Desk) -> None:
            before = len(desk.ground.script.reached)
            with pytest.raises(BelowMinimum):
                await desk.trading.prepare_order(await desk.request(quantity=desk.instrument.lot_size / 2))
            assert "send_order" not in desk.ground.script.reached[before:]
            assert await true_orders(desk) == []

        use(body, Capability.TRADING, FAKE)


async def _sent(desk: Desk, request: OrderRequest) -> Order:
    return await desk.send(request)


def _shortest(number: Decimal) -> Decimal:
    return number.normalize()


def _longer(number: Decimal) -> Decimal:
    return number * Decimal("1.000000")
