"""What every call is answered from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from arb.api import FundingService

from ._problems import Problem
from ._symbols import Symbols

_MOST_SCANS: Final = 8


@dataclass(slots=True)
class ScanQueue:
    """Counts the scans that are waited for: each may fetch books, and the run does one after the other."""

    waiting: int = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Wait inside the block.

        Raises:
            Problem: too many wait already.
        """
        if self.waiting >= _MOST_SCANS:
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too-many-scans",
                f"{self.waiting} scans wait already: ask again in a moment",
                headers={"Retry-After": "1"},
            )
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The run, and what is kept between calls."""

    service: FundingService
    symbols: Symbols
    scans: ScanQueue = field(default_factory=ScanQueue)


def open_desk(service: FundingService) -> Desk:
    """Return a desk over a run."""
    return Desk(service=service, symbols=Symbols(service))
