"""The composition root: builds a run from the configuration, supervises it, closes it in reverse."""

from ._assembly import App, Observe
from ._clock import WallClock
from ._modes import MAX_SPEED, Mode, RunOptions, check_live, is_virtual
from ._probe import probe_context
from ._run import DEFAULT_START, RunOutcome, execute

__all__ = [
    "App",
    "DEFAULT_START",
    "MAX_SPEED",
    "Mode",
    "Observe",
    "RunOptions",
    "RunOutcome",
    "WallClock",
    "check_live",
    "execute",
    "is_virtual",
    "probe_context",
]
