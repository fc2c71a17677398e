"""The symbols that an account has to do with: the venue lists fills of one symbol at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from arb.api import Context
from arb.model import DAY_NS, HOUR_NS

_KEY: Final = "symbols"
_STORED_NS: Final = HOUR_NS
"""By how much a stored time may lag behind what is known."""

_KEPT_NS: Final = 90 * DAY_NS


class UsedSymbols:
    """Remembers when something last happened in each symbol, over restarts to the hour.

    All times are the venue's.
    """

    def __init__(self, context: Context) -> None:
        """Read nothing yet."""
        self._context = context
        self._turn = asyncio.Lock()
        self._used_ns: dict[str, int] | None = None
        self._stored_ns: dict[str, int] = {}
        self._touched_ns: dict[str, int] = {}
        self._sizes: dict[str, Decimal] | None = None

    async def touch(self, times_ns: Mapping[str, int]) -> None:
        """Remember when something happened in some symbols, such as an order or a booking; durable on return."""
        for symbol, at_ns in times_ns.items():
            self._touched_ns[symbol] = max(at_ns, self.touched_ns(symbol))
        await self._use(times_ns)

    async def hold(self, sizes: Mapping[str, Decimal], now_ns: int) -> None:
        """Take positions as they are now: where one changed, something was filled."""
        before, self._sizes = self._sizes, dict(sizes)
        if before is not None:
            changed = {each for each in {*before, *sizes} if before.get(each) != sizes.get(each)}
            await self.touch(dict.fromkeys(changed, now_ns))
        await self._use(dict.fromkeys(sizes, now_ns))

    def is_held(self, symbol: str) -> bool:
        """Return whether there was a position when they were read last, or none was read yet."""
        return self._sizes is None or symbol in self._sizes

    def touched_ns(self, symbol: str) -> int:
        """Return when something last happened in it; 0 if this process knows of nothing."""
        return self._touched_ns.get(symbol, 0)

    async def since(self, since_ns: int) -> list[str]:
        """Return the symbols in which anything may have happened since a time, in order."""
        async with self._turn:
            return sorted(each for each, used_ns in (await self._read()).items() if used_ns >= since_ns)

    async def _use(self, times_ns: Mapping[str, int]) -> None:
        async with self._turn:
            used = await self._read()
            for symbol, at_ns in times_ns.items():
                used[symbol] = max(at_ns, used.get(symbol, 0))
            if any(used[each] - self._stored_ns.get(each, 0) >= _STORED_NS for each in times_ns):
                newest_ns = max(used.values())
                self._used_ns = used = {each: at for each, at in used.items() if newest_ns - at < _KEPT_NS}
                await self._context.state.put(_KEY, json.dumps(used, sort_keys=True))
                self._stored_ns = dict(used)

    async def _read(self) -> dict[str, int]:
        if self._used_ns is None:
            stored = json.loads(await self._context.state.get(_KEY) or "{}")
            now_ns = self._context.clock.now_ns()
            if isinstance(stored, list):  # as it was written at first, without times
                stored = dict.fromkeys(stored, now_ns)
            self._used_ns, self._stored_ns = dict(stored), dict(stored)
            # What the process before had just ordered may be filled only now.
            for symbol, used_ns in self._used_ns.items():
                if now_ns - used_ns <= 2 * _STORED_NS:
                    self._touched_ns[symbol] = max(now_ns, self.touched_ns(symbol))
        return self._used_ns
