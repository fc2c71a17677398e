"""Orders that may leave: nothing reaches the wire without one of these, and only the gate makes them."""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import Final

from arb.model import HedgePlan, OrderRequest

GATE: Final = object()
"""Known to this package alone. What it admits does not keep it, so that no copy can pass it on."""


@dataclass(frozen=True, slots=True)
class ApprovedPlan:
    """A plan that passed every limit. Execution takes nothing else, and only the gate makes one.

    Raises:
        TypeError: made anywhere but in :class:`RiskManager`.
    """

    plan: HedgePlan
    gate: InitVar[object]

    def __post_init__(self, gate: object) -> None:
        """Refuse an approval that the gate did not give."""
        if gate is not GATE:
            raise TypeError("only RiskManager approves plans")


@dataclass(frozen=True, slots=True)
class ClearedOrder:
    """An order that may be sent now: it only reduces, or it passed the gate.

    Raises:
        TypeError: made anywhere but in :class:`RiskManager`.
    """

    request: OrderRequest
    gate: InitVar[object]

    def __post_init__(self, gate: object) -> None:
        """Refuse a clearance that the gate did not give."""
        if gate is not GATE:
            raise TypeError("only RiskManager clears orders")
