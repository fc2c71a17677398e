"""A sick venue: what cannot be true ends in an error that says so, and nothing stays broken after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from arb.api import BadResponse, HttpRequest, NotSent
from arb.model import OrderStatus

Play = Callable[..., None]


def changing(path: str, change: Callable[[Any], Any]) -> Callable[[HttpRequest, Any], Any]:
    def changed(request: HttpRequest, body: Any) -> Any:
        return change(body) if f"/{path}?" in request.url else body

    return changed


@pytest.mark.parametrize("nonce", [-1, -(10**9), 1 << 63, "x", None])
def test_a_nonce_that_is_none_is_asked_for_again(play: Play, nonce: Any) -> None:
    async def body(desk: Any) -> None:
        unchanged = desk.line.change
        # The answer to a transaction that cannot be read makes the next one ask for its nonce.
        desk.line.change = lambda request, found: {} if request.url.endswith("/sendTx") else found
        with pytest.raises(BadResponse):
            await desk.send(await desk.request())
        desk.line.change = changing("nextNonce", lambda found: {**found, "nonce": nonce})
        with pytest.raises(NotSent, match="nonce"):
            await desk.send(await desk.request())
        desk.line.change = unchanged
        assert (await desk.send(await desk.request())).status is OrderStatus.FILLED

    play(body)


@pytest.mark.parametrize("sign", [1000, -7, 0])
def test_a_position_with_no_sign_is_not_read(play: Play, sign: int) -> None:
    async def body(desk: Any) -> None:
        await desk.send(await desk.request())

        def change(found: Any) -> Any:
            found["accounts"][0]["positions"][0]["sign"] = sign
            return found

        desk.line.change = changing("account", change)
        with pytest.raises(BadResponse, match=r"sign|side"):
            await desk.trading.fetch_positions()

    play(body)


def test_an_order_of_no_market_cannot_be_read(play: Play) -> None:
    async def body(desk: Any) -> None:
        request = await desk.request()
        await desk.send(request)
        desk.line.change = changing(
            "accountOrders",
            lambda found: {**found, "orders": [{**row, "market_index": "1e4"} for row in found["orders"]]},
        )
        with pytest.raises(BadResponse):
            await desk.trading.fetch_order(request.instrument, request.client_order_id)

    play(body, settings={"live_reads": False})


def test_a_market_with_impossible_steps_is_left_out_alone(play: Play) -> None:
    async def body(desk: Any) -> None:
        listed = {one.id for one in await desk.exchange.market.fetch_instruments()}

        def change(found: Any) -> Any:
            found["order_book_details"][-1]["price_decimals"] = -(10**28)
            return found

        desk.line.change = changing("orderBookDetails", change)
        assert len({one.id for one in await desk.exchange.market.fetch_instruments()}) == len(listed) - 1

    play(body)
