"""What the halves share."""

from __future__ import annotations

import importlib.metadata
import time
from typing import Any, Protocol


class Sdk(Protocol):
    """What a half does.

    Attributes:
        about: The names and versions of what it measures.
    """

    about: str

    def measure(self, what: str, count: int, order: Any) -> list[float]:
        """Do something so many times; return the microseconds of each, nothing for what this SDK has not."""


def timed(work: Any, count: int) -> list[float]:
    """Return the microseconds of each call of `work(number)`."""
    found = []
    for number in range(count):
        began = time.perf_counter_ns()
        work(number)
        found.append((time.perf_counter_ns() - began) / 1e3)
    return found


def version(*names: str) -> str:
    """Return names with their versions, those that are not installed left out."""
    found = []
    for name in names:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"no {name}")
    return ", ".join(found)
