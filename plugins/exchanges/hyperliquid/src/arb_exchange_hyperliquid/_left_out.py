"""What of a list is passed over is told once."""

from __future__ import annotations

from arb.api import Context

from ._seen import Seen


class LeftOut:
    """Remembers what was passed over, so that a list that is read again and again tells of each once."""

    def __init__(self, context: Context) -> None:
        self._log = context.log
        self._told = Seen()

    def tell(self, what: str, why: object) -> None:
        """Log what is passed over and why, unless it was before."""
        if self._told.add(what):
            self._log.warning("passed over: %s: %s", what, why)
