"""The fake venue's WebSockets: the public one with its channels, and the account's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, Final

from arb.api import ExchangeError
from arb.model import SECOND_NS, Fill, Instrument, Order, OrderBook
from arb.simulation import VenueSocket

from . import _shapes as shapes
from ._account import AccountCalls
from ._books import BookTape
from ._floor import Floor, OrderBookkeeping
from ._keys import ACCOUNT_ID
from ._orders import OrderCalls
from ._public import PublicCalls
from ._refusal import Refusal

_PING_NS: Final = 10 * SECOND_NS
_MOST_UNANSWERED: Final = 5
_HEARTBEAT_NS: Final = 5 * SECOND_NS
_PARTS: Final = 3


class Session:
    """One socket of one client: what both kinds have."""

    def __init__(self, floor: Floor, socket: VenueSocket) -> None:
        self._floor = floor
        self._socket = socket
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._unanswered = 0

    async def serve(self) -> None:
        """Serve until either side closes."""
        try:
            self.push({"sid": f"{self._floor.now_ns:x}", "type": "connected"})
            self._tasks[""] = asyncio.create_task(self._run(self._ping()))
            await self._begin()
            async for message in self._socket.received():
                await self._take(message)
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def push(self, message: Mapping[str, Any]) -> None:
        """Send a message."""
        self._socket.push(json.dumps(message))

    def error(self, code: str, text: str) -> None:
        """Send an error."""
        self.push({"type": "error", "content": {"code": code, "msg": text}})

    async def _begin(self) -> None:
        """Send what a new socket is sent at once."""

    async def _asked(self, kind: str, channel: str) -> None:
        self.error("GATEWAY_UNRECOGNIZED_MESSAGE", "unsupported private ws message")

    async def _take(self, message: str | bytes) -> None:
        try:
            body = json.loads(message)
            kind = str(body["type"])
        except (ValueError, KeyError, TypeError):
            self.error("GATEWAY_UNRECOGNIZED_MESSAGE", "no message")
            return
        if kind == "pong":
            self._unanswered = 0
        elif kind == "ping":
            self.push({"type": "pong", "time": body.get("time")})
        else:
            await self._asked(kind, str(body.get("channel", "")))

    async def _ping(self) -> None:
        while self._unanswered < _MOST_UNANSWERED:
            await self._sleep(_PING_NS)
            self._unanswered += 1
            self.push({"type": "ping", "time": str(self._floor.now_ms)})
        self._socket.close()

    async def _run(self, work: Awaitable[None]) -> None:
        try:
            await work
        except (ExchangeError, Refusal):
            self._socket.close()  # the line to the venue's books is lost: so is the client's

    async def _sleep(self, duration_ns: int) -> None:
        await self._floor.clock.sleep_until(self._floor.now_ns + duration_ns)


class PublicSession(Session):
    """A socket with channels."""

    def __init__(self, floor: Floor, tape: BookTape, public: PublicCalls, socket: VenueSocket) -> None:
        super().__init__(floor, socket)
        self._tape = tape
        self._public = public

    async def _asked(self, kind: str, channel: str) -> None:
        if kind == "unsubscribe":
            task = self._tasks.pop(channel, None)
            if task is not None:
                task.cancel()
            self.push({"type": "unsubscribed", "channel": channel})
            return
        work = await self._work(channel) if kind == "subscribe" else None
        if work is None:
            self.error("GATEWAY_PARAM_INVALID", "no channel of that name")
        elif channel not in self._tasks:
            self.push({"type": "subscribed", "channel": channel, "request": ""})
            self._tasks[channel] = asyncio.create_task(self._run(work()))

    async def _work(self, channel: str) -> Callable[[], Awaitable[None]] | None:
        listed, parts = await self._floor.listed(), channel.split(".")
        if channel == "ticker.all.1s":
            return lambda: self._tickers(channel, None)
        if channel == "bookTicker.all.1s":
            return lambda: self._touches(channel)
        if channel in ("metadata", "fundingRate.all"):
            return lambda: self._once(channel)
        if len(parts) < 2 or (parts[1] not in listed and parts[0] != "kline"):
            return None
        if parts[0] == "depth" and len(parts) == _PARTS and parts[2] in ("15", "200"):
            return lambda: self._depth(channel, listed[parts[1]], (parts[1], int(parts[2])))
        if parts[0] == "trades":
            return lambda: self._trades(channel, parts[1], listed[parts[1]])
        if parts[0] == "ticker":
            return lambda: self._tickers(channel, parts[1])
        if parts[0] == "fundingRate":
            return lambda: self._once(channel)
        return self._silence if parts[0] == "kline" else None

    def _tell(self, channel: str, kind: str, data: list[dict[str, Any]]) -> None:
        content = {"channel": channel, "dataType": kind, "data": data}
        self.push({"type": "quote-event", "channel": channel, "content": content})

    async def _depth(self, channel: str, instrument: Instrument, key: tuple[str, int]) -> None:
        book = await self._floor.exchange.market.fetch_order_book(instrument.id, key[1])
        version = self._tape.observe(key, instrument.symbol, book)
        self._tell(channel, "Snapshot", [shapes.depth(key[0], instrument.symbol, key[1], book, version)])

        def changed(row: dict[str, Any], book: OrderBook) -> None:
            self._tell(channel, "changed", [row])

        unfollow = self._tape.follow(key, changed)
        beating = asyncio.create_task(self._run(self._beat(channel, instrument, key)))
        try:
            async with aclosing(self._floor.exchange.streams.watch_order_book(instrument.id)) as books:
                async for book in books:
                    self._tape.observe(key, instrument.symbol, book)
        finally:
            unfollow()
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)

    async def _beat(self, channel: str, instrument: Instrument, key: tuple[str, int]) -> None:
        """Send a change without changes, as the venue does while nothing moves."""
        while True:
            await self._sleep(_HEARTBEAT_NS)
            book = await self._floor.exchange.market.fetch_order_book(instrument.id, key[1])
            version = str(self._tape.observe(key, instrument.symbol, book))
            row = shapes.depth(key[0], instrument.symbol, key[1], book, int(version))
            row |= {"startVersion": version, "endVersion": version, "asks": [], "bids": [], "depthType": "CHANGED"}
            self._tell(channel, "changed", [row])

    async def _trades(self, channel: str, number: str, instrument: Instrument) -> None:
        tickets: dict[str, int] = self._floor.memory.setdefault("trades", {})
        self._tell(channel, "Snapshot", [])
        async with aclosing(self._floor.exchange.streams.watch_trades(instrument.id)) as trades:
            async for one in trades:
                ticket = tickets[number] = tickets.get(number, 0) + 1
                self._tell(channel, "changed", [shapes.trade(number, one, ticket)])

    async def _tickers(self, channel: str, number: str | None) -> None:
        kind = "Snapshot"
        while True:
            rows = await self._public.tickers()
            self._tell(channel, kind, [row for row in rows if number in (None, row["contractId"])])
            kind = "changed"
            await self._sleep(SECOND_NS)

    async def _touches(self, channel: str) -> None:
        while True:
            rows = []
            for number, each in (await self._floor.listed()).items():
                bbo = await self._floor.exchange.market.fetch_bbo(each.id)
                rows.append(
                    {
                        "contractId": number,
                        "contractName": each.symbol,
                        "time": str(self._floor.now_ms),
                        "bestAskPrice": shapes.decimal(bbo.ask),
                        "bestAskSize": shapes.decimal(bbo.ask_size),
                        "bestBidPrice": shapes.decimal(bbo.bid),
                        "bestBidSize": shapes.decimal(bbo.bid_size),
                    }
                )
            self._tell(channel, "changed", rows)
            await self._sleep(SECOND_NS)

    async def _once(self, channel: str) -> None:
        kind, _, number = channel.partition(".")
        if kind == "metadata":
            meta = await self._public.meta({})
            self._tell(channel, "Snapshot", [{"coin": meta["coinList"], "contract": meta["contractList"]}])
            return
        wanted = ",".join(await self._floor.listed()) if number == "all" else number
        self._tell(channel, "Snapshot", await self._public.latest_funding({"contractId": wanted}))

    async def _silence(self) -> None:
        """Candles: the ground has none."""


class PrivateSession(Session):
    """The account's socket: nothing is subscribed, everything is told."""

    def __init__(
        self,
        floor: Floor,
        notes: OrderBookkeeping,
        account: AccountCalls,
        orders: OrderCalls,
        socket: VenueSocket,
        refusal: Refusal | None,
    ) -> None:
        super().__init__(floor, socket)
        self._notes = notes
        self._account = account
        self._orders = orders
        self._refusal = refusal
        self._version = 1_000

    async def serve(self) -> None:
        """Serve until either side closes; a client that is refused hears why."""
        if self._refusal is not None:
            self.error(self._refusal.code, str(dict(self._refusal.param)))
            self._socket.close()
            return
        await super().serve()

    async def _begin(self) -> None:
        trading = self._floor.exchange.trading
        told = list(await trading.fetch_open_orders())
        asset = await self._account.asset({})
        groups = {
            "account": [asset["account"]],
            "collateral": asset["collateralList"],
            "position": asset["positionList"],
            "order": [await self._orders.row(each) for each in told],
        }
        self._event("Snapshot", groups)
        self._tasks["account"] = asyncio.create_task(self._run(self._changes(told)))

    async def _changes(self, told: list[Order]) -> None:
        async with aclosing(self._floor.exchange.streams.watch_account()) as changes:
            async for change in changes:
                if change in told:
                    told.remove(change)  # what rested before is no change
                elif isinstance(change, Order):
                    self._event("ORDER_UPDATE", {"order": [await self._order(change)]})
                elif isinstance(change, Fill):
                    report = await self._floor.exchange.trading.fetch_order(change.instrument, change.client_order_id)
                    number = await self._floor.number_of(change.instrument)
                    groups = {
                        "order": [await self._order(report)],
                        "orderFillTransaction": [shapes.fill(change, number)],
                        "position": (await self._account.positions({"contractIdList": number})),
                    }
                    self._event("ORDER_UPDATE", groups)
                else:
                    number = await self._floor.number_of(change.instrument)
                    id_ = shapes.payment_id(change, number)
                    row = shapes.collateral(id_, "POSITION_FUNDING", change.amount, change.settled_ns, change, number)
                    self._event("FUNDING_SETTLEMENT", {"collateralTransaction": [row]})

    async def _order(self, report: Order) -> dict[str, Any]:
        number = await self._floor.number_of(report.request.instrument)
        return shapes.order(report, number, self._notes.of(report))

    def _event(self, event: str, groups: Mapping[str, Any]) -> None:
        content = {
            "event": event,
            "version": str(self._version),
            "time": str(self._floor.now_ms),
            "accountId": ACCOUNT_ID,
            "data": groups,
        }
        self._version += 1
        self.push({"type": "trade-event", "content": content})
