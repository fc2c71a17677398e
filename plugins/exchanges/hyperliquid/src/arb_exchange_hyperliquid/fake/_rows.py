"""How the venue writes things down: numbers are text, times are milliseconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from arb.model import (
    MILLISECOND_NS,
    ZERO,
    BookLevel,
    Fill,
    FundingPayment,
    InstrumentId,
    Liquidity,
    MarketStats,
    Order,
    OrderBook,
    OrderRequest,
    OrderStatus,
    Position,
    Side,
    TimeInForce,
    Trade,
    ceil_to,
    floor_to,
)

from ._coins import Coin
from ._rules import tick_near
from ._state import State

LEVELS: Final = 20
_SIDES: Final = {Side.BUY: "B", Side.SELL: "A"}
_FINEST: Final = Decimal("1e-10")
_FIRST_TID: Final = 4 * 10**14
Row = dict[str, Any]


def text(number: Decimal) -> str:
    """Return a number as the venue writes it: `65000.0`."""
    plain = f"{number:f}"
    if "." not in plain:
        return f"{plain}.0"
    plain = plain.rstrip("0")
    return f"{plain}0" if plain.endswith(".") else plain


def rounded(number: Decimal) -> str:
    """Return a number that was divided, with ten decimals."""
    return text(number.quantize(_FINEST))


def ms(ts_ns: int) -> int:
    """Return milliseconds."""
    return ts_ns // MILLISECOND_NS


def levels(rows: Sequence[BookLevel], side: Side, coin: Coin, most: int = LEVELS) -> list[Row]:
    """Write one side of a book: levels of the ground that are no prices of the venue meet at the next that is."""
    sizes: dict[Decimal, tuple[Decimal, int]] = {}
    for price, size in rows:
        step = tick_near(price, coin.sz_decimals)
        valid = floor_to(price, step) if side is Side.BUY else ceil_to(price, step)
        held, count = sizes.get(valid, (ZERO, 0))
        sizes[valid] = (held + size, count + 1)
    return [{"px": text(price), "sz": text(size), "n": count} for price, (size, count) in list(sizes.items())[:most]]


def book(row: OrderBook, coin: Coin, most: int = LEVELS) -> Row:
    """Write an `l2Book`."""
    sides = [levels(row.bids, Side.BUY, coin, most), levels(row.asks, Side.SELL, coin, most)]
    return {"coin": coin.name, "time": ms(row.ts_event_ns), "levels": sides}


def top(row: OrderBook, coin: Coin) -> Row:
    """Write a `bbo`."""
    bids, asks = book(row, coin, 1)["levels"]
    return {"coin": coin.name, "time": ms(row.ts_event_ns), "bbo": [next(iter(bids), None), next(iter(asks), None)]}


def state(stats: MarketStats | None, rate: Decimal | None, row: OrderBook | None) -> Row:
    """Write the state of a coin: an `assetCtx`."""
    bbo = None if row is None else row.bbo()
    mark = None if stats is None else stats.mark_price
    oracle = None if stats is None else stats.index_price
    interest = stats.open_interest if stats and stats.open_interest is not None and mark else None
    volume = stats.volume_24h if stats and stats.volume_24h is not None else None
    return {
        "funding": text(rate) if rate is not None else "0.0",
        "openInterest": rounded(interest / mark) if interest is not None and mark else "0.0",
        "prevDayPx": text(mark) if mark else "0.0",
        "dayNtlVlm": text(volume) if volume is not None else "0.0",
        "premium": rounded((bbo.mid_price - oracle) / oracle) if bbo and oracle else None,
        "oraclePx": text(oracle) if oracle else "0.0",
        "markPx": text(mark) if mark else "0.0",
        "midPx": text(bbo.mid_price) if bbo else None,
        "impactPxs": [text(bbo.bid), text(bbo.ask)] if bbo else None,
        "dayBaseVlm": rounded(volume / mark) if volume is not None and mark else "0.0",
    }


GONE_STATE: Final = {
    "funding": "0.0",
    "openInterest": "0.0",
    "prevDayPx": "0.37621",
    "dayNtlVlm": "0.0",
    "premium": None,
    "oraclePx": "0.3754",
    "markPx": "0.37621",
    "midPx": None,
    "impactPxs": None,
    "dayBaseVlm": "0.0",
}


def trade(row: Trade, coin: Coin, number: int) -> Row:
    """Write a public trade."""
    tid = _FIRST_TID + number
    return {
        "coin": coin.name,
        "side": _SIDES[row.side],
        "px": text(row.price),
        "sz": text(row.quantity),
        "time": ms(row.ts_event_ns),
        "hash": f"0x{tid:064x}",
        "tid": tid,
        "users": [f"0x{1:040x}", f"0x{2:040x}"],
    }


def basic_order(order: Order, coin: Coin, memory: State, placed_ms: int) -> Row:
    """Write an order as `orderUpdates` and `openOrders` do."""
    request = order.request
    row = {
        "coin": coin.name,
        "side": _SIDES[request.side],
        "limitPx": text(request.price),
        "sz": text(order.remaining_quantity),
        "oid": memory.oid(request.client_order_id),
        "timestamp": placed_ms,
        "origSz": text(request.quantity),
    }
    cloid = memory.cloid(request.client_order_id)
    return row if cloid is None else {**row, "cloid": cloid}


def full_order(order: Order, coin: Coin, memory: State, placed_ms: int) -> Row:
    """Write an order as `frontendOpenOrders` and `orderStatus` do."""
    request = order.request
    return {
        **basic_order(order, coin, memory, placed_ms),
        "triggerCondition": "N/A",
        "isTrigger": False,
        "triggerPx": "0.0",
        "children": [],
        "isPositionTpsl": False,
        "reduceOnly": request.reduce_only,
        "orderType": "Limit",
        "tif": tif(request),
        "cloid": memory.cloid(request.client_order_id),
    }


def tif(request: OrderRequest) -> str:
    """Return how long an order rests, in the venue's words."""
    if request.post_only:
        return "Alo"
    return "Ioc" if request.time_in_force is TimeInForce.IOC else "Gtc"


def status(order: Order) -> str:
    """Return the status of an order, in the venue's words."""
    if order.status is OrderStatus.FILLED:
        return "filled"
    if not order.status.is_final:
        return "open"
    if "dead man" in order.reason:
        return "scheduledCancel"
    if "self-trade" in order.reason:
        return "selfTradeCanceled"
    if "reduce-only" in order.reason:
        return "reduceOnlyCanceled"
    at_once = order.request.time_in_force is TimeInForce.IOC
    return "iocCancelRejected" if at_once and not order.filled_quantity else "canceled"


def fills(rows: Iterable[Fill], coins: Mapping[InstrumentId, Coin], memory: State) -> list[Row]:
    """Write every fill of an account, oldest first: each tells the position before it."""
    held: dict[InstrumentId, Decimal] = {}
    written = []
    for row in rows:
        before = held.get(row.instrument, ZERO)
        held[row.instrument] = before + row.side.sign * row.quantity
        written.append(fill(row, coins[row.instrument], memory, before))
    return written


def fill(row: Fill, coin: Coin, memory: State, before: Decimal) -> Row:
    """Write one fill; `before` is the position that it met."""
    tid = _FIRST_TID + int(row.fill_id)
    closes = before * row.side.sign < 0
    name = "Long" if (before > 0 if closes else row.side is Side.BUY) else "Short"
    written = {
        "coin": coin.name,
        "px": text(row.price),
        "sz": text(row.quantity),
        "side": _SIDES[row.side],
        "time": ms(row.ts_event_ns),
        "startPosition": text(before),
        "dir": f"{'Close' if closes else 'Open'} {name}",
        "closedPnl": text(row.realized_pnl if row.realized_pnl is not None else ZERO),
        "hash": f"0x{tid:064x}",
        "oid": memory.oid(row.client_order_id),
        "crossed": row.liquidity is Liquidity.TAKER,
        "fee": text(row.fee),
        "tid": tid,
        "feeToken": row.fee_currency,
        "twapId": None,
    }
    cloid = memory.cloid(row.client_order_id)
    return written if cloid is None else {**written, "cloid": cloid}


def payment(row: FundingPayment, coin: Coin) -> Row:
    """Write a payment as the stream does."""
    return {
        "time": ms(row.settled_ns),
        "coin": coin.name,
        "usdc": text(row.amount),
        "szi": text(row.quantity if row.quantity is not None else ZERO),
        "fundingRate": text(row.rate if row.rate is not None else ZERO),
        "nSamples": None,
    }


def listed_payment(row: FundingPayment, coin: Coin) -> Row:
    """Write a payment as `userFunding` does."""
    written = payment(row, coin)
    time = written.pop("time")
    return {"time": time, "hash": f"0x{0:064x}", "delta": {"type": "funding", **written}}


def position(row: Position, coin: Coin) -> Row:
    """Write an entry of `assetPositions`."""
    value = abs(row.quantity) * row.mark_price
    leverage = row.leverage or Decimal(1)
    held: Row = {"type": row.margin_mode.value, "value": int(leverage)}
    if row.margin_mode.value == "isolated":
        held["rawUsd"] = text(-row.quantity * row.mark_price)
    margin = value / leverage
    return {
        "type": "oneWay",
        "position": {
            "coin": coin.name,
            "szi": text(row.quantity),
            "leverage": held,
            "entryPx": text(row.entry_price),
            "positionValue": text(value),
            "unrealizedPnl": text(row.unrealized_pnl),
            "returnOnEquity": rounded(row.unrealized_pnl / margin) if margin else "0.0",
            "liquidationPx": None if not row.liquidation_price else rounded(row.liquidation_price),
            "marginUsed": rounded(margin),
            "maxLeverage": int(coin.instrument.margin_tiers[0].max_leverage),
            "cumFunding": {"allTime": "0.0", "sinceOpen": "0.0", "sinceChange": "0.0"},
        },
    }
