"""The fake venue's WebSocket: subscriptions, and what each of them sends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from types import MappingProxyType
from typing import Any, Final

from arb.api import ExchangeError
from arb.model import MINUTE_NS, SECOND_NS, ZERO, Fill, Instrument, MarketStats, Order, OrderBook
from arb.simulation import VenueSocket

from . import _events as events
from ._account import AccountCalls
from ._auth import require_signature
from ._books import BookTape
from ._floor import Floor, OrderBookkeeping
from ._refusal import Refusal

_INVALID_STREAM: Final = (4006, "Invalid stream")
_INVALID_MARKET: Final = (4005, "Invalid market")
_INVALID_SIGNATURE: Final = (4002, "Invalid signature")
_PRIVATE: Final = "account."
_AGGREGATED: Final = ("200ms", "600ms", "1000ms")


class StreamRefused(Exception):
    """A subscription that the venue refuses: code and text."""


class Session:
    """One socket of one client."""

    def __init__(
        self, floor: Floor, tape: BookTape, notes: OrderBookkeeping, account: AccountCalls, socket: VenueSocket
    ) -> None:
        self._floor = floor
        self._tape = tape
        self._notes = notes
        self._account = account
        self._socket = socket
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._kinds: Mapping[str, Callable[[str, Instrument], Awaitable[None]]] = MappingProxyType(
            {
                "depth": self._depth,
                "bookTicker": self._book_ticker,
                "trade": self._trades,
                "ticker": self._tickers,
                "markPrice": self._marks,
                "openInterest": self._interest,
                "kline": self._silence,
            }
        )

    async def serve(self) -> None:
        """Serve until either side closes."""
        try:
            async for message in self._socket.received():
                await self._take(message)
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _take(self, message: str | bytes) -> None:
        try:
            request = json.loads(message)
            method, topics = request["method"], request["params"]
            for topic in topics:
                if method == "SUBSCRIBE":
                    await self._subscribe(str(topic), request.get("signature"))
                elif method == "UNSUBSCRIBE" and (task := self._tasks.pop(str(topic), None)) is not None:
                    task.cancel()
        except StreamRefused as refused:
            code, text = refused.args
            self._socket.push(json.dumps({"id": None, "error": {"code": code, "message": text}}))
        except (ValueError, KeyError, TypeError):
            self._socket.push(json.dumps({"id": None, "error": {"code": 4000, "message": "Invalid message"}}))

    async def _subscribe(self, topic: str, signature: Any) -> None:
        if topic in self._tasks:
            return
        if topic.startswith(_PRIVATE):
            self._require_signature(signature)
            work = await self._private(topic)
        else:
            kind, _, symbol = topic.partition(".")
            middle, _, rest = symbol.partition(".")
            if (kind == "depth" and middle in _AGGREGATED) or kind == "kline":
                symbol = rest
            if kind not in self._kinds:
                raise StreamRefused(*_INVALID_STREAM)
            work = self._kinds[kind](topic, await self._instrument(symbol))
        self._tasks[topic] = asyncio.create_task(self._run(work))

    async def _run(self, work: Awaitable[None]) -> None:
        try:
            await work
        except (ExchangeError, Refusal):
            self._socket.close()  # the line to the venue's books is lost: so is the client's

    async def _instrument(self, symbol: str) -> Instrument:
        try:
            return await self._floor.instrument(symbol)
        except Refusal:
            raise StreamRefused(*_INVALID_MARKET) from None

    def _require_signature(self, signature: Any) -> None:
        if not isinstance(signature, list) or len(signature) != 4:
            raise StreamRefused(*_INVALID_SIGNATURE)
        try:
            key, signed, timestamp, window = (str(each) for each in signature)
            require_signature(key, signed, timestamp, window, "instruction=subscribe", self._floor.now_ns)
        except Refusal as refusal:
            raise StreamRefused(_INVALID_SIGNATURE[0], refusal.message) from None

    def _push(self, topic: str, data: Any) -> None:
        self._socket.push(json.dumps({"stream": topic, "data": data}))

    async def _depth(self, topic: str, instrument: Instrument) -> None:
        await self._follow(instrument, lambda event, _: self._push(topic, event))

    async def _book_ticker(self, topic: str, instrument: Instrument) -> None:
        def changed(event: dict[str, Any], book: OrderBook) -> None:
            self._push(topic, events.book_ticker(instrument.symbol, book, event["u"], self._floor.now_ns))

        await self._follow(instrument, changed)

    async def _follow(self, instrument: Instrument, follower: Callable[[dict[str, Any], OrderBook], None]) -> None:
        unfollow = self._tape.follow(instrument.symbol, follower)
        try:
            async with aclosing(self._floor.exchange.streams.watch_order_book(instrument.id)) as books:
                async for book in books:
                    self._tape.observe(instrument.symbol, book, self._floor.now_ns)
        finally:
            unfollow()

    async def _trades(self, topic: str, instrument: Instrument) -> None:
        numbers: dict[str, int] = self._floor.memory.setdefault("trades", {})
        async with aclosing(self._floor.exchange.streams.watch_trades(instrument.id)) as trades:
            async for one in trades:
                number = numbers[instrument.symbol] = numbers.get(instrument.symbol, 0) + 1
                self._push(topic, events.trade(instrument.symbol, one, number, self._floor.now_ns))

    async def _tickers(self, topic: str, instrument: Instrument) -> None:
        await self._each(SECOND_NS, topic, instrument, events.day)

    async def _interest(self, topic: str, instrument: Instrument) -> None:
        await self._each(MINUTE_NS, topic, instrument, events.open_interest)

    async def _marks(self, topic: str, instrument: Instrument) -> None:
        market = self._floor.exchange.market
        while True:
            rates = {rate.instrument: rate for rate in await market.fetch_funding_rates()}
            stats = await self._stats(instrument)
            if stats is not None:
                rate = rates.get(instrument.id)
                self._push(topic, events.mark_price(instrument.symbol, stats, rate, self._floor.now_ns))
            await self._sleep(SECOND_NS)

    async def _silence(self, topic: str, instrument: Instrument) -> None:
        """Candles: the ground has none."""

    async def _each(
        self,
        every_ns: int,
        topic: str,
        instrument: Instrument,
        make: Callable[[str, MarketStats, int], dict[str, Any]],
    ) -> None:
        while True:
            stats = await self._stats(instrument)
            if stats is not None:
                self._push(topic, make(instrument.symbol, stats, self._floor.now_ns))
            await self._sleep(every_ns)

    async def _stats(self, instrument: Instrument) -> MarketStats | None:
        rows = await self._floor.exchange.market.fetch_stats()
        return next((row for row in rows if row.instrument == instrument.id), None)

    async def _sleep(self, duration_ns: int) -> None:
        await self._floor.clock.sleep_until(self._floor.now_ns + duration_ns)

    async def _private(self, topic: str) -> Awaitable[None]:
        kind, _, symbol = topic.removeprefix(_PRIVATE).partition(".")
        if symbol:
            await self._instrument(symbol)
        if kind == "orderUpdate":
            return self._orders(topic, symbol)
        if kind == "positionUpdate":
            return self._positions(topic, symbol)
        if kind in ("rfqUpdate", "balanceUpdate"):
            return self._nothing()
        raise StreamRefused(*_INVALID_STREAM)

    async def _nothing(self) -> None:
        """Have nothing to tell."""

    async def _orders(self, topic: str, wanted: str) -> None:
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
                elif isinstance(change, Fill):
                    event = await self._fill_event(change, done)
                else:
                    continue
                if event is not None and wanted in ("", event["s"]):
                    self._push(topic, event)

    async def _order_event(self, report: Order) -> dict[str, Any] | None:
        symbol = await self._floor.symbol_of(report.request.instrument)
        return events.order_changed(report, symbol, self._notes.of(report), self._floor.now_ns)

    async def _fill_event(self, one: Fill, done: dict[Any, Any]) -> dict[str, Any]:
        quantity, cost = done.get(one.client_order_id, (ZERO, ZERO))
        done[one.client_order_id] = quantity + one.quantity, cost + one.quantity * one.price
        report = await self._floor.exchange.trading.fetch_order(one.instrument, one.client_order_id)
        symbol = await self._floor.symbol_of(one.instrument)
        notes = self._notes.of(report)
        return events.order_filled(one, report, done[one.client_order_id], symbol, notes, self._floor.now_ns)

    async def _positions(self, topic: str, wanted: str) -> None:
        held = {row["symbol"]: row for row in await self._account.positions({})}
        for symbol, row in held.items():
            if wanted in ("", symbol):
                self._push(topic, events.position(row, None, self._floor.now_ns))
        async with aclosing(self._floor.exchange.streams.watch_account()) as changes:
            async for change in changes:
                if not isinstance(change, Fill):
                    continue
                symbol = await self._floor.symbol_of(change.instrument)
                rows = {row["symbol"]: row for row in await self._account.positions({})}
                kind = "positionAdjusted" if symbol in held else "positionOpened"
                if symbol not in rows and symbol in held:
                    rows[symbol] = {**held[symbol], "netQuantity": "0"}
                    kind = "positionClosed"
                if symbol in rows and wanted in ("", symbol):
                    self._push(topic, events.position(rows[symbol], kind, self._floor.now_ns))
                held = {name: row for name, row in rows.items() if row["netQuantity"] != "0"}


def _cost(report: Order) -> Any:
    return report.filled_quantity * report.average_price if report.average_price is not None else ZERO
