"""A database of an earlier version, with money at work in it, under the newest arb."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from arb.api import Dialect, SqlValue, StorageError
from arb.model import (
    ClientOrderId,
    EntryPolicy,
    ExchangeName,
    ExchangeOrderId,
    FeeSchedule,
    Fill,
    FillId,
    Hedge,
    HedgeId,
    HedgeStatus,
    Instrument,
    InstrumentId,
    Lease,
    Leg,
    LegOrder,
    Liquidity,
    MarginTier,
    Order,
    OrderMode,
    OrderPurpose,
    OrderRecord,
    OrderRequest,
    OrderStatus,
    PositionSide,
    Side,
)
from arb.storage import Journal
from arb.storage._schema import MIGRATIONS, Migration, migrate
from arb.testing import MemoryStorage

COIN = InstrumentId("COIN-PERP.one"), InstrumentId("COIN-PERP.two")

# What an arb with schema version 1 wrote, column by column: an open hedge, one that was interrupted
# while it was opened with an order in doubt, and one that is over.
VERSION_1: Mapping[str, Sequence[Mapping[str, SqlValue]]] = {
    "instruments": [
        {
            "instrument": COIN[0],
            "effective_from_ns": 1,
            "symbol": "COINUSDC",
            "base": "COIN",
            "quote": "USDC",
            "tick_size": "0.1",
            "lot_size": "0.01",
            "maker_fee": "-0.0001",
            "taker_fee": "0.0005",
            "margin_tiers": '[[null, "0.01", "20"]]',
            "funding_interval_ns": 3_600_000_000_000,
            "min_quantity": "0.01",
            "min_notional": "10",
            "max_quantity": None,
            "multiplier": "1",
            "funding_price_base": "mark",
            "asset_class": "crypto",
            "status": "trading",
        }
    ],
    "hedges": [
        {
            "hedge_id": hedge_id,
            "strategy": "carry",
            "base": "COIN",
            "status": status,
            "created_ns": created_ns,
            "max_slippage_bps": "12.50",
            "entry_reason": "carry of 3 bps",
            "entry_numbers": '{"carry_bps": "3.0"}',
            "opened_ns": opened_ns,
            "closing_ns": closing_ns,
            "closed_ns": closing_ns,
            "exit_reason": "",
            "exit_numbers": "{}",
        }
        for hedge_id, status, created_ns, opened_ns, closing_ns in (
            ("over", "closed", 10, 11, 20),
            ("stands", "open", 30, 31, None),
            ("moves", "opening", 40, None, None),
        )
    ],
    "legs": [
        {
            "hedge_id": hedge_id,
            "leg_index": index,
            "instrument": instrument,
            "side": ("long", "short")[index],
            "target_quantity": "3",
            "multiplier": "1",
            "entry_quantity": filled,
            "entry_price": None if filled == "0" else "100.5",
            "exit_quantity": "3" if hedge_id == "over" else "0",
            "exit_price": "99" if hedge_id == "over" else None,
        }
        for hedge_id, filled in (("over", "3"), ("stands", "3"), ("moves", "0"))
        for index, instrument in enumerate(COIN)
    ],
    "orders": [
        {
            "client_order_id": f"{hedge_id}-0",
            "hedge_id": hedge_id,
            "leg_index": 0,
            "purpose": "entry",
            "attempt": 0,
            "arrival_price": "100.25",
            "created_ns": 32,
            "instrument": COIN[0],
            "side": "buy",
            "quantity": "3",
            "price": "101",
            "time_in_force": "ioc",
            "post_only": 0,
            "reduce_only": 0,
            "status": status,
            "exchange_order_id": exchange_order_id,
            "filled_quantity": filled,
            "average_price": average,
            "ts_event_ns": 33,
            "reason": reason,
        }
        for hedge_id, status, exchange_order_id, filled, average, reason in (
            ("moves", "in_doubt", None, "0", None, "no answer within 10 s"),
            ("stands", "filled", "x1", "3", "100.5", ""),
        )
    ],
    "fills": [
        {
            "exchange": "one",
            "fill_id": "f1",
            "client_order_id": "stands-0",
            "exchange_order_id": "x1",
            "instrument": COIN[0],
            "side": "buy",
            "price": "100.5",
            "quantity": "3",
            "fee": "0.15075",
            "fee_currency": "USDC",
            "liquidity": "taker",
            "ts_event_ns": 33,
            "realized_pnl": None,
        }
    ],
    "cursors": [{"exchange": "one", "what": "fills", "position": 33}],
    "run_state": [{"name": "clock_ns", "number": 50}],
}


async def version_1(storage: MemoryStorage) -> None:
    async with storage.transaction() as raw:
        assert await migrate(raw, Dialect.SQLITE, MIGRATIONS[:1]) == 1
        for table, rows in VERSION_1.items():
            for row in rows:
                marks = ", ".join("?" * len(row))
                await raw.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))


def upgraded(body: Callable[[Journal], Awaitable[None]]) -> None:
    async def run() -> None:
        storage = MemoryStorage()
        await version_1(storage)
        await body(await Journal.open(storage))
        async with storage.transaction() as raw:
            assert await raw.query("SELECT version FROM schema_version") == [{"version": MIGRATIONS[-1].version}]
        storage.close()

    asyncio.run(run())


def hedge(hedge_id: str, status: HedgeStatus, created_ns: int, filled: str = "0") -> Hedge:
    legs = tuple(
        Leg(
            instrument=instrument,
            side=side,
            target_quantity=Decimal(3),
            multiplier=Decimal(1),
            entry_quantity=Decimal(filled),
            entry_price=None if filled == "0" else Decimal("100.5"),
        )
        for instrument, side in zip(COIN, (PositionSide.LONG, PositionSide.SHORT), strict=True)
    )
    return Hedge(
        id=HedgeId(hedge_id),
        strategy="carry",
        base="COIN",
        legs=legs,
        status=status,
        created_ns=created_ns,
        max_slippage_bps=Decimal("12.50"),
        entry_reason="carry of 3 bps",
        entry_numbers={"carry_bps": "3.0"},
    )


STANDS = replace(hedge("stands", HedgeStatus.OPEN, 30, "3"), opened_ns=31)
MOVES = hedge("moves", HedgeStatus.OPENING, 40)


def order(hedge_id: str) -> OrderRecord:
    request = OrderRequest(
        client_order_id=ClientOrderId(f"{hedge_id}-0"),
        instrument=COIN[0],
        side=Side.BUY,
        quantity=Decimal(3),
        price=Decimal(101),
    )
    return OrderRecord(
        order=Order(request=request, status=OrderStatus.IN_DOUBT, ts_event_ns=33, reason="no answer within 10 s"),
        hedge_id=HedgeId(hedge_id),
        leg_index=0,
        purpose=OrderPurpose.ENTRY,
        attempt=0,
        arrival_price=Decimal("100.25"),
        created_ns=32,
    )


FILLED = replace(
    order("stands"),
    order=replace(
        order("stands").order,
        status=OrderStatus.FILLED,
        exchange_order_id=ExchangeOrderId("x1"),
        filled_quantity=Decimal(3),
        average_price=Decimal("100.5"),
        reason="",
    ),
)
FILL = Fill(
    fill_id=FillId("f1"),
    client_order_id=ClientOrderId("stands-0"),
    exchange_order_id=ExchangeOrderId("x1"),
    instrument=COIN[0],
    side=Side.BUY,
    price=Decimal("100.5"),
    quantity=Decimal(3),
    fee=Decimal("0.15075"),
    fee_currency="USDC",
    liquidity=Liquidity.TAKER,
    ts_event_ns=33,
)


def test_hedges_orders_and_fills_are_what_they_were() -> None:
    async def body(journal: Journal) -> None:
        over, *rest = await journal.hedges()
        assert rest == [STANDS, MOVES]
        assert (over.id, over.status, over.closing_ns, over.is_flat) == ("over", HedgeStatus.CLOSED, 20, True)
        assert await journal.orders() == (order("moves"), FILLED)
        assert await journal.fills(hedge_id=STANDS.id) == (FILL,)
        assert await journal.cursor(ExchangeName("one"), "fills") == 33
        assert await journal.clock() == 50

    upgraded(body)


def test_what_was_not_known_then_has_the_meaning_it_had_then() -> None:
    """Version 1 sent every leg at once as a taker, never repaired, and knew no minimum for closing."""

    async def body(journal: Journal) -> None:
        for one in await journal.hedges():
            assert one.entry == EntryPolicy(mode=OrderMode.MARKET, leg_order=LegOrder.TOGETHER)
            assert one.repairing_ns is None
        assert {(one.mode, one.rest_until_ns) for one in await journal.orders()} == {(OrderMode.MARKET, None)}
        assert await journal.instruments() == (
            Instrument(
                id=COIN[0],
                symbol="COINUSDC",
                base="COIN",
                quote="USDC",
                tick_size=Decimal("0.1"),
                lot_size=Decimal("0.01"),
                fees=FeeSchedule(maker=Decimal("-0.0001"), taker=Decimal("0.0005")),
                margin_tiers=(
                    MarginTier(max_notional=None, maintenance_rate=Decimal("0.01"), max_leverage=Decimal(20)),
                ),
                funding_interval_ns=3_600_000_000_000,
                min_quantity=Decimal("0.01"),
                min_notional=Decimal(10),
                closing_min_notional=Decimal(0),
                effective_from_ns=1,
            ),
        )
        assert await journal.markouts() == ()
        assert await journal.dust() == ()
        assert await journal.order_reports(ClientOrderId("stands-0")) == ()
        assert await journal.lease(ExchangeName("one")) is None

    upgraded(body)


def test_what_was_under_way_goes_on() -> None:
    async def body(journal: Journal) -> None:
        doubted = order("moves")
        known = replace(doubted, order=replace(doubted.order, status=OrderStatus.NOT_SENT, reason="proved absent"))
        repaired = replace(STANDS, status=HedgeStatus.REPAIRING, repairing_ns=60)
        async with journal.transaction() as tx:
            assert await tx.swap_lease(None, Lease(account=ExchangeName("one"), holder="a:1:1", token=1, expires_ns=9))
            await tx.put_order(known)
            await tx.put_hedge(replace(MOVES, status=HedgeStatus.ABANDONED, closed_ns=60))
            await tx.put_hedge(repaired)
            assert await tx.add_fills([FILL]) == ()
        assert await journal.order(ClientOrderId("moves-0")) == known
        assert await journal.hedge(STANDS.id) == repaired

    upgraded(body)


def test_an_upgrade_that_breaks_off_leaves_version_1_as_it_was() -> None:
    _, second, *_ = MIGRATIONS
    broken = (MIGRATIONS[0], Migration(version=2, statements=(*second.statements, "CREATE TABLE hedges (a TEXT)")))

    async def run() -> None:
        storage = MemoryStorage()
        await version_1(storage)
        with pytest.raises(StorageError, match=r"schema version 1 .* could not be brought forward"):
            async with storage.transaction() as raw:
                await migrate(raw, Dialect.SQLITE, broken)
        async with storage.transaction() as raw:
            assert await raw.query("SELECT version FROM schema_version") == [{"version": 1}]
            assert await raw.query("SELECT name FROM sqlite_master WHERE name = 'leases'") == []
        assert (await (await Journal.open(storage)).hedge(STANDS.id)) == STANDS
        storage.close()

    asyncio.run(run())
