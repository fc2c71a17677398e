"""What we keep of our own doings, beside what venues report."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from ._ids import ClientOrderId, ExchangeName, HedgeId, InstrumentId
from ._order import Order, OrderMode, OrderStatus


class OrderPurpose(StrEnum):
    """Why an order was sent."""

    ENTRY = "entry"
    COMPLETE = "complete"
    """Fills a shortfall of one leg."""
    UNWIND = "unwind"
    """Takes back a leg whose other side could not be filled."""
    EXIT = "exit"
    FORCED = "forced"
    """Not ours: a liquidation, a deleveraging, or a person at the venue reduced the leg."""

    @property
    def opens_risk(self) -> bool:
        """Whether such an order makes a leg larger; every other one of ours is reduce-only."""
        return self in (OrderPurpose.ENTRY, OrderPurpose.COMPLETE)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRecord:
    """An own order and where it belongs. It is stored before the wire is touched.

    Attributes:
        leg_index: Which leg of the hedge.
        attempt: Counts the orders of one leg; with hedge and leg it makes the client order id.
        arrival_price: Mid price when the order was decided; slippage is measured against it.
        rest_until_ns: When a resting order is cancelled; None for one that does not rest. It is
            part of the record, so that a restart does not move it.
    """

    order: Order
    hedge_id: HedgeId
    leg_index: int
    purpose: OrderPurpose
    attempt: int
    arrival_price: Decimal
    created_ns: int
    mode: OrderMode = OrderMode.MARKET
    rest_until_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReport:
    """One thing we learnt about an order, and where from: kept for `arb explain`.

    Attributes:
        ts_ns: When we learnt it.
        source: `decision`, or the read of the venue: `send_order`, `fetch_order`, `fetch_fills`.
    """

    client_order_id: ClientOrderId
    ts_ns: int
    status: OrderStatus
    filled_quantity: Decimal
    average_price: Decimal | None
    source: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Markout:
    """Mid price some time after an order's last fill: what the fill was worth then.

    Attributes:
        horizon_ns: How long after the fill.
    """

    client_order_id: ClientOrderId
    horizon_ns: int
    mid_price: Decimal
    ts_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dust:
    """What a finished hedge left behind because no order can be that small.

    Attributes:
        quantity: Signed contracts.
        price: Quote currency per contract when it was declared.
    """

    hedge_id: HedgeId
    leg_index: int
    instrument: InstrumentId
    quantity: Decimal
    price: Decimal
    declared_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to trade one account, held by one process.

    Attributes:
        holder: Host, process and start of the process, as `host:pid:start`.
        token: Grows with every change of hands; a write under an older one is refused.
        expires_ns: After this another process may take it.
    """

    account: ExchangeName
    holder: str
    token: int
    expires_ns: int


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
