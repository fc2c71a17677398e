"""A database of an earlier version, with money at work in it, under the newest arb."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from decimal import Decimal

import pytest

from arb.api import Dialect, Row, SqlValue, Storage, StorageError
from arb.model import (
    DAY_NS,
    ClientOrderId,
    Dust,
    EntryPolicy,
    EventKind,
    ExchangeName,
    ExchangeOrderId,
    FeeSchedule,
    Fill,
    FillId,
    FundingKind,
    FundingRate,
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
    Markout,
    Order,
    OrderMode,
    OrderPurpose,
    OrderRecord,
    OrderReport,
    OrderRequest,
    OrderStatus,
    PositionSide,
    RateUnit,
    Side,
)
from arb.storage import Journal
from arb.storage._schema import MIGRATIONS, Migration, migrate

COIN = InstrumentId("COIN-PERP.one"), InstrumentId("COIN-PERP.two")

NewStorage = Callable[[], AbstractAsyncContextManager[Storage]]


def rate_row(instrument: InstrumentId, ts_ns: int) -> Mapping[str, SqlValue]:
    return {
        "instrument": instrument,
        "ts_event_ns": ts_ns,
        "ts_init_ns": ts_ns + 1,
        "raw": f"0.00{ts_ns % 1000}",
        "unit_factor": "1",
        "unit_period_ns": 3_600_000_000_000,
        "interval_ns": 3_600_000_000_000,
        "next_funding_ns": None,
    }


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
    "predicted_funding_rates": [rate_row(key, ts_ns) for key in COIN for ts_ns in (5, DAY_NS, DAY_NS + 7, 9 * DAY_NS)],
    "settled_funding_rates": [rate_row(key, ts_ns) for key in COIN for ts_ns in (1, 2)],
    "latest_funding_rates": [
        {"kind": kind, "instrument": key, "ts_event_ns": ts_ns}
        for key in COIN
        for kind, ts_ns in (("predicted", 9 * DAY_NS), ("settled", 2))
    ],
    "events": [
        {"ts_ns": 31, "kind": "hedge.opened", "subject": "stands", "message": "", "severity": "info", "data": "{}"}
    ],
    "cursors": [{"exchange": "one", "what": "fills", "position": 33}],
    "run_state": [{"name": "clock_ns", "number": 50}],
}
# Version 2 knew how an entry is filled, repaired hedges, and wrote more beside the orders.
VERSION_2: Mapping[str, Sequence[Mapping[str, SqlValue]]] = {
    **VERSION_1,
    "instruments": [{**row, "closing_min_notional": "5"} for row in VERSION_1["instruments"]],
    "hedges": [
        {**row, "repairing_ns": None, "entry_mode": "post_only", "leg_order": "pilot_first", "rest_ns": 7}
        for row in VERSION_1["hedges"]
    ],
    "orders": [{**row, "mode": "post_only", "rest_until_ns": 39} for row in VERSION_1["orders"]],
    "order_reports": [
        {
            "client_order_id": "stands-0",
            "ts_ns": 33,
            "status": "filled",
            "filled_quantity": "3",
            "average_price": "100.5",
            "source": "stream",
            "reason": "",
        }
    ],
    "markouts": [{"client_order_id": "stands-0", "horizon_ns": 1, "mid_price": "100.75", "ts_ns": 34}],
    "dust": [
        {
            "hedge_id": "over",
            "leg_index": 0,
            "instrument": COIN[0],
            "quantity": "0.001",
            "price": "99",
            "declared_ns": 21,
        }
    ],
    "leases": [{"account": "one", "holder": "a:1:1", "token": 4, "expires_ns": 60}],
}
WRITTEN = {1: VERSION_1, 2: VERSION_2}


async def write_version(storage: Storage, version: int) -> None:
    """Make the tables as an arb of a version did, and what it wrote."""
    async with storage.transaction() as raw:
        assert await migrate(raw, storage.dialect, MIGRATIONS[:version]) == version
        for table, rows in WRITTEN[version].items():
            for row in rows:
                marks = ", ".join("?" * len(row))
                await raw.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))


def upgraded(new_storage: NewStorage, body: Callable[[Journal], Awaitable[None]], version: int = 1) -> None:
    """Write a database of a version, open it, and run a body on its journal."""

    async def run() -> None:
        async with new_storage() as storage:
            await write_version(storage, version)
            await body(await Journal.open(storage))
            async with storage.transaction() as raw:
                assert await raw.query("SELECT version FROM schema_version") == [{"version": MIGRATIONS[-1].version}]

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


def test_hedges_orders_and_fills_are_what_they_were(new_storage: NewStorage) -> None:
    async def body(journal: Journal) -> None:
        over, *rest = await journal.hedges()
        assert rest == [STANDS, MOVES]
        assert (over.id, over.status, over.closing_ns, over.is_flat) == ("over", HedgeStatus.CLOSED, 20, True)
        assert await journal.orders() == (order("moves"), FILLED)
        assert await journal.fills(hedge_id=STANDS.id) == (FILL,)
        assert await journal.cursor(ExchangeName("one"), "fills") == 33
        assert await journal.clock() == 50

    upgraded(new_storage, body)


def test_what_was_not_known_then_has_the_meaning_it_had_then(new_storage: NewStorage) -> None:
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

    upgraded(new_storage, body)


def test_what_was_under_way_goes_on(new_storage: NewStorage) -> None:
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

    upgraded(new_storage, body)


def test_what_version_2_knew_is_what_it_was(new_storage: NewStorage) -> None:
    entry = EntryPolicy(mode=OrderMode.POST_ONLY, leg_order=LegOrder.PILOT_FIRST, rest_ns=7)

    async def body(journal: Journal) -> None:
        assert await journal.hedge(STANDS.id) == replace(STANDS, entry=entry)
        assert await journal.hedge(MOVES.id) == replace(MOVES, entry=entry)
        resting = [replace(one, mode=OrderMode.POST_ONLY, rest_until_ns=39) for one in (order("moves"), FILLED)]
        assert list(await journal.orders()) == resting
        assert await journal.fills(hedge_id=STANDS.id) == (FILL,)
        assert [one.closing_min_notional for one in await journal.instruments()] == [Decimal(5)]
        assert await journal.lease(ExchangeName("one")) == Lease(
            account=ExchangeName("one"), holder="a:1:1", token=4, expires_ns=60
        )
        assert await journal.order_reports(ClientOrderId("stands-0")) == (
            OrderReport(
                client_order_id=ClientOrderId("stands-0"),
                ts_ns=33,
                status=OrderStatus.FILLED,
                filled_quantity=Decimal(3),
                average_price=Decimal("100.5"),
                source="stream",
            ),
        )
        assert await journal.markouts() == (
            Markout(client_order_id=ClientOrderId("stands-0"), horizon_ns=1, mid_price=Decimal("100.75"), ts_ns=34),
        )
        assert await journal.dust() == (
            Dust(
                hedge_id=HedgeId("over"),
                leg_index=0,
                instrument=COIN[0],
                quantity=Decimal("0.001"),
                price=Decimal(99),
                declared_ns=21,
            ),
        )

    upgraded(new_storage, body, 2)


def rate(instrument: InstrumentId, ts_ns: int, kind: FundingKind) -> FundingRate:
    return FundingRate(
        instrument=instrument,
        raw=Decimal(f"0.00{ts_ns % 1000}"),
        unit=RateUnit(factor=Decimal(1), period_ns=3_600_000_000_000),
        interval_ns=3_600_000_000_000,
        kind=kind,
        ts_event_ns=ts_ns,
        ts_init_ns=ts_ns + 1,
    )


@pytest.mark.parametrize("version", sorted(WRITTEN))
def test_the_history_of_rates_and_the_newest_ones_are_what_they_were(new_storage: NewStorage, version: int) -> None:
    async def body(journal: Journal) -> None:
        stored_at = {FundingKind.PREDICTED: (5, DAY_NS, DAY_NS + 7, 9 * DAY_NS), FundingKind.SETTLED: (1, 2)}
        for kind, moments in stored_at.items():
            for key in COIN:
                stored = await journal.funding_rates(key, kind, 0, 1 << 62)
                assert list(stored) == [rate(key, ts_ns, kind) for ts_ns in moments]
            newest = await journal.latest_funding_rates(kind)
            assert list(newest) == [rate(key, moments[-1], kind) for key in COIN]
        more = [rate(COIN[0], ts_ns, FundingKind.PREDICTED) for ts_ns in (DAY_NS + 8, 2 * DAY_NS, 30 * DAY_NS)]
        async with journal.transaction() as tx:
            await tx.add_funding_rates(more)
        assert len(await journal.funding_rates(COIN[0], FundingKind.PREDICTED, 0, 1 << 62)) == 7
        assert (await journal.latest_funding_rates(FundingKind.PREDICTED))[0] == more[-1]
        assert [event.kind for _, event in await journal.events(limit=0)] == [EventKind.HEDGE_OPENED]

    upgraded(new_storage, body, version)


SHAPES = {
    Dialect.SQLITE: (
        "SELECT name, type, tbl_name AS at FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name, type",
    ),
    Dialect.POSTGRESQL: (
        "SELECT tablename::text AS at, regexp_replace(indexdef, 'INDEX [a-z0-9_]+ ON', 'INDEX ON') AS how"
        " FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1, 2",
        "SELECT tgname::text AS name, tgrelid::regclass::text AS at FROM pg_trigger WHERE NOT tgisinternal",
        "SELECT inhparent::regclass::text AS of, inhrelid::regclass::text AS name FROM pg_inherits"
        " WHERE inhparent IN ('predicted_funding_rates'::regclass, 'market_stats'::regclass) ORDER BY 1, 2",
    ),
}


@pytest.mark.parametrize("version", sorted(WRITTEN))
def test_an_upgraded_database_has_the_tables_indexes_and_days_of_a_new_one(
    new_storage: NewStorage, version: int
) -> None:
    async def shape(storage: Storage) -> list[list[Row]]:
        async with storage.transaction() as raw:
            return [await raw.query(sql) for sql in SHAPES[storage.dialect]]

    async def run() -> None:
        async with new_storage() as storage:
            await write_version(storage, version)
            await Journal.open(storage)
            upgraded = await shape(storage)
        async with new_storage() as storage:
            journal = await Journal.open(storage)
            async with journal.transaction() as tx:
                await tx.add_funding_rates([rate(COIN[0], day * DAY_NS, FundingKind.PREDICTED) for day in (0, 1, 9)])
            assert await shape(storage) == upgraded
        if storage.dialect is Dialect.POSTGRESQL:
            days = [f"predicted_funding_rates_{date}" for date in ("19700101", "19700102", "19700110")]
            assert [row["name"] for row in upgraded[2]] == days
            assert any("(instrument, ts_event_ns)" in str(row["how"]) for row in upgraded[0])

    asyncio.run(run())


@pytest.mark.parametrize("version", sorted(WRITTEN))
def test_an_upgrade_that_breaks_off_leaves_the_old_version_as_it_was(new_storage: NewStorage, version: int) -> None:
    *older, step = MIGRATIONS[: version + 1]

    async def run() -> None:
        async with new_storage() as storage:
            further = step.postgresql if storage.dialect is Dialect.POSTGRESQL else ()
            statements = (*step.statements, *further, "CREATE TABLE hedges (a TEXT)")
            broken = Migration(version=step.version, statements=statements)
            await write_version(storage, version)
            with pytest.raises(StorageError, match=rf"schema version {version} .* could not be brought forward"):
                async with storage.transaction() as raw:
                    await migrate(raw, storage.dialect, (*older, broken))
            async with storage.transaction() as raw:
                assert await raw.query("SELECT version FROM schema_version") == [{"version": version}]
                assert len(await raw.query("SELECT * FROM predicted_funding_rates")) == 8
            hedge = await (await Journal.open(storage)).hedge(STANDS.id)
            assert hedge is not None
            assert (hedge.status, hedge.legs) == (HedgeStatus.OPEN, STANDS.legs)

    asyncio.run(run())
