"""Leverage is set, read back and compared before the first order; a difference stops the entry."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from arb.api import ArbError, Capability, Exchange
from arb.model import ExchangeName, InstrumentId, MarginMode, exchange_of


class LeverageKeeper:
    """Makes the venue's leverage equal to the configured one, once for each instrument and run."""

    def __init__(self, exchanges: Mapping[ExchangeName, Exchange], wanted: Mapping[ExchangeName, Decimal]) -> None:
        self._exchanges = exchanges
        self._wanted = wanted
        self._checked: set[InstrumentId] = set()

    async def ensure(self, instrument: InstrumentId) -> None:
        """Set and read back; raises ArbError when the venue has another value afterwards."""
        name = exchange_of(instrument)
        exchange, wanted = self._exchanges[name], self._wanted.get(name)
        if instrument in self._checked or wanted is None or exchange.trading is None:
            return
        if Capability.SET_LEVERAGE in exchange.capabilities:
            await exchange.trading.set_leverage(instrument, wanted, MarginMode.CROSS)
        leverage, mode = await exchange.trading.fetch_leverage(instrument)
        if leverage != wanted or mode is not MarginMode.CROSS:
            raise ArbError(
                f"{instrument}: the venue has leverage {leverage} {mode}, the configuration says {wanted} cross; "
                f"set it at the venue or change [exchanges.{name}] leverage"
            )
        self._checked.add(instrument)
