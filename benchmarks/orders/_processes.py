"""Processes beside the benchmark: a venue imitated, and a venue's official SDK in an environment of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

_ARB = "from arb.cli import main; main()"
ASSETS = "BTC,ETH,SOL,XRP,HYPE"


@contextmanager
def served(venue: str, assets: str = ASSETS) -> Iterator[Mapping[str, Any]]:
    """Serve the fake venue of a plugin; yield its `address` and `settings`."""
    command = [sys.executable, "-c", _ARB, "venues", "fake", venue, "--json", "--assets", assets]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            text = _line(process.stdout)
            while not text.endswith("\n}\n"):
                text += _line(process.stdout)
            yield json.loads(text)
        finally:
            process.terminate()


class Sdk:
    """An official SDK, told what to do line by line.

    Attributes:
        about: Its name and version, and what it signs with.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.about: str = ""

    @classmethod
    @contextmanager
    def running(cls, python: str, venue: str, setting: Mapping[str, Any]) -> Iterator[Sdk]:
        """Start it with the interpreter of its environment; `setting` is what it has to know of the venue."""
        command, here = [str(Path(python).absolute()), "-m", "sdk", venue], Path(__file__).parent
        with subprocess.Popen(command, cwd=here, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            try:
                sdk = cls(process)
                sdk.about = sdk.ask(setting)
                yield sdk
            finally:
                process.terminate()

    def measure(self, what: str, count: int, order: Mapping[str, Any]) -> list[float]:
        """Do something so many times; return the microseconds of each, nothing where this SDK has no such thing."""
        found: list[float] = self.ask({"what": what, "count": count, "order": order})
        return found

    def ask(self, question: Mapping[str, Any]) -> Any:
        """Return the answer to a question."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return json.loads(_line(self._process.stdout))


def _line(pipe: IO[str] | None) -> str:
    assert pipe is not None
    line = pipe.readline()
    if not line:
        raise SystemExit("a process ended before it answered; what it wrote is above")
    return line
