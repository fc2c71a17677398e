"""One writer for one account: a lease with a fencing token in the storage.

The token grows whenever the lease changes hands, and every transaction that records orders compares
it. A process that was paused or cut off finds another token there, and nothing of the transaction
takes effect: what is not recorded is not sent. A venue drops a request that is older than
`ExchangeTraits.order_validity_ns`, so what such a process had signed before cannot come later than
its successor waits for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

from arb.api import Clock, LeaseLost, StorageError
from arb.model import SECOND_NS, ExchangeName, Lease
from arb.storage import Journal, JournalTransaction

_LOG = logging.getLogger("arb.execution.lease")


class AccountLeases:
    """The leases of one process."""

    def __init__(self, clock: Clock, *, holder: str, is_gone: Callable[[str], bool], ttl_ns: int) -> None:
        """Take none yet.

        Args:
            clock: The run's.
            holder: This process; see :class:`arb.model.Lease`.
            is_gone: Whether another holder's process is known to have ended; False when nobody can tell.
            ttl_ns: How long a lease holds without being renewed.
        """
        self._clock = clock
        self._holder = holder
        self._is_gone = is_gone
        self._ttl_ns = ttl_ns
        self._held: dict[ExchangeName, Lease] = {}

    async def take(self, journal: Journal, accounts: Sequence[ExchangeName]) -> None:
        """Take the lease of each account; wait for one that runs out, one term at most.

        Raises:
            LeaseLost: another process keeps it.
        """
        for account in accounts:
            found = await journal.lease(account)
            if found is not None and self._may_live(found):
                self._tell_of_waiting(found)
                # Another machine's clock may be wrong: nobody is waited for longer than a whole term.
                await self._clock.sleep_until(min(found.expires_ns, self._clock.now_ns() + self._ttl_ns))
            async with journal.transaction() as tx:
                found = await tx.lease(account)
                new = self._until(account, 1 if found is None else found.token + 1)
                kept = found is not None and self._may_live(found) and found.expires_ns > self._clock.now_ns()
                if kept or not await tx.swap_lease(found, new):
                    raise LeaseLost(
                        f"{account}: process {found.holder if found else 'unknown'} trades this account; stop it "
                        f"first, or wait {Decimal(self._ttl_ns) / SECOND_NS:f} s after it has ended"
                    )
            self._held[account] = new

    def _tell_of_waiting(self, found: Lease) -> None:
        wait_ns = min(found.expires_ns - self._clock.now_ns(), self._ttl_ns)
        if wait_ns > 0:
            _LOG.warning(
                "%s: process %s may still trade this account: waiting %.0f s for its lease to run out",
                found.account,
                found.holder,
                wait_ns / SECOND_NS,
            )

    def _may_live(self, lease: Lease) -> bool:
        return lease.holder != self._holder and not self._is_gone(lease.holder)

    async def guard(self, tx: JournalTransaction) -> Sequence[Lease]:
        """Prove inside a transaction that every lease is still ours, and renew it with the transaction.

        Returns:
            The leases to :meth:`keep` once it is committed.

        Raises:
            LeaseLost: another process took one; nothing of the transaction takes effect.
        """
        renewed = [self._until(account, held.token) for account, held in self._held.items()]
        for lease in renewed:
            if not await tx.renew_lease(lease):
                taken = await tx.lease(lease.account)
                raise LeaseLost(
                    f"{lease.account}: process {taken.holder if taken else 'unknown'} has taken over this account, so "
                    "this one stops and sends nothing more"
                )
        return renewed

    def keep(self, leases: Sequence[Lease]) -> None:
        """Count on leases whose renewal is durable."""
        self._held.update((lease.account, lease) for lease in leases)

    @property
    def renew_every_ns(self) -> int:
        """Return the time between two looks at whether a renewal is due: a third of a term."""
        return self._ttl_ns // 3

    @property
    def is_due(self) -> bool:
        """Whether a third of a term is over, so that any transaction should renew it."""
        soon_ns = self._clock.now_ns() + 2 * self._ttl_ns // 3
        return any(lease.expires_ns <= soon_ns for lease in self._held.values())

    def check(self, account: ExchangeName) -> None:
        """Refuse to touch the wire after the term is over, whatever a pause did; raises LeaseLost."""
        lease = self._held.get(account)
        if lease is None or lease.expires_ns <= self._clock.now_ns():
            raise LeaseLost(f"{account}: the lease of this account ran out while an order was prepared: it is not sent")

    async def release(self, journal: Journal) -> None:
        """Give the leases up at an orderly end, so that the next process need not wait.

        A storage that refuses leaves them to run out.
        """
        with suppress(StorageError):
            async with journal.transaction() as tx:
                for held in self._held.values():
                    await tx.renew_lease(replace(held, expires_ns=self._clock.now_ns()))
        self._held.clear()

    def _until(self, account: ExchangeName, token: int) -> Lease:
        return Lease(account=account, holder=self._holder, token=token, expires_ns=self._clock.now_ns() + self._ttl_ns)
