"""What the parts of a fake share: the ground with the venue's symbols, and what it remembers of orders."""

from __future__ import annotations

from typing import Any, Final

from arb.api import Clock, FakeGround
from arb.model import ClientOrderId, Instrument, InstrumentId, Order
from arb.simulation import VENUE_PREFIXES

from ._refusal import INVALID_SYMBOL, Refusal, missing

_LONGEST_ON_GROUND: Final = 32
_FORCED: Final = {"liquidation-": "autoclose-", "adl-": "adl_autoclose", "delisting-": "settlement_autoclose-"}


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
    def now_ms(self) -> int:
        """Return the venue's time in milliseconds."""
        return self.clock.now_ns() // 1_000_000

    async def listing(self) -> dict[str, Instrument]:
        """Read what is listed now."""
        self._listed = {each.symbol: each for each in await self.exchange.market.fetch_instruments()}
        return self._listed

    async def listed(self) -> dict[str, Instrument]:
        """Return what was read last."""
        return self._listed or await self.listing()

    async def instrument(self, symbol: Any) -> Instrument:
        """Return the instrument of a symbol; raises Refusal."""
        if not symbol:
            raise missing("symbol")
        found = (await self.listed()).get(str(symbol))
        if found is None:
            raise Refusal(*INVALID_SYMBOL)
        return found

    async def chosen(self, symbol: Any) -> list[Instrument]:
        """Return the instrument of a symbol, or all without one; raises Refusal."""
        return [await self.instrument(symbol)] if symbol else list((await self.listed()).values())

    async def symbol_of(self, name: InstrumentId) -> str:
        """Return the symbol of an instrument."""
        listed = await self.listed()
        return next((symbol for symbol, each in listed.items() if each.id == name), name)


class OrderBookkeeping:
    """What the venue knows of an order beyond the ground: its client id, its type, when it came.

    A client id may come again when its order is over; the ground takes each once, and shorter ones.
    """

    def __init__(self, memory: dict[str, Any]) -> None:
        self._notes: dict[str, dict[str, Any]] = memory.setdefault("orders", {})
        self._latest: dict[str, str] = memory.setdefault("client_ids", {})

    def new_name(self, client_id: str) -> ClientOrderId:
        """Return an id for the ground."""
        is_plain = len(client_id) <= _LONGEST_ON_GROUND and not client_id.startswith(VENUE_PREFIXES)
        name = client_id if is_plain and client_id not in self._notes else f"again-{len(self._notes)}"
        return ClientOrderId(name)

    def new_client_id(self) -> str:
        """Return what the venue gives an order that comes without one."""
        return f"venue{len(self._notes):017d}"

    def note(self, name: ClientOrderId, client_id: str, **facts: Any) -> None:
        """Remember facts of an order."""
        self._notes[name] = {"clientOrderId": client_id, **facts}
        self._latest[client_id] = name

    def latest(self, client_id: str) -> str | None:
        """Return the ground's id of the order that had a client id last."""
        return self._latest.get(client_id)

    def of(self, order: Order) -> dict[str, Any]:
        """Return what is known of an order; the venue's own have client ids of its making."""
        name = order.request.client_order_id
        known = self._notes.get(name)
        return known or {"clientOrderId": self.client_id(name), "type": "LIMIT", "created_ns": order.ts_event_ns}

    def client_id(self, name: ClientOrderId) -> str:
        """Return the client id of an order of the ground."""
        if name in self._notes:
            return str(self._notes[name]["clientOrderId"])
        start = next((each for each in _FORCED if name.startswith(each)), None)
        if start is None:
            return str(name)
        word = _FORCED[start]
        return word if not word.endswith("-") else f"{word}{name.removeprefix(start)}"
