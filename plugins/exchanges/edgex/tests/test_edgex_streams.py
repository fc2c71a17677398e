"""Streams over the fake: gaps, reconnects, silence, pings, what was missed, who listens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal as D
from typing import Any

import pytest

from arb.model import (
    MINUTE_NS,
    SECOND_NS,
    BookDelta,
    BookGap,
    Fill,
    FundingPayment,
    Order,
    OrderBook,
    OrderStatus,
    Side,
    Trade,
)
from arb.testing import Bench, BenchDesk, Listener, applied

DEPTH = 200

Tamper = Callable[[str | bytes], list[str | bytes]]


def wholes(listener: Listener[Any]) -> list[type]:
    """Return what was told besides changes."""
    return [type(each) for each in listener.heard if not isinstance(each, BookDelta)]


def kind_of(message: str | bytes, channel: str = "depth") -> str:
    """Return Snapshot or changed for a message of a channel, else nothing."""
    body = json.loads(message)
    is_it = str(body.get("channel", "")).startswith(channel) and "content" in body
    return str(body["content"]["dataType"]).lower() if is_it else ""


def sent(socket: Any, kind: str) -> list[Any]:
    return [body for body in map(json.loads, socket.sent) if body["type"] == kind]


def test_a_book_of_the_stream_is_the_book(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        listener = Listener(desk.streams.watch_order_book(desk.instrument.id))
        await desk.sleep(20 * SECOND_NS)
        await desk.check_book(listener, DEPTH)
        assert wholes(listener) == [OrderBook]
        assert sum(isinstance(each, BookDelta) for each in listener.heard) > 5
        assert desk.wire.sent("GET", "getDepth") == []  # the venue's own snapshot is enough
        assert sent(desk.wire.sockets[0], "subscribe") == [{"type": "subscribe", "channel": "depth.30000001.200"}]
        await listener.stop()

    bench(body)


def test_the_words_for_a_message_come_in_several_cases(bench: Bench) -> None:
    def shout(message: str | bytes) -> list[str | bytes]:
        text = str(message).replace('"changed"', '"Changed"').replace('"Snapshot"', '"SNAPSHOT"')
        return [text]

    async def body(desk: BenchDesk) -> None:
        desk.wire.tamper = shout
        listener = Listener(desk.streams.watch_order_book(desk.instrument.id))
        await desk.sleep(20 * SECOND_NS)
        await desk.check_book(listener, DEPTH)
        assert wholes(listener) == [OrderBook]
        await listener.stop()

    bench(body)


def lost(text: dict[str, Any]) -> list[dict[str, Any]]:
    return []


def unreadable(text: dict[str, Any]) -> list[dict[str, Any]]:
    text["content"]["data"][0]["bids"] = [{"price": "oops", "size": "1"}]
    return [text]


def without_data(text: dict[str, Any]) -> list[dict[str, Any]]:
    text["content"]["data"] = []
    return [text]


def of_another_contract(text: dict[str, Any]) -> list[dict[str, Any]]:
    text["content"]["data"][0]["contractId"] = "30000002"
    return [text]


def of_no_kind(text: dict[str, Any]) -> list[dict[str, Any]]:
    text["content"]["dataType"] = "partial"
    return [text]


@pytest.mark.parametrize("harm", [lost, unreadable, without_data, of_another_contract, of_no_kind])
def test_a_gap_is_mended_by_a_new_snapshot(bench: Bench, harm: Callable[[Any], list[Any]]) -> None:
    """A message that is lost, and each that cannot be what it should."""

    async def body(desk: BenchDesk) -> None:
        armed: list[bool] = []

        def tamper(message: str | bytes) -> list[str | bytes]:
            told = json.loads(message)
            if armed and kind_of(message) == "changed" and told["content"]["data"][0]["bids"]:
                armed.pop()
                return [json.dumps(each) for each in harm(told)]
            return [message]

        desk.wire.tamper = tamper
        listener = Listener(desk.streams.watch_order_book(desk.instrument.id))
        await desk.sleep(10 * SECOND_NS)
        armed.append(True)
        await desk.sleep(20 * SECOND_NS)
        assert not armed
        await desk.check_book(listener, DEPTH)
        assert wholes(listener) == [OrderBook, BookGap, OrderBook]
        assert len(desk.wire.sockets) == 1  # the socket stays; the channel is left and joined again
        assert len(sent(desk.wire.sockets[0], "unsubscribe")) == 1
        await listener.stop()

    bench(body)


def test_a_lost_snapshot_is_asked_for_again(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        losses = [1, 2]

        def tamper(message: str | bytes) -> list[str | bytes]:
            if losses and kind_of(message) == "snapshot":
                losses.pop()
                return []
            return [message]

        desk.wire.tamper = tamper
        listener = Listener(desk.streams.watch_order_book(desk.instrument.id))
        await desk.sleep(30 * SECOND_NS)
        await desk.check_book(listener, DEPTH)
        assert not losses
        assert [type(each) for each in listener.heard[:1]] == [OrderBook]
        await listener.stop()

    bench(body)


def test_gaps_after_gaps_do_not_drive_the_plugin_mad(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.tamper = lambda message: [] if kind_of(message) == "snapshot" else [message]
        listener = Listener(desk.streams.watch_order_book(desk.instrument.id))
        await desk.sleep(2 * MINUTE_NS)
        assert 10 <= len(sent(desk.wire.sockets[0], "subscribe")) <= 25
        desk.wire.tamper = None
        await desk.sleep(20 * SECOND_NS)
        await desk.check_book(listener, DEPTH)
        await listener.stop()

    bench(body)


def test_a_change_without_changes_is_a_heartbeat(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        empty = []

        def tamper(message: str | bytes) -> list[str | bytes]:
            if kind_of(message) == "changed":
                (row,) = json.loads(message)["content"]["data"]
                empty.extend([row] if not row["bids"] and not row["asks"] else [])
            return [message]

        desk.wire.tamper = tamper
        listener = Listener(desk.streams.watch_order_book(desk.instrument.id))
        await desk.sleep(MINUTE_NS)
        assert len(empty) > 3
        assert {row["startVersion"] == row["endVersion"] for row in empty} == {True}
        assert wholes(listener) == [OrderBook]
        await listener.stop()

    bench(body)


def test_who_joins_later_gets_a_snapshot_too(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        watch = desk.streams.watch_order_book
        first = Listener(watch(desk.instrument.id))
        await desk.sleep(10 * SECOND_NS)
        second = Listener(watch(desk.instrument.id))
        third = Listener(watch(desk.instrument.id))  # within the seconds in which no snapshot is asked for again
        await desk.sleep(20 * SECOND_NS)
        for each in (first, second, third):
            assert each.heard[0].sequence  # a snapshot
            assert isinstance(each.heard[0], OrderBook)
        await desk.check_book(first, DEPTH)
        assert applied(second.heard).sides == applied(third.heard).sides == applied(first.heard).sides
        assert len(desk.wire.sockets) == 1
        for each in (first, second):
            await each.stop()
        before = len(sent(desk.wire.sockets[0], "unsubscribe"))
        await desk.sleep(SECOND_NS)
        assert len(sent(desk.wire.sockets[0], "unsubscribe")) == before  # another one still listens
        await third.stop()
        await desk.sleep(SECOND_NS)
        assert asyncio.all_tasks() - {asyncio.current_task()} == set()

    bench(body)


def test_after_a_reconnect_a_book_begins_with_a_snapshot(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        listener = Listener(desk.streams.watch_order_book(desk.instrument.id))
        await desk.sleep(5 * SECOND_NS)
        desk.wire.sockets[0].drop()
        await desk.sleep(20 * SECOND_NS)
        assert len(desk.wire.sockets) == 2
        await desk.check_book(listener, DEPTH)
        assert wholes(listener) == [OrderBook, BookGap, OrderBook]
        await listener.stop()

    bench(body)


def test_a_ping_is_answered_with_its_own_time(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        pings = []

        def tamper(message: str | bytes) -> list[str | bytes]:
            told = json.loads(message)
            pings.extend([told["time"]] if told["type"] == "ping" else [])
            return [message]

        desk.wire.tamper = tamper
        listener = Listener(desk.streams.watch_trades(desk.instrument.id))
        account = Listener(desk.streams.watch_account())
        await desk.sleep(2 * MINUTE_NS)
        for socket in desk.wire.sockets:
            answers = [each["time"] for each in sent(socket, "pong")]
            assert len(answers) >= 10
            assert set(answers) <= set(pings)
            own = sent(socket, "ping")
            assert 7 <= len(own) <= 9  # one each 15 s
            assert all(isinstance(each["time"], str) for each in own)
        assert len(desk.wire.sockets) == 2
        await listener.stop()
        await account.stop()

    bench(body)


def test_a_quiet_market_on_a_living_socket_is_left_alone(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.tamper = lambda message: [] if kind_of(message, "trades") == "changed" else [message]
        listener = Listener(desk.streams.watch_trades(desk.instrument.id))
        await desk.sleep(10 * MINUTE_NS)
        assert len(desk.wire.sockets) == 1
        assert await listener.stop() == []

    bench(body)


def test_trades_have_the_takers_side_and_come_once(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        old: list[Any] = []

        def tamper(message: str | bytes) -> list[str | bytes]:
            kind, told = kind_of(message, "trades"), json.loads(message)
            if kind == "snapshot" and not old:
                # What happened before anybody listened.
                row = {"ticketId": "0", "time": "1764000000000", "price": "1", "size": "1", "isBuyerMaker": True}
                told["content"]["data"] = [{**row, "contractId": "30000001"}]
                old.append(told)
            if kind == "changed":
                return [json.dumps(told), json.dumps(told)]
            return [json.dumps(told)]

        desk.wire.tamper = tamper
        mine = Listener(desk.streams.watch_trades(desk.instrument.id))
        true = Listener(desk.truth.streams.watch_trades(desk.instrument.id))
        await desk.sleep(MINUTE_NS)
        told, happened = await mine.stop(), await true.stop()
        assert len(told) > 3
        assert old
        assert all(isinstance(each, Trade) for each in told)

        def facts(trade: Trade) -> tuple[Side, D, D]:
            return trade.side, trade.price, trade.quantity

        assert [facts(each) for each in told] == [facts(each) for each in happened][: len(told)]
        assert len(happened) - len(told) < 5  # the last second may be on its way

    bench(body)


def test_a_snapshot_of_trades_after_a_break_tells_what_was_missed(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        seen: list[Any] = []

        def tamper(message: str | bytes) -> list[str | bytes]:
            told = json.loads(message)
            if kind_of(message, "trades") == "changed":
                seen.extend(told["content"]["data"])
            if kind_of(message, "trades") == "snapshot" and seen:
                missed = {**seen[-1], "ticketId": "999999", "size": "123"}
                told["content"]["data"] = [seen[-1], missed]
            return [json.dumps(told)]

        desk.wire.tamper = tamper
        listener = Listener(desk.streams.watch_trades(desk.instrument.id))
        await desk.sleep(MINUTE_NS)
        desk.wire.sockets[0].drop()
        await desk.sleep(30 * SECOND_NS)
        assert [each.quantity for each in listener.heard].count(D(123)) == 1
        assert len(listener.heard) == len({each["ticketId"] for each in seen}) + 1
        await listener.stop()

    bench(body)


def test_noise_on_the_socket_harms_nobody(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        noise: list[str | bytes] = [
            "nonsense",
            "[]",
            "7",
            '{"type": 7}',
            '{"type": "quote-event", "channel": "depth.30000001.200"}',
            '{"type": "quote-event", "content": {}}',
            '{"type": "something-new", "content": {}}',
            '{"type": "error", "content": {"code": "A_CODE", "msg": "x"}}',
            '{"type": "quote-event", "channel": "depth.30000001.200", "content": {"dataType": "changed", "data": [7]}}',
            b"\xff",
        ]
        desk.wire.tamper = lambda message: [noise.pop(), message] if noise else [message]
        listener = Listener(desk.streams.watch_order_book(desk.instrument.id))
        await desk.sleep(2 * MINUTE_NS)
        assert not noise
        await desk.check_book(listener, DEPTH)
        assert not listener.is_over
        await listener.stop()

    bench(body)


def test_what_the_public_hears_is_no_use_without_a_listener(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        stats = await desk.exchange.market.fetch_stats()
        assert stats
        await desk.sleep(SECOND_NS)
        (socket,) = desk.wire.sockets  # opened for one message of all tickers, 110 kB each second
        assert [each["channel"] for each in sent(socket, "subscribe")] == ["ticker.all.1s"]
        assert asyncio.all_tasks() - {asyncio.current_task()} == set()

    bench(body)


def test_the_account_tells_each_fill_once_with_the_id_of_the_history(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        waiting = await desk.resting()
        await desk.send(waiting)
        listener = Listener(desk.streams.watch_account())
        await desk.sleep(2 * SECOND_NS)
        assert [each.request.client_order_id for each in listener.heard] == [waiting.client_order_id]
        await desk.send(await desk.request(quantity=desk.instrument.lot_size * 3))
        await desk.trading.cancel_order(desk.instrument.id, waiting.client_order_id)
        await desk.sleep(5 * SECOND_NS)
        fills = [each for each in listener.heard if isinstance(each, Fill)]
        listed = await desk.trading.fetch_fills(0)
        assert listed
        assert [each.fill_id for each in fills] == [each.fill_id for each in listed]
        assert [(each.fee, each.realized_pnl) for each in fills] == [(each.fee, each.realized_pnl) for each in listed]
        orders = [each for each in listener.heard if isinstance(each, Order)]
        assert orders[-1].status is OrderStatus.CANCELLED
        assert OrderStatus.FILLED in {each.status for each in orders}
        await listener.stop()

    bench(body)


def test_payments_of_the_account_are_told(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.request())
        listener = Listener(desk.streams.watch_account())
        await desk.sleep(3 * 60 * MINUTE_NS)
        told = [each for each in listener.heard if isinstance(each, FundingPayment)]
        read = await desk.trading.fetch_funding_payments(0)
        assert len(read) >= 2
        assert {each.payment_id: each.amount for each in told} == {each.payment_id: each.amount for each in read}
        await listener.stop()

    bench(body)


def test_the_login_is_signed_for_each_socket(bench: Bench) -> None:
    """Its time stands in the address and in the headers, and is never an old one."""

    async def body(desk: BenchDesk) -> None:
        listener = Listener(desk.streams.watch_account())
        await desk.sleep(2 * MINUTE_NS)
        desk.wire.sockets[0].drop()
        await desk.sleep(MINUTE_NS)
        assert len(desk.wire.sockets) == 2
        for socket in desk.wire.sockets:
            assert socket.url.endswith(f"timestamp={socket.headers['X-edgeX-Timestamp']}")
            assert "accountId=" in socket.url
        first, second = (int(socket.headers["X-edgeX-Timestamp"]) for socket in desk.wire.sockets)
        assert second - first >= 110_000
        assert not listener.is_over
        await listener.stop()

    bench(body)


def test_what_the_account_did_while_the_socket_was_gone_is_told(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        listener = Listener(desk.streams.watch_account())
        await desk.sleep(2 * SECOND_NS)
        await desk.send(await desk.request())
        await desk.sleep(2 * SECOND_NS)
        desk.wire.tamper = lambda message: []
        desk.wire.sockets[0].drop()
        await desk.send(await desk.request(Side.SELL))
        resting = await desk.resting()
        await desk.send(resting)
        await desk.sleep(2 * SECOND_NS)
        desk.wire.tamper = None
        await desk.sleep(3 * MINUTE_NS)
        await check_fills(desk, listener)
        names = [each.request.client_order_id for each in listener.heard if isinstance(each, Order)]
        assert resting.client_order_id in names
        await listener.stop()

    bench(body)


async def check_fills(desk: BenchDesk, listener: Listener[Any]) -> None:
    told = [each.fill_id for each in listener.heard if isinstance(each, Fill)]
    read = [each.fill_id for each in await desk.trading.fetch_fills(0)]
    assert read
    assert sorted(told) == sorted(read)


def test_a_version_that_is_missing_is_a_gap(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        losses: list[bool] = []

        def tamper(message: str | bytes) -> list[str | bytes]:
            told = json.loads(message)
            if losses and told["type"] == "trade-event" and "orderFillTransaction" in told["content"]["data"]:
                losses.pop()
                return []
            return [message]

        desk.wire.tamper = tamper
        listener = Listener(desk.streams.watch_account())
        await desk.sleep(2 * SECOND_NS)
        losses.append(True)
        await desk.send(await desk.request())
        await desk.sleep(2 * SECOND_NS)
        assert not losses
        await desk.send(await desk.resting())  # the next message shows that one is missing
        await desk.sleep(2 * SECOND_NS)
        await check_fills(desk, listener)
        assert len(desk.wire.sockets) == 1
        await listener.stop()

    bench(body)


def test_an_order_never_goes_back(bench: Bench) -> None:
    """Answers and events overtake each other."""

    async def body(desk: BenchDesk) -> None:
        early: list[Any] = []

        def tamper(message: str | bytes) -> list[str | bytes]:
            told = json.loads(message)
            if told["type"] == "trade-event" and told["content"]["event"] == "ORDER_UPDATE":
                row = {**told["content"]["data"]["order"][0], "status": "OPEN", "cancelReason": ""}
                row |= {"cumFillSize": "0", "cumFillValue": "0", "cumMatchSize": "0"}
                late = {**told, "content": {**told["content"], "data": {"order": [row]}}}
                early.append(late)
                return [message, json.dumps(late)]
            return [message]

        desk.wire.tamper = tamper
        listener = Listener(desk.streams.watch_account())
        await desk.sleep(2 * SECOND_NS)
        await desk.send(await desk.request())
        await desk.sleep(2 * SECOND_NS)
        assert early
        orders = [each for each in listener.heard if isinstance(each, Order)]
        assert orders[-1].status is OrderStatus.FILLED
        assert sum(each.status is OrderStatus.FILLED for each in orders) == len(
            [each for each in orders if each.filled_quantity]
        )
        await listener.stop()

    bench(body)


@pytest.mark.parametrize(
    "message",
    [
        '{"type": "error", "content": {"code": "INVALID_SIGNATURE", "msg": "signature invalid"}}',
        '{"type": "trade-event", "content": {"event": "ORDER_UPDATE", "version": "x", "data": {}}}',
        '{"type": "trade-event", "content": {"event": "ORDER_UPDATE", "version": "5", "data": {"order": [{}]}}}',
        '{"type": "trade-event"}',
        "nonsense",
    ],
)
def test_an_account_stream_that_cannot_be_read_begins_anew(bench: Bench, message: str) -> None:
    async def body(desk: BenchDesk) -> None:
        bad: list[str | bytes] = []
        desk.wire.tamper = lambda told: [bad.pop()] if bad else [told]
        listener = Listener(desk.streams.watch_account())
        await desk.sleep(2 * SECOND_NS)
        bad.append(message)
        await desk.send(await desk.request())  # its event is replaced by a bad one
        await desk.sleep(30 * SECOND_NS)
        assert not bad
        assert len(desk.wire.sockets) == 2
        await check_fills(desk, listener)
        assert not listener.is_over
        await listener.stop()

    bench(body)


def test_a_login_that_the_venue_refuses_is_made_again_with_its_time(bench: Bench) -> None:
    """The venue's time is asked for before the next one is signed."""

    async def body(desk: BenchDesk) -> None:
        listener = Listener(desk.streams.watch_account())
        await desk.sleep(2 * SECOND_NS)
        asked = len(desk.wire.sent("GET", "getServerTime"))
        desk.wire.sockets[0].drop()
        refusal = ['{"type": "error", "content": {"code": "INVALID_TIMESTAMP", "msg": "x"}}']
        desk.wire.tamper = lambda told: [refusal.pop()] if refusal else [told]
        await desk.sleep(30 * SECOND_NS)
        assert len(desk.wire.sent("GET", "getServerTime")) > asked
        assert len(desk.wire.sockets) == 3
        await desk.send(await desk.request())
        await desk.sleep(2 * SECOND_NS)
        await check_fills(desk, listener)
        await listener.stop()

    bench(body)


def test_a_book_without_a_time_has_the_venues(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        listener = Listener(desk.streams.watch_order_book(desk.instrument.id))
        await desk.sleep(2 * SECOND_NS)
        (book,) = (each for each in listener.heard if isinstance(each, OrderBook))
        assert 0 <= desk.clock.now_ns() - book.ts_event_ns < 3 * SECOND_NS
        await listener.stop()

    bench(body)
