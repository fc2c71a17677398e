"""The fake venue's WebSocket: requests as JSON-RPC, data as binary frames."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from types import MappingProxyType
from typing import Any, Final

from arb.api import ExchangeError
from arb.model import SECOND_NS, BookLevel, Instrument
from arb.simulation import VenueSocket, changed_levels

from ._account import AccountCalls
from ._auth import is_valid
from ._feeds import AccountFeed
from ._floor import Floor, OrderNotes
from ._frames import Packer
from ._orders import OrderCalls
from ._public import PublicCalls
from ._refusal import Refusal
from ._shapes import decimal

_IDLE_NS: Final = 20 * SECOND_NS
_DEPTH: Final = 15
_RATES: Final = ("50ms", "100ms")
_PRIVATE: Final = ("orders", "fills", "positions", "account")
_PARSE, _INVALID, _NO_METHOD, _PARAMS = -32700, -32600, -32601, -32602
_BAD_TOKEN: Final = 40111
_METHOD_ERROR: Final = 100

Work = Callable[[], Awaitable[None]]


class RequestRefused(Exception):
    """A request that the venue refuses: code, text, details."""


class Session:
    """One socket of one client."""

    def __init__(
        self,
        floor: Floor,
        notes: OrderNotes,
        *,
        public: PublicCalls,
        orders: OrderCalls,
        account: AccountCalls,
        socket: VenueSocket,
        version: int,
    ) -> None:
        self._floor = floor
        self._public = public
        self._socket = socket
        self._packer = Packer(version)
        self._feed = AccountFeed(floor, notes, orders=orders, account=account, packer=self._packer, push=self._push)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._is_known = False
        self._spoke_ns = floor.now_ns
        self._kinds: Mapping[str, Callable[[str, Instrument, Sequence[str]], Work]] = MappingProxyType(
            {"order_book": self._book, "bbo": self._bbo, "trades": self._trades, "funding_data": self._funding}
        )

    async def serve(self) -> None:
        """Serve until either side closes."""
        beating = asyncio.create_task(self._beat())
        try:
            async for message in self._socket.received():
                await self._take(message)
        finally:
            tasks = [beating, *self._tasks.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _take(self, message: str | bytes) -> None:
        number: Any = None
        try:
            request = json.loads(message)
            number, method, params = request.get("id"), request["method"], request.get("params") or {}
            self._reply(number, {"result": await self._answer(method, params)})
        except RequestRefused as refused:
            code, text, data = refused.args
            self._reply(number, {"error": {"code": code, "message": text, "data": data}})
        except (ValueError, KeyError, TypeError, AttributeError):
            self._reply(number, {"error": {"code": _PARSE, "message": "parse error"}})

    async def _answer(self, method: str, params: Mapping[str, Any]) -> Any:
        if method == "auth":
            if not is_valid(str(params.get("bearer")), self._floor.now_ns // SECOND_NS):
                raise RequestRefused(_BAD_TOKEN, "Invalid Bearer Token", "")
            self._is_known = True
            return {"node_id": "73cf456f7cb78d59"}
        channel = str(params.get("channel"))
        if method == "subscribe":
            await self._subscribe(channel)
        elif method == "unsubscribe":
            task = self._tasks.pop(channel, None)
            if task is None:
                raise RequestRefused(_INVALID, "invalid unsubscribe request", "not subscribed")
            task.cancel()
        else:
            raise RequestRefused(_NO_METHOD, "method does not exist", "")
        return {"channel": channel}

    async def _subscribe(self, channel: str) -> None:
        if channel in self._tasks:
            raise RequestRefused(_INVALID, "invalid subscribe request", "already subscribed")
        kind, _, rest = channel.partition(".")
        if kind in _PRIVATE:
            if not self._is_known:
                raise RequestRefused(_METHOD_ERROR, "unauthorized", "private channel")
            work = self._feed.work(kind, rest)
        elif kind == "markets_summary":
            work = self._summaries(rest)
        elif kind == "funding_data" and rest in ("", "ALL"):
            work = self._all_funding
        elif kind in self._kinds:
            symbol, *details = rest.split(".")
            work = self._kinds[kind](channel, await self._instrument(symbol), details)
        else:
            raise RequestRefused(_INVALID, "invalid subscribe request", "invalid channel")
        self._tasks[channel] = asyncio.create_task(self._run(work))

    async def _run(self, work: Work) -> None:
        try:
            await work()
        except (ExchangeError, Refusal):
            self._socket.close()  # the line to the venue's books is lost: so is the client's

    async def _instrument(self, symbol: str) -> Instrument:
        try:
            return await self._floor.instrument(symbol)
        except Refusal:
            raise RequestRefused(_INVALID, "invalid subscribe request", "invalid channel") from None

    def _book(self, channel: str, instrument: Instrument, details: Sequence[str]) -> Work:
        """Serve `snapshot@15@50ms` and `deltas@15@50ms`, with a price tick or without one."""
        feed, _, rest = ".".join(details).partition("@")
        depth, rate, *tick = rest.split("@")
        if feed not in ("snapshot", "deltas", "interactive") or depth != str(_DEPTH) or rate not in _RATES:
            raise RequestRefused(_INVALID, "invalid subscribe request", "invalid channel")
        if tick and tick != [decimal(instrument.tick_size.normalize()).replace(".", "_")]:
            return self._silence  # as the venue is for a tick that is not the market's
        return lambda: self._books(instrument, is_delta=feed == "deltas")

    async def _books(self, instrument: Instrument, *, is_delta: bool) -> None:
        before: Sequence[Sequence[BookLevel]] | None = None
        async with aclosing(self._floor.exchange.streams.watch_order_book(instrument.id)) as books:
            async for book in books:
                number = self._floor.number_of(instrument.symbol, book)
                now = (book.bids[:_DEPTH], book.asks[:_DEPTH])
                if before is None or not is_delta:
                    self._push(self._packer.book(instrument.symbol, number, now, book.ts_event_ns))
                else:
                    changes = [changed_levels(*pair) for pair in zip(before, now, strict=True)]
                    if any(changes):
                        frame = self._packer.book(instrument.symbol, number, changes, book.ts_event_ns, is_delta=True)
                        self._push(frame)
                before = now

    def _bbo(self, channel: str, instrument: Instrument, details: Sequence[str]) -> Work:
        async def work() -> None:
            async with aclosing(self._floor.exchange.streams.watch_order_book(instrument.id)) as books:
                async for book in books:
                    number = self._floor.number_of(instrument.symbol, book)
                    tops = [side[0] if side else None for side in (book.bids, book.asks)]
                    self._push(self._packer.bbo(instrument.symbol, number, tops, book.ts_event_ns))

        return work

    def _trades(self, channel: str, instrument: Instrument, details: Sequence[str]) -> Work:
        async def work() -> None:
            async with aclosing(self._floor.exchange.streams.watch_trades(instrument.id)) as trades:
                async for one in trades:
                    frame = self._packer.trade(
                        instrument.symbol,
                        side=one.side.value.upper(),
                        price=one.price,
                        size=one.quantity,
                        ts_ns=one.ts_event_ns,
                        now_ns=self._floor.now_ns,
                    )
                    self._push(frame)

        return work

    def _funding(self, channel: str, instrument: Instrument, details: Sequence[str]) -> Work:
        async def work() -> None:
            while True:
                row = await self._public.funding_row(instrument, self._floor.now_ns)
                self._push(self._packer.funding(row, self._floor.now_ns))
                await self._sleep(5 * SECOND_NS)

        return work

    async def _all_funding(self) -> None:
        while True:
            for instrument in (await self._floor.listed()).values():
                row = await self._public.funding_row(instrument, self._floor.now_ns)
                self._push(self._packer.funding(row, self._floor.now_ns))
            await self._sleep(5 * SECOND_NS)

    def _summaries(self, symbol: str) -> Work:
        async def work() -> None:
            while True:
                for row in await self._public.summary_rows(symbol or None):
                    self._push(self._packer.summary(row, self._floor.now_ns))
                await self._sleep(SECOND_NS)

        return work

    async def _silence(self) -> None:
        """Have nothing to tell."""

    async def _beat(self) -> None:
        while True:
            await self._floor.clock.sleep_until(self._spoke_ns + _IDLE_NS)
            if self._floor.now_ns >= self._spoke_ns + _IDLE_NS:
                self._push(self._packer.heartbeat(self._floor.now_ns))

    async def _sleep(self, duration_ns: int) -> None:
        await self._floor.clock.sleep_until(self._floor.now_ns + duration_ns)

    def _reply(self, number: Any, answer: Mapping[str, Any]) -> None:
        in_us = self._floor.now_ns // 1000
        self._push(json.dumps({"jsonrpc": "2.0", "id": number, **answer, "usIn": in_us, "usDiff": 1}))

    def _push(self, message: str | bytes) -> None:
        self._spoke_ns = self._floor.now_ns
        self._socket.push(message)
