from __future__ import annotations

import asyncio

import pytest

from arb.api import BadResponse, Rejected
from arb.testing import FakeContext, Fault, MemoryExchange
from arb_price_source_rest.plugin import arb_price_sources


def test_an_answer_for_another_instrument_names_both() -> None:
    async def case() -> None:
        exchange = MemoryExchange("venue", prices={"BTC": 50_000, "ETH": 3_000})
        other = await exchange.market.fetch_order_book(exchange.id_of("ETH"), 5)
        exchange.faults.always("fetch_order_book", Fault(book=other))
        (spec,) = arb_price_sources()
        async with spec.open(spec.settings(), FakeContext("rest")) as source:
            with pytest.raises(BadResponse, match=r"venue: .*BTC-PERP\.venue.*ETH-PERP\.venue") as caught:
                await source.fetch_order_book(exchange, exchange.id_of("BTC"), 5)
        assert caught.value.code == "wrong_instrument"

    asyncio.run(case())


def test_the_exchanges_own_error_comes_through_unchanged() -> None:
    async def case() -> None:
        exchange = MemoryExchange("venue")
        fault = Fault.rejected("no_such_market")
        exchange.faults.always("fetch_order_book", fault)
        (spec,) = arb_price_sources()
        async with spec.open(spec.settings(), FakeContext("rest")) as source:
            with pytest.raises(Rejected, match="refused") as caught:
                await source.fetch_order_book(exchange, exchange.id_of("BTC"), 5)
        assert caught.value is fault.error

    asyncio.run(case())
