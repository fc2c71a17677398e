"""The story of a hedge for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import click

from arb.model import Fill, Hedge, Numbers, OrderMode, OrderPurpose, OrderReport, Severity, format_utc

from ._explaining import ExplainedOrder, Explanation, Session
from ._figures import bps, number, price, seconds, slippage_bps
from ._money import duration, second
from ._naked import NakedSpan
from ._output import clean, print_table

_NOT_RECORDED: Final = "not recorded"
_COLORS: Final = {Severity.INFO: None, Severity.WARNING: "yellow", Severity.ALARM: "red"}


def print_explanation(found: Explanation) -> None:
    """Print the whole story, from the decision to the end."""
    hedge = found.hedge
    head = f"Hedge {hedge.id} on {hedge.base}, strategy {hedge.strategy}: {hedge.status}"
    if found.order is not None:
        head = f"Order {found.order.order.request.client_order_id}. {head}"
    click.secho(clean(head), bold=True)
    _section("Decision", _decision(found))
    click.echo("\nLegs")
    _print_legs(hedge)
    for each in found.orders:
        _section(_order_title(each), _order_lines(each))
    if not found.orders:
        _section("Orders", [_NOT_RECORDED])
    _section("Legs out of balance, by the venues' clocks", _naked(found))
    if found.dust:
        dust = [f"{number(one.quantity)} {one.instrument} at {price(one.price)}" for one in found.dust]
        _section("Left behind, too little for any order", dust)
    _section("End", _end(hedge, found.closed_by))
    _print_events(found)


def _section(title: str, lines: Iterable[str]) -> None:
    click.echo(f"\n{clean(title)}")
    for line in lines:
        click.echo(f"  {clean(line)}")


def _decision(found: Explanation) -> Iterator[str]:
    hedge, policy = found.hedge, found.hedge.entry
    yield f"{second(hedge.created_ns)}  {hedge.entry_reason or f'why is {_NOT_RECORDED}'}"
    yield from _numbers(hedge.entry_numbers)
    yield _decided_by(found.opened_by)
    rests = "" if policy.mode is OrderMode.MARKET else f" that rest {duration(policy.rest_ns)} at most"
    yield (
        f"how: {policy.mode} orders{rests}, legs {policy.leg_order.replace('_', ' ')}, each within "
        f"{number(hedge.max_slippage_bps)} bps of its mid price on arrival"
    )


def _numbers(numbers: Numbers) -> Iterator[str]:
    if not numbers:
        yield f"  its numbers are {_NOT_RECORDED}"
    width = max(map(len, numbers), default=0)
    for name, value in numbers.items():
        yield f"  {name:<{width}}  {value}"


def _decided_by(session: Session | None) -> str:
    if session is None:
        return f"decided by a run whose start is {_NOT_RECORDED}"
    version = session.version or _NOT_RECORDED
    config = session.config or _NOT_RECORDED
    return f"decided by the run of {second(session.started_ns)}; version: {version}; configuration: {config}"


def _print_legs(hedge: Hedge) -> None:
    head = ("leg", "side", "instrument", "planned", "in", "at", "out", "at", "open")
    rows = [
        (
            f"  {index}",
            leg.side,
            leg.instrument,
            number(leg.target_quantity),
            number(leg.entry_quantity),
            price(leg.entry_price),
            number(leg.exit_quantity),
            price(leg.exit_price),
            number(leg.open_quantity),
        )
        for index, leg in enumerate(hedge.legs)
    ]
    print_table((f"  {head[0]}", *head[1:]), rows)


def _order_title(each: ExplainedOrder) -> str:
    record, request = each.record, each.record.order.request
    title = f"Order {request.client_order_id}, {record.purpose}: {request.side} {number(request.quantity)}"
    title += f" {request.instrument}"
    if record.purpose is OrderPurpose.FORCED:
        return title  # not ours: what it was asked for is not known
    reducing = ", reduce-only" if request.reduce_only else ""
    return f"{title} at {price(request.price)} or better ({record.mode}{reducing})"


def _order_lines(each: ExplainedOrder) -> Iterator[str]:
    record, order = each.record, each.record.order
    filled = "nothing filled"
    if order.filled_quantity:
        filled = f"{number(order.filled_quantity)} filled at {price(order.average_price)}"
    slipped = slippage_bps(record)
    if slipped is not None:
        filled += f", {bps(slipped)} bps from the mid price on arrival, {price(record.arrival_price)}"
    yield f"{order.status}, {filled}{f': {order.reason}' if order.reason else ''}"
    if not each.reports:
        yield f"what was learnt of it is {_NOT_RECORDED}"
    yield from map(_report, each.reports)
    yield from map(_fill, each.fills)
    for one in each.markouts:
        later = f"mid price {duration(one.horizon_ns)} after the last fill"
        yield f"{format_utc(one.ts_ns)}  {later}: {price(one.mid_price)}"


def _report(report: OrderReport) -> str:
    filled = f", {number(report.filled_quantity)} at {price(report.average_price)}" if report.filled_quantity else ""
    reason = f": {report.reason}" if report.reason else ""
    return f"{format_utc(report.ts_ns)}  {report.source}: {report.status}{filled}{reason}"


def _fill(fill: Fill) -> str:
    return (
        f"{format_utc(fill.ts_event_ns)}  fill {fill.fill_id}: {number(fill.quantity)} at {price(fill.price)}, "
        f"{fill.liquidity}, fee {number(fill.fee)} {fill.fee_currency}"
    )


def _naked(found: Explanation) -> Iterator[str]:
    if not found.naked:
        filled = any(leg.entry_quantity for leg in found.hedge.legs)
        yield "never: the legs were filled at the same instant" if filled else "never: nothing was filled"
    for span in found.naked:
        yield _span(span, found.hedge.base)
    lengths = [span.length_ns for span in found.naked if span.length_ns is not None]
    if len(found.naked) > 1 and len(lengths) == len(found.naked):
        yield f"{seconds(sum(lengths))} in all"


def _span(span: NakedSpan, base: str) -> str:
    size = f"{number(span.largest)} {base} at most"
    if span.length_ns is None:
        return f"since {format_utc(span.start_ns)}, and still: {size}"
    return f"{seconds(span.length_ns)} from {format_utc(span.start_ns)} on: {size}"


def _end(hedge: Hedge, closed_by: Session | None) -> Iterator[str]:
    if hedge.closing_ns is not None:
        yield f"{second(hedge.closing_ns)}  exit decided: {hedge.exit_reason or f'why is {_NOT_RECORDED}'}"
        yield from _numbers(hedge.exit_numbers)
        yield _decided_by(closed_by)
    if hedge.repairing_ns is not None:
        yield f"{second(hedge.repairing_ns)}  its last repair began"
    if hedge.closed_ns is None:
        yield f"not yet: it is {hedge.status}"
    else:
        yield f"{second(hedge.closed_ns)}  {hedge.status}"


def _print_events(found: Explanation) -> None:
    click.echo("\nEvents")
    if not found.events:
        click.echo(f"  {_NOT_RECORDED}")
    for _, event in found.events:
        mark = "" if event.severity is Severity.INFO else f"{event.severity.upper()} "
        line = clean(f"{second(event.ts_ns)}  {event.kind}  {mark}{event.message}")
        color = _COLORS[event.severity]
        click.echo(f"  {line if color is None else click.style(line, fg=color)}")
