"""The durable memory a plugin gets through its Context."""

from __future__ import annotations

from arb.api import Clock

from ._journal import Journal


class JournalStateStore:
    """Texts of one owner; it sees no other's. It is an :class:`arb.api.StateStore`."""

    def __init__(self, journal: Journal, owner: str, clock: Clock) -> None:
        self._journal = journal
        self._owner = owner
        self._clock = clock

    async def get(self, key: str) -> str | None:
        """Return the text last put under `key`, or None."""
        return await self._journal.state(self._owner, key)

    async def put(self, key: str, value: str) -> None:
        """Store `value` and the run's time; both are durable when this returns."""
        async with self._journal.transaction() as transaction:
            await transaction.put_state(self._owner, key, value)
            await transaction.save_clock(self._clock.now_ns())
