"""A PostgreSQL server for tests: one that they start, kill and throw away."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

_USER: Final = "arb"
_START_S: Final = 30.0
_UNPRIVILEGED: Final = "postgres"
"""The server refuses to run as root; Debian's package brings this user."""


class PostgresServer:
    """A server over one folder; it listens on a socket in it, so no port can be taken."""

    def __init__(self, folder: Path) -> None:
        """Make an empty cluster.

        Raises:
            FileNotFoundError: PostgreSQL's programs are not installed.
        """
        self._programs = find_programs()
        self._folder = folder
        self._data = folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        if os.geteuid() == 0:
            shutil.chown(folder, _UNPRIVILEGED)
            for parent in folder.parents:  # pytest's folders are open to their owner only
                if parent.stat().st_uid == 0 and parent != Path("/"):
                    parent.chmod(parent.stat().st_mode | 0o011)
        self._run("initdb", "--pgdata", str(self._data), "--username", _USER, "--auth", "trust", "--no-sync")
        self.start()

    def settings(self, database: str) -> dict[str, Any]:
        """Return the settings of the storage for a database of this server."""
        return {"host": str(self._folder), "database": database, "user": _USER}

    def start(self) -> None:
        """Start, and return when it takes connections."""
        # What is killed is the server, never the machine: nothing has to reach the disk.
        options = ("-k", str(self._folder), "-h", "", "-c", "fsync=off")
        command = self._command("postgres", "-D", str(self._data), *options)
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder)  # noqa: S603
        end = time.monotonic() + _START_S
        while self._try("pg_isready", "--host", str(self._folder)):
            if time.monotonic() > end or self._process.poll() is not None:
                raise TimeoutError((self._folder / "server.log").read_text(encoding="utf-8", errors="replace"))

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT is a fast end, SIGQUIT and SIGKILL lose what is not on disk."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None

    def create(self, database: str) -> None:
        """Make an empty database; one of this name is dropped."""
        at = ("--host", str(self._folder), "--username", _USER)
        self._run("dropdb", *at, "--if-exists", "--force", database)
        self._run("createdb", *at, database)

    def _run(self, *command: str) -> None:
        done = subprocess.run(self._command(*command), capture_output=True, text=True, cwd=self._folder)  # noqa: S603
        if done.returncode:
            log = (self._folder / "server.log").read_text(encoding="utf-8", errors="replace")
            raise RuntimeError(f"{command[0]} failed: {done.stderr}\nthe server's log:\n{log}")

    def _try(self, *command: str) -> int:
        found = subprocess.run(self._command(*command), capture_output=True, cwd=self._folder)  # noqa: S603
        return found.returncode

    def _command(self, program: str, *arguments: str) -> list[str]:
        command = [str(self._programs / program), *arguments]
        return ["setpriv", f"--reuid={_UNPRIVILEGED}", "--clear-groups", *command] if os.geteuid() == 0 else command


@contextmanager
def running_server(folder: Path) -> Iterator[PostgresServer]:
    """Run a server until the block ends."""
    server = PostgresServer(folder)
    try:
        yield server
    finally:
        server.stop()


def find_programs() -> Path:
    """Return the folder of `initdb` and `postgres`; raises FileNotFoundError with what to install."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda one: int(one.parent.name), reverse=True)
    known = shutil.which("initdb")
    for folder in [*folders, *([Path(known).parent] if known else [])]:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise FileNotFoundError("PostgreSQL's server is not installed; on Debian: apt-get install postgresql")
