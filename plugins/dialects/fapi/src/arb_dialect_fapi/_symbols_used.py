"""The symbols that an account has to do with: the venue lists fills of one symbol at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Final

from arb.api import Context

_KEY: Final = "symbols"


class UsedSymbols:
    """Remembers over restarts in which symbols orders were sent or positions seen."""

    def __init__(self, context: Context) -> None:
        """Read nothing yet."""
        self._state = context.state
        self._turn = asyncio.Lock()
        self._known: set[str] | None = None

    async def all(self) -> set[str]:
        """Return the symbols known."""
        async with self._turn:
            return set(await self._read())

    async def add(self, symbols: Iterable[str]) -> None:
        """Remember symbols; durable when it returns."""
        async with self._turn:
            known = await self._read()
            if new := set(symbols) - known:
                known |= new
                await self._state.put(_KEY, json.dumps(sorted(known)))

    async def _read(self) -> set[str]:
        if self._known is None:
            stored = await self._state.get(_KEY)
            self._known = set(json.loads(stored)) if stored else set()
        return self._known
