"""Bringing fills and funding payments from the venue into the journal, each exactly once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from arb.api import Capability, Clock, Exchange
from arb.model import (
    DAY_NS,
    HOUR_NS,
    Event,
    EventKind,
    ExchangeName,
    Fill,
    FundingPayment,
    InstrumentId,
    format_utc,
)

from ._account_rows import fills_of, payments_of
from ._asking import ask
from ._clocks import CLOCKS_NS
from ._journaling import Recorder

_BEGIN: Final = "begin"
_FILLS: Final = "fills"
_PAYMENTS: Final = "funding_payments"
_OVERLAP_NS: Final[Mapping[str, int]] = MappingProxyType({_FILLS: HOUR_NS, _PAYMENTS: DAY_NS})
"""How far behind the newest entry a listing begins: venues add to the past, funding most of all."""


class AccountSync:
    """Reads an account's history from a cursor that overlaps: repeats die on their unique keys.

    Only the holder of the account's lease stores any: what another one had stored would be no news to it.
    """

    def __init__(
        self,
        exchanges: Mapping[ExchangeName, Exchange],
        recorder: Recorder,
        clock: Clock,
        *,
        fills_timeout_ns: int,
        payments_timeout_ns: int,
    ) -> None:
        """Read nothing yet; fills are waited for with a leg that may stand alone, so not for long."""
        self._exchanges = exchanges
        self._recorder = recorder
        self._clock = clock
        self._fills_timeout_ns = fills_timeout_ns
        self._payments_timeout_ns = payments_timeout_ns
        self._begin: dict[ExchangeName, int] = {}
        self._read_to: dict[tuple[ExchangeName, str], int] = {}
        self._seen: dict[tuple[ExchangeName, str], frozenset[str]] = {}
        self._filled: set[InstrumentId] = set()

    async def start(self, now_ns: int) -> None:
        """Begin with an account's history at its first run: what it did before is not ours."""
        async with self._recorder.transaction() as tx:
            for exchange in self._exchanges:
                begin = await tx.cursor(exchange, _BEGIN)
                if begin is None:
                    # A venue's clock may be behind ours: its first entries would seem older than the run.
                    begin = now_ns - CLOCKS_NS
                    await tx.put_cursor(exchange, _BEGIN, begin)
                self._begin[exchange] = begin
                for what in (_FILLS, _PAYMENTS):
                    self._read_to[exchange, what] = await tx.cursor(exchange, what) or begin

    async def pull_fills(self, exchange: ExchangeName) -> Sequence[Fill]:
        """Store the fills that are new and return them; raises ExchangeError when the venue cannot be read."""
        trading = self._exchanges[exchange].trading
        if trading is None:
            return ()
        since = self._since(exchange, _FILLS)

        async def read() -> tuple[Fill, ...]:
            return fills_of(exchange, await trading.fetch_fills(since))

        fills = await ask(self._clock, self._fills_timeout_ns, exchange, "fills", read)
        listing = frozenset(fill.fill_id for fill in fills)
        if not listing or listing == self._seen.get((exchange, _FILLS)):
            return ()  # the same as before needs no transaction
        read_to = self._read_until([fill.ts_event_ns for fill in fills])
        async with self._recorder.transaction(guarded=True) as tx:
            new = await tx.add_fills(fills)
            await tx.put_cursor(exchange, _FILLS, read_to)
        self._read_to[exchange, _FILLS] = read_to
        self._seen[exchange, _FILLS] = listing
        self._filled |= {fill.instrument for fill in new}
        return new

    def take_filled(self) -> frozenset[InstrumentId]:
        """Return the instruments with new fills since the last call: whoever holds them should look."""
        filled, self._filled = frozenset(self._filled), set()
        return filled

    async def pull_payments(self, exchange: ExchangeName) -> Sequence[FundingPayment]:
        """Store the funding payments that are new and return them; raises ExchangeError likewise."""
        found = self._exchanges[exchange]
        trading = found.trading
        if trading is None or Capability.FUNDING_PAYMENTS not in found.capabilities:
            return ()
        since = self._since(exchange, _PAYMENTS)

        async def read() -> tuple[FundingPayment, ...]:
            return payments_of(exchange, await trading.fetch_funding_payments(since))

        payments = await ask(self._clock, self._payments_timeout_ns, exchange, "funding payments", read)
        listing = frozenset(payment.payment_id for payment in payments)
        if not listing or listing == self._seen.get((exchange, _PAYMENTS)):
            return ()
        read_to = self._read_until([payment.settled_ns for payment in payments])
        async with self._recorder.transaction(guarded=True) as tx:
            new = await tx.add_funding_payments(payments)
            await tx.put_cursor(exchange, _PAYMENTS, read_to)
        self._read_to[exchange, _PAYMENTS] = read_to
        self._seen[exchange, _PAYMENTS] = listing
        await self._recorder.events([_paid(payment) for payment in new])
        return new

    def _read_until(self, times_ns: Sequence[int]) -> int:
        # A venue whose clock is ahead must not move the cursor past entries still to come.
        return min(max(times_ns), self._clock.now_ns())

    def _since(self, exchange: ExchangeName, what: str) -> int:
        return max(self._begin[exchange], self._read_to[exchange, what] - _OVERLAP_NS[what])


def _paid(payment: FundingPayment) -> Event:
    return Event(
        ts_ns=payment.settled_ns,
        kind=EventKind.FUNDING_PAID,
        subject=payment.instrument,
        message=f"{payment.amount} {payment.currency} funding on {payment.instrument}, "
        f"settled {format_utc(payment.settled_ns)}",
        data={"amount": str(payment.amount), "currency": payment.currency, "rate": str(payment.rate)},
    )
