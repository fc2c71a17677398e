"""Exchange kit: the life of an order."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from arb.api import Capability, ExchangeError
from arb.model import SECOND_NS, ZERO, InstrumentId, OrderRequest, OrderStatus, Side, TimeInForce

from ._kit_desk import Desk
from ._kit_exchange_base import ExchangeCases, Use
from ._kit_exchange_checks import AWAY, LAST_UNIT, filled_by, listed, near, resting, same_time, true_name, true_orders
from ._kit_ground import FAKE


class OrderCases(ExchangeCases):
    """The life of an order."""

    group = "orders"

    def test_x042_an_order_through_the_market_fills(self, use: Use) -> None:
        """Its fills sum to the filled quantity and average price, and they make the position."""

        async def body(desk: Desk) -> None:
            start_ns, held = desk.now_ns, ZERO
            for side in (Side.BUY, Side.SELL):
                request = await desk.request(side)
                order = await desk.send(request)
                assert order.status is OrderStatus.FILLED, f"{order.status}: {order.reason}"
                assert order.request.client_order_id == request.client_order_id
                fills = [
                    fill
                    for fill in await desk.trading.fetch_fills(start_ns)
                    if fill.client_order_id == request.client_order_id
                ]
                assert sum((fill.quantity for fill in fills), ZERO) == order.filled_quantity == request.quantity
                paid = sum((fill.quantity * fill.price for fill in fills), ZERO)
                assert order.average_price is not None
                assert abs(order.average_price - paid / order.filled_quantity) < desk.instrument.tick_size
                for fill in fills:
                    assert (fill.side, fill.instrument) == (side, desk.instrument.id)
                    assert (request.price - fill.price) * side.sign >= 0, "filled at a worse price than allowed"
                    assert fill.fee_currency
                held += order.filled_quantity * side.sign
                assert await desk.held() == held

        use(body, Capability.TRADING)

    def test_x043_an_order_is_found_by_our_id(self, use: Use) -> None:
        """After it is final too, with the same facts as the answer to sending it."""

        async def body(desk: Desk) -> None:
            request = await desk.request()
            sent = await desk.send(request)
            found = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
            assert found.request.client_order_id == request.client_order_id
            assert found.status is sent.status
            assert found.filled_quantity == sent.filled_quantity
            assert found.exchange_order_id == sent.exchange_order_id

        use(body, Capability.TRADING)

    def test_x045_a_resting_order_is_listed_until_it_is_cancelled(self, use: Use) -> None:
        """Then it is final, unfilled and no longer listed."""

        async def body(desk: Desk) -> None:
            request = await resting(desk)
            order = await desk.send(request)
            assert order.status is OrderStatus.OPEN, f"{order.status}: {order.reason}"
            assert await listed(desk) == [request.client_order_id]
            await desk.trading.cancel_order(desk.instrument.id, request.client_order_id)
            await desk.caught_up()
            order = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
            assert (order.status, order.filled_quantity) == (OrderStatus.CANCELLED, ZERO)
            assert await listed(desk) == []

        use(body, Capability.TRADING)

    def test_x047_post_only_never_takes(self, use: Use) -> None:
        """Priced through the market it is refused or cancelled, unfilled."""

        async def body(desk: Desk) -> None:
            request = await desk.request(time_in_force=TimeInForce.GTC, post_only=True)
            assert await filled_by(desk, request.client_order_id, desk.send(request)) == 0

        use(body, Capability.TRADING, Capability.POST_ONLY)

    def test_x048_fill_or_kill_fills_whole_or_not_at_all(self, use: Use) -> None:
        """Away from the market it does not fill, through it it fills whole; it never rests."""

        async def body(desk: Desk) -> None:
            away = await desk.request(price=await desk.price(Side.BUY, AWAY), time_in_force=TimeInForce.FOK)
            assert await filled_by(desk, away.client_order_id, desk.send(away)) == 0
            through = await desk.request(time_in_force=TimeInForce.FOK)
            assert await filled_by(desk, through.client_order_id, desk.send(through)) == through.quantity
            assert await listed(desk) == []

        use(body, Capability.TRADING, Capability.FILL_OR_KILL)

    def test_x051_immediate_or_cancel_never_rests(self, use: Use) -> None:
        """Away from the market it ends unfilled."""

        async def body(desk: Desk) -> None:
            request = await desk.request(price=await desk.price(Side.BUY, AWAY))
            assert await filled_by(desk, request.client_order_id, desk.send(request)) == 0
            assert await listed(desk) == []

        use(body, Capability.TRADING)

    def test_x053_orders_sent_at_once_each_get_their_own_answer(self, use: Use) -> None:
        """Concurrent sends do not mix up."""

        async def body(desk: Desk) -> None:
            requests = [await desk.request(side) for side in (Side.BUY, Side.BUY, Side.SELL)]
            orders = await asyncio.gather(*(desk.send(request) for request in requests))
            assert [order.request.client_order_id for order in orders] == [
                request.client_order_id for request in requests
            ]
            signed = sum((order.filled_quantity * order.request.side.sign for order in orders), ZERO)
            assert await desk.held() == signed

        use(body, Capability.TRADING)

    def test_x055_an_order_of_an_unknown_instrument_is_an_error_of_our_tree(self, use: Use) -> None:
        """ExchangeError, before anything is sent."""

        async def body(desk: Desk) -> None:
            nowhere = InstrumentId(f"NOSUCHCOIN-PERP.{desk.exchange.name}")
            with pytest.raises(ExchangeError):
                await desk.trading.prepare_order(replace(await desk.request(), instrument=nowhere))

        use(body, Capability.TRADING)

    def test_x160_a_resting_order_rests_as_it_was_asked(self, use: Use) -> None:
        """Side, price, quantity and kind, on both sides: what the venue has is what was sent."""

        async def body(desk: Desk) -> None:
            for side in Side:
                request = await resting(desk, side)
                order = await desk.send(request)
                true = (await true_orders(desk))[-1]
                assert true.status is OrderStatus.OPEN
                assert (true.request.side, true.request.price, true.request.quantity) == (
                    side,
                    order.request.price,
                    order.request.quantity,
                )
                assert true.request.time_in_force is TimeInForce.GTC
                assert not true.request.reduce_only

        use(body, Capability.TRADING, FAKE)

    def test_x161_an_order_is_reported_as_the_venue_has_it(self, use: Use) -> None:
        """Status, filled quantity, average price and time: by the answer and by a later read."""

        async def body(desk: Desk) -> None:
            for request in (await desk.request(), await resting(desk), await desk.request(Side.SELL)):
                sent = await desk.send(request)
                true = (await true_orders(desk))[-1]
                for order in (sent, await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)):
                    assert (order.status, order.filled_quantity) == (true.status, true.filled_quantity)
                    assert same_time(order.ts_event_ns, true.ts_event_ns, SECOND_NS), "the time is not the venue's"
                    if true.average_price is not None:
                        assert order.average_price is not None
                        assert near(order.average_price, true.average_price, most=str(desk.instrument.tick_size))

        use(body, Capability.TRADING, FAKE)

    def test_x162_a_listed_order_has_what_was_asked(self, use: Use) -> None:
        """Whoever adopts it after a restart knows nothing else of it."""

        async def body(desk: Desk) -> None:
            for side in Side:
                request = await resting(desk, side)
                await desk.send(request)
                (order,) = await desk.trading.fetch_open_orders()
                for field in ("client_order_id", "instrument", "side", "quantity", "price"):
                    assert getattr(order.request, field) == getattr(request, field), field
                assert order.status is OrderStatus.OPEN
                assert order.filled_quantity == 0
                await desk.trading.cancel_all()
                await desk.caught_up()

        use(body, Capability.TRADING)

    def test_x163_an_order_that_fills_in_part_says_so(self, use: Use) -> None:
        """At the price of the touch it takes what is there and rests with the remainder."""

        async def body(desk: Desk) -> None:
            request = await beyond_the_touch(desk, TimeInForce.GTC)
            order = await desk.send(request)
            true = (await true_orders(desk))[-1]
            assert true.status is OrderStatus.PARTIALLY_FILLED, "the case needs a touch smaller than the order"
            for each in (order, *await desk.trading.fetch_open_orders()):
                assert each.status is OrderStatus.PARTIALLY_FILLED
                assert each.filled_quantity == true.filled_quantity
                assert each.request.quantity == request.quantity, "the whole order, not its remainder"

        use(body, Capability.TRADING, FAKE)

    def test_x164_what_is_cancelled_keeps_what_it_filled(self, use: Use) -> None:
        """A cancelled order may have a fill: it is in the position."""

        async def body(desk: Desk) -> None:
            request = await beyond_the_touch(desk, TimeInForce.GTC)
            await desk.send(request)
            await desk.trading.cancel_order(desk.instrument.id, request.client_order_id)
            await desk.caught_up()
            true = (await true_orders(desk))[-1]
            order = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
            assert order.status is OrderStatus.CANCELLED
            assert order.filled_quantity == true.filled_quantity > 0
            assert await desk.held() == true.filled_quantity

        use(body, Capability.TRADING, FAKE)

    def test_x165_immediate_or_cancel_in_part_is_final_with_its_fill(self, use: Use) -> None:
        """Neither filled nor nothing: the rest is cancelled."""

        async def body(desk: Desk) -> None:
            request = await beyond_the_touch(desk, TimeInForce.IOC)
            sent = await desk.send(request)
            true = (await true_orders(desk))[-1]
            assert 0 < true.filled_quantity < request.quantity, "the case needs a touch smaller than the order"
            for order in (sent, await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)):
                assert order.status in (OrderStatus.CANCELLED, OrderStatus.EXPIRED)
                assert order.filled_quantity == true.filled_quantity
            assert await listed(desk) == []

        use(body, Capability.TRADING, FAKE)

    def test_x166_fills_are_the_venues(self, use: Use) -> None:
        """Each once: side, price, quantity, fee, liquidity, time, and the PnL where it is told."""

        async def body(desk: Desk) -> None:
            start_ns = desk.now_ns
            for side in (Side.BUY, Side.SELL, Side.SELL):
                await desk.send(await desk.request(side))
                await desk.sleep(SECOND_NS)
            true = await desk.truth.trading.fetch_fills(start_ns)
            found = await desk.trading.fetch_fills(start_ns)
            assert len(found) == len(true)
            for mine, theirs in zip(found, true, strict=True):
                assert (mine.side, mine.price, mine.quantity) == (theirs.side, theirs.price, theirs.quantity)
                assert (mine.liquidity, mine.fee_currency) == (theirs.liquidity, theirs.fee_currency)
                assert near(mine.fee, theirs.fee, most=str(LAST_UNIT)), f"fee {mine.fee} instead of {theirs.fee}"
                assert same_time(mine.ts_event_ns, theirs.ts_event_ns), "the time is not the venue's"
                if mine.realized_pnl is not None and theirs.realized_pnl is not None:
                    assert near(mine.realized_pnl, theirs.realized_pnl, most=str(LAST_UNIT))

        use(body, Capability.TRADING, FAKE)

    def test_x167_an_order_on_the_way_is_open_or_final_never_more(self, use: Use) -> None:
        """What the plugin reports is a status of a venue: never `pending`, `submitted` or `in_doubt`."""

        async def body(desk: Desk) -> None:
            for request in (await desk.request(), await resting(desk)):
                sent = await desk.send(request)
                read = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
                for order in (sent, read):
                    assert order.status not in (OrderStatus.PENDING, OrderStatus.SUBMITTED, OrderStatus.IN_DOUBT)
                    assert order.exchange_order_id

        use(body, Capability.TRADING)

    def test_x168_preparing_twice_changes_nothing(self, use: Use) -> None:
        """What is prepared and not sent leaves no trace, and the id still works."""

        async def body(desk: Desk) -> None:
            request = await desk.request()
            await desk.trading.prepare_order(request)
            order = await desk.send(request)
            assert order.status is OrderStatus.FILLED
            assert await desk.held() == request.quantity

        use(body, Capability.TRADING)


async def beyond_the_touch(desk: Desk, time_in_force: TimeInForce) -> OrderRequest:
    """Return an order that the best level cannot fill whole, at the price of that level."""
    bbo = await desk.truth.market.fetch_bbo(true_name(desk))
    quantity = bbo.ask_size + await desk.quantity(2)
    return await desk.request(quantity=quantity, price=bbo.ask, time_in_force=time_in_force)
