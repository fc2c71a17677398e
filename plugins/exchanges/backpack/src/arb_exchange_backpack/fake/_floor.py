"""What the parts of the fake share: the ground with the venue's symbols, and what it remembers of orders."""

from __future__ import annotations

from typing import Any

from arb.api import Clock, FakeGround
from arb.model import ClientOrderId, Instrument, InstrumentId, Order

from ._refusal import Refusal


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

    async def instrument(self, symbol: Any) -> Instrument:
        """Return the instrument of a symbol; raises Refusal."""
        found = (await self.listed()).get(str(symbol))
        if found is None:
            raise Refusal(400, "INVALID_MARKET", "Invalid market")
        return found

    async def symbol_of(self, name: InstrumentId) -> str:
        """Return the symbol of an instrument."""
        listed = await self.listed()
        return next((symbol for symbol, each in listed.items() if each.id == name), name)


class OrderBookkeeping:
    """What the venue knows of an order beyond the ground: client id, type, when it came.

    The venue takes a client id as often as it comes; the ground takes each once. So an id that comes again gets a
    number behind it on the ground.
    """

    def __init__(self, memory: dict[str, Any]) -> None:
        self._notes: dict[str, dict[str, Any]] = memory.setdefault("orders", {})
        self._uses: dict[str, int] = memory.setdefault("client_ids", {})

    def new_name(self, client_id: int | None) -> ClientOrderId:
        """Return an id for the ground."""
        key = "none" if client_id is None else str(client_id)
        uses = self._uses[key] = self._uses.get(key, 0) + 1
        if client_id is None:
            return ClientOrderId(f"x{uses}")
        return ClientOrderId(key if uses == 1 else f"{key}.{uses}")

    def note(self, name: ClientOrderId, **facts: Any) -> None:
        """Remember facts of an order."""
        self._notes[name] = facts

    def of(self, order: Order) -> dict[str, Any]:
        """Return what is known of an order; the venue's own orders have no client id."""
        name = order.request.client_order_id
        return self._notes.get(name, {"clientId": None, "orderType": "Limit", "created_ns": order.ts_event_ns})

    def client_id(self, name: ClientOrderId) -> int | None:
        """Return the client id of an order."""
        found: int | None = self._notes.get(name, {}).get("clientId")
        return found
