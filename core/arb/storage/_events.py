"""The journal of events, in the order they were stored."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from arb.api import Row, Transaction
from arb.model import Event, EventKind, Severity

from ._sql import Conditions, decode, insert_sql, integer, pack, select_sql, text, unpack, write_rows

_COLUMNS: Final = ("ts_ns", "kind", "subject", "message", "severity", "data")
_ADD: Final = insert_sql("events", _COLUMNS)


async def add_events(transaction: Transaction, events: Sequence[Event]) -> None:
    """Append events."""
    rows = [(one.ts_ns, one.kind, one.subject, one.message, one.severity, pack(one.data)) for one in events]
    await write_rows(transaction, _ADD, rows)


async def events(
    transaction: Transaction, after_id: int, limit: int, kinds: Collection[EventKind] | None
) -> tuple[tuple[int, Event], ...]:
    """Return events with their ids, oldest first."""
    conditions = Conditions().add("event_id > ?", after_id).among("kind", kinds)
    sql = select_sql("events", ("event_id", *_COLUMNS), conditions, order_by="event_id", limit=limit)
    return decode("events", await transaction.query(sql, conditions.values), _numbered)


def _numbered(row: Row) -> tuple[int, Event]:
    event = Event(
        ts_ns=integer(row, "ts_ns"),
        kind=EventKind(text(row, "kind")),
        subject=text(row, "subject"),
        message=text(row, "message"),
        severity=Severity(text(row, "severity")),
        data=unpack(row, "data"),
    )
    return integer(row, "event_id"), event
