"""What the journal hears of halts, whoever raises, lifts or removes them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from arb.api import StorageError
from arb.execution import AccountLeases, Recorder
from arb.model import MINUTE_NS, Event, EventKind, Severity
from arb.risk import EVERYTHING, HaltFile, Halts
from arb.runtime._halt_watch import HaltWatch
from arb.storage import Journal
from arb.testing import FakeClock, MemoryStorage


class Case:
    """A file of halts, a journal, and the watch of each run over them."""

    def __init__(self, path: Path, storage: MemoryStorage, journal: Journal) -> None:
        self.path = path
        self.storage = storage
        self.journal = journal
        self.clock = FakeClock()
        self.told: list[Event] = []

    @property
    def halts(self) -> Halts:
        return Halts(HaltFile(self.path), self.clock)

    def run(self) -> tuple[HaltWatch, Halts]:
        """Begin a run: what an earlier one remembered in memory is forgotten."""
        halts = self.halts
        leases = AccountLeases(self.clock, holder="a", is_gone=lambda holder: False, ttl_ns=MINUTE_NS)
        return HaltWatch(halts, Recorder(self.journal, self.clock, self.told.append, leases)), halts

    async def sql(self, statement: str) -> None:
        async with self.storage.transaction() as tx:
            await tx.execute(statement)

    def heard(self) -> list[tuple[EventKind, str]]:
        heard = [(event.kind, event.message) for event in self.told]
        self.told.clear()
        return heard


OnCase = Callable[[Callable[[Case], Awaitable[None]]], None]


@pytest.fixture
def on_case(tmp_path: Path) -> OnCase:
    def run(check: Callable[[Case], Awaitable[None]]) -> None:
        async def main() -> None:
            storage = MemoryStorage()
            await check(Case(tmp_path / "arb.halts", storage, await Journal.open(storage)))
            storage.close()

        asyncio.run(main())

    return run


def test_a_halt_and_its_end_are_told_once_each(on_case: OnCase) -> None:
    async def check(c: Case) -> None:
        watch, _ = c.run()
        c.halts.halt("right", "it looks wrong", by="anna")
        for _ in range(2):
            await asyncio.gather(watch.update(), watch.update())
        assert c.heard() == [(EventKind.HALT_RAISED, "halt 1 (right): it looks wrong (by anna)")]
        c.halts.lift(by="ben", reason="looked")
        for one in (watch, watch, c.run()[0]):
            await one.update()
        assert c.heard() == [(EventKind.HALT_LIFTED, "halt 1 (right): it looks wrong was lifted by ben: looked")]

    on_case(check)


@pytest.mark.parametrize("raised_by", ["anna", "execution"])
@pytest.mark.parametrize("restarted", [False, True])
def test_drill_halts_that_vanish_with_their_file_are_followed_by_a_halt_of_everything(
    on_case: OnCase, raised_by: str, *, restarted: bool
) -> None:
    async def check(c: Case) -> None:
        watch, halts = c.run()
        c.halts.halt("right", "it looks wrong", by=raised_by)
        await watch.update()
        c.heard()
        c.path.unlink()
        c.clock.advance(1)
        if restarted:
            watch, halts = c.run()
        await watch.update()
        (halt,) = halts.active()
        assert halt.scope == EVERYTHING
        assert "has lost what stood in it, and nobody lifted it: halt 1" in halt.reason
        assert [(event.kind, event.severity) for event in c.told] == [(EventKind.HALT_RAISED, Severity.ALARM)]
        c.halts.lift(by="anna", reason="it was me")
        await watch.update()
        await c.run()[0].update()
        assert halts.active() == (), "a person has lifted it, for good"

    on_case(check)


def test_drill_an_older_file_put_back_brings_no_halt_to_an_end(on_case: OnCase) -> None:
    async def check(c: Case) -> None:
        watch, halts = c.run()
        c.halts.halt("left", "older", by="anna")
        older = c.path.read_text()
        c.halts.halt("right", "newer", by="anna")
        await watch.update()
        c.path.write_text(older)
        c.clock.advance(1)
        await watch.update()
        assert [halt.scope for halt in halts.active()] == ["left", EVERYTHING]

    on_case(check)


def test_lifted_halts_may_vanish(on_case: OnCase) -> None:
    async def check(c: Case) -> None:
        watch, halts = c.run()
        c.halts.halt("right", "it looks wrong", by="anna")
        c.halts.lift(by="anna", reason="it was me")
        await watch.update()
        c.path.unlink()
        await watch.update()
        assert halts.active() == ()

    on_case(check)


def test_while_the_file_cannot_be_read_nothing_counts_as_gone(on_case: OnCase) -> None:
    async def check(c: Case) -> None:
        watch, halts = c.run()
        c.halts.halt("right", "it looks wrong", by="anna")
        good = c.path.read_text()
        await watch.update()
        c.heard()
        c.path.write_text("{")
        await watch.update()
        await watch.update()
        (told,) = c.heard()
        assert "cannot be read" in told[1]
        c.path.write_text(good)
        await watch.update()
        assert [halt.reason for halt in halts.active()] == ["it looks wrong"]
        assert c.heard() == []

    on_case(check)


def test_what_was_told_is_remembered_with_it_or_not_at_all(on_case: OnCase) -> None:
    """A run that is killed between the two would keep an alarm to itself for ever."""

    async def check(c: Case) -> None:
        c.halts.halt("right", "it looks wrong", by="anna")
        watch, _ = c.run()
        await c.sql("CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        with pytest.raises(StorageError, match="disk full"):
            await watch.update()
        await c.sql("DROP TRIGGER full")
        await c.run()[0].update()
        assert c.heard() == [(EventKind.HALT_RAISED, "halt 1 (right): it looks wrong (by anna)")]

    on_case(check)
