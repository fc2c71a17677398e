"""What is done when nothing is as it should be: books that are gone, looks that come too late, slow switches."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from arb.api import PreparedOrder
from arb.model import (
    HOUR_NS,
    SECOND_NS,
    EntryPolicy,
    HedgeStatus,
    LegOrder,
    OrderMode,
    OrderPurpose,
    OrderRequest,
    OrderStatus,
)
from arb.testing import Fault

if TYPE_CHECKING:
    from tests.execution.conftest import Desk, OnDesk

FLAT = (Decimal(0), Decimal(0))


def test_a_leg_is_taken_back_once_its_book_can_be_read_however_far_its_price_went_meanwhile(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.right.faults.always("send_order", Fault.rejected())
        d.left.faults.once("fetch_order_book", None)
        d.left.faults.always("fetch_order_book", Fault.unknown_before())
        opening = asyncio.ensure_future(d.open())
        await d.sleep(0.5)
        d.left.set_price(d.left.id_of("BTC"), 47_000)
        await d.sleep(60)
        d.left.faults.always("fetch_order_book", None)
        assert (await d.wait(await opening)).status is HedgeStatus.ABANDONED
        assert await d.held() == FLAT

    on_desk(check)


def test_a_book_of_an_hour_ago_is_not_taken_at_the_first_reading_that_fails(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        d.left.faults.always("fetch_order_book", Fault.unknown_before())
        await d.services.prices.drop(d.left.id_of("BTC"))
        assert (await d.close(hedge)).status is HedgeStatus.OPEN
        d.left.faults.always("fetch_order_book", None)
        await d.sleep(HOUR_NS // SECOND_NS)
        d.left.set_price(d.left.id_of("BTC"), 51_000)
        d.left.faults.once("fetch_order_book", Fault.unknown_before())
        await d.trade_beside(d.right, "0.1")
        await d.services.sync.pull_fills(d.right.name)
        await d.taken_up(hedge)
        assert await d.held() == FLAT
        back = [one for one in await d.orders(hedge, 0) if one.purpose is not OrderPurpose.ENTRY]
        assert [one.arrival_price for one in back] == [Decimal(51_000)]

    on_desk(check)


def test_the_end_of_a_run_waits_for_what_is_heard_while_it_waits(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        d.storage.delay_ns = SECOND_NS // 10
        d.executor.take_up([hedge])
        await d.sleep(0.001)
        d.storage.delay_ns = 0
        await d.trade_beside(d.left, "-0.04")
        await d.services.sync.pull_fills(d.left.name)
        d.executor.take_up([hedge])
        await d.executor.rest(60 * SECOND_NS)
        assert await d.held() == (Decimal("0.06"), Decimal("-0.06"))

    on_desk(check)


def test_a_switch_that_is_slow_to_be_armed_lets_no_signature_expire(
    on_desk: OnDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check(d: Desk) -> None:
        trading = d.left.trading
        assert trading is not None
        plain = trading.prepare_order

        async def prepare(request: OrderRequest) -> PreparedOrder:
            return replace(await plain(request), expires_ns=d.now_ns + 5 * SECOND_NS)

        monkeypatch.setattr(trading, "prepare_order", prepare)
        d.left.faults.always("arm_dead_mans_switch", Fault(delay_ns=6 * SECOND_NS))
        d.left.set_price(d.left.id_of("BTC"), 50_000, spread_bps=4)
        entry = EntryPolicy(mode=OrderMode.POST_ONLY, leg_order=LegOrder.PILOT_FIRST, rest_ns=30 * SECOND_NS)
        hedge = await d.open(entry=entry)
        assert [one.order.status for one in await d.orders(hedge)] == [OrderStatus.OPEN]

    on_desk(check, patience_ns=SECOND_NS)
