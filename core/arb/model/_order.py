"""Orders and fills, and the life of an order as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from ._ids import ClientOrderId, ExchangeOrderId, FillId, InstrumentId
from ._money import ZERO
from ._text import line


class Side(StrEnum):
    """Direction of an order or a fill."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """Return +1 for a buy, -1 for a sell."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> Side:
        """Return the other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class TimeInForce(StrEnum):
    """How long an order rests."""

    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"


class OrderMode(StrEnum):
    """How an order is to be filled. Each has a worst price: there is no unbounded market order."""

    MARKET = "market"
    """Takes at once within a band around the mid price (IOC)."""
    POST_ONLY = "post_only"
    """Rests as maker until its deadline; what is not filled then is given up."""
    LIMIT_THEN_MARKET = "limit_then_market"
    """Rests as maker until its deadline; the rest is then taken within the band."""
    AGGRESSIVE = "aggressive"
    """Takes what the touch offers and rests at that price until its deadline."""

    @property
    def rests(self) -> bool:
        """Whether the order may wait in the book."""
        return self is not OrderMode.MARKET


class Liquidity(StrEnum):
    """Which side of the book a fill was on."""

    MAKER = "maker"
    TAKER = "taker"


class OrderStatus(StrEnum):
    """Where an order is in its life, as far as we know."""

    PENDING = "pending"
    """Recorded, not sent."""
    SUBMITTED = "submitted"
    """On the wire, no answer yet."""
    IN_DOUBT = "in_doubt"
    """Sent, and the answer does not tell whether the venue has it. Only a venue read ends this."""
    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    """The venue refused it with an allow-listed code: nothing happened."""
    NOT_SENT = "not_sent"
    """It certainly never reached the venue."""

    @property
    def is_final(self) -> bool:
        """Whether no further fill is expected."""
        return self in _FINAL


_FINAL: Final = frozenset(
    {OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED, OrderStatus.NOT_SENT}
)


class OrderTrigger(StrEnum):
    """What we learnt about an order."""

    SENT = "sent"
    ACCEPTED = "accepted"
    PART_FILLED = "part_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    NOT_SENT = "not_sent"
    DOUBTED = "doubted"
    PROVED_ABSENT = "proved_absent"
    """A venue read that covers the order's time says it never existed."""


_S = OrderStatus
_T = OrderTrigger

ORDER_TRANSITIONS: Final[Mapping[tuple[OrderStatus, OrderTrigger], OrderStatus]] = MappingProxyType(
    {
        (_S.PENDING, _T.SENT): _S.SUBMITTED,
        (_S.PENDING, _T.NOT_SENT): _S.NOT_SENT,
        # After a crash a recorded order may or may not have left: it is in doubt, not absent.
        (_S.PENDING, _T.DOUBTED): _S.IN_DOUBT,
        (_S.SUBMITTED, _T.ACCEPTED): _S.OPEN,
        (_S.SUBMITTED, _T.PART_FILLED): _S.PARTIALLY_FILLED,
        (_S.SUBMITTED, _T.FILLED): _S.FILLED,
        (_S.SUBMITTED, _T.CANCELLED): _S.CANCELLED,  # IOC without a match, or self-trade prevention
        (_S.SUBMITTED, _T.EXPIRED): _S.EXPIRED,
        (_S.SUBMITTED, _T.REJECTED): _S.REJECTED,
        (_S.SUBMITTED, _T.NOT_SENT): _S.NOT_SENT,
        (_S.SUBMITTED, _T.DOUBTED): _S.IN_DOUBT,
        (_S.IN_DOUBT, _T.DOUBTED): _S.IN_DOUBT,
        (_S.IN_DOUBT, _T.ACCEPTED): _S.OPEN,
        (_S.IN_DOUBT, _T.PART_FILLED): _S.PARTIALLY_FILLED,
        (_S.IN_DOUBT, _T.FILLED): _S.FILLED,
        (_S.IN_DOUBT, _T.CANCELLED): _S.CANCELLED,
        (_S.IN_DOUBT, _T.EXPIRED): _S.EXPIRED,
        (_S.IN_DOUBT, _T.REJECTED): _S.REJECTED,
        (_S.IN_DOUBT, _T.PROVED_ABSENT): _S.NOT_SENT,
        (_S.OPEN, _T.ACCEPTED): _S.OPEN,
        (_S.OPEN, _T.PART_FILLED): _S.PARTIALLY_FILLED,
        (_S.OPEN, _T.FILLED): _S.FILLED,
        (_S.OPEN, _T.CANCELLED): _S.CANCELLED,
        (_S.OPEN, _T.EXPIRED): _S.EXPIRED,
        (_S.OPEN, _T.REJECTED): _S.REJECTED,  # venues that reject asynchronously
        (_S.PARTIALLY_FILLED, _T.PART_FILLED): _S.PARTIALLY_FILLED,
        (_S.PARTIALLY_FILLED, _T.FILLED): _S.FILLED,
        (_S.PARTIALLY_FILLED, _T.CANCELLED): _S.CANCELLED,
        (_S.PARTIALLY_FILLED, _T.EXPIRED): _S.EXPIRED,
        # Real world: a fill that the venue reports after it confirmed the cancel.
        (_S.CANCELLED, _T.PART_FILLED): _S.CANCELLED,
        (_S.CANCELLED, _T.FILLED): _S.FILLED,
        (_S.EXPIRED, _T.PART_FILLED): _S.EXPIRED,
        (_S.EXPIRED, _T.FILLED): _S.FILLED,
        # Real world: the same report arrives twice.
        (_S.FILLED, _T.FILLED): _S.FILLED,
        (_S.CANCELLED, _T.CANCELLED): _S.CANCELLED,
        (_S.EXPIRED, _T.EXPIRED): _S.EXPIRED,
        (_S.REJECTED, _T.REJECTED): _S.REJECTED,
    }
)


def next_order_status(status: OrderStatus, trigger: OrderTrigger) -> OrderStatus:
    """Return the status after `trigger`.

    Raises:
        ValueError: the table has no such transition.
    """
    try:
        return ORDER_TRANSITIONS[status, trigger]
    except KeyError:
        raise ValueError(f"an order that is {status} cannot become {trigger}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """An order to be sent. There is no unbounded market order: every order has a price.

    Attributes:
        quantity: Contracts, positive.
        price: The worst price accepted, quote currency per contract.
    """

    client_order_id: ClientOrderId
    instrument: InstrumentId
    side: Side
    quantity: Decimal
    price: Decimal
    time_in_force: TimeInForce = TimeInForce.IOC
    post_only: bool = False
    reduce_only: bool = False

    def __post_init__(self) -> None:
        """Refuse orders no venue can take."""
        if self.quantity <= 0 or self.price <= 0:
            raise ValueError(f"order {self.client_order_id}: quantity and price must be positive")
        if self.post_only and self.time_in_force is not TimeInForce.GTC:
            raise ValueError(f"order {self.client_order_id}: post-only needs GTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is known of an order, in our record or by the venue's report.

    Attributes:
        filled_quantity: Contracts, cumulative; it never shrinks.
        average_price: Of the filled part; None while nothing is filled.
        ts_event_ns: When the venue changed it last.
        reason: Why it was refused or cancelled, in the venue's words; empty otherwise.
    """

    request: OrderRequest
    status: OrderStatus
    exchange_order_id: ExchangeOrderId | None = None
    filled_quantity: Decimal = ZERO
    average_price: Decimal | None = None
    ts_event_ns: int = 0
    reason: str = ""

    @property
    def remaining_quantity(self) -> Decimal:
        """Return the contracts not filled."""
        return self.request.quantity - self.filled_quantity

    def after(self, trigger: OrderTrigger, *, ts_event_ns: int, reason: str = "") -> Order:
        """Return the order after `trigger`, its reason as one line; raise ValueError where the table forbids it."""
        status = next_order_status(self.status, trigger)
        return replace(self, status=status, ts_event_ns=ts_event_ns, reason=line(reason) or self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One execution of an own order.

    Attributes:
        quantity: Contracts, positive.
        fee: In `fee_currency`; a cost is positive, a rebate negative.
        realized_pnl: What the venue booked to cash for the closed part, before the fee; None where
            the venue does not say.
    """

    fill_id: FillId
    client_order_id: ClientOrderId
    exchange_order_id: ExchangeOrderId
    instrument: InstrumentId
    side: Side
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: Liquidity
    ts_event_ns: int
    realized_pnl: Decimal | None = None
