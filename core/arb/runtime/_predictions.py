"""What venues that accrue funding predicted, beside what their own histories say has accrued."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from arb.funding import FundingBook, PaidSettlement, predicted_steps
from arb.model import DAY_NS, ExchangeName, FundingKind, FundingRate, InstrumentId, exchange_of
from arb.storage import JournalReader

_WINDOW_NS: Final = 3 * DAY_NS
"""How much of a history is compared: some steps in it tell nothing."""


class Predictions:
    """Compares step by step, as histories grow: in quarantine too, when nothing is paid any more.

    Attributes:
        steps: The latest of each instrument.
    """

    def __init__(self, funding: FundingBook, journal: JournalReader) -> None:
        self._funding = funding
        self._journal = journal
        self._reached_ns: dict[InstrumentId, int] = {}
        self.steps: dict[InstrumentId, Sequence[PaidSettlement]] = {}

    def follow(self, instruments: Iterable[InstrumentId]) -> None:
        """Compare what is predicted of these from now on."""
        for instrument in instruments:
            self._reached_ns.setdefault(instrument, 0)

    def forget(self, exchange: ExchangeName) -> None:
        """Drop what was compared of an exchange: it has been judged by it."""
        for instrument in [each for each in self.steps if exchange_of(each) == exchange]:
            del self.steps[instrument]

    async def update(self, judged_ns: Mapping[ExchangeName, int]) -> bool:
        """Compare what histories say that is new; return whether anything was.

        Args:
            judged_ns: When exchanges were judged last.

        Raises:
            StorageError: the predictions cannot be read.
        """
        found = False
        for instrument, reached_ns in self._reached_ns.items():
            last_ns = self._funding.last_settled_ns(instrument) or 0
            if last_ns > reached_ns:
                self._reached_ns[instrument] = last_ns
                history = self._funding.settled(instrument)
                since_ns = judged_ns.get(exchange_of(instrument), 0)
                self.steps[instrument] = await compared_steps(self._journal, history, since_ns)
                found = True
        return found


async def compared_steps(
    journal: JournalReader, history: Sequence[FundingRate], since_ns: int
) -> tuple[PaidSettlement, ...]:
    """Return the latest steps of a history beside what is stored of predictions; none where nothing accrues.

    Args:
        journal: Where they are.
        history: Settled rates of one instrument, oldest first.
        since_ns: What was predicted before does not count: the plugin that read it has been judged.

    Raises:
        StorageError: it cannot be read.
    """
    steps = [one for one in history if not one.interval_ns and one.ts_event_ns > history[-1].ts_event_ns - _WINDOW_NS]
    if not steps:
        return ()
    start_ns, end_ns = steps[0].ts_event_ns - DAY_NS, steps[-1].ts_event_ns + DAY_NS
    predicted = await journal.funding_rates(steps[0].instrument, FundingKind.PREDICTED, start_ns, end_ns)
    return predicted_steps(predicted, steps, since_ns)
