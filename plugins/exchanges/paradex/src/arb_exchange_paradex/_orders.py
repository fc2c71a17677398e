"""Orders and fills of Paradex: what is sent, and what the venue tells of them. Functions without I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from arb.api import Rejected
from arb.model import (
    ClientOrderId,
    ExchangeOrderId,
    Fill,
    FillId,
    InstrumentId,
    Liquidity,
    Order,
    OrderRequest,
    OrderStatus,
    Side,
    TimeInForce,
)
from arb.net import FOREIGN, Row, from_ms, maybe_positive, number, positive, text

from ._account import DOLLAR
from ._errors import refusal_by
from ._prices import SIDE_OF

LIMIT: Final = "LIMIT"
SELF_TRADE: Final = "EXPIRE_TAKER"
"""The newer of two own orders that would meet is ended: an account never trades with itself."""

NEW, UNTRIGGERED, OPEN, CLOSED = "NEW", "UNTRIGGERED", "OPEN", "CLOSED"
"""Queued for the checks of the venue; waiting for a trigger; in the book; over."""

_KNOWN: Final = frozenset({NEW, UNTRIGGERED, OPEN, CLOSED})
_SIDES: Final[Mapping[Side, str]] = MappingProxyType({side: name for name, side in SIDE_OF.items()})
_REDUCE_ONLY: Final = "REDUCE_ONLY"
_EXPIRED: Final = ("EXPIRE", "IMMEDIATE", "IOC", "STP", "SELF_TRADE")
"""Words of a `cancel_reason` of an order that ended by its own terms."""

_CANCELLED: Final = ("USER_CANCEL",)
"""Words of a `cancel_reason` of an order that its owner took back."""

_LIQUIDITY: Final[Mapping[str, Liquidity]] = MappingProxyType({"MAKER": Liquidity.MAKER, "TAKER": Liquidity.TAKER})
_OWN: Final = frozenset({"FILL", "RPI"})
"""Kinds of fills that an order of the account made; the others are the venue's."""

_WORDS: Final[Mapping[str, str]] = MappingProxyType({"LIQUIDATION": "liquidation-", "UNWIND_TRANSFER": "adl-"})
"""How the ids begin of what the venue did to a position."""


def instruction_of(request: OrderRequest) -> str:
    """Return the venue's word for how an order is to be filled; raises KeyError for fill-or-kill: it has none."""
    if request.post_only:
        return "POST_ONLY"
    return {TimeInForce.GTC: "GTC", TimeInForce.IOC: "IOC"}[request.time_in_force]


def payload_of(
    request: OrderRequest, symbol: str, *, timestamp_ms: int, window_ms: int, signature: str
) -> dict[str, Any]:
    """Return the body of `POST /orders`."""
    body: dict[str, Any] = {
        "market": symbol,
        "side": _SIDES[request.side],
        "type": LIMIT,
        "size": f"{request.quantity:f}",
        "price": f"{request.price:f}",
        "instruction": instruction_of(request),
        "client_id": request.client_order_id,
        "recv_window": window_ms,
        "stp": SELF_TRADE,
        "signature": signature,
        "signature_timestamp": timestamp_ms,
    }
    if request.reduce_only:
        body["flags"] = [_REDUCE_ONLY]
    return body


def state_of(row: Row) -> str:
    """Return where the venue has an order; raises ValueError for a word that is not known."""
    state = row["status"]
    if state not in _KNOWN:
        raise ValueError(f"an order that is {state!r}")
    return str(state)


def client_id_of(row: Row) -> ClientOrderId:
    """Return the id that its sender gave an order; one made of the venue's where there is none."""
    given = row.get("client_id")
    return ClientOrderId(given if isinstance(given, str) and given else f"{FOREIGN}{text(row['id'])}")


def order_of(instrument: InstrumentId, row: Row) -> Order:
    """Read an order that the venue has looked at: of REST, of the history or of a socket.

    Raises:
        ValueError: it still waits for the venue's checks or a trigger, or what is written cannot be true.
    """
    state = state_of(row)
    size, remaining = positive(row["size"]), number(row["remaining_size"])
    filled = size - remaining
    if not 0 <= remaining <= size:
        raise ValueError(f"{remaining} remain of an order of {size}")
    average = maybe_positive(row.get("avg_fill_price")) if filled else None
    if filled and average is None:
        raise ValueError("an order that was filled without a price")
    reason = str(row.get("cancel_reason") or "")
    return Order(
        request=_request(instrument, row, size, average),
        status=_status(state, filled, remaining, reason),
        exchange_order_id=ExchangeOrderId(text(row["id"])),
        filled_quantity=filled,
        average_price=average,
        ts_event_ns=from_ms(row["last_updated_at"]),
        reason=reason if remaining else "",
    )


def is_unknown_end(order: Order) -> bool:
    """Whether the venue ended an order for a reason that nobody has read yet: it passes for cancelled."""
    reason = order.reason
    return bool(reason) and refusal_by(reason) is None and not _has(reason, (*_EXPIRED, *_CANCELLED))


def rejection_of(order: Order, exchange: str) -> Rejected | None:
    """Return what the venue refused an order for after it had accepted it; None where it did not."""
    kind = refusal_by(order.reason) if order.status is OrderStatus.REJECTED else None
    if kind is None:
        return None
    text_ = f"order {order.request.client_order_id}: {order.reason}"
    return kind(text_, exchange=exchange, code=order.reason)


def fill_of(instrument: InstrumentId, row: Row, own_side: Side | None) -> Fill:
    """Read a fill of REST or of a socket. What it realised is not read: whether funding is in it is not said.

    Args:
        instrument: Of the fill.
        row: The venue's.
        own_side: Of our order, where it is ours: the venue calls its own field the taker's side, and shows it as
            the account's.
    """
    fill_id, order_id = text(row["id"]), row.get("order_id")
    liquidity = _LIQUIDITY[row["liquidity"]]
    return Fill(
        fill_id=FillId(fill_id),
        client_order_id=fill_name(row),
        exchange_order_id=ExchangeOrderId(order_id if isinstance(order_id, str) and order_id else f"fill-{fill_id}"),
        instrument=instrument,
        side=SIDE_OF[row["side"]] if own_side is None else own_side,
        price=positive(row["price"]),
        quantity=positive(row["size"]),
        fee=number(row["fee"]),
        # Frames of the first version of the schema do not say it: it is what the account is settled in.
        fee_currency=DOLLAR if row.get("fee_currency") is None else text(row["fee_currency"]),
        liquidity=liquidity,
        ts_event_ns=from_ms(row["created_at"]),
    )


def fill_name(row: Row) -> ClientOrderId:
    """Return whose order a fill is of; liquidations and transfers of a position have names of their own."""
    given, kind = row.get("client_id"), row["fill_type"]
    if kind in _OWN and isinstance(given, str) and given:
        return ClientOrderId(given)
    return ClientOrderId(f"{_WORDS.get(kind, FOREIGN)}{row.get('order_id') or text(row['id'])}")


def _status(state: str, filled: Decimal, remaining: Decimal, reason: str) -> OrderStatus:
    if state in (NEW, UNTRIGGERED):
        raise ValueError(f"an order that is {state}: what becomes of it is not said yet")
    if state == OPEN:
        return OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.OPEN
    if not remaining:
        return OrderStatus.FILLED
    if not filled and refusal_by(reason) is not None:
        return OrderStatus.REJECTED
    return OrderStatus.EXPIRED if _has(reason, _EXPIRED) else OrderStatus.CANCELLED


def _has(reason: str, words: Iterable[str]) -> bool:
    return any(word in reason.upper() for word in words)


def _request(instrument: InstrumentId, row: Row, size: Decimal, average: Decimal | None) -> OrderRequest:
    post_only = row["instruction"] in ("POST_ONLY", "RPI")
    is_market = "MARKET" in str(row["type"])
    # An order at the market has the price 0: then what it met stands for it, or what started it.
    price = maybe_positive(row.get("price")) or average or maybe_positive(row.get("trigger_price"))
    return OrderRequest(
        client_order_id=client_id_of(row),
        instrument=instrument,
        side=SIDE_OF[row["side"]],
        quantity=size,
        # One at the market that was refused has met nothing: no price is known, and none matters.
        price=Decimal(1) if price is None and is_market else positive(price),
        time_in_force=TimeInForce.IOC if row["instruction"] == "IOC" or is_market else TimeInForce.GTC,
        post_only=post_only,
        reduce_only=_REDUCE_ONLY in (row.get("flags") or ()),
    )
