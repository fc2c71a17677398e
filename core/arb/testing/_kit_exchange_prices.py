"""Exchange kit: mark and index prices, activity, currencies."""

from __future__ import annotations

from arb.model import MarketStats

from ._kit_desk import Desk
from ._kit_exchange_base import REMEMBERED_NS, ExchangeCases, Use
from ._kit_exchange_checks import EMPTY_OBJECT, NO_JSON, PROXY_PAGE, at_once, fails, near
from ._kit_ground import FAKE


class PriceCases(ExchangeCases):
    """Mark and index prices, activity, currencies."""

    group = "prices"

    def test_x015_stats_are_positive_or_unknown(self, use: Use) -> None:
        """What the venue does not publish is None, never zero; every row is a listed instrument."""

        async def body(desk: Desk) -> None:
            listed = {each.id for each in await desk.exchange.market.fetch_instruments()}
            rows = await desk.exchange.market.fetch_stats()
            assert desk.instrument.id in {row.instrument for row in rows}
            for row in rows:
                assert row.instrument in listed
                for price in (row.mark_price, row.index_price):
                    assert price is None or price > 0
                for amount in (row.volume_24h, row.open_interest):
                    assert amount is None or amount >= 0

        use(body)

    def test_x016_fx_rates_are_positive(self, use: Use) -> None:
        """A currency the venue does not price is left out."""

        async def body(desk: Desk) -> None:
            assert all(rate > 0 for rate in (await desk.exchange.market.fetch_fx_rates()).values())

        use(body)

    def test_x127_prices_are_the_venues(self, use: Use) -> None:
        """Mark and index of every instrument; neither stands for the other."""

        async def body(desk: Desk) -> None:
            for row, true in await _pairs(desk):
                for mine, theirs in ((row.mark_price, true.mark_price), (row.index_price, true.index_price)):
                    assert mine is None or (theirs is not None and near(mine, theirs, part="0.00002")), row.instrument
                assert row.mark_price is not None, f"{row.instrument}: the venue publishes a mark price"

        use(body, FAKE)

    def test_x128_activity_is_in_quote_currency(self, use: Use) -> None:
        """Volume and open interest, where they are given: not in contracts, and not each other."""

        async def body(desk: Desk) -> None:
            for row, true in await _pairs(desk):
                for mine, theirs in ((row.volume_24h, true.volume_24h), (row.open_interest, true.open_interest)):
                    if mine is not None and theirs is not None:
                        assert near(mine, theirs, part="0.01"), f"{row.instrument}: {mine} instead of {theirs}"

        use(body, FAKE)

    def test_x129_unreadable_prices_are_no_prices(self, use: Use) -> None:
        """They raise: an empty list would say that nothing is known of anything.

        An answer of a moment ago may be remembered.
        """

        async def body(desk: Desk) -> None:
            await desk.sleep(REMEMBERED_NS)
            for answer in (NO_JSON, PROXY_PAGE, EMPTY_OBJECT):
                with desk.ground.answering(answer):
                    await fails(desk.exchange.market.fetch_stats())
            assert await desk.exchange.market.fetch_stats()

        use(body, FAKE)


async def _pairs(desk: Desk) -> list[tuple[MarketStats, MarketStats]]:
    """Return each row as the plugin gives it and as it is."""
    found, true = await at_once(desk, desk.exchange.market.fetch_stats, desk.truth.market.fetch_stats)
    by_name = {row.instrument: row for row in true}
    pairs = [(row, by_name[row.instrument]) for row in found if row.instrument in by_name]
    assert pairs, "no row of an instrument that the venue has"
    return pairs
