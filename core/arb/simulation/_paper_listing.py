"""The rules of instruments a paper account uses, kept for the day the other exchange lists them no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from pydantic import TypeAdapter

from arb.api import ConfigError, StateStore
from arb.model import ExchangeName, Instrument, InstrumentId, InstrumentStatus

_KEY: Final = "listed"


class PaperListing:
    """Instruments as they were when the account first used them, in the account's durable state."""

    def __init__(self, state: StateStore, name: ExchangeName) -> None:
        self._state = state
        self._name = name
        self._rows: TypeAdapter[tuple[Instrument, ...]] = TypeAdapter(tuple[Instrument, ...])
        self._kept: dict[InstrumentId, Instrument] = {}

    async def load(self) -> None:
        """Read what was kept.

        Raises:
            ConfigError: it is not what `keep` wrote.
        """
        text = await self._state.get(_KEY)
        if text is None:
            return
        try:
            rows = self._rows.validate_json(text)
        except ValueError as error:
            raise ConfigError(f"{self._name}: the stored paper account has unreadable instruments: {error}") from error
        self._kept = {row.id: row for row in rows}

    async def keep(self, instrument: Instrument) -> None:
        """Keep the rules of an instrument that an order is about to use; durable when this returns."""
        if instrument.id in self._kept:
            return
        kept = {**self._kept, instrument.id: instrument}
        await self._state.put(_KEY, self._rows.dump_json(tuple(kept.values())).decode())
        self._kept = kept

    def with_kept(self, listed: Sequence[Instrument]) -> Sequence[Instrument]:
        """Return what is listed, and what was and is not any more as suspended.

        Absence does not tell that an instrument was delisted, so its position must not be closed.
        """
        known = {instrument.id for instrument in listed}
        gone = [
            replace(each, status=InstrumentStatus.SUSPENDED) for each in self._kept.values() if each.id not in known
        ]
        return [*listed, *gone]
