"""Exchange kit: clocks that disagree."""

from __future__ import annotations

from typing import Final

from arb.api import AuthenticationFailed, Capability, ExchangeError
from arb.model import MINUTE_NS, SECOND_NS, Order, OrderStatus

from ._kit_desk import Desk
from ._kit_exchange_base import ExchangeCases, Use
from ._kit_exchange_checks import outcome, same_time, true_held, true_orders
from ._kit_ground import FAKE

_SKEW_NS: Final = 30 * SECOND_NS
_SKEWS: Final = (_SKEW_NS, -_SKEW_NS)
_LAG_NS: Final = 5 * SECOND_NS
_LOOKED_AT: Final = ("fetch_account", "fetch_balances", "fetch_leverage", "fetch_open_orders", "fetch_positions")
_REFUSALS: Final = 10


class ClockCases(ExchangeCases):
    """Clocks that disagree."""

    group = "clock"

    def test_x260_public_data_need_no_right_clock(self, use: Use) -> None:
        """Half a minute ahead or behind, books, rates and prices are read."""

        async def body(desk: Desk) -> None:
            market, name = desk.exchange.market, desk.instrument.id
            assert (await market.fetch_order_book(name, 5)).bids
            assert await market.fetch_stats()

        for ahead_ns in _SKEWS:
            use(body, FAKE, ahead_ns=ahead_ns)

    def test_x261_a_clock_that_is_ahead_trades_or_says_why_not(self, use: Use) -> None:
        """AuthenticationFailed that speaks of the clock, or an order that fills once."""

        async def body(desk: Desk) -> None:
            await _trades_or_says_why(desk)

        use(body, Capability.TRADING, FAKE, ahead_ns=_SKEW_NS)

    def test_x262_a_clock_that_is_behind_trades_or_says_why_not(self, use: Use) -> None:
        """The same, the other way."""

        async def body(desk: Desk) -> None:
            await _trades_or_says_why(desk)

        use(body, Capability.TRADING, FAKE, ahead_ns=-_SKEW_NS)

    def test_x263_times_of_events_are_the_venues(self, use: Use) -> None:
        """Books, prices, orders and fills carry its time, whatever our clock shows."""

        async def body(desk: Desk) -> None:
            market, name, now_ns = desk.exchange.market, desk.instrument.id, desk.ground.now_ns
            assert abs((await market.fetch_order_book(name, 5)).ts_event_ns - now_ns) <= _LAG_NS, "the book's"
            request = await desk.request()
            if isinstance(await outcome(desk.send(request)), ExchangeError):
                return  # said why in X-261
            order = await desk.trading.fetch_order(name, request.client_order_id)
            true = (await true_orders(desk))[-1]
            assert same_time(order.ts_event_ns, true.ts_event_ns, SECOND_NS), "the order's"
            fills = await desk.trading.fetch_fills(true.ts_event_ns - MINUTE_NS)
            assert all(same_time(fill.ts_event_ns, true.ts_event_ns, SECOND_NS) for fill in fills), "a fill's"
            assert fills

        for ahead_ns in _SKEWS:
            use(body, Capability.TRADING, FAKE, ahead_ns=ahead_ns)

    def test_x264_a_late_order_is_void_with_a_wrong_clock_too(self, use: Use) -> None:
        """A clock that is ahead must not make orders valid for longer than the traits promise."""

        async def body(desk: Desk) -> None:
            traits = desk.exchange.traits
            prepared = await desk.trading.prepare_order(await desk.request())
            desk.ground.wire.delay_ns = traits.order_validity_ns + traits.read_after_write_ns + SECOND_NS
            await outcome(desk.trading.send_order(prepared))
            desk.ground.wire.delay_ns = 0
            await desk.sleep(MINUTE_NS)
            assert await true_orders(desk) == []

        use(body, Capability.TRADING, FAKE, ahead_ns=_SKEW_NS)

    def test_x265_history_is_asked_by_the_venues_time(self, use: Use) -> None:
        """With a clock that is behind, the last fill is still found."""

        async def body(desk: Desk) -> None:
            start_ns = desk.ground.now_ns
            if isinstance(await outcome(desk.send(await desk.request())), ExchangeError):
                return  # said why in X-262
            assert len(await desk.trading.fetch_fills(start_ns)) == len(desk.truth.venue.fills(start_ns)) > 0

        use(body, Capability.TRADING, FAKE, ahead_ns=-_SKEW_NS)

    def test_x266_another_clock_finds_the_orders_of_the_run_before(self, use: Use) -> None:
        """The clock is a minute earlier or later after a restart, and what was filled before it is found by its id."""

        async def body(desk: Desk) -> None:
            request = await desk.request()
            if isinstance(await outcome(desk.send(request)), ExchangeError):
                return  # said why in
            desk.ground.ahead_ns = -desk.ground.ahead_ns
            async with desk.again() as restarted:
                told = await outcome(restarted.trading.fetch_order(desk.instrument.id, request.client_order_id))
            if not isinstance(told, AuthenticationFailed):  # which speaks of the clock
                assert isinstance(told, Order), f"{told!r}"
                assert (told.status, told.filled_quantity) == (OrderStatus.FILLED, request.quantity)

        for ahead_ns in _SKEWS:
            use(body, Capability.TRADING, FAKE, ahead_ns=ahead_ns)

    def test_x267_a_refused_time_keeps_nobody_from_opening(self, use: Use) -> None:
        """The plugin goes by the venue's own clock: no person has to mend it, and there may be hedges elsewhere."""

        async def body(desk: Desk) -> None:
            for operation in _LOOKED_AT:
                for _ in range(_REFUSALS):
                    refused = AuthenticationFailed("timestamp outside of the window", code="timestamp")
                    desk.ground.script.plan(operation, before=refused)
            told = await outcome(_opened(desk))
            # What is signed by a session has that refused, and not its time.
            assert isinstance(told, str) or not _speaks_of_the_clock(told), f"{told!r}"

        use(body, Capability.TRADING, FAKE)


async def _trades_or_says_why(desk: Desk) -> None:
    request = await desk.request()
    told = await outcome(desk.send(request))
    if isinstance(told, ExchangeError):
        assert isinstance(told, AuthenticationFailed), f"{told!r}"
        assert _speaks_of_the_clock(told), f"no advice: {told}"
        assert await true_orders(desk) == []
    else:
        assert await desk.held() == await true_held(desk) == request.quantity


async def _opened(desk: Desk) -> str:
    async with desk.again() as restarted:
        return restarted.exchange.name


def _speaks_of_the_clock(error: ExchangeError) -> bool:
    return any(word in str(error).lower() for word in ("clock", "time"))
