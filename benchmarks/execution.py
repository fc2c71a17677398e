"""Two legs on the wire, and how soon a leg that came back empty is hedged, beside floors in one run.

    python benchmarks/execution.py [--rounds N] [--entries N] [--folder DIR] [--json]

The venues are two HTTP servers in a process of their own, on loopback. Linux stamps the arrival of
each request in the kernel, so a server that is woken late hides nothing; elsewhere the server stamps
what it reads. Contenders take turns.

Skew: how far apart the two orders of a hedge arrive. The floor writes two prebuilt requests back to
back on raw streams, `bare` posts them with aiohttp under `asyncio.gather`; both sign both orders
first. `arb.net alone` is `bare` with our transport, `ours` the gateway of the executor over it, and
`sign in gather` what must not be done. Signing is time spent computing. Python 3.12 and later let
aiohttp write at once, 3.11 a turn of the loop later: run it on both.

Repair: from the moment both answers of an entry are read, one filled and the other cancelled with
nothing filled, to the arrival of the order that makes the legs equal. The floor decides, signs and
writes to a raw stream; the second floor commits one row to disk before it writes. The executor
records the answers, reads fills and books from the venues and commits the order in between.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, closing
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp

from arb.model import HedgeStatus
from arb.net import AiohttpTransport
from arb.testing import MemoryStorage

if TYPE_CHECKING:  # by the path from the root, where mypy looks; a script finds what is beside it
    from benchmarks import wire
else:
    import wire

SIGNING_MS = (0, 1, 5)
AIM = 1.3
PRICE = Decimal(50_000)
QUANTITY = Decimal("0.1")
BATCH = 12
"""Entries of one account: a venue lists every fill of the last hour again, and few trade thousands an hour."""


async def measure_skew(ports: Sequence[int], rounds: int) -> list[dict[str, Any]]:
    """Return one row for each signing cost and contender."""
    rows: list[dict[str, Any]] = []
    async with wire.Shooter.open(ports) as shooter:
        ways = shooter.ways()
        for milliseconds in SIGNING_MS:
            shots: dict[str, list[wire.Shot]] = {name: [] for name in ways}
            for number in range(rounds + 5):
                for name, way in ways.items():
                    shot = await way(milliseconds * 1_000_000)
                    if number >= 5:  # the first ones connect and warm up
                        shots[name].append(shot)
            rows += _skew_rows(milliseconds, shots)
    return rows


def _skew_rows(milliseconds: int, shots: Mapping[str, Sequence[wire.Shot]]) -> list[dict[str, Any]]:
    found = {name: _skew(each) for name, each in shots.items()}
    return [
        {
            "sign_ms": milliseconds,
            "contender": name,
            **figures,
            "x_bare": figures["skew_p50_us"] / found["bare"]["skew_p50_us"],
            "x_floor": figures["skew_p50_us"] / found["floor"]["skew_p50_us"],
        }
        for name, figures in found.items()
    ]


def _skew(shots: Sequence[wire.Shot]) -> dict[str, float]:
    skews = sorted(abs(shot.right_ns - shot.left_ns) / 1e3 for shot in shots)
    whole = [(max(shot.left_ns, shot.right_ns) - shot.decided_ns) / 1e3 for shot in shots]
    return {"skew_p50_us": median(skews), "skew_p99_us": high(skews), "to_last_p50_us": median(whole)}


def high(values: Sequence[float]) -> float:
    """Return the 99th percentile."""
    return sorted(values)[int(len(values) * 0.99)]


class Repair(NamedTuple):
    """How long a repair took, and what the process did meanwhile."""

    us: float
    calls: int = 0
    transactions: int = 0


async def repaired(desk: wire.Desk) -> Repair:
    """Enter with a right leg that comes back empty; return how soon the next order arrived.

    Raises:
        RuntimeError: it went another way.
    """
    for trading in desk.trading:
        trading.sent.clear()
    await desk.starve()
    hedge = await desk.enter(QUANTITY)
    sent = sorted(one for trading in desk.trading for one in trading.sent)
    if hedge.status is not HedgeStatus.OPEN or len(sent) != 3:
        raise RuntimeError(f"the hedge is {hedge.status} after {len(sent)} orders; one repair was expected")
    last, third = max(sent[:2], key=lambda one: one.parsed_ns), sent[2]
    calls, transactions = (now - then for now, then in zip(third.done_before, last.done_after, strict=True))
    return Repair((third.arrived_ns - last.parsed_ns) / 1e3, calls, transactions)


class Bare:
    """The least that can be done: two orders, a decision, a signature and a write."""

    def __init__(self, lines: Sequence[wire.RawLine]) -> None:
        self._lines = lines

    async def repair(self, commit: Callable[[], None]) -> Repair:
        """Send two orders, of which one comes back empty, and its repair after `commit`."""
        for line, fill in zip(self._lines, (True, False), strict=True):
            line.write(wire.RawLine.request(_order(QUANTITY, fill=fill)))
        left, right = [await line.answer() for line in self._lines]
        parsed_ns = time.monotonic_ns()
        missing = Decimal(left["filled"]) - Decimal(right["filled"])
        request = wire.RawLine.request(_order(missing, fill=True))
        commit()
        self._lines[1].write(request)
        return Repair(((await self._lines[1].answer())["arrived_ns"] - parsed_ns) / 1e3)


def _order(quantity: Decimal, *, fill: bool) -> bytes:
    return wire.order_body(
        client_id="bench", instrument="BTC-PERP.left", side="buy", quantity=quantity, price=PRICE, fill=fill
    )


class Row:
    """A table of one row in a file that is synced at every commit, as the storage's is."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "CREATE TABLE orders (body BLOB)"):
            self._database.execute(statement)

    def commit(self) -> None:
        """Add one row durably."""
        self._database.execute("INSERT INTO orders VALUES (?)", (_order(QUANTITY, fill=True),))

    def close(self) -> None:
        """Close the file."""
        self._database.close()


async def measure_repairs(ports: Sequence[int], entries: int, folder: Path) -> dict[str, list[Repair]]:
    """Return the repairs of each contender."""
    found: dict[str, list[Repair]] = {}
    for batch in range(-(-entries // BATCH)):
        async with AsyncExitStack() as stack:
            http = AiohttpTransport()
            stack.push_async_callback(http.close)
            storages = {
                "executor, memory": MemoryStorage(),
                "executor, sqlite": await stack.enter_async_context(wire.sqlite_storage(folder / f"arb-{batch}.db")),
            }
            row = stack.enter_context(closing(Row(folder / f"row-{batch}.db")))
            lines = [await wire.RawLine.open(port) for port in ports]
            for line in lines:
                stack.push_async_callback(line.close)
            bare = Bare(lines)
            desks = {
                name: await wire.Desk.open(http, [f"http://127.0.0.1:{port}/{number}" for port in ports], storage)
                for number, (name, storage) in enumerate(storages.items())
            }
            for number in range(min(BATCH, entries - batch * BATCH) + 2):
                repairs = {
                    "floor": await bare.repair(lambda: None),
                    "floor with one commit": await bare.repair(row.commit),
                    **{name: await repaired(desk) for name, desk in desks.items()},
                }
                for name, repair in repairs.items():
                    if number >= 2:  # the first ones connect and warm up
                        found.setdefault(name, []).append(repair)
    return found


def _repair_rows(found: Mapping[str, Sequence[Repair]]) -> list[dict[str, Any]]:
    p50 = {name: median(one.us for one in repairs) for name, repairs in found.items()}
    return [
        {
            "contender": name,
            "p50_us": p50[name],
            "p99_us": high([one.us for one in repairs]),
            "x_floor": p50[name] / p50["floor"],
            "x_floor_with_commit": p50[name] / p50["floor with one commit"],
            "calls": median(one.calls for one in repairs),
            "transactions": median(one.transactions for one in repairs),
        }
        for name, repairs in found.items()
    ]


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Return both tables."""
    async with wire.venues(sys.executable, __file__, "--serve", "politely") as ports:
        skew = await measure_skew(ports, options.rounds)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        async with wire.venues(sys.executable, __file__, "--serve", "promptly") as ports:
            repairs = await measure_repairs(ports, options.entries, Path(folder))
    return {
        "python": sys.version.split()[0],
        "aiohttp": aiohttp.__version__,
        "skew": skew,
        "repair": _repair_rows(repairs),
    }


def show(results: Mapping[str, Any]) -> None:
    """Print both tables."""
    print(f"Python {results['python']}, aiohttp {results['aiohttp']}; microseconds")
    print(f"{'signing':>8}  {'skew':<22}{'p50':>8}{'p99':>9}{'x bare':>8}{'x floor':>9}{'decided to last p50':>21}")
    for row in results["skew"]:
        print(
            f"{row['sign_ms']:>5} ms  {row['contender']:<22}{row['skew_p50_us']:>8.0f}{row['skew_p99_us']:>9.0f}"
            f"{row['x_bare']:>8.2f}{row['x_floor']:>9.2f}{row['to_last_p50_us']:>21.0f}"
        )
    ours = ", ".join(f"{row['x_bare']:.2f}" for row in results["skew"] if row["contender"] == "ours")
    print(f"ours is {ours} x bare; the aim is {AIM} x whatever the signers cost\n")
    print(f"{'repair':<22}{'p50':>9}{'p99':>9}{'x floor':>9}{'x commit':>10}{'venue calls':>13}{'transactions':>14}")
    for row in results["repair"]:
        print(
            f"{row['contender']:<22}{row['p50_us']:>9.0f}{row['p99_us']:>9.0f}{row['x_floor']:>9.1f}"
            f"{row['x_floor_with_commit']:>10.2f}{row['calls']:>13.0f}{row['transactions']:>14.0f}"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=300, help="shots of each contender and signing cost")
    parser.add_argument("--entries", type=int, default=120, help="repairs of each contender")
    parser.add_argument("--folder", type=Path, help="where the databases are; a place that syncs to a real disk")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--serve", choices=("politely", "promptly"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(wire.serve_legs(politely=options.serve == "politely"))
        return
    results = asyncio.run(measure(options))
    if options.json:
        json.dump(results, sys.stdout, indent=2)
        print()
    else:
        show(results)


if __name__ == "__main__":
    main()
