"""Exchange kit: the account (X-060 to X-072), and the whole kit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from typing import Any, Final

import pytest

from arb.api import Capability, Context, Exchange, ExchangeSpec, Rejected
from arb.model import MINUTE_NS, SECOND_NS, ZERO, Fill, MarginMode, Order, Side, exact_money

from ._kit import require
from ._kit_desk import Desk
from ._kit_exchange_market import Use
from ._kit_exchange_orders import ExchangeOrderCases

_LAST_UNIT: Final = Decimal("0.000001")
_STREAM_WAIT_NS: Final = 30 * SECOND_NS


class ExchangeConformance(ExchangeOrderCases):
    """Cases X-001 to X-072. Every case needs a flat account of its own and leaves it flat.

    `CONFORMANCE` may name `base`, the asset to trade (default: the first that is open).
    """

    def test_x060_equity_is_cash_and_unrealised_pnl(self, use: Use) -> None:
        """Flat and with a position open; what is available is never more than the equity."""

        async def body(desk: Desk) -> None:
            for wanted in (None, Side.BUY, Side.SELL):
                if wanted is not None:
                    await desk.send(await desk.request(wanted))
                unrealized = sum((each.unrealized_pnl for each in await desk.trading.fetch_positions()), ZERO)
                balances = await desk.trading.fetch_balances()
                assert len({each.currency for each in balances}) == len(balances), "a currency twice"
                difference = sum((each.equity - each.cash for each in balances), ZERO) - unrealized
                assert abs(difference) <= _LAST_UNIT, f"equity - cash differs from the positions' PnL by {difference}"
                for each in balances:
                    assert each.available <= each.equity
                    assert each.maintenance_margin is None or each.maintenance_margin >= 0

        use(body, Capability.TRADING)

    def test_x061_a_round_trip_moves_cash_by_pnl_and_fees_exactly(self, use: Use) -> None:
        """Cash after = cash before + realised PnL - fees + funding, to the last unit."""

        async def body(desk: Desk) -> None:
            start_ns = desk.now_ns
            before = {each.currency: each.cash for each in await desk.trading.fetch_balances()}
            for side in (Side.SELL, Side.BUY):
                await desk.send(await desk.request(side))
            assert await desk.held() == 0
            after = {each.currency: each.cash for each in await desk.trading.fetch_balances()}
            fills = [fill for fill in await desk.trading.fetch_fills(start_ns) if fill.ts_event_ns >= start_ns]
            if Capability.FUNDING_PAYMENTS in desk.exchange.capabilities:
                payments = await desk.trading.fetch_funding_payments(start_ns)
            else:
                payments = ()
            with exact_money():
                moved = sum(after.values(), ZERO) - sum(before.values(), ZERO)
                earned = sum((-fill.side.sign * fill.quantity * fill.price for fill in fills), ZERO)
                paid = sum((fill.fee for fill in fills), ZERO)
                funding = sum((payment.amount for payment in payments), ZERO)
                assert abs(moved - (earned - paid + funding)) <= _LAST_UNIT

        use(body, Capability.TRADING)

    def test_x062_fills_are_listed_once_in_order_from_a_time(self, use: Use) -> None:
        """Ids are unique, times ascend, `since` leaves out what is earlier and nothing else."""

        async def body(desk: Desk) -> None:
            start_ns = desk.now_ns
            first = await desk.send(await desk.request(Side.BUY))
            await desk.context.clock.sleep_until(desk.now_ns + SECOND_NS)
            middle_ns = desk.now_ns
            await desk.context.clock.sleep_until(desk.now_ns + SECOND_NS)
            second = await desk.send(await desk.request(Side.SELL))
            fills = list(await desk.trading.fetch_fills(start_ns))
            assert len({fill.fill_id for fill in fills}) == len(fills)
            times = [fill.ts_event_ns for fill in fills]
            assert times == sorted(times)
            assert {fill.client_order_id for fill in fills} >= {
                first.request.client_order_id,
                second.request.client_order_id,
            }
            late = await desk.trading.fetch_fills(middle_ns)
            assert list(late) == [fill for fill in fills if fill.ts_event_ns >= middle_ns]

        use(body, Capability.TRADING)

    def test_x063_funding_is_booked_with_its_sign(self, use: Use) -> None:
        """Held over a settlement, a position gets one payment: minus quantity x price x rate.

        Only simulated venues can be waited for.
        """

        async def body(desk: Desk) -> None:
            rates = {rate.instrument: rate for rate in await desk.exchange.market.fetch_funding_rates()}
            settles_ns = rates[desk.instrument.id].next_funding_ns
            assert settles_ns is not None
            if settles_ns - desk.now_ns < MINUTE_NS:
                await desk.context.clock.sleep_until(settles_ns + MINUTE_NS)
                settles_ns += desk.instrument.funding_interval_ns or 0
            start_ns = desk.now_ns
            await desk.send(await desk.request())
            held = await desk.held()
            await desk.context.clock.sleep_until(settles_ns + MINUTE_NS)
            payments = [
                each
                for each in await desk.trading.fetch_funding_payments(start_ns)
                if each.instrument == desk.instrument.id
            ]
            assert len(payments) == 1, f"{len(payments)} payments for one settlement"
            (payment,) = payments
            assert abs(payment.settled_ns - settles_ns) < MINUTE_NS
            assert payment.quantity in (None, held)
            if payment.quantity is not None and payment.price is not None and payment.rate is not None:
                owed = -payment.quantity * payment.price * payment.rate
                assert abs(payment.amount - owed) <= _LAST_UNIT

        use(body, Capability.SIMULATED, Capability.TRADING, Capability.FUNDING_PAYMENTS, Capability.PREDICTED_FUNDING)

    def test_x064_leverage_is_read_back_as_set(self, use: Use) -> None:
        """The venue's own answer, not ours."""

        async def body(desk: Desk) -> None:
            for leverage in (Decimal(2), Decimal(1)):
                await desk.trading.set_leverage(desk.instrument.id, leverage, MarginMode.CROSS)
                await desk.caught_up()
                assert (await desk.trading.fetch_leverage(desk.instrument.id))[0] == leverage

        use(body, Capability.TRADING, Capability.SET_LEVERAGE)

    def test_x065_leverage_above_the_limit_is_refused(self, use: Use) -> None:
        """And the old one stays."""

        async def body(desk: Desk) -> None:
            most = max(tier.max_leverage for tier in desk.instrument.margin_tiers)
            before = await desk.trading.fetch_leverage(desk.instrument.id)
            with pytest.raises(Rejected):
                await desk.trading.set_leverage(desk.instrument.id, most * 2, MarginMode.CROSS)
            assert await desk.trading.fetch_leverage(desk.instrument.id) == before

        use(body, Capability.TRADING, Capability.SET_LEVERAGE)

    def test_x070_the_account_stream_tells_of_orders_and_fills(self, use: Use) -> None:
        """Whoever listens before an order is sent hears of it and of its fills."""

        async def body(desk: Desk) -> None:
            assert desk.exchange.streams is not None
            heard: list[object] = []

            async def listen() -> None:
                assert desk.exchange.streams is not None
                async for message in desk.exchange.streams.watch_account():
                    heard.append(message)

            listening = asyncio.create_task(listen())
            await desk.context.clock.sleep_until(desk.now_ns + SECOND_NS)
            order = await desk.send(await desk.request())
            await desk.context.clock.sleep_until(desk.now_ns + _STREAM_WAIT_NS)
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            name = order.request.client_order_id
            assert any(isinstance(each, Order) and each.request.client_order_id == name for each in heard)
            filled = [each.quantity for each in heard if isinstance(each, Fill) and each.client_order_id == name]
            assert sum(filled, ZERO) == order.filled_quantity

        use(body, Capability.TRADING, Capability.ACCOUNT_STREAM)

    def test_x072_an_account_outlives_the_connection(
        self,
        spec: ExchangeSpec,
        make: Callable[[Context], AbstractAsyncContextManager[Exchange]],
        context: Callable[[], Context],
        play: Callable[[Callable[[], Awaitable[None]]], None],
        options: Mapping[str, Any],
    ) -> None:
        """A position opened before closing is there after opening again."""
        require(spec.capabilities, Capability.TRADING)

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
