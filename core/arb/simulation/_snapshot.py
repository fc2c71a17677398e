"""The state of a venue as JSON text, exact: Decimal as text, everything in a fixed order."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from arb.api import StorageError
from arb.model import InstrumentId, MarginMode, Side

from ._account import Account, Holding
from ._codec import record_from, record_row, request_from, request_row
from ._floor import Accrued, PendingPayment, VenueState
from ._journal import Journal
from ._matching import WorkingOrder

_FORMAT: Final = 1
_UNREADABLE: Final = (KeyError, TypeError, ValueError, ArithmeticError, AttributeError)


def head_text(state: VenueState) -> str:
    """Return everything but the history as JSON text; it names how many records the history has."""
    account = state.account
    head = {
        "format": _FORMAT,
        "now_ns": state.now_ns,
        "deadline_ns": state.deadline_ns,
        "next_check_ns": state.next_check_ns,
        "number": state.number,
        "version": state.version,
        "records": len(state.journal),
        "deposits": {currency: str(amount) for currency, amount in sorted(state.deposits.items())},
        "cash": {currency: str(amount) for currency, amount in sorted(account.cash.items())},
        "holdings": {i: [str(h.quantity), str(h.cost), str(h.margin)] for i, h in sorted(account.holdings.items())},
        "leverage": {i: [str(value), mode.value] for i, (value, mode) in sorted(account.leverage.items())},
        "working": [_working_row(order) for order in state.working.values()],
        "depletion": [
            [instrument, sequence, ts_ns, [[side.value, str(price), str(taken)] for side, price, taken in rows]]
            for instrument, sequence, ts_ns, rows in state.depletion.rows()
        ],
        "marks": {instrument: str(mark) for instrument, mark in sorted(state.marks.items())},
        "pending": [[p.instrument, p.settled_ns, str(p.quantity)] for p in state.pending],
        "accrued": {i: [one.until_ns, str(one.amount)] for i, one in sorted(state.accrued.items())},
    }
    return json.dumps(head, separators=(",", ":"))


def records_text(state: VenueState, start: int, end: int | None = None) -> str:
    """Return records of the history as JSON text."""
    return json.dumps([record_row(record) for record in state.journal.records(start, end)], separators=(",", ":"))


def state_from(head: str, records: Iterable[str], owner: str) -> VenueState:
    """Build the state again; records beyond those the head names were never acknowledged and are left out.

    Raises:
        StorageError: the text is not a state of this format, or history is missing.
    """
    try:
        content = json.loads(head)
        if content["format"] != _FORMAT:
            raise ValueError(f"its format is {content['format']}, this version reads {_FORMAT}")
        rows = [row for text in records for row in json.loads(text)]
        if len(rows) < content["records"]:
            raise ValueError(f"{content['records']} records are named, {len(rows)} are there")
        return _state(content, rows[: content["records"]])
    except _UNREADABLE as error:
        text = f"{owner}: the stored account of the simulated venue cannot be read ({type(error).__name__}: {error})"
        raise StorageError(f"{text}; restore the storage from a backup or begin with a new one") from error


def _state(content: dict[str, Any], rows: list[list[Any]]) -> VenueState:
    account = Account({currency: Decimal(amount) for currency, amount in content["cash"].items()})
    for instrument, (quantity, cost, margin) in content["holdings"].items():
        account.holdings[InstrumentId(instrument)] = Holding(Decimal(quantity), Decimal(cost), Decimal(margin))
    for instrument, (value, mode) in content["leverage"].items():
        account.leverage[InstrumentId(instrument)] = (Decimal(value), MarginMode(mode))
    # Written since the dead man's switch exists: an older account has none armed.
    deadline_ns = content.get("deadline_ns")
    journal = Journal()
    for row in rows:
        journal.add(record_from(row))
    state = VenueState(
        account=account,
        deposits={currency: Decimal(amount) for currency, amount in content["deposits"].items()},
        now_ns=int(content["now_ns"]),
        deadline_ns=None if deadline_ns is None else int(deadline_ns),
        next_check_ns=int(content["next_check_ns"]),
        number=int(content["number"]),
        version=int(content["version"]),
        journal=journal,
        marks={InstrumentId(i): Decimal(mark) for i, mark in content["marks"].items()},
        pending=[PendingPayment(InstrumentId(i), int(ts), Decimal(quantity)) for i, ts, quantity in content["pending"]],
    )
    # Written since such funding is paid when a position changes: an older account begins anew.
    for instrument, (until_ns, amount) in content.get("accrued", {}).items():
        state.accrued[InstrumentId(instrument)] = Accrued(int(until_ns), Decimal(amount))
    for order in map(_working_from, content["working"]):
        state.working[order.client_order_id] = order
    state.depletion.load(
        (InstrumentId(i), int(sequence), int(ts), [(Side(s), Decimal(p), Decimal(q)) for s, p, q in taken])
        for i, sequence, ts, taken in content["depletion"]
    )
    return state


def _working_row(order: WorkingOrder) -> dict[str, Any]:
    return {
        "request": request_row(order.request),
        "number": order.number,
        "filled": str(order.filled),
        "notional": str(order.notional),
        "ahead": str(order.ahead),
    }


def _working_from(row: dict[str, Any]) -> WorkingOrder:
    return WorkingOrder(
        request=request_from(row["request"]),
        number=int(row["number"]),
        filled=Decimal(row["filled"]),
        notional=Decimal(row["notional"]),
        ahead=Decimal(row["ahead"]),
    )
