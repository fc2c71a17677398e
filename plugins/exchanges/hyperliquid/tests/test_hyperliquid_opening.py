"""Whose key it is, how the account keeps its money, and what is read."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from arb.api import AuthenticationFailed, BadResponse, Capability, ConfigError, RateLimited, Rejected
from arb.model import HOUR_NS, InstrumentStatus, MarginMode, OrderStatus
from arb_exchange_hyperliquid.fake import AGENT_ADDRESS, AGENT_SECRET, MASTER_ADDRESS, MASTER_SECRET
from arb_exchange_hyperliquid.plugin import PUBLIC

if TYPE_CHECKING:
    from plugins.exchanges.hyperliquid.tests.conftest import Play, Stage

SUB = "0x" + "5b" * 20
AGENT = {"role": "agent", "data": {"user": MASTER_ADDRESS}}


async def refused(stage: Stage, kind: type[Exception], match: str, **settings: Any) -> None:
    with pytest.raises(kind, match=match) as caught:
        async with stage.client(settings):
            pass
    assert AGENT_SECRET[2:] not in str(caught.value)
    assert MASTER_SECRET[2:] not in str(caught.value)


def test_a_wallets_own_key_can_withdraw_and_is_refused_unless_allowed(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        key = {"key": SecretStr(MASTER_SECRET)}
        await refused(stage, ConfigError, "can withdraw", **key)
        async with stage.client({**key, "allow_withdrawal_keys": True}) as exchange:
            order = await stage.trading(exchange).prepare_order(await stage.order(exchange, "a"))
            assert (await stage.trading(exchange).send_order(order)).status is OrderStatus.FILLED

    play(scene)


def test_a_key_that_is_not_approved_is_refused_before_anything_is_sent(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        await refused(stage, AuthenticationFailed, "not approved", key=SecretStr("0x" + "77" * 32))
        assert {path for path, _ in stage.requests} == {"/info"}

    play(scene)


def test_the_agents_own_address_is_no_account(play: Play) -> None:
    play(lambda stage: refused(stage, ConfigError, "name the account", account=AGENT_ADDRESS))


def test_an_account_that_is_not_there_is_told(play: Play) -> None:
    play(lambda stage: refused(stage, AuthenticationFailed, "deposit first", account="0x" + "99" * 20))


def test_a_sub_account_is_traded_for_by_its_masters_agent(play: Play) -> None:
    memory = {
        "account": SUB,
        "roles": {
            MASTER_ADDRESS: {"role": "user"},
            AGENT_ADDRESS: AGENT,
            SUB: {"role": "subAccount", "data": {"master": MASTER_ADDRESS}},
        },
    }

    async def scene(stage: Stage) -> None:
        async with stage.client({"account": SUB}) as exchange:
            order = await stage.trading(exchange).prepare_order(await stage.order(exchange, "a"))
            assert (await stage.trading(exchange).send_order(order)).status is OrderStatus.FILLED
            assert stage.requests[-1][1]["vaultAddress"] == SUB
            assert len(await stage.trading(exchange).fetch_positions()) == 1

    play(scene, memory=memory)


def test_a_sub_account_of_somebody_else_is_refused(play: Play) -> None:
    other = {"role": "subAccount", "data": {"master": "0x" + "11" * 20}}
    memory = {"account": SUB, "roles": {MASTER_ADDRESS: {"role": "user"}, AGENT_ADDRESS: AGENT, SUB: other}}
    play(lambda stage: refused(stage, AuthenticationFailed, "not approved", account=SUB), memory=memory)


def test_a_vault_that_its_leader_trades_for(play: Play) -> None:
    vault = {"role": "vault", "data": {"master": MASTER_ADDRESS}}
    memory = {"account": SUB, "roles": {MASTER_ADDRESS: {"role": "user"}, AGENT_ADDRESS: AGENT, SUB: vault}}

    async def scene(stage: Stage) -> None:
        async with stage.client({"account": SUB}) as exchange:
            assert (await stage.trading(exchange).fetch_balances())[0].equity == stage.world.deposit

    play(scene, memory=memory)


def test_a_key_for_the_other_network_is_refused_by_the_venue(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client({"network": "testnet"}) as exchange:
            ready = await stage.trading(exchange).prepare_order(await stage.order(exchange, "a"))
            with pytest.raises(AuthenticationFailed, match="does not exist"):
                await stage.trading(exchange).send_order(ready)
            assert list(await stage.truth.trading.fetch_orders(0)) == []

    play(scene, memory={"sources": "a"})


def test_without_a_key_it_only_reads(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client({"key": None, "account": None}) as exchange:
            assert exchange.trading is None
            assert exchange.capabilities == PUBLIC
            assert Capability.TRADING not in exchange.capabilities
            assert exchange.streams is not None
            with pytest.raises(ConfigError):
                await anext(exchange.streams.watch_account())
            assert {"userFees", "userRole"} & {asked["type"] for _, asked in stage.requests} == set()

    play(scene)


@pytest.mark.parametrize("mode", ["unifiedAccount", "portfolioMargin"])
def test_a_pooled_account_has_its_money_in_spot(play: Play, mode: str) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client() as exchange:
            ready = await stage.trading(exchange).prepare_order(await stage.order(exchange, "a"))
            await stage.trading(exchange).send_order(ready)
            (mine,) = await stage.trading(exchange).fetch_balances()
            (true,) = await stage.truth.trading.fetch_balances()
            assert (mine.cash, mine.equity, mine.available) == (true.cash, true.equity, true.available)
            assert mine.maintenance_margin == true.maintenance_margin

    play(scene, memory={"abstraction": mode})


def test_a_way_of_keeping_balances_that_is_not_known_is_refused(play: Play) -> None:
    play(lambda stage: refused(stage, ConfigError, "not known here"), memory={"abstraction": "somethingNew"})


def test_a_builders_dex_is_read_where_it_is_asked_for(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client({"dexes": ("xyz",)}) as exchange:
            trading = stage.trading(exchange)
            sol = await stage.instrument(exchange, "SOL")
            assert (sol.id, sol.symbol, sol.asset_class) == ("xyz:SOL-PERP.check", "xyz:SOL", "hip3:xyz")
            assert sol.fees.taker == 2 * (await stage.instrument(exchange)).fees.taker
            ready = await trading.prepare_order(await stage.order(exchange, "a", instrument=sol, quantity=Decimal(2)))
            assert (await trading.send_order(ready)).status is OrderStatus.FILLED
            assert stage.requests[-1][1]["action"]["orders"][0]["a"] == 110_000
            await stage.sleep(1)
            (position,) = await trading.fetch_positions()
            assert (position.instrument, position.quantity) == (sol.id, Decimal(2))
            (mine,), (true,) = await trading.fetch_balances(), await stage.truth.trading.fetch_balances()
            assert (mine.equity, mine.cash) == (true.equity, true.cash), "a currency once, over all dexes"
            assert exchange.streams is not None
            assert (await anext(exchange.streams.watch_order_book(sol.id))).instrument == sol.id
            assert sol.id in {rate.instrument for rate in await exchange.market.fetch_funding_rates()}
        async with stage.client() as exchange:
            assert "SOL" not in {one.base for one in await exchange.market.fetch_instruments()}
            assert list(await stage.trading(exchange).fetch_fills(0)) == [], "of a dex that is not read"

    play(scene, memory={"dex_of": {"SOL": "xyz"}})


def test_a_dex_that_is_not_there_is_named(play: Play) -> None:
    play(lambda stage: refused(stage, ConfigError, "abc", dexes=("abc",)))


def test_a_delisted_coin_keeps_its_place_and_is_never_asked_for(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client() as exchange:
            gone = await stage.instrument(exchange, "MATIC")
            assert gone.status is InstrumentStatus.DELISTED
            for call in (exchange.market.fetch_bbo(gone.id), exchange.market.fetch_order_book(gone.id, 5)):
                with pytest.raises(BadResponse, match="delisted"):
                    await call
            assert exchange.streams is not None
            for stream in (exchange.streams.watch_order_book(gone.id), exchange.streams.watch_trades(gone.id)):
                with pytest.raises(BadResponse, match="delisted"):
                    await anext(stream)
            assert gone.id not in {row.instrument for row in await exchange.market.fetch_stats()}
            ready = await stage.trading(exchange).prepare_order(await stage.order(exchange, "a"))
            await stage.trading(exchange).send_order(ready)
            (fill,) = {one.instrument for one in await stage.trading(exchange).fetch_fills(0)}
            assert fill == "ETH-PERP.check", "the numbers of coins count the delisted one"

    play(scene, memory={"has_delisted": True})


def test_two_accounts_behind_one_address_share_its_budget(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client() as one, stage.client() as other:
            # 840 of the 1200 a minute are for what is not urgent; the opening took its part.
            name, now_ns = (await stage.instrument(one)).id, stage.clock.now_ns()
            for _ in range(9):
                assert await one.market.fetch_funding_history(name, now_ns - 2 * HOUR_NS, now_ns)
            reads = [other.market.fetch_funding_history(name, now_ns - 2 * HOUR_NS, now_ns) for _ in range(40)]
            with pytest.raises(RateLimited, match="our own budget"):
                await asyncio.gather(*reads)

    play(scene)


def test_leverage_is_a_whole_number_and_the_mode_cannot_change_under_a_position(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client() as exchange:
            trading, eth = stage.trading(exchange), await stage.instrument(exchange)
            for leverage in (Decimal("2.5"), Decimal(0), Decimal(1000)):
                with pytest.raises(Rejected, match="whole number"):
                    await trading.set_leverage(eth.id, leverage, MarginMode.CROSS)
            await trading.set_leverage(eth.id, Decimal(3), MarginMode.ISOLATED)
            assert await trading.fetch_leverage(eth.id) == (Decimal(3), MarginMode.ISOLATED)
            await trading.send_order(await trading.prepare_order(await stage.order(exchange, "a")))
            with pytest.raises(Rejected, match="Cannot switch leverage type") as caught:
                await trading.set_leverage(eth.id, Decimal(3), MarginMode.CROSS)
            assert caught.value.code == "leverage_type"

    play(scene)
