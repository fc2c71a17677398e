"""How hedges are traded safely."""

from ._account_rows import positions_of
from ._account_sync import AccountSync
from ._asking import ask, listed
from ._executor import AtomicMultiOrderExecutor, ExecutionServices
from ._exposure import NakedExposure, naked_exposure
from ._flatten import Flattener
from ._flatten_outcome import AccountVerdict, FlattenedOrder, FlattenOutcome, FlattenPolicy, Remainder
from ._gateway import OrderObserver
from ._journaling import Recorder
from ._lease import AccountLeases
from ._leverage import LeverageKeeper
from ._liquidity import LegLiquidity, LiquidityAnalyzer
from ._policy import ExecutionPolicy
from ._quality import ExecutionQuality, OrderQuality, QualitySum
from ._sizing import PositionSizer
from ._slippage import SlippageCalculator
from ._tracker import ExecutionTracker, MarkoutRecorder

__all__ = [
    "AccountLeases",
    "AccountSync",
    "AccountVerdict",
    "AtomicMultiOrderExecutor",
    "ExecutionPolicy",
    "ExecutionQuality",
    "ExecutionServices",
    "ExecutionTracker",
    "FlattenOutcome",
    "FlattenPolicy",
    "FlattenedOrder",
    "Flattener",
    "LegLiquidity",
    "LeverageKeeper",
    "LiquidityAnalyzer",
    "MarkoutRecorder",
    "NakedExposure",
    "OrderObserver",
    "OrderQuality",
    "PositionSizer",
    "QualitySum",
    "Recorder",
    "Remainder",
    "SlippageCalculator",
    "ask",
    "listed",
    "naked_exposure",
    "positions_of",
]
