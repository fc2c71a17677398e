"""Others' clients against our fake venues: what they were written for is the real venue, not us.

Each venue's scenarios run in a tox environment of their own (`tox -e independent-hyperliquid`), since official
SDKs want versions of their own of what we use too. The plain test run leaves this folder out.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest


@dataclass(frozen=True)
class Venue:
    """A fake venue that runs: its address, and what a client of it has to know."""

    address: str
    settings: dict[str, Any]

    @property
    def stream_address(self) -> str:
        return self.address.replace("http://", "ws://")


@contextmanager
def serving(name: str, *options: str) -> Iterator[Venue]:
    """Serve the fake venue of a plugin as `arb venues fake` does."""
    command = [sys.executable, "-c", "from arb.cli import main; main()", "venues", "fake", name, "--json", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            lines = iter(process.stdout.readline, "")
            text = next(lines)
            while not text.endswith("\n}\n"):
                text += next(lines)
            told = json.loads(text)
            yield Venue(told["address"], told["settings"])
        finally:
            process.terminate()
            process.wait(timeout=20)


@pytest.fixture
def serve() -> Iterator[Callable[..., Venue]]:
    """Return a function that serves a fake venue until the end of the test."""
    with ExitStack() as stack:
        yield lambda name, *options: stack.enter_context(serving(name, *options))
