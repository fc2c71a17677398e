"""Limits in front of every hedge that opens risk."""

from ._limits import AccountRisk, PricedLeg, Refusal, RefusalCode, RiskLimits
from ._manager import ApprovedPlan, RiskManager

__all__ = [
    "AccountRisk",
    "ApprovedPlan",
    "PricedLeg",
    "Refusal",
    "RefusalCode",
    "RiskLimits",
    "RiskManager",
]
