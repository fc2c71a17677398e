"""Gathering what is on record of a hedge."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from arb.model import Dust, Event, EventKind, Fill, Hedge, Markout, OrderRecord, OrderReport
from arb.storage import Journal

from ._naked import NakedSpan, naked_spans
from ._naming import Named, named
from ._output import print_json
from ._stored import stored_run


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedOrder:
    """An order with what was learnt of it, oldest first."""

    record: OrderRecord
    reports: tuple[OrderReport, ...]
    fills: tuple[Fill, ...]
    markouts: tuple[Markout, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One start of the run; what its event does not tell is None."""

    started_ns: int
    version: str | None
    config: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Everything on record of a hedge.

    Attributes:
        order: The order that was asked for; None where it was the hedge.
        orders: Of the hedge, or only the one asked for.
        opened_by: The session that decided the entry; None where no start is on record.
        closed_by: The session that decided the last exit; None likewise, or when there was no exit.
        events: With their numbers: about the hedge, or an order in `orders`.
    """

    hedge: Hedge
    order: OrderRecord | None
    orders: tuple[ExplainedOrder, ...]
    naked: tuple[NakedSpan, ...]
    opened_by: Session | None
    closed_by: Session | None
    events: tuple[tuple[int, Event], ...]
    dust: tuple[Dust, ...]


def explain(file: Path, name: str, *, as_json: bool) -> None:
    """Print the story of the hedge or order that `name` begins, in the run that `file` describes.

    Raises:
        ArbError: the file or the storage cannot be read.
        UsageError: nothing, or more than one thing, begins so.
    """
    # Imported here, each for its own way of printing.
    if as_json:
        from ._explanation_json import document

        print_json(document(asyncio.run(_read(file, name))))
    else:
        from ._explanation_text import print_explanation

        print_explanation(asyncio.run(_read(file, name)))


async def _read(file: Path, name: str) -> Explanation:
    async with stored_run(file) as run:
        return await gathered(run.journal, await named(run.journal, name))


async def gathered(journal: Journal, found: Named) -> Explanation:
    """Read everything about a hedge, or about one order of it."""
    hedge = found.hedge
    records = await journal.orders(hedge_id=hedge.id)
    fills = await journal.fills(hedge_id=hedge.id)
    instruments = {one.id: one for one in await journal.instruments(hedge.created_ns)}
    markouts = await journal.markouts()
    told = [record for record in records if found.order is None or record == found.order]
    orders = [
        ExplainedOrder(
            record=record,
            reports=await journal.order_reports(record.order.request.client_order_id),
            fills=tuple(fill for fill in fills if _of(record, fill.client_order_id)),
            markouts=tuple(one for one in markouts if _of(record, one.client_order_id)),
        )
        for record in told
    ]
    # Settlements are many, and about instruments.
    events = await journal.events(limit=0, kinds=[kind for kind in EventKind if kind is not EventKind.FUNDING_PAID])
    subjects = {hedge.id, *(record.order.request.client_order_id for record in told)}
    sessions = [_session(event) for _, event in events if event.kind is EventKind.RUN_STARTED]
    return Explanation(
        hedge=hedge,
        order=found.order,
        orders=tuple(orders),
        naked=naked_spans(hedge, records, fills, instruments),
        opened_by=_latest(sessions, hedge.created_ns),
        closed_by=None if hedge.closing_ns is None else _latest(sessions, hedge.closing_ns),
        events=tuple((number, event) for number, event in events if event.subject in subjects),
        dust=tuple(one for one in await journal.dust() if one.hedge_id == hedge.id),
    )


def _of(record: OrderRecord, client_order_id: str) -> bool:
    return record.order.request.client_order_id == client_order_id


def _session(event: Event) -> Session:
    return Session(started_ns=event.ts_ns, version=event.data.get("version"), config=event.data.get("config"))


def _latest(sessions: list[Session], ts_ns: int) -> Session | None:
    """Return the session that was running at a time."""
    before = [session for session in sessions if session.started_ns <= ts_ns]
    return before[-1] if before else None
