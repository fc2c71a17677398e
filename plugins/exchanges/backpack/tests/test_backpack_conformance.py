from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import arb_exchange_backpack.plugin
from arb.model import MarginMode
from arb.testing import ExchangeConformance


class TestBackpackConformance(ExchangeConformance):
    plugin = arb_exchange_backpack.plugin

    def test_x304_one_instrument_at_a_time(self, use: Callable[..., None]) -> None:
        """Not on Backpack: its leverage is one for the account, and both instruments say so."""

        async def body(desk: Any) -> None:
            other = await desk.another()
            await desk.trading.set_leverage(desk.instrument.id, Decimal(2), MarginMode.CROSS)
            for instrument in (desk.instrument, other.instrument):
                assert await desk.trading.fetch_leverage(instrument.id) == (Decimal(2), MarginMode.CROSS)

        use(body)
