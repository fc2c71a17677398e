"""The conformance kit of price sources."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import pytest

from arb.api import Context, ExchangeError, OutcomeUnknown, PriceSource, PriceSourceSpec
from arb.model import SECOND_NS

from ._fakes_exchange import MemoryExchange
from ._fakes_faults import Fault
from ._kit import Conformance

Body = Callable[[PriceSource, MemoryExchange], Awaitable[None]]
Use = Callable[[Body], None]


class PriceSourceConformance(Conformance):
    """Cases P-001 to P-011, against a MemoryExchange."""

    group = "behaviour"
    hook = "arb_price_sources"
    spec_type = PriceSourceSpec

    @pytest.fixture
    def use(
        self,
        make: Callable[[Context], AbstractAsyncContextManager[PriceSource]],
        context: Callable[[], Context],
        play: Callable[[Callable[[], Awaitable[None]]], None],
    ) -> Use:
        """Return a function that runs a case with an open source and an exchange to read from."""

        def run(body: Body) -> None:
            async def case() -> None:
                lent = context()
                exchange = MemoryExchange("venue", clock=lent.clock, prices={"BTC": 50_000, "ETH": 3_000})
                async with make(lent) as source:
                    await body(source, exchange)

            play(case)

        return run

    def test_p005_it_reads_the_book_that_was_asked_for(self, use: Use) -> None:
        """The exchange's book, sorted, of that instrument."""

        async def body(source: PriceSource, exchange: MemoryExchange) -> None:
            assert isinstance(source, PriceSource)
            for base in ("BTC", "ETH"):
                name = exchange.id_of(base)
                book = await source.fetch_order_book(exchange, name, 5)
                expected = await exchange.market.fetch_order_book(name, 5)
                assert (book.instrument, book.bids, book.asks) == (name, expected.bids, expected.asks)

        use(body)

    def test_p006_it_delivers_the_depth_that_was_asked_for(self, use: Use) -> None:
        """At least as many levels a side as the venue has, up to `depth`."""

        async def body(source: PriceSource, exchange: MemoryExchange) -> None:
            name = exchange.id_of("BTC")
            exchange.set_price(name, 50_000, levels=30)
            book = await source.fetch_order_book(exchange, name, 20)
            assert min(len(book.bids), len(book.asks)) >= 20

        use(body)

    def test_p007_each_call_reads_now(self, use: Use) -> None:
        """Keeping books is the cache's work: a changed book shows at the next call."""

        async def body(source: PriceSource, exchange: MemoryExchange) -> None:
            name = exchange.id_of("BTC")
            first = await source.fetch_order_book(exchange, name, 5)
            exchange.set_price(name, 40_000)
            await exchange.clock.sleep_until(exchange.clock.now_ns() + SECOND_NS)
            second = await source.fetch_order_book(exchange, name, 5)
            assert second.asks[0].price < first.bids[0].price

        use(body)

    def test_p008_a_failure_is_an_error_of_our_tree(self, use: Use) -> None:
        """No empty or old book stands in for an answer that did not come."""

        async def body(source: PriceSource, exchange: MemoryExchange) -> None:
            lost = Fault(error=OutcomeUnknown("scripted: no answer"))
            for operation in ("fetch_order_book", "fetch_bbo"):
                exchange.faults.always(operation, lost)
            with pytest.raises(ExchangeError):
                await source.fetch_order_book(exchange, exchange.id_of("BTC"), 5)
            for operation in ("fetch_order_book", "fetch_bbo"):
                exchange.faults.always(operation, None)
            await source.fetch_order_book(exchange, exchange.id_of("BTC"), 5)

        use(body)

    def test_p009_an_unknown_instrument_is_an_error(self, use: Use) -> None:
        """Never a book of something else."""

        async def body(source: PriceSource, exchange: MemoryExchange) -> None:
            with pytest.raises(ExchangeError):
                await source.fetch_order_book(exchange, exchange.id_of("NOSUCHCOIN"), 5)

        use(body)

    def test_p010_another_instruments_answer_is_refused(self, use: Use) -> None:
        """A venue or proxy that mixes up answers must not set a price."""

        async def body(source: PriceSource, exchange: MemoryExchange) -> None:
            other = await exchange.market.fetch_order_book(exchange.id_of("ETH"), 5)
            exchange.faults.always("fetch_order_book", Fault(book=other))
            with pytest.raises(ExchangeError):
                await source.fetch_order_book(exchange, exchange.id_of("BTC"), 5)

        use(body)

    def test_p011_a_cancelled_read_ends_and_the_next_works(self, use: Use) -> None:
        """Cancellation passes through."""

        async def body(source: PriceSource, exchange: MemoryExchange) -> None:
            name = exchange.id_of("BTC")
            exchange.faults.once("fetch_order_book", Fault(delay_ns=60 * SECOND_NS))
            reading = asyncio.create_task(source.fetch_order_book(exchange, name, 5))
            await exchange.clock.sleep_until(exchange.clock.now_ns() + SECOND_NS)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            assert (await source.fetch_order_book(exchange, name, 5)).instrument == name

        use(body)
