"""Storages under the load of a whole market: 1,800 funding rates a minute over a long history.

Run: `python benchmarks/storage.py [--rows 10000000] [--only sqlite|postgres] [--folder DIR]`. The floor in the same
run is the bare driver, doing the same to the same tables: no values are built or checked, nothing is handed to another
thread. A second floor on PostgreSQL is a plain table with one index and no history. Its server is one of tests, which
does not wait for the disk (fsync = off); the floors share that. Figures are medians of interleaved rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import asyncpg

from arb.api import Dialect, Storage
from arb.model import DAY_NS, HOUR_NS, MINUTE_NS, FundingKind, FundingRate, InstrumentId, RateUnit
from arb.storage import Journal, JournalReader
from arb.testing import FakeContext
from arb_storage_postgres._settings import PostgresSettings
from arb_storage_postgres._storage import open_storage as open_postgres
from arb_storage_postgres.testing import running_server
from arb_storage_sqlite._settings import SqliteSettings
from arb_storage_sqlite._storage import open_storage as open_sqlite

T = TypeVar("T")
Row = tuple[Any, ...]

INSTRUMENTS, ROUNDS = 1_800, 15
READ_AHEAD_S: Final = 0.01
START_NS: Final = 20_000 * DAY_NS
IDS: Final = [InstrumentId(f"SYM{number:04d}-PERP.venue{number % 10}") for number in range(INSTRUMENTS)]
COLUMNS: Final = "instrument, ts_event_ns, ts_init_ns, raw, unit_factor, unit_period_ns, interval_ns, next_funding_ns"
NAMES: Final = COLUMNS.split(", ")
TYPES: Final = ("text", "int8", "int8", "numeric", "numeric", "int8", "int8", "int8")
LATEST: Final = f"SELECT {COLUMNS} FROM latest_funding_rates WHERE kind = 'predicted' ORDER BY instrument"
HISTORY: Final = (
    f"SELECT {COLUMNS} FROM predicted_funding_rates WHERE instrument = %s"
    " AND ts_event_ns >= %s AND ts_event_ns < %s ORDER BY ts_event_ns"
)


class Threaded(FakeContext):
    """Waits for blocking work in a thread, as a run in real time does."""

    async def run_blocking(self, work: Callable[[], T]) -> T:
        """Run work in a thread."""
        return await asyncio.to_thread(work)


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """The bare driver: insert a minute of rows, read the latest, read one pair's week."""

    insert: Callable[[Sequence[Row]], Awaitable[None]]
    latest: Callable[[], Awaitable[int]]
    history: Callable[[int, int], Awaitable[int]]
    plain_insert: Callable[[Sequence[Row]], Awaitable[None]] | None = None


class Stalls:
    """Looks every millisecond how late the event loop is."""

    def __init__(self) -> None:
        self.longest_ms = 0.0
        self._handle: asyncio.TimerHandle | None = None

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look until the block ends."""
        self.longest_ms = 0.0
        self._beat(time.perf_counter())
        try:
            yield
        finally:
            assert self._handle is not None
            self._handle.cancel()

    def _beat(self, due: float) -> None:
        now = time.perf_counter()
        self.longest_ms = max(self.longest_ms, (now - due) * 1e3)
        self._handle = asyncio.get_running_loop().call_later(0.001, self._beat, now + 0.001)


def minute(ts_ns: int) -> list[FundingRate]:
    """Return a rate of every instrument."""
    unit = RateUnit(factor=Decimal(1), period_ns=HOUR_NS)
    return [
        FundingRate(
            instrument=instrument,
            raw=Decimal(1_250 + number % 97) / 100_000_000,
            unit=unit,
            interval_ns=HOUR_NS,
            kind=FundingKind.PREDICTED,
            ts_event_ns=ts_ns,
            ts_init_ns=ts_ns + number,
            next_funding_ns=ts_ns // HOUR_NS * HOUR_NS + HOUR_NS,
        )
        for number, instrument in enumerate(IDS)
    ]


def plain(rates: Sequence[FundingRate]) -> list[Row]:
    """Return what a driver is given."""
    return [
        (
            one.instrument,
            one.ts_event_ns,
            one.ts_init_ns,
            one.raw,
            one.unit.factor,
            one.unit.period_ns,
            one.interval_ns,
            one.next_funding_ns,
        )
        for one in rates
    ]


def upsert(table: str, source: str, key: str, newer: str, *, kind: bool = False) -> str:
    """Return INSERT .. ON CONFLICT of all columns, with the kind in front where asked."""
    columns = f"kind, {COLUMNS}" if kind else COLUMNS
    changes = ", ".join(f"{name} = excluded.{name}" for name in NAMES if name not in key)
    new, old = (", ".join(f"{row}.{name}" for name in newer.split(", ")) for row in ("excluded", table))
    return (
        f"INSERT INTO {table} ({columns}) {source} ON CONFLICT ({key}) DO UPDATE SET {changes} WHERE ({new}) >= ({old})"
    )


def both(rates: str, latest: str, source: str, with_kind: str) -> tuple[str, str]:
    """Return the two statements that store a minute."""
    return (
        upsert(rates, source, "ts_event_ns, instrument", "ts_init_ns"),
        upsert(latest, with_kind, "kind, instrument", "ts_event_ns, ts_init_ns", kind=True),
    )


async def postgres_floor(settings: dict[str, Any]) -> Floor:
    """Return the bare driver on this event loop."""
    connection = await asyncpg.connect(host=settings["host"], database=settings["database"], user=settings["user"])
    arrays = ", ".join(f"${number}::{name}[]" for number, name in enumerate(TYPES, 1))
    source, with_kind = f"SELECT * FROM unnest({arrays})", f"SELECT 'predicted', * FROM unnest({arrays})"
    for name in ("predicted", "latest"):
        await connection.execute(
            f"CREATE TABLE plain_{name} (kind TEXT DEFAULT 'predicted', instrument TEXT, ts_event_ns BIGINT, ts_init_ns"
            " BIGINT, raw NUMERIC, unit_factor NUMERIC, unit_period_ns BIGINT, interval_ns BIGINT, next_funding_ns"
            f" BIGINT, PRIMARY KEY ({'ts_event_ns' if name == 'predicted' else 'kind'}, instrument))"
        )

    def insert(rates: str, latest: str) -> Callable[[Sequence[Row]], Awaitable[None]]:
        statements = both(rates, latest, source, with_kind)

        async def run(rows: Sequence[Row]) -> None:
            columns = list(zip(*rows, strict=True))
            async with connection.transaction():
                for statement in statements:
                    await connection.execute(statement, *columns)

        return run

    async def history(start_ns: int, end_ns: int) -> int:
        sql = HISTORY % ("$1", "$2", "$3")
        return sum([len(await connection.fetch(sql, one, start_ns, end_ns)) for one in IDS[:2]])

    async def latest() -> int:
        return len(await connection.fetch(LATEST))

    return Floor(
        insert=insert("predicted_funding_rates", "latest_funding_rates"),
        latest=latest,
        history=history,
        plain_insert=insert("plain_predicted", "plain_latest"),
    )


async def sqlite_floor(path: Path) -> Floor:
    """Return the bare driver in this thread."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = FULL")
    marks = "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    with_kind = marks.replace("(", "('predicted', ", 1)
    statements = both("predicted_funding_rates", "latest_funding_rates", marks, with_kind)

    async def insert(rows: Sequence[Row]) -> None:
        values = [(*row[:3], str(row[3]), str(row[4]), *row[5:]) for row in rows]
        connection.execute("BEGIN IMMEDIATE")
        for statement in statements:
            connection.executemany(statement, values)
        connection.execute("COMMIT")

    async def latest() -> int:
        return len(connection.execute(LATEST).fetchall())

    async def history(start_ns: int, end_ns: int) -> int:
        sql = HISTORY % ("?", "?", "?")
        return sum(len(connection.execute(sql, (one, start_ns, end_ns)).fetchall()) for one in IDS[:2])

    return Floor(insert=insert, latest=latest, history=history)


async def fill(storage: Storage, journal: Journal, rows: int) -> int:
    """Store a history by SQL, one day a transaction; return the time at which it ends."""
    minutes = rows // INSTRUMENTS
    for first in range(0, minutes, 1440):
        last = min(first + 1440, minutes) - 1
        async with journal.transaction() as tx:
            # One minute as the journal stores it: it makes whatever the day needs.
            await tx.add_funding_rates(minute(START_NS + last * MINUTE_NS))
        if storage.dialect is Dialect.POSTGRESQL:
            source = f"generate_series({first}, {last - 1}) AS m, generate_series(0, {INSTRUMENTS - 1}) AS i"
            name, number = "'SYM' || lpad(i::text, 4, '0') || '-PERP.venue' || (i % 10)", "1250 + i % 97)::numeric"
        else:
            source = (
                f"(WITH RECURSIVE n(m) AS (SELECT {first} UNION ALL SELECT m + 1 FROM n WHERE m < {last - 1}) "
                f"SELECT m FROM n), (WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n "
                f"WHERE i < {INSTRUMENTS - 1}) SELECT i FROM n) ORDER BY m"
            )
            name, number = "printf('SYM%04d-PERP.venue%d', i, i % 10)", "1250 + i % 97)"
        time_ns = f"{START_NS} + m * {MINUTE_NS}"
        hour, tail = HOUR_NS, "" if storage.dialect is Dialect.SQLITE else "::bigint"
        raw = f"({number} / 100000000" if tail else f"printf('%.8f', ({number} / 100000000.0)"
        async with storage.transaction() as raw_tx:
            await raw_tx.execute(
                f"INSERT INTO predicted_funding_rates ({COLUMNS}) SELECT {name}, {time_ns}, {time_ns} + i, {raw},"
                f" '1'{'::numeric' if tail else ''}, {hour}{tail}, {hour}{tail}, ({time_ns}) / {hour} * {hour} + {hour}"
                f" FROM {source}"
            )
    return START_NS + minutes * MINUTE_NS


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    """Return milliseconds."""
    begin = time.perf_counter()
    await work()
    return (time.perf_counter() - begin) * 1e3


def show(name: str, times: Sequence[float], floor: Sequence[float], more: str = "") -> None:
    """Print one line."""
    median, base = statistics.median(times), statistics.median(floor)
    print(f"  {name:46} {median:9.2f} ms   {median / base:5.2f} x floor{more}")


async def bench(name: str, storage: Storage, floor_of: Callable[[], Awaitable[Floor]], rows: int) -> None:
    """Fill and measure one storage."""
    journal = await Journal.open(storage)
    filling = time.perf_counter()
    now_ns = await fill(storage, journal, rows)
    floor = await floor_of()
    print(f"{name}: {rows:,} rows of history, filled in {time.perf_counter() - filling:.0f} s")
    await bench_inserts(journal, floor, now_ns)
    await bench_reads(storage, journal, floor, now_ns)
    await bench_beside(journal, now_ns)
    await bench_prune(journal)


async def bench_inserts(journal: Journal, floor: Floor, now_ns: int) -> None:
    """Store a minute of every instrument, again and again."""
    stalls = Stalls()
    found: dict[str, list[float]] = {name: [] for name in ("bare", "plain", "ours", "stall")}

    async def store(rates: Sequence[FundingRate]) -> None:
        async with journal.transaction() as tx:
            await tx.add_funding_rates(rates)

    for number in range(ROUNDS + 1):
        at_ns = now_ns + number * 2 * MINUTE_NS
        rates, rows = minute(at_ns), plain(minute(at_ns + MINUTE_NS))
        took = {"bare": await timed(partial(floor.insert, rows))}
        if floor.plain_insert is not None:
            took["plain"] = await timed(partial(floor.plain_insert, rows))
        with stalls.watched():
            took["ours"] = await timed(partial(store, rates))
        took["stall"] = stalls.longest_ms
        if number:  # the first round prepares statements
            for name, one in took.items():
                found[name].append(one)
    show(f"bare driver, {INSTRUMENTS} rates and the latest table", found["bare"], found["bare"])
    if found["plain"]:
        show("bare driver, a plain table without history", found["plain"], found["bare"])
    median, worst = statistics.median(found["stall"]), max(found["stall"])
    stall = f"   longest stall of the loop {median:.1f} ms, worst of all rounds {worst:.1f} ms"
    show("journal, the same", found["ours"], found["bare"], stall)


async def bench_reads(storage: Storage, journal: Journal, floor: Floor, now_ns: int) -> None:
    """Read the latest rates, and one pair's week."""
    since_ns = now_ns - 7 * DAY_NS
    found: dict[str, list[float]] = {}

    async def through_storage() -> None:
        async with storage.transaction() as tx:
            await tx.query(LATEST)

    async def week() -> None:
        for one in IDS[:2]:
            await journal.funding_rates(one, FundingKind.PREDICTED, since_ns, now_ns)

    async def latest() -> None:
        await journal.latest_funding_rates(FundingKind.PREDICTED)

    works: dict[str, Callable[[], Awaitable[object]]] = {
        "bare latest": floor.latest,
        "storage latest": through_storage,
        "journal latest": latest,
        "bare week": lambda: floor.history(since_ns, now_ns),
        "journal week": week,
    }
    for number in range(ROUNDS + 1):
        for name, work in works.items():
            took = await timed(work)
            if number:
                found.setdefault(name, []).append(took)
    show(
        f"bare driver, the latest rate of {await floor.latest()} instruments",
        found["bare latest"],
        found["bare latest"],
    )
    show("storage, the same rows", found["storage latest"], found["bare latest"])
    show("journal, as FundingRates", found["journal latest"], found["bare latest"])
    count = await floor.history(since_ns, now_ns)
    show(f"bare driver, one pair's 7 days ({count:,} rows)", found["bare week"], found["bare week"])
    show("journal, as FundingRates", found["journal week"], found["bare week"])


async def bench_beside(journal: Journal, now_ns: int) -> None:
    """Commit while a pair's week is read: alone, beside a read in turn, and beside a read aside."""

    async def week(reader: JournalReader) -> None:
        for one in IDS[:2]:
            await reader.funding_rates(one, FundingKind.PREDICTED, now_ns - 7 * DAY_NS, now_ns)

    async def commit() -> None:
        async with journal.transaction() as tx:
            await tx.put_state("bench", "key", "value")

    found: dict[str, list[float]] = {"alone": [], "in turn": [], "aside": []}
    for _ in range(ROUNDS):
        found["alone"].append(await timed(commit))
        for name, reader in (("in turn", journal), ("aside", journal.aside)):
            reading = asyncio.create_task(week(reader))
            await asyncio.sleep(READ_AHEAD_S)  # noqa: TID251 - the read is at work by then
            found[name].append(await timed(commit))
            await reading
    show("a small commit, nobody reads", found["alone"], found["alone"])
    show("beside the 7 days of a pair, read in turn", found["in turn"], found["alone"])
    show("the same, read aside as the REST API does", found["aside"], found["alone"])


async def bench_prune(journal: Journal) -> None:
    """Reduce the first day to one row an hour, as a run does."""
    took: list[float] = []
    last = begin = time.perf_counter()

    async def pause() -> None:
        nonlocal last
        took.append((time.perf_counter() - last) * 1e3)
        last = time.perf_counter()

    deleted = sum((await journal.prune(START_NS + DAY_NS, pause)).values())
    seconds, median = time.perf_counter() - begin, statistics.median(took)
    print(
        f"  the first day reduced to hours: {deleted:,} rows deleted in {seconds:.1f} s by {len(took)} transactions,"
        f" median {median:.0f} ms, longest {max(took):.0f} ms"
    )


async def bench_sqlite(folder: Path, rows: int) -> None:
    """Measure SQLite."""
    path = folder / "bench.db"
    async with open_sqlite(SqliteSettings(path=str(path)), Threaded()) as storage:
        await bench("sqlite", storage, lambda: sqlite_floor(path), rows)


async def bench_postgres(settings: dict[str, Any], rows: int) -> None:
    """Measure PostgreSQL."""
    patient = PostgresSettings.model_validate({**settings, "statement_timeout": "1h"})
    async with open_postgres(patient, Threaded()) as storage:
        await bench("postgres", storage, lambda: postgres_floor(settings), rows)


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description="Storages over a long history, beside their bare drivers.")
    parser.add_argument("--rows", type=int, default=500_000, help="rows of history")
    parser.add_argument("--only", choices=("sqlite", "postgres"), help="measure one of them")
    parser.add_argument("--folder", type=Path, help="where the databases are made, and removed again")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="arb-bench-", dir=given.folder)))
        if given.only != "postgres":
            asyncio.run(bench_sqlite(folder, given.rows))
        if given.only != "sqlite":
            (folder / "server").mkdir()
            server = stack.enter_context(running_server(folder / "server"))
            server.create("bench")
            asyncio.run(bench_postgres(server.settings("bench"), given.rows))


if __name__ == "__main__":
    main()
