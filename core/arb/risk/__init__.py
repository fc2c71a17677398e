"""Limits, circuit breakers and halts in front of everything that opens risk."""

from ._breakers import Breaker, BreakerLimits, Breakers
from ._clearance import ApprovedPlan, ClearedOrder
from ._halt_file import HaltFile, HaltStore, MemoryHaltStore
from ._halts import EVERYTHING, Halt, Halts
from ._inputs import AccountRisk, HeldPosition, MarginSetting, PricedLeg
from ._limits import Refusal, RefusalCode, RiskLimits
from ._manager import ORDER_TOLERANCE, RiskManager, RiskRefused

__all__ = [
    "AccountRisk",
    "ApprovedPlan",
    "Breaker",
    "BreakerLimits",
    "Breakers",
    "ClearedOrder",
    "EVERYTHING",
    "Halt",
    "HaltFile",
    "HaltStore",
    "Halts",
    "HeldPosition",
    "MarginSetting",
    "MemoryHaltStore",
    "ORDER_TOLERANCE",
    "PricedLeg",
    "Refusal",
    "RefusalCode",
    "RiskLimits",
    "RiskManager",
    "RiskRefused",
]
