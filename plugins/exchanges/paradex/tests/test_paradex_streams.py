"""Sockets: binary books and trades, the account in either form, versions of the schema, silent channels."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from arb.api import ConnectFailed
from arb.model import MINUTE_NS, SECOND_NS, BookGap, BookLevel, Fill, Order, OrderBook, OrderStatus, Trade
from arb.testing import Bench, BenchDesk, FakeWorld, listening
from arb_exchange_paradex._channels import book_channel
from arb_exchange_paradex._frames import BBO, BOOK, DELTA, FUNDING, SUMMARY, decode_frame
from arb_exchange_paradex.fake._frames import Packer


@asynccontextmanager
async def raw(desk: BenchDesk, *channels: str, version: int = 2) -> Any:
    """Subscribe by hand; collect what comes."""
    heard: list[Any] = []
    url = f"ws://fake.test/v1?sbeSchemaId=1&sbeSchemaVersion={version}"
    async with desk.wire.venue.connect(url) as socket:

        async def listen() -> None:
            async for message in socket.messages():
                heard.append(decode_frame(message) if isinstance(message, bytes) else json.loads(message))

        task = asyncio.create_task(listen())
        for number, channel in enumerate(channels, 1):
            request = {"jsonrpc": "2.0", "id": number, "method": "subscribe", "params": {"channel": channel}}
            await socket.send(json.dumps(request))
        await desk.sleep(5 * SECOND_NS)
        yield socket, heard
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_books_come_whole(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        async with listening(desk.streams.watch_order_book(desk.instrument.id)) as heard:
            await desk.sleep(MINUTE_NS)
        assert len(heard) > 20
        assert all(isinstance(each, OrderBook) and len(each.bids) <= 15 for each in heard)
        numbers = [each.sequence for each in heard]
        assert numbers == sorted(set(numbers))
        (socket,) = desk.wire.sockets
        requests = [json.loads(each) for each in socket.sent]
        assert requests[0]["params"] == {"channel": "order_book.BTC-USD-PERP.snapshot@15@50ms"}

    bench(body)


def test_a_price_tick_that_is_not_the_markets_is_silent(bench: Bench) -> None:
    """So the plugin names none; with the market's own the venue serves the same book."""

    async def body(desk: BenchDesk) -> None:
        plain = book_channel(desk.instrument.symbol)
        tick = f"{desk.instrument.tick_size.normalize():f}".replace(".", "_")
        for channel, is_served in ((plain, True), (f"{plain}@{tick}", True), (f"{plain}@0_0000001", False)):
            async with raw(desk, channel) as (_, heard):
                books = [each for each in heard if isinstance(each, tuple) and each[0] == BOOK]
                assert bool(books) is is_served, channel
                assert heard[0]["result"] == {"channel": channel}, "it says yes in any case"

    bench(body)


def test_other_channels_of_the_fake(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        symbol = desk.instrument.symbol
        names = (f"bbo.{symbol}", "markets_summary", f"funding_data.{symbol}", f"order_book.{symbol}.deltas@15@100ms")
        for version in (1, 2, 3):
            async with raw(desk, *names, version=version) as (_, heard):
                rows: dict[int, list[Any]] = {}
                for each in heard:
                    if isinstance(each, tuple):
                        rows.setdefault(each[0], []).append(each[1])
                bbo = await desk.truth.market.fetch_bbo((await desk.truth.market.fetch_instruments())[0].id)
                assert abs(rows[BBO][-1]["bid"] / bbo.bid - 1) < Decimal("0.001")
                assert rows[SUMMARY][0]["mark_price"] > 0
                assert rows[SUMMARY][0]["funding_rate"] is not None
                assert rows[FUNDING][0]["funding_period_hours"] == 1
                assert {each["pkg_type"] for each in rows[BOOK]} == {"SNAPSHOT", DELTA}

    bench(body)


def test_a_socket_without_a_schema_is_refused(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        for url in ("ws://fake.test/v1", "ws://fake.test/v1?sbeSchemaId=1&sbeSchemaVersion=9"):
            with pytest.raises(ConnectFailed):
                async with desk.wire.venue.connect(url):
                    pass

    bench(body)


def test_an_older_schema_is_tried_where_the_newer_is_refused(bench: Bench) -> None:
    world = FakeWorld()
    world.memory["sbe_newest"] = 1

    async def body(desk: BenchDesk) -> None:
        async with listening(desk.streams.watch_order_book(desk.instrument.id)) as heard:
            await desk.sleep(MINUTE_NS)
            assert heard

    bench(body, world=world, settings={"sbe_version": 3})


def test_an_outage_is_no_refusal_of_a_schema(bench: Bench) -> None:
    """The fourth socket after three that did not open still asks for the version that the venue serves."""

    async def body(desk: BenchDesk) -> None:
        async with listening(desk.streams.watch_order_book(desk.instrument.id)) as heard:
            await desk.sleep(10 * SECOND_NS)
            desk.wire.lose_sockets()
            while desk.wire.refused < 3:
                await desk.sleep(SECOND_NS)
            desk.wire.has_sockets = True
            heard.clear()
            await desk.sleep(MINUTE_NS)
            assert heard
        assert all(each.url.endswith("sbeSchemaVersion=2") for each in desk.wire.sockets)

    bench(body)


def _with_a_lost_market(desk: BenchDesk) -> None:
    """List a market of which the venue's sockets know nothing, as one that is delisted and was known before."""

    def listed(answer: Any) -> Any:
        (row, *_) = answer["results"]
        return {**answer, "results": [*answer["results"], {**row, "symbol": "OLD-USD-PERP", "base_currency": "OLD"}]}

    desk.wire.change_json("/v1/markets", listed)


def test_a_channel_that_is_refused_is_asked_for_again_alone(bench: Bench) -> None:
    """A market that the venue has delisted: the books of all others go on over the same socket."""

    async def body(desk: BenchDesk) -> None:
        _with_a_lost_market(desk)
        (lost,) = [each for each in await desk.exchange.market.fetch_instruments() if each.base == "OLD"]
        async with listening(desk.streams.watch_order_book(desk.instrument.id)) as heard:
            async with listening(desk.streams.watch_order_book(lost.id)) as nothing:
                await desk.sleep(10 * MINUTE_NS + SECOND_NS)
            (socket,) = desk.wire.sockets
            asked = [json.loads(each) for each in socket.sent]
            times = [each["method"] for each in asked if each["params"]["channel"] == book_channel(lost.symbol)]
            assert times == ["subscribe"] * 11 + ["unsubscribe"], "once a minute, until nobody listens"
            count = len(heard)
            await desk.sleep(10 * MINUTE_NS)
            assert json.loads(socket.sent[-1])["method"] == "unsubscribe", "refused as well, and nobody minds"
        assert nothing == []
        assert len(heard) > count
        assert all(isinstance(each, OrderBook) for each in heard)
        assert len(desk.wire.sockets) == 1

    bench(body)


def test_a_new_socket_asks_for_what_was_refused_once(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        _with_a_lost_market(desk)
        (lost,) = [each for each in await desk.exchange.market.fetch_instruments() if each.base == "OLD"]
        async with listening(desk.streams.watch_order_book(lost.id)):
            await desk.sleep(30 * SECOND_NS)
            (socket,) = desk.wire.sockets
            socket.drop()
            await desk.sleep(70 * SECOND_NS)
            assert [len(each.sent) for each in desk.wire.sockets] == [1, 2], "at once, and a minute after the refusal"

    bench(body)


def test_an_error_of_nothing_that_was_asked_begins_anew(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        async with listening(desk.streams.watch_order_book(desk.instrument.id)) as heard:
            await desk.sleep(10 * SECOND_NS)
            for socket in desk.wire.open_sockets:
                socket.tamper = lambda _: ['{"jsonrpc": "2.0", "id": null, "error": {"code": -32700, "message": "x"}}']
            await desk.sleep(MINUTE_NS)
        assert [each for each in heard if isinstance(each, BookGap)]
        assert len(desk.wire.sockets) == 2

    bench(body)


def test_a_double_subscription_is_an_error(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        async with raw(desk, "trades.BTC-USD-PERP", "trades.BTC-USD-PERP", "nonsense", "orders.ALL") as (_, heard):
            errors = {each["id"]: each["error"] for each in heard if isinstance(each, dict) and "error" in each}
        assert errors[2]["data"] == "already subscribed"
        assert errors[3]["data"] == "invalid channel"
        assert errors[4]["message"] == "unauthorized"

    bench(body)


@pytest.mark.parametrize("as_json", [False, True])
def test_the_account_is_heard_in_either_form(bench: Bench, as_json: bool) -> None:
    """Documents say that private data stay JSON, and list frames of them: both are read, and say the same."""
    world = FakeWorld()
    world.memory["private_json"] = as_json

    async def body(desk: BenchDesk) -> None:
        async with listening(desk.streams.watch_account()) as heard:
            await desk.sleep(SECOND_NS)
            taken, rests = await desk.request(), await desk.resting()
            await desk.send(taken)
            await desk.send(rests)
            await desk.trading.cancel_all()
            await desk.sleep(5 * SECOND_NS)
        orders = [each for each in heard if isinstance(each, Order)]
        fills = [each for each in heard if isinstance(each, Fill)]
        assert list(await desk.trading.fetch_fills(0)) == fills
        last = {each.request.client_order_id: each for each in orders}
        assert last[taken.client_order_id].status is OrderStatus.FILLED
        assert last[rests.client_order_id].status is OrderStatus.CANCELLED
        for each in last.values():
            read = await desk.trading.fetch_order(desk.instrument.id, each.request.client_order_id)
            assert (read.status, read.filled_quantity) == (each.status, each.filled_quantity)
            assert (read.request, read.average_price) == (each.request, each.average_price)

    bench(body, world=world)


def test_the_account_is_heard_in_the_first_version_of_the_schema(bench: Bench) -> None:
    """Its fills do not say the currency of their fee."""

    async def body(desk: BenchDesk) -> None:
        async with listening(desk.streams.watch_account()) as heard:
            await desk.sleep(SECOND_NS)
            await desk.send(await desk.request())
            await desk.sleep(5 * SECOND_NS)
        fills = [each for each in heard if isinstance(each, Fill)]
        assert fills
        assert list(await desk.trading.fetch_fills(0)) == fills

    bench(body, settings={"sbe_version": 1})


def test_an_order_that_only_waits_is_not_told(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        def queued(message: str | bytes) -> list[str | bytes]:
            # The status of an order stands behind its time and number: NEW is 1.
            if isinstance(message, bytes) and message[2] == 20:
                return [message[:24] + b"\x01" + message[25:], message]
            return [message]

        desk.wire.tamper = queued
        async with listening(desk.streams.watch_account()) as heard:
            await desk.sleep(SECOND_NS)
            await desk.send(await desk.resting())
            await desk.sleep(SECOND_NS)
        assert [each.status for each in heard] == [OrderStatus.OPEN]

    bench(body)


def test_a_token_that_the_socket_refuses_is_renewed(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        session = desk.trading._rest.session
        good = session._token
        session._token = f"{good}x"
        async with listening(desk.streams.watch_account()) as heard:
            await desk.sleep(10 * SECOND_NS)
            await desk.send(await desk.request())
            await desk.sleep(SECOND_NS)
            assert [each for each in heard if isinstance(each, Fill)]
        assert len(desk.wire.sockets) > 1

    bench(body)


def test_a_change_in_the_place_of_a_book_begins_anew(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        def changed(message: str | bytes) -> list[str | bytes]:
            if isinstance(message, bytes) and message[2] == BOOK and len(desk.wire.sockets) == 1:
                return [message[:24] + b"\x01" + message[25:]]
            return [message]

        desk.wire.tamper = changed
        async with listening(desk.streams.watch_order_book(desk.instrument.id)) as heard:
            await desk.sleep(MINUTE_NS)
        assert len(desk.wire.sockets) == 2
        assert heard

    bench(body)


def test_a_book_that_was_begun_anew_by_the_venue(bench: Bench) -> None:
    """Its numbers go back while its time goes on: an old message would have an old time as well."""

    async def body(desk: BenchDesk) -> None:
        packer, symbol = Packer(2), desk.instrument.symbol
        level = (BookLevel(Decimal(5), Decimal(1)),)

        def begun(message: str | bytes) -> list[str | bytes]:
            if not (isinstance(message, bytes) and message[2] == BOOK) or len(desk.wire.sockets) > 1:
                return [message]
            now_ns = desk.clock.now_ns()
            late = packer.book(symbol, 1, (level, level), now_ns + 9 * SECOND_NS)
            return [message, packer.book(symbol, 1, (level, level), now_ns - SECOND_NS), late]

        desk.wire.tamper = begun
        async with listening(desk.streams.watch_order_book(desk.instrument.id)) as heard:
            await desk.sleep(MINUTE_NS)
        books = [each for each in heard if isinstance(each, OrderBook)]
        assert all(each.bids[0].price != 5 for each in books)
        assert len(desk.wire.sockets) == 2
        assert [type(each) for each in heard].count(BookGap) == 1, "told once, before the new socket's first book"

    bench(body)


def test_a_quiet_book_stays_young(bench: Bench) -> None:
    """The venue tells again what has not changed: with the same number and a later time, and it is no step back."""

    async def body(desk: BenchDesk) -> None:
        packer, symbol = Packer(2), desk.instrument.symbol
        level = (BookLevel(Decimal(5), Decimal(1)),)
        began_ns = desk.clock.now_ns()

        def quiet(message: str | bytes) -> list[str | bytes]:
            if not (isinstance(message, bytes) and message[2] == BOOK):
                return [message]
            now_ns = desk.clock.now_ns()
            return [packer.book(symbol, 7, (level, level), stamp_ns) for stamp_ns in (now_ns, now_ns, began_ns)]

        desk.wire.tamper = quiet
        async with listening(desk.streams.watch_order_book(desk.instrument.id)) as heard:
            await desk.sleep(MINUTE_NS)
        times = [each.ts_event_ns for each in heard if isinstance(each, OrderBook)]
        assert len(times) == len(heard) > 20
        assert times == sorted(set(times)), "each moment once"
        assert times[-1] - times[0] > 50 * SECOND_NS
        assert len(desk.wire.sockets) == 1

    bench(body)


def test_trades_of_positions_are_no_trades(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        def moved(message: str | bytes) -> list[str | bytes]:
            if isinstance(message, bytes) and message[2] == 1:
                block = int.from_bytes(message[:2], "little")
                kind = 8 + block - 1
                return [message[:kind] + bytes([code]) + message[kind + 1 :] for code in (1, 3, 4, 6, 77)]
            return [message]

        desk.wire.tamper = moved
        async with listening(desk.streams.watch_trades(desk.instrument.id)) as heard:
            await desk.sleep(10 * MINUTE_NS)
        assert heard
        assert all(isinstance(each, Trade) for each in heard)
        stamps = [(each.ts_event_ns, each.price, each.quantity) for each in heard]
        assert len(set(stamps)) == len(stamps), "each was told five times, and only one of them met the book"

    bench(body)
