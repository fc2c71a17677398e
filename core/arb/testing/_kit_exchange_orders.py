"""Exchange kit: the life of an order (X-040 to X-058)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from decimal import Decimal

import pytest

from arb.api import BelowMinimum, Capability, ExchangeError, Rejected, TransferHistory, UnknownOrder
from arb.model import MINUTE_NS, ZERO, ClientOrderId, InstrumentId, Order, OrderRequest, OrderStatus, Side, TimeInForce

from ._kit_desk import Desk
from ._kit_exchange_market import ExchangeMarketCases, Use

_AWAY = Decimal("-0.03")
_SWITCH_NS = MINUTE_NS


class ExchangeOrderCases(ExchangeMarketCases):
    """Cases X-040 to X-059; they need TRADING."""

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
            sent = await desk.send(await desk.request())
            found = await desk.trading.fetch_order(desk.instrument.id, sent.request.client_order_id)
            assert found.status is sent.status
            assert found.filled_quantity == sent.filled_quantity
            assert found.exchange_order_id == sent.exchange_order_id

        use(body, Capability.TRADING)

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

    def test_x045_a_resting_order_is_listed_until_it_is_cancelled(self, use: Use) -> None:
        """Then it is final, unfilled and no longer listed."""

        async def body(desk: Desk) -> None:
            request = await _resting(desk)
            order = await desk.send(request)
            assert order.status is OrderStatus.OPEN, f"{order.status}: {order.reason}"
            assert await _listed(desk) == [request.client_order_id]
            await desk.trading.cancel_order(desk.instrument.id, request.client_order_id)
            await desk.caught_up()
            order = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
            assert (order.status, order.filled_quantity) == (OrderStatus.CANCELLED, ZERO)
            assert await _listed(desk) == []

        use(body, Capability.TRADING)

    def test_x046_an_order_that_never_was_is_unknown(self, use: Use) -> None:
        """UnknownOrder, and nothing else, proves absence."""

        async def body(desk: Desk) -> None:
            with pytest.raises(UnknownOrder):
                await desk.trading.fetch_order(desk.instrument.id, desk.name())
            with pytest.raises(UnknownOrder):
                await desk.trading.cancel_order(desk.instrument.id, desk.name())

        use(body, Capability.TRADING)

    def test_x047_post_only_never_takes(self, use: Use) -> None:
        """Priced through the market it is refused or cancelled, unfilled."""

        async def body(desk: Desk) -> None:
            request = await desk.request(time_in_force=TimeInForce.GTC, post_only=True)
            assert await _filled(desk, request.client_order_id, desk.send(request)) == 0

        use(body, Capability.TRADING, Capability.POST_ONLY)

    def test_x048_fill_or_kill_fills_whole_or_not_at_all(self, use: Use) -> None:
        """Away from the market it does not fill, through it it fills whole; it never rests."""

        async def body(desk: Desk) -> None:
            away = await desk.request(price=await desk.price(Side.BUY, _AWAY), time_in_force=TimeInForce.FOK)
            assert await _filled(desk, away.client_order_id, desk.send(away)) == 0
            through = await desk.request(time_in_force=TimeInForce.FOK)
            assert await _filled(desk, through.client_order_id, desk.send(through)) == through.quantity
            assert await _listed(desk) == []

        use(body, Capability.TRADING, Capability.FILL_OR_KILL)

    def test_x049_reduce_only_never_opens(self, use: Use) -> None:
        """On a flat account it is refused or trades nothing."""

        async def body(desk: Desk) -> None:
            request = await desk.request(reduce_only=True)
            assert await _filled(desk, request.client_order_id, desk.send(request)) == 0
            assert await desk.held() == 0

        use(body, Capability.TRADING)

    def test_x050_reduce_only_never_turns_a_position_around(self, use: Use) -> None:
        """More than is held closes what is held at most."""

        async def body(desk: Desk) -> None:
            await desk.send(await desk.request())
            request = await desk.request(Side.SELL, quantity=await desk.quantity(6), reduce_only=True)
            filled = await _filled(desk, request.client_order_id, desk.send(request))
            assert await desk.held() == await desk.quantity(2) - filled >= 0

        use(body, Capability.TRADING)

    def test_x051_immediate_or_cancel_never_rests(self, use: Use) -> None:
        """Away from the market it ends unfilled."""

        async def body(desk: Desk) -> None:
            request = await desk.request(price=await desk.price(Side.BUY, _AWAY))
            assert await _filled(desk, request.client_order_id, desk.send(request)) == 0
            assert await _listed(desk) == []

        use(body, Capability.TRADING)

    def test_x052_cancel_all_cancels_all(self, use: Use) -> None:
        """Every resting order of the instrument; on an empty account it is quiet."""

        async def body(desk: Desk) -> None:
            await desk.trading.cancel_all(desk.instrument.id)
            for _ in range(3):
                await desk.send(await _resting(desk))
            assert len(await _listed(desk)) == 3
            await desk.trading.cancel_all(desk.instrument.id)
            await desk.caught_up()
            assert await _listed(desk) == []
            await desk.send(await _resting(desk))
            await desk.trading.cancel_all()
            await desk.caught_up()
            assert await _listed(desk) == []

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

    def test_x054_an_order_the_account_cannot_carry_is_refused(self, use: Use) -> None:
        """Certainly refused, with nothing done."""

        async def body(desk: Desk) -> None:
            available = max(balance.available for balance in await desk.trading.fetch_balances())
            most = max(tier.max_leverage for tier in desk.instrument.margin_tiers)
            bbo = await desk.exchange.market.fetch_bbo(desk.instrument.id)
            quantity = desk.instrument.floor_quantity(available * most * 3 / bbo.bid)
            request = await desk.request(Side.SELL, quantity=quantity)
            with pytest.raises(Rejected):
                await desk.send(request)
            await desk.caught_up()
            assert await desk.held() == 0

        use(body, Capability.TRADING)

    def test_x055_an_order_of_an_unknown_instrument_is_an_error_of_our_tree(self, use: Use) -> None:
        """ExchangeError, before anything is sent."""

        async def body(desk: Desk) -> None:
            nowhere = InstrumentId(f"NOSUCHCOIN-PERP.{desk.exchange.name}")
            with pytest.raises(ExchangeError):
                await desk.trading.prepare_order(replace(await desk.request(), instrument=nowhere))

        use(body, Capability.TRADING)

    def test_x056_the_longest_client_order_id_is_taken(self, use: Use) -> None:
        """The length the traits state works; it comes back unchanged."""

        async def body(desk: Desk) -> None:
            length = desk.exchange.traits.client_order_id_length
            name = desk.name().ljust(length, "z")[:length]
            order = await desk.send(await desk.request(name=name))
            assert order.request.client_order_id == name

        use(body, Capability.TRADING)

    def test_x057_a_dead_mans_switch_cancels_unless_it_is_armed_again(self, use: Use) -> None:
        """Armed again in time nothing happens; when the time is over every resting order is cancelled."""

        async def body(desk: Desk) -> None:
            orders = [await desk.send(await _resting(desk)) for _ in range(2)]
            names = [order.request.client_order_id for order in orders]
            for _ in range(3):
                await desk.arm(_SWITCH_NS)
                await desk.sleep(_SWITCH_NS * 2 // 3)
                assert await _listed(desk) == names, "cancelled before the time was over"
            await desk.sleep(_SWITCH_NS)
            assert await _listed(desk) == []
            for name in names:
                order = await desk.trading.fetch_order(desk.instrument.id, name)
                assert order.status is OrderStatus.CANCELLED
            late = await desk.send(await _resting(desk))
            await desk.sleep(_SWITCH_NS * 2)
            assert await _listed(desk) == [late.request.client_order_id], "it acts once"

        use(body, Capability.TRADING, Capability.DEAD_MANS_SWITCH)

    def test_x058_a_dead_mans_switch_can_be_disarmed(self, use: Use) -> None:
        """With a time of 0."""

        async def body(desk: Desk) -> None:
            order = await desk.send(await _resting(desk))
            await desk.arm(_SWITCH_NS)
            await desk.arm(0)
            await desk.sleep(_SWITCH_NS * 2)
            assert await _listed(desk) == [order.request.client_order_id]

        use(body, Capability.TRADING, Capability.DEAD_MANS_SWITCH)

    def test_x059_transfers_are_of_this_account_and_in_order(self, use: Use) -> None:
        """Deposits, withdrawals and interest, each with an id of its own; a later start lists fewer."""

        async def body(desk: Desk) -> None:
            history: object = desk.trading
            assert isinstance(history, TransferHistory), "TRANSFERS is declared, but `trading` cannot list them"
            found = await history.fetch_transfers(0)
            assert [one.ts_event_ns for one in found] == sorted(one.ts_event_ns for one in found)
            assert len({one.transfer_id for one in found}) == len(found), "two transfers have one id"
            for one in found:
                assert one.exchange == desk.exchange.name
                assert one.amount.is_finite()
                later = await history.fetch_transfers(one.ts_event_ns)
                assert one in later
                assert all(row.ts_event_ns >= one.ts_event_ns for row in later)

        use(body, Capability.TRADING, Capability.TRANSFERS)


async def _resting(desk: Desk) -> OrderRequest:
    price = await desk.price(Side.BUY, _AWAY)
    return await desk.request(price=price, quantity=await desk.quantity(2), time_in_force=TimeInForce.GTC)


async def _listed(desk: Desk) -> list[str]:
    return [
        order.request.client_order_id
        for order in await desk.trading.fetch_open_orders()
        if order.request.instrument == desk.instrument.id
    ]


async def _filled(desk: Desk, name: ClientOrderId, sending: Awaitable[Order]) -> Decimal:
    """Return what an order filled that may be refused, and check that it does not rest."""
    try:
        await sending
    except Rejected:
        await desk.caught_up()
        return ZERO
    order = await desk.trading.fetch_order(desk.instrument.id, name)
    assert order.status.is_final, f"{name} is {order.status}"
    return order.filled_quantity
