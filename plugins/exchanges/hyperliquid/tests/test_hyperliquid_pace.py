"""What waits for the venue's limits, and what does not."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from arb.api import HttpRequest, HttpResponse, NotSent, RateLimited, Rejected, UnknownOrder
from arb.model import ClientOrderId, MarginMode

if TYPE_CHECKING:
    from plugins.exchanges.hyperliquid.tests.conftest import Play, Stage

    from arb.api import Exchange


async def limited(stage: Stage, exchange: Exchange, seconds: int) -> None:
    """Let the venue ask for a pause."""

    def refuse(request: HttpRequest) -> HttpResponse | None:
        is_book = json.loads(request.body).get("type") == "l2Book"
        return HttpResponse(status=429, headers={"Retry-After": str(seconds)}, body=b"null") if is_book else None

    stage.wire.answer = refuse
    with pytest.raises(RateLimited):
        await exchange.market.fetch_bbo((await stage.instrument(exchange)).id)
    stage.wire.answer = None


async def until_limited(read: Callable[[], Awaitable[object]]) -> int:
    """Return how often something can be read until our own budget is used up."""
    done = 0
    with suppress(RateLimited):
        while True:
            await read()
            done += 1
    return done


def validity_ms(stage: Stage) -> int:
    """Return how long the last action was still valid when it left."""
    (left_ns, request) = stage.wire.log[-1]
    assert request.url.endswith("/exchange")
    return int(json.loads(request.body)["expiresAfter"]) - left_ns // 1_000_000


def test_a_cancel_is_signed_after_it_has_waited(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client({"order_validity": "2s"}) as exchange:
            sent = await stage.sent(exchange, "a", away=True)
            await limited(stage, exchange, 2)
            began_ns = stage.clock.now_ns()
            await stage.trading(exchange).cancel_order(sent.request.instrument, ClientOrderId("a"))
            assert stage.clock.now_ns() - began_ns == 2 * 10**9
            assert validity_ms(stage) == 2_000

    play(scene)


def test_leverage_that_has_waited_long_is_still_valid(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client() as exchange:
            eth = await stage.instrument(exchange)
            await stage.sent(exchange, "a", away=True)
            await limited(stage, exchange, 7)
            await stage.trading(exchange).set_leverage(eth.id, eth.margin_tiers[0].max_leverage, MarginMode.CROSS)
            assert validity_ms(stage) == 5_000

    play(scene)


def test_an_order_that_has_expired_while_it_waited_does_not_leave(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client({"order_validity": "2s"}) as exchange:
            ready = await stage.trading(exchange).prepare_order(await stage.order(exchange, "a"))
            await limited(stage, exchange, 2)
            with pytest.raises(NotSent, match="expired"):
                await stage.trading(exchange).send_order(ready)
            assert "/exchange" not in [path for path, _ in stage.requests]

    play(scene)


def test_a_limited_action_makes_everything_wait(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client() as exchange:
            ready = await stage.trading(exchange).prepare_order(await stage.order(exchange, "a"))
            refusal = HttpResponse(status=429, headers={"Retry-After": "20"}, body=b"null")
            stage.wire.answer = lambda request: refusal if request.url.endswith("/exchange") else None
            with pytest.raises(RateLimited):
                await stage.trading(exchange).send_order(ready)
            began_ns = stage.clock.now_ns()
            await stage.trading(exchange).fetch_positions()
            assert stage.clock.now_ns() - began_ns == 20 * 10**9

    play(scene)


def test_an_answer_that_has_come_is_not_held_back_for_its_rows(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client() as exchange:
            sent = await stage.sent(exchange, "a")

            def many(rows: list[Any]) -> list[Any]:
                return [*rows, *[{**rows[0], "time": 0}] * 1_900]  # outside of what was asked for

            stage.edit["userFillsByTime"] = many
            began_ns, before = stage.clock.now_ns(), len(stage.requests)
            instrument, name = sent.request.instrument, ClientOrderId("a")
            found = await until_limited(lambda: stage.trading(exchange).fetch_order(instrument, name))
            asked = [body for _, body in stage.requests[before:] if body["type"] == "userFillsByTime"]
            assert (found, stage.clock.now_ns()) == (len(asked), began_ns)
            assert 5 < found < 12, "the rows count"

    play(scene)


def test_why_a_cancel_was_refused_is_asked_at_once(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client() as exchange:
            sent = await stage.sent(exchange, "a")
            now_ns, instrument = stage.clock.now_ns(), sent.request.instrument
            await until_limited(lambda: stage.trading(exchange).fetch_funding_payments(now_ns))
            await until_limited(lambda: exchange.market.fetch_bbo(instrument))
            began_ns = stage.clock.now_ns()
            with pytest.raises(Rejected) as caught:
                await stage.trading(exchange).cancel_order(sent.request.instrument, ClientOrderId("a"))
            assert not isinstance(caught.value, UnknownOrder)
            assert stage.clock.now_ns() == began_ns

    play(scene)
