"""Limits and halts in front of everything that opens risk."""

from ._clearance import ApprovedPlan, ClearedOrder
from ._halt_file import HaltFile, HaltStore, MemoryHaltStore
from ._halts import EVERYTHING, Halt, Halts
from ._limits import AccountRisk, PricedLeg, Refusal, RefusalCode, RiskLimits
from ._manager import RiskManager, RiskRefused

__all__ = [
    "AccountRisk",
    "ApprovedPlan",
    "ClearedOrder",
    "EVERYTHING",
    "Halt",
    "HaltFile",
    "HaltStore",
    "Halts",
    "MemoryHaltStore",
    "PricedLeg",
    "Refusal",
    "RefusalCode",
    "RiskLimits",
    "RiskManager",
    "RiskRefused",
]
