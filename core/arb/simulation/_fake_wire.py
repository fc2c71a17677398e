"""What fake venues have in common: how failures of the ground reach the client, and changes of a book."""

from __future__ import annotations

from collections.abc import Sequence

from arb.api import ConnectFailed, ExchangeError, InMaintenance, NotSent, OutcomeUnknown, RateLimited
from arb.model import ZERO, BookLevel


def transport_failure(error: ExchangeError) -> ExchangeError | None:
    """Return what the client's transport raises instead of an answer; None where the venue itself answers."""
    if isinstance(error, RateLimited | InMaintenance):
        return None
    if isinstance(error, NotSent):
        return ConnectFailed("the connection failed", code=error.code)
    if isinstance(error, OutcomeUnknown):
        return OutcomeUnknown("no answer came back", code=error.code)
    return None


def changed_levels(before: Sequence[BookLevel], after: Sequence[BookLevel]) -> list[BookLevel]:
    """Return the levels of one side that differ, with their new sizes; a level that is gone has size zero."""
    old = {level.price: level.size for level in before}
    new = {level.price: level.size for level in after}
    changed = [level for level in after if old.get(level.price) != level.size]
    return changed + [BookLevel(price, ZERO) for price in old if price not in new]
