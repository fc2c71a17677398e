"""The account of a stored run: every cent of the change of equity has a part and an owner."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce

from arb.model import ZERO, Hedge, HedgeStatus, exchange_of, format_utc

from ._account_book import Book, book_of, last_rate, usd_rate
from ._account_delta import max_abs_delta_usd
from ._account_flows import Flow
from ._account_holdings import Holdings, holdings_of, settle_ties
from ._account_inputs import BookedFill, Inputs, Slot, load_inputs
from ._account_lines import fill_lines, leg_account, payment_lines
from ._account_types import (
    FillLine,
    HedgeAccount,
    Parts,
    PaymentLine,
    RunAccount,
    Unattributed,
    decimal_text,
    exact_sums,
    is_explained,
)
from ._journal import Journal


async def account_run(journal: Journal, start_ns: int | None = None, end_ns: int | None = None) -> RunAccount:
    """Take the change of equity apart, from the first sample at or after `start_ns` to the last at or before `end_ns`.

    Everything is read from the journal, so that a run in two pieces on one database accounts as one.

    Raises:
        StorageError: the journal cannot be read, or an instrument that was traded is not stored.
    """
    inputs = await load_inputs(journal, start_ns, end_ns)
    with exact_sums():
        inputs = settle_ties(inputs)
        held = holdings_of(inputs.fills)
        return _run_account(inputs, held, book_of(inputs, held), asked_start=start_ns is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lines:
    fills: Mapping[Slot, Sequence[FillLine]]
    payments: Mapping[Slot, Sequence[PaymentLine]]
    booked: Mapping[Slot, Sequence[BookedFill]]
    parts: Mapping[Slot, Parts]


def _run_account(inputs: Inputs, held: Holdings, book: Book, *, asked_start: bool) -> RunAccount:
    valued = [pair for result in book.wallets.values() for pair in result.valued]
    booked: defaultdict[Slot, list[BookedFill]] = defaultdict(list)
    for one in inputs.fills:
        booked[one.slot].append(one)
    lines = _Lines(fills=fill_lines(valued), payments=payment_lines(valued), booked=booked, parts=book.parts())
    accounts = book.accounts()
    start_ns = min((row.start_ns for row in accounts), default=None)
    end_ns = max((row.end_ns for row in accounts), default=None)
    window = (0 if start_ns is None else start_ns, 0 if end_ns is None else end_ns)
    hedges = tuple(
        _hedge_account(hedge, inputs, lines, window) for hedge in inputs.hedges if _concerns(hedge, lines, window)
    )
    beside = _unattributed(lines, {hedge.hedge_id: len(hedge.legs) for hedge in hedges})
    parts = reduce(Parts.plus, (hedge.parts for hedge in hedges), beside.parts)
    first = sum((row.start_equity * row.start_usd_rate for row in accounts), ZERO)
    last = sum((row.end_equity * row.end_usd_rate for row in accounts), ZERO)
    rate = partial(usd_rate, inputs)
    return RunAccount(
        start_ns=start_ns,
        end_ns=end_ns,
        equity_start_usd=first,
        equity_end_usd=last,
        equity_change=last - first,
        parts=parts,
        unexplained=last - first - parts.total,
        hedges_opened=sum(1 for one in inputs.hedges if _within(one.opened_ns, window)),
        hedges_closed=sum(
            1 for one in inputs.hedges if one.status is HedgeStatus.CLOSED and _within(one.closed_ns, window)
        ),
        max_abs_delta_usd=max_abs_delta_usd(inputs.fills, inputs, rate, *window),
        hedges=hedges,
        unattributed=beside,
        wallets=accounts,
        alarms=tuple(_alarms(inputs, held, book, beside, asked_start=asked_start)),
    )


def _concerns(hedge: Hedge, lines: _Lines, window: tuple[int, int]) -> bool:
    if any((hedge.id, index) in lines.parts for index in range(len(hedge.legs))):
        return True
    return hedge.created_ns <= window[1] and (hedge.closed_ns is None or hedge.closed_ns >= window[0])


def _within(ts_ns: int | None, window: tuple[int, int]) -> bool:
    return ts_ns is not None and window[0] <= ts_ns <= window[1]


def _hedge_account(hedge: Hedge, inputs: Inputs, lines: _Lines, window: tuple[int, int]) -> HedgeAccount:
    slots: list[Slot] = [(hedge.id, index) for index in range(len(hedge.legs))]
    legs = tuple(
        leg_account(leg, lines.booked.get(slot, ()), lines.parts.get(slot, Parts()))
        for slot, leg in zip(slots, hedge.legs, strict=True)
    )
    booked = [one for slot in slots for one in lines.booked.get(slot, ())]
    times = [one.fill.ts_event_ns for one in booked]
    is_flat = all(leg.entry_quantity == leg.exit_quantity for leg in legs)
    parts = reduce(Parts.plus, (leg.parts for leg in legs), Parts())
    fills = [line for slot in slots for line in lines.fills.get(slot, ())]
    payments = [line for slot in slots for line in lines.payments.get(slot, ())]
    return HedgeAccount(
        hedge_id=hedge.id,
        strategy=hedge.strategy,
        base=hedge.base,
        status=hedge.status,
        created_ns=hedge.created_ns,
        entry_ns=min(times, default=None),
        exit_ns=max(times, default=None) if is_flat else None,
        entry_reason=hedge.entry_reason,
        exit_reason=hedge.exit_reason,
        legs=legs,
        fills=tuple(sorted(fills, key=lambda line: (line.ts_ns, line.instrument, line.fill_id))),
        payments=tuple(sorted(payments, key=lambda line: (line.settled_ns, line.instrument, line.payment_id))),
        parts=parts,
        total_usd=parts.total,
        max_abs_delta_usd=max_abs_delta_usd(booked, inputs, partial(usd_rate, inputs), *window),
    )


def _unattributed(lines: _Lines, legs: Mapping[str, int]) -> Unattributed:
    """Gather what belongs to no hedge of the report; an order of a leg the hedge lacks ends here too."""

    def is_beside(slot: Slot) -> bool:
        return slot is None or slot[1] >= legs.get(slot[0], 0)

    fills = [line for slot, row in lines.fills.items() if is_beside(slot) for line in row]
    payments = [line for slot, row in lines.payments.items() if is_beside(slot) for line in row]
    parts = reduce(Parts.plus, (row for slot, row in lines.parts.items() if is_beside(slot)), Parts())
    return Unattributed(
        fills=tuple(sorted(fills, key=lambda line: (line.ts_ns, line.instrument, line.fill_id))),
        payments=tuple(sorted(payments, key=lambda line: (line.settled_ns, line.instrument, line.payment_id))),
        parts=parts,
        total_usd=parts.total,
    )


def _alarms(inputs: Inputs, held: Holdings, book: Book, beside: Unattributed, *, asked_start: bool) -> Iterator[str]:
    for (exchange, currency), result in sorted(book.wallets.items()):
        if not is_explained(result.unexplained):
            yield (
                f"{exchange} {currency}: {decimal_text(result.unexplained)} USD of the change of equity is not "
                "explained: a deposit, a withdrawal, or an entry the journal has not seen"
            )
        end = format_utc(result.samples[-1].ts_ns)
        if result.late:
            yield f"{exchange} {currency}: {_count(result.late)} after the last sample ({end}), not counted"
        ours = [flow for flow in result.early if flow.slot is not None]
        if ours and not asked_start:
            start = format_utc(result.samples[0].ts_ns)
            yield f"{exchange} {currency}: {_count(ours)} of hedges before the first sample ({start}), not counted"
    yield from _unvalued_alarms(inputs, book)
    if beside.fills:
        yield f"{len(beside.fills)} fills have no order of arb: a liquidation, or trading by hand"
    yield from _position_alarms(inputs, held)


def _count(flows: Sequence[Flow]) -> str:
    return f"{len({id(flow.source) for flow in flows})} entries were booked"


def _unvalued_alarms(inputs: Inputs, book: Book) -> Iterator[str]:
    for (exchange, currency), count in sorted(Counter(flow.wallet for flow in book.unvalued).items()):
        why = "the exchange has no equity sample"
        if last_rate(inputs, currency) is None:
            why = f"nobody said what a {currency} is worth; exposure in it is counted at 1 dollar each"
        yield f"{exchange} {currency}: {count} amounts are not counted: {why}"


def _position_alarms(inputs: Inputs, held: Holdings) -> Iterator[str]:
    sampled = {instrument for _, instrument in inputs.positions}
    for instrument in sorted(sampled | held.keys()):
        row = inputs.samples.get(inputs.wallet_of(instrument))
        if not row:
            continue
        sample = inputs.positions.get((row[-1].ts_ns, instrument))
        at_venue = ZERO if sample is None else sample.quantity
        ours = sum((holding.at(row[-1].ts_ns) for holding in held.get(instrument, {}).values()), ZERO)
        if at_venue != ours:
            yield (
                f"{exchange_of(instrument)} holds {decimal_text(at_venue)} of {instrument} and the stored fills make "
                f"{decimal_text(ours)}"
            )
