"""Client order ids: derived, never random, never used twice."""

from __future__ import annotations

from arb.model import ClientOrderId, HedgeId


def client_order_id(hedge: HedgeId, leg_index: int, attempt: int) -> ClientOrderId:
    """Return the id of one try on one leg.

    The same (hedge, leg, attempt) gives the same id after a crash, so a repeated send is refused by
    the venue as a duplicate; another attempt gives another id.
    """
    return ClientOrderId(f"{hedge}-{leg_index}-{attempt}")
