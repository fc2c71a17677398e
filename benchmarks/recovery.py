"""kill -9 to reconciled: how long a new process takes until every hedge is at rest and it may trade.

    python benchmarks/recovery.py [--kills N] [--latency MS] [--folder DIR] [--json]

What is real: `arb run --live` as a process of its own, from its start, killed with SIGKILL; the SQLite
storage on disk, the leases, HTTP over sockets. Every third kill is followed by another one during the
recovery from it. A start after an orderly stop, with nothing in flight, is the floor.

What is made up: the venues are eight fake ones in the process of the benchmark, which live on; each
of their answers takes `--latency`, they limit no rate and list eight instruments each. The past of
1,000 orders was written into the journal, not traded, and so is most of what is in flight: at every
kill five hedges of 25 are left opening or closing, and each of their orders was never sent, or was
filled or came back empty with nobody reading the answer, or its answer was recorded. A strategy that
opens and closes a hedge all the time adds what the kill itself interrupts. An order that the venue
does not know is proved absent only when it can no longer come, here after 5 s.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from arb.model import SECOND_NS, EventKind, HedgeStatus, OrderStatus
from arb.runtime import WallClock
from arb.storage import Journal

if TYPE_CHECKING:  # by the path from the root, where mypy looks; a script finds what is beside it
    from benchmarks import wire
else:
    import wire

ORDERS = 1_000
AIM_S = 10
LONGEST_S = 60
MODULE = "arb_bench_venue"
METADATA = "Metadata-Version: 2.1\nName: arb-bench-venue\nVersion: 1.0\nRequires-Dist: arb-core>=0.1,<0.2\n"
ENTRIES = f"[arb.exchanges]\nbench_venue = {MODULE}\n\n[arb.strategies]\nbench_churn = {MODULE}\n"
HEAD = f"""
[risk]
max_hedges = 100
max_hedge_notional_usd = 1000
max_exchange_notional_usd = 1000000
max_total_notional_usd = 1000000

[execution]
# Two kills in a row can leave a leg alone for longer than the default allows; trading would then wait for a person.
max_naked_seconds = 600
max_churn = 1000

[storages.main]
plugin = "sqlite"
settings = {{ path = "run.db" }}

[strategies.{wire.STRATEGY}]
plugin = "bench_churn"
exchanges = {json.dumps(wire.VENUES)}
settings = {{ base = "{wire.CHURN[0].split("-")[0]}", venues = {json.dumps(wire.VENUES[-2:])}, cycle = "500ms" }}
"""
VENUE = """
[exchanges.{name}]
plugin = "bench_venue"
armed = true
settings = {{ url = "http://127.0.0.1:{port}/{name}", order_validity = "5s", read_after_write = "500ms" }}
"""
MOVING = tuple(one for one in HedgeStatus if one.is_moving)
UNKNOWN = tuple(one for one in OrderStatus if not one.is_final)


class Recovery(NamedTuple):
    """Seconds from the start of a process, and what it found.

    Attributes:
        started: To the event `run.started`.
        rested: To the last of the hedges that were moving.
        ready: To both.
        ordered: To the first order for another hedge than those.
        hedges: That were moving.
        orders: Whose outcome was not on record.
    """

    started: float
    rested: float
    ready: float
    ordered: float
    hedges: int
    orders: int


@dataclass
class Bench:
    """A folder with a configuration and a database, and the venues."""

    folder: Path
    past: wire.Past
    random: random.Random  # noqa: TID251 - the type
    clock: WallClock = field(default_factory=WallClock)
    process: asyncio.subprocess.Process | None = None

    def install(self, port: int) -> None:
        """Write the plugin as a distribution that only these runs see, and the configuration."""
        info = self.folder / "site" / f"{MODULE}-1.0.dist-info"
        info.mkdir(parents=True)
        shutil.copy(Path(__file__).parent / "wire" / "_plugin.py", info.parent / f"{MODULE}.py")
        (info / "METADATA").write_text(METADATA, encoding="utf-8")
        (info / "entry_points.txt").write_text(ENTRIES, encoding="utf-8")
        text = HEAD + "".join(VENUE.format(name=name, port=port) for name in wire.VENUES)
        (self.folder / "bench.toml").write_text(text, encoding="utf-8")

    @asynccontextmanager
    async def journal(self) -> AsyncIterator[Journal]:
        """Open the journal while no process has it."""
        async with wire.sqlite_storage(self.folder / "run.db") as storage:
            yield await Journal.open(storage)

    async def start(self) -> None:
        """Start a process."""
        with (self.folder / "log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", "from arb.cli import main; main()"),
                *("run", "-c", "bench.toml", "--live", "--yes-live", "bench"),
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(self.folder / "site")},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=log,
            )

    async def end(self, number: signal.Signals) -> None:
        """Send a signal and wait until the process is gone; one that is killed leaves no trace of its own."""
        if self.process is not None:
            self.process.send_signal(number)
            await self.process.wait()
            self.process = None

    async def pause(self, longest_s: float, shortest_s: float = 0) -> None:
        """Wait some time, at most so long."""
        pause_ns = int(self.random.uniform(shortest_s, longest_s) * SECOND_NS)
        await self.clock.sleep_until(self.clock.now_ns() + pause_ns)

    async def recovered(self) -> Recovery:
        """Start a process and wait until it has recovered.

        Raises:
            RuntimeError: it ended, or did not recover within a minute.
        """
        with closing(sqlite3.connect(f"file:{self.folder / 'run.db'}?mode=ro", uri=True)) as database:
            left = _ids(database, "hedges", "hedge_id", MOVING)
            unknown = _ids(database, "orders", "client_order_id", UNKNOWN)
            (last,) = database.execute("SELECT COALESCE(MAX(event_id), 0) FROM events").fetchone()
            self.past.sent.clear()
            began = time.monotonic()
            await self.start()
            started = rested = ordered = 0.0
            while not (started and rested and ordered):
                now = time.monotonic() - began
                started = started or (now if _has_started(database, last) else 0.0)
                rested = rested or (now if not left & _ids(database, "hedges", "hedge_id", MOVING) else 0.0)
                ordered = ordered or next(
                    (at / 1e9 - began for name, at in self.past.sent if name.rsplit("-", 2)[0] not in left), 0.0
                )
                self._check(now)
                await self.clock.sleep_until(self.clock.now_ns() + 10_000_000)
        return Recovery(started, rested, max(started, rested), ordered, len(left), len(unknown))

    def _check(self, now: float) -> None:
        assert self.process is not None
        if self.process.returncode is not None or now > LONGEST_S:
            tail = (self.folder / "log").read_text(encoding="utf-8")[-3_000:]
            raise RuntimeError(f"no recovery within {now:.0f} s, exit code {self.process.returncode}:\n{tail}")


def _ids(database: sqlite3.Connection, table: str, column: str, statuses: Collection[str]) -> set[str]:
    marks = ", ".join("?" for _ in statuses)
    sql = f"SELECT {column} FROM {table} WHERE status IN ({marks})"
    return {row[0] for row in database.execute(sql, tuple(statuses))}


def _has_started(database: sqlite3.Connection, last: int) -> bool:
    sql = "SELECT 1 FROM events WHERE event_id > ? AND kind = ?"
    return database.execute(sql, (last, EventKind.RUN_STARTED)).fetchone() is not None


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Kill and recover as often as told; return the figures."""
    clean: list[Recovery] = []
    killed: list[Recovery] = []
    past = wire.Past(latency_ns=options.latency * 1_000_000, seed=options.seed)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        bench = Bench(Path(folder), past, random.Random(options.seed))  # noqa: TID251 - when to kill
        async with wire.serving(past.answer) as port:
            bench.install(port)
            async with bench.journal() as journal:
                await past.write(journal, ORDERS)
            try:
                await bench.recovered()
                for number in range(options.kills):
                    if number % 4 == 0:
                        await bench.end(signal.SIGINT)
                        clean.append(await bench.recovered())
                    await bench.pause(1.5)
                    killed.append(await _kill(bench, again=number % 3 == 2))
            finally:
                await bench.end(signal.SIGINT)
            async with bench.journal() as journal:
                return await _results(options, clean, killed, journal, past)


async def _kill(bench: Bench, *, again: bool) -> Recovery:
    await bench.end(signal.SIGKILL)
    async with bench.journal() as journal:
        await bench.past.interrupt(journal)
    if again:
        await bench.start()
        await bench.pause(5, 0.3)
        await bench.end(signal.SIGKILL)
    return await bench.recovered()


async def _results(
    options: argparse.Namespace,
    clean: Sequence[Recovery],
    killed: Sequence[Recovery],
    journal: Journal,
    past: wire.Past,
) -> dict[str, Any]:
    hedges, events = await journal.hedges(), await journal.events(limit=0, kinds=(EventKind.HALT_RAISED,))
    return {
        "python": sys.version.split()[0],
        "kills": len(killed),
        "latency_ms": options.latency,
        "hedges_moving": median(one.hedges for one in killed),
        "orders_unknown": median(one.orders for one in killed),
        "clean start": _summary([one.started for one in clean]),
        "run.started": _summary([one.started for one in killed]),
        "hedges at rest": _summary([one.rested for one in killed]),
        "ready": _summary([one.ready for one in killed]),
        "first new order": _summary([one.ordered for one in killed]),
        "positions": sum(leg.open_quantity != 0 for one in hedges for leg in one.legs),
        "orders": len(await journal.orders()),
        "still_moving": sum(one.status.is_moving for one in hedges),
        "halts": len(events),
        "differences": await past.differences(journal),
    }


def _summary(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {"p50": median(ordered), "p95": ordered[-(-95 * len(ordered) // 100) - 1], "max": ordered[-1]}


def show(results: Mapping[str, Any]) -> None:
    """Print the table."""
    print(
        f"Python {results['python']}; {len(wire.VENUES)} venues that answer after {results['latency_ms']} ms, "
        f"{len(wire.HELD) + len(wire.FLIGHT)} hedges, {results['orders']} orders on record by the end"
    )
    print(
        f"{results['kills']} kills; at each {results['hedges_moving']:.0f} hedges were moving and "
        f"{results['orders_unknown']:.0f} orders had no outcome on record (medians)"
    )
    print(f"{'seconds from process start to':<32}{'p50':>7}{'p95':>7}{'max':>7}{'x clean':>9}")
    floor = results["clean start"]["p50"]
    for name in ("clean start", "run.started", "hedges at rest", "ready", "first new order"):
        row = results[name]
        print(f"{name:<32}{row['p50']:>7.2f}{row['p95']:>7.2f}{row['max']:>7.2f}{row['p50'] / floor:>9.2f}")
    print(f"ready within {results['ready']['p95']:.1f} s at p95; the aim is {AIM_S} s")
    print(
        f"afterwards: {results['still_moving']} hedges moving, {results['halts']} halts, "
        f"books and venues differ in: {'; '.join(results['differences']) or 'nothing'}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=7)
    parser.add_argument("--latency", type=int, default=50, help="milliseconds that every answer of a venue takes")
    parser.add_argument("--seed", type=int, default=1, help="of the moments of kills and the fates of orders")
    parser.add_argument("--folder", type=Path, help="where the database is; a place that syncs to a real disk")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    results = asyncio.run(measure(options))
    if options.json:
        json.dump(results, sys.stdout, indent=2)
        print()
    else:
        show(results)


if __name__ == "__main__":
    main()
