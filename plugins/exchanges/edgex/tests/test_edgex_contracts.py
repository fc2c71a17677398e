"""Contracts that are odd, or that the venue does not list: what is held there is told, and hides nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from arb.api import Rejected
from arb.model import MINUTE_NS, InstrumentStatus, OrderStatus
from arb.testing import Bench, BenchDesk, FakeWorld, MemoryState

BTC, UNLISTED = "BTC-PERP.check", "contract-30000001-PERP.check"
META = "getMetaData"


def of_rows(change: Callable[[list[Any]], list[Any]]) -> Callable[[Any], Any]:
    """Return the change of an answer that changes the rows of contracts."""

    def changed(body: Any) -> Any:
        return {**body, "data": {**body["data"], "contractList": change(body["data"]["contractList"])}}

    return changed


def missing(rows: list[Any]) -> list[Any]:
    return rows[1:]


def unreadable(rows: list[Any]) -> list[Any]:
    return [{**rows[0], "stepSize": "x"}, *rows[1:]]


async def all_of(desk: BenchDesk) -> dict[str, set[str]]:
    """Return in which instruments the account has something, call by call."""
    trading = desk.trading
    await trading.fetch_balances()
    return {
        "positions": {each.instrument for each in await trading.fetch_positions()},
        "orders": {each.request.instrument for each in await trading.fetch_open_orders()},
        "fills": {each.instrument for each in await trading.fetch_fills(0)},
        "payments": {each.instrument for each in await trading.fetch_funding_payments(0)},
    }


async def hold_two(desk: BenchDesk) -> BenchDesk:
    """Hold something of everything in the first two contracts; return the desk of the second one."""
    _, second, *_ = await desk.exchange.market.fetch_instruments()
    other = replace(desk, instrument=second)
    for each in (desk, other):
        await each.send(await each.request())
    await desk.sleep(61 * MINUTE_NS)
    for each in (desk, other):
        await each.send(await each.resting())
    return other


@pytest.mark.parametrize("change", [missing, unreadable])
@pytest.mark.parametrize("memory", [None, MemoryState()])
def test_what_is_held_in_a_contract_that_is_not_listed_is_told_after_a_restart(
    bench: Bench, change: Callable[[list[Any]], list[Any]], memory: MemoryState | None
) -> None:
    """With the memory of the plugin, and without: then it goes by its number, unless its row tells its name."""

    async def body(desk: BenchDesk) -> None:
        other = await hold_two(desk)
        desk.wire.change_json(META, of_rows(change))
        state = desk.world.client_state if memory is None else MemoryState()
        name = UNLISTED if memory is not None and change is missing else BTC
        async with desk.open(state=state) as again:
            assert name not in {each.id for each in await again.exchange.market.fetch_instruments()}
            found = await all_of(again)
            assert found == {key: {name, other.instrument.id} for key in found}
            (held,) = (each for each in await again.trading.fetch_positions() if each.instrument == name)
            assert held.quantity == desk.instrument.lot_size * desk.lots
            await again.trading.cancel_all(held.instrument)
            assert {each.request.instrument for each in await again.trading.fetch_open_orders()} == {
                other.instrument.id
            }
            await again.trading.cancel_all()
            assert await again.trading.fetch_open_orders() == []

    bench(body)


def test_an_order_in_a_contract_that_is_not_listed_is_found_and_cancelled_after_a_restart(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.resting()
        await desk.send(request)
        desk.wire.change_json(META, of_rows(missing))
        async with desk.open() as again:
            where = desk.instrument.id, request.client_order_id
            assert (await again.trading.fetch_order(*where)).status is OrderStatus.OPEN
            await again.trading.cancel_order(*where)
            assert (await again.trading.fetch_order(*where)).status is OrderStatus.CANCELLED
            with pytest.raises(Rejected):  # its rules are not known: nothing can be signed for it
                await again.trading.prepare_order(await desk.request())

    bench(body)


def test_the_name_that_a_number_was_told_under_stays(bench: Bench) -> None:
    """A fill never changes its instrument, not even when the venue lists the contract again."""

    async def body(desk: BenchDesk) -> None:
        await hold_two(desk)
        memory = MemoryState()
        desk.wire.change_json(META, of_rows(missing))
        async with desk.open(state=memory) as again:
            before = [(each.fill_id, each.instrument) for each in await again.trading.fetch_fills(0)]
        desk.wire.change = None
        for _ in range(2):
            async with desk.open(state=memory) as again:
                fills = [(each.fill_id, each.instrument) for each in await again.trading.fetch_fills(0)]
                assert fills[: len(before)] == before
                listed = {each.id: each for each in await again.exchange.market.fetch_instruments()}
                (bitcoin,) = (each for each in listed.values() if each.base == "BTC")
                assert bitcoin.id == UNLISTED
                assert (await again.send(await replace(again, instrument=bitcoin).request())).filled_quantity

    bench(body)


def test_a_contract_that_is_new_is_looked_for_before_it_is_called_by_its_number(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        news = [missing]
        desk.wire.change_json(META, lambda body: of_rows(news[0])(body) if news else body)
        async with desk.open(state=MemoryState()) as again:
            await again.exchange.market.fetch_instruments()
            await hold_two(desk)
            news.clear()
            assert {each.instrument for each in await again.trading.fetch_positions()} >= {BTC}

    bench(body)


class CountingState(MemoryState):
    """Counts what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.puts: list[str] = []

    async def put(self, key: str, value: str) -> None:
        self.puts.append(key)
        await super().put(key, value)


def test_names_are_written_when_they_change(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        state = CountingState()
        for _ in range(2):
            async with desk.open(state=state) as again:
                for _ in range(3):
                    await again.exchange.market.fetch_instruments()
                    await again.trading.fetch_positions()
        assert state.puts == ["contracts"]

    bench(body)


def with_old(**changes: Any) -> Callable[[list[Any]], list[Any]]:
    """List the first contract anew under another number, and the old one with these changes."""
    return lambda rows: [{**rows[0], **changes}, {**rows[0], "contractId": "30000099"}, *rows[1:]]


@pytest.mark.parametrize("restarts", [False, True])
def test_an_old_contract_beside_the_one_that_took_its_name_hides_nothing(
    bench: Bench, caplog: Any, restarts: bool
) -> None:
    async def body(desk: BenchDesk) -> None:
        other = await hold_two(desk)
        desk.wire.change_json(META, of_rows(with_old(enableTrade=False)))
        async with desk.open() as again:
            reader = again if restarts else desk
            listed = {each.id: each for each in await reader.exchange.market.fetch_instruments()}
            assert listed[desk.instrument.id].status is InstrumentStatus.TRADING
            found = await all_of(reader)
            assert found == {key: {desk.instrument.id, other.instrument.id} for key in found}
            # The fake venue does not know the new number, and refuses it: orders in the old one are cancelled.
            with pytest.raises(Rejected):
                await reader.trading.cancel_all(desk.instrument.id)
            assert len(await reader.trading.fetch_open_orders()) == 1
        assert "BTC-PERP.check is contract 30000099, not 30000001" in caplog.text

    bench(body)


def test_positions_in_an_old_contract_and_in_the_new_one_are_told_apart(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.request())
        desk.wire.change_json(META, of_rows(with_old(enableTrade=False)))

        def both_held(body: Any) -> Any:
            data = body["data"]
            more = {
                name: [*data[name], {**data[name][0], "contractId": "30000099"}]
                for name in ("positionList", "positionAssetList")
            }
            return {**body, "data": {**data, **more}}

        desk.wire.change_json("getAccountAsset", both_held)
        await desk.exchange.market.fetch_instruments()
        assert [each.instrument for each in await desk.trading.fetch_positions()] == [UNLISTED, BTC]

    bench(body)


def test_two_contracts_that_trade_under_one_name_are_left_out_and_hide_nothing(bench: Bench, caplog: Any) -> None:
    async def body(desk: BenchDesk) -> None:
        other = await hold_two(desk)
        desk.wire.change_json(META, of_rows(with_old()))
        async with desk.open() as again:
            assert BTC not in {each.id for each in await again.exchange.market.fetch_instruments()}
            found = await all_of(again)
            assert found == {key: {BTC, other.instrument.id} for key in found}
            await again.trading.cancel_all()
        assert "is not the only one that would be BTC-PERP.check" in caplog.text

    bench(body, world=FakeWorld())
