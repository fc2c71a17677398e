"""Exchange kit: the account as a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from arb.api import Capability
from arb.model import MINUTE_NS, SECOND_NS, ZERO, Fill, FundingPayment, Order, OrderRequest, OrderStatus, Side

from ._kit_desk import Desk
from ._kit_exchange_base import ExchangeCases, Use
from ._kit_exchange_checks import GARBAGE, LAST_UNIT, near, resting
from ._kit_ground import FAKE
from ._kit_streams import listening

_SOON_NS: Final = 30 * SECOND_NS
_STREAM_WAIT_NS: Final = _SOON_NS
_RECOVERY_NS: Final = 5 * MINUTE_NS


class AccountStreamCases(ExchangeCases):
    """The account as a stream."""

    group = "account_stream"

    def test_x070_the_account_stream_tells_of_orders_and_fills(self, use: Use) -> None:
        """Whoever listens before an order is sent hears of it and of its fills."""

        async def body(desk: Desk) -> None:
            assert desk.exchange.streams is not None
            heard: list[object] = []

            async def listen() -> None:
                assert desk.exchange.streams is not None
                async for message in desk.exchange.streams.watch_account():
                    heard.append(message)

            listening = asyncio.create_task(listen())
            await desk.context.clock.sleep_until(desk.now_ns + SECOND_NS)
            order = await desk.send(await desk.request())
            await desk.context.clock.sleep_until(desk.now_ns + _STREAM_WAIT_NS)
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            name = order.request.client_order_id
            assert any(isinstance(each, Order) and each.request.client_order_id == name for each in heard)
            filled = [each.quantity for each in heard if isinstance(each, Fill) and each.client_order_id == name]
            assert sum(filled, ZERO) == order.filled_quantity

        use(body, Capability.TRADING, Capability.ACCOUNT_STREAM)

    def test_x250_every_fill_is_told_once(self, use: Use) -> None:
        """With what the venue booked: instrument, side, quantity, price and fee."""

        async def body(desk: Desk) -> None:
            async with listening(desk.streams.watch_account()) as heard:
                await desk.sleep(10 * SECOND_NS)
                start_ns = desk.ground.now_ns
                for side in (Side.BUY, Side.SELL, Side.BUY):
                    await desk.send(await desk.request(side))
                    await desk.sleep(SECOND_NS)
                await desk.sleep(_SOON_NS)
                _same_fills(fills_of(heard), desk.truth.venue.fills(start_ns))

        use(body, Capability.TRADING, Capability.ACCOUNT_STREAM, FAKE)

    def test_x251_an_order_is_followed_to_its_end(self, use: Use) -> None:
        """Open, then cancelled: the last that is told of it is final."""

        async def body(desk: Desk) -> None:
            async with listening(desk.streams.watch_account()) as heard:
                await desk.sleep(10 * SECOND_NS)
                request = await resting(desk)
                await desk.send(request)
                await desk.sleep(_SOON_NS)
                assert [order.status for order in orders_of(heard, request)][-1:] == [OrderStatus.OPEN]
                await desk.trading.cancel_order(desk.instrument.id, request.client_order_id)
                await desk.sleep(_SOON_NS)
                assert [order.status for order in orders_of(heard, request)][-1:] == [OrderStatus.CANCELLED]

        use(body, Capability.TRADING, Capability.ACCOUNT_STREAM)

    def test_x252_after_a_broken_socket_it_goes_on(self, use: Use) -> None:
        """What happens after it is told."""

        async def body(desk: Desk) -> None:
            async with listening(desk.streams.watch_account()) as heard:
                await desk.sleep(10 * SECOND_NS)
                for socket in desk.ground.wire.open_sockets:
                    socket.drop()
                await desk.sleep(_RECOVERY_NS)
                await _tells_of_a_new_order(desk, heard)

        use(body, Capability.TRADING, Capability.ACCOUNT_STREAM, FAKE)

    def test_x253_a_silent_socket_is_given_up(self, use: Use) -> None:
        """A quiet account is no excuse: the venue's heartbeat, or an answer to a ping, tells silence from quiet."""

        async def body(desk: Desk) -> None:
            async with listening(desk.streams.watch_account()) as heard:
                await desk.sleep(10 * SECOND_NS)
                for socket in desk.ground.wire.open_sockets:
                    socket.is_silent = True
                await desk.sleep(_RECOVERY_NS)
                await _tells_of_a_new_order(desk, heard)

        use(body, Capability.TRADING, Capability.ACCOUNT_STREAM, FAKE)

    def test_x254_a_half_open_socket_is_given_up(self, use: Use) -> None:
        """Nothing comes and nothing arrives."""

        async def body(desk: Desk) -> None:
            async with listening(desk.streams.watch_account()) as heard:
                await desk.sleep(10 * SECOND_NS)
                for socket in desk.ground.wire.open_sockets:
                    socket.is_silent = socket.is_deaf = True
                await desk.sleep(_RECOVERY_NS)
                await _tells_of_a_new_order(desk, heard)

        use(body, Capability.TRADING, Capability.ACCOUNT_STREAM, FAKE)

    def test_x255_what_happened_meanwhile_is_not_lost(self, use: Use) -> None:
        """A fill while the socket was broken: told later, or found by a read, and never told as a new one."""

        async def body(desk: Desk) -> None:
            start_ns = desk.ground.now_ns
            async with listening(desk.streams.watch_account()) as heard:
                await desk.sleep(10 * SECOND_NS)
                for socket in desk.ground.wire.open_sockets:
                    socket.drop()
                request = await desk.request()
                await desk.send(request)
                await desk.sleep(_RECOVERY_NS)
                true = desk.truth.venue.fills(start_ns)
                read = await desk.trading.fetch_fills(start_ns)
                assert [fill.quantity for fill in read] == [fill.quantity for fill in true]
                told = [fill.fill_id for fill in fills_of(heard)]
                assert len(set(told)) == len(told), "a fill was told twice"
                assert set(told) <= {fill.fill_id for fill in read}, "stream and read name one fill differently"

        use(body, Capability.TRADING, Capability.ACCOUNT_STREAM, FAKE)

    def test_x256_stream_and_read_name_a_fill_alike(self, use: Use) -> None:
        """The same id, price, quantity and fee: else the ledger books it twice."""

        async def body(desk: Desk) -> None:
            async with listening(desk.streams.watch_account()) as heard:
                await desk.sleep(10 * SECOND_NS)
                start_ns = desk.now_ns
                await desk.send(await desk.request())
                await desk.sleep(_SOON_NS)
                told = {fill.fill_id: fill for fill in fills_of(heard)}
                read = {fill.fill_id: fill for fill in await desk.trading.fetch_fills(start_ns)}
                assert set(told) == set(read)
                for name, fill in told.items():
                    for field in ("client_order_id", "exchange_order_id", "side", "price", "quantity", "fee"):
                        assert getattr(fill, field) == getattr(read[name], field), field

        use(body, Capability.TRADING, Capability.ACCOUNT_STREAM, FAKE)

    def test_x257_an_order_never_goes_back(self, use: Use) -> None:
        """Filled quantities grow, and nothing becomes open after it was final."""

        async def body(desk: Desk) -> None:
            async with listening(desk.streams.watch_account()) as heard:
                await desk.sleep(10 * SECOND_NS)
                for request in (await desk.request(), await resting(desk), await desk.request(Side.SELL)):
                    await desk.send(request)
                    await desk.sleep(_SOON_NS)
                for socket in desk.ground.wire.open_sockets if desk.has_ground else ():
                    socket.drop()
                await desk.sleep(_RECOVERY_NS)
                latest: dict[str, Order] = {}
                for order in heard:
                    if isinstance(order, Order):
                        before = latest.get(order.request.client_order_id)
                        if before is not None:
                            assert order.filled_quantity >= before.filled_quantity
                            assert order.status.is_final or not before.status.is_final
                        latest[order.request.client_order_id] = order

        use(body, Capability.TRADING, Capability.ACCOUNT_STREAM)

    def test_x258_a_message_that_cannot_be_read_does_not_end_it(self, use: Use) -> None:
        """It goes on, and a read still finds what the message said."""

        async def body(desk: Desk) -> None:
            async with listening(desk.streams.watch_account()) as heard:
                await desk.sleep(10 * SECOND_NS)
                for garbage in GARBAGE:
                    desk.ground.wire.garble(garbage)
                    await desk.send(await resting(desk))
                    await desk.sleep(_RECOVERY_NS)
                    await _tells_of_a_new_order(desk, heard)

        use(body, Capability.TRADING, Capability.ACCOUNT_STREAM, FAKE)

    def test_x259_it_begins_when_the_venue_can_be_reached(self, use: Use) -> None:
        """Refused for minutes, it tries again by itself."""

        async def body(desk: Desk) -> None:
            desk.ground.wire.is_refusing = True
            async with listening(desk.streams.watch_account()) as heard:
                await desk.sleep(5 * MINUTE_NS)
                desk.ground.wire.is_refusing = False
                await desk.sleep(_RECOVERY_NS)
                await _tells_of_a_new_order(desk, heard)

        use(body, Capability.TRADING, Capability.ACCOUNT_STREAM, FAKE)


def fills_of(heard: Sequence[object]) -> list[Fill]:
    """Return the fills among what was heard."""
    return [each for each in heard if isinstance(each, Fill)]


def orders_of(heard: Sequence[object], request: OrderRequest) -> list[Order]:
    """Return the reports of one order among what was heard."""
    name = request.client_order_id
    return [each for each in heard if isinstance(each, Order) and each.request.client_order_id == name]


async def _tells_of_a_new_order(desk: Desk, heard: list[Order | Fill | FundingPayment]) -> None:
    request = await desk.request()
    await desk.send(request)
    await desk.sleep(_SOON_NS)
    filled = [fill.quantity for fill in fills_of(heard) if fill.client_order_id == request.client_order_id]
    assert sum(filled, ZERO) == request.quantity, "the stream is deaf, or tells a fill twice"


def _same_fills(found: Sequence[Fill], true: Sequence[Fill]) -> None:
    assert len({fill.fill_id for fill in found}) == len(found) == len(true), f"{len(found)} fills, not {len(true)}"
    for mine, theirs in zip(found, true, strict=True):
        assert (mine.side, mine.quantity, mine.price) == (theirs.side, theirs.quantity, theirs.price)
        assert near(mine.fee, theirs.fee, most=str(LAST_UNIT)), f"fee {mine.fee} instead of {theirs.fee}"
