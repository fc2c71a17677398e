"""Real processes on one PostgreSQL that want to trade the same account."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("arb_storage_postgres") is None, reason="not installed: arb_storage_postgres"
)

# Takes the lease, then stores one guarded event after the other until it is told to stop or loses the lease.
TRADER = """
import asyncio, json, os, signal, sys
from arb.api import LeaseLost
from arb.execution import AccountLeases, Recorder
from arb.model import Event, EventKind, ExchangeName
from arb.runtime import probe_context
from arb.storage import Journal
from arb_storage_postgres._settings import PostgresSettings
from arb_storage_postgres._storage import open_storage

name, ttl_ns, settings = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])


def say(what):
    print(what, flush=True)


async def main():
    known = PostgresSettings.model_validate(settings)
    async with probe_context(name) as context, open_storage(known, context) as storage:
        journal = await Journal.open(storage)
        leases = AccountLeases(context.clock, holder=name, is_gone=lambda holder: False, ttl_ns=ttl_ns)
        recorder = Recorder(journal, context.clock, lambda event: None, leases)
        say("ready")
        await context.run_blocking(sys.stdin.readline)
        try:
            await leases.take(journal, [ExchangeName("hl")])
        except LeaseLost:
            return say("refused")
        say("took")
        for number in range(10**9):
            event = Event(ts_ns=context.clock.now_ns(), kind=EventKind.RUN_STARTED, subject=name, message=str(number))
            try:
                async with recorder.transaction(guarded=True) as tx:
                    await tx.add_events([event])
            except LeaseLost:
                return say("lost")
            if name == "paused" and number == 5:
                os.kill(os.getpid(), signal.SIGSTOP)  # between two transactions: in one it would stop everybody
            await context.clock.sleep_until(context.clock.now_ns() + 50_000_000)


asyncio.run(main())
"""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Start a server; return the settings of an empty database."""
    from arb_storage_postgres.testing import running_server

    (tmp_path / "server").mkdir()
    with running_server(tmp_path / "server") as server:
        server.create("arb")
        yield server.settings("arb")


@pytest.fixture
def traders(database: dict[str, Any]) -> Iterator[Traders]:
    """Return what starts traders; they are gone at the end."""
    with contextlib.ExitStack() as stack:
        yield Traders(stack, database)


class Traders:
    """Processes of the script above."""

    def __init__(self, stack: contextlib.ExitStack, database: dict[str, Any]) -> None:
        self._stack = stack
        self._database = database

    def start(self, name: str, ttl_s: float) -> subprocess.Popen[str]:
        """Start one; it waits for a line before it takes the lease."""
        command = [sys.executable, "-c", TRADER, name, str(int(ttl_s * 1e9)), json.dumps(self._database)]
        process = self._stack.enter_context(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
        self._stack.callback(process.kill)
        assert line(process) == "ready"
        return process

    def events(self) -> list[tuple[int, str]]:
        """Return the time and the writer of each event, in the order they were stored."""
        import asyncio

        from arb.storage import Journal
        from arb.testing import FakeContext
        from arb_storage_postgres._settings import PostgresSettings
        from arb_storage_postgres._storage import open_storage

        async def read() -> list[tuple[int, str]]:
            async with open_storage(PostgresSettings.model_validate(self._database), FakeContext("test")) as storage:
                return [(one.ts_ns, one.subject) for _, one in await (await Journal.open(storage)).events(limit=0)]

        return asyncio.run(read())


def pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def line(process: subprocess.Popen[str]) -> str:
    return pipe(process.stdout).readline().strip()


def go(process: subprocess.Popen[str]) -> None:
    pipe(process.stdin).write("go\n")
    pipe(process.stdin).flush()


def pause(seconds: float) -> None:
    time.sleep(seconds)  # noqa: TID251 - the processes live in real time


def test_of_many_that_race_for_an_account_one_gets_it(traders: Traders) -> None:
    processes = {name: traders.start(name, 2) for name in ("a", "b", "c", "d", "e")}
    for process in processes.values():
        go(process)
    said = {name: line(process) for name, process in processes.items()}
    assert sorted(said.values()) == ["refused"] * 4 + ["took"]
    winner = next(name for name, what in said.items() if what == "took")
    assert processes[winner].poll() is None
    assert {writer for _, writer in traders.events()} == {winner}


def test_who_was_paused_while_another_took_over_writes_nothing_more(traders: Traders) -> None:
    paused, successor = traders.start("paused", 1), traders.start("successor", 1)
    go(paused)
    assert line(paused) == "took"
    assert os.WIFSTOPPED(os.waitpid(paused.pid, os.WUNTRACED)[1])
    go(successor)
    assert line(successor) == "took"
    pause(0.3)
    paused.send_signal(signal.SIGCONT)
    assert line(paused) == "lost"
    pause(0.3)
    writers = [writer for _, writer in traders.events()]
    first = writers.index("successor")
    assert first > 0, "the first one wrote nothing: the test shows nothing"
    assert set(writers[:first]) == {"paused"}
    assert set(writers[first:]) == {"successor"}
    assert successor.poll() is None
