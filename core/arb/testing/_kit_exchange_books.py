"""Exchange kit: order books by request."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

import pytest

from arb.api import ExchangeError
from arb.model import MINUTE_NS, InstrumentId

from ._kit_desk import Desk
from ._kit_exchange_base import ExchangeCases, Use
from ._kit_exchange_checks import (
    EMPTY_LIST,
    EMPTY_OBJECT,
    NO_JSON,
    NULL,
    PROXY_PAGE,
    at_once,
    check_book,
    is_current,
    outcome,
    true_name,
)
from ._kit_ground import FAKE
from ._kit_streams import applied

_NOWHERE: Final = "NOSUCHCOIN-PERP"


class BookCases(ExchangeCases):
    """Order books by request."""

    group = "books"

    def test_x010_books_are_sorted_and_not_crossed(self, use: Use) -> None:
        """Bids fall, asks rise, prices are on the tick, sizes positive."""

        async def body(desk: Desk) -> None:
            for depth in (1, 5, 20):
                check_book(await desk.exchange.market.fetch_order_book(desk.instrument.id, depth), desk)

        use(body)

    def test_x011_a_deeper_book_has_the_levels_of_a_shallow_one(self, use: Use) -> None:
        """Asking for more depth gives at least as many levels."""

        async def body(desk: Desk) -> None:
            shallow, deep = [
                await desk.exchange.market.fetch_order_book(desk.instrument.id, depth) for depth in (1, 20)
            ]
            assert 1 <= len(shallow.bids) <= len(deep.bids)
            assert 1 <= len(shallow.asks) <= len(deep.asks)

        use(body)

    def test_x012_sequences_and_times_do_not_go_back(self, use: Use) -> None:
        """Of two reads the later one has the later sequence and time."""

        async def body(desk: Desk) -> None:
            first = await desk.exchange.market.fetch_order_book(desk.instrument.id, 5)
            await desk.context.clock.sleep_until(desk.now_ns + MINUTE_NS)
            second = await desk.exchange.market.fetch_order_book(desk.instrument.id, 5)
            assert second.sequence >= first.sequence
            assert second.ts_event_ns >= first.ts_event_ns
            assert second.ts_init_ns > first.ts_init_ns
            assert second.ts_event_ns <= desk.now_ns + MINUTE_NS, "the venue's clock is far ahead"

        use(body)

    def test_x013_the_top_is_a_price_to_trade_at(self, use: Use) -> None:
        """Bid below ask, both with size, of the instrument asked for."""

        async def body(desk: Desk) -> None:
            bbo = await desk.exchange.market.fetch_bbo(desk.instrument.id)
            assert bbo.instrument == desk.instrument.id
            assert 0 < bbo.bid < bbo.ask
            assert bbo.bid_size > 0 < bbo.ask_size

        use(body)

    def test_x014_an_unknown_instrument_is_an_error_of_our_tree(self, use: Use) -> None:
        """Never an empty book."""

        async def body(desk: Desk) -> None:
            nowhere = InstrumentId(f"{_NOWHERE}.{desk.exchange.name}")
            with pytest.raises(ExchangeError):
                await desk.exchange.market.fetch_order_book(nowhere, 5)
            with pytest.raises(ExchangeError):
                await desk.exchange.market.fetch_bbo(nowhere)

        use(body)

    def test_x017_reads_at_once_and_a_cancelled_one_do_no_harm(self, use: Use) -> None:
        """Concurrent callers get their own answers; a cancelled call does not break the next."""

        async def body(desk: Desk) -> None:
            market, name = desk.exchange.market, desk.instrument.id
            books = await asyncio.gather(*(market.fetch_order_book(name, 5) for _ in range(5)))
            assert {book.instrument for book in books} == {name}
            reading = asyncio.create_task(market.fetch_order_book(name, 5))
            await desk.context.clock.sleep_until(0)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            check_book(await market.fetch_order_book(name, 5), desk)

        use(body)

    def test_x120_a_book_is_the_venues(self, use: Use) -> None:
        """Every price and size of both sides."""

        async def body(desk: Desk) -> None:
            market, name = desk.exchange.market, desk.instrument.id
            for depth in (1, 20):
                found, true = await at_once(
                    desk,
                    partial(market.fetch_order_book, name, depth),
                    partial(desk.truth.market.fetch_order_book, true_name(desk), depth),
                )
                for mine, theirs in ((found.bids, true.bids), (found.asks, true.asks)):
                    assert len(mine) >= min(depth, len(theirs)), "fewer levels than there are"
                    assert list(mine) == list(theirs[: len(mine)])

        use(body, FAKE)

    def test_x121_the_top_is_the_venues(self, use: Use) -> None:
        """Prices and sizes."""

        async def body(desk: Desk) -> None:
            market, name = desk.exchange.market, desk.instrument.id
            found, true = await at_once(
                desk, partial(market.fetch_bbo, name), partial(desk.truth.market.fetch_bbo, true_name(desk))
            )
            assert (found.bid, found.bid_size) == (true.bid, true.bid_size)
            assert (found.ask, found.ask_size) == (true.ask, true.ask_size)

        use(body, FAKE)

    def test_x122_the_time_of_a_book_is_the_venues(self, use: Use) -> None:
        """Nanoseconds of the venue's clock: a book says by it how old it is."""

        async def body(desk: Desk) -> None:
            await desk.sleep(MINUTE_NS)
            book = await desk.exchange.market.fetch_order_book(desk.instrument.id, 5)
            assert abs(book.ts_event_ns - desk.ground.now_ns) < MINUTE_NS, "another unit, or another clock"
            assert book.ts_init_ns == desk.now_ns

        use(body, FAKE)

    def test_x123_an_answer_that_cannot_be_read_is_no_book(self, use: Use) -> None:
        """An error of our tree, or the book of a stream while it is the venue's; the next read works."""

        async def body(desk: Desk) -> None:
            market, name = desk.exchange.market, desk.instrument.id
            for answer in (NO_JSON, EMPTY_OBJECT, EMPTY_LIST, NULL):
                with desk.ground.answering(answer):
                    await fails_or_knows(desk)
                    told = await outcome(market.fetch_bbo(name))
                    assert isinstance(told, ExchangeError) or 0 < told.bid < told.ask
            check_book(await market.fetch_order_book(name, 5), desk)

        use(body, FAKE)

    def test_x124_a_failing_server_is_an_error(self, use: Use) -> None:
        """A page of a proxy is neither a book nor an exception of the JSON library."""

        async def body(desk: Desk) -> None:
            with desk.ground.answering(PROXY_PAGE):
                await fails_or_knows(desk)
            check_book(await desk.exchange.market.fetch_order_book(desk.instrument.id, 5), desk)

        use(body, FAKE)

    def test_x125_no_connection_is_an_error_of_our_tree(self, use: Use) -> None:
        """And it heals by itself."""

        async def body(desk: Desk) -> None:
            desk.ground.wire.is_refusing = True
            await fails_or_knows(desk)
            desk.ground.wire.is_refusing = False
            check_book(await desk.exchange.market.fetch_order_book(desk.instrument.id, 5), desk)

        use(body, FAKE)

    def test_x126_a_read_that_gets_no_answer_ends(self, use: Use) -> None:
        """Within a minute: whoever waits for ever neither trades nor closes."""

        async def body(desk: Desk) -> None:
            began_ns = desk.now_ns
            desk.ground.wire.delay_ns = 10 * MINUTE_NS
            await fails_or_knows(desk)
            assert desk.now_ns - began_ns <= MINUTE_NS
            desk.ground.wire.delay_ns = 0

        use(body, FAKE)


async def fails_or_knows(desk: Desk) -> None:
    """Assert that a book is refused; a plugin that keeps one from a stream may give it while it is the venue's."""
    told = await outcome(desk.exchange.market.fetch_order_book(desk.instrument.id, 5))
    if not isinstance(told, ExchangeError):
        assert is_current(applied([told]), desk), "a book out of nothing"
