"""How a run may end: as it was asked to, or by an error that a fault explains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from arb.api import AuthenticationFailed, LeaseLost, StorageError
from arb.model import SECOND_NS

from ._kinds import FaultKind

if TYPE_CHECKING:
    from ._process import Process

_STORAGE_ENDS_NS: Final = 3 * SECOND_NS
"""How long after an error of its storage a run has ended by it: requests that are under way end first."""


def wrong_end(process: Process) -> str:
    """Return what is wrong with the end of a process that is over; empty when nothing is."""
    if process.was_killed:
        return ""
    if process.ended is None:
        return "" if process.was_asked else f"{process.name} ended in order, and nobody asked it to"
    return "" if is_explained(process, process.ended) else f"{process.name} ended: {process.failure}"


def is_explained(process: Process, error: BaseException) -> bool:
    """Whether a fault explains that a process ends now by this error."""
    if isinstance(error, StorageError):
        return process.world.disk_is_full or _has_just_failed(process)
    if isinstance(error, AuthenticationFailed):
        # A key that is refused, twice in a row, as the run begins ends it: a person has to look.
        return not process.is_ready and process.world.faults[FaultKind.REJECTED.value] > 1
    return isinstance(error, LeaseLost) and (_gave_way(process) or process.holder in process.world.replaced)


def _has_just_failed(process: Process) -> bool:
    failed_ns = process.storage_failed_ns
    return failed_ns is not None and process.world.now_ns() - failed_ns <= _STORAGE_ENDS_NS


def _gave_way(process: Process) -> bool:
    """Whether it came later, did not work yet, and another one that lives holds a lease."""
    leases = process.world.auditor.truth.leases.values()
    holders = {lease.holder for lease in leases} - {process.holder}
    is_held = any(not process.world.is_gone(holder) for holder in holders)
    return process.number > 1 and not process.is_ready and is_held
