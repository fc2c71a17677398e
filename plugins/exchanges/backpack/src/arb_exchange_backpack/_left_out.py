"""What of a list is passed over is told once."""

from __future__ import annotations

from collections.abc import Iterable

from arb.api import Context
from arb.net import Row

from ._markets import is_other


class LeftOut:
    """Remembers what was passed over, so that a list that is read again and again tells of each once."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._told: set[str] = set()

    def tell(self, what: str) -> None:
        """Log what is passed over, unless it was before."""
        if what not in self._told:
            self._told.add(what)
            self._context.log.warning("passed over: %s", what)

    def perpetuals(self, rows: Iterable[Row], what: str) -> list[Row]:
        """Return the rows without those of markets of another type, which are told as `what`; raises KeyError."""
        found = []
        for row in rows:
            if is_other(row["symbol"]):
                self.tell(f"{what} in {row['symbol']}, which is no perpetual future")
            else:
                found.append(row)
        return found
