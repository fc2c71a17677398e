"""What the parts of the fake share: the ground with the venue's symbols, and what it remembers of orders."""

from __future__ import annotations

from typing import Any, Final

from arb.api import Clock, FakeGround
from arb.model import MILLISECOND_NS, ClientOrderId, Instrument, InstrumentId, Order, OrderBook

from ._refusal import Refusal

OK: Final = "ok"
_FIRST_NUMBER: Final = 14_000_000


class Floor:
    """The ground, by the venue's symbols."""

    def __init__(self, ground: FakeGround) -> None:
        self.exchange = ground.exchange
        self.clock: Clock = ground.clock
        self.memory = ground.memory
        self._listed: dict[str, Instrument] = {}

    @property
    def now_ns(self) -> int:
        """Return the venue's time."""
        return self.clock.now_ns()

    @property
    def mode(self) -> str:
        """Return the state of the system: a test may set it."""
        return str(self.memory.get("mode", OK))

    async def listing(self) -> dict[str, Instrument]:
        """Read what is listed now."""
        self._listed = {each.symbol: each for each in await self.exchange.market.fetch_instruments()}
        return self._listed

    async def listed(self) -> dict[str, Instrument]:
        """Return what was read last."""
        return self._listed or await self.listing()

    async def instrument(self, symbol: Any) -> Instrument:
        """Return the instrument of a symbol; raises Refusal."""
        found = (await self.listed()).get(str(symbol))
        if found is None:
            raise Refusal(400, "MARKET_NOT_FOUND", "market not found")
        return found

    async def symbol_of(self, name: InstrumentId) -> str:
        """Return the symbol of an instrument."""
        listed = await self.listed()
        return next((symbol for symbol, each in listed.items() if each.id == name), name)

    def number_of(self, symbol: str, book: OrderBook) -> int:
        """Return the venue's number of a book: every change that anybody sees gets the next one."""
        known: dict[str, tuple[int, Any]] = self.memory.setdefault("books", {})
        number, before = known.get(symbol, (_FIRST_NUMBER, None))
        now = (book.bids, book.asks)
        if before != now:
            number += 1
            known[symbol] = (number, now)
        return number


class OrderNotes:
    """What the venue knows of orders beyond the ground: client ids, and those that it refused after accepting them.

    The venue takes a client id again when its order is over; the ground takes each once. So orders have names of their
    own on the ground.
    """

    def __init__(self, memory: dict[str, Any]) -> None:
        self._notes: dict[str, dict[str, Any]] = memory.setdefault("orders", {})
        self._used: set[str] = memory.setdefault("used", set())
        self._refused: list[dict[str, Any]] = memory.setdefault("refused", [])
        self._count: dict[str, int] = memory.setdefault("count", {"orders": 0, "refused": 0})
        self.hashes: dict[int, int] = memory.setdefault("hashes", {})

    def new_name(self) -> ClientOrderId:
        """Return an id for the ground."""
        self._count["orders"] += 1
        return ClientOrderId(f"o{self._count['orders']}")

    def note(self, name: ClientOrderId, **facts: Any) -> None:
        """Remember facts of an order."""
        self._notes[name] = facts
        self._used.add(facts["client_id"])

    def knows(self, client_id: str) -> bool:
        """Return whether an order ever had this client id."""
        return client_id in self._used

    def of(self, order: Order) -> dict[str, Any]:
        """Return what is known of an order; the venue's own orders have no client id."""
        return self._notes.get(order.request.client_order_id) or {
            "client_id": "",
            "type": "LIMIT",
            "instruction": "GTC",
            "created_ns": order.ts_event_ns,
            "signed_ms": order.ts_event_ns // MILLISECOND_NS,
        }

    def client_id(self, name: ClientOrderId) -> str:
        """Return the client id of an order."""
        return str(self._notes.get(name, {}).get("client_id", ""))

    def refuse(self, row: dict[str, Any]) -> str:
        """Remember an order that was accepted and then refused; return the venue's id of it."""
        self._count["refused"] += 1
        row["id"] = f"99{self._count['refused']:012d}"
        self._refused.append(row)
        return str(row["id"])

    def refused(self) -> list[dict[str, Any]]:
        """Return those rows, oldest first."""
        return self._refused
