"""The countdowns of a fake venue: one for each symbol, at whose end its resting orders are cancelled."""

from __future__ import annotations

from typing import Any

from arb.model import MILLISECOND_NS

from ._floor import Floor
from ._forms import Query
from ._refusal import missing


class Countdowns:
    """Keeps the ends.

    The ground has one switch for the whole account. It is armed while every symbol in which something rests has a
    countdown, so that it acts although nobody asks anything any more; a symbol for itself is looked after whenever
    the venue is asked something.
    """

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._ends_ns: dict[str, int] = floor.memory.setdefault("countdowns", {})

    async def start(self, query: Query) -> Any:
        """Answer `POST countdownCancelAll`."""
        instrument = await self._floor.instrument(query.get("symbol"))
        text = query.get("countdownTime", "")
        if not (text.isascii() and text.isdigit()):
            raise missing("countdownTime")
        self._ends_ns.pop(instrument.symbol, None)
        if int(text):
            self._ends_ns[instrument.symbol] = self._floor.now_ns + int(text) * MILLISECOND_NS
        await self._arm_ground(await self._resting())
        return {"symbol": instrument.symbol, "countdownTime": text}

    async def before_order(self, symbol: str) -> None:
        """Call before an order comes to a symbol: one without a countdown must not be cancelled by another's."""
        if self._ends_ns and symbol not in self._ends_ns:
            await self._floor.exchange.trading.arm_dead_mans_switch(0)

    async def look(self) -> None:
        """Let what is over happen."""
        due = [symbol for symbol, end_ns in self._ends_ns.items() if end_ns <= self._floor.now_ns]
        for symbol in due:
            del self._ends_ns[symbol]
            await self._floor.exchange.trading.cancel_all((await self._floor.instrument(symbol)).id)

    async def _arm_ground(self, resting: set[str]) -> None:
        is_whole = bool(self._ends_ns) and resting <= self._ends_ns.keys()
        # The last end: an earlier one would cancel what a later one still holds.
        last_ns = max(self._ends_ns.values()) if is_whole else self._floor.now_ns
        await self._floor.exchange.trading.arm_dead_mans_switch(last_ns - self._floor.now_ns)

    async def _resting(self) -> set[str]:
        orders = await self._floor.exchange.trading.fetch_open_orders()
        return {await self._floor.symbol_of(each.request.instrument) for each in orders}
