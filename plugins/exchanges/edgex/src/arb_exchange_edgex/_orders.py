"""Orders and fills of EdgeX: what is sent, and what the venue tells of them. Functions without I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_DOWN, Decimal
from types import MappingProxyType
from typing import Any, Final

from arb.model import (
    DAY_NS,
    MILLISECOND_NS,
    ZERO,
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
    exact_money,
)
from arb.net import Row, from_ms, maybe_number, maybe_positive, number, positive, text

from ._markets import Market
from ._signing import Chain, OrderToSign, TypedSigner, nonce_of

SIGNATURE_OUTLIVES_MS: Final = 8 * DAY_NS // MILLISECOND_NS
"""By which `l2ExpireTime` lies behind `expireTime`, at least (documents of createOrder)."""

_SIDES: Final[Mapping[Side, str]] = MappingProxyType({Side.BUY: "BUY", Side.SELL: "SELL"})
_SIDE_OF: Final[Mapping[str, Side]] = MappingProxyType({name: side for side, name in _SIDES.items()})
POST_ONLY: Final = "POST_ONLY"
_FORCES: Final[Mapping[TimeInForce, str]] = MappingProxyType(
    {
        TimeInForce.GTC: "GOOD_TIL_CANCEL",
        TimeInForce.IOC: "IMMEDIATE_OR_CANCEL",
        TimeInForce.FOK: "FILL_OR_KILL",
    }
)
_FORCE_OF: Final[Mapping[str, TimeInForce]] = MappingProxyType(
    {**{name: force for force, name in _FORCES.items()}, POST_ONLY: TimeInForce.GTC}
)

PENDING: Final = "PENDING"
"""The venue has the order and has not matched it yet."""

WAITING: Final = "UNTRIGGERED"
"""An order that waits for a trigger price: it is not in the book."""

STATUS_OF: Final[Mapping[str, OrderStatus]] = MappingProxyType(
    {
        PENDING: OrderStatus.OPEN,
        "OPEN": OrderStatus.OPEN,
        "FILLED": OrderStatus.FILLED,
        "CANCELING": OrderStatus.OPEN,
        "CANCELED": OrderStatus.CANCELLED,
        WAITING: OrderStatus.OPEN,
    }
)

NOT_FILLED: Final = "COULD_NOT_FILL"
NOT_REDUCED: Final = "REDUCE_ONLY_CANCELED"
NO_MARGIN: Final = "MARGIN_NOT_ENOUGH"
_REASONS: Final[Mapping[str, OrderStatus]] = MappingProxyType(
    {
        NOT_FILLED: OrderStatus.EXPIRED,
        "EXPIRE_CANCELED": OrderStatus.EXPIRED,
        "INTERNAL_FAILED": OrderStatus.REJECTED,
    }
)
"""`cancelReason` that says more than that an order was cancelled."""

_NO_REASON: Final = "UNKNOWN_ORDER_CANCEL_REASON"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """An order in the venue's words.

    Attributes:
        price: As text; `0` for a market order.
        size: As text.
        expires_ms: When the order ends at the venue.
        signed_price: What is signed as the worst price; that of a market order is not its price.
    """

    client_id: str
    price: str
    size: str
    side: str
    kind: str
    force: str
    reduce_only: bool
    expires_ms: int
    signed_price: Decimal


def terms_of(request: OrderRequest, client_id: str, expires_ms: int) -> Terms:
    """Return what an order says at the venue: always a limit order, since every order of ours has a worst price."""
    return Terms(
        client_id=client_id,
        price=f"{request.price:f}",
        size=f"{request.quantity:f}",
        side=_SIDES[request.side],
        kind="LIMIT",
        force=POST_ONLY if request.post_only else _FORCES[request.time_in_force],
        reduce_only=request.reduce_only,
        expires_ms=expires_ms,
        signed_price=request.price,
    )


def order_body(market: Market, chain: Chain, account_id: str, signer: TypedSigner, terms: Terms) -> dict[str, Any]:
    """Return the body of `POST /api/v2/private/order/createOrder`, signed."""
    nonce, size = nonce_of(terms.client_id), Decimal(terms.size)
    with exact_money():
        value = terms.signed_price * size
        synthetic, collateral = size * market.resolution, value * market.coin_resolution
        fee = (value * market.limit_fee_rate).to_integral_value(ROUND_CEILING)
        fee_units = fee * market.coin_resolution
    signature = signer.order(
        chain,
        OrderToSign(
            nonce=nonce,
            # The chain counts seconds, and cuts off what is less.
            expires_s=terms.expires_ms // 1000,
            synthetic=int(synthetic.to_integral_value(ROUND_DOWN)),
            collateral=int(collateral.to_integral_value(ROUND_DOWN)),
            fee=int(fee_units),
            contract_id=int(market.contract_id),
            coin_id=int(market.coin_id),
            is_buy=terms.side == "BUY",
        ),
    )
    return {
        "accountId": account_id,
        "contractId": market.contract_id,
        "price": terms.price,
        "size": terms.size,
        "type": terms.kind,
        "side": terms.side,
        "timeInForce": terms.force,
        "clientOrderId": terms.client_id,
        "expireTime": str(terms.expires_ms),
        "l2Nonce": str(nonce),
        "l2Signature": signature,
        "l2ExpireTime": str(terms.expires_ms + SIGNATURE_OUTLIVES_MS),
        "l2Value": f"{value:f}",
        "l2Size": terms.size,
        "l2LimitFee": f"{fee:f}",
        "reduceOnly": terms.reduce_only,
        "triggerPrice": "",
        "triggerPriceType": "",
        "sourceKey": "",
        "isPositionTpsl": False,
        "openTpslParentOrderId": "",
        "isSetOpenTp": False,
        "openTp": None,
        "isSetOpenSl": False,
        "openSl": None,
        "extraType": "",
        "extraDataJson": "",
    }


def order_of(instrument: InstrumentId, name: ClientOrderId, row: Row) -> Order:
    """Read an order of any call or message; raises KeyError or ValueError.

    What is matched (`cumMatchSize`) is not yet filled until it is settled (`cumFillSize`), or has failed
    (`cumFailSize`): so long the order is not final, whatever its status says.
    """
    filled, size = number(row["cumFillSize"]), positive(row["size"])
    spent = number(row["cumFillValue"])
    average = spent / filled if filled else None
    return Order(
        request=_request(instrument, name, row, size, average),
        status=_status(row, filled, size),
        exchange_order_id=ExchangeOrderId(text(row["id"])),
        filled_quantity=filled,
        average_price=average,
        ts_event_ns=from_ms(row["updatedTime"]),
        reason=_reason(row),
    )


def unsettled(row: Row) -> Decimal:
    """Return how much of an order is matched and neither settled nor failed yet; raises KeyError where it is not told.

    What failed may be left out: then more counts as on its way, and the order is not called final.
    """
    return number(row["cumMatchSize"]) - number(row["cumFillSize"]) - (maybe_number(row.get("cumFailSize")) or ZERO)


def _status(row: Row, filled: Decimal, size: Decimal) -> OrderStatus:
    status = STATUS_OF[row["status"]]
    working = OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.OPEN
    if status is OrderStatus.OPEN or unsettled(row) > 0:
        return working
    if status is OrderStatus.FILLED:
        # Less than all of it: the settlement of the rest failed, and it will not be filled any more.
        return status if filled >= size else OrderStatus.CANCELLED
    told = _REASONS.get(_reason(row), status)
    return OrderStatus.CANCELLED if told is OrderStatus.REJECTED and filled else told


def _reason(row: Row) -> str:
    reason = row.get("cancelReason")
    return reason if isinstance(reason, str) and reason != _NO_REASON else ""


def _request(
    instrument: InstrumentId, name: ClientOrderId, row: Row, size: Decimal, average: Decimal | None
) -> OrderRequest:
    # A market order has no price: then what it met stands for it, or the worst price that was signed.
    price = maybe_positive(row.get("price")) or average or number(row["l2Value"]) / positive(row["l2Size"])
    force = row["timeInForce"]
    return OrderRequest(
        client_order_id=name,
        instrument=instrument,
        side=_SIDE_OF[row["side"]],
        quantity=size,
        price=price,
        time_in_force=_FORCE_OF[force],
        post_only=force == POST_ONLY,
        reduce_only=bool(row.get("reduceOnly")),
    )


def fill_of(instrument: InstrumentId, name: ClientOrderId, currency: str, row: Row) -> Fill:
    """Read an `orderFillTransaction`; raises KeyError or ValueError.

    `realizePnl` of the venue has the fees taken off; here profit is before them.
    """
    fee = number(row["fillFee"]) + (maybe_number(row.get("liquidateFee")) or ZERO)
    profit = maybe_number(row.get("realizePnl"))
    return Fill(
        fill_id=FillId(text(row["id"])),
        client_order_id=name,
        exchange_order_id=ExchangeOrderId(text(row["orderId"])),
        instrument=instrument,
        side=_SIDE_OF[row["orderSide"]],
        price=positive(row["fillPrice"]),
        quantity=positive(row["fillSize"]),
        fee=fee,
        fee_currency=currency,
        liquidity=_LIQUIDITY[row["direction"]],
        ts_event_ns=from_ms(row["matchTime"]),
        realized_pnl=None if profit is None else profit + fee,
    )


_LIQUIDITY: Final[Mapping[str, Liquidity]] = MappingProxyType({"MAKER": Liquidity.MAKER, "TAKER": Liquidity.TAKER})


def fill_place(fill: Fill) -> tuple[int, int, str]:
    """Return where a fill stands in a list: by time, then by the venue's number."""
    return fill.ts_event_ns, int(fill.fill_id) if fill.fill_id.isdigit() else 0, fill.fill_id
