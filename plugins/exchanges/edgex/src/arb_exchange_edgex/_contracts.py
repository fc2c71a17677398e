"""What each contract is called here, by the venue's number. Kept for good: a fill never changes its instrument."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, NamedTuple

from arb.api import StateStore
from arb.model import InstrumentId, instrument_id

_KEY: Final = "contracts"


class Contract(NamedTuple):
    """What has to be known of a contract to tell what is held in it.

    Attributes:
        id: Ours.
        coin_id: Of its quote currency; empty for a contract that no listing had.
    """

    id: InstrumentId
    coin_id: str


def unlisted_id(exchange: str, contract_id: str) -> InstrumentId:
    """Return our id of a contract whose name nobody ever told."""
    return instrument_id(f"contract-{contract_id}-PERP", exchange)


class ContractBook:
    """Keeps contracts in the plugin's durable memory: one entry, written when something in it changes."""

    def __init__(self, state: StateStore) -> None:
        """Read nothing yet."""
        self._state = state
        self._stored = ""

    async def read(self) -> dict[str, Contract]:
        """Return what was kept, by number."""
        self._stored = await self._state.get(_KEY) or "{}"
        return {number: Contract(InstrumentId(name), coin) for number, (name, coin) in json.loads(self._stored).items()}

    async def keep(self, contracts: Mapping[str, Contract]) -> None:
        """Keep what is given instead of what was kept; it is durable."""
        text = json.dumps(dict(contracts), sort_keys=True)
        if text != self._stored:
            await self._state.put(_KEY, text)
            self._stored = text
