"""Orders as the venue writes them, and the orders that we write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from arb.api import BadResponse, ExchangeError
from arb.model import (
    ZERO,
    ClientOrderId,
    ExchangeOrderId,
    InstrumentId,
    Order,
    OrderRequest,
    OrderStatus,
    Side,
    TimeInForce,
)
from arb.net import from_ms, number, reading, whole

from ._errors import NO_MATCH, refused
from ._market_rows import SIDES
from ._wire import to_wire

CLOID_BITS: Final = 127
_TIFS: Final[Mapping[TimeInForce, str]] = {TimeInForce.GTC: "Gtc", TimeInForce.IOC: "Ioc"}
POST_ONLY: Final = "Alo"
_AT_ONCE: Final = frozenset({"Ioc", "FrontendMarket", "LiquidationMarket"})
_OPEN: Final = frozenset({"open", "triggered"})
_NO_MATCH_STATUS: Final = "iocCancelRejected"


def cloid(order_number: int) -> str:
    """Return a client order id of the venue: 16 bytes in hex."""
    return f"0x{order_number:032x}"


def order_wire(request: OrderRequest, asset: int, order_number: int) -> dict[str, Any]:
    """Return an order as it is signed; the venue hashes its keys in this order (SDK, `order_request_to_order_wire`).

    Raises:
        ValueError: a number has too many decimals.
    """
    tif = POST_ONLY if request.post_only else _TIFS[request.time_in_force]
    return {
        "a": asset,
        "b": request.side is Side.BUY,
        "p": to_wire(request.price),
        "s": to_wire(request.quantity),
        "r": request.reduce_only,
        "t": {"limit": {"tif": tif}},
        "c": cloid(order_number),
    }


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order as the venue lists it.

    Attributes:
        number: Of our id; None for an order without a client order id.
        remaining: What is not filled.
        tif: None where the venue does not say.
    """

    coin: str
    oid: int
    number: int | None
    side: Side
    price: Decimal
    quantity: Decimal
    remaining: Decimal
    placed_ns: int
    tif: str | None
    reduce_only: bool

    @property
    def filled(self) -> Decimal:
        """Return what is filled, by this row."""
        return self.quantity - self.remaining

    def request(self, client_order_id: ClientOrderId, instrument: InstrumentId) -> OrderRequest:
        """Return the order as it was asked for; one whose duration the venue does not tell rests."""
        return OrderRequest(
            client_order_id=client_order_id,
            instrument=instrument,
            side=self.side,
            quantity=self.quantity,
            price=self.price,
            time_in_force=TimeInForce.IOC if self.tif in _AT_ONCE else TimeInForce.GTC,
            post_only=self.tif == POST_ONLY,
            reduce_only=self.reduce_only,
        )


def order_row(row: Mapping[str, Any]) -> OrderRow:
    """Read an order of `frontendOpenOrders`, `orderStatus` or the stream `orderUpdates`."""
    remaining = number(row["sz"])
    quantity = number(row["origSz"]) if row.get("origSz") is not None else remaining
    given = row.get("cloid")
    if not 0 <= remaining <= quantity:
        raise ValueError(f"{remaining} of {quantity} are left")
    return OrderRow(
        coin=row["coin"],
        oid=whole(row["oid"]),
        number=None if given is None else int(given, 16),
        side=SIDES[row["side"]],
        price=number(row["limitPx"]),
        quantity=quantity,
        remaining=remaining,
        placed_ns=from_ms(row["timestamp"]),
        tif=row.get("tif"),
        reduce_only=bool(row.get("reduceOnly")),
    )


def status_of(text: Any, row: OrderRow) -> OrderStatus:
    """Return the status that a text stands for (documentation, "Query order status").

    Raises:
        ValueError: it is none of the venue's.
    """
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is no status")
    if text in _OPEN:
        return OrderStatus.PARTIALLY_FILLED if row.filled else OrderStatus.OPEN
    if text == "filled":
        return OrderStatus.FILLED if not row.remaining else OrderStatus.CANCELLED
    if text in ("canceled", "scheduledCancel", _NO_MATCH_STATUS) or text.endswith("Canceled"):
        return OrderStatus.CANCELLED
    if text == "rejected" or text.endswith("Rejected"):
        return OrderStatus.REJECTED
    raise ValueError(f"{text!r} is a status that is not known")


@dataclass(frozen=True, slots=True)
class Filled:
    """What fills of one order add up to."""

    quantity: Decimal = ZERO
    notional: Decimal = ZERO

    def and_(self, quantity: Decimal, price: Decimal) -> Filled:
        """Return the sum with one more fill."""
        return Filled(self.quantity + quantity, self.notional + quantity * price)

    @property
    def average(self) -> Decimal | None:
        """Return the average price; None while nothing is filled."""
        return self.notional / self.quantity if self.quantity else None


def filled_of(oid: int, rows: Iterable[Mapping[str, Any]]) -> Filled:
    """Add up the fills of an order."""
    total = Filled()
    for row in rows:
        if whole(row["oid"]) == oid:
            total = total.and_(number(row["sz"]), number(row["px"]))
    return total


def order_of(request: OrderRequest, row: OrderRow, status: OrderStatus, filled: Filled, why: str, ts_ns: int) -> Order:
    """Return an order whose fills are known."""
    if status is OrderStatus.REJECTED and filled.quantity:
        status = OrderStatus.CANCELLED
    return Order(
        request=request,
        status=status,
        exchange_order_id=ExchangeOrderId(str(row.oid)),
        filled_quantity=filled.quantity,
        average_price=filled.average,
        ts_event_ns=ts_ns,
        reason="" if status in (OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED) else why,
    )


def sent_order(answer: Mapping[str, Any], request: OrderRequest, venue_ns: int, exchange: str) -> Order:
    """Read the answer to an order that was sent.

    Raises:
        Rejected: certain.
        BadResponse: it does not tell what became of the order.
    """
    (status,) = answer["data"]["statuses"]
    if not isinstance(status, Mapping):
        raise BadResponse(f"order {request.client_order_id}: {status!r:.100}", exchange=exchange, code="unknown_status")
    if "error" in status:
        error = refused(status["error"], exchange)
        if error.code == NO_MATCH:
            # What an order that may not rest is for: it found nothing, so it is over.
            return Order(
                request=request, status=OrderStatus.CANCELLED, ts_event_ns=venue_ns, reason=str(status["error"])
            )
        raise error
    if "resting" in status:
        oid = ExchangeOrderId(str(whole(status["resting"]["oid"])))
        return Order(request=request, status=OrderStatus.OPEN, exchange_order_id=oid, ts_event_ns=venue_ns)
    done = status["filled"]
    quantity, average = number(done["totalSz"]), number(done["avgPx"])
    if not 0 < quantity <= request.quantity:
        raise ValueError(f"{quantity} of {request.quantity} are filled")
    part = OrderStatus.CANCELLED if request.time_in_force is TimeInForce.IOC else OrderStatus.PARTIALLY_FILLED
    return Order(
        request=request,
        status=OrderStatus.FILLED if quantity == request.quantity else part,
        exchange_order_id=ExchangeOrderId(str(whole(done["oid"]))),
        filled_quantity=quantity,
        average_price=average,
        ts_event_ns=venue_ns,
    )


def cancel_errors(answer: Mapping[str, Any], count: int, exchange: str) -> list[ExchangeError | None]:
    """Read the answer to so many cancellations: what the venue says against each, None where it is done.

    Raises:
        BadResponse: it does not tell of each.
    """
    with reading(exchange, "the answer to a cancellation"):
        statuses = list(answer["data"]["statuses"])
        if len(statuses) != count:
            raise ValueError(f"{len(statuses)} answers to {count} cancellations")
    return [None if status == "success" else _cancel_error(status, exchange) for status in statuses]


def _cancel_error(status: Any, exchange: str) -> ExchangeError:
    return refused(status.get("error") if isinstance(status, Mapping) else status, exchange)
