"""The double-entry ledger under load: random fills, payments and transfers, listed twice and out of order.

    python benchmarks/ledger.py [--events N] [--batch N] [--folder DIR]

What is real: the journal on the SQLite storage plugin, synced to disk, with all its checks; every event
is listed at least once and every second one again, in shuffled order, as overlapping backfills do. The
venues keep books of their own in exact arithmetic, and what the ledger does not explain of them has to
be zero to the last digit. The floor is the same rows of the ledger's tables written by bare sqlite3 with
executemany in transactions of the same size.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sqlite3
import tempfile
import time
from collections import defaultdict
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from arb.model import (
    ZERO,
    ClientOrderId,
    ExchangeOrderId,
    Fill,
    FillId,
    FundingPayment,
    InstrumentId,
    Liquidity,
    PaymentId,
    Side,
    Transfer,
    TransferId,
    TransferKind,
    exchange_of,
)
from arb.runtime import probe_context
from arb.storage import EntryFilter, Journal, exact_sums
from arb.testing import sample_instrument
from arb_storage_sqlite.plugin import arb_storages

Happened = Fill | FundingPayment | Transfer
VENUES = 5
BASES = ("BTC", "ETH", "SOL", "HYPE")


class Venues:
    """Exact books of what happened, kept without the ledger."""

    def __init__(self, chance: random.Random) -> None:  # noqa: TID251 - the type
        self.chance = chance
        self.cash: defaultdict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
        self.held: defaultdict[InstrumentId, Decimal] = defaultdict(lambda: ZERO)
        self.instruments = [sample_instrument(f"v{number}", base) for number in range(VENUES) for base in BASES]

    def event(self, number: int) -> Happened:
        """Make one event and keep the books."""
        kind = self.chance.random()
        instrument = self.chance.choice(self.instruments)
        ts_ns = number * 1_000_000_000
        if kind < 0.7:
            return self._fill(number, instrument.id, ts_ns)
        amount = Decimal(self.chance.randint(-(10**9), 10**9)).scaleb(-8)
        self.cash[instrument.exchange, "USDC"] += amount
        if kind < 0.98:
            return FundingPayment(
                payment_id=PaymentId(f"p{number}"),
                instrument=instrument.id,
                amount=amount,
                currency="USDC",
                settled_ns=ts_ns,
            )
        return Transfer(
            transfer_id=TransferId(f"t{number}"),
            exchange=instrument.exchange,
            kind=self.chance.choice(list(TransferKind)),
            currency="USDC",
            amount=amount,
            ts_event_ns=ts_ns,
        )

    def _fill(self, number: int, instrument: InstrumentId, ts_ns: int) -> Fill:
        side = self.chance.choice(list(Side))
        price = Decimal(self.chance.randint(10**4, 10**7)).scaleb(-2)
        quantity = Decimal(self.chance.randint(1, 10**5)).scaleb(-4)
        fee = Decimal(self.chance.randint(-(10**5), 10**6)).scaleb(-8)
        exchange = exchange_of(instrument)
        self.held[instrument] += quantity * side.sign
        self.cash[exchange, "USDC"] -= quantity * side.sign * price + fee
        return Fill(
            fill_id=FillId(f"f{number}"),
            client_order_id=ClientOrderId(f"o{number}"),
            exchange_order_id=ExchangeOrderId(f"x{number}"),
            instrument=instrument,
            side=side,
            price=price,
            quantity=quantity,
            fee=fee,
            fee_currency="USDC",
            liquidity=Liquidity.TAKER,
            ts_event_ns=ts_ns,
        )


async def book(journal: Journal, listed: list[Happened], batch: int) -> tuple[int, float]:
    """Store what is listed, batch by batch; return how many were new, and the seconds it took."""
    new, begin = 0, time.perf_counter()
    for start in range(0, len(listed), batch):
        part = listed[start : start + batch]
        async with journal.transaction() as tx:
            new += len(await tx.add_fills([one for one in part if isinstance(one, Fill)]))
            new += len(await tx.add_funding_payments([one for one in part if isinstance(one, FundingPayment)]))
            new += len(await tx.add_transfers([one for one in part if isinstance(one, Transfer)]))
    return new, time.perf_counter() - begin


def unexplained(venues: Venues, balances: dict[tuple[str, str], Decimal]) -> Decimal:
    """Return what the ledger leaves of the venues' books, all amounts added without their sign."""
    left = ZERO
    with exact_sums():
        for (exchange, currency), amount in venues.cash.items():
            left += abs(amount - balances.get((f"assets:wallet:{exchange}", currency), ZERO))
        for instrument, quantity in venues.held.items():
            left += abs(quantity - balances.get((f"assets:contracts:{instrument}", instrument), ZERO))
    return left


def floor_seconds(database: Path, batch: int) -> float:
    """Return the time of writing the same rows with bare sqlite3."""
    with closing(sqlite3.connect(database)) as source:
        tables = {
            name: (sql, source.execute(f"SELECT * FROM {name}").fetchall())
            for name, sql in source.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name IN"
                " ('fills', 'funding_payments', 'transfers', 'ledger_entries', 'ledger_lines')"
            ).fetchall()
        }
    target = database.with_suffix(".floor")
    with closing(sqlite3.connect(target, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        for sql, _ in tables.values():
            connection.execute(sql)
        begin = time.perf_counter()
        for name, (_, rows) in tables.items():
            marks = ", ".join("?" * len(rows[0]))
            for start in range(0, len(rows), batch):
                connection.execute("BEGIN")
                connection.executemany(f"INSERT INTO {name} VALUES ({marks})", rows[start : start + batch])
                connection.execute("COMMIT")
        return time.perf_counter() - begin


async def measure(events: int, batch: int, folder: Path) -> None:
    """Print the figures."""
    chance = random.Random(7)  # noqa: TID251 - the same events in every run
    venues = Venues(chance)
    with exact_sums():
        happened = [venues.event(number) for number in range(events)]
    listed = happened + happened[::2]
    chance.shuffle(listed)
    database = folder / "ledger.sqlite3"
    (spec,) = arb_storages()
    async with probe_context("main") as context:
        settings = spec.settings.model_validate({"path": str(database)})
        async with spec.open(settings, context) as storage:
            journal = await Journal.open(storage)
            async with journal.transaction() as tx:
                await tx.put_instruments(venues.instruments, 0)
            new, seconds = await book(journal, listed, batch)
            begin = time.perf_counter()
            balances = dict(await journal.ledger_balances(EntryFilter()))
            read_s = time.perf_counter() - begin
            missing = sum((await journal.unbooked()).values())
    floor_s = floor_seconds(database, batch)
    left = unexplained(venues, balances)
    print(f"{events:,} events, listed {len(listed):,} times in any order, {batch:,} a transaction")
    print(f"booked: {new:,} ({new - events:+d} duplicates), {missing} not booked, unexplained {left}")
    print(f"entries a second: {new / seconds:,.0f} ({seconds:.1f} s)")
    print(f"beside bare sqlite3 writing the same rows: {seconds / floor_s:.1f} x ({floor_s:.1f} s)")
    print(f"exact balances of {len(balances)} accounts from all lines, each entry checked again: {read_s:.1f} s")
    if left or missing or new != events:
        raise SystemExit("the ledger is not the venues' books")


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=1_000)
    parser.add_argument("--folder", type=Path, help="Where the database is written; a temporary folder without it.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        asyncio.run(measure(given.events, given.batch, Path(folder)))


if __name__ == "__main__":
    main()
