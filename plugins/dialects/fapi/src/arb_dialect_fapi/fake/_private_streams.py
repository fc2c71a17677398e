"""What the account's stream of a fake venue tells."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from decimal import Decimal
from typing import Any

from arb.model import ZERO, Fill, FundingPayment, InstrumentId, Order

from . import _events as events
from ._floor import Floor, OrderBookkeeping
from ._listen_keys import ListenKeys

Push = Callable[[Any], None]


class PrivateStreams:
    """Tells of orders, fills and wallets while the listen key is valid."""

    def __init__(self, floor: Floor, notes: OrderBookkeeping, keys: ListenKeys) -> None:
        self._floor = floor
        self._notes = notes
        self._keys = keys

    async def tell(self, key: str, push: Push) -> None:
        """Tell until the key is void; with one that is none nothing is told."""
        if not self._keys.is_valid(key):
            return
        telling = asyncio.create_task(self._changes(push))
        try:
            while self._keys.is_valid(key):
                await self._floor.clock.sleep_until(self._keys.ends_ns)
            push({"e": "listenKeyExpired", "E": self._floor.now_ms, "listenKey": key})
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    async def _changes(self, push: Push) -> None:
        trading = self._floor.exchange.trading
        told = list(await trading.fetch_open_orders())
        done = {each.request.client_order_id: (each.filled_quantity, _cost(each)) for each in told}
        async with aclosing(self._floor.exchange.streams.watch_account()) as changes:
            async for change in changes:
                if change in told:
                    told.remove(change)  # what rested before is no change
                    continue
                if isinstance(change, Order):
                    event = await self._order_event(change)
                    if event is not None:
                        push(event)
                elif isinstance(change, Fill):
                    push(await self._account_event("ORDER", change.instrument))
                    push(await self._fill_event(change, done))
                elif isinstance(change, FundingPayment):
                    push(await self._account_event("FUNDING_FEE", None))

    async def _order_event(self, report: Order) -> dict[str, Any] | None:
        symbol = await self._floor.symbol_of(report.request.instrument)
        return events.order_changed(report, symbol, self._notes.of(report), self._floor.now_ns)

    async def _fill_event(self, one: Fill, done: dict[Any, tuple[Decimal, Decimal]]) -> dict[str, Any]:
        quantity, cost = done.get(one.client_order_id, (ZERO, ZERO))
        done[one.client_order_id] = quantity + one.quantity, cost + one.quantity * one.price
        report = await self._floor.exchange.trading.fetch_order(one.instrument, one.client_order_id)
        symbol, notes = await self._floor.symbol_of(one.instrument), self._notes.of(report)
        return events.order_filled(one, report, done[one.client_order_id], symbol, notes, self._floor.now_ns)

    async def _account_event(self, reason: str, instrument: InstrumentId | None) -> dict[str, Any]:
        account = await self._floor.exchange.trading.fetch_account()
        held = []
        if instrument is not None:
            position = next((each for each in account.positions if each.instrument == instrument), None)
            held.append((await self._floor.symbol_of(instrument), position))
        return events.account_changed(reason, list(account.balances), held, self._floor.now_ns)


def _cost(report: Order) -> Decimal:
    return report.filled_quantity * report.average_price if report.average_price is not None else ZERO
