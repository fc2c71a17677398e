"""What an emergency exit reads of one account. Whatever cannot be read is None, never empty."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from arb.api import Clock, Exchange, ExchangeError, StorageError, Trading
from arb.model import (
    ZERO,
    Instrument,
    InstrumentId,
    Order,
    Position,
    Side,
    exchange_of,
)

from ._asking import ask, listed

T = TypeVar("T")


class AccountView:
    """Reads of one venue, each bounded in time.

    Attributes:
        problems: What the last try of each read said, while it fails.
        rules: The instruments; empty until they could be read.
    """

    def __init__(self, exchange: Exchange, clock: Clock, answer_ns: Callable[[], int]) -> None:
        self._exchange = exchange
        self._clock = clock
        self._answer_ns = answer_ns
        self.problems: dict[str, str] = {}
        self.rules: Mapping[InstrumentId, Instrument] = {}

    async def ask(self, what: str, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return an answer; raises ExchangeError and StorageError."""
        return await ask(self._clock, self._answer_ns(), self._exchange.name, what, call)

    async def read(self, what: str, call: Callable[[], Coroutine[Any, Any, T]]) -> T | None:
        """Return an answer; None when there is none, and why in `problems`."""
        try:
            answer = await self.ask(what, call)
        except (ExchangeError, StorageError) as error:
            told = str(error)
            self.problems[what] = told if what in told else f"{what}: {told}"
            return None
        self.problems.pop(what, None)
        return answer

    async def load_rules(self) -> None:
        """Read the instruments, once."""
        if self.rules:
            return

        async def call() -> Mapping[InstrumentId, Instrument]:
            return {one.id: one for one in listed(await self._exchange.market.fetch_instruments(), Instrument)}

        self.rules = await self.read("instruments", call) or {}

    async def positions(self, trading: Trading) -> tuple[Position, ...] | None:
        """Return the open positions."""

        async def call() -> tuple[Position, ...]:
            rows = listed(await trading.fetch_positions(), Position)
            for row in rows:
                if exchange_of(row.instrument) != self._exchange.name or not row.quantity.is_finite():
                    raise ValueError(f"it holds {row.quantity} {row.instrument}")
            return tuple(row for row in rows if row.quantity)

        return await self.read("positions", call)

    async def resting(self, trading: Trading) -> tuple[Order, ...] | None:
        """Return the resting orders."""

        async def call() -> tuple[Order, ...]:
            return listed(await trading.fetch_open_orders(), Order)

        return await self.read("resting orders", call)

    async def best_price(self, position: Position, side: Side) -> Decimal | None:
        """Return what a taker on `side` meets first; where no book tells, the venue's mark price of the position."""

        async def call() -> Decimal:
            book = await self._exchange.market.fetch_order_book(position.instrument, 1)
            levels = book.asks if side is Side.BUY else book.bids
            if not levels or not is_price(levels[0].price):
                raise ValueError(f"the side to {side} into has no price")
            return levels[0].price

        best = await self.read(f"order book of {position.instrument}", call)
        if best is None and is_price(position.mark_price):
            return position.mark_price
        return best

    def tradable(self, position: Position) -> Decimal:
        """Return the contracts of a position that orders can close; zero when it is dust."""
        instrument = self.rules.get(position.instrument)
        held = abs(position.quantity)
        if instrument is None:
            return held
        quantity = instrument.floor_quantity(held)
        if quantity < max(instrument.min_quantity, instrument.lot_size):
            return ZERO
        if is_price(position.mark_price) and quantity * position.mark_price < instrument.closing_min_notional:
            return ZERO
        return quantity


def is_price(price: Decimal) -> bool:
    """Whether a price can be one."""
    return price.is_finite() and price > 0
