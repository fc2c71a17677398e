"""What the journal holds beside payments, and what a venue has to be asked for, so that units can be proved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from arb.funding import PaidSettlement, Prices, join, needed_since_ns, read_prices
from arb.model import DAY_NS, HOUR_NS, Fill, FundingPayment, FundingRate, InstrumentId, exchange_of
from arb.storage import JournalReader

Stretch = tuple[int, int]
"""From when, and until when."""


def accruing_of(rates: Mapping[InstrumentId, Sequence[FundingRate]]) -> frozenset[InstrumentId]:
    """Return the instruments whose funding accrues at every moment, or did."""
    return frozenset(name for name, series in rates.items() if any(not rate.interval_ns for rate in series))


async def paid_evidence(
    journal: JournalReader, payments: Sequence[FundingPayment], rates: Mapping[InstrumentId, Sequence[FundingRate]]
) -> tuple[PaidSettlement, ...]:
    """Return what payments tell of rates, with the fills, prices and expectations that are stored.

    Args:
        journal: Where they are.
        payments: Of an instrument whose funding accrues all since the first of them.
        rates: Settled ones, of each instrument.

    Raises:
        StorageError: it cannot be read.
    """
    if not payments:
        return ()
    accruing = accruing_of(rates)
    fills = await fills_of(journal, accruing)
    prices = await _prices(journal, accruing, payments, fills)
    since_ns = min(one.settled_ns for one in payments) - HOUR_NS
    expected = await journal.expected_funding(since_ns, {one.instrument for one in payments}, accrued=False)
    return join(payments, rates, expected, fills, prices)


async def fills_of(journal: JournalReader, instruments: Collection[InstrumentId]) -> Sequence[Fill]:
    """Return all fills of the exchanges of some instruments: only all together tell what was held.

    Raises:
        StorageError: they cannot be read.
    """
    names = sorted({exchange_of(instrument) for instrument in instruments})
    return [fill for name in names for fill in await journal.fills(exchange=name)]


def stretches(
    payments: Iterable[FundingPayment], fills: Sequence[Fill], accruing: Collection[InstrumentId]
) -> Mapping[InstrumentId, Sequence[Stretch]]:
    """Return from when to when the settled rates of payments are needed, of each instrument.

    Where funding accrues that is all the time until the end of the step in which it was realised last, in
    days: a venue is asked once for every step of them.
    """
    found: dict[InstrumentId, Sequence[Stretch]] = {}
    for instrument, booked in _by_instrument(payments).items():
        first_ns, last_ns = booked[0].settled_ns - HOUR_NS, booked[-1].settled_ns + HOUR_NS
        if instrument in accruing:
            since_ns = needed_since_ns(booked, [one for one in fills if one.instrument == instrument])
            first_ns, last_ns = since_ns or first_ns, last_ns + DAY_NS
            found[instrument] = [
                (start_ns, min(start_ns + DAY_NS, last_ns)) for start_ns in range(first_ns, last_ns, DAY_NS)
            ]
        else:
            found[instrument] = [(first_ns, last_ns)]
    return found


async def _prices(
    journal: JournalReader,
    accruing: Collection[InstrumentId],
    payments: Iterable[FundingPayment],
    fills: Sequence[Fill],
) -> Mapping[InstrumentId, Prices]:
    """Return the prices of the time that the last payments of each instrument are of."""
    booked = {name: found for name, found in _by_instrument(payments).items() if name in accruing}
    known = {one.id: one for one in await journal.instruments()} if booked else {}
    prices: dict[InstrumentId, Prices] = {}
    for name in booked.keys() & known.keys():
        since_ns = needed_since_ns(booked[name], [one for one in fills if one.instrument == name])
        if since_ns is not None:
            stats = await journal.stats(name, since_ns - DAY_NS, booked[name][-1].settled_ns + DAY_NS)
            prices[name] = read_prices(known[name], stats)
    return prices


def _by_instrument(payments: Iterable[FundingPayment]) -> Mapping[InstrumentId, Sequence[FundingPayment]]:
    found: defaultdict[InstrumentId, list[FundingPayment]] = defaultdict(list)
    for one in sorted(payments, key=lambda one: one.settled_ns):
        found[one.instrument].append(one)
    return found
