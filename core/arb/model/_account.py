"""What an account holds."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from ._ids import InstrumentId


class PositionSide(StrEnum):
    """Direction of a position."""

    LONG = "long"
    SHORT = "short"

    @property
    def sign(self) -> int:
        """Return +1 for long, -1 for short."""
        return 1 if self is PositionSide.LONG else -1


class MarginMode(StrEnum):
    """Whether positions share their margin."""

    CROSS = "cross"
    ISOLATED = "isolated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A position as the venue reports it.

    Attributes:
        quantity: Signed contracts, positive is long; never zero (a flat instrument has no row).
        unrealized_pnl: At the mark price, quote currency.
        liquidation_price: The venue's own value; None where it gives none.
        leverage: As set on the venue; None where it gives none.
    """

    instrument: InstrumentId
    quantity: Decimal
    entry_price: Decimal
    mark_price: Decimal
    unrealized_pnl: Decimal
    liquidation_price: Decimal | None
    leverage: Decimal | None
    margin_mode: MarginMode
    ts_event_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """One collateral currency of an account.

    Attributes:
        cash: Deposits, realised PnL, funding and fees: the wallet without open positions.
        equity: Cash plus unrealised PnL of positions in this currency.
        available: What new orders may use as margin.
        maintenance_margin: What open positions need; None where the venue does not say.
    """

    currency: str
    cash: Decimal
    equity: Decimal
    available: Decimal
    maintenance_margin: Decimal | None
    ts_event_ns: int
