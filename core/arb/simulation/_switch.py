"""The dead man's switch of an account: it cancels every working order at a time unless that is put off."""

from __future__ import annotations

from typing import Final

from arb.api import Rejected

from ._floor import Floor
from ._orders import cancel

_REASON: Final = "dead man's switch"


def arm(floor: Floor, timeout_ns: int) -> None:
    """Set the deadline `timeout_ns` from the state's time, or none with 0; raises Rejected below 0."""
    if timeout_ns < 0:
        text = f"the timeout of the dead man's switch must not be negative: {timeout_ns} ns"
        raise Rejected(text, exchange=floor.name, code="timeout")
    deadline_ns = floor.state.now_ns + timeout_ns if timeout_ns else None
    if deadline_ns != floor.state.deadline_ns:
        floor.state.deadline_ns = deadline_ns
        floor.state.version += 1


def trip(floor: Floor) -> None:
    """Cancel every working order at the state's time and disarm."""
    for order in list(floor.state.working.values()):
        cancel(floor, order, _REASON)
    floor.state.deadline_ns = None
    floor.state.version += 1
