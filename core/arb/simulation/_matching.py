"""Price-time matching of own orders against others' books and trades. Pure functions and small state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NamedTuple

from arb.model import (
    ZERO,
    BookLevel,
    ClientOrderId,
    ExchangeOrderId,
    InstrumentId,
    Order,
    OrderBook,
    OrderRequest,
    OrderStatus,
    Side,
    Trade,
)


class Match(NamedTuple):
    """Contracts that change hands at a price."""

    price: Decimal
    quantity: Decimal


def crosses(side: Side, limit: Decimal, price: Decimal) -> bool:
    """Whether an order on `side` with `limit` trades at `price`."""
    return price <= limit if side is Side.BUY else price >= limit


def opposite(book: OrderBook, side: Side) -> tuple[BookLevel, ...]:
    """Return the levels a taker on `side` meets, best first."""
    return book.asks if side is Side.BUY else book.bids


def walk(levels: Sequence[BookLevel], side: Side, quantity: Decimal, limit: Decimal | None) -> list[Match]:
    """Return what a taker gets, level by level, up to `quantity` and not beyond `limit`."""
    matches: list[Match] = []
    left = quantity
    for price, size in levels:
        if left <= 0 or (limit is not None and not crosses(side, limit, price)):
            break
        taken = min(left, size)
        matches.append(Match(price, taken))
        left -= taken
    return matches


class Depletion:
    """What this account already took from the book snapshot that is still shown.

    The market outside does not see our orders, so its snapshot shows what we took until the next
    one comes (another sequence or time).
    """

    def __init__(self) -> None:
        self._snapshot: dict[InstrumentId, tuple[int, int]] = {}
        self._taken: dict[InstrumentId, dict[tuple[Side, Decimal], Decimal]] = {}

    def visible(self, book: OrderBook) -> OrderBook:
        """Return the snapshot less what was taken from it."""
        if self._snapshot.get(book.instrument) != (book.sequence, book.ts_event_ns):
            return book
        taken = self._taken[book.instrument]
        return replace(book, bids=_less(book.bids, Side.SELL, taken), asks=_less(book.asks, Side.BUY, taken))

    def take(self, book: OrderBook, side: Side, matches: Iterable[Match]) -> None:
        """Remember what a taker on `side` took from `book`."""
        identity = (book.sequence, book.ts_event_ns)
        if self._snapshot.get(book.instrument) != identity:
            self._snapshot[book.instrument] = identity
            self._taken[book.instrument] = {}
        taken = self._taken[book.instrument]
        for price, quantity in matches:
            taken[side, price] = taken.get((side, price), ZERO) + quantity

    def rows(self) -> list[tuple[InstrumentId, int, int, list[tuple[Side, Decimal, Decimal]]]]:
        """Return the state as plain rows, in a fixed order."""
        return [
            (instrument, *self._snapshot[instrument], [(s, p, q) for (s, p), q in sorted(taken.items())])
            for instrument, taken in sorted(self._taken.items())
        ]

    def load(self, rows: Iterable[tuple[InstrumentId, int, int, list[tuple[Side, Decimal, Decimal]]]]) -> None:
        """Take over the state of :meth:`rows`."""
        for instrument, sequence, ts_event_ns, taken in rows:
            self._snapshot[instrument] = (sequence, ts_event_ns)
            self._taken[instrument] = {(side, price): quantity for side, price, quantity in taken}


def _less(
    levels: tuple[BookLevel, ...], taker: Side, taken: dict[tuple[Side, Decimal], Decimal]
) -> tuple[BookLevel, ...]:
    left = ((price, size - taken.get((taker, price), ZERO)) for price, size in levels)
    return tuple(BookLevel(price, size) for price, size in left if size > 0)


@dataclass(slots=True)
class WorkingOrder:
    """An accepted order that is not final yet.

    Attributes:
        number: Order of acceptance: time priority among own orders.
        notional: Exact sum of price x quantity filled.
        ahead: Contracts of others before us in the queue of our level.
    """

    request: OrderRequest
    number: int
    filled: Decimal = ZERO
    notional: Decimal = ZERO
    ahead: Decimal = ZERO

    @property
    def remaining(self) -> Decimal:
        """Return contracts not filled."""
        return self.request.quantity - self.filled

    @property
    def client_order_id(self) -> ClientOrderId:
        """Return our id."""
        return self.request.client_order_id

    @property
    def exchange_order_id(self) -> ExchangeOrderId:
        """Return the venue's id."""
        return ExchangeOrderId(str(self.number))

    def report(self, now_ns: int, status: OrderStatus | None = None, reason: str = "") -> Order:
        """Return the order as the venue shows it; without `status` it is working."""
        working = OrderStatus.PARTIALLY_FILLED if self.filled else OrderStatus.OPEN
        return Order(
            request=self.request,
            status=status or working,
            exchange_order_id=self.exchange_order_id,
            filled_quantity=self.filled,
            average_price=self.notional / self.filled if self.filled else None,
            ts_event_ns=now_ns,
            reason=reason,
        )


def by_priority(orders: Iterable[WorkingOrder]) -> list[WorkingOrder]:
    """Return the orders of one side in price-time priority."""
    return sorted(orders, key=lambda order: (-order.request.side.sign * order.request.price, order.number))


def queue_ahead(book: OrderBook, side: Side, price: Decimal) -> Decimal:
    """Return what others show at `price` on our own side."""
    levels = book.bids if side is Side.BUY else book.asks
    return next((size for level, size in levels if level == price), ZERO)


def fills_from_trade(orders: Sequence[WorkingOrder], trade: Trade) -> Iterator[tuple[WorkingOrder, Decimal]]:
    """Yield who is filled, and how much, by another's trade; `orders` in price-time priority.

    Only the printed volume is shared out. At our own price the queue ahead goes first; a trade
    beyond our price proves that the queue ahead is gone. Queues are updated here, fills are not.
    """
    left = trade.quantity
    for order in orders:
        side, price = order.request.side, order.request.price
        if left <= 0 or side is trade.side or not crosses(side, price, trade.price):
            continue
        if price == trade.price:
            waited = min(order.ahead, left)
            order.ahead -= waited
            filled = min(order.remaining, left - waited)
        else:
            order.ahead = ZERO
            filled = min(order.remaining, left)
        if filled > 0:
            left -= filled
            yield order, filled
