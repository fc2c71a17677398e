"""The fake venue's WebSocket: JSON-RPC calls, subscriptions, and what each of them sends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from types import MappingProxyType
from typing import Any, Final

from arb.api import ExchangeError, Rejected
from arb.model import MILLISECOND_NS, BookLevel, Fill, Instrument, Order, OrderBook
from arb.simulation import VenueSocket

from ._books import BookTape
from ._floor import Floor, OrderNotes
from ._keys import SUB_ACCOUNT
from ._orders import OrderCalls
from ._public import PublicCalls
from ._refusal import Refusal, refusal_of
from ._shapes import book_row, fill_row, levels, mini, order_row, position_row, ticker, trade_row

_RATES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "v1.ticker.s": ("500", "1000", "5000"),
        "v1.mini.s": ("200", "500", "1000", "5000"),
        "v1.book.s": ("500", "1000"),
        "v1.book.d": ("50", "100", "500", "1000"),
        "v1.trade": ("50", "200", "500", "1000"),
    }
)
_PRIVATE: Final = ("v1.order", "v1.state", "v1.fill", "v1.position", "v1.cancel")
Answer = Callable[[str, Mapping[str, Any]], Awaitable[Any]]
Begun = tuple[int, Callable[[], Awaitable[None]]]


class Session:
    """One socket of one client."""

    def __init__(
        self,
        floor: Floor,
        tape: BookTape,
        notes: OrderNotes,
        public: PublicCalls,
        orders: OrderCalls,
        socket: VenueSocket,
        *,
        answer: Answer,
        is_private: bool,
    ) -> None:
        self._floor = floor
        self._tape = tape
        self._notes = notes
        self._public = public
        self._orders = orders
        self._socket = socket
        self._answer = answer
        self._is_private = is_private
        self._tasks: dict[tuple[str, str], tuple[str, asyncio.Task[None]]] = {}
        self._numbers: dict[str, int] = {}

    async def serve(self) -> None:
        """Serve until either side closes."""
        try:
            async for message in self._socket.received():
                await self._take(message)
        finally:
            tasks = [task for _, task in self._tasks.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _take(self, message: str | bytes) -> None:
        try:
            request = json.loads(message, parse_float=str)
            method, params, number = str(request["method"]), request["params"], request.get("id")
        except (ValueError, KeyError, TypeError):
            self._send({"jsonrpc": "2.0", "error": Refusal(1003).row(), "id": None})
            return
        head = {"jsonrpc": "2.0", "id": number, "method": method}
        try:
            if method in ("subscribe", "unsubscribe"):
                await self._change(method, params, head)
                return
            answer = await self._answer(f"/full/{method}", params)
            self._send({**head, **({"result": answer["result"]} if "result" in answer else {"result": answer})})
        except Refusal as refusal:
            self._send({**head, "error": refusal.row()})
        except Rejected as error:
            self._send({**head, "error": refusal_of(error).row()})

    async def _change(self, method: str, params: Mapping[str, Any], head: Mapping[str, Any]) -> None:
        stream, selectors = str(params["stream"]), [str(each) for each in params["selectors"]]
        if method == "unsubscribe":
            for selector in selectors:
                self._end(stream, selector)
            self._send({**head, "result": {"stream": stream, "subs": [], "unsubs": selectors}})
            return
        begun = [await self._begin(stream, selector) for selector in selectors]
        result = {
            "stream": stream,
            "subs": selectors,
            "unsubs": [],
            "num_snapshots": [1 for _ in selectors],
            "first_sequence_number": [str(latest + 1) for latest, _ in begun],
            "latest_sequence_number": [str(latest) for latest, _ in begun],
        }
        self._send({**head, "result": result})
        for selector, (_, work) in zip(selectors, begun, strict=True):
            self._end(stream, selector)
            self._tasks[stream, _primary(selector)] = selector, asyncio.create_task(self._run(work))

    async def _run(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except (ExchangeError, Refusal):
            self._socket.close()  # the line to the venue's books is lost: so is the client's

    def _end(self, stream: str, selector: str) -> None:
        _, task = self._tasks.pop((stream, _primary(selector)), ("", None))
        if task is not None:
            task.cancel()

    async def _begin(self, stream: str, selector: str) -> Begun:
        """Return where a stream stands and what sends it; raises Refusal."""
        if stream in _PRIVATE:
            return await self._begin_private(stream, selector)
        symbol, _, rest = selector.partition("@")
        rate, _, depth = rest.partition("-")
        if stream not in _RATES or rate not in _RATES[stream]:
            raise Refusal(1101)
        instrument = await self._floor.instrument(symbol)
        every_ns = int(rate) * MILLISECOND_NS
        if stream == "v1.book.d":
            return await self._begin_changes(selector, instrument)
        if stream == "v1.trade":
            return self._number(stream), lambda: self._trades(selector, instrument)
        if stream == "v1.book.s":
            return 0, lambda: self._each(every_ns, lambda: self._book(selector, instrument, int(depth or 10)))
        if stream == "v1.ticker.s":
            return 0, lambda: self._each(every_ns, lambda: self._ticker(selector, instrument))
        return 0, lambda: self._each(every_ns, lambda: self._mini(selector, instrument))

    async def _begin_private(self, stream: str, selector: str) -> Begun:
        account, _, symbol = selector.partition("-")
        if not self._is_private:
            raise Refusal(1000)
        if account != SUB_ACCOUNT:
            raise Refusal(1001)
        if symbol:
            await self._floor.instrument(symbol)
        if stream == "v1.cancel":
            return self._number(stream), self._nothing
        if stream == "v1.position":
            return self._number(stream), lambda: self._positions(selector, symbol)
        # Before the answer: what happens from now on is heard, what rested before is no change.
        told = list(await self._floor.exchange.trading.fetch_open_orders())
        return self._number(stream), lambda: self._changes(stream, selector, symbol, told)

    async def _begin_changes(self, selector: str, instrument: Instrument) -> Begun:
        book = await self._floor.exchange.market.fetch_order_book(instrument.id, 500)
        latest = self._tape.observe(instrument.symbol, book)
        stream = "v1.book.d"

        async def send() -> None:
            self._push(stream, selector, 0, 0, book_row(instrument, book))
            first, sent = True, latest

            def changed(bought: Sequence[BookLevel], sold: Sequence[BookLevel], number: int, now: OrderBook) -> None:
                nonlocal sent
                feed = {**book_row(instrument, now, 0), "bids": levels(bought), "asks": levels(sold)}
                self._push(stream, selector, number, number - 1, feed)
                sent = number

            unfollow = self._tape.follow(instrument.symbol, changed)
            try:
                async with aclosing(self._floor.exchange.streams.watch_order_book(instrument.id)) as books:
                    async for each in books:
                        if first and sent != latest:
                            raise Refusal(1002)  # somebody saw a change before this socket followed
                        first = False
                        self._tape.observe(instrument.symbol, each)
            finally:
                unfollow()

        return latest, send

    async def _trades(self, selector: str, instrument: Instrument) -> None:
        numbers: dict[str, int] = self._floor.memory.setdefault("trades", {})
        async with aclosing(self._floor.exchange.streams.watch_trades(instrument.id)) as trades:
            async for one in trades:
                number = numbers[instrument.symbol] = numbers.get(instrument.symbol, 0) + 1
                previous = self._number("v1.trade")
                self._count("v1.trade", selector, trade_row(instrument, one, number), previous)

    async def _book(self, selector: str, instrument: Instrument, depth: int) -> None:
        book = await self._floor.exchange.market.fetch_order_book(instrument.id, depth)
        self._push("v1.book.s", selector, 0, 0, book_row(instrument, book, depth))

    async def _ticker(self, selector: str, instrument: Instrument) -> None:
        prices = await self._public.prices(instrument)
        self._push("v1.ticker.s", selector, 0, 0, ticker(instrument, *prices, self._floor.now_ns))

    async def _mini(self, selector: str, instrument: Instrument) -> None:
        stats, book, _ = await self._public.prices(instrument)
        self._push("v1.mini.s", selector, 0, 0, mini(instrument, stats, book, self._floor.now_ns))

    async def _each(self, every_ns: int, send: Callable[[], Awaitable[None]]) -> None:
        while True:
            await send()
            await self._floor.clock.sleep_until(self._floor.now_ns + every_ns)

    async def _nothing(self) -> None:
        """Have nothing to tell."""

    async def _changes(self, stream: str, selector: str, wanted: str, told: list[Order]) -> None:
        async with aclosing(self._floor.exchange.streams.watch_account()) as changes:
            async for change in changes:
                if change in told:
                    told.remove(change)
                    continue
                if isinstance(change, Order):
                    symbol = await self._floor.symbol_of(change.request.instrument)
                    if wanted in ("", symbol):
                        self._tell_order(stream, selector, symbol, change)
                elif isinstance(change, Fill) and stream == "v1.fill":
                    symbol = await self._floor.symbol_of(change.instrument)
                    client_id = self._notes.client_id(change.client_order_id)
                    if wanted in ("", symbol):
                        row = fill_row(change, symbol, client_id, change.price)
                        self._count(stream, selector, row, self._number(stream))

    def _tell_order(self, stream: str, selector: str, symbol: str, report: Order) -> None:
        row = order_row(report, symbol, self._notes.of(report))
        if stream == "v1.order":
            self._count(stream, selector, row, self._number(stream))
        elif stream == "v1.state":
            feed = {
                "order_id": row["order_id"],
                "client_order_id": row["metadata"]["client_order_id"],
                "order_state": row["state"],
            }
            self._count(stream, selector, feed, self._number(stream))

    async def _positions(self, selector: str, wanted: str) -> None:
        async with aclosing(self._floor.exchange.streams.watch_account()) as changes:
            async for change in changes:
                if not isinstance(change, Fill):
                    continue
                for held in await self._floor.exchange.trading.fetch_positions():
                    symbol = await self._floor.symbol_of(held.instrument)
                    if held.instrument == change.instrument and wanted in ("", symbol):
                        row = position_row(held, symbol, self._floor.now_ns)
                        self._count("v1.position", selector, row, self._number("v1.position"))

    def _number(self, stream: str) -> int:
        return self._numbers.get(stream, 0)

    def _count(self, stream: str, selector: str, feed: Mapping[str, Any], previous: int) -> None:
        self._numbers[stream] = previous + 1
        self._push(stream, selector, previous + 1, previous, feed)

    def _push(self, stream: str, selector: str, number: int, previous: int, feed: Mapping[str, Any]) -> None:
        self._send(
            {
                "stream": stream,
                "selector": selector,
                "sequence_number": str(number),
                "feed": dict(feed),
                "prev_sequence_number": str(previous),
            }
        )

    def _send(self, message: Mapping[str, Any]) -> None:
        self._socket.push(json.dumps(message))


def _primary(selector: str) -> str:
    """Return what of a selector names the market or the account: another rate of it replaces the one before."""
    return selector.partition("@")[0]
