"""The diff-depth rules: `U`, `u`, `pu`, the snapshot, the gap, and recorded days of books."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from arb.api import BadResponse, ExchangeError
from arb.model import MINUTE_NS, SECOND_NS, BookDelta, BookGap, BookLevel, InstrumentId, OrderBook
from arb.net import BookMessage, Connected, chained
from arb.testing import Bench
from arb_dialect_fapi import book_of, delta_of

NAME = InstrumentId("BTC-PERP.bn")
realdata = pytest.mark.realdata


def event(first: int, last: int, previous: int, bids: Any = (), asks: Any = ()) -> BookDelta:
    row = {"E": 1_700_000_000_000, "T": 1_700_000_000_000, "U": first, "u": last, "pu": previous, "b": bids, "a": asks}
    return delta_of(NAME, row, 0)


def snapshot_at(number: int, bids: Any = (("10", "1"),), asks: Any = (("11", "1"),)) -> OrderBook:
    return book_of(NAME, {"lastUpdateId": number, "E": 1_700_000_000_000, "bids": bids, "asks": asks}, 0)


@dataclass
class Mirror:
    """A book kept by plain dictionaries."""

    bids: dict[D, D] = field(default_factory=dict)
    asks: dict[D, D] = field(default_factory=dict)
    sequence: int = 0
    gaps: int = 0

    def take(self, update: OrderBook | BookDelta | BookGap) -> None:
        if isinstance(update, BookGap):
            self.gaps += 1
            return
        if isinstance(update, OrderBook):
            self.bids, self.asks = dict(update.bids), dict(update.asks)
        else:
            assert update.previous == self.sequence
            _apply(self.bids, update.bids)
            _apply(self.asks, update.asks)
        self.sequence = update.sequence

    def top(self) -> tuple[D, D, D, D]:
        bid, ask = max(self.bids), min(self.asks)
        return bid, self.bids[bid], ask, self.asks[ask]


def _apply(side: dict[D, D], levels: Iterable[BookLevel]) -> None:
    for price, size in levels:
        if size:
            side[price] = size
        else:
            side.pop(price, None)


def kept(
    messages: Iterable[BookMessage], snapshots: Iterable[OrderBook | ExchangeError]
) -> tuple[list[Any], list[str], int]:
    """Return what a chain yields of a script, at what it had to start again, and how many snapshots it asked for."""
    waiting, gaps, asked = iter(snapshots), list[str](), 0

    async def told() -> AsyncIterator[BookMessage]:
        for message in messages:
            yield message

    async def snapshot() -> OrderBook:
        nonlocal asked
        asked += 1
        found = next(waiting)
        if isinstance(found, ExchangeError):
            raise found
        return found

    async def resync(gap: str) -> None:
        gaps.append(gap)

    async def main() -> list[Any]:
        return [each async for each in chained(told(), snapshot=snapshot, resync=resync)]

    return asyncio.run(main()), gaps, asked


def test_events_before_the_snapshot_are_dropped_and_the_one_around_it_is_applied() -> None:
    script: list[BookMessage] = [Connected(), event(101, 110, 99), event(112, 120, 110), event(121, 130, 120)]
    updates, gaps, asked = kept(script, [snapshot_at(115)])
    assert [each.sequence for each in updates] == [115, 120, 130]
    assert (gaps, asked) == ([], 1)


def test_a_snapshot_that_is_too_old_is_asked_for_again() -> None:
    """The oldest event that was held begins after it: something between the two is missing."""
    script: list[BookMessage] = [Connected(), event(101, 110, 99), event(112, 120, 110)]
    updates, _, asked = kept(script, [snapshot_at(50), snapshot_at(110)])
    assert [each.sequence for each in updates] == [110, 120]
    assert asked == 2


def test_a_snapshot_between_two_events_joins() -> None:
    """On futures there are numbers between `pu` and `U` that belong to other books."""
    script: list[BookMessage] = [Connected(), event(112, 120, 110)]
    updates, _, asked = kept(script, [snapshot_at(111)])
    assert [each.sequence for each in updates] == [111, 120]
    assert asked == 1


def test_after_a_gap_the_book_is_lost_and_the_socket_is_kept() -> None:
    script: list[BookMessage] = [Connected(), event(101, 110, 99), event(125, 130, 121), event(131, 140, 130)]
    updates, gaps, asked = kept(script, [snapshot_at(105), snapshot_at(128)])
    assert [type(each) for each in updates] == [OrderBook, BookDelta, BookGap, OrderBook, BookDelta, BookDelta]
    assert [each.sequence for each in updates if not isinstance(each, BookGap)] == [105, 110, 128, 130, 140]
    assert len(gaps) == 1
    assert asked == 2


def test_u_says_nothing_about_the_event_before() -> None:
    """The spot rule (`U` = last `u` + 1) would break here at every event."""
    script: list[BookMessage] = [Connected(), *(event(100 * n + 40, 100 * n + 90, 100 * n - 10) for n in range(1, 50))]
    updates, gaps, _ = kept(script, [snapshot_at(100)])
    assert gaps == []
    assert len(updates) == 50


def test_sizes_are_absolute_and_an_unknown_level_may_go() -> None:
    mirror = Mirror()
    script: list[BookMessage] = [
        Connected(),
        event(101, 110, 99, bids=[["10", "5"], ["9", "0"]], asks=[["12", "3"]]),
        event(111, 120, 110, bids=[["10", "2"]], asks=[["11", "0"]]),
    ]
    for update in kept(script, [snapshot_at(100)])[0]:
        mirror.take(update)
    assert mirror.bids == {D(10): D(2)}
    assert mirror.asks == {D(12): D(3)}


def test_a_venue_that_gives_no_snapshot_gives_no_book() -> None:
    script: list[BookMessage] = [Connected(), event(101, 110, 99), event(111, 120, 110)]
    updates, _, asked = kept(script, [BadResponse("no"), BadResponse("no")])
    assert updates == []
    assert asked == 2


@pytest.mark.parametrize("bad", [(120, 110, 99), (101, 110, 105), (101, 110, 110)])
def test_numbers_that_cannot_be_are_no_event(bad: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="a change of a book"):
        event(*bad)


@pytest.mark.parametrize(
    "level",
    [
        ["0", "1"],
        ["-1", "1"],
        ["1", "-1"],
        ["1.2.3", "1"],
        ["", "1"],
        ["x", "1"],
        ["NaN", "1"],
        ["1", "Infinity"],
        ["1e99", "1"],
        ["1", "1", "1"],
        ["1"],
        [None, "1"],
        [True, "1"],
    ],
)
def test_a_level_that_cannot_be_is_no_event(level: list[Any]) -> None:
    """Beside one that can: levels in the usual form are looked at together."""
    for levels in ([level], [["10.00", "1.500"], level]):
        with pytest.raises((ValueError, TypeError, ArithmeticError)):
            event(101, 110, 99, bids=levels)


def test_levels_are_read_digit_by_digit_however_they_are_written() -> None:
    usual, other = [["61800.20", "2.909"], ["0.00000001", "0.000"]], [["6.18002E+4", 3], [1, "0E-3"]]
    assert [str(number) for level in event(101, 110, 99, bids=usual).bids for number in level] == [
        "61800.20",
        "2.909",
        "1E-8",
        "0.000",
    ]
    assert event(101, 110, 99, asks=other).asks == ((D("61800.2"), D(3)), (D(1), D(0)))
    assert event(101, 110, 99).bids == ()


def lines_of(path: Path, most: int | None = None) -> Iterator[tuple[str, Any]]:
    """Yield kind and content of the first lines of a recording of 2024: depth, snapshot, ticker (its text)."""
    with gzip.open(path, "rt") as lines:
        for line in itertools.islice(lines, most):
            text = line.partition(" ")[2]
            head = text[:48]
            if "@depth" in head:
                yield "depth", json.loads(text, parse_float=D)["data"]
            elif head.startswith('{"lastUpdateId"'):
                yield "snapshot", json.loads(text, parse_float=D)
            elif "@bookTicker" in head:
                yield "ticker", text


@realdata
@pytest.mark.parametrize(("symbol", "most"), [("btcusdt", None), ("ethusdt", 15_000)])
def test_a_recorded_stream_of_2024_08_08_becomes_the_venues_book(
    book_data: Path, symbol: str, most: int | None
) -> None:
    """Six minutes of one and one of the other: the tops are those that the venue told on another stream.

    books/hft-binance-l2: the snapshot's number lies inside an event that came before it. All of both is replayed by
    benchmarks/binance_replay.py.
    """
    rows = list(lines_of(book_data / f"hft-binance-l2/usdm_{symbol}_20240808.gz", most))
    (answer,) = (row for kind, row in rows if kind == "snapshot")
    tickers = [text for kind, text in rows if kind == "ticker"]
    numbers = [int(re.search(r'"u":(\d+)', text)[1]) for text in tickers]  # type: ignore[index]
    script: list[BookMessage] = [Connected(), *(delta_of(NAME, row, 0) for kind, row in rows if kind == "depth")]
    updates, gaps, asked = kept(script, [book_of(NAME, answer, 0)])
    assert (gaps, asked) == ([], 1)
    assert len(updates) > (6_500 if most is None else 1_200)
    mirror, place, compared = Mirror(), 0, 0
    for number, update in enumerate(updates):
        mirror.take(update)
        while place < len(numbers) and numbers[place] <= mirror.sequence:
            place += 1
        if place and number % 25 == 0:
            told = json.loads(tickers[place - 1])["data"]
            assert mirror.top() == tuple(D(told[name]) for name in ("b", "B", "a", "A"))
            compared += 1
    assert compared > 45
    assert mirror.gaps == 0


@realdata
def test_a_lost_event_of_a_recorded_stream_is_noticed_at_the_next_one(book_data: Path) -> None:
    rows = list(lines_of(book_data / "hft-binance-l2/usdm_btcusdt_20240808.gz", 6_000))
    (answer,) = (row for kind, row in rows if kind == "snapshot")
    events = [delta_of(NAME, row, 0) for kind, row in rows if kind == "depth"][:400]
    again = book_of(NAME, {**answer, "lastUpdateId": events[301].sequence}, 0)
    script: list[BookMessage] = [Connected(), *events[:300], *events[301:]]
    updates, gaps, _ = kept(script, [book_of(NAME, answer, 0), again])
    (place,) = (number for number, each in enumerate(updates) if isinstance(each, BookGap))
    assert updates[place - 1].sequence == events[299].sequence
    assert isinstance(updates[place + 1], OrderBook)
    assert len(gaps) == 1
    assert updates[-1].sequence == events[-1].sequence


@realdata
def test_recorded_streams_of_2021_join_their_snapshots(book_data: Path) -> None:
    """Five symbols at 100 ms with their REST snapshots: books/cf-ws-captures, April 2021."""
    snapshots: dict[str, OrderBook] = {}
    events: dict[str, list[BookMessage]] = {}
    with gzip.open(book_data / "cf-ws-captures/BINANCE_FUTURES-1125a2.0.gz", "rt") as lines:
        for line in lines:
            if (asked := re.match(r"https\S+/depth\?symbol=(\w+)&\S+ -> [\d.]+: (.*)", line)) is not None:
                snapshots[asked[1]] = book_of(NAME, json.loads(asked[2], parse_float=D), 0)
            elif '@depth@100ms","data"' in line[:80]:
                row = json.loads(line.partition(": ")[2], parse_float=D)["data"]
                events.setdefault(row["s"], [Connected()]).append(delta_of(NAME, row, 0))
    assert len(snapshots) == 5
    for symbol, script in events.items():
        updates, gaps, _ = kept(script, [snapshots[symbol]] * len(script))
        assert gaps == [], symbol
        mirror = Mirror()
        for update in updates:
            mirror.take(update)
        assert mirror.sequence == script[-1].sequence  # type: ignore[union-attr]
        bid, _, ask, _ = mirror.top()
        assert bid < ask, symbol


@realdata
def test_a_recording_without_a_snapshot_yields_nothing(book_data: Path) -> None:
    """2023-04-05: events alone are no book."""
    path = book_data / "hft-binance-l2/usdm_btcusdt_20230405_markprice.gz"
    events = [row for kind, row in lines_of(path, 2_000) if kind == "depth"][:200]
    assert len(events) == 200
    script: list[BookMessage] = [Connected(), *(delta_of(NAME, row, 0) for row in events)]
    updates, _, asked = kept(script, [BadResponse("none")] * 200)
    assert updates == []
    assert asked == 200


def test_a_gap_is_mended_on_the_same_socket(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        mirror, losing = Mirror(), [False]

        def tamper(message: str | bytes) -> list[str | bytes]:
            if losing[0] and "@depth@100ms" in str(message)[:60]:
                losing[0] = False
                return []
            return [message]

        desk.wire.tamper = tamper

        async def listen() -> None:
            async with aclosing(desk.streams.watch_order_book(desk.instrument.id)) as updates:
                async for update in updates:
                    mirror.take(update)

        listening = asyncio.create_task(listen())
        await desk.sleep(MINUTE_NS)
        assert mirror.gaps == 0
        losing[0] = True
        await desk.sleep(MINUTE_NS)
        assert mirror.gaps == 1
        assert len(desk.wire.sockets) == 1
        snapshots = [each for each in desk.wire.sent("GET", "/depth") if "limit=1000" in each.url]
        assert len(snapshots) == 2
        # What is read is an event of the stream too.
        true = await desk.exchange.market.fetch_bbo(desk.instrument.id)
        await desk.sleep(SECOND_NS // 100)
        assert mirror.top() == (true.bid, true.bid_size, true.ask, true.ask_size)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)

    bench(body)


def test_a_storm_of_snapshots_leaves_the_weight_of_orders(bench: Bench) -> None:
    """200 books that begin at once ask no more than their share: orders, reads and what mends a book go through."""

    async def body(desk: Any) -> None:
        market = desk.exchange.market
        began_ns = desk.clock.now_ns()
        storm = [asyncio.create_task(market.snapshot(desk.instrument.id, mends=False)) for _ in range(200)]
        await desk.sleep(5 * SECOND_NS)
        for _ in range(10):
            await market.snapshot(desk.instrument.id, mends=True)
        order = await desk.send(await desk.resting())
        await desk.trading.cancel_order(desk.instrument.id, order.request.client_order_id)
        assert await desk.trading.fetch_positions() == []
        assert desk.clock.now_ns() - began_ns < 6 * SECOND_NS
        await desk.sleep(MINUTE_NS - 6 * SECOND_NS)
        first_minute = len([each for each in desk.wire.sent("GET", "/depth") if "limit=1000" in each.url])
        assert 40 <= first_minute <= 51
        books = await asyncio.gather(*storm)
        assert len(books) == 200
        assert desk.clock.now_ns() - began_ns < 5 * MINUTE_NS

    bench(body)
