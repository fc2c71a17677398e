"""Private channels of the fake venue: orders, fills, positions, the account."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

from arb.model import Fill, Order

from ._account import AccountCalls
from ._floor import Floor, OrderNotes
from ._frames import Packer
from ._orders import OrderCalls
from ._shapes import order

Work = Callable[[], Awaitable[None]]


class AccountFeed:
    """Tells one socket of the account, in binary frames, or as JSON where the memory of the fake says so."""

    def __init__(
        self,
        floor: Floor,
        notes: OrderNotes,
        *,
        orders: OrderCalls,
        account: AccountCalls,
        packer: Packer,
        push: Callable[[str | bytes], None],
    ) -> None:
        self._floor = floor
        self._notes = notes
        self._orders = orders
        self._account = account
        self._packer = packer
        self._push = push

    def work(self, kind: str, market: str) -> Work:
        """Return what serves a channel; `market` is empty or `ALL` for every one."""
        wanted = "" if market == "ALL" else market
        return lambda: self._serve(kind, wanted)

    async def _serve(self, kind: str, wanted: str) -> None:
        def tell(row: dict[str, Any]) -> None:
            if kind == "orders" and wanted in ("", row["market"]):
                self._send("orders", row, self._packer.order)

        self._orders.followers.append(tell)
        try:
            await self._follow(kind, wanted)
        finally:
            self._orders.followers.remove(tell)

    async def _follow(self, kind: str, wanted: str) -> None:
        told = list(await self._floor.exchange.trading.fetch_open_orders())
        if kind == "account":
            self._send(kind, await self._account.summary({}), self._packer.account)
        async with aclosing(self._floor.exchange.streams.watch_account()) as changes:
            async for change in changes:
                if change in told:
                    told.remove(change)  # what rested before is no change
                elif isinstance(change, Order) and kind == "orders":
                    symbol = await self._floor.symbol_of(change.request.instrument)
                    if wanted in ("", symbol) and change.exchange_order_id is not None:
                        self._send(kind, order(change, symbol, self._notes.of(change)), self._packer.order)
                elif isinstance(change, Fill):
                    await self._filled(kind, wanted, change)

    async def _filled(self, kind: str, wanted: str, one: Fill) -> None:
        if kind == "fills":
            row = await self._account.fill_row(one)
            if wanted in ("", row["market"]):
                self._send(kind, row, self._packer.fill)
        elif kind == "positions":
            for row in (await self._account.positions({}))["results"]:
                self._send(kind, row, self._packer.position)
        elif kind == "account":
            self._send(kind, await self._account.summary({}), self._packer.account)

    def _send(self, kind: str, row: Mapping[str, Any], pack: Callable[[Mapping[str, Any]], bytes]) -> None:
        if not self._floor.memory.get("private_json"):
            self._push(pack(row))
            return
        channel = f"{kind}.{row['market']}" if "market" in row else kind
        params = {"channel": channel, "data": dict(row)}
        self._push(json.dumps({"jsonrpc": "2.0", "method": "subscription", "params": params}))
