"""What the public streams of a fake venue tell."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from types import MappingProxyType
from typing import Any, Final

from arb.api import Clock
from arb.model import SECOND_NS, Instrument, MarketStats, OrderBook

from . import _events as events
from ._books import BookTape
from ._floor import Floor

Push = Callable[[Any], None]
_DEPTHS: Final = ("depth5", "depth10", "depth20")
_PUBLIC: Final = frozenset({"depth", *_DEPTHS, "rpiDepth", "bookTicker", "trade"})


def is_public(name: str) -> bool:
    """Whether a stream belongs on the sockets of books; the others belong on those of the market."""
    return _kind(name)[1] in _PUBLIC


def _kind(name: str) -> tuple[str, str]:
    """Return symbol and kind of a stream."""
    if name.startswith("!"):
        return "", name[1:].partition("@")[0]
    symbol, _, rest = name.partition("@")
    return symbol, rest.partition("@")[0].partition("_")[0]


class PublicStreams:
    """Tells books, trades and prices."""

    def __init__(self, floor: Floor, tape: BookTape) -> None:
        self._floor = floor
        self._tape = tape
        self._kinds: Mapping[str, Callable[[Instrument, Push], Awaitable[None]]] = MappingProxyType(
            {
                "depth": self._depth,
                "bookTicker": self._book_ticker,
                "aggTrade": lambda instrument, push: self._trades(instrument, push, "aggTrade"),
                "trade": lambda instrument, push: self._trades(instrument, push, "trade"),
                "markPrice": self._marks,
                **{kind: self._partial(int(kind[5:])) for kind in _DEPTHS},
            }
        )

    @property
    def clock(self) -> Clock:
        """Return the venue's clock."""
        return self._floor.clock

    async def tell(self, name: str, push: Push) -> None:
        """Tell a stream for ever; one that there is none of is silent."""
        symbol, kind = _kind(name)
        if name.startswith("!markPrice@arr"):
            await self._all_marks(push)
            return
        listed = {each.lower(): found for each, found in (await self._floor.listed()).items()}
        if kind in self._kinds and symbol in listed:
            await self._kinds[kind](listed[symbol], push)

    async def _depth(self, instrument: Instrument, push: Push) -> None:
        await self._follow(instrument, lambda event, _: push(event))

    def _partial(self, depth: int) -> Callable[[Instrument, Push], Awaitable[None]]:
        async def tell(instrument: Instrument, push: Push) -> None:
            await self._follow(instrument, lambda event, book: push(events.partial_book(event, book, depth)))

        return tell

    async def _book_ticker(self, instrument: Instrument, push: Push) -> None:
        def changed(event: dict[str, Any], book: OrderBook) -> None:
            told = events.book_ticker(instrument.symbol, book, event["u"], self._floor.now_ns)
            if told is not None:
                push(told)

        await self._follow(instrument, changed)

    async def _follow(self, instrument: Instrument, follower: Callable[[dict[str, Any], OrderBook], None]) -> None:
        unfollow = self._tape.follow(instrument.symbol, follower)
        try:
            async with aclosing(self._floor.exchange.streams.watch_order_book(instrument.id)) as books:
                async for book in books:
                    self._tape.observe(instrument.symbol, book, self._floor.now_ns)
        finally:
            unfollow()

    async def _trades(self, instrument: Instrument, push: Push, kind: str) -> None:
        numbers: dict[str, Any] = self._floor.memory.setdefault("trades", {})
        async with aclosing(self._floor.exchange.streams.watch_trades(instrument.id)) as trades:
            async for one in trades:
                number = self._number(numbers, instrument.symbol, one)
                push(events.trade(instrument.symbol, one, number, self._floor.now_ns, kind))

    def _number(self, numbers: dict[str, Any], symbol: str, one: Any) -> int:
        """Return the number of a trade, the same on every socket."""
        known = numbers.setdefault(symbol, {"next": 1, "seen": {}})
        key = (one.ts_event_ns, one.side, one.price, one.quantity)
        if key not in known["seen"]:
            known["seen"][key] = known["next"]
            known["next"] += 1
        found: int = known["seen"][key]
        return found

    async def _marks(self, instrument: Instrument, push: Push) -> None:
        while True:
            for row in await self._mark_rows():
                if row["s"] == instrument.symbol:
                    push(row)
            await self._sleep(3 * SECOND_NS)

    async def _all_marks(self, push: Push) -> None:
        while True:
            push(await self._mark_rows())
            await self._sleep(SECOND_NS)

    async def _mark_rows(self) -> list[dict[str, Any]]:
        market = self._floor.exchange.market
        rates = {rate.instrument: rate for rate in await market.fetch_funding_rates()}
        by_id = {each.id: symbol for symbol, each in (await self._floor.listed()).items()}
        stats: list[MarketStats] = list(await market.fetch_stats())
        return [
            events.mark_price(by_id[row.instrument], row, rates.get(row.instrument), self._floor.now_ns)
            for row in stats
        ]

    async def _sleep(self, duration_ns: int) -> None:
        await self._floor.clock.sleep_until(self._floor.now_ns + duration_ns)
