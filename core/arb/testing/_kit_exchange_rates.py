"""Exchange kit: the rate budget."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from arb.api import (
    BadResponse,
    Capability,
    ExchangeError,
    HttpRequest,
    HttpResponse,
    OutcomeUnknown,
    RateLimited,
)
from arb.model import DAY_NS, SECOND_NS, OrderBook, OrderStatus, Side

from ._kit_desk import Desk
from ._kit_exchange_base import ExchangeCases, Use
from ._kit_exchange_checks import check_book, listed, outcome, resting, true_orders
from ._kit_ground import FAKE

_STORM: Final = 400
_AT_ONCE_NS: Final = 2 * SECOND_NS
_RETRY_NS: Final = 7 * SECOND_NS
TOO_MANY: Final = HttpResponse(status=429, headers={"Retry-After": "7"}, body=b'{"code": "too_many"}')

Read = asyncio.Task[OrderBook | ExchangeError]


class RateCases(ExchangeCases):
    """The rate budget."""

    group = "rate_budget"

    def test_x240_a_storm_of_reads_leaves_cancels_through(self, use: Use) -> None:
        """Hundreds of reads wait; a cancel does not, and is never refused by our own limiter."""

        async def body(desk: Desk) -> None:
            request = await resting(desk)
            await desk.send(request)
            async with storm(desk):
                began_ns = desk.now_ns
                await desk.trading.cancel_order(desk.instrument.id, request.client_order_id)
                assert desk.now_ns - began_ns <= _AT_ONCE_NS, "the cancel stood in line behind the reads"
                assert (await true_orders(desk))[-1].status is OrderStatus.CANCELLED

        use(body, Capability.TRADING, FAKE)

    def test_x241_a_storm_of_reads_leaves_closes_through(self, use: Use) -> None:
        """A reduce-only order reduces risk as well."""

        async def body(desk: Desk) -> None:
            await desk.send(await desk.request())
            close = await desk.trading.prepare_order(
                await desk.request(Side.SELL, quantity=await desk.held(), reduce_only=True)
            )
            async with storm(desk):
                began_ns = desk.now_ns
                await desk.trading.send_order(close)
                assert desk.now_ns - began_ns <= _AT_ONCE_NS, "the close stood in line behind the reads"

        use(body, Capability.TRADING, FAKE)

    def test_x242_a_storm_of_reads_leaves_cancelling_all_through(self, use: Use) -> None:
        """As a halt does."""

        async def body(desk: Desk) -> None:
            await desk.send(await resting(desk))
            async with storm(desk):
                began_ns = desk.now_ns
                await desk.trading.cancel_all()
                assert desk.now_ns - began_ns <= _AT_ONCE_NS, "it stood in line behind the reads"
            await desk.sleep(60 * SECOND_NS)  # the storm may have used a whole minute's budget up
            assert await listed(desk) == []

        use(body, Capability.TRADING, FAKE)

    def test_x243_every_read_of_a_storm_ends(self, use: Use) -> None:
        """With its own answer, or with RateLimited; none is lost, none raises anything else."""

        async def body(desk: Desk) -> None:
            async with storm(desk) as reads:
                pass
            for told in await asyncio.gather(*reads):
                assert isinstance(told, OrderBook | RateLimited), f"{told!r}"
                if isinstance(told, OrderBook):
                    assert told.instrument == desk.instrument.id

        use(body, FAKE)

    def test_x244_the_venues_too_many_requests_is_heeded(self, use: Use) -> None:
        """After 429 nothing that reduces no risk is sent for as long as the venue asked."""

        async def body(desk: Desk) -> None:
            wire, market, name = desk.ground.wire, desk.exchange.market, desk.instrument.id
            wire.answer = once(TOO_MANY)
            began_ns = desk.now_ns
            told: object = await outcome(market.fetch_order_book(name, 5))
            if not [sent for sent in wire.log if sent[0] >= began_ns]:
                told = await outcome(market.fetch_instruments())  # books come from a stream here
            assert isinstance(told, RateLimited) or desk.now_ns - began_ns >= _RETRY_NS, f"{told!r}"
            refused = len([sent for sent in wire.log if sent[0] >= began_ns])
            again = asyncio.ensure_future(outcome(market.fetch_instruments()))
            await desk.context.clock.sleep_until(began_ns + _RETRY_NS - SECOND_NS)
            assert len([sent for sent in wire.log if sent[0] >= began_ns]) == refused, "it went on asking"
            wire.answer = None
            await again
            await desk.sleep(_RETRY_NS)
            check_book(await market.fetch_order_book(name, 5), desk)

        use(body, FAKE)

    def test_x245_too_many_requests_tells_how_long(self, use: Use) -> None:
        """`retry_after_ns` is what the venue said."""

        async def body(desk: Desk) -> None:
            desk.ground.wire.answer = once(TOO_MANY)
            told = await outcome(desk.exchange.market.fetch_order_book(desk.instrument.id, 5))
            if isinstance(told, ExchangeError):
                assert isinstance(told, RateLimited), f"{told!r}"
                assert told.retry_after_ns is not None
                assert abs(told.retry_after_ns - _RETRY_NS) <= SECOND_NS, f"{told.retry_after_ns} ns"

        use(body, FAKE)

    def test_x246_an_order_refused_by_the_rate_limit_was_not_sent(self, use: Use) -> None:
        """429 answers an order: RateLimited, certain that nothing happened, and so it is."""

        async def body(desk: Desk) -> None:
            prepared = await desk.trading.prepare_order(await desk.request())
            desk.ground.wire.answer = once(TOO_MANY)
            told = await outcome(desk.trading.send_order(prepared))
            desk.ground.wire.answer = None
            assert isinstance(told, RateLimited | OutcomeUnknown | BadResponse), f"{told!r}"
            assert await true_orders(desk) == []

        use(body, Capability.TRADING, FAKE)

    def test_x247_two_accounts_of_one_machine_share_its_limit(self, use: Use) -> None:
        """The venue counts by address: two plugins together send no faster than one."""

        async def body(desk: Desk) -> None:
            async with storm(desk) as alone:
                pass
            await asyncio.gather(*alone)
            single, was_paced = desk.ground.wire.busiest(SECOND_NS), desk.ground.wire.span_ns > 0
            await desk.sleep(DAY_NS)
            desk.ground.wire.log.clear()
            async with desk.again() as other, storm(desk) as mine, storm(other) as theirs:
                pass
            await asyncio.gather(*mine, *theirs)
            if was_paced:
                assert desk.ground.wire.busiest(SECOND_NS) <= single, "each has a limit of its own"

        use(body, FAKE)


@asynccontextmanager
async def storm(desk: Desk) -> AsyncIterator[list[Read]]:
    """Let hundreds of reads be under way during the block, and end before it ends."""
    market, name = desk.exchange.market, desk.instrument.id
    reads = [asyncio.create_task(outcome(market.fetch_order_book(name, 5))) for _ in range(_STORM)]
    await desk.sleep(0)
    try:
        yield reads
    finally:
        await asyncio.gather(*reads, return_exceptions=True)


def once(answer: HttpResponse) -> Callable[[HttpRequest], HttpResponse | None]:
    """Return what answers one request in this way and lets the others pass."""
    left = [answer]
    return lambda request: left.pop() if left else None
