"""Exchange kit: names of instruments, and what a contract is."""

from __future__ import annotations

import re
from functools import partial
from typing import Final

from arb.api import Capability
from arb.model import InstrumentStatus

from ._kit_desk import Desk
from ._kit_exchange_base import ExchangeCases, Use
from ._kit_exchange_checks import at_once, near, resting, true_orders
from ._kit_ground import FAKE

_DENOMINATED: Final = re.compile(r"1000+[A-Z]|[kM][A-Z]{2}")


class SymbolCases(ExchangeCases):
    """Names of instruments, and what a contract is."""

    group = "symbols"

    def test_x110_symbols_and_ids_are_one_to_one(self, use: Use) -> None:
        """Two ids never share a symbol: an order would go to the wrong market."""

        async def body(desk: Desk) -> None:
            listed = await desk.exchange.market.fetch_instruments()
            assert len({each.symbol for each in listed}) == len(listed)
            assert all(each.symbol for each in listed)

        use(body)

    def test_x111_the_base_is_an_asset_not_a_contract(self, use: Use) -> None:
        """`PEPE`, not `kPEPE` or `1000PEPE`: another venue's contract of the same asset has to meet it."""

        async def body(desk: Desk) -> None:
            for each in await desk.exchange.market.fetch_instruments():
                assert not _DENOMINATED.match(each.base), f"{each.id}: {each.base} is a contract of many"
                assert each.base == each.base.strip(), f"{each.id}: {each.base!r}"

        use(body)

    def test_x112_one_contract_is_as_much_of_the_asset_as_the_venue_says(self, use: Use) -> None:
        """The multiplier of every instrument is the venue's."""

        async def body(desk: Desk) -> None:
            true = {(each.base, each.quote): each for each in await desk.truth.market.fetch_instruments()}
            for mine in await desk.exchange.market.fetch_instruments():
                assert mine.multiplier == true[mine.base, mine.quote].multiplier, f"{mine.id}: multiplier"

        use(body, FAKE)

    def test_x113_every_instrument_has_its_own_market(self, use: Use) -> None:
        """Book, prices and funding asked by one id are never another instrument's."""

        async def body(desk: Desk) -> None:
            market = desk.exchange.market
            true = {(each.base, each.quote): each.id for each in await desk.truth.market.fetch_instruments()}
            for each in await market.fetch_instruments():
                name = true[each.base, each.quote]
                found, wanted = await at_once(
                    desk, partial(market.fetch_bbo, each.id), partial(desk.truth.market.fetch_bbo, name)
                )
                assert found.instrument == each.id
                assert (found.bid, found.ask) == (wanted.bid, wanted.ask), f"{each.id}: another market's book"

        use(body, FAKE)

    def test_x114_an_order_goes_to_its_own_market(self, use: Use) -> None:
        """For each instrument that trades: what is sent by its id rests there, in contracts."""

        async def body(desk: Desk) -> None:
            for each in await desk.exchange.market.fetch_instruments():
                if each.status is not InstrumentStatus.TRADING:
                    continue
                other = Desk(desk.exchange, desk.context, each, desk.ground)
                request = await resting(other)
                await other.send(request)
                order = (await true_orders(other))[-1].request
                listed = desk.truth.venue.instruments[order.instrument]
                assert (listed.base, listed.quote) == (each.base, each.quote)
                assert order.quantity == request.quantity, "contracts, not units of the asset"
                await other.trading.cancel_all(each.id)

        use(body, Capability.TRADING, FAKE)

    def test_x115_the_currency_of_an_instrument_is_priced(self, use: Use) -> None:
        """Every quote currency has a rate to the US dollar, and it is the venue's."""

        async def body(desk: Desk) -> None:
            found, true = await at_once(desk, desk.exchange.market.fetch_fx_rates, desk.truth.market.fetch_fx_rates)
            for currency, rate in found.items():
                if currency in true:
                    assert near(rate, true[currency], part="0.001"), f"{currency}: {rate}"

        use(body, FAKE)
