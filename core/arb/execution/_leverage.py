"""Leverage is set, read back and compared before the first order; a difference stops the entry."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from arb.api import ArbError, Capability, Clock, Exchange
from arb.model import ExchangeName, InstrumentId, MarginMode, exchange_of

from ._asking import ask


class LeverageKeeper:
    """Makes the venue's leverage equal to the configured one, once for each instrument and run."""

    def __init__(
        self,
        exchanges: Mapping[ExchangeName, Exchange],
        wanted: Mapping[ExchangeName, Decimal],
        clock: Clock,
        *,
        timeout_ns: int,
    ) -> None:
        self._exchanges = exchanges
        self._wanted = wanted
        self._clock = clock
        self._timeout_ns = timeout_ns
        self._checked: set[InstrumentId] = set()

    async def ensure(self, instrument: InstrumentId) -> None:
        """Set and read back; raises ArbError when the venue has another value afterwards."""
        name = exchange_of(instrument)
        exchange, wanted = self._exchanges[name], self._wanted.get(name)
        trading = exchange.trading
        if instrument in self._checked or wanted is None or trading is None:
            return

        async def set_and_read() -> tuple[Decimal, MarginMode]:
            if Capability.SET_LEVERAGE in exchange.capabilities:
                await trading.set_leverage(instrument, wanted, MarginMode.CROSS)
            leverage, mode = await trading.fetch_leverage(instrument)
            return leverage, mode

        leverage, mode = await ask(self._clock, 2 * self._timeout_ns, name, "leverage", set_and_read)
        if leverage != wanted or mode is not MarginMode.CROSS:
            raise ArbError(
                f"{instrument}: the venue has leverage {leverage} {mode}, the configuration says {wanted} cross; "
                f"set it at the venue or change [exchanges.{name}] leverage"
            )
        self._checked.add(instrument)
