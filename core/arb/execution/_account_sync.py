"""Bringing fills and funding payments from the venue into the journal, each exactly once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from arb.api import Capability, Exchange
from arb.model import (
    Event,
    EventKind,
    ExchangeName,
    Fill,
    FundingPayment,
    format_utc,
)

from ._journaling import Recorder

_FILLS: Final = "fills"
_PAYMENTS: Final = "funding_payments"


class AccountSync:
    """Reads an account's history from a cursor that overlaps: repeats die on their unique keys."""

    def __init__(self, exchanges: Mapping[ExchangeName, Exchange], recorder: Recorder) -> None:
        self._exchanges = exchanges
        self._recorder = recorder
        self._seen: dict[tuple[ExchangeName, str], frozenset[str]] = {}

    async def start(self, now_ns: int) -> None:
        """Begin with an account's history at its first run: what it did before is not ours."""
        async with self._recorder.transaction() as tx:
            for exchange in self._exchanges:
                for what in (_FILLS, _PAYMENTS):
                    if await tx.cursor(exchange, what) is None:
                        await tx.put_cursor(exchange, what, now_ns)

    async def pull_fills(self, exchange: ExchangeName) -> Sequence[Fill]:
        """Store the fills that are new and return them; raises ExchangeError when the venue cannot be read."""
        trading = self._exchanges[exchange].trading
        if trading is None:
            return ()
        since = await self._cursor(exchange, _FILLS)
        fills = await trading.fetch_fills(since)
        if not self._has_news(exchange, _FILLS, [fill.fill_id for fill in fills]):
            return ()
        async with self._recorder.transaction() as tx:
            new = await tx.add_fills(fills)
            await tx.put_cursor(exchange, _FILLS, max(fill.ts_event_ns for fill in fills))
        return new

    async def pull_payments(self, exchange: ExchangeName) -> Sequence[FundingPayment]:
        """Store the funding payments that are new and return them; raises ExchangeError likewise."""
        found = self._exchanges[exchange]
        if found.trading is None or Capability.FUNDING_PAYMENTS not in found.capabilities:
            return ()
        since = await self._cursor(exchange, _PAYMENTS)
        payments = await found.trading.fetch_funding_payments(since)
        if not self._has_news(exchange, _PAYMENTS, [payment.payment_id for payment in payments]):
            return ()
        async with self._recorder.transaction() as tx:
            new = await tx.add_funding_payments(payments)
            await tx.put_cursor(exchange, _PAYMENTS, max(payment.settled_ns for payment in payments))
        await self._recorder.events([_paid(payment) for payment in new])
        return new

    async def _cursor(self, exchange: ExchangeName, what: str) -> int:
        cursor = await self._recorder.journal.cursor(exchange, what)
        if cursor is None:
            raise LookupError(f"{exchange}: the account's history was not begun")
        return cursor

    def _has_news(self, exchange: ExchangeName, what: str, ids: Sequence[str]) -> bool:
        """Whether a listing differs from the one before; the same one needs no transaction."""
        listing = frozenset(ids)
        if not listing or listing == self._seen.get((exchange, what)):
            return False
        self._seen[exchange, what] = listing
        return True


def _paid(payment: FundingPayment) -> Event:
    return Event(
        ts_ns=payment.settled_ns,
        kind=EventKind.FUNDING_PAID,
        subject=payment.instrument,
        message=f"{payment.amount} {payment.currency} funding on {payment.instrument}, "
        f"settled {format_utc(payment.settled_ns)}",
        data={"amount": str(payment.amount), "currency": payment.currency, "rate": str(payment.rate)},
    )
