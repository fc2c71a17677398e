"""Lists of which a row that cannot be read spoils no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from arb.api import BadResponse, Context
from arb.net import reading

T = TypeVar("T")


class RowReader:
    """Reads rows one by one; what cannot be read is left out, and logged when it could be read before."""

    def __init__(self, context: Context, what: str) -> None:
        """Read nothing yet; `what` begins an error's text, such as `a ticker`."""
        self._context = context
        self._what = what
        self._told: set[str] = set()

    def read(self, rows: Iterable[tuple[str, Callable[[], T]]]) -> list[T]:
        """Return what can be read of rows: of each its name, and what reads it.

        Raises:
            BadResponse: there are rows, and none of them can be read.
        """
        found, failed = list[T](), dict[str, BadResponse]()
        for name, make in rows:
            try:
                with reading(self._context.name, f"{self._what} of {name}"):
                    found.append(make())
            except BadResponse as error:
                failed[name] = error
        if failed and not found:
            raise next(iter(failed.values()))
        for name in failed.keys() - self._told:
            self._context.log.warning("%s; it is left out", failed[name])
        self._told = set(failed)
        return found
