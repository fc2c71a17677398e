"""Others' clients against our fake venues: what they were written for is the real venue, not us.

Each venue's scenarios run in a tox environment of their own (`tox -e independent-hyperliquid`), since official
SDKs want versions of their own of what we use too. The plain test run leaves this folder out.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

import pytest

_HOUR_S = 3_600
_SERVE = """
import arb.runtime
from arb.cli import main

class Clock(arb.runtime.WallClock):
    def __init__(self):
        super().__init__()
        self._offset_ns += {ahead_ns}

arb.runtime.WallClock = Clock
main()
"""


def pytest_configure(config: pytest.Config) -> None:
    """Let others' code warn: it is not ours to mend."""
    config.addinivalue_line("filterwarnings", "default")


@dataclass(frozen=True)
class Venue:
    """A fake venue that runs: its address, and what a client of it has to know.

    Attributes:
        ahead_s: How far its clock is ahead of this machine's.
    """

    address: str
    settings: dict[str, Any]
    ahead_s: float = 0

    @property
    def stream_address(self) -> str:
        return self.address.replace("http://", "ws://")

    def get(self, path: str) -> Any:
        """Read without any client."""
        return self._answer(Request(self.address + path))

    def post(self, path: str, body: Any) -> Any:
        """Post JSON without any client."""
        headers = {"Content-Type": "application/json"}
        return self._answer(Request(self.address + path, data=json.dumps(body).encode(), headers=headers))

    @staticmethod
    def at_one_moment(direct: Callable[[], Any], told: Callable[[], Any]) -> tuple[Any, Any]:
        """Return what a direct read and a client say of one state of the market, which moves every second."""
        for _ in range(20):
            before, answer, after = direct(), told(), direct()
            if before == after:
                return before, answer
        raise AssertionError("the market never stood still")

    @staticmethod
    def around(direct: Callable[[], float], told: Callable[[], float]) -> tuple[float, float, float]:
        """Return a moving number: at least, as a client says, at most."""
        before, answer, after = direct(), told(), direct()
        low, high = min(before, after), max(before, after)
        return low - abs(low) * 1e-5, answer, high + abs(high) * 1e-5

    @staticmethod
    def _answer(request: Request) -> Any:
        with urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())


@contextmanager
def serving(name: str, *options: str, to_hour_s: float | None = None) -> Iterator[Venue]:
    """Serve the fake venue of a plugin as `arb venues fake` does.

    Args:
        name: Of the plugin.
        options: Of the command.
        to_hour_s: Let its clock be so far before a full hour, when funding is paid.
    """
    ahead_s = 0.0 if to_hour_s is None else _HOUR_S - time.time() % _HOUR_S - to_hour_s
    code = _SERVE.format(ahead_ns=int(ahead_s * 1e9))
    command = [sys.executable, "-c", code, "venues", "fake", name, "--json", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            lines = iter(process.stdout.readline, "")
            text = next(lines)
            while not text.endswith("\n}\n"):
                text += next(lines)
            told = json.loads(text)
            yield Venue(told["address"], told["settings"], ahead_s)
        finally:
            process.terminate()
            process.wait(timeout=20)


@pytest.fixture
def serve() -> Iterator[Callable[..., Venue]]:
    """Return a function that serves a fake venue until the end of the test."""
    with ExitStack() as stack:
        yield lambda name, *options, **more: stack.enter_context(serving(name, *options, **more))


@pytest.fixture
def until() -> Callable[..., Any]:
    """Return a function that asks again until something is there, and returns it."""

    def wait(ask: Callable[[], Any], seconds: float = 10.0, every: float = 0.05) -> Any:
        end = time.monotonic() + seconds
        while not (found := ask()):
            assert time.monotonic() < end, "it never came"
            time.sleep(every)
        return found

    return wait
