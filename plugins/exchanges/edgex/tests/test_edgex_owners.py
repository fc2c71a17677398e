"""Whose orders fills are of, also where the venue does not tell their orders; and that it is told once for good."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from arb.api import BadResponse, OutcomeUnknown, Rejected
from arb.model import MILLISECOND_NS, MINUTE_NS, SECOND_NS, ClientOrderId, Fill
from arb.net import VenueTime
from arb.testing import Bench, BenchDesk, FakeContext, FakeWorld, Listener, MemoryState
from arb_exchange_edgex._names import OrderNames

FILLS = "getHistoryOrderFillTransactionPage"
BY_ID, BY_CLIENT_ID = "getOrderById", "getOrderByClientOrderId"


def with_fill(desk: BenchDesk, *, ago_ns: int = MINUTE_NS, **changes: Any) -> None:
    """Let the venue list one fill more, which is no order's that it tells of."""
    stamp = str((desk.clock.now_ns() - ago_ns) // MILLISECOND_NS)
    row = {
        "id": "564999000000000001",
        "coinId": "1000",
        "contractId": "30000001",
        "orderId": "777",
        "orderSide": "SELL",
        "fillSize": "0.01",
        "fillFee": "0.1",
        "fillPrice": "60000",
        "direction": "TAKER",
        "isLiquidate": False,
        "isDeleverage": False,
        "matchTime": stamp,
        "createdTime": stamp,
        **changes,
    }
    desk.wire.change_json(FILLS, of_rows(lambda rows: [row, *rows]))


def of_rows(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda body: {**body, "data": {**body["data"], "dataList": change(body["data"]["dataList"])}}


def hide_orders(desk: BenchDesk) -> None:
    """Let the venue tell of no order."""
    for path in (BY_ID, BY_CLIENT_ID):
        desk.wire.change_json(path, lambda body: {**body, "data": []})


async def names(desk: BenchDesk) -> list[str]:
    return [fill.client_order_id for fill in await desk.trading.fetch_fills(0)]


def test_owners_are_asked_for_once_and_kept_over_a_restart(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        for _ in range(3):
            await desk.send(await desk.request())
        memory = MemoryState()
        for asked in (1, 0):  # another machine, and the same one later
            async with desk.open(state=memory) as again:
                before = len(desk.wire.sent("GET", BY_ID))
                for _ in range(2):
                    assert await names(again) == ["mine-1", "mine-2", "mine-3"]
                assert len(desk.wire.sent("GET", BY_ID)) - before == asked
        hide_orders(desk)  # what the venue forgets is known here
        async with desk.open(state=memory) as again:
            assert await names(again) == ["mine-1", "mine-2", "mine-3"]

    bench(body)


@pytest.mark.parametrize(("flag", "kind"), [("isLiquidate", "liquidation"), ("isDeleverage", "adl")])
@pytest.mark.parametrize(("order_id", "subject"), [("777", "777"), ("0", "564999000000000001")])
def test_what_the_venue_itself_fills_says_so_in_the_fill(
    bench: Bench, flag: str, kind: str, order_id: str, subject: str
) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.request())
        # It happened a moment ago, and an order of ours is in doubt: neither matters.
        with_fill(desk, ago_ns=0, orderId=order_id, **{flag: True})
        desk.script.plan("send_order", before=OutcomeUnknown("scripted"))
        with pytest.raises(OutcomeUnknown):
            await desk.send(await desk.request())
        assert sorted(await names(desk)) == [f"{kind}-{subject}", "mine-1"]

    bench(body)


@pytest.mark.parametrize(("order_id", "subject"), [("777", "777"), ("0", "564999000000000001")])
def test_a_fill_of_an_order_that_is_forgotten_is_foreign_and_stays_so(
    bench: Bench, order_id: str, subject: str
) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.request())
        await desk.sleep(20 * SECOND_NS)
        with_fill(desk, orderId=order_id)
        assert sorted(await names(desk)) == [f"foreign-{subject}", "mine-1"]
        # The venue remembers the order again: a fill is told under one id only.
        row = {"id": order_id, "clientOrderId": "by-hand", "isLiquidate": False, "isDeleverage": False}
        desk.wire.change_json(BY_ID, lambda body: {**body, "data": [row]})
        async with desk.open() as again:
            for each in (desk, again):
                assert sorted(await names(each)) == [f"foreign-{subject}", "mine-1"]

    bench(body)


def test_a_fill_that_is_new_may_be_of_an_order_that_is_listed_later(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        with_fill(desk, ago_ns=0)
        with pytest.raises(BadResponse, match="does not tell"):
            await desk.trading.fetch_fills(0)
        await desk.sleep(desk.exchange.traits.read_after_write_ns)
        assert await names(desk) == ["foreign-777"]

    bench(body)


@pytest.mark.parametrize("restarts", [False, True])
def test_a_fill_is_not_foreign_while_an_order_of_ours_is_in_doubt(bench: Bench, restarts: bool) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.script.plan("send_order", after=OutcomeUnknown("scripted"))
        with pytest.raises(OutcomeUnknown):
            await desk.send(await desk.request())
        hide_orders(desk)
        await desk.sleep(4 * SECOND_NS)
        async with desk.open() as again:
            reader = again if restarts else desk
            with pytest.raises(BadResponse) as caught:
                await reader.trading.fetch_fills(0)
            assert caught.value.code == "no_owner"
            desk.wire.change = None
            assert await names(reader) == ["mine-1"]

    bench(body)


def test_an_order_in_doubt_keeps_fills_of_its_own_contract_from_being_foreign(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.script.plan("send_order", before=OutcomeUnknown("scripted"))
        with pytest.raises(OutcomeUnknown):
            await desk.send(await desk.request())
        with_fill(desk, contractId="30000002")
        assert await names(desk) == ["foreign-777"]
        with_fill(desk, id="564999000000000002", orderId="778")
        with pytest.raises(BadResponse, match="does not tell"):
            await desk.trading.fetch_fills(0)
        await desk.sleep(desk.exchange.traits.order_validity_ns + desk.exchange.traits.read_after_write_ns)
        assert sorted(await names(desk)) == ["foreign-777", "foreign-778"]

    bench(body)


def test_an_order_that_was_refused_or_not_sent_is_not_in_doubt(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        with pytest.raises(Rejected):
            await desk.send(await desk.resting(quantity=desk.instrument.lot_size * 10_000_000))
        await desk.trading.prepare_order(await desk.request())
        with_fill(desk)
        assert await names(desk) == ["foreign-777"]

    bench(body)


def test_the_stream_of_the_account_tells_a_liquidation_at_once(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        def as_liquidation(message: str | bytes) -> list[str | bytes]:
            told = json.loads(message)
            groups = told["content"]["data"] if told["type"] == "trade-event" else {}
            for row in groups.get("orderFillTransaction", []):
                row |= {"isLiquidate": True, "orderId": "777"}
                groups.pop("order", None)
            return [json.dumps(told)]

        desk.wire.tamper = as_liquidation
        listener = Listener(desk.streams.watch_account())
        await desk.sleep(2 * SECOND_NS)
        await desk.send(await desk.request())
        await desk.sleep(2 * SECOND_NS)
        assert "liquidation-777" in {each.client_order_id for each in listener.heard if isinstance(each, Fill)}
        assert len(desk.wire.sockets) == 1
        await listener.stop()

    bench(body)


def test_an_order_is_found_by_our_id_where_its_number_tells_nothing(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.script.plan("send_order", after=OutcomeUnknown("scripted"))
        with pytest.raises(OutcomeUnknown):
            await desk.send(await desk.request())
        desk.wire.change_json(BY_ID, lambda body: {**body, "data": []})
        await desk.sleep(4 * SECOND_NS)
        assert await names(desk) == ["mine-1"]

    bench(body)


def test_the_answer_to_an_order_names_its_fills_where_the_venue_lists_it_nowhere(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        hide_orders(desk)
        with pytest.raises(OutcomeUnknown):
            await desk.send(await desk.request())
        await desk.sleep(MINUTE_NS)
        assert await names(desk) == ["mine-1"]
        async with desk.open() as again:
            assert await names(again) == ["mine-1"]

    bench(body)


def test_more_orders_than_are_remembered_are_no_error(bench: Bench) -> None:
    world = FakeWorld()

    async def first(desk: BenchDesk) -> None:
        await desk.send(await desk.request())
        await desk.send(await desk.request())

    async def second(desk: Any) -> None:
        fills = await desk.trading.fetch_fills(0)
        known = desk.exchange.trading._names._owners
        known.clear()
        # The oldest that is remembered is one of those asked for now, and the other makes it be forgotten.
        known[str(fills[0].exchange_order_id)] = fills[0].client_order_id
        known.update((f"another-{number}", fills[0].client_order_id) for number in range(19_999))
        assert await names(desk) == ["mine-1", "mine-2"]

    bench(first, world=world)
    bench(second, world=world)


class SlowState(MemoryState):
    """Lets others go on while it writes."""

    def __init__(self, desk: BenchDesk) -> None:
        super().__init__()
        self._desk = desk

    async def put(self, key: str, value: str) -> None:
        await self._desk.sleep(MILLISECOND_NS)
        await super().put(key, value)


def test_two_readers_that_find_different_owners_tell_one(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        context = FakeContext(clock=desk.clock, state=SlowState(desk))
        names = OrderNames(context, VenueTime(context, lambda: desk.sleep(0)))
        told = await asyncio.gather(*(names.keep("777", ClientOrderId(each)) for each in ("foreign-777", "mine-1")))
        assert len(set(told)) == 1
        assert await names.owner("777") == told[0]

    bench(body)
