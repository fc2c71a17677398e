"""Exchange kit: leverage and margin mode."""

from __future__ import annotations

from decimal import Decimal

import pytest

from arb.api import Capability, Rejected
from arb.model import MarginMode

from ._kit_desk import Desk
from ._kit_exchange_base import ExchangeCases, Use
from ._kit_exchange_checks import PROXY_PAGE, fails, outcome, true_name
from ._kit_ground import FAKE


class LeverageCases(ExchangeCases):
    """Leverage and margin mode."""

    group = "leverage"

    def test_x064_leverage_is_read_back_as_set(self, use: Use) -> None:
        """The venue's own answer, not ours."""

        async def body(desk: Desk) -> None:
            for leverage in (Decimal(2), Decimal(1)):
                await desk.trading.set_leverage(desk.instrument.id, leverage, MarginMode.CROSS)
                await desk.caught_up()
                assert (await desk.trading.fetch_leverage(desk.instrument.id))[0] == leverage

        use(body, Capability.TRADING, Capability.SET_LEVERAGE)

    def test_x065_leverage_above_the_limit_is_refused(self, use: Use) -> None:
        """And the old one stays."""

        async def body(desk: Desk) -> None:
            most = max(tier.max_leverage for tier in desk.instrument.margin_tiers)
            before = await desk.trading.fetch_leverage(desk.instrument.id)
            with pytest.raises(Rejected):
                await desk.trading.set_leverage(desk.instrument.id, most * 2, MarginMode.CROSS)
            assert await desk.trading.fetch_leverage(desk.instrument.id) == before

        use(body, Capability.TRADING, Capability.SET_LEVERAGE)

    def test_x300_leverage_is_set_at_the_venue(self, use: Use) -> None:
        """Not only remembered by us."""

        async def body(desk: Desk) -> None:
            for leverage in (Decimal(3), Decimal(1), Decimal(4)):
                await desk.trading.set_leverage(desk.instrument.id, leverage, MarginMode.CROSS)
                await desk.caught_up()
                true = await desk.truth.trading.fetch_leverage(true_name(desk))
                assert true == (leverage, MarginMode.CROSS)

        use(body, Capability.TRADING, Capability.SET_LEVERAGE, FAKE)

    def test_x301_what_a_person_set_is_read(self, use: Use) -> None:
        """Somebody changes it at the venue: the next read says so."""

        async def body(desk: Desk) -> None:
            await desk.trading.set_leverage(desk.instrument.id, Decimal(2), MarginMode.CROSS)
            await desk.caught_up()
            assert (await desk.trading.fetch_leverage(desk.instrument.id))[0] == 2
            await desk.truth.trading.set_leverage(true_name(desk), Decimal(4), MarginMode.CROSS)
            await desk.caught_up()
            assert (await desk.trading.fetch_leverage(desk.instrument.id))[0] == 4

        use(body, Capability.TRADING, Capability.SET_LEVERAGE, FAKE)

    def test_x302_a_margin_mode_is_set_or_refused(self, use: Use) -> None:
        """Isolated where the venue has it; never cross while isolated is reported."""

        async def body(desk: Desk) -> None:
            told = await outcome(desk.trading.set_leverage(desk.instrument.id, Decimal(2), MarginMode.ISOLATED))
            await desk.caught_up()
            true = await desk.truth.trading.fetch_leverage(true_name(desk))
            if told is None:
                assert true == (Decimal(2), MarginMode.ISOLATED)
                assert await desk.trading.fetch_leverage(desk.instrument.id) == true
            else:
                assert isinstance(told, Rejected), f"{told!r}"

        use(body, Capability.TRADING, Capability.SET_LEVERAGE, FAKE)

    def test_x303_setting_that_fails_says_so(self, use: Use) -> None:
        """And the old leverage is still what is read."""

        async def body(desk: Desk) -> None:
            await desk.trading.set_leverage(desk.instrument.id, Decimal(2), MarginMode.CROSS)
            with desk.ground.answering(PROXY_PAGE):
                await fails(desk.trading.set_leverage(desk.instrument.id, Decimal(3), MarginMode.CROSS))
            assert (await desk.trading.fetch_leverage(desk.instrument.id))[0] == 2

        use(body, Capability.TRADING, Capability.SET_LEVERAGE, FAKE)

    def test_x304_the_leverage_of_another_instrument_is_what_it_has(self, use: Use) -> None:
        """Unchanged, or changed with it where a venue has one leverage for all: as the venue has it."""

        async def body(desk: Desk) -> None:
            other = await desk.another()
            if other is None:
                return
            for leverage in (Decimal(2), Decimal(3)):
                await desk.trading.set_leverage(desk.instrument.id, leverage, MarginMode.CROSS)
                await desk.caught_up()
                true = await desk.truth.trading.fetch_leverage(true_name(other))
                assert await desk.trading.fetch_leverage(other.instrument.id) == true

        use(body, Capability.TRADING, Capability.SET_LEVERAGE, FAKE)

    def test_x305_a_position_reports_the_leverage_it_has(self, use: Use) -> None:
        """Where a position tells it, it is what is set."""

        async def body(desk: Desk) -> None:
            await desk.trading.set_leverage(desk.instrument.id, Decimal(3), MarginMode.CROSS)
            await desk.send(await desk.request())
            position = await desk.position()
            assert position is not None
            assert position.leverage in (None, Decimal(3))
            assert position.margin_mode is MarginMode.CROSS

        use(body, Capability.TRADING, Capability.SET_LEVERAGE)
