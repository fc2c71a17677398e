"""What the finder is given: limits, prices and accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Protocol

from arb.model import (
    MINUTE_NS,
    SECOND_NS,
    ZERO,
    Balance,
    ExchangeName,
    Fresh,
    InstrumentId,
    OrderBook,
    Position,
    Reading,
)

from ._fees import FeeCalculator


class BookSource(Protocol):
    """Where books come from: the price provider."""

    async def get_book(self, instrument: InstrumentId, max_age_ns: int) -> Fresh[OrderBook]:
        """Return a book not older than `max_age_ns`.

        Raises:
            StaleData: there is none young enough.
            ExchangeError: the venue did not deliver.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FinderSettings:
    """Limits of the search.

    Attributes:
        max_price_age_ns: Books older than this are not used.
        quarantine_before_ns: No entry this long before a settlement of either leg: books thin out
            and it is undetermined who takes part (handbook C2, C10). At most a quarter of the interval.
        quarantine_after_ns: No entry this long after one. At most a twelfth of the interval.
        default_half_life_hours: Of a spread whose own history is too short.
        max_leverage: Highest leverage of a leg; the venue's own limit counts where it is lower.
        margin_buffer: Share of the margin held beside it.
        stress_move: Fall of the price after which a leg must still be above the venue's minimum.
        max_examined: Most pairs whose books are read in one scan.
        fees: What fills are expected to cost.
        explain: Whether pairs left out by rates and fees alone are listed too. A scan of a
            thousand assets spends most of its time on that list.
        prove_assets: Whether a pair waits until the prices of :class:`AssetIdentity` prove that both
            legs are one asset, which takes three hours. Without it a pair is refused as soon as the
            prices seen contradict that, be it by one observation, so that a fresh run can trade after
            its first collection; a pair of which a venue publishes no price is left to the check of
            the basis, which both books are read for.
    """

    max_price_age_ns: int = 5 * SECOND_NS
    quarantine_before_ns: int = 15 * MINUTE_NS
    quarantine_after_ns: int = 5 * MINUTE_NS
    default_half_life_hours: Decimal = Decimal(24)
    max_leverage: Decimal = Decimal(3)
    margin_buffer: Decimal = Decimal("0.25")
    stress_move: Decimal = Decimal("0.2")
    max_examined: int = 40
    explain: bool = True
    fees: FeeCalculator = field(default_factory=FeeCalculator)
    prove_assets: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeAccount:
    """What is known of a hedge's money and of the accounts that hold its legs.

    Attributes:
        funding: Received so far, US dollars.
        fees: Paid so far, US dollars.
        positions: Every open position of each account, as `fetch_positions` returned them.
        balances: Every balance of each account, as `fetch_balances` returned them.
    """

    funding: Decimal = ZERO
    fees: Decimal = ZERO
    positions: Mapping[ExchangeName, Reading[Sequence[Position]]] = field(default_factory=lambda: MappingProxyType({}))
    balances: Mapping[ExchangeName, Reading[Sequence[Balance]]] = field(default_factory=lambda: MappingProxyType({}))
