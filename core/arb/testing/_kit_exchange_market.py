"""Exchange kit: public data (X-005 to X-033)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from typing import Any, Final

import pytest

from arb.api import Capability, Context, Exchange, ExchangeError, ExchangeSpec
from arb.model import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    BookDelta,
    FundingKind,
    FundingRate,
    InstrumentId,
    OrderBook,
    Side,
    exchange_of,
)

from ._kit import Conformance, require
from ._kit_desk import Desk

Body = Callable[[Desk], Awaitable[None]]
Use = Callable[..., None]

STREAMS: Final = frozenset({Capability.BOOK_STREAM, Capability.TRADE_STREAM, Capability.ACCOUNT_STREAM})
_LISTEN_NS: Final = 30 * SECOND_NS
_NOWHERE: Final = "NOSUCHCOIN-PERP"


def check_book(book: OrderBook, desk: Desk) -> None:
    """Assert what every book of the desk's instrument has to be."""
    tick = desk.instrument.tick_size
    assert book.instrument == desk.instrument.id
    for levels, sign in ((book.bids, -1), (book.asks, 1)):
        prices = [level.price for level in levels]
        assert prices == sorted(set(prices), key=lambda price: price * sign), f"not sorted, or a price twice: {prices}"
        assert all(level.size > 0 and level.price > 0 for level in levels), "a level without size or price"
        assert all(price % tick == 0 for price in prices), f"a price that is no multiple of the tick {tick}"
    if book.bids and book.asks:
        assert book.bids[0].price < book.asks[0].price, "crossed"
    assert book.ts_init_ns <= desk.now_ns, "received in the future"


class ExchangeMarketCases(Conformance):
    """Cases X-001 to X-033."""

    hook = "arb_exchanges"
    spec_type = ExchangeSpec

    @pytest.fixture
    def use(
        self,
        spec: ExchangeSpec,
        make: Callable[[Context], AbstractAsyncContextManager[Exchange]],
        context: Callable[[], Context],
        play: Callable[[Callable[[], Awaitable[None]]], None],
        options: Mapping[str, Any],
    ) -> Use:
        """Return a function that runs a case on an open exchange, if it declares what the case needs."""

        def run(body: Body, *needed: Capability) -> None:
            require(spec.capabilities, *needed)

            async def case() -> None:
                lent = context()
                async with make(lent) as exchange:
                    desk = await Desk.open(exchange, lent, options)
                    try:
                        await body(desk)
                    finally:
                        if Capability.TRADING in exchange.capabilities:
                            await desk.flatten()

            play(case)

        return run

    def test_x005_what_opens_keeps_what_the_spec_declares(self, spec: ExchangeSpec, use: Use) -> None:
        """Capabilities are among the declared ones, and the sides they promise are there."""

        async def body(desk: Desk) -> None:
            exchange = desk.exchange
            assert isinstance(exchange, Exchange)
            assert exchange.name == desk.context.name, "an exchange has its name from the configuration"
            assert exchange.capabilities <= spec.capabilities, "more than the spec declares"
            assert (Capability.TRADING in exchange.capabilities) == (exchange.trading is not None)
            assert bool(STREAMS & exchange.capabilities) <= (exchange.streams is not None)

        use(body)

    def test_x006_instruments_have_usable_rules(self, use: Use) -> None:
        """Ids are unique and end with the exchange; fees are fractions; margin tiers ascend."""

        async def body(desk: Desk) -> None:
            instruments = await desk.exchange.market.fetch_instruments()
            assert len({each.id for each in instruments}) == len(instruments), "an id twice"
            for each in instruments:
                assert exchange_of(each.id) == desk.exchange.name
                assert each.base
                assert each.quote
                assert each.min_quantity >= 0 <= each.min_notional
                assert each.max_quantity is None or each.max_quantity >= each.min_quantity
                for fee in (each.fees.maker, each.fees.taker):
                    assert abs(fee) < Decimal("0.02"), f"{each.id}: fee {fee} looks like percent, not a fraction"
                bounds = [tier.max_notional for tier in each.margin_tiers]
                finite = [bound for bound in bounds if bound is not None]
                assert finite == sorted(finite)
                assert None not in bounds[:-1]
                for tier in each.margin_tiers:
                    assert 0 < tier.maintenance_rate < 1 <= tier.max_leverage
                interval = each.funding_interval_ns
                assert interval is None or 0 <= interval <= DAY_NS

        use(body)

    def test_x007_rounding_never_worsens_an_order(self, use: Use) -> None:
        """Quantities round down to the lot; limit prices to the tick, never past the one asked."""

        async def body(desk: Desk) -> None:
            instrument, uneven = desk.instrument, Decimal("1.0000000000123")
            quantity = await desk.quantity() * uneven
            assert 0 <= quantity - instrument.floor_quantity(quantity) < instrument.lot_size
            for side in Side:
                price = await desk.price(side) * uneven
                assert 0 <= (price - instrument.limit_price(side, price)) * side.sign < instrument.tick_size

        use(body)

    def test_x008_rules_are_the_same_when_read_twice(self, use: Use) -> None:
        """Two reads in a row agree but for their time."""

        async def body(desk: Desk) -> None:
            first, second = [
                {each.id: (each.tick_size, each.lot_size, each.multiplier, each.min_notional) for each in listed}
                for listed in [await desk.exchange.market.fetch_instruments() for _ in range(2)]
            ]
            assert first == second

        use(body)

    def test_x009_traits_are_sane(self, use: Use) -> None:
        """No wait is negative or takes an hour: another unit, such as milliseconds, would show."""

        async def body(desk: Desk) -> None:
            traits = desk.exchange.traits
            for wait_ns in (traits.read_after_write_ns, traits.order_validity_ns):
                assert 0 <= wait_ns < HOUR_NS, f"{traits}: a wait of {wait_ns} ns"
            assert traits.client_order_id_length > 0
            assert traits.history_ns >= 0

        use(body)

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

    def test_x015_stats_are_positive_or_unknown(self, use: Use) -> None:
        """What the venue does not publish is None, never zero; every row is a listed instrument."""

        async def body(desk: Desk) -> None:
            listed = {each.id for each in await desk.exchange.market.fetch_instruments()}
            rows = await desk.exchange.market.fetch_stats()
            assert desk.instrument.id in {row.instrument for row in rows}
            for row in rows:
                assert row.instrument in listed
                for price in (row.mark_price, row.index_price):
                    assert price is None or price > 0
                for amount in (row.volume_24h, row.open_interest):
                    assert amount is None or amount >= 0

        use(body)

    def test_x016_fx_rates_are_positive(self, use: Use) -> None:
        """A currency the venue does not price is left out."""

        async def body(desk: Desk) -> None:
            assert all(rate > 0 for rate in (await desk.exchange.market.fetch_fx_rates()).values())

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

    def test_x020_predicted_funding_has_unit_interval_and_payment_time(self, use: Use) -> None:
        """A plausible fraction per hour, to be paid in the future within one interval."""

        async def body(desk: Desk) -> None:
            intervals = {each.id: each.funding_interval_ns for each in await desk.exchange.market.fetch_instruments()}
            rates = await desk.exchange.market.fetch_funding_rates()
            assert len({rate.instrument for rate in rates}) == len(rates), "two rates of one instrument"
            assert desk.instrument.id in {rate.instrument for rate in rates}
            for rate in rates:
                _check_rate(rate, FundingKind.PREDICTED)
                known = intervals[rate.instrument]
                assert known is None or known == rate.interval_ns, "rate and instrument state different intervals"
                assert rate.next_funding_ns is not None
                assert desk.now_ns < rate.next_funding_ns <= desk.now_ns + max(rate.interval_ns, HOUR_NS)

        use(body, Capability.PREDICTED_FUNDING)

    def test_x021_settled_funding_is_whole_and_in_order(self, use: Use) -> None:
        """Settled rates only, oldest first, inside the window, none twice, windows add up."""

        async def body(desk: Desk) -> None:
            market, name = desk.exchange.market, desk.instrument.id
            end_ns = desk.now_ns
            start_ns, middle_ns = end_ns - 3 * DAY_NS, end_ns - DAY_NS
            whole = list(await market.fetch_funding_history(name, start_ns, end_ns))
            stamps = [rate.ts_event_ns for rate in whole]
            assert stamps == sorted(set(stamps))
            assert all(start_ns <= stamp < end_ns for stamp in stamps)
            for rate in whole:
                assert rate.instrument == name
                _check_rate(rate, FundingKind.SETTLED)
                assert rate.next_funding_ns is None
            early = list(await market.fetch_funding_history(name, start_ns, middle_ns))
            late = list(await market.fetch_funding_history(name, middle_ns, end_ns))
            assert [rate.ts_event_ns for rate in early + late] == stamps
            assert list(await market.fetch_funding_history(name, end_ns, end_ns)) == []

        use(body, Capability.FUNDING_HISTORY)

    def test_x030_a_book_stream_starts_with_a_snapshot_and_has_no_gap(self, use: Use) -> None:
        """Then deltas that continue it, or new snapshots."""

        async def body(desk: Desk) -> None:
            assert desk.exchange.streams is not None
            stream = desk.exchange.streams.watch_order_book(desk.instrument.id)
            first = await anext(stream)
            assert isinstance(first, OrderBook)
            check_book(first, desk)
            sequence = first.sequence
            for update in await _heard(desk, stream):
                if isinstance(update, BookDelta):
                    assert update.previous == sequence, "a gap without a new snapshot"
                else:
                    check_book(update, desk)
                sequence = update.sequence

        use(body, Capability.BOOK_STREAM)


async def _heard(desk: Desk, stream: AsyncIterator[OrderBook | BookDelta]) -> list[OrderBook | BookDelta]:
    """Return what a stream says within half a minute, which in a quiet market may be nothing."""
    heard: list[OrderBook | BookDelta] = []

    async def listen() -> None:
        async for update in stream:
            heard.append(update)

    listening = asyncio.create_task(listen())
    await desk.context.clock.sleep_until(desk.now_ns + _LISTEN_NS)
    assert not listening.done(), "a stream never ends: it reconnects"
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    return heard


def _check_rate(rate: FundingRate, kind: FundingKind) -> None:
    assert rate.kind is kind
    assert rate.unit.factor > 0 < rate.unit.period_ns
    assert rate.interval_ns >= 0
    assert abs(rate.per_hour) < Decimal("0.01"), f"{rate.instrument}: {rate.per_hour} an hour: is the unit right?"
