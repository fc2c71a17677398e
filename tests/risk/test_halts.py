"""Halts: durable, closed when in doubt, lifted by a person."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from arb.api import StorageError
from arb.model import ExchangeName
from arb.risk import EVERYTHING, HaltFile, Halts, HaltStore, MemoryHaltStore
from arb.testing import START_NS, FakeClock

HERE, THERE = ExchangeName("here"), ExchangeName("there")
EACH = 20


def halts(path: Path) -> Halts:
    """What one process knows of the halts in a file."""
    return Halts(HaltFile(path), FakeClock())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "arb.halts"


class DiskFull(MemoryHaltStore):
    """Keeps nothing while the disk is full."""

    def __init__(self, *, is_full: bool = True) -> None:
        super().__init__()
        self.is_full = is_full

    def write(self, text: str) -> None:
        if self.is_full:
            raise OSError(28, "No space left on device")
        super().write(text)


def test_nothing_is_halted_at_first(path: Path) -> None:
    of = halts(path)
    assert (of.active(), of.history(), of.blocking(HERE)) == ((), (), None)
    assert not path.exists()


def test_a_halt_of_one_exchange_blocks_that_one_only(path: Path) -> None:
    of = halts(path)
    raised = of.halt(HERE, "it looks wrong", by="anna")
    assert of.blocking(HERE) == raised
    assert of.blocking(THERE) is None
    assert (raised.halt_id, raised.raised_by, raised.raised_ns) == (1, "anna", START_NS)
    of.halt(EVERYTHING, "all of it looks wrong", by="anna")
    assert of.blocking(THERE) is not None
    assert str(of.blocking(HERE)) == "halt 1 (here): it looks wrong"


def test_drill_a_halt_outlives_its_process_and_reaches_the_others(path: Path) -> None:
    first, second = halts(path), halts(path)
    assert second.blocking(HERE) is None
    raised = first.halt(HERE, "it looks wrong", by="anna")
    assert second.blocking(HERE) == raised
    assert halts(path).active() == (raised,)
    (lifted,) = second.lift(by="bert", reason="it was the feed")
    assert first.blocking(HERE) is None
    assert (lifted.lifted_by, lifted.lifted_reason, lifted.lifted_ns) == ("bert", "it was the feed", START_NS)
    assert halts(path).history() == (lifted,)


def test_the_same_halt_is_raised_once_and_again_after_it_was_lifted(path: Path) -> None:
    of = halts(path)
    raised = of.halt(HERE, "it looks wrong", by="anna")
    assert of.halt(HERE, "it looks wrong", by="somebody else") == raised
    assert of.halt(HERE, "it looks wrong", by="anna", subject="hedge 7").halt_id == 2
    of.lift(by="bert", reason="looked")
    assert of.halt(HERE, "it looks wrong", by="anna").halt_id == 3
    assert [halt.is_active for halt in of.history()] == [False, False, True]


def test_a_person_lifts_all_or_the_ones_named(path: Path) -> None:
    of = halts(path)
    for reason in ("one", "two", "three"):
        of.halt(HERE, reason, by="test")
    assert [halt.halt_id for halt in of.lift(by="bert", reason="looked", halt_ids=[2, 9])] == [2]
    assert [halt.reason for halt in of.active()] == ["one", "three"]
    assert len(of.lift(by="bert", reason="looked")) == 2
    assert of.active() == ()


def test_a_halt_about_a_hedge_holds_that_hedge_and_one_about_nothing_holds_all(path: Path) -> None:
    of = halts(path)
    of.halt(HERE, "one exchange", by="anna")
    assert not of.holds("hedge 7")
    of.halt(EVERYTHING, "it cannot be closed", by="execution", subject="hedge 7")
    assert (of.holds("hedge 7"), of.holds("hedge 8")) == (True, False)
    of.halt(EVERYTHING, "all of it looks wrong", by="anna")
    assert of.holds("hedge 8")


def test_when_a_person_last_lifted_a_halt_about_a_hedge(path: Path) -> None:
    clock = FakeClock()
    of = Halts(HaltFile(path), clock)
    assert of.lifted_ns("hedge 7") == 0
    for subject in ("hedge 7", "hedge 7", "hedge 8"):
        clock.advance(1)
        of.halt(EVERYTHING, "it cannot be closed", by="execution", subject=subject)
        assert of.lifted_ns(subject) == (START_NS + 1 if clock.now_ns() == START_NS + 2 else 0)
        of.lift(by="bert", reason="looked")
    assert (of.lifted_ns("hedge 7"), of.lifted_ns("hedge 8")) == (START_NS + 2, START_NS + 3)


@pytest.mark.parametrize("by", ["", "  "])
def test_drill_nobody_lifts_nothing(path: Path, by: str) -> None:
    of = halts(path)
    of.halt(HERE, "it looks wrong", by="test")
    with pytest.raises(ValueError, match="name the person"):
        of.lift(by=by, reason="looked")
    assert of.blocking(HERE) is not None


GOOD = {
    "halt_id": 1,
    "scope": "here",
    "reason": "r",
    "raised_ns": 1,
    "raised_by": "anna",
    "subject": "",
    "lifted_ns": None,
    "lifted_by": "",
    "lifted_reason": "",
}


def written(*rows: object, file_format: object = 1) -> bytes:
    return json.dumps({"format": file_format, "halts": rows}).encode()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(written(GOOD)[:-9], id="truncated"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="list"),
        pytest.param(b"[" * 100_000, id="nested too deeply"),
        pytest.param(written(GOOD, file_format=2), id="another format"),
        pytest.param(json.dumps({"format": 1, "halts": {}}).encode(), id="halts are no list"),
        pytest.param(written("here"), id="a halt is a text"),
        pytest.param(written({**GOOD, "scope": None}), id="no scope"),
        pytest.param(written({**GOOD, "halt_id": "1"}), id="the id is a text"),
        pytest.param(written({**GOOD, "raised_ns": True}), id="the time is a truth"),
        pytest.param(written({**GOOD, "lifted_ns": 1.5, "lifted_by": "x"}), id="the time has a fraction"),
        pytest.param(written({**GOOD, "lifted_ns": 5}), id="lifted by nobody"),
        pytest.param(written({**GOOD, "note": ""}), id="an unknown field"),
        pytest.param(
            written({name: value for name, value in GOOD.items() if name != "reason"}), id="a field is missing"
        ),
    ],
)
def test_drill_a_file_that_cannot_be_read_halts_everything(path: Path, content: bytes) -> None:
    path.write_bytes(written({**GOOD, "lifted_ns": 5, "lifted_by": "bert"}))
    of = halts(path)
    assert of.active() == ()
    path.write_bytes(content)
    (halt,) = of.active()
    assert (halt.scope, halt.halt_id) == (EVERYTHING, 0)
    assert str(path) in halt.reason
    assert of.blocking(HERE) == of.blocking(THERE) == replace(halt)
    with pytest.raises(StorageError, match="nothing was lifted"):
        of.lift(by="bert", reason="looked")
    with pytest.raises(StorageError, match="could not be stored"):
        of.halt(HERE, "it looks wrong", by="anna")
    assert path.read_bytes() == content  # evidence is not written over
    path.write_bytes(written())
    assert [one.reason for one in of.active()] == ["it looks wrong"]


@contextmanager
def as_an_ordinary_user() -> Iterator[None]:
    """Give up the rights of root for a while: root may read everything."""
    uid = os.geteuid()
    if uid == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if uid == 0:
            os.seteuid(0)


def test_drill_a_file_that_may_not_be_read_halts_everything(path: Path) -> None:
    path.write_bytes(written())
    path.chmod(0)
    of = halts(path)
    with as_an_ordinary_user():
        (halt,) = of.active()
    assert halt.scope == EVERYTHING
    assert "Permission denied" in halt.reason


def test_drill_a_folder_instead_of_a_file_halts_everything(path: Path) -> None:
    path.mkdir()
    (halt,) = halts(path).active()
    assert halt.scope == EVERYTHING


def test_drill_a_pipe_instead_of_a_file_halts_everything_and_keeps_nobody_waiting(path: Path) -> None:
    os.mkfifo(path)
    (halt,) = halts(path).active()
    assert "it is not a regular file" in halt.reason


def test_drill_a_file_of_absurd_size_is_not_read(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(2**40)
    (halt,) = halts(path).active()
    assert "more than any file of halts" in halt.reason


def test_drill_a_folder_that_is_gone_is_not_the_absence_of_halts(tmp_path: Path) -> None:
    (halt,) = halts(tmp_path / "unmounted" / "arb.halts").active()
    assert halt.scope == EVERYTHING
    assert "is not there" in halt.reason


def test_a_link_is_followed_and_stays_one(path: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared.halts"
    path.symlink_to(shared)
    assert halts(path).active() == ()
    halts(path).halt(HERE, "through the link", by="anna")
    assert path.is_symlink()
    assert [halt.reason for halt in halts(shared).active()] == ["through the link"]


def test_drill_a_lock_that_another_process_keeps_is_not_waited_for_without_end(path: Path) -> None:
    of_a_run = Halts(HaltFile(path, lock_within_s=0.05), FakeClock())
    with (
        HaltFile(path).changing(),
        pytest.raises(StorageError, match=r"another process has kept .* locked for 0\.05 s"),
    ):
        of_a_run.halt(HERE, "it looks wrong", by="anna")
    assert of_a_run.blocking(HERE) is not None


def test_a_halt_that_work_must_outlive_is_stored_later() -> None:
    store = DiskFull()
    of = Halts(store, FakeClock())
    of.hold(HERE, "it looks wrong", by="books")
    assert [halt.reason for halt in of.catch_up()] == ["it looks wrong"]
    assert of.blocking(HERE) is not None
    store.is_full = False
    assert of.catch_up() == ()
    assert [(halt.halt_id, halt.raised_by) for halt in of.active()] == [(1, "books")]


def test_a_halt_that_another_process_stored_is_not_waited_to_be_stored() -> None:
    store = DiskFull()
    of = Halts(store, FakeClock())
    of.hold(HERE, "it looks wrong", by="books")
    store.is_full = False
    Halts(store, FakeClock()).halt(HERE, "it looks wrong", by="books")
    store.is_full = True
    assert of.catch_up() == ()
    assert len(of.active()) == 1


def test_drill_a_halt_on_a_full_disk_stands_in_this_process() -> None:
    store = DiskFull()
    of = Halts(store, FakeClock())
    with pytest.raises(StorageError, match=r"could not be stored .*No space left.*: it looks wrong"):
        of.halt(HERE, "it looks wrong", by="anna")
    assert [(halt.halt_id, halt.reason) for halt in of.active()] == [(0, "it looks wrong")]
    assert of.blocking(HERE) is not None
    with pytest.raises(StorageError):
        of.lift(by="bert", reason="looked")
    with pytest.raises(StorageError):
        of.halt(HERE, "it looks wrong", by="anna")
    assert len(of.active()) == 1
    store.is_full = False
    of.halt(THERE, "another one", by="anna")
    assert [(halt.halt_id, halt.reason) for halt in of.active()] == [(1, "it looks wrong"), (2, "another one")]
    assert Halts(store, FakeClock()).active() == of.active()


def test_drill_lifting_on_a_full_disk_lifts_nothing() -> None:
    store = DiskFull(is_full=False)
    of = Halts(store, FakeClock())
    of.halt(HERE, "it looks wrong", by="anna")
    store.is_full = True
    with pytest.raises(StorageError, match="nothing was lifted"):
        of.lift(by="bert", reason="looked")
    assert of.blocking(HERE) is not None


def test_a_person_lifts_a_halt_that_was_never_stored_once_the_disk_has_room() -> None:
    store = DiskFull()
    of = Halts(store, FakeClock())
    with pytest.raises(StorageError):
        of.halt(HERE, "it looks wrong", by="anna")
    store.is_full = False
    assert [halt.reason for halt in of.lift(by="bert", reason="looked")] == ["it looks wrong"]
    assert of.active() == ()


def test_drill_a_file_in_a_folder_that_is_gone_still_halts_this_process(tmp_path: Path) -> None:
    of = halts(tmp_path / "gone" / "arb.halts")
    with pytest.raises(StorageError, match="could not be stored"):
        of.halt(EVERYTHING, "it looks wrong", by="anna")
    assert of.blocking(HERE) is not None


PROCESS = """
import sys
from pathlib import Path
from arb.risk import HaltFile, Halts
from arb.testing import FakeClock

path, role, number, each = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
halts = Halts(HaltFile(path), FakeClock())
for count in range(each):
    if role == "raise":
        halts.halt("here", f"{number} {count}", by="test")
    else:
        while not halts.lift(by=str(number), reason="looked", halt_ids=[2 * count + number + 1]):
            pass
"""


def test_drill_processes_that_raise_and_lift_at_once_lose_nothing(path: Path) -> None:
    # Two raise, and two lift every other one as soon as it is there.
    processes = [
        subprocess.Popen([sys.executable, "-c", PROCESS, str(path), role, str(number), str(EACH)])
        for role in ("raise", "lift")
        for number in range(2)
    ]
    try:
        assert [process.wait(60) for process in processes] == [0] * 4
    finally:
        for process in processes:
            process.kill()
            process.wait()

    found = halts(path).history()
    assert [(halt.halt_id, halt.lifted_by) for halt in found] == [(n + 1, str(n % 2)) for n in range(2 * EACH)]
    assert {halt.reason for halt in found} == {f"{number} {count}" for number in range(2) for count in range(EACH)}


def test_a_look_at_an_unchanged_file_does_not_read_it() -> None:
    class Counting(MemoryHaltStore):
        reads = 0

        def read(self) -> str | None:
            self.reads += 1
            return super().read()

    store = Counting()
    of: Halts = Halts(store, FakeClock())
    of.halt(HERE, "it looks wrong", by="anna")
    of.active()
    reads = store.reads
    for _ in range(5):
        of.blocking(HERE)
    assert store.reads == reads


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_both_stores_behave_alike(path: Path, kind: str) -> None:
    store: HaltStore = HaltFile(path) if kind == "file" else MemoryHaltStore()
    assert (store.version(), store.read()) == (None, None)
    with store.changing():
        store.write("one")
    first = store.version()
    assert store.read() == "one"
    store.write("two")
    assert store.version() not in (None, first)
    assert store.read() == "two"
    assert str(store)
