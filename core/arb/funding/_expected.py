"""What a settlement should book, by the venue's own rule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from arb.model import (
    HOUR_NS,
    SECOND_NS,
    ZERO,
    ExpectedFunding,
    FundingRate,
    Instrument,
    MarketStats,
    PriceBase,
    exact_money,
    is_bookable,
    to_cash,
)

from ._realised import Prices, shares

UNDETERMINED_NS: Final = 15 * SECOND_NS
"""Whether a fill this near a settlement takes part in it is the venue's to say (handbook C2)."""


def expected_funding(
    instrument: Instrument, rate: FundingRate, quantity: Decimal, price: Decimal
) -> ExpectedFunding | None:
    """Return what a settlement books on `quantity` signed contracts; None where funding has no settlements.

    `F = -quantity x price x rate` (handbook C2), rounded to the last unit that venues book.

    Args:
        instrument: What is held.
        rate: The settled rate.
        quantity: Held at the snapshot.
        price: Of the venue's price base, quote currency per contract.
    """
    if rate.interval_ns == 0:
        return None
    return _due(instrument, rate.ts_event_ns, rate.interval_ns, quantity, price, rate.rate)


def accrued_funding(
    instrument: Instrument,
    rate: FundingRate,
    quantity: Decimal,
    price: Decimal,
    start_ns: int,
    end_ns: int,
    *,
    history: Sequence[FundingRate] = (),
) -> ExpectedFunding | None:
    """Return what accrues on a position in (start, end]; None when the numbers are too far out to be true.

    Args:
        instrument: What is held.
        rate: At which it accrues now.
        quantity: Signed contracts held all the time.
        price: Of the venue's price base, quote currency per contract.
        start_ns: From when.
        end_ns: Until when.
        history: Settled rates: as far as they go they are taken, and `rate` from then on.
    """
    known_ns = min(max((step.ts_event_ns for step in history), default=start_ns), end_ns)
    known = shares(history, start_ns, known_ns)
    since_ns = known_ns if known else start_ns
    fraction = sum((one.fraction for one in known), ZERO) + rate.per_hour * (end_ns - since_ns) / HOUR_NS
    return _due(instrument, end_ns, 0, quantity, price, fraction)


def base_price(instrument: Instrument, stats: MarketStats) -> Decimal | None:
    """Return the price that the venue multiplies with the rate; None where it does not publish it."""
    if instrument.funding_price_base is PriceBase.MARK:
        return stats.mark_price
    return stats.index_price


def read_prices(instrument: Instrument, stats: Iterable[MarketStats]) -> Prices:
    """Return the prices that a venue multiplies rates with, as they were read; `stats` are its own, oldest first."""
    return [(row.ts_event_ns, price) for row in stats if (price := base_price(instrument, row)) is not None]


def _due(
    instrument: Instrument, ts_ns: int, interval_ns: int, quantity: Decimal, price: Decimal, fraction: Decimal
) -> ExpectedFunding | None:
    """Return what is due; None when the numbers are too far out to be true."""
    with exact_money() as context:
        # A rate that was divided to an hour and back has more digits than any venue books.
        context.traps = dict.fromkeys(context.traps, False)
        amount = to_cash(-quantity * price * fraction)
    if not is_bookable(amount) or not is_bookable(price):
        return None
    return ExpectedFunding(
        instrument=instrument.id,
        settled_ns=ts_ns,
        quantity=quantity,
        price=price,
        rate=fraction,
        interval_ns=interval_ns,
        amount=amount,
        currency=instrument.quote,
    )
