"""How far an emergency exit goes, and what it found and did."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from arb.model import SECOND_NS, ClientOrderId, ExchangeName, InstrumentId, Side

_BANDS_BPS: Final = (Decimal(50), Decimal(100), Decimal(200), Decimal(500))


@dataclass(frozen=True, slots=True, kw_only=True)
class FlattenPolicy:
    """How hard one account is worked on.

    Attributes:
        max_band_bps: Furthest from the book's best price that an order may trade. Each further order
            on an instrument is one step wider: 50, 100, 200, 500, then this.
        rounds: Rounds of orders that make nothing smaller, after which a person is told.
        budget_ns: Longest time for the whole account.
        grace_ns: How much longer its plugin may take to come back, before the account is given up as unknown.
        answer_ns: Longest wait for one answer of the venue.
        pause_ns: Before the next try after one that brought nothing; it doubles while the venue cannot
            be read, up to `longest_pause_ns`.
    """

    max_band_bps: Decimal = Decimal(500)
    rounds: int = 8
    budget_ns: int = 60 * SECOND_NS
    grace_ns: int = 20 * SECOND_NS
    answer_ns: int = 10 * SECOND_NS
    pause_ns: int = SECOND_NS // 2
    longest_pause_ns: int = 5 * SECOND_NS

    def band_bps(self, tries: int) -> Decimal:
        """Return the band of an order on an instrument that had `tries` orders before."""
        steps = [*(band for band in _BANDS_BPS if band < self.max_band_bps), self.max_band_bps]
        return steps[min(tries, len(steps) - 1)]


class AccountVerdict(StrEnum):
    """What is known of an account after an emergency exit."""

    FLAT = "flat"
    """Read from the venue: no position, no resting order."""
    DUST = "dust"
    """As FLAT, but for positions smaller than any order that the venue takes."""
    OPEN = "open"
    """Read from the venue: something is still there."""
    UNKNOWN = "unknown"
    """It could not be read, so nobody knows."""

    @property
    def is_done(self) -> bool:
        """Whether nothing is left that an order could close."""
        return self in (AccountVerdict.FLAT, AccountVerdict.DUST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remainder:
    """A position as it was read last.

    Attributes:
        quantity: Signed contracts.
        notional: At the venue's mark price, quote currency; None where the venue gave none.
        is_dust: Whether it is smaller than any order that the venue takes.
    """

    instrument: InstrumentId
    quantity: Decimal
    notional: Decimal | None
    is_dust: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FlattenedOrder:
    """An order of an emergency exit.

    Attributes:
        answer: What the venue said, for people. Nothing is concluded from it.
    """

    client_order_id: ClientOrderId
    instrument: InstrumentId
    side: Side
    quantity: Decimal
    price: Decimal
    band_bps: Decimal
    ts_ns: int
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlattenOutcome:
    """One account after an emergency exit.

    Attributes:
        remaining: What the last reading of the positions showed; it is no proof where the verdict is UNKNOWN.
        read_ns: When that reading began; None when there was none.
        resting: Resting orders at the last reading; None when they could not be read.
        problems: What stood in the way until the end.
    """

    exchange: ExchangeName
    verdict: AccountVerdict
    remaining: tuple[Remainder, ...] = ()
    read_ns: int | None = None
    resting: int | None = None
    orders: tuple[FlattenedOrder, ...] = ()
    problems: tuple[str, ...] = ()

    @classmethod
    def unknown(cls, exchange: ExchangeName, problem: str) -> FlattenOutcome:
        """Return the outcome of an account that could not even be asked."""
        return cls(exchange=exchange, verdict=AccountVerdict.UNKNOWN, problems=(problem,))
