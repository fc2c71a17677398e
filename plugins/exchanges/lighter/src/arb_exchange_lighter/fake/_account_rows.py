"""The account in the venue's rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from arb.model import (
    MILLISECOND_NS,
    SECOND_NS,
    ZERO,
    Balance,
    Fill,
    FundingPayment,
    Instrument,
    Liquidity,
    MarginMode,
    Order,
    OrderStatus,
    Position,
    PositionSide,
    Side,
    TimeInForce,
)

from ._keys import ACCOUNT_INDEX, L1_ADDRESS
from ._memory import Placed
from ._rows import FIRST_ORDER_INDEX, QUOTE_ASSET, STRANGER, Row, decimals_of, plain, symbol_of

_MICRO_NS: Final = 1_000
_REASONS: Final = (
    ("self-trade", "canceled-self-trade"),
    ("liquidation", "canceled-liquidation"),
    ("reduce-only", "canceled-reduce-only"),
    ("IOC", "canceled-not-enough-liquidity"),
)


def order_row(order: Order, instrument: Instrument, market_id: int, placed: Placed | None) -> Row:
    """Return an order as every listing and channel shows it."""
    request = order.request
    size_decimals, price_decimals = decimals_of(instrument.lot_size), decimals_of(instrument.tick_size)
    index = order_index(order.exchange_order_id)
    client_index = int(request.client_order_id) if request.client_order_id.isdigit() else 0
    changed_ns = order.ts_event_ns
    created_ns = placed.created_ns if placed else changed_ns
    force = "post-only" if request.post_only else "good-till-time"
    is_open = order.status in (OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED)
    remaining = request.quantity - order.filled_quantity if is_open else ZERO
    quote = (order.average_price or ZERO) * order.filled_quantity
    return {
        "order_index": index,
        "client_order_index": client_index,
        "order_id": str(index),
        "client_order_id": str(client_index),
        "market_index": market_id,
        "owner_account_index": ACCOUNT_INDEX,
        "initial_base_amount": plain(request.quantity, size_decimals),
        "price": plain(request.price, price_decimals),
        "nonce": placed.nonce if placed else 0,
        "remaining_base_amount": plain(remaining, size_decimals),
        "is_ask": request.side is Side.SELL,
        "base_size": int(request.quantity.scaleb(size_decimals)),
        "base_price": int(request.price.scaleb(price_decimals)),
        "filled_base_amount": plain(order.filled_quantity, size_decimals),
        "filled_quote_amount": plain(quote.quantize(Decimal("0.000001"))),
        "side": "sell" if request.side is Side.SELL else "buy",
        "type": placed.kind if placed else "limit",
        "time_in_force": force if request.time_in_force is TimeInForce.GTC else "immediate-or-cancel",
        "reduce_only": request.reduce_only,
        "trigger_price": plain(ZERO, price_decimals),
        "order_expiry": placed.expiry_ms if placed else 0,
        "status": status_of(order),
        "trigger_status": "na",
        "trigger_time": 0,
        "parent_order_index": 0,
        "parent_order_id": "0",
        "to_trigger_order_id_0": "0",
        "to_trigger_order_id_1": "0",
        "to_cancel_order_id_0": "0",
        "integrator_fee_collector_index": "0",
        "integrator_taker_fee": "0",
        "integrator_maker_fee": "0",
        "block_height": changed_ns // SECOND_NS,
        "timestamp": created_ns // MILLISECOND_NS,
        "created_at": created_ns // MILLISECOND_NS,
        "updated_at": changed_ns // MILLISECOND_NS,
        "transaction_time": changed_ns // _MICRO_NS,
        "order_flags": 0,
        "order_version": 0,
        "market_symbol": symbol_of(instrument),
        "market_kind": "perp",
    }


def status_of(order: Order) -> str:
    """Return the venue's word for where an order is."""
    if order.status is OrderStatus.FILLED:
        return "filled"
    if order.status is OrderStatus.EXPIRED:
        return "canceled-expired"
    if not order.status.is_final:
        return "open"
    return next((word for mark, word in _REASONS if mark in order.reason), "canceled")


def order_index(exchange_order_id: str | None) -> int:
    """Return the venue's number of an order of the ground."""
    return FIRST_ORDER_INDEX + int(exchange_order_id or 0)


def trade_row(fill: Fill, instrument: Instrument, market_id: int) -> Row:
    """Return an own trade; its other side is a stranger's. Fees that are zero are left out."""
    is_ask = fill.side is Side.SELL
    is_maker = fill.liquidity is Liquidity.MAKER
    notional = fill.price * fill.quantity
    fee = int((fill.fee / notional * 1_000_000).to_integral_value())
    own, other = ("ask", "bid") if is_ask else ("bid", "ask")
    index = order_index(fill.exchange_order_id)
    client_index = int(fill.client_order_id) if fill.client_order_id.isdigit() else 0
    profit = plain(fill.realized_pnl or ZERO, 6)
    return {
        "trade_id": int(fill.fill_id),
        "trade_id_str": str(int(fill.fill_id)),
        "tx_hash": f"{int(fill.fill_id):080x}",
        "type": "trade",
        "market_id": market_id,
        "size": plain(fill.quantity, decimals_of(instrument.lot_size)),
        "price": plain(fill.price, decimals_of(instrument.tick_size)),
        "usd_amount": plain(notional, 6),
        f"{own}_id": index,
        f"{own}_id_str": str(index),
        f"{own}_client_id": client_index,
        f"{own}_client_id_str": str(client_index),
        f"{own}_account_id": ACCOUNT_INDEX,
        f"{own}_account_pnl": profit,
        f"{own}_order_version": 0,
        f"{other}_id": FIRST_ORDER_INDEX,
        f"{other}_id_str": str(FIRST_ORDER_INDEX),
        f"{other}_client_id": 0,
        f"{other}_client_id_str": "0",
        f"{other}_account_id": STRANGER,
        f"{other}_account_pnl": "0.000000",
        f"{other}_order_version": 0,
        "is_maker_ask": is_maker == is_ask,
        "block_height": fill.ts_event_ns // SECOND_NS,
        "timestamp": fill.ts_event_ns // MILLISECOND_NS,
        "transaction_time": fill.ts_event_ns // _MICRO_NS,
        **({("maker_fee" if is_maker else "taker_fee"): fee} if fee else {}),
        **_untold(),
        "market_symbol": symbol_of(instrument),
        "market_kind": "perp",
    }


def position_row(
    position: Position | None, instrument: Instrument, market_id: int, fraction: int, mode: MarginMode, resting: int
) -> Row:
    """Return a position; a flat market keeps its row, with the margin that is set."""
    quantity = position.quantity if position else ZERO
    mark = position.mark_price if position else ZERO
    return {
        "market_id": market_id,
        "symbol": symbol_of(instrument),
        "initial_margin_fraction": plain(Decimal(fraction) / 100, 2),
        "open_order_count": resting,
        "pending_order_count": 0,
        "position_tied_order_count": 0,
        "sign": -1 if quantity < 0 else 1,
        "position": plain(abs(quantity), decimals_of(instrument.lot_size)),
        "avg_entry_price": plain(
            (position.entry_price if position else ZERO).quantize(instrument.tick_size * Decimal("0.000001"))
        ),
        "position_value": plain(abs(quantity) * mark, 6),
        "unrealized_pnl": plain(position.unrealized_pnl if position else ZERO, 6),
        "realized_pnl": "0.000000",
        "liquidation_price": plain((position and position.liquidation_price) or ZERO),
        "total_funding_paid_out": "0.000000",
        "margin_mode": 1 if mode is MarginMode.ISOLATED else 0,
        "allocated_margin": "0.000000",
        "total_discount": "0.000000",
        "margin_set_flag": 0,
    }


def account_row(balance: Balance, positions: Sequence[Row], orders: int) -> Row:
    """Return the account as `account` shows it."""
    maintenance = balance.maintenance_margin or ZERO
    return {
        "code": 0,
        "account_type": 0,
        "index": ACCOUNT_INDEX,
        "l1_address": L1_ADDRESS,
        "cancel_all_time": 0,
        "total_order_count": orders,
        "total_isolated_order_count": 0,
        "pending_order_count": 0,
        "available_balance": plain(balance.available, 6),
        "status": 1,
        "collateral": plain(balance.cash, 6),
        "transaction_time": 0,
        "account_trading_mode": 0,
        "account_index": ACCOUNT_INDEX,
        "name": "",
        "description": "",
        "can_invite": False,
        "referral_points_percentage": "",
        "can_rfq": False,
        "can_rfq_market_ids": [],
        "created_at": 0,
        "metadata": {"color": ""},
        "agent_enabled": False,
        "positions": list(positions),
        "assets": [asset_row(balance)],
        "total_asset_value": plain(balance.equity, 6),
        "cross_asset_value": plain(balance.equity, 6),
        "cross_initial_margin_requirement": plain(balance.equity - balance.available, 6),
        "cross_maintenance_margin_requirement": plain(maintenance, 6),
        "pool_info": _no_pool(),
        "shares": [],
        "pending_unlocks": [],
        "approved_integrators": [],
    }


def asset_row(balance: Balance) -> Row:
    """Return the collateral as an asset."""
    return {
        "symbol": "USDC",
        "asset_id": QUOTE_ASSET,
        "balance": "0.000000",
        "locked_balance": "0.000000",
        "margin_mode": "disabled",
        "margin_balance": plain(balance.cash, 6),
        "multiplier": "1",
    }


def payment_row(payment: FundingPayment, market_id: int) -> Row:
    """Return a row of `positionFunding`: the rate is a fraction an hour."""
    quantity = payment.quantity or ZERO
    return {
        "timestamp": payment.settled_ns // SECOND_NS,
        "market_id": market_id,
        "funding_id": payment.settled_ns // (3_600 * SECOND_NS),
        "change": plain(payment.amount, 6),
        "rate": plain(payment.rate or ZERO, 6),
        "position_size": plain(abs(quantity)),
        "position_side": (PositionSide.SHORT if quantity < 0 else PositionSide.LONG).value,
        "discount": "0.000000",
    }


def by_market(rows: Sequence[Row], name: str = "market_id") -> Mapping[str, list[Any]]:
    """Return rows under their markets, as the account's channels group them."""
    grouped: dict[str, list[Any]] = {}
    for row in rows:
        grouped.setdefault(str(row[name]), []).append(row)
    return grouped


def _untold() -> Row:
    """Return fields of a trade that nothing here depends on."""
    row: Row = {}
    for who in ("taker", "maker"):
        row[f"{who}_position_size_before"] = "0"
        row[f"{who}_entry_quote_before"] = "0.000000"
        row[f"{who}_initial_margin_fraction_before"] = 0
        row[f"{who}_position_sign_changed"] = False
        row[f"integrator_{who}_fee"] = 0
        row[f"integrator_{who}_fee_collector_index"] = 0
        for when in ("before", "after"):
            row[f"{who}_allocated_margin_usdc_{when}"] = 0
    return row


def _no_pool() -> Row:
    return {
        "status": 0,
        "operator_fee": "0",
        "min_operator_share_rate": "0",
        "total_shares": 0,
        "operator_shares": 0,
        "annual_percentage_yield": 0,
        "sharpe_ratio": 0,
        "daily_returns": [],
        "share_prices": [],
        "strategies": [],
    }
