"""What we keep of our own doings, beside what venues report."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from ._ids import ExchangeName, HedgeId, InstrumentId
from ._order import Order


class OrderPurpose(StrEnum):
    """Why an order was sent."""

    ENTRY = "entry"
    COMPLETE = "complete"
    """Fills a shortfall of one leg."""
    UNWIND = "unwind"
    """Takes back a leg whose other side could not be filled."""
    EXIT = "exit"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRecord:
    """An own order and where it belongs. It is stored before the wire is touched.

    Attributes:
        leg_index: Which leg of the hedge.
        attempt: Counts the orders of one leg; with hedge and leg it makes the client order id.
        arrival_price: Mid price when the order was decided; slippage is measured against it.
    """

    order: Order
    hedge_id: HedgeId
    leg_index: int
    purpose: OrderPurpose
    attempt: int
    arrival_price: Decimal
    created_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EquitySample:
    """Equity of one account in one currency at one time, as the venue reported it.

    Attributes:
        cash: Wallet without open positions, in `currency`.
        equity: Cash and unrealised PnL, in `currency`.
        usd_rate: US dollars per unit of `currency`.
    """

    ts_ns: int
    exchange: ExchangeName
    currency: str
    cash: Decimal
    equity: Decimal
    usd_rate: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionSample:
    """One open position at one time, as the venue reported it; `quantity` is signed contracts."""

    ts_ns: int
    instrument: InstrumentId
    quantity: Decimal
    mark_price: Decimal
