"""The venue's side of one socket: subscriptions, transactions, and a heartbeat."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

from arb.api import ExchangeError
from arb.model import MILLISECOND_NS, MINUTE_NS, SECOND_NS, Fill, FundingPayment, Order, OrderBook
from arb.simulation import VenueSocket, changed_levels

from ._account_rows import by_market, payment_row
from ._desk import VenueDesk
from ._engine import Engine
from ._keys import ACCOUNT_INDEX
from ._refusals import Refused
from ._rows import Row, levels, plain, public_trade

Work = Callable[[], Awaitable[None]]

_BLOCK_NS: Final = 2 * SECOND_NS
_PING_NS: Final = MINUTE_NS
_STATS_NS: Final = 2 * SECOND_NS
_MOST_SILENT_NS: Final = 2 * MINUTE_NS
_PRIVATE: Final = frozenset(
    {
        "account_all",
        "account_all_orders",
        "account_orders",
        "account_all_trades",
        "account_all_positions",
        "account_all_assets",
        "user_stats",
        "notification",
        "account_tx",
    }
)
_OPEN: Final = frozenset({"account_all", "user_stats"})
"""Channels of an account that whoever knows its number may hear: a token that comes with them must be valid all the
same."""

_INVALID: Final = 30005
_SUBSCRIBED: Final = 30003


class Session:
    """One socket."""

    def __init__(self, socket: VenueSocket, desk: VenueDesk, engine: Engine) -> None:
        self._socket = socket
        self._desk = desk
        self._engine = engine
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._account: set[str] = set()
        self._heard_ns = desk.now_ns

    async def serve(self) -> None:
        """Serve it until the client leaves or is silent for too long."""
        self._push({"session_id": "00000000-0000-4000-8000-000000000000", "type": "connected"})
        self._desk.heard_refused.append(self._tell_refused)
        try:
            self._start("", self._beat)
            async for message in self._socket.received():
                self._heard_ns = self._desk.now_ns
                await self._take(message)
        finally:
            self._desk.heard_refused.remove(self._tell_refused)
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _take(self, message: str | bytes) -> None:
        try:
            body = json.loads(message)
            kind = body["type"]
        except (ValueError, TypeError, KeyError):
            self._refuse(30001, "Invalid Message")
            return
        if kind == "ping":
            self._push({"type": "pong"})
        elif kind == "subscribe":
            await self._subscribe(str(body.get("channel", "")), str(body.get("auth", "")))
        elif kind == "unsubscribe":
            self._unsubscribe(str(body.get("channel", "")))
        elif kind == "jsonapi/sendtx":
            await self._transaction(body.get("data") or {})

    async def _transaction(self, data: Row) -> None:
        answer: Row = {"id": data.get("id"), "type": "jsonapi/sendtx"}
        try:
            answer |= {"code": 200, **await self._engine.take(data.get("tx_type"), json.dumps(data.get("tx_info")))}
        except Refused as error:
            answer |= {"code": error.code, "error": {"code": error.code, "message": str(error)}}
        except ExchangeError:
            self._socket.close()
            return
        self._push(answer)

    async def _subscribe(self, channel: str, token: str) -> None:
        if channel in self._tasks or channel in self._account:
            self._refuse(_SUBSCRIBED, f"Already Subscribed to : {channel.replace('/', ':')}")
            return
        name, _, rest = channel.partition("/")
        makers: dict[str, Callable[[str], Awaitable[None]]] = {
            "order_book": self._book,
            "ticker": self._ticker,
            "trade": self._trades,
            "market_stats": self._stats,
        }
        if name in _PRIVATE:
            await self._subscribe_account(channel, name, rest, token)
        elif name == "height" and not rest:
            self._start(channel, self._heights)
        elif name in makers and (rest == "all" or await self._is_market(rest)):
            self._start(channel, partial(makers[name], rest))
        else:
            self._refuse(_INVALID, "Invalid Channel")

    async def _subscribe_account(self, channel: str, name: str, rest: str, token: str) -> None:
        try:
            if token or name not in _OPEN:
                self._desk.check_token(token)
        except Refused as error:
            self._refuse(error.code, str(error))
            return
        if rest.rpartition("/")[2] != str(ACCOUNT_INDEX):
            self._refuse(_INVALID, "Invalid Channel")
            return
        if not self._account:
            self._start("account", self._follow)
        self._account.add(channel)
        await self._guarded(partial(self._snapshot, channel, name))

    def _unsubscribe(self, channel: str) -> None:
        task = self._tasks.pop(channel, None)
        if task is not None:
            task.cancel()
        self._account.discard(channel)
        self._push({"type": "unsubscribed", "channel": channel.replace("/", ":")})

    async def _snapshot(self, channel: str, name: str, kind: str = "subscribed") -> None:
        """Tell what the account has now."""
        desk = self._desk
        content: Row = {}
        if name in ("account_all_orders", "account_orders"):
            content = {"orders": by_market(await desk.open_rows(), "market_index")}
        elif name == "account_all_trades":
            content = {"trades": by_market(await self._recent_trades())}
        elif name == "account_all":
            payments = (await desk.payment_rows(max(0, desk.now_ns - 24 * 60 * MINUTE_NS)))[:100]
            content = {
                "account": ACCOUNT_INDEX,
                "positions": {str(row["market_id"]): row for row in await desk.position_rows()},
                "trades": by_market(await self._recent_trades()),
                "funding_histories": by_market(payments),
            }
        elif name == "account_all_positions":
            content = {"positions": {str(row["market_id"]): row for row in await desk.position_rows()}}
        elif name == "account_all_assets":
            content = {"assets": {"3": (await desk.account())["assets"][0]}}
        elif name == "user_stats":
            account = await desk.account()
            names = ("collateral", "available_balance")
            stats = {"portfolio_value": account["total_asset_value"], **{each: account[each] for each in names}}
            content = {"stats": {**stats, "leverage": "0.00", "margin_usage": "0.00", "buying_power": "0"}}
        self._send(channel, kind, content)

    async def _recent_trades(self) -> list[Row]:
        fills = await self._desk.exchange.trading.fetch_fills(0)
        return (await self._desk.trade_rows(list(fills)[-50:]))[::-1]

    async def _follow(self) -> None:
        """Tell changes of the account on whichever channels are subscribed."""
        await self._desk.markets()
        async for record in self._desk.exchange.streams.watch_account():
            if isinstance(record, Order):
                self._tell_orders(await self._desk.order_rows([record]))
            elif isinstance(record, Fill):
                await self._tell_fill(record)
            elif isinstance(record, FundingPayment):
                row = payment_row(record, self._desk.number(record.instrument))
                content = {"positions": {}, "trades": {}, "funding_histories": by_market([row])}
                self._tell("account_all", {"account": ACCOUNT_INDEX, **content})

    async def _tell_fill(self, fill: Fill) -> None:
        rows = by_market(await self._desk.trade_rows([fill]))
        self._tell("account_all_trades", {"trades": rows})
        if any(each.startswith(("account_all_positions", "account_all/")) for each in self._account):
            held = {str(row["market_id"]): row for row in await self._desk.position_rows()}
            self._tell("account_all_positions", {"positions": held})
            changed = {number: held[number] for number in rows}
            content = {"positions": changed, "trades": rows, "funding_histories": {}}
            self._tell("account_all", {"account": ACCOUNT_INDEX, **content})
        for name in ("account_all_assets", "user_stats"):
            if (channel := f"{name}/{ACCOUNT_INDEX}") in self._account:
                await self._snapshot(channel, name, "update")

    def _tell_refused(self, row: Row) -> None:
        self._tell_orders([row])

    def _tell_orders(self, rows: Sequence[Row]) -> None:
        self._tell("account_all_orders", {"orders": by_market(rows, "market_index")})
        for row in rows:
            channel = f"account_orders/{row['market_index']}/{ACCOUNT_INDEX}"
            if channel in self._account:
                self._send(channel, "update", {"orders": by_market([row], "market_index")})

    def _tell(self, name: str, content: Row) -> None:
        channel = f"{name}/{ACCOUNT_INDEX}"
        if channel in self._account:
            self._send(channel, "update", content)

    async def _book(self, market_id: str) -> None:
        """Tell the book, then each change with the nonce that it continues."""
        instrument = await self._desk.market(market_id)
        number, memory = int(market_id), self._desk.memory
        shown: OrderBook | None = None
        nonce = 0
        async for book in self._desk.exchange.streams.watch_order_book(instrument.id):
            begin, nonce = nonce, memory.book_nonce(number, advance=shown is not None)
            bids = book.bids if shown is None else changed_levels(shown.bids, book.bids)
            asks = book.asks if shown is None else changed_levels(shown.asks, book.asks)
            body = {
                "code": 0,
                "asks": levels(asks, instrument),
                "bids": levels(bids, instrument),
                "offset": nonce % 1_000_000,
                "nonce": nonce,
                "last_updated_at": book.ts_event_ns // 1_000,
                "begin_nonce": begin,
            }
            kind = "subscribed" if shown is None else "update"
            self._send(f"order_book/{market_id}", kind, {"offset": body["offset"], "order_book": body})
            shown = book

    async def _ticker(self, market_id: str) -> None:
        instrument = await self._desk.market(market_id)
        kind = "subscribed"
        async for book in self._desk.exchange.streams.watch_order_book(instrument.id):
            bbo = book.bbo()
            if bbo is None:
                continue
            ticker = {
                "s": instrument.base,
                "a": {"price": plain(bbo.ask), "size": plain(bbo.ask_size)},
                "b": {"price": plain(bbo.bid), "size": plain(bbo.bid_size)},
                "last_updated_at": book.ts_event_ns // 1_000,
            }
            self._send(f"ticker/{market_id}", kind, {"nonce": book.sequence, "ticker": ticker})
            kind = "update"

    async def _trades(self, market_id: str) -> None:
        instrument = await self._desk.market(market_id)
        told = self._desk.memory.trades_of(int(market_id))
        channel = f"trade/{market_id}"
        self._send(channel, "subscribed", {"trades": list(reversed(told))[:50], "liquidation_trades": []})
        async for trade in self._desk.exchange.streams.watch_trades(instrument.id):
            row = public_trade(trade, int(market_id), self._desk.memory.number())
            told.append(row)
            self._send(channel, "update", {"trades": [row], "liquidation_trades": None, "nonce": row["trade_id"]})

    async def _stats(self, which: str) -> None:
        kind = "subscribed"
        while True:
            rows = await self._desk.stats_rows()
            content = rows if which == "all" else rows[which]
            self._send(f"market_stats/{which}", kind, {"market_stats": content})
            kind = "update"
            await self._desk.ground.clock.sleep_until(self._desk.now_ns + _STATS_NS)

    async def _heights(self) -> None:
        kind = "subscribed"
        while True:
            self._send("height", kind, {"height": self._desk.now_ns // _BLOCK_NS})
            kind = "update"
            await self._desk.ground.clock.sleep_until(self._desk.now_ns + _BLOCK_NS)

    async def _beat(self) -> None:
        clock = self._desk.ground.clock
        while self._desk.now_ns - self._heard_ns < _MOST_SILENT_NS:
            await clock.sleep_until(self._desk.now_ns + _PING_NS)
            self._push({"type": "ping"})
        self._socket.close()

    async def _is_market(self, text: str) -> bool:
        return text.isdigit() and int(text) in await self._desk.markets()

    def _start(self, name: str, work: Work) -> None:
        self._tasks[name] = asyncio.create_task(self._guarded(work))

    async def _guarded(self, work: Work) -> None:
        """Do some work; what the ground lets fail ends the socket."""
        try:
            await work()
        except (ExchangeError, Refused):
            self._socket.close()

    def _send(self, channel: str, kind: str, content: Row) -> None:
        name = channel.partition("/")[0]
        stamp = self._desk.now_ns // MILLISECOND_NS
        answered = channel.replace("/", ":")
        self._push({"channel": answered, **content, "timestamp": stamp, "type": f"{kind}/{name}"})

    def _refuse(self, code: int, message: str) -> None:
        self._push({"error": {"code": code, "message": message}})

    def _push(self, body: Row) -> None:
        self._socket.push(json.dumps(body))
