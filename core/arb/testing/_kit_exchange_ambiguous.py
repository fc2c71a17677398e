"""Exchange kit: ambiguous outcomes."""

from __future__ import annotations

from functools import partial
from typing import Final

import pytest

from arb.api import (
    BadResponse,
    Capability,
    ExchangeError,
    HttpResponse,
    NotSent,
    OutcomeUnknown,
    Rejected,
    UnknownOrder,
)
from arb.model import MINUTE_NS, SECOND_NS, Order, OrderRequest, OrderStatus

from ._kit_desk import Desk
from ._kit_exchange_base import ExchangeCases, Use
from ._kit_exchange_checks import (
    EMPTY_LIST,
    EMPTY_OBJECT,
    NO_JSON,
    NULL,
    PROXY_PAGE,
    in_doubt,
    outcome,
    resting,
    true_held,
    true_orders,
)
from ._kit_ground import FAKE
from ._kit_wire import Cut

EMPTY: Final = HttpResponse(status=200, headers={}, body=b"")
STRANGE: Final = (
    HttpResponse(status=400, headers={}, body=b'{"code": "zz_never_documented", "message": "zz", "error": "zz"}'),
    HttpResponse(status=409, headers={}, body=b"short and stout"),
    HttpResponse(status=404, headers={}, body=b"<html>Not Found</html>"),
)
"""Answers that are in no venue's documents."""


class AmbiguousCases(ExchangeCases):
    """Ambiguous outcomes."""

    group = "ambiguous"

    def test_x180_an_order_whose_answer_is_lost_is_in_doubt(self, use: Use) -> None:
        """It filled, and only a read tells: found by our id, filled once."""

        async def body(desk: Desk) -> None:
            await _happened(desk, OutcomeUnknown("lost"))

        use(body, Capability.TRADING, FAKE)

    def test_x181_an_order_that_is_lost_on_its_way_is_in_doubt(self, use: Use) -> None:
        """It never came, and only a read tells."""

        async def body(desk: Desk) -> None:
            await _never_came(desk, OutcomeUnknown("lost"))

        use(body, Capability.TRADING, FAKE)

    def test_x182_an_order_whose_answer_is_cut_off_is_in_doubt(self, use: Use) -> None:
        """Half a JSON document is no answer."""

        async def body(desk: Desk) -> None:
            await _happened(desk, Cut(NO_JSON))

        use(body, Capability.TRADING, FAKE)

    def test_x183_an_order_whose_answer_is_garbled_is_in_doubt(self, use: Use) -> None:
        """The venue answered, and nobody can read it."""

        async def body(desk: Desk) -> None:
            await _happened(desk, BadResponse("garbled"))

        use(body, Capability.TRADING, FAKE)

    def test_x184_an_order_answered_by_a_failing_proxy_is_in_doubt(self, use: Use) -> None:
        """502 and a page of HTML: the order may be behind it, and it was."""

        async def body(desk: Desk) -> None:
            await _happened(desk, Cut(PROXY_PAGE))

        use(body, Capability.TRADING, FAKE)

    def test_x185_an_order_that_a_failing_proxy_swallowed_is_in_doubt(self, use: Use) -> None:
        """The same answer, and it was not."""

        async def body(desk: Desk) -> None:
            await _never_came(desk, Cut(PROXY_PAGE))

        use(body, Capability.TRADING, FAKE)

    def test_x186_an_order_that_times_out_is_in_doubt(self, use: Use) -> None:
        """Silence until our own timeout; the order filled long before."""

        async def body(desk: Desk) -> None:
            await _happened(desk, Cut(None))

        use(body, Capability.TRADING, FAKE)

    def test_x187_an_answer_of_success_without_content_is_in_doubt(self, use: Use) -> None:
        """An empty object, an empty list, null or nothing says neither yes nor no."""

        async def body(desk: Desk) -> None:
            for answer in (EMPTY_OBJECT, EMPTY_LIST, NULL, EMPTY):
                await _happened(desk, Cut(answer))

        use(body, Capability.TRADING, FAKE)

    def test_x188_a_refusal_in_no_table_is_not_certain(self, use: Use) -> None:
        """A code that the venue never documented may mean anything: never Rejected."""

        async def body(desk: Desk) -> None:
            for answer in STRANGE:
                await _happened(desk, Cut(answer))

        use(body, Capability.TRADING, FAKE)

    def test_x189_an_order_that_could_not_leave_is_not_rejected(self, use: Use) -> None:
        """No connection: certain that nothing happened, and no refusal of the venue."""

        async def body(desk: Desk) -> None:
            prepared = await desk.trading.prepare_order(await desk.request())
            desk.ground.wire.is_refusing = True
            told = await outcome(desk.trading.send_order(prepared))
            desk.ground.wire.is_refusing = False
            assert isinstance(told, NotSent | OutcomeUnknown), f"{told!r}"
            assert await true_orders(desk) == []
            assert await desk.held() == 0

        use(body, Capability.TRADING, FAKE)

    def test_x190_the_same_id_after_a_doubt_never_fills_twice(self, use: Use) -> None:
        """Whoever sends again in doubt does so with the same id: one fill at most."""

        async def body(desk: Desk) -> None:
            request = await desk.request()
            desk.ground.script.plan("send_order", after=OutcomeUnknown("lost"))
            await in_doubt(desk, request)
            await outcome(desk.send(request))
            assert await true_held(desk) == await desk.held() == request.quantity

        use(body, Capability.TRADING, FAKE)

    def test_x191_an_order_that_comes_too_late_is_void(self, use: Use) -> None:
        """`order_validity_ns` is a promise: after it an order that was not found never comes any more."""

        async def body(desk: Desk) -> None:
            traits = desk.exchange.traits
            prepared = await desk.trading.prepare_order(await desk.request())
            desk.ground.wire.delay_ns = traits.order_validity_ns + traits.read_after_write_ns + SECOND_NS
            told = await outcome(desk.trading.send_order(prepared))
            desk.ground.wire.delay_ns = 0
            assert isinstance(told, ExchangeError), "the venue took an order that had to be void"
            await desk.sleep(MINUTE_NS)
            assert await true_orders(desk) == []

        use(body, Capability.TRADING, FAKE)

    def test_x192_an_order_that_comes_late_is_found(self, use: Use) -> None:
        """Half of the validity on its way, and our own patience is over or not: by its end it is found."""

        async def body(desk: Desk) -> None:
            request = await desk.request()
            prepared = await desk.trading.prepare_order(request)
            desk.ground.wire.delay_ns = desk.exchange.traits.order_validity_ns // 2
            told = await outcome(desk.trading.send_order(prepared))
            desk.ground.wire.delay_ns = 0
            assert not isinstance(told, Rejected | NotSent), f"{told!r}"
            await desk.sleep(desk.exchange.traits.order_validity_ns)
            await desk.caught_up()
            await _found_once(desk, request)

        use(body, Capability.TRADING, FAKE)

    def test_x193_absence_is_not_proved_by_a_failure(self, use: Use) -> None:
        """A read that fails is an error, never UnknownOrder: the order would be sent again."""

        async def body(desk: Desk) -> None:
            request = await desk.request()
            await desk.send(request)
            for answer in (NO_JSON, PROXY_PAGE, EMPTY_OBJECT, EMPTY_LIST, NULL, *STRANGE):
                with desk.ground.answering(answer):
                    told = await outcome(desk.trading.fetch_order(desk.instrument.id, request.client_order_id))
                assert not isinstance(told, Rejected), f"{type(told).__name__} out of {answer.body!r}"
                if isinstance(told, Order):  # known already, such as from the account's stream
                    assert (told.status, told.filled_quantity) == (OrderStatus.FILLED, request.quantity)

        use(body, Capability.TRADING, FAKE)

    def test_x194_a_failed_read_never_says_flat(self, use: Use) -> None:
        """Positions, balances, open orders and fills raise, or are what they are: empty would be a statement."""

        async def body(desk: Desk) -> None:
            start_ns = desk.now_ns
            await desk.send(await desk.request())
            await desk.send(await resting(desk))
            for answer in (NO_JSON, PROXY_PAGE, EMPTY_OBJECT, NULL):
                with desk.ground.answering(answer):
                    for read in (
                        desk.trading.fetch_positions,
                        desk.trading.fetch_balances,
                        desk.trading.fetch_open_orders,
                        partial(desk.trading.fetch_fills, start_ns),
                    ):
                        told = await outcome(read())
                        assert isinstance(told, ExchangeError) or len(told) == 1, f"{told} out of {answer.body!r}"

        use(body, Capability.TRADING, FAKE)


async def _happened(desk: Desk, after: Exception) -> None:
    """Let an order fill and its answer be lost in this way; then it is found, once."""
    request = await desk.request()
    desk.ground.script.plan("send_order", after=after)
    before = await true_held(desk)
    await in_doubt(desk, request)
    assert desk.ground.script.is_used_up, "the order did not reach the venue"
    assert await true_held(desk) == before + request.quantity, "filled more than once"
    await _found_once(desk, request, before=len(await true_orders(desk)) - 1)


async def _never_came(desk: Desk, before: Exception) -> None:
    """Let an order be lost in this way; then its absence is known, and the same id may be refused or work."""
    request = await desk.request()
    desk.ground.script.plan("send_order", before=before)
    await in_doubt(desk, request)
    assert desk.ground.script.is_used_up, "the order did not reach the venue"
    assert await true_orders(desk) == []
    assert await desk.held() == 0
    with pytest.raises(UnknownOrder):
        await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)


async def _found_once(desk: Desk, request: OrderRequest, before: int = 0) -> None:
    orders = await true_orders(desk)
    assert len(orders) == before + 1, "one order became several"
    order = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
    assert order.status is OrderStatus.FILLED
    assert order.filled_quantity == request.quantity == orders[-1].filled_quantity
    assert await desk.held() == await true_held(desk)
