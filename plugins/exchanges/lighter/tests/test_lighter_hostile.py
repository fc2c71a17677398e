"""A sick venue: what cannot be true ends in an error that says so, and nothing stays broken after it."""

from __future__ import annotations

from typing import Any

import pytest

from arb.api import BadResponse, NotSent
from arb.model import OrderStatus
from arb.testing import Bench, BenchDesk


@pytest.mark.parametrize("nonce", [-1, -(10**9), 1 << 63, "x", None])
def test_a_nonce_that_is_none_is_asked_for_again(bench: Bench, nonce: Any) -> None:
    async def body(desk: BenchDesk) -> None:
        # The answer to a transaction that cannot be read makes the next one ask for its nonce.
        desk.wire.change_json("/sendTx", lambda _: {})
        with pytest.raises(BadResponse):
            await desk.send(await desk.request())
        desk.wire.change_json("/nextNonce", lambda found: {**found, "nonce": nonce})
        with pytest.raises(NotSent, match="nonce"):
            await desk.send(await desk.request())
        desk.wire.change = None
        assert (await desk.send(await desk.request())).status is OrderStatus.FILLED

    bench(body)


@pytest.mark.parametrize("sign", [1000, -7, 0])
def test_a_position_with_no_sign_is_not_read(bench: Bench, sign: int) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.request())

        def change(found: Any) -> Any:
            found["accounts"][0]["positions"][0]["sign"] = sign
            return found

        desk.wire.change_json("/account", change)
        with pytest.raises(BadResponse, match=r"sign|side"):
            await desk.trading.fetch_positions()

    bench(body)


def test_an_order_of_no_market_cannot_be_read(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.request()
        await desk.send(request)
        desk.wire.change_json(
            "/accountOrders",
            lambda found: {**found, "orders": [{**row, "market_index": "1e4"} for row in found["orders"]]},
        )
        with pytest.raises(BadResponse):
            await desk.trading.fetch_order(request.instrument, request.client_order_id)

    bench(body, settings={"live_reads": False})


def test_a_market_with_impossible_steps_is_left_out_alone(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        listed = {one.id for one in await desk.exchange.market.fetch_instruments()}

        def change(found: Any) -> Any:
            found["order_book_details"][-1]["price_decimals"] = -(10**28)
            return found

        desk.wire.change_json("/orderBookDetails", change)
        assert len({one.id for one in await desk.exchange.market.fetch_instruments()}) == len(listed) - 1

    bench(body)
