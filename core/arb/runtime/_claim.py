"""One database belongs to one kind of run: what is simulated and what is real never share books."""

from __future__ import annotations

from arb.api import ConfigError
from arb.storage import Journal

_OWNER = "run"
_KEY = "identity"


async def claim(journal: Journal, identity: str) -> None:
    """Write the run's identity into a new journal, or compare it with the one that is there.

    Args:
        journal: The run's journal.
        identity: `live`, `paper`, or `simulated` with its seed.

    Raises:
        ConfigError: the journal belongs to another kind of run.
    """
    async with journal.transaction() as tx:
        stored = await tx.state(_OWNER, _KEY)
        if stored is None:
            await tx.put_state(_OWNER, _KEY, identity)
    if stored is not None and stored != identity:
        raise ConfigError(
            f"[storages.main]: this database holds a run that is {stored}, and this one is {identity}: "
            "give each its own database, or they would trade on each other's books"
        )
