"""Lists of which a row that cannot be had or read spoils no other, and is told once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar

from arb.api import BadResponse, Context, ExchangeError

from ._fields import reading

T = TypeVar("T")
_SHOWN: Final = 5
_REMEMBERED: Final = 1_000


class LeftOut:
    """Remembers what of one list is left out now; each is logged once, and again when it was good meanwhile."""

    def __init__(self, context: Context, what: str) -> None:
        """Leave nothing out yet; `what` names the rows, such as `funding rates`."""
        self._context = context
        self._what = what
        self._known: frozenset[str] = frozenset()

    def read(self, rows: Iterable[tuple[str, Callable[[], T]]]) -> list[T]:
        """Return what can be read of rows: of each its name, and what reads it; raises as :meth:`told`."""
        found, failed = list[T](), dict[str, ExchangeError]()
        for name, make in rows:
            try:
                with reading(self._context.name, f"{self._what} of {name}"):
                    found.append(make())
            except BadResponse as error:
                failed[name] = error
        self.told(failed, len(found) + len(failed))
        return found

    def told(self, failed: Mapping[str, ExchangeError], count: int) -> None:
        """Take what failed of so many rows that were wanted, by name, and log what is new of it.

        Raises:
            ExchangeError: all of them failed: the first of the errors.
        """
        if failed and len(failed) == count:
            raise next(iter(failed.values()))
        new = [f"{name}: {error}" for name, error in failed.items() if name not in self._known]
        self._known = frozenset(failed)
        if new:
            more = f", and {len(new) - _SHOWN} more" if len(new) > _SHOWN else ""
            self._context.log.warning("%s are left out: %s%s", self._what, "; ".join(new[:_SHOWN]), more)


class PassedOver:
    """Logs what is passed over, each once, however often it comes."""

    def __init__(self, context: Context) -> None:
        """Know of nothing yet."""
        self._log = context.log
        self._told: set[str] = set()

    def tell(self, what: str, why: object) -> None:
        """Log what is passed over and why, unless it was before."""
        if what not in self._told and len(self._told) < _REMEMBERED:
            self._told.add(what)
            self._log.warning("passed over: %s: %s", what, why)
