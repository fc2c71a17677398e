"""What the parts of the fake share: the ground by the venue's numbers, and what it remembers of orders."""

from __future__ import annotations

from typing import Any, Final

from arb.api import Clock, FakeGround
from arb.model import MILLISECOND_NS, ClientOrderId, Instrument, InstrumentId, Order

from ._refusal import Refusal

FIRST_CONTRACT: Final = 30_000_001
ORDER_BASE: Final = 563_000_000_000_000_000
FILL_BASE: Final = 564_000_000_000_000_000
PENDING_NS: Final = 50 * MILLISECOND_NS
"""How long an order that was taken is not matched yet, for whoever reads it."""


class Floor:
    """The ground, by the venue's numbers of contracts, which never change."""

    def __init__(self, ground: FakeGround) -> None:
        self.exchange = ground.exchange
        self.clock: Clock = ground.clock
        self.memory = ground.memory
        self._numbers: dict[str, str] = ground.memory.setdefault("contracts", {})
        self._listed: dict[str, Instrument] = {}

    @property
    def now_ns(self) -> int:
        """Return the venue's time."""
        return self.clock.now_ns()

    @property
    def now_ms(self) -> int:
        """Return the venue's time in milliseconds."""
        return self.now_ns // MILLISECOND_NS

    async def listing(self) -> dict[str, Instrument]:
        """Read what is listed now, by number."""
        for each in await self.exchange.market.fetch_instruments():
            number = self._numbers.setdefault(each.id, str(FIRST_CONTRACT + len(self._numbers)))
            self._listed[number] = each
        return self._listed

    async def listed(self) -> dict[str, Instrument]:
        """Return what was read last."""
        return self._listed or await self.listing()

    async def instrument(self, contract_id: Any) -> Instrument:
        """Return the instrument of a number; raises Refusal."""
        found = (await self.listed()).get(str(contract_id))
        if found is None:
            raise Refusal("GATEWAY_PARAM_INVALID", param={"contractId": str(contract_id)})
        return found

    async def number_of(self, name: InstrumentId) -> str:
        """Return the number of an instrument."""
        if name not in self._numbers:
            await self.listing()
        return self._numbers[name]


class OrderBookkeeping:
    """What the venue knows of an order beyond the ground, used nonces, and orders that it took and ended at once."""

    def __init__(self, memory: dict[str, Any]) -> None:
        self._notes: dict[str, dict[str, Any]] = memory.setdefault("orders", {})
        self._counts: dict[str, int] = memory.setdefault("counts", {})
        self._nonces: dict[int, str] = memory.setdefault("nonces", {})
        self.ghosts: dict[str, dict[str, Any]] = memory.setdefault("ghosts", {})

    def use_nonce(self, nonce: int, client_id: str) -> None:
        """Take a nonce; raises Refusal for one that was used."""
        if nonce in self._nonces:
            raise Refusal("INVALID_L2_NONCE", param={"l2Nonce": str(nonce)})
        self._nonces[nonce] = client_id

    def free_nonce(self, nonce: int) -> None:
        """Give a nonce back: its order was refused."""
        self._nonces.pop(nonce, None)

    def note(self, name: ClientOrderId, **facts: Any) -> None:
        """Remember facts of an order by its id on the ground."""
        self._notes[name] = {**self._notes.get(name, {}), **facts}

    def forget(self, name: ClientOrderId) -> None:
        """Forget an order that never came to be."""
        self._notes.pop(name, None)

    def of(self, order: Order) -> dict[str, Any]:
        """Return what is known of an order; the venue's own orders have nothing but their times."""
        return self._notes.get(order.request.client_order_id, {"created_ns": order.ts_event_ns, "body": {}})

    def new_name(self) -> ClientOrderId:
        """Return an id for the ground: clients' ids may be longer than the ground's."""
        self._counts["orders"] = self._counts.get("orders", 0) + 1
        return ClientOrderId(f"e{self._counts['orders']}")

    def new_ghost_id(self) -> str:
        """Return an id of an order that is not on the ground."""
        return str(ORDER_BASE + 500_000_000_000 + len(self.ghosts))


def order_id(report: Order) -> str:
    """Return the venue's id of an order on the ground."""
    return str(ORDER_BASE + int(str(report.exchange_order_id)))
