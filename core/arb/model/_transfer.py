"""Money that came to an account or left it other than by trading."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from ._ids import ExchangeName, TransferId


class TransferKind(StrEnum):
    """What moved the money."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    INTEREST = "interest"
    """On margin or borrowed currency; received is positive."""
    CONVERSION = "conversion"
    """One side of an exchange of currencies; the other side is a transfer of its own."""
    OTHER = "other"
    """A bonus, an insurance payment, a correction of the venue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One booking of a venue to a wallet.

    Attributes:
        amount: In `currency`; received is positive.
        ts_event_ns: By the venue's clock.
    """

    transfer_id: TransferId
    exchange: ExchangeName
    kind: TransferKind
    currency: str
    amount: Decimal
    ts_event_ns: int
