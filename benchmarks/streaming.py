"""The books of many instruments streamed from every imitated venue at once, each served in a process of its own.

    python benchmarks/streaming.py [--venue NAME]... [--symbols N] [--begin S] [--seconds S] [--lose N] [--json]

The plugins run over sockets, as live. Their books go into the price provider as in a run; one message of the venues'
in `--lose` is lost on its way. Measured are the CPU time of this process, by how much its loop comes late, its memory,
and of each gap that a stream tells the time until the next snapshot. It is measured once every book is streamed, for
which the venues' limits of messages take a minute and more. Meanwhile the prices of all instruments are
read, without asking a venue: none may be served between a gap and the snapshot that mends it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import resource
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from arb.api import (
    CachedBook,
    CacheTier,
    ConnectFailed,
    Exchange,
    ExchangeSpec,
    RateLimited,
    WebSocket,
    WebSocketTransport,
)
from arb.kernel import Family, load_spec
from arb.marketdata import PriceProvider
from arb.model import (
    MILLISECOND_NS,
    SECOND_NS,
    BookGap,
    BookUpdate,
    ExchangeName,
    Fresh,
    Instrument,
    InstrumentId,
    OrderBook,
    exchange_of,
)
from arb.net import open_transports
from arb.runtime import WallClock
from arb.runtime._book_feed import BookFeed
from arb.testing import FakeContext

if TYPE_CHECKING:
    from benchmarks.orders import served
else:
    from orders import served

VENUES: Final = ("aster", "backpack", "binance", "edgex", "grvt", "hyperliquid", "lighter", "paradex")
_TICK_NS: Final = 10 * MILLISECOND_NS
_AGE_NS: Final = 60 * SECOND_NS
"""So old that age hides no book that should not be served."""


@dataclass(slots=True)
class Watched:
    """What was seen of gaps.

    Attributes:
        lost: Instruments whose stream said that the book is lost, and when.
        mended_ns: From a gap to the next snapshot, of each venue; of gaps since `begun_ns`.
        served: Prices that were served in between.
        late_ns: By how much the loop came late.
    """

    lost: dict[InstrumentId, int] = field(default_factory=dict)
    mended_ns: dict[ExchangeName, list[int]] = field(default_factory=dict)
    begun_ns: int = 0
    served: int = 0
    messages: int = 0
    dropped: int = 0
    late_ns: list[int] = field(default_factory=list)

    def mended(self, exchange: ExchangeName, lost_ns: int) -> None:
        """Note that a book is whole again; a gap of the beginning waited for what everybody wanted then."""
        if lost_ns >= self.begun_ns > 0:
            self.mended_ns.setdefault(exchange, []).append(time.perf_counter_ns() - lost_ns)


class LosingSocket:
    """Loses one message in so many."""

    def __init__(self, inner: WebSocket, watched: Watched, one_in: int) -> None:
        self._inner = inner
        self._watched = watched
        self._one_in = one_in

    async def send(self, message: str | bytes) -> None:
        """Send."""
        await self._inner.send(message)

    async def messages(self) -> AsyncIterator[str | bytes]:
        """Yield what comes, but for what is lost."""
        async for message in self._inner.messages():
            self._watched.messages += 1
            if self._one_in and self._watched.messages % self._one_in == 0:
                self._watched.dropped += 1
                continue
            yield message


class LosingTransport:
    """Opens such sockets."""

    def __init__(self, inner: WebSocketTransport, watched: Watched, one_in: int) -> None:
        self._inner = inner
        self._watched = watched
        self._one_in = one_in

    @asynccontextmanager
    async def connect(self, *args: Any, **named: Any) -> AsyncIterator[WebSocket]:
        """Open one."""
        async with self._inner.connect(*args, **named) as socket:
            yield LosingSocket(socket, self._watched, self._one_in)


class WatchedStreams:
    """Streams of one exchange; notes when a book is lost and when it is whole again."""

    def __init__(self, exchange: Exchange, watched: Watched) -> None:
        assert exchange.streams is not None
        self._inner = exchange.streams
        self._watched = watched
        self.watch_trades = self._inner.watch_trades
        self.watch_account = self._inner.watch_account

    async def watch_order_book(self, instrument: InstrumentId) -> AsyncIterator[BookUpdate]:
        """Yield what the plugin yields."""
        lost = self._watched.lost
        updates = cast("Any", self._inner.watch_order_book(instrument))
        async with aclosing(updates):
            async for update in updates:
                if isinstance(update, BookGap):
                    lost[instrument] = time.perf_counter_ns()
                elif isinstance(update, OrderBook) and instrument in lost:
                    self._watched.mended(exchange_of(instrument), lost.pop(instrument))
                yield update


class WatchedExchange:
    """The exchange, its streams watched."""

    def __init__(self, inner: Exchange, watched: Watched) -> None:
        self.name, self.capabilities, self.traits = inner.name, inner.capabilities, inner.traits
        self.market, self.trading = inner.market, inner.trading
        self.streams = WatchedStreams(inner, watched)


class Shelf:
    """A tier in this process that keeps everything."""

    def __init__(self) -> None:
        self._books: dict[InstrumentId, CachedBook] = {}

    def peek(self, instrument: InstrumentId) -> CachedBook | None:
        """Return what it has."""
        return self._books.get(instrument)

    async def get(self, instruments: Sequence[InstrumentId]) -> Mapping[InstrumentId, CachedBook]:
        """Return what it has of several."""
        return {name: self._books[name] for name in instruments if name in self._books}

    async def put(self, books: Mapping[InstrumentId, CachedBook]) -> None:
        """Keep books."""
        self._books.update(books)

    async def drop(self, instruments: Sequence[InstrumentId]) -> None:
        """Keep them no longer."""
        for name in instruments:
            self._books.pop(name, None)


class Nothing:
    """A source that never answers, so that whatever is served came by a stream."""

    async def fetch_order_book(self, exchange: Exchange, instrument: InstrumentId, depth: int) -> OrderBook:
        """Fail."""
        raise ConnectFailed("nobody is asked", exchange=exchange.name)


async def opened(stack: AsyncExitStack, venue: str, symbols: int, watched: Watched, lose: int) -> WatchedExchange:
    """Serve a venue and open its plugin."""
    fake = stack.enter_context(served(venue, ",".join(f"SOL{number}" for number in range(1, symbols + 1))))
    http, websocket = await stack.enter_async_context(open_transports())
    spec = load_spec(Family.EXCHANGES, venue)
    assert isinstance(spec, ExchangeSpec)
    assert spec.fake is not None
    context = FakeContext(venue, clock=WallClock(), http=http, websocket=LosingTransport(websocket, watched, lose))
    settings = spec.settings.model_validate(spec.fake.settings(fake["address"]))
    return WatchedExchange(await stack.enter_async_context(spec.open(settings, context)), watched)


async def measure(venues: Sequence[str], symbols: int, patience: float, seconds: float, lose: int) -> dict[str, Any]:
    """Return what was found."""
    watched, clock = Watched(), WallClock()
    async with AsyncExitStack() as stack:
        made = [await opened(stack, venue, symbols, watched, lose) for venue in venues]
        exchanges: dict[ExchangeName, Exchange] = {each.name: each for each in made}
        feed = BookFeed(exchanges, clock)
        tiers: dict[str, CacheTier] = {"here": Shelf()}
        prices = PriceProvider(clock, exchanges, tiers, {"none": Nothing()}, on_fetch=feed.want)
        stack.push_async_callback(prices.close)
        instruments = [one.id for each in made for one in await _listed(each, clock)]
        running = asyncio.create_task(feed.run(prices))
        stack.push_async_callback(_stopped, running)
        missing = await _begin(prices, instruments, patience, clock)
        watched.begun_ns, counts = time.perf_counter_ns(), replace(feed.counts)
        messages, dropped = watched.messages, watched.dropped
        cpu, began, memory = time.process_time(), time.monotonic(), _memory_mb()
        while time.monotonic() < began + seconds:
            before = time.perf_counter_ns()
            await clock.sleep_until(clock.now_ns() + _TICK_NS)
            watched.late_ns.append(time.perf_counter_ns() - before - _TICK_NS)
            for instrument in list(watched.lost):
                found = await prices.read_bbo(instrument, _AGE_NS)
                watched.served += isinstance(found, Fresh) and instrument in watched.lost
        took = time.monotonic() - began
        mended = [each for rows in watched.mended_ns.values() for each in rows]
        return {
            "venues": list(venues),
            "instruments": len(instruments),
            "streamed": len(instruments) - len(missing),
            "not_streamed": dict(Counter(exchange_of(each) for each in missing)),
            "seconds": round(took, 1),
            "cpu_share": round((time.process_time() - cpu) / took, 3),
            "messages_a_second": round((watched.messages - messages) / took),
            "snapshots": feed.counts.snapshots - counts.snapshots,
            "changes": feed.counts.deltas - counts.deltas,
            "late": feed.counts.late - counts.late,
            "wrong": feed.counts.wrong - counts.wrong,
            "broken": feed.counts.broken - counts.broken,
            "messages_lost": watched.dropped - dropped,
            "gaps": feed.counts.gaps - counts.gaps,
            "not_yet_mended": len(watched.lost),
            "mended": len(mended),
            "mended_ms_p50": _ms(mended, 50),
            "mended_ms_p99": _ms(mended, 99),
            "mended_ms_longest": {name: _ms(rows, 100) for name, rows in sorted(watched.mended_ns.items())},
            "served_in_a_gap": watched.served,
            "loop_late_ms_p99": _ms(watched.late_ns, 99),
            "memory_mb": [round(memory), round(_memory_mb())],
        }


async def _listed(exchange: WatchedExchange, clock: WallClock) -> Sequence[Instrument]:
    """Return what is listed, however long the plugin's own budget keeps us waiting."""
    while True:
        try:
            return await exchange.market.fetch_instruments()
        except RateLimited:
            await clock.sleep_until(clock.now_ns() + 5 * SECOND_NS)


async def _begin(
    prices: PriceProvider, instruments: Sequence[InstrumentId], seconds: float, clock: WallClock
) -> Sequence[InstrumentId]:
    """Ask for every price, so that its book is streamed; return those that did not come within `seconds`."""
    until, missing = time.monotonic() + seconds, list(instruments)
    while missing and time.monotonic() < until:
        found = [(each, await prices.read_bbo(each, _AGE_NS)) for each in missing]
        missing = [each for each, got in found if not isinstance(got, Fresh)]
        await clock.sleep_until(clock.now_ns() + 20 * _TICK_NS)
    return missing


async def _stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _memory_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def _ms(values: Sequence[int], percent: int) -> float | None:
    """Return a percentile by nearest rank in milliseconds; None of nothing."""
    rows = sorted(values)
    return round(rows[(len(rows) * percent + 99) // 100 - 1] / 1e6, 2) if rows else None


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venue", action="append", choices=VENUES, help="all of them when left out")
    parser.add_argument("--symbols", type=int, default=200, help="of each venue (200)")
    parser.add_argument("--begin", type=float, default=240, help="seconds to wait for every book (240)")
    parser.add_argument("--seconds", type=float, default=60, help="to measure after that (60)")
    parser.add_argument("--lose", type=int, default=2_000, help="one message in so many; 0 for none (2000)")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    logging.getLogger("arb").setLevel(logging.ERROR)  # every gap is a warning, and here each is wanted
    found = asyncio.run(measure(given.venue or VENUES, given.symbols, given.begin, given.seconds, given.lose))
    if given.json:
        print(json.dumps(found, indent=2))
        return
    for name, value in found.items():
        print(f"{name.replace('_', ' '):22} {value}")


if __name__ == "__main__":
    main()
