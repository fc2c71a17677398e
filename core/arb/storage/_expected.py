"""Funding that is due: stored once, booked as receivable, and cleared by the venue's own record (handbook C9)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Final

from arb.api import Row, Transaction
from arb.model import CHANGE_NS, MINUTE_NS, ZERO, ExpectedFunding, FundingPayment, InstrumentId, storable

from ._account_types import exact_sums
from ._bookkeeping import book
from ._postings import expected_entry, matched_entry, realised_entry
from ._sql import KEYS_PER_QUERY, Conditions, decimal, decode, insert_sql, integer, select_sql, text, write_rows

_COLUMNS: Final = ("instrument", "settled_ns", "quantity", "price", "rate", "interval_ns", "amount", "currency")
_ADD: Final = insert_sql("expected_funding", _COLUMNS)
_FARTHEST_NS: Final = 15 * MINUTE_NS
"""Venues stamp a payment up to some minutes after its settlement."""
_PAGE: Final = 1_000
"""Rows that are summed at once: between two pages others have their turn."""


def match_tolerance_ns(interval_ns: int) -> int:
    """Return how far from its settlement a payment may be stamped."""
    return min(interval_ns // 4, _FARTHEST_NS)


async def add_expected(transaction: Transaction, rows: Sequence[ExpectedFunding]) -> tuple[ExpectedFunding, ...]:
    """Store and book what is due and not stored yet, and return it; the first word on a settlement stands."""
    if not rows:
        return ()
    seen = await _stored(transaction, rows)
    new = []
    for one in rows:
        if (one.instrument, one.settled_ns) not in seen:
            seen.add((one.instrument, one.settled_ns))
            new.append(one)
    await write_rows(
        transaction,
        _ADD,
        [
            (
                one.instrument,
                one.settled_ns,
                one.quantity,
                one.price,
                one.rate,
                one.interval_ns,
                one.amount,
                one.currency,
            )
            for one in new
        ],
    )
    await book(transaction, [expected_entry(one) for one in new])
    paid = [one for one in new if await _is_paid(transaction, one)]
    await book(transaction, [matched_entry(one) for one in paid])
    return tuple(new)


async def clear_expected(transaction: Transaction, payments: Sequence[FundingPayment]) -> None:
    """Clear what was due by payments that are new and stored: each settlement, and at once all that had accrued."""
    ordered = sorted(payments, key=lambda one: (one.instrument, one.currency, one.settled_ns))
    for (instrument, _), group in groupby(ordered, key=lambda one: (one.instrument, one.currency)):
        found = list(group)
        since_ns = found[0].settled_ns - _FARTHEST_NS
        due = await expected(transaction, instruments=(instrument,), since_ns=since_ns, accrued=False)
        settled = _settled_by(due, found)
        matched = await _matched(transaction, settled)
        await book(transaction, [matched_entry(one) for one in settled if matched_entry(one).entry_id not in matched])
        await _realise(transaction, found)


async def expected(
    transaction: Transaction,
    *,
    instruments: Iterable[InstrumentId] | None = None,
    since_ns: int | None = None,
    accrued: bool | None = None,
) -> tuple[ExpectedFunding, ...]:
    """Return what was or is due, oldest first.

    Args:
        transaction: To read in.
        instruments: Of which; None is all.
        since_ns: At or after this time.
        accrued: Only what accrued without settlements, or only what settlements owe; None is both.
    """
    wanted = Conditions().add("settled_ns >= ?", since_ns)
    wanted.among("instrument", None if instruments is None else sorted(instruments))
    if accrued is not None:
        wanted.add("interval_ns = ?" if accrued else "interval_ns <> ?", 0)
    sql = select_sql("expected_funding", _COLUMNS, wanted, order_by="settled_ns, instrument")
    return decode("expected_funding", await transaction.query(sql, wanted.values), _expected)


async def accrued_to(transaction: Transaction, since_ns: int) -> Mapping[InstrumentId, int]:
    """Return until when it is booked what accrued, of each instrument where anything was since a time."""
    sql = (
        "SELECT instrument, MAX(settled_ns) AS last_ns FROM expected_funding"
        " WHERE interval_ns = 0 AND settled_ns >= ? GROUP BY instrument"
    )
    rows = await transaction.query(sql, (since_ns,))
    return dict(decode("expected_funding", rows, lambda row: (_instrument(row), integer(row, "last_ns"))))


async def _stored(transaction: Transaction, rows: Sequence[ExpectedFunding]) -> set[tuple[InstrumentId, int]]:
    """Return instrument and time of what is stored at the times of `rows`, and maybe of more."""
    instruments = sorted({one.instrument for one in rows})
    times = sorted({one.settled_ns for one in rows})
    found: set[tuple[InstrumentId, int]] = set()
    for start in range(0, len(times), KEYS_PER_QUERY):
        wanted = Conditions().among("instrument", instruments)
        wanted.among("settled_ns", times[start : start + KEYS_PER_QUERY])
        sql = select_sql("expected_funding", ("instrument", "settled_ns"), wanted)
        stored = await transaction.query(sql, wanted.values)
        found.update(decode("expected_funding", stored, lambda row: (_instrument(row), integer(row, "settled_ns"))))
    return found


def _settled_by(due: Sequence[ExpectedFunding], payments: Iterable[FundingPayment]) -> list[ExpectedFunding]:
    """Return the settlements of one instrument, given oldest first, that the payments are of."""
    times = [one.settled_ns for one in due]
    found: dict[int, ExpectedFunding] = {}
    for payment in payments:
        first = bisect_left(times, payment.settled_ns - _FARTHEST_NS)
        last = bisect_right(times, payment.settled_ns + _FARTHEST_NS)
        for one in due[first:last]:
            near = abs(one.settled_ns - payment.settled_ns) <= match_tolerance_ns(one.interval_ns)
            if near and one.currency == payment.currency:
                found[one.settled_ns] = one
    return list(found.values())


async def _realise(transaction: Transaction, payments: Sequence[FundingPayment]) -> None:
    """Clear by one entry all that had accrued until the last of new payments, of one instrument and currency.

    A payment clears what had accrued until a minute after it, at once or when that is booked later. So nothing is
    left of the time until the last one that was known, and no row has to be asked for an entry of its own.
    """
    last = payments[-1]
    cleared_ns = await _cleared_to(transaction, payments)
    amount, accrued_ns = await _accrued(transaction, last, cleared_ns)
    if amount:
        await book(transaction, [realised_entry(last, amount, max(last.settled_ns, accrued_ns))])


async def _cleared_to(transaction: Transaction, payments: Sequence[FundingPayment]) -> int | None:
    """Return until when payments that were stored before these cleared what had accrued; None where there are none."""
    new = {storable(one.payment_id) for one in payments}
    wanted = Conditions().add("instrument = ?", payments[0].instrument).add("currency = ?", payments[0].currency)
    columns = ("payment_id", "settled_ns")
    sql = select_sql("funding_payments", columns, wanted, order_by="settled_ns DESC", limit=len(new) + 1)
    rows = await transaction.query(sql, wanted.values)
    known = decode("funding_payments", rows, lambda row: (text(row, "payment_id"), integer(row, "settled_ns")))
    return next((settled_ns + CHANGE_NS for payment_id, settled_ns in known if payment_id not in new), None)


async def _accrued(transaction: Transaction, payment: FundingPayment, after_ns: int | None) -> tuple[Decimal, int]:
    """Return what had accrued after a time until a payment realised it, and until when; zeros where nothing had."""
    amount, reached_ns = ZERO, after_ns
    while True:
        wanted = Conditions().add("instrument = ?", payment.instrument).add("currency = ?", payment.currency)
        wanted.add("interval_ns = ?", 0).add("settled_ns <= ?", payment.settled_ns + CHANGE_NS)
        wanted.add("settled_ns > ?", reached_ns)
        sql = select_sql("expected_funding", ("settled_ns", "amount"), wanted, order_by="settled_ns", limit=_PAGE)
        rows = await transaction.query(sql, wanted.values)
        with exact_sums():
            amount += sum(decode("expected_funding", rows, lambda row: decimal(row, "amount")), ZERO)
        if not rows:
            return amount, reached_ns or 0
        reached_ns = integer(rows[-1], "settled_ns")


async def _is_paid(transaction: Transaction, one: ExpectedFunding) -> bool:
    wanted = Conditions().add("instrument = ?", one.instrument).add("currency = ?", one.currency)
    if one.interval_ns == 0:
        wanted.add("settled_ns >= ?", one.settled_ns - CHANGE_NS)
    else:
        tolerance = match_tolerance_ns(one.interval_ns)
        wanted.add("settled_ns >= ?", one.settled_ns - tolerance).add("settled_ns <= ?", one.settled_ns + tolerance)
    sql = select_sql("funding_payments", ("payment_id",), wanted, limit=1)
    return bool(await transaction.query(sql, wanted.values))


async def _matched(transaction: Transaction, rows: Sequence[ExpectedFunding]) -> frozenset[str]:
    """Return the ids of the entries that clear some of `rows` already."""
    ids = [matched_entry(one).entry_id for one in rows]
    found: set[str] = set()
    for start in range(0, len(ids), KEYS_PER_QUERY):
        among = Conditions().among("entry_id", ids[start : start + KEYS_PER_QUERY])
        stored = await transaction.query(select_sql("ledger_entries", ("entry_id",), among), among.values)
        found.update(text(row, "entry_id") for row in stored)
    return frozenset(found)


def _expected(row: Row) -> ExpectedFunding:
    return ExpectedFunding(
        instrument=_instrument(row),
        settled_ns=integer(row, "settled_ns"),
        quantity=decimal(row, "quantity"),
        price=decimal(row, "price"),
        rate=decimal(row, "rate"),
        interval_ns=integer(row, "interval_ns"),
        amount=decimal(row, "amount"),
        currency=text(row, "currency"),
    )


def _instrument(row: Row) -> InstrumentId:
    return InstrumentId(text(row, "instrument"))
