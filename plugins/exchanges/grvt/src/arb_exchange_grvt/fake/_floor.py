"""What the parts of the fake share: the ground with the venue's symbols, and what it remembers of orders."""

from __future__ import annotations

from typing import Any, Final

from arb.api import Clock, ExchangeError, FakeGround
from arb.model import ClientOrderId, Instrument, InstrumentId, Order

from ._refusal import Refusal

NO_CLIENT: Final = "0"


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

    async def listing(self) -> dict[str, Instrument]:
        """Read what is listed now."""
        self._listed = {each.symbol: each for each in await self.exchange.market.fetch_instruments()}
        return self._listed

    async def listed(self) -> dict[str, Instrument]:
        """Return what was read last."""
        return self._listed or await self.listing()

    async def instrument(self, symbol: Any, code: int = 3000) -> Instrument:
        """Return the instrument of a symbol; raises Refusal."""
        found = (await self.listed()).get(str(symbol))
        if found is None:
            raise Refusal(code)
        return found

    async def symbol_of(self, name: InstrumentId) -> str:
        """Return the symbol of an instrument."""
        listed = await self.listed()
        return next((symbol for symbol, each in listed.items() if each.id == name), name)


class OrderNotes:
    """What the venue knows of an order beyond the ground: client id, signature, when it came, when it ends.

    The venue takes a client id again when its order is over; the ground takes each once. So an id that comes again
    gets a number behind it on the ground. An order that was refused after it had been taken, or cancelled before it
    came, never reaches the ground: it is kept here.
    """

    def __init__(self, memory: dict[str, Any]) -> None:
        self._notes: dict[str, dict[str, Any]] = memory.setdefault("orders", {})
        self._uses: dict[str, int] = memory.setdefault("client ids", {})
        self.unborn: dict[str, dict[str, Any]] = memory.setdefault("unborn orders", {})
        self.wishes: dict[str, int] = memory.setdefault("cancel wishes", {})
        self.signatures: list[str] = memory.setdefault("signatures", [])

    def new_name(self, client_id: str) -> ClientOrderId:
        """Return an id for the ground."""
        uses = self._uses[client_id] = self._uses.get(client_id, 0) + 1
        return ClientOrderId(client_id if uses == 1 else f"{client_id}.{uses}")

    def note(self, name: ClientOrderId, facts: dict[str, Any]) -> None:
        """Remember facts of an order."""
        self._notes[name] = facts

    def of(self, order: Order) -> dict[str, Any]:
        """Return what is known of an order; the venue's own orders have no client id."""
        name = order.request.client_order_id
        return self._notes.get(name, {"client_id": NO_CLIENT, "created_ns": order.ts_event_ns, "sent": {}})

    def client_id(self, name: ClientOrderId) -> str:
        """Return the client id of an order."""
        return str(self._notes.get(name, {}).get("client_id", NO_CLIENT))

    async def end_expired(self, floor: Floor) -> None:
        """Take back what rests beyond its signature: its time is over."""
        now_ns = floor.now_ns
        due = [name for name, facts in self._notes.items() if facts.get("ends_ns", now_ns + 1) <= now_ns]
        for name in due:
            facts = self._notes[name]
            del facts["ends_ns"]
            try:
                await floor.exchange.trading.cancel_order(facts["instrument"], ClientOrderId(name))
            except ExchangeError:
                continue  # it was over already
            facts["reason"] = "EXPIRED"
