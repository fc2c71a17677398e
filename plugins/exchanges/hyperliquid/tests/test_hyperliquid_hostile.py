"""A sick venue: what cannot be true ends in an error that says so, and nothing stops for ever."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pytest

from arb.api import BadResponse
from arb.model import OrderStatus
from arb.testing import listening

if TYPE_CHECKING:
    from plugins.exchanges.hyperliquid.tests.conftest import Play, Stage

    from arb_exchange_hyperliquid._orders import Ready


def test_no_message_ends_the_streams(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        far = '{"channel": "l2Book", "data": {"coin": "ETH", "time": 1e99999999999999999999}}'
        noise: list[str | bytes] = [
            far,
            "[" * 100_000,
            b"\xff\x00",
            '{"channel": ["l2Book"]}',
            "7",
            '{"channel": "trades"}',
        ]
        stage.wire.tamper = lambda message: [noise.pop(), message] if noise else [message]
        async with stage.client() as exchange:
            instrument = await stage.instrument(exchange)
            assert exchange.streams is not None
            async with listening(exchange.streams.watch_order_book(instrument.id)) as heard:
                await stage.sleep(60)
            assert not noise
            assert len(heard) > 5

    play(scene)


@pytest.mark.parametrize("change", [lambda time: time * 1000, lambda time: time + 20 * 3_600_000, lambda _: -1])
def test_a_time_of_the_venue_that_cannot_be_true_is_not_signed_for(play: Play, change: Callable[[int], int]) -> None:
    # A nonce or an expiry in the far future would shut the key out of trading, or leave an order valid for ever.
    async def scene(stage: Stage) -> None:
        async with stage.client() as exchange:
            assert (await stage.sent(exchange, "before")).status is OrderStatus.FILLED
            stage.edit["exchangeStatus"] = lambda answer: {**answer, "time": change(answer["time"])}
            await stage.sleep(15 * 60)  # the samples so far are old
            await exchange.market.fetch_stats()
            order = await stage.trading(exchange).prepare_order(await stage.order(exchange, "during"))
            signed = cast("Ready", order.payload).signed
            assert signed.expires_ns <= stage.clock.now_ns() + 60 * 10**9
            body = json.loads(signed.body)
            assert abs(body["nonce"] - stage.now_ms) < 60_000
            assert abs(body["expiresAfter"] - stage.now_ms) < 60_000
            stage.edit.clear()
            assert (await stage.sent(exchange, "after")).status is OrderStatus.FILLED

    play(scene)


def test_a_market_that_gets_another_number_is_not_believed(play: Play) -> None:
    # The number of a market is its place in the list: one row less, and every order goes to another coin.
    async def scene(stage: Stage) -> None:
        async with stage.client() as exchange:
            order = await stage.order(exchange, "close")
            stage.edit["metaAndAssetCtxs"] = lambda answer: [
                {**answer[0], "universe": answer[0]["universe"][1:]},
                answer[1][1:],
            ]
            await stage.sleep(5)
            with pytest.raises(BadResponse, match="has the numbers"):
                await exchange.market.fetch_instruments()
            trading = stage.trading(exchange)
            assert (await trading.send_order(await trading.prepare_order(order))).status is OrderStatus.FILLED

    play(scene)


def test_a_market_that_vanishes_can_still_be_closed(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client() as exchange:
            last = (await exchange.market.fetch_instruments())[-1]
            order = await stage.order(exchange, "close", instrument=last, quantity=last.lot_size * 100)
            stage.edit["metaAndAssetCtxs"] = lambda answer: [
                {**answer[0], "universe": answer[0]["universe"][:-1]},
                answer[1][:-1],
            ]
            await stage.sleep(5)
            assert last.id not in {one.id for one in await exchange.market.fetch_instruments()}
            trading = stage.trading(exchange)
            assert (await trading.send_order(await trading.prepare_order(order))).filled_quantity > 0
            assert [one.instrument for one in await trading.fetch_positions()] == [last.id]

    play(scene)


def test_states_none_of_which_can_be_read_are_told_as_that(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        def broken(answer: Any) -> Any:
            return [answer[0], [{**state, "openInterest": "NaN", "funding": []} for state in answer[1]]]

        async with stage.client() as exchange:
            stage.edit["metaAndAssetCtxs"] = broken
            for read in (exchange.market.fetch_stats, exchange.market.fetch_funding_rates):
                await stage.sleep(5)
                with pytest.raises(BadResponse):
                    await read()

    play(scene)


def test_the_state_of_another_order_is_not_taken_for_ours(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client() as exchange:
            order = await stage.sent(exchange, "mine")
            stage.edit["orderStatus"] = lambda answer: {
                **answer,
                "order": {**answer["order"], "order": {**answer["order"]["order"], "cloid": "0x" + "9" * 32}},
            }
            with pytest.raises(BadResponse, match="another order"):
                await stage.trading(exchange).fetch_order(order.request.instrument, order.request.client_order_id)

    play(scene)
