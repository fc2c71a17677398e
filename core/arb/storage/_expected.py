"""Funding that is due: stored once, booked as receivable, and cleared by the venue's own record (handbook C9)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from arb.api import Row, Transaction
from arb.model import CHANGE_NS, MINUTE_NS, ExpectedFunding, FundingPayment, InstrumentId

from ._bookkeeping import book
from ._postings import expected_entry, matched_entry
from ._sql import KEYS_PER_QUERY, Conditions, decimal, decode, insert_sql, integer, select_sql, text, write_rows

_COLUMNS: Final = ("instrument", "settled_ns", "quantity", "price", "rate", "interval_ns", "amount", "currency")
_ADD: Final = insert_sql("expected_funding", _COLUMNS)
_FARTHEST_NS: Final = 15 * MINUTE_NS
"""Venues stamp a payment up to some minutes after its settlement."""


def match_tolerance_ns(interval_ns: int) -> int:
    """Return how far from its settlement a payment may be stamped."""
    return min(interval_ns // 4, _FARTHEST_NS)


async def add_expected(transaction: Transaction, rows: Sequence[ExpectedFunding]) -> tuple[ExpectedFunding, ...]:
    """Store and book what is due and not stored yet, and return it; the first word on a settlement stands."""
    if not rows:
        return ()
    oldest_ns = min(one.settled_ns for one in rows)
    known = await expected(transaction, instruments={one.instrument for one in rows}, since_ns=oldest_ns)
    seen = {(one.instrument, one.settled_ns) for one in known}
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
    """Clear what was due by payments that are new."""
    by_instrument = sorted(payments, key=lambda one: one.instrument)
    for instrument, group in groupby(by_instrument, key=lambda one: one.instrument):
        found = list(group)
        oldest_ns = min(one.settled_ns for one in found) - _FARTHEST_NS
        # Where funding accrues, a payment is of all since the one before it.
        before_ns = await _paid_before(transaction, instrument, oldest_ns)
        due = await expected(transaction, instruments=(instrument,), since_ns=before_ns)
        settled = _settled_by(due, found)
        matched = await _matched(transaction, settled)
        await book(transaction, [matched_entry(one) for one in settled if matched_entry(one).entry_id not in matched])


async def expected(
    transaction: Transaction, *, instruments: Iterable[InstrumentId] | None = None, since_ns: int | None = None
) -> tuple[ExpectedFunding, ...]:
    """Return what was or is due, oldest first."""
    wanted = Conditions().add("settled_ns >= ?", since_ns)
    wanted.among("instrument", None if instruments is None else sorted(instruments))
    sql = select_sql("expected_funding", _COLUMNS, wanted, order_by="settled_ns, instrument")
    return decode("expected_funding", await transaction.query(sql, wanted.values), _expected)


def _settled_by(due: Sequence[ExpectedFunding], payments: Iterable[FundingPayment]) -> list[ExpectedFunding]:
    """Return what of one instrument, oldest first, the payments are of: their settlements, and all that had accrued."""
    settling = [one for one in due if one.interval_ns]
    times = [one.settled_ns for one in settling]
    found: dict[int, ExpectedFunding] = {}
    latest: dict[str, int] = {}
    for payment in payments:
        latest[payment.currency] = max(payment.settled_ns, latest.get(payment.currency, payment.settled_ns))
        first = bisect_left(times, payment.settled_ns - _FARTHEST_NS)
        last = bisect_right(times, payment.settled_ns + _FARTHEST_NS)
        for one in settling[first:last]:
            near = abs(one.settled_ns - payment.settled_ns) <= match_tolerance_ns(one.interval_ns)
            if near and one.currency == payment.currency:
                found[one.settled_ns] = one
    accrued = (one for one in due if not one.interval_ns and one.currency in latest)
    return [*found.values(), *(one for one in accrued if one.settled_ns <= latest[one.currency] + CHANGE_NS)]


async def _paid_before(transaction: Transaction, instrument: InstrumentId, ts_ns: int) -> int | None:
    """Return when the venue booked last before a time; None where it never did."""
    wanted = Conditions().add("instrument = ?", instrument).add("settled_ns < ?", ts_ns)
    sql = select_sql("funding_payments", ("settled_ns",), wanted, order_by="settled_ns DESC", limit=1)
    return next((integer(row, "settled_ns") for row in await transaction.query(sql, wanted.values)), None)


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
        instrument=InstrumentId(text(row, "instrument")),
        settled_ns=integer(row, "settled_ns"),
        quantity=decimal(row, "quantity"),
        price=decimal(row, "price"),
        rate=decimal(row, "rate"),
        interval_ns=integer(row, "interval_ns"),
        amount=decimal(row, "amount"),
        currency=text(row, "currency"),
    )
