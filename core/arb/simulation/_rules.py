"""The rules of a simulated venue that are not rules of one instrument."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from arb.model import MINUTE_NS, MarginMode


class ReduceOnlyExcess(StrEnum):
    """What a venue does with a reduce-only order larger than the position."""

    CUT = "cut"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueRules:
    """Rules of one account at one venue. Ticks, lots, minimums, fees and tiers are the instrument's.

    Attributes:
        leverage: Set on every instrument until `set_leverage` changes it.
        price_band: How far beyond the mark price a taker's limit may be, as a fraction; None for no band.
        liquidation_fee: Charged on top of the taker fee, as a fraction of notional.
        check_ns: Step of margin checks and of looking at the book for resting orders.
        far_check_ns: Step of margin checks while a move of 10 % could not liquidate and nothing rests.
        realises: Whether funding without settlements is paid when a position changes; else at the market's moments.
    """

    leverage: Decimal = Decimal(5)
    margin_mode: MarginMode = MarginMode.CROSS
    reduce_only_excess: ReduceOnlyExcess = ReduceOnlyExcess.CUT
    price_band: Decimal | None = Decimal("0.1")
    liquidation_fee: Decimal = Decimal("0.005")
    client_order_id_length: int = 32
    check_ns: int = MINUTE_NS
    far_check_ns: int = 10 * MINUTE_NS
    realises: bool = False
