"""Bringing fills and funding payments from the venue into the journal, each exactly once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple, TypeVar

from arb.api import BadResponse, Capability, Clock, Exchange, InvariantBroken, TransferHistory
from arb.model import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    Event,
    EventKind,
    ExchangeName,
    Fill,
    FundingPayment,
    Transfer,
    format_utc,
)
from arb.storage import JournalTransaction

from ._account_rows import fills_of, payments_of, transfers_of
from ._asking import ask
from ._clocks import CLOCKS_NS
from ._journaling import Recorder

T = TypeVar("T")

_BEGIN: Final = "begin"
_FILLS: Final = "fills"
_PAYMENTS: Final = "funding_payments"
_TRANSFERS: Final = "transfers"
_OVERLAP_NS: Final[Mapping[str, int]] = MappingProxyType({_FILLS: HOUR_NS, _PAYMENTS: DAY_NS, _TRANSFERS: DAY_NS})
"""How far behind the newest entry a listing begins: venues add to the past, funding most of all."""


_TRANSFERS_EVERY_NS: Final = 5 * MINUTE_NS
"""Nobody trades by deposits, venues list them slowly, and some count each list against a narrow limit."""


class _Pulled(NamedTuple):
    """What a listing brought, and the venue's times of its rows."""

    exchange: ExchangeName
    what: str
    rows: Sequence[object]
    times_ns: Sequence[int]


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
        self._seen: dict[tuple[ExchangeName, str], frozenset[object]] = {}
        self._new_fills: list[Fill] = []
        self._asked_transfers_ns: dict[ExchangeName, int] = {}

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
                for what in _OVERLAP_NS:
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
        pulled = _Pulled(exchange, _FILLS, fills, [fill.ts_event_ns for fill in fills])
        try:
            new = await self._store(pulled, lambda tx: tx.add_fills(fills))
        except InvariantBroken as error:
            raise _contradicted(exchange, error) from error
        self._new_fills += new
        return new

    def take_fills(self) -> Sequence[Fill]:
        """Return the fills that are new since the last call, whoever pulled them."""
        fills, self._new_fills = self._new_fills, []
        return fills

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
        pulled = _Pulled(exchange, _PAYMENTS, payments, [one.settled_ns for one in payments])
        try:
            new = await self._store(pulled, lambda tx: tx.add_funding_payments(payments))
        except InvariantBroken as error:
            raise _contradicted(exchange, error) from error
        if new:
            await self._recorder.events([_paid(payment) for payment in new])
        return new

    async def pull_transfers(self, exchange: ExchangeName) -> Sequence[Transfer]:
        """Store the transfers that are new and return them, asked every five minutes; raises ExchangeError likewise."""
        found = self._exchanges[exchange]
        history: object = found.trading
        if Capability.TRANSFERS not in found.capabilities or not isinstance(history, TransferHistory):
            return ()
        now_ns = self._clock.now_ns()
        if now_ns - self._asked_transfers_ns.get(exchange, -_TRANSFERS_EVERY_NS) < _TRANSFERS_EVERY_NS:
            return ()
        self._asked_transfers_ns[exchange] = now_ns
        since = self._since(exchange, _TRANSFERS)

        async def read() -> tuple[Transfer, ...]:
            return transfers_of(exchange, await history.fetch_transfers(since))

        transfers = await ask(self._clock, self._payments_timeout_ns, exchange, "transfers", read)
        pulled = _Pulled(exchange, _TRANSFERS, transfers, [one.ts_event_ns for one in transfers])
        try:
            return await self._store(pulled, lambda tx: tx.add_transfers(transfers))
        except InvariantBroken as error:
            raise _contradicted(exchange, error) from error

    def expect_transfers(self) -> None:
        """Ask for transfers at the next pull, however short ago that was: the books are about to be closed."""
        self._asked_transfers_ns.clear()

    async def _store(self, pulled: _Pulled, add: Callable[[JournalTransaction], Awaitable[Sequence[T]]]) -> Sequence[T]:
        """Store what of a listing is new, with how far it was read."""
        key, listing = (pulled.exchange, pulled.what), frozenset(pulled.rows)
        if not listing or listing == self._seen.get(key):
            return ()  # the same as before needs no transaction
        # A venue whose clock is ahead must not move the cursor past entries still to come.
        read_to = min(max(pulled.times_ns), self._clock.now_ns())
        async with self._recorder.transaction(guarded=True) as tx:
            new = await add(tx)
            await tx.put_cursor(pulled.exchange, pulled.what, read_to)
        self._read_to[key] = read_to
        self._seen[key] = listing
        return new

    def _since(self, exchange: ExchangeName, what: str) -> int:
        return max(self._begin[exchange], self._read_to[exchange, what] - _OVERLAP_NS[what])


def _contradicted(exchange: ExchangeName, error: InvariantBroken) -> BadResponse:
    """Return the failure of a venue that changes what it has booked: a person has to look, and positions go on."""
    return BadResponse(str(error), exchange=exchange, code="contradiction")


def _paid(payment: FundingPayment) -> Event:
    return Event(
        ts_ns=payment.settled_ns,
        kind=EventKind.FUNDING_PAID,
        subject=payment.instrument,
        message=f"{payment.amount} {payment.currency} funding on {payment.instrument}, "
        f"settled {format_utc(payment.settled_ns)}",
        data={"amount": str(payment.amount), "currency": payment.currency, "rate": str(payment.rate)},
    )
