"""How hedges are traded safely."""

from ._account_sync import AccountSync
from ._asking import ask, listed
from ._executor import AtomicMultiOrderExecutor, ExecutionServices
from ._journaling import Recorder
from ._leverage import LeverageKeeper
from ._liquidity import LegLiquidity, LiquidityAnalyzer
from ._next_step import RepairPolicy

__all__ = [
    "AccountSync",
    "AtomicMultiOrderExecutor",
    "ExecutionServices",
    "LegLiquidity",
    "LeverageKeeper",
    "LiquidityAnalyzer",
    "Recorder",
    "RepairPolicy",
    "ask",
    "listed",
]
