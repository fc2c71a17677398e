"""Orders of a MemoryExchange: rules of the instrument, matching against the scripted book, history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from arb.api import BelowMinimum, InsufficientMargin, Rejected, UnknownOrder, WouldCross
from arb.model import (
    ClientOrderId,
    ExchangeOrderId,
    Fill,
    FillId,
    Instrument,
    InstrumentId,
    InstrumentStatus,
    Liquidity,
    Order,
    OrderRequest,
    OrderStatus,
    Side,
    TimeInForce,
    to_cash,
)

from ._fakes_account import MemoryAccount
from ._fakes_market import MemoryMarket

Report = Callable[[Order | Fill], None]


class MemoryOrders:
    """Takes orders. Fills never change the scripted book: a test that wants that sets a new one."""

    def __init__(self, market: MemoryMarket, account: MemoryAccount, id_length: int, report: Report) -> None:
        self._market = market
        self._account = account
        self._id_length = id_length
        self._report = report
        self._deadline_ns: int | None = None
        self.orders: dict[ClientOrderId, Order] = {}
        self.fills: list[Fill] = []

    def check(self, request: OrderRequest) -> OrderRequest:
        """Round to lot and tick and apply the instrument's rules; raises Rejected and BelowMinimum."""
        instrument = self._market.instruments.get(request.instrument)
        if instrument is None:
            raise Rejected(f"no instrument {request.instrument}", exchange=self._market.name, code="unknown_instrument")
        if len(request.client_order_id) > self._id_length:
            raise Rejected(
                f"client order id longer than {self._id_length}",
                exchange=self._market.name,
                code="client_order_id_length",
            )
        closed = InstrumentStatus.DELISTED, InstrumentStatus.SUSPENDED
        if instrument.status in closed or (
            instrument.status is InstrumentStatus.REDUCE_ONLY and not request.reduce_only
        ):
            raise Rejected(f"{instrument.id} is {instrument.status}", exchange=self._market.name, code="not_trading")
        quantity = instrument.floor_quantity(request.quantity)
        price = instrument.limit_price(request.side, request.price)
        if quantity <= 0 or quantity < instrument.min_quantity or price <= 0:
            raise BelowMinimum(
                f"{request.quantity} is less than {instrument.min_quantity}",
                exchange=self._market.name,
                code="min_quantity",
            )
        if request.reduce_only and quantity * price < instrument.closing_min_notional:
            raise BelowMinimum(
                f"a closing notional is less than {instrument.closing_min_notional}",
                exchange=self._market.name,
                code="below_minimum",
            )
        if not request.reduce_only and quantity * price < instrument.min_notional:
            raise BelowMinimum(
                f"notional is less than {instrument.min_notional}", exchange=self._market.name, code="min_notional"
            )
        if instrument.max_quantity is not None and quantity > instrument.max_quantity:
            raise Rejected(
                f"{quantity} is more than {instrument.max_quantity}", exchange=self._market.name, code="max_quantity"
            )
        return replace(request, quantity=quantity, price=price)

    def place(self, request: OrderRequest, fill_limit: Decimal | None = None) -> Order:
        """Accept, match and keep an order; raises Rejected and its kinds, then nothing happened."""
        self._lapse()
        if request.client_order_id in self.orders:
            raise Rejected(
                f"client order id {request.client_order_id} was used",
                exchange=self._market.name,
                code="duplicate_client_order_id",
            )
        instrument = self._market.instrument(request.instrument)
        if request.reduce_only:
            request = self._reduced(request)
        else:
            self._require_margin(request, instrument)
        walk = self._market.book(request.instrument).walk(request.side, request.quantity, limit=request.price)
        if request.post_only and walk.quantity:
            raise WouldCross(
                f"{request.client_order_id} would take liquidity", exchange=self._market.name, code="would_cross"
            )
        number = ExchangeOrderId(f"o{len(self.orders) + 1}")
        order = Order(
            request=request, status=OrderStatus.OPEN, exchange_order_id=number, ts_event_ns=self._market.clock.now_ns()
        )
        self._keep(order)
        available = walk.quantity if fill_limit is None else min(walk.quantity, fill_limit)
        if request.time_in_force is not TimeInForce.FOK or available == request.quantity:
            self._match(order, Liquidity.TAKER, available)
        if request.time_in_force is not TimeInForce.GTC:
            self._cancel_rest(request.client_order_id, f"{request.time_in_force} remainder")
        return self.orders[request.client_order_id]

    def cancel(self, instrument: InstrumentId, name: ClientOrderId) -> None:
        """Cancel a resting order; raises UnknownOrder, and Rejected when it is final."""
        if self.find(instrument, name).status.is_final:
            raise Rejected(f"{name} is not open", exchange=self._market.name, code="not_open")
        self._cancel_rest(name, "cancelled by the account")

    def find(self, instrument: InstrumentId, name: ClientOrderId) -> Order:
        """Return an order; raises UnknownOrder."""
        self._lapse()
        order = self.orders.get(name)
        if order is None or order.request.instrument != instrument:
            raise UnknownOrder(f"no order {name} on {instrument}", exchange=self._market.name, code="unknown_order")
        return order

    def open_orders(self, instrument: InstrumentId | None = None) -> list[Order]:
        """Return resting orders, oldest first."""
        self._lapse()
        return [
            order
            for order in self.orders.values()
            if not order.status.is_final and instrument in (None, order.request.instrument)
        ]

    def match_resting(self, instrument: InstrumentId) -> None:
        """Fill own resting orders that the new book trades through, at their own price."""
        book = self._market.book(instrument)
        for order in self.open_orders(instrument):
            request = order.request
            walk = book.walk(request.side, order.remaining_quantity, limit=request.price)
            self._match(order, Liquidity.MAKER, walk.quantity)

    def arm(self, timeout_ns: int) -> None:
        """Set when every order is cancelled unless it is armed again; 0 disarms; raises Rejected below 0."""
        if timeout_ns < 0:
            raise Rejected(f"a timeout of {timeout_ns} ns", exchange=self._market.name, code="timeout")
        self._lapse()
        self._deadline_ns = self._market.clock.now_ns() + timeout_ns if timeout_ns else None

    def _lapse(self) -> None:
        """Do what the dead man's switch had to do by now: the exchange has no time of its own to do it earlier."""
        deadline_ns = self._deadline_ns
        if deadline_ns is None or self._market.clock.now_ns() < deadline_ns:
            return
        self._deadline_ns = None
        for order in self.open_orders():
            self._cancel_rest(order.request.client_order_id, "dead man's switch", deadline_ns)

    def _reduced(self, request: OrderRequest) -> OrderRequest:
        held = self._account.quantity(request.instrument) * -request.side.sign
        if held <= 0:
            raise Rejected(
                f"{request.client_order_id}: nothing to reduce", exchange=self._market.name, code="reduce_only"
            )
        return replace(request, quantity=min(request.quantity, held))

    def _require_margin(self, request: OrderRequest, instrument: Instrument) -> None:
        held = self._account.quantity(request.instrument)
        added = abs(held + request.quantity * request.side.sign) - abs(held)
        needed = added * request.price / self._account.leverage_of(instrument)[0]
        free = self._account.balance(self._market.instruments, 0).available
        if needed > free:
            raise InsufficientMargin(
                f"margin {needed} is more than {free}", exchange=self._market.name, code="insufficient_margin"
            )

    def _match(self, order: Order, liquidity: Liquidity, quantity: Decimal) -> None:
        request, left = order.request, quantity
        book = self._market.book(request.instrument)
        for price, size in book.asks if request.side is Side.BUY else book.bids:
            taken = min(left, size)
            if taken <= 0:
                break
            left -= taken
            self._fill(request, taken, request.price if liquidity is Liquidity.MAKER else price, liquidity)

    def _fill(self, request: OrderRequest, quantity: Decimal, price: Decimal, liquidity: Liquidity) -> None:
        instrument, order = self._market.instrument(request.instrument), self.orders[request.client_order_id]
        fees = instrument.fees
        fee = to_cash(quantity * price * (fees.maker if liquidity is Liquidity.MAKER else fees.taker))
        realized = self._account.trade(request.instrument, request.side, quantity, price, fee)
        now_ns, filled = self._market.clock.now_ns(), order.filled_quantity + quantity
        fill = Fill(
            fill_id=FillId(f"f{len(self.fills) + 1}"),
            client_order_id=request.client_order_id,
            exchange_order_id=order.exchange_order_id or ExchangeOrderId(""),
            instrument=request.instrument,
            side=request.side,
            price=price,
            quantity=quantity,
            fee=fee,
            fee_currency=instrument.quote,
            liquidity=liquidity,
            ts_event_ns=now_ns,
            realized_pnl=realized,
        )
        self.fills.append(fill)
        self._report(fill)
        paid = order.filled_quantity * (order.average_price or price) + quantity * price
        done = filled == request.quantity
        self._keep(
            replace(
                order,
                status=OrderStatus.FILLED if done else OrderStatus.PARTIALLY_FILLED,
                filled_quantity=filled,
                average_price=paid / filled,
                ts_event_ns=now_ns,
            )
        )

    def _cancel_rest(self, name: ClientOrderId, reason: str, ts_ns: int | None = None) -> None:
        order = self.orders[name]
        if not order.status.is_final:
            ts_event_ns = self._market.clock.now_ns() if ts_ns is None else ts_ns
            self._keep(replace(order, status=OrderStatus.CANCELLED, ts_event_ns=ts_event_ns, reason=reason))

    def _keep(self, order: Order) -> None:
        self.orders[order.request.client_order_id] = order
        self._report(order)
