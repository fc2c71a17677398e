"""Streams over the fake: numbers of books, gaps, second readers, heartbeats, what an account's stream missed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from arb.model import (
    MINUTE_NS,
    SECOND_NS,
    BookDelta,
    BookGap,
    Fill,
    InstrumentId,
    Order,
    OrderBook,
    OrderStatus,
    Trade,
)
from arb.net import Connected, chained
from arb.simulation import VirtualClock, run_virtual
from arb.testing import START_NS, Bench, BenchDesk, FakeContext, Listener, WireSocket
from arb_exchange_grvt._hub import Heard, Subscribed, Told, Topic
from arb_exchange_grvt._sequence import BookNumbers

DEPTH = 500
BTC = InstrumentId("BTC-PERP.grvt")
TOPIC = Topic("v1.book.d", "BTC_USDT_Perp@50")


def books(desk: BenchDesk) -> Listener[Any]:
    return Listener(desk.streams.watch_order_book(desk.instrument.id))


def private(desk: BenchDesk) -> list[WireSocket]:
    return [each for each in desk.wire.sockets if "Cookie" in each.headers]


def test_a_book_begins_with_the_streams_snapshot(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        listener = books(desk)
        await desk.sleep(20 * SECOND_NS)
        await desk.check_book(listener, DEPTH)
        assert isinstance(listener.heard[0], OrderBook)
        assert listener.heard[0].sequence > 0  # the number of the answer to the subscription, not the snapshot's 0
        assert sum(isinstance(each, BookDelta) for each in listener.heard) > 5
        assert not desk.wire.sent("POST", "/book")
        asked = [json.loads(each) for each in desk.wire.sockets[0].sent]
        assert asked[0]["params"] == {"stream": "v1.book.d", "selectors": ["BTC_USDT_Perp@50"]}
        assert {each["jsonrpc"] for each in asked} == {"2.0"}
        await listener.stop()

    bench(body)


def test_a_lost_change_is_found_by_its_numbers_and_mended_by_a_new_subscription(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        listener, lost = books(desk), [1]
        await desk.sleep(10 * SECOND_NS)

        def lose(message: str | bytes) -> list[str | bytes]:
            if lost and '"v1.book.d"' in str(message) and '"sequence_number": "0"' not in str(message):
                lost.pop()
                return []
            return [message]

        desk.wire.tamper = lose
        await desk.sleep(20 * SECOND_NS)
        await desk.check_book(listener, DEPTH)
        gaps = [each for each in listener.heard if isinstance(each, BookGap)]
        assert len(gaps) == 1
        assert len(desk.wire.sockets) == 1  # the same socket, asked anew
        methods = [json.loads(each)["method"] for each in desk.wire.sockets[0].sent]
        assert methods.count("unsubscribe") == 1
        assert methods[methods.index("unsubscribe") + 1] == "subscribe"
        await listener.stop()

    bench(body)


def test_a_second_reader_begins_with_a_snapshot_of_its_own(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        first = books(desk)
        await desk.sleep(10 * SECOND_NS)
        second = books(desk)
        await desk.sleep(10 * SECOND_NS)
        assert isinstance(second.heard[0], OrderBook)
        await desk.check_book(first, DEPTH)
        await desk.check_book(second, DEPTH)
        await first.stop()
        await desk.sleep(5 * SECOND_NS)
        await desk.check_book(second, DEPTH)
        assert len(desk.wire.sockets) == 1
        await second.stop()

    bench(body)


def test_a_change_that_cannot_be_read_is_a_gap(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        listener, bad = books(desk), [1]
        await desk.sleep(10 * SECOND_NS)

        def spoil(message: str | bytes) -> list[str | bytes]:
            told = json.loads(message)
            if bad and told.get("stream") == "v1.book.d" and told["sequence_number"] != "0":
                bad.pop()
                told["feed"]["bids"] = [{"price": "0", "size": "-1"}]
                return [json.dumps(told)]
            return [message]

        desk.wire.tamper = spoil
        await desk.sleep(20 * SECOND_NS)
        await desk.check_book(listener, DEPTH)
        assert [each for each in listener.heard if isinstance(each, BookGap)]
        await listener.stop()

    bench(body)


def test_a_subscription_that_is_refused_is_tried_again(bench: Bench, caplog: Any) -> None:
    async def body(desk: BenchDesk) -> None:
        refused = [1]

        def refuse(message: str | bytes) -> list[str | bytes]:
            told = json.loads(message)
            if refused and told.get("method") == "subscribe":
                refused.pop()
                error = {"jsonrpc": "2.0", "error": {"code": 1006, "message": "limit"}, "id": told["id"]}
                return [json.dumps({**error, "method": "subscribe"})]
            return [message] if not refused else []

        desk.wire.tamper = refuse
        listener = books(desk)
        await desk.sleep(20 * SECOND_NS)
        # The first subscription went through at the fake, and was refused for the client: the later one brings a book.
        await desk.check_book(listener, DEPTH)
        await listener.stop()

    bench(body)
    assert "refuses" in caplog.text


def test_quiet_sockets_are_kept_by_questions_and_dead_ones_given_up(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        trades = Listener(desk.streams.watch_account())
        await desk.sleep(5 * MINUTE_NS)
        assert len(private(desk)) == 1  # a quiet account is no dead socket
        pings = [json.loads(each) for each in desk.wire.sockets[-1].sent if json.loads(each)["id"] == 0]
        assert len(pings) >= 15
        assert {each["params"]["stream"] for each in pings} == {"v1.cancel"}
        desk.wire.tamper = lambda message: []
        await desk.sleep(2 * MINUTE_NS)
        assert len(private(desk)) > 1
        await trades.stop()

    bench(body)


def test_trades_of_before_are_not_told(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        old = {
            "stream": "v1.trade",
            "selector": "BTC_USDT_Perp@50",
            "sequence_number": "0",
            "prev_sequence_number": "0",
            "feed": {
                "event_time": "1",
                "instrument": "BTC_USDT_Perp",
                "is_taker_buyer": True,
                "size": "9",
                "price": "9",
            },
        }
        first = [1]

        def snapshot(message: str | bytes) -> list[str | bytes]:
            if first and "v1.trade" in str(message):
                first.pop()
                return [message, json.dumps(old)]
            return [message, message]  # each twice

        desk.wire.tamper = snapshot
        listener = Listener(desk.streams.watch_trades(desk.instrument.id))
        await desk.sleep(3 * MINUTE_NS)
        assert listener.heard
        assert all(isinstance(each, Trade) and each.price > 9 for each in listener.heard)
        marks = [(each.ts_event_ns, each.price, each.quantity, each.side) for each in listener.heard]
        assert len(set(marks)) == len(marks)
        await listener.stop()

    bench(body)


def test_the_account_tells_orders_and_fills_once(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        listener = Listener(desk.streams.watch_account())
        await desk.sleep(5 * SECOND_NS)
        request = await desk.request()
        await desk.send(request)
        await desk.sleep(5 * SECOND_NS)
        fills = [each for each in listener.heard if isinstance(each, Fill)]
        orders = [each for each in listener.heard if isinstance(each, Order)]
        assert fills == list(await desk.trading.fetch_fills(0))
        assert orders[-1].status is OrderStatus.FILLED
        assert {each.request.client_order_id for each in orders} == {request.client_order_id}
        await listener.stop()

    bench(body)


def test_a_lost_event_of_the_account_is_read(bench: Bench) -> None:
    """Numbers of a private stream go by one, so that the next event tells that one is missing."""

    async def body(desk: BenchDesk) -> None:
        listener, losing = Listener(desk.streams.watch_account()), [False]
        await desk.sleep(5 * SECOND_NS)
        desk.wire.tamper = lambda message: [] if losing[0] and "v1.fill" in str(message) else [message]
        await desk.send(await desk.request())
        losing[0] = True
        await desk.send(await desk.request())
        losing[0] = False
        await desk.sleep(SECOND_NS)
        assert len([each for each in listener.heard if isinstance(each, Fill)]) < len(desk.truth.venue.fills(0))
        await desk.send(await desk.request())
        await desk.sleep(5 * SECOND_NS)
        told = [each.fill_id for each in listener.heard if isinstance(each, Fill)]
        assert sorted(told) == sorted(each.fill_id for each in await desk.trading.fetch_fills(0))
        await listener.stop()

    bench(body)


def test_where_a_snapshot_stands() -> None:
    """The answer to the subscription may come before the snapshot, after it, after the first change, or never."""
    ack = Subscribed(TOPIC, 100)
    for heard in ([ack, snap(), change(101)], [snap(), ack, change(101)], [snap(), change(101), ack]):
        assert numbers_of(heard) == [("book", 100), ("delta", 101)]
    assert numbers_of([snap(), change(7)]) == [("book", 6), ("delta", 7)]
    assert numbers_of([Subscribed(TOPIC, None), snap(), change(7)]) == [("book", 6), ("delta", 7)]
    # An answer that was not needed does not stand for that of the next snapshot.
    again = [snap(), change(101), ack, change(102), snap(), Subscribed(TOPIC, 500), change(501)]
    assert numbers_of(again)[-2:] == [("book", 500), ("delta", 501)]


def test_a_change_that_does_not_continue_the_answer_is_a_gap() -> None:
    heard = [Subscribed(TOPIC, 100), snap(), change(103)]
    assert numbers_of(heard) == [("book", 100), ("gap", 0), ("restart", 0)]


def test_changes_that_come_twice_are_dropped() -> None:
    heard = [Subscribed(TOPIC, 100), snap(), change(101), change(101), change(102), change(101)]
    assert numbers_of(heard) == [("book", 100), ("delta", 101), ("delta", 102)]


def test_a_numbering_that_begins_anew_does_not_leave_the_book_to_age() -> None:
    """A gateway that restarts counts from 1: every change would look old for ever."""
    heard: list[Heard] = [Subscribed(TOPIC, 36_480), snap(), change(36_481), *(change(each) for each in range(1, 15))]
    told = numbers_of(heard)
    assert told[:3] == [("book", 36_480), ("delta", 36_481), ("gap", 0)]
    assert ("restart", 0) in told


def test_a_heartbeat_carries_the_number_on() -> None:
    heard = [Subscribed(TOPIC, 100), snap(), change(101, bids=()), change(102)]
    assert numbers_of(heard) == [("book", 100), ("delta", 101), ("delta", 102)]


def test_a_new_socket_forgets_what_was() -> None:
    heard = [Subscribed(TOPIC, 100), snap(), change(101), Connected("broken"), change(102), snap(), change(7)]
    assert numbers_of(heard) == [("book", 100), ("delta", 101), ("gap", 0), ("book", 6), ("delta", 7)]


def snap() -> Told:
    feed = {"event_time": "5", "instrument": "BTC_USDT_Perp", "bids": [level("9")], "asks": [level("10")]}
    return Told(TOPIC, 0, 0, feed)


def change(number: int, bids: tuple[str, ...] = ("8",)) -> Told:
    feed = {"event_time": "5", "instrument": "BTC_USDT_Perp", "bids": [level(each) for each in bids], "asks": []}
    return Told(TOPIC, number, number - 1, feed)


def level(price: str) -> dict[str, Any]:
    return {"price": price, "size": "1", "num_orders": 1}


def numbers_of(heard: list[Any]) -> list[tuple[str, int]]:
    """Return what a reader of the book is told, and where the venue is asked to begin anew."""
    found: list[tuple[str, int]] = []

    async def main() -> None:
        async def restart(why: str) -> None:
            assert why
            found.append(("restart", 0))

        async def each() -> AsyncIterator[Heard]:
            for one in heard:
                yield one

        numbers = BookNumbers(FakeContext("grvt", clock=VirtualClock.of_running_loop()), BTC, restart)
        async for update in chained(numbers.messages(each()), resync=restart):
            if isinstance(update, BookGap):
                found.append(("gap", 0))
            else:
                found.append(("book" if isinstance(update, OrderBook) else "delta", update.sequence))

    run_virtual(main(), start_ns=START_NS)
    return found
