"""Values of the double-entry ledger."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from arb.api import InvariantBroken
from arb.model import ZERO, ExchangeName

from ._account_types import exact_sums


class EntryKind(StrEnum):
    """What an entry books."""

    FILL = "fill"
    FUNDING = "funding"
    EXPECTED_FUNDING = "expected_funding"
    MATCHED_FUNDING = "matched_funding"
    TRANSFER = "transfer"
    DUST = "dust"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLine:
    """One amount on one account.

    Attributes:
        account: Such as `assets:wallet:lighter`; see :mod:`arb.storage._postings`.
        currency: A currency, or an instrument's id where contracts are counted.
        amount: A debit is positive, a credit negative.
    """

    account: str
    currency: str
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """What one event did to the accounts; the lines sum to zero in every currency.

    Attributes:
        entry_id: Made of the venue's own id, so that no event is booked twice (handbook C9).
        instrument: Empty for what concerns none.
        hedge_id: Empty for what belongs to none, or to several.
    """

    entry_id: str
    ts_ns: int
    kind: EntryKind
    exchange: ExchangeName
    instrument: str = ""
    hedge_id: str = ""
    lines: tuple[LedgerLine, ...]

    def __post_init__(self) -> None:
        """Refuse an entry that does not balance.

        Raises:
            InvariantBroken: it does not; nothing may be traded on such books.
        """
        off = {currency: amount for currency, amount in totals(self.lines).items() if amount}
        if off:
            raise InvariantBroken(f"the ledger entry {self.entry_id} does not balance: {off}")


def totals(lines: tuple[LedgerLine, ...]) -> dict[str, Decimal]:
    """Return the exact sum of the lines in each currency."""
    sums: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
    with exact_sums():
        for line in lines:
            sums[line.currency] += line.amount
    return dict(sums)
