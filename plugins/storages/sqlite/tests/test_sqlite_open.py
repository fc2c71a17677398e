from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from arb.api import StorageError
from arb.testing import FakeContext
from arb_storage_sqlite._settings import SqliteSettings
from arb_storage_sqlite._storage import SqliteStorage, open_storage

OPEN = """
import asyncio, os, sys
from arb.testing import FakeContext
from arb_storage_sqlite._settings import SqliteSettings
from arb_storage_sqlite._storage import open_storage

mode = sys.argv[2]
if mode != "as_is" and os.getuid() == 0:
    # The interpreter may lie where only root can read: give up the rights after the imports.
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)

async def main():
    settings = SqliteSettings(path=sys.argv[1], read_only=mode == "read_only")
    try:
        async with open_storage(settings, FakeContext()) as storage:
            async with storage.transaction() as tx:
                if settings.read_only:
                    print(await tx.query("SELECT id FROM t"))
                else:
                    await tx.execute("CREATE TABLE IF NOT EXISTS t (id INTEGER)")
            print("open", flush=True)
            sys.stdin.read()
    except Exception as error:
        print(type(error).__name__, error)

asyncio.run(main())
"""


async def use(storage: SqliteStorage) -> None:
    async with storage.transaction() as tx:
        await tx.execute("CREATE TABLE IF NOT EXISTS t (id INTEGER)")
        await tx.execute("INSERT INTO t VALUES (1)")


async def count(storage: SqliteStorage) -> int:
    async with storage.transaction() as tx:
        return len(await tx.query("SELECT id FROM t"))


def open_once(path: Path | str, **settings: Any) -> None:
    async def main() -> None:
        async with open_storage(SqliteSettings(path=str(path), **settings), FakeContext()) as storage:
            await (count(storage) if settings.get("read_only") else use(storage))

    asyncio.run(main())


def as_nobody(path: Path, mode: str = "write") -> str:
    """Open in a process without special rights and return what it says."""
    done = subprocess.run(
        [sys.executable, "-c", OPEN, str(path), mode],
        input="",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd="/",
    )
    return f"{done.stdout}{done.stderr}"


@pytest.fixture
def shared() -> Iterator[Path]:
    """Return a folder that every user can enter (pytest's own are private)."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        folder.chmod(0o755)


def test_the_last_folder_is_made_and_only_that(tmp_path: Path) -> None:
    open_once(tmp_path / "new" / "arb.db")
    assert (tmp_path / "new" / "arb.db").is_file()
    with pytest.raises(StorageError, match=r"cannot be used \(No such file or directory\)"):
        open_once(tmp_path / "a" / "b" / "arb.db")


def test_memory_needs_no_file() -> None:
    open_once(":memory:")


@pytest.mark.parametrize(
    "settings",
    [
        {"path": ""},
        {"path": "a\0b"},
        {"path": "file:x.db?mode=ro"},
        {"path": ":memory:", "read_only": True},
        {"path": "x", "max_mebibytes": 0},
        {"path": "x", "busy_timeout": 5},
        {"path": "x", "pth": "y"},
        {},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SqliteSettings.model_validate(settings)


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="is a folder"):
        open_once(tmp_path)


def test_a_path_through_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(StorageError, match="is not a folder"):
        open_once(tmp_path / "file" / "arb.db")


def test_what_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are my notes, " * 100, encoding="utf-8")
    with pytest.raises(StorageError, match="is not an SQLite database"):
        open_once(path)
    assert path.read_text(encoding="utf-8").startswith("these are my notes")


def test_a_damaged_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "arb.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, note TEXT)")
    connection.executemany("INSERT INTO t (note) VALUES (?)", [("x" * 500,) for _ in range(200)])
    connection.commit()
    connection.close()
    content = bytearray(path.read_bytes())
    content[8192:20480] = b"\xff" * 12288
    path.write_bytes(content)
    with pytest.raises(StorageError, match="damaged"):
        open_once(path)
    assert path.read_bytes() == bytes(content)


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (id INTEGER)")
    connection.commit()
    connection.close()
    content = path.read_bytes()
    with pytest.raises(StorageError, match="is a database of another program"):
        open_once(path)
    assert path.read_bytes() == content


def test_a_name_with_special_letters_is_a_plain_file(tmp_path: Path) -> None:
    path = tmp_path / "a b?mode=memory#%41é.db"
    open_once(path)
    assert path.is_file()


def test_two_processes_cannot_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "arb.db"
    holder = subprocess.Popen(
        [sys.executable, "-c", OPEN, str(path), "as_is"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(StorageError, match=f"in use by process {holder.pid}; stop it first"):
            open_once(path)
        link = tmp_path / "link.db"
        link.symlink_to(path)
        with pytest.raises(StorageError, match="in use by process"):
            open_once(link)
        open_once(path, read_only=True)
        # Killed, it leaves its lock file and no lock.
        holder.kill()
        holder.wait(20)
    open_once(path)


def test_one_process_cannot_open_a_file_twice(tmp_path: Path) -> None:
    async def main() -> None:
        settings = SqliteSettings(path=str(tmp_path / "arb.db"))
        async with open_storage(settings, FakeContext()):
            with pytest.raises(StorageError, match=f"process {os.getpid()}"):
                async with open_storage(settings, FakeContext()):
                    pass

    asyncio.run(main())


def test_a_reader_sees_what_is_committed_and_writes_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        path = str(tmp_path / "arb.db")
        async with open_storage(SqliteSettings(path=path), FakeContext()) as writer:
            await use(writer)
            async with open_storage(SqliteSettings(path=path, read_only=True), FakeContext()) as reader:
                async with writer.transaction() as tx:
                    await tx.execute("INSERT INTO t VALUES (2)")
                    assert await count(reader) == 1
                assert await count(reader) == 2
                with pytest.raises(StorageError, match="may not be written"):
                    await use(reader)
                assert await count(reader) == 2

    asyncio.run(main())


def test_a_reader_needs_an_existing_file(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="does not exist, and read_only makes no new one"):
        open_once(tmp_path / "arb.db", read_only=True)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_may_not_be_written(shared: Path) -> None:
    open_once(shared / "arb.db")
    (shared / "arb.db").chmod(0o666)
    shared.chmod(0o555)
    said = as_nobody(shared / "arb.db")
    assert "StorageError" in said
    assert "lock file" in said
    assert "Permission denied" in said
    assert "[{'id': 1}]" in as_nobody(shared / "arb.db", "read_only")
    assert "lock file" in as_nobody(shared / "other.db")


def test_a_file_that_may_not_be_written_or_read(shared: Path) -> None:
    path = shared / "arb.db"
    open_once(path)
    shared.chmod(0o777)
    (shared / "arb.db-lock").chmod(0o666)
    path.chmod(0o444)
    said = as_nobody(path)
    assert "StorageError" in said
    assert "may not be written" in said
    path.chmod(0)
    said = as_nobody(path, "read_only")
    assert "StorageError" in said
    assert "cannot be opened" in said


def test_another_program_that_holds_the_file_is_waited_for_and_named(tmp_path: Path) -> None:
    path = tmp_path / "arb.db"
    open_once(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="another program holds it locked"):
        open_once(path, busy_timeout="10ms")
    other.execute("ROLLBACK")
    other.close()
    open_once(path)


def test_the_hook_imports_nothing_heavy() -> None:
    code = textwrap.dedent(
        """
        import sys
        import arb.api
        before = set(sys.modules)
        import arb_storage_sqlite.plugin
        assert "sqlite3" not in sys.modules
        """
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("name", ["arb.db", "arb.db-lock"])
@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_is_removed_while_it_is_in_use_ends_the_writing(tmp_path: Path, name: str, replaced: bool) -> None:
    async def main() -> None:
        async with open_storage(SqliteSettings(path=str(tmp_path / "arb.db")), FakeContext()) as storage:
            await use(storage)
            (tmp_path / name).rename(tmp_path / "elsewhere")
            if replaced:
                (tmp_path / name).write_bytes(b"")
            for _ in range(2):
                with pytest.raises(StorageError, match=f"{name}: was removed or replaced while it was in use"):
                    await use(storage)
            (tmp_path / "elsewhere").rename(tmp_path / name)
            await use(storage)
            assert await count(storage) == 2

    asyncio.run(main())
