"""What a veto is asked about and how it answers."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from arb.model import Hedge, OrderRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderIntent:
    """An order that would open risk, before it is recorded or sent.

    Attributes:
        notional_usd: At the order's worst price.
    """

    order: OrderRequest
    hedge: Hedge
    notional_usd: Decimal


@dataclass(frozen=True, slots=True)
class Veto:
    """Why an order may not be sent."""

    reason: str
