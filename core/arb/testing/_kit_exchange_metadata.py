"""Exchange kit: rules of instruments, and rounding by them."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from arb.model import DAY_NS, Instrument, Side, exchange_of

from ._kit_desk import Desk
from ._kit_exchange_base import REMEMBERED_NS, ExchangeCases, Use
from ._kit_exchange_checks import EMPTY_OBJECT, NO_JSON, PROXY_PAGE, fails
from ._kit_ground import FAKE

_MOST_DIGITS: Final = 18
"""More than any venue writes, less than a float has when it is written out."""


class MetadataCases(ExchangeCases):
    """Rules of instruments, and rounding by them."""

    group = "metadata"

    def test_x006_instruments_have_usable_rules(self, use: Use) -> None:
        """Ids are unique and end with the exchange; fees are fractions; margin tiers ascend."""

        async def body(desk: Desk) -> None:
            instruments = await desk.exchange.market.fetch_instruments()
            assert len({each.id for each in instruments}) == len(instruments), "an id twice"
            for each in instruments:
                assert exchange_of(each.id) == desk.exchange.name
                assert each.base
                assert each.quote
                assert each.min_quantity >= 0 <= each.min_notional
                assert each.max_quantity is None or each.max_quantity >= each.min_quantity
                for fee in (each.fees.maker, each.fees.taker):
                    assert abs(fee) < Decimal("0.02"), f"{each.id}: fee {fee} looks like percent, not a fraction"
                bounds = [tier.max_notional for tier in each.margin_tiers]
                finite = [bound for bound in bounds if bound is not None]
                assert finite == sorted(finite)
                assert None not in bounds[:-1]
                for tier in each.margin_tiers:
                    assert 0 < tier.maintenance_rate < 1 <= tier.max_leverage
                interval = each.funding_interval_ns
                assert interval is None or 0 <= interval <= DAY_NS

        use(body)

    def test_x007_rounding_never_worsens_an_order(self, use: Use) -> None:
        """Quantities round down to the lot; limit prices to the tick, never past the one asked."""

        async def body(desk: Desk) -> None:
            instrument, uneven = desk.instrument, Decimal("1.0000000000123")
            quantity = await desk.quantity() * uneven
            assert 0 <= quantity - instrument.floor_quantity(quantity) < instrument.lot_size
            for side in Side:
                price = await desk.price(side) * uneven
                assert 0 <= (price - instrument.limit_price(side, price)) * side.sign < instrument.tick_size

        use(body)

    def test_x008_rules_are_the_same_when_read_twice(self, use: Use) -> None:
        """Two reads in a row agree but for their time."""

        async def body(desk: Desk) -> None:
            first, second = [
                {each.id: (each.tick_size, each.lot_size, each.multiplier, each.min_notional) for each in listed}
                for listed in [await desk.exchange.market.fetch_instruments() for _ in range(2)]
            ]
            assert first == second

        use(body)

    def test_x100_ticks_lots_and_minimums_are_the_venues(self, use: Use) -> None:
        """Exactly: a tick that is too fine is refused, one that is too coarse gives money away."""

        async def body(desk: Desk) -> None:
            for mine, true in await _pairs(desk):
                for field in ("tick_size", "lot_size", "min_quantity", "min_notional", "closing_min_notional"):
                    assert getattr(mine, field) == getattr(true, field), f"{mine.id}: {field}"

        use(body, FAKE)

    def test_x101_fees_are_the_accounts(self, use: Use) -> None:
        """Maker and taker, as fractions; a rebate is negative."""

        async def body(desk: Desk) -> None:
            for mine, true in await _pairs(desk):
                assert mine.fees == true.fees, f"{mine.id}: fees"

        use(body, FAKE)

    def test_x102_leverage_and_margin_are_not_better_than_the_venues(self, use: Use) -> None:
        """No tier promises more leverage, or a later liquidation, than the venue gives at that size."""

        async def body(desk: Desk) -> None:
            for mine, true in await _pairs(desk):
                for notional in (Decimal(1), *(tier.max_notional for tier in true.margin_tiers if tier.max_notional)):
                    promised, given = mine.margin_tier(notional), true.margin_tier(notional)
                    assert promised.max_leverage <= given.max_leverage, f"{mine.id}: leverage at {notional}"
                    assert promised.maintenance_rate >= given.maintenance_rate, f"{mine.id}: margin at {notional}"

        use(body, FAKE)

    def test_x103_the_funding_interval_is_the_venues(self, use: Use) -> None:
        """Of each instrument by itself: venues have exceptions."""

        async def body(desk: Desk) -> None:
            for mine, true in await _pairs(desk):
                assert mine.funding_interval_ns in (None, true.funding_interval_ns), f"{mine.id}: interval"

        use(body, FAKE)

    def test_x104_everything_that_trades_is_listed_and_nothing_else(self, use: Use) -> None:
        """No instrument is invented, none that is open is left out."""

        async def body(desk: Desk) -> None:
            mine = {(each.base, each.quote, each.status) for each in await desk.exchange.market.fetch_instruments()}
            true = {(each.base, each.quote, each.status) for each in await desk.truth.market.fetch_instruments()}
            assert mine == true

        use(body, FAKE)

    def test_x105_numbers_are_decimal_as_the_venue_wrote_them(self, use: Use) -> None:
        """A number that went through a float shows it by its digits."""

        async def body(desk: Desk) -> None:
            for each in await desk.exchange.market.fetch_instruments():
                numbers = [each.tick_size, each.lot_size, each.min_quantity, each.min_notional, each.multiplier]
                numbers += [each.fees.maker, each.fees.taker]
                numbers += [tier.maintenance_rate for tier in each.margin_tiers]
                for number in numbers:
                    assert isinstance(number, Decimal), f"{each.id}: {number!r} is no Decimal"
                    assert len(number.as_tuple().digits) <= _MOST_DIGITS, f"{each.id}: {number} went through a float"

        use(body)

    def test_x106_the_price_base_of_funding_is_the_venues(self, use: Use) -> None:
        """Mark, index or oracle: it decides what a payment is."""

        async def body(desk: Desk) -> None:
            for mine, true in await _pairs(desk):
                assert mine.funding_price_base is true.funding_price_base, f"{mine.id}: price base"

        use(body, FAKE)

    def test_x107_every_instrument_rounds_by_its_own_rules(self, use: Use) -> None:
        """Over many magnitudes: down to the lot, and to the tick that is not worse."""

        async def body(desk: Desk) -> None:
            for each in await desk.exchange.market.fetch_instruments():
                for power in range(-6, 7):
                    number = Decimal("1.23456789012") * Decimal(10) ** power
                    assert 0 <= number - each.floor_quantity(number) < each.lot_size
                    for side in Side:
                        assert 0 <= (number - each.limit_price(side, number)) * side.sign < each.tick_size

        use(body)

    def test_x108_a_garbled_listing_lists_nothing(self, use: Use) -> None:
        """It raises: an empty list would look like a venue that has delisted everything.

        An answer of a moment ago may be remembered.
        """

        async def body(desk: Desk) -> None:
            await desk.sleep(REMEMBERED_NS)
            for answer in (NO_JSON, PROXY_PAGE, EMPTY_OBJECT):
                with desk.ground.answering(answer):
                    await fails(desk.exchange.market.fetch_instruments())
            assert await desk.exchange.market.fetch_instruments()

        use(body, FAKE)


async def _pairs(desk: Desk) -> list[tuple[Instrument, Instrument]]:
    """Return each instrument as the plugin lists it and as it is."""
    true = {(each.base, each.quote): each for each in await desk.truth.market.fetch_instruments()}
    mine = await desk.exchange.market.fetch_instruments()
    return [(each, true[each.base, each.quote]) for each in mine if (each.base, each.quote) in true]
