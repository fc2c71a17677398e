"""How the venue writes things down: numbers are text, times are milliseconds."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from arb.model import (
    MILLISECOND_NS,
    SECOND_NS,
    Balance,
    BookLevel,
    Fill,
    FundingPayment,
    FundingRate,
    Instrument,
    InstrumentId,
    MarketStats,
    Order,
    OrderBook,
    Position,
)
from arb.simulation import VENUE_PREFIXES

Row = dict[str, Any]


class Rows:
    """Writes rows.

    Attributes:
        instruments: What is listed.
        names: Our id of each of the venue's symbols.
    """

    def __init__(self) -> None:
        self.instruments: dict[InstrumentId, Instrument] = {}
        self.names: dict[str, InstrumentId] = {}

    async def learn(self, exchange: Any) -> None:
        """Learn what is listed now."""
        self.instruments = {each.id: each for each in await exchange.market.fetch_instruments()}
        self.names = {self.symbol(name): name for name in self.instruments}

    def symbol(self, name: InstrumentId) -> str:
        """Return the venue's own name."""
        listed = self.instruments[name]
        contract = "" if listed.multiplier == 1 else f"{listed.multiplier:f}"
        return f"{contract}{listed.base}-{listed.quote}"

    def market(self, listed: Instrument) -> Row:
        """Write an instrument."""
        (tier,) = listed.margin_tiers
        return {
            "symbol": self.symbol(listed.id),
            "base": listed.base,
            "quote": listed.quote,
            "contract_size": f"{listed.multiplier:f}",
            "tick": f"{listed.tick_size:f}",
            "lot": f"{listed.lot_size:f}",
            "min_quantity": f"{listed.min_quantity:f}",
            "min_notional": f"{listed.min_notional:f}",
            "maker": f"{listed.fees.maker:f}",
            "taker": f"{listed.fees.taker:f}",
            "maintenance": f"{tier.maintenance_rate:f}",
            "max_leverage": f"{tier.max_leverage:f}",
            "funding_interval": (listed.funding_interval_ns or 0) // SECOND_NS,
            "funding_price": listed.funding_price_base.value,
            "status": listed.status.value,
        }

    def book(self, book: OrderBook, previous: int | None) -> Row:
        """Write a snapshot, or what changed since `previous`."""
        return {
            "channel": "book",
            "symbol": self.symbol(book.instrument),
            "bids": _levels(book.bids),
            "asks": _levels(book.asks),
            "previous": previous,
            "sequence": book.sequence,
            "time": _ms(book.ts_event_ns),
        }

    def stats(self, row: MarketStats) -> Row:
        """Write prices and activity."""
        return {
            "symbol": self.symbol(row.instrument),
            "mark": _text(row.mark_price),
            "index": _text(row.index_price),
            "volume": _text(row.volume_24h),
            "open_interest": _text(row.open_interest),
            "time": _ms(row.ts_event_ns),
        }

    def rate(self, row: FundingRate) -> Row:
        """Write a funding rate, in percent of one settlement."""
        return {
            "symbol": self.symbol(row.instrument),
            "percent": f"{row.rate * 100:f}",
            "interval": row.interval_ns // SECOND_NS,
            "time": _ms(row.ts_event_ns),
            "next": None if row.next_funding_ns is None else _ms(row.next_funding_ns),
        }

    def order(self, row: Order) -> Row:
        """Write an order; one that the venue made itself has no client id."""
        request = row.request
        own = request.client_order_id.startswith(VENUE_PREFIXES)
        return {
            "id": row.exchange_order_id,
            "client_id": None if own else request.client_order_id,
            "symbol": self.symbol(request.instrument),
            "side": request.side.value,
            "quantity": f"{request.quantity:f}",
            "price": f"{request.price:f}",
            "time_in_force": request.time_in_force.value,
            "post_only": request.post_only,
            "reduce_only": request.reduce_only,
            "status": row.status.value,
            "filled": f"{row.filled_quantity:f}",
            "average_price": _text(row.average_price),
            "time": _ms(row.ts_event_ns),
            "reason": row.reason,
        }

    def fill(self, row: Fill) -> Row:
        """Write a fill."""
        own = row.client_order_id.startswith(VENUE_PREFIXES)
        return {
            "id": row.fill_id,
            "order_id": row.exchange_order_id,
            "client_id": None if own else row.client_order_id,
            "symbol": self.symbol(row.instrument),
            "side": row.side.value,
            "quantity": f"{row.quantity:f}",
            "price": f"{row.price:f}",
            "fee": f"{row.fee:f}",
            "fee_currency": row.fee_currency,
            "liquidity": row.liquidity.value,
            "realized_pnl": _text(row.realized_pnl),
            "time": _ms(row.ts_event_ns),
        }

    def payment(self, row: FundingPayment) -> Row:
        """Write a funding payment."""
        return {
            "id": row.payment_id,
            "symbol": self.symbol(row.instrument),
            "amount": f"{row.amount:f}",
            "currency": row.currency,
            "quantity": _text(row.quantity),
            "price": _text(row.price),
            "rate": _text(row.rate),
            "time": _ms(row.settled_ns),
        }

    def position(self, row: Position) -> Row:
        """Write a position."""
        return {
            "symbol": self.symbol(row.instrument),
            "quantity": f"{row.quantity:f}",
            "entry": f"{row.entry_price:f}",
            "mark": f"{row.mark_price:f}",
            "unrealized": f"{row.unrealized_pnl:f}",
            "liquidation": _text(row.liquidation_price),
            "leverage": _text(row.leverage),
            "margin_mode": row.margin_mode.value,
            "time": _ms(row.ts_event_ns),
        }

    def balance(self, row: Balance) -> Row:
        """Write one currency."""
        return {
            "currency": row.currency,
            "cash": f"{row.cash:f}",
            "equity": f"{row.equity:f}",
            "available": f"{row.available:f}",
            "maintenance": _text(row.maintenance_margin),
            "time": _ms(row.ts_event_ns),
        }


def _levels(levels: Sequence[BookLevel]) -> list[tuple[str, str]]:
    return [(f"{price:f}", f"{size:f}") for price, size in levels]


def _text(number: Decimal | None) -> str | None:
    return None if number is None else f"{number:f}"


def _ms(ts_ns: int) -> int:
    return ts_ns // MILLISECOND_NS
