"""What the venue says we hold, compared with what our fills make."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from arb.api import Clock, Exchange, ExchangeError
from arb.model import ZERO, ExchangeName, Fresh, InstrumentId, Position, Reading, Unknown, exchange_of

from ._account_rows import positions_of
from ._account_sync import AccountSync
from ._asking import ask
from ._journaling import Recorder


class Agreement(StrEnum):
    """How a venue's position compares with our fills."""

    AGREES = "agrees"
    DIFFERS = "differs"
    UNREADABLE = "unreadable"


class PositionReader:
    """Reads positions for proof, never from a cache."""

    def __init__(
        self,
        exchanges: Mapping[ExchangeName, Exchange],
        recorder: Recorder,
        sync: AccountSync,
        clock: Clock,
        *,
        timeout_ns: int,
    ) -> None:
        self._exchanges = exchanges
        self._recorder = recorder
        self._sync = sync
        self._clock = clock
        self._timeout_ns = timeout_ns

    async def read(self, instrument: InstrumentId) -> Reading[Decimal]:
        """Return the signed contracts the venue shows now."""
        name = exchange_of(instrument)
        trading = self._exchanges[name].trading
        if trading is None:
            return Unknown(f"{name} has no account")

        async def positions() -> tuple[Position, ...]:
            return positions_of(name, await trading.fetch_positions())

        observed_ns = self._clock.now_ns()
        try:
            rows = await ask(self._clock, self._timeout_ns, name, "positions", positions)
        except ExchangeError as error:
            return Unknown(str(error))
        held = sum((row.quantity for row in rows if row.instrument == instrument), ZERO)
        return Fresh(held, name, observed_ns)

    async def compare(self, instrument: InstrumentId) -> Agreement:
        """Compare the venue's position with what the stored fills make.

        A difference is looked at twice: fills that come late are pulled in between.
        """
        traits = self._exchanges[exchange_of(instrument)].traits
        for _ in range(2):
            reading = await self.read(instrument)
            if not isinstance(reading, Fresh):
                return Agreement.UNREADABLE
            if reading.value == await self._recorder.journal.net_quantity(instrument):
                return Agreement.AGREES
            await self._clock.sleep_until(self._clock.now_ns() + traits.read_after_write_ns)
            try:
                await self._sync.pull_fills(exchange_of(instrument))
            except ExchangeError:
                return Agreement.UNREADABLE
        return Agreement.DIFFERS
