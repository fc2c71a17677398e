"""What of a list cannot be had is left out, and told once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from arb.api import Context, ExchangeError

_SHOWN: Final = 5


class LeftOut:
    """Remembers what of one list is left out now, so that a list that is read again and again tells of each once."""

    def __init__(self, context: Context, what: str) -> None:
        """Leave nothing out yet; `what` names the rows in the log."""
        self._context = context
        self._what = what
        self._known: frozenset[str] = frozenset()

    def told(self, failed: Mapping[str, ExchangeError], count: int) -> None:
        """Take what failed of so many rows that were wanted, by symbol, and log what is new of it.

        Raises:
            ExchangeError: all of them failed: the first of the errors.
        """
        if failed and len(failed) == count:
            raise next(iter(failed.values()))
        new = [f"{symbol}: {error}" for symbol, error in failed.items() if symbol not in self._known]
        self._known = frozenset(failed)
        if new:
            more = f", and {len(new) - _SHOWN} more" if len(new) > _SHOWN else ""
            self._context.log.warning("%s are left out: %s%s", self._what, "; ".join(new[:_SHOWN]), more)
