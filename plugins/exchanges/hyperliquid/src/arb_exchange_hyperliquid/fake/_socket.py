"""The venue's side of a WebSocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from arb.api import ExchangeError, FakeGround
from arb.model import SECOND_NS, Fill, FundingPayment, Order, OrderStatus
from arb.simulation import VenueSocket

from . import _rows
from ._account_info import FILL_ROWS
from ._coins import Coin, Coins, Nothing, Unreadable
from ._info import Info
from ._state import State

Post = Callable[[str, Any], Coroutine[Any, Any, Any]]

BOOK_NS: Final = 5 * SECOND_NS
"""Between two whole books; the fast ones come with every look at the ground."""

_FAST_LEVELS: Final = 5
_STATE_NS: Final = SECOND_NS
_MIDS_NS: Final = 5 * SECOND_NS
_IDLE_NS: Final = 60 * SECOND_NS
_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "l2Book": frozenset({"coin", "nSigFigs", "mantissa", "fast"}),
    "bbo": frozenset({"coin"}),
    "trades": frozenset({"coin"}),
    "activeAssetCtx": frozenset({"coin"}),
    "allMids": frozenset({"dex"}),
    "orderUpdates": frozenset({"user"}),
    "userFills": frozenset({"user", "aggregateByTime"}),
    "userFundings": frozenset({"user"}),
    "userEvents": frozenset({"user"}),
    "clearinghouseState": frozenset({"user", "dex"}),
    "openOrders": frozenset({"user", "dex"}),
}
_COINS: Final = frozenset({"l2Book", "bbo", "trades", "activeAssetCtx"})


class _Broken(Exception):
    """The client asked for what breaks the venue's sockets."""


class SocketEnd:
    """Serves one socket until the client leaves, asks for nonsense, or lets it idle."""

    def __init__(
        self, socket: VenueSocket, ground: FakeGround, state: State, coins: Coins, info: Info, post: Post
    ) -> None:
        self._socket = socket
        self._exchange = ground.exchange
        self._clock = ground.clock
        self._state = state
        self._coins = coins
        self._info = info
        self._post = post
        self._running: dict[str, asyncio.Task[None]] = {}
        self._sent_ns = ground.clock.now_ns()

    async def serve(self) -> None:
        """Serve it."""
        await self._coins.learn()
        async with _kept() as keep:
            keep(self._idle())
            try:
                async for message in self._socket.received():
                    await self._take(message, keep)
            except _Broken:
                return
            finally:
                for task in self._running.values():
                    task.cancel()

    async def _take(self, message: str | bytes, keep: Callable[[Coroutine[Any, Any, None]], Any]) -> None:
        try:
            asked = json.loads(message)
            method = asked["method"]
        except (ValueError, KeyError, TypeError):
            shown = message if isinstance(message, str) else message.decode("utf-8", "replace")
            self._push("error", f"Error parsing JSON into valid websocket request: {shown}")
            return
        if method == "ping":
            self._write({"channel": "pong"})
        elif method == "post":
            keep(self._posted(asked))
        elif method in ("subscribe", "unsubscribe"):
            self._subscription(method, asked.get("subscription"), keep)
        else:
            self._push("error", f"Error parsing JSON into valid websocket request: {message!r}")

    def _subscription(self, method: str, wanted: Any, keep: Callable[[Coroutine[Any, Any, None]], Any]) -> None:
        self._require_known(wanted)
        name = json.dumps(wanted, sort_keys=True)
        if method == "unsubscribe":
            task = self._running.pop(name, None)
            if task is None:
                self._push("error", f"Already unsubscribed: {name}")
                return
            task.cancel()
        elif name in self._running:
            self._push("error", f"Already subscribed: {name}")
            return
        defaults = {"nSigFigs": None, "mantissa": None} if wanted["type"] == "l2Book" else {}
        self._push("subscriptionResponse", {"method": method, "subscription": {**wanted, **defaults, **wanted}})
        if method == "subscribe":
            self._running[name] = keep(self._guarded(self._serving(wanted)))

    def _require_known(self, wanted: Any) -> None:
        """End the socket for a subscription that is none: the venue says nothing, it closes."""
        fields = _FIELDS.get(str(wanted.get("type"))) if isinstance(wanted, Mapping) else None
        if fields is None or set(wanted) - {"type"} - fields:
            raise _Broken
        if wanted["type"] in _COINS and wanted.get("coin") not in self._coins.names:
            raise _Broken
        if "user" in fields and not isinstance(wanted.get("user"), str):
            raise _Broken
        figures, mantissa = wanted.get("nSigFigs"), wanted.get("mantissa")
        if figures not in (None, 2, 3, 4, 5) or (mantissa is not None and (figures != 5 or mantissa not in (2, 5))):
            raise _Broken

    def _serving(self, wanted: Mapping[str, Any]) -> Coroutine[Any, Any, None]:
        kind = wanted["type"]
        if kind in _COINS:
            coin = self._coins.by_name.get(wanted["coin"])
            return self._never() if coin is None else self._of_coin(kind, coin, wanted)
        if kind == "allMids":
            return self._every(_MIDS_NS, "allMids", wanted)
        if wanted["user"].lower() != self._state.account:
            return self._stranger(kind, wanted)
        if kind in ("clearinghouseState", "openOrders"):
            return self._every(_MIDS_NS, kind, wanted)
        return self._account(kind, wanted["user"])

    def _of_coin(self, kind: str, coin: Coin, wanted: Mapping[str, Any]) -> Coroutine[Any, Any, None]:
        if kind == "l2Book":
            return self._books(coin, fast=bool(wanted.get("fast")))
        if kind == "bbo":
            return self._tops(coin)
        return self._trades(coin) if kind == "trades" else self._states(coin)

    async def _books(self, coin: Coin, *, fast: bool) -> None:
        shown_ns: int | None = None
        async for book in self._exchange.streams.watch_order_book(coin.instrument.id):
            now_ns = self._clock.now_ns()
            if fast or shown_ns is None or now_ns - shown_ns >= BOOK_NS:
                shown_ns = now_ns
                self._push("l2Book", _rows.book(book, coin, _FAST_LEVELS if fast else _rows.LEVELS))

    async def _tops(self, coin: Coin) -> None:
        shown: Any = None
        async for book in self._exchange.streams.watch_order_book(coin.instrument.id):
            row = _rows.top(book, coin)
            if row["bbo"] != shown:
                shown = row["bbo"]
                self._push("bbo", row)

    async def _trades(self, coin: Coin) -> None:
        number = self._clock.now_ns() // 1_000
        async for trade in self._exchange.streams.watch_trades(coin.instrument.id):
            number += 1
            self._push("trades", [_rows.trade(trade, coin, number)])

    async def _states(self, coin: Coin) -> None:
        while True:
            self._push("activeAssetCtx", {"coin": coin.name, "ctx": await self._info.coin_state(coin)})
            await self._pause(_STATE_NS)

    async def _every(self, pause_ns: int, kind: str, wanted: Mapping[str, Any]) -> None:
        asked = {**wanted, "type": kind}
        while True:
            answer = await self._info.answer(asked)
            dex = wanted.get("dex") or ""
            if kind == "allMids":
                self._push(kind, {"mids": answer, **({"dex": dex} if dex else {})})
            else:
                field = "orders" if kind == "openOrders" else kind
                self._push(kind, {"dex": dex, "user": wanted["user"], field: answer})
            await self._pause(pause_ns)

    async def _stranger(self, kind: str, wanted: Mapping[str, Any]) -> None:
        """Serve an address on which nothing happens."""
        if kind == "userFills":
            self._push(kind, {"user": wanted["user"], "isSnapshot": True, "fills": []})
        if kind == "userFundings":
            self._push(kind, {"user": wanted["user"], "isSnapshot": True, "fundings": []})
        await self._never()

    async def _account(self, kind: str, user: str) -> None:
        if kind == "userFills":
            newest = (await self._info.account.fills())[::-1][:FILL_ROWS]
            self._push(kind, {"user": user, "isSnapshot": True, "fills": newest})
        if kind == "userFundings":
            self._push(kind, {"user": user, "isSnapshot": True, "fundings": await self._info.account.payments()})
        async for record in self._exchange.streams.watch_account():
            if isinstance(record, Order):
                self._order(kind, record)
            elif isinstance(record, Fill):
                await self._fill(kind, user, record)
            else:
                self._payment(kind, user, record)

    def _order(self, kind: str, order: Order) -> None:
        if kind != "orderUpdates" or order.status is OrderStatus.REJECTED:
            return
        coin = self._coins.by_id[order.request.instrument]
        placed = self._info.account.placed_ms([order])[order.request.client_order_id]
        row = {
            "order": _rows.basic_order(order, coin, self._state, placed),
            "status": _rows.status(order),
            "statusTimestamp": _rows.ms(order.ts_event_ns),
        }
        self._push("orderUpdates", [row])

    async def _fill(self, kind: str, user: str, fill: Fill) -> None:
        if kind not in ("userFills", "userEvents"):
            return
        wanted = _rows.fill(fill, self._coins.by_id[fill.instrument], self._state, fill.quantity)["tid"]
        rows = [row for row in await self._info.account.fills() if row["tid"] == wanted]
        if kind == "userFills":
            self._push("userFills", {"user": user, "fills": rows})
        else:
            self._push("user", {"fills": rows})

    def _payment(self, kind: str, user: str, payment: FundingPayment) -> None:
        row = _rows.payment(payment, self._coins.by_id[payment.instrument])
        if kind == "userFundings":
            self._push("userFundings", {"user": user, "fundings": [row]})
        elif kind == "userEvents":
            self._push("user", {"funding": row})

    async def _posted(self, asked: Mapping[str, Any]) -> None:
        request = asked.get("request") or {}
        kind = str(request.get("type"))
        try:
            answer = await self._post(kind, request.get("payload"))
        except (Unreadable, Nothing):
            answer, kind = "Failed to deserialize the JSON body into the target type", "error"
        payload = {"type": request["payload"]["type"], "data": answer} if kind == "info" else answer
        self._push("post", {"id": asked.get("id"), "response": {"type": kind, "payload": payload}})

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it; what the ground raises breaks the socket."""
        try:
            await work
        except ExchangeError:
            self._socket.close()

    async def _idle(self) -> None:
        while (end_ns := self._sent_ns + _IDLE_NS) > self._clock.now_ns():
            await self._clock.sleep_until(end_ns)
        self._socket.close()

    async def _never(self) -> None:
        while True:
            await self._pause(_IDLE_NS)

    async def _pause(self, duration_ns: int) -> None:
        await self._clock.sleep_until(self._clock.now_ns() + duration_ns)

    def _push(self, channel: str, data: Any) -> None:
        self._write({"channel": channel, "data": data})

    def _write(self, message: Any) -> None:
        self._sent_ns = self._clock.now_ns()
        self._socket.push(json.dumps(message))


@asynccontextmanager
async def _kept() -> AsyncIterator[Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]]:
    """Lend a function that starts tasks; they end with the block."""
    tasks: list[asyncio.Task[None]] = []

    def keep(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        tasks.append(task)
        return task

    try:
        yield keep
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
