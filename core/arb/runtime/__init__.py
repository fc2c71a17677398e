"""The composition root: builds a run from the configuration, supervises it, closes it in reverse."""

from ._assembly import App, Observe, assembled
from ._clock import WallClock
from ._context import Ports, RuntimeContext
from ._flatten_accounts import AccountKind, FlattenTarget
from ._flattening import flatten, flatten_targets
from ._halting import halt_path, run_halts
from ._looking import read_only
from ._lookout import LOOKOUT_FAMILIES, Lookout, look
from ._modes import MAX_SPEED, Mode, RunOptions, check_live, is_virtual, simulated_exchanges
from ._paid_evidence import accruing_of, paid_evidence
from ._periodic import StopSignal
from ._predictions import compared_steps
from ._probe import probe_context
from ._run import DEFAULT_START, RunOutcome, execute

__all__ = [
    "AccountKind",
    "App",
    "DEFAULT_START",
    "FlattenTarget",
    "LOOKOUT_FAMILIES",
    "Lookout",
    "MAX_SPEED",
    "Mode",
    "Observe",
    "Ports",
    "RunOptions",
    "RunOutcome",
    "RuntimeContext",
    "StopSignal",
    "WallClock",
    "accruing_of",
    "assembled",
    "check_live",
    "compared_steps",
    "execute",
    "flatten",
    "flatten_targets",
    "halt_path",
    "is_virtual",
    "look",
    "paid_evidence",
    "probe_context",
    "read_only",
    "run_halts",
    "simulated_exchanges",
]
