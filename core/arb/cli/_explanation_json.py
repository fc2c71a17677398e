"""The story of a hedge as plain values: every Decimal is text, exact; what is not on record is null."""

from __future__ import annotations

from typing import Any

from arb.model import Dust, Event, Fill, Hedge, Leg, Markout, OrderReport, format_utc

from ._explaining import ExplainedOrder, Explanation, Session
from ._naked import NakedSpan
from ._order_list import plain_order


def document(found: Explanation) -> dict[str, Any]:
    """Return the whole story."""
    hedge = found.hedge
    return {
        "hedge": hedge.id,
        "order": None if found.order is None else found.order.order.request.client_order_id,
        "strategy": hedge.strategy,
        "base": hedge.base,
        "status": hedge.status.value,
        "entry": {
            "decided": format_utc(hedge.created_ns),
            "reason": hedge.entry_reason,
            "numbers": dict(hedge.entry_numbers),
            "session": _session(found.opened_by),
            "mode": hedge.entry.mode.value,
            "leg_order": hedge.entry.leg_order.value,
            "rest_ns": hedge.entry.rest_ns,
            "max_slippage_bps": f"{hedge.max_slippage_bps:f}",
            "opened": _time(hedge.opened_ns),
        },
        "exit": _exit(found),
        "repair": None if hedge.repairing_ns is None else {"began": format_utc(hedge.repairing_ns)},
        "imbalance": f"{hedge.imbalance:f}",
        "legs": [_leg(index, leg) for index, leg in enumerate(hedge.legs)],
        "orders": [_order(each) for each in found.orders],
        "naked": _naked(found),
        "dust": [_dust(each) for each in found.dust],
        "events": [_event(number, event) for number, event in found.events],
    }


def _exit(found: Explanation) -> dict[str, Any] | None:
    hedge: Hedge = found.hedge
    if hedge.closing_ns is None:
        return None
    return {
        "decided": format_utc(hedge.closing_ns),
        "reason": hedge.exit_reason,
        "numbers": dict(hedge.exit_numbers),
        "session": _session(found.closed_by),
        "closed": _time(hedge.closed_ns),
    }


def _session(session: Session | None) -> dict[str, Any] | None:
    if session is None:
        return None
    return {"started": format_utc(session.started_ns), "version": session.version, "config": session.config}


def _leg(index: int, leg: Leg) -> dict[str, Any]:
    return {
        "leg": index,
        "instrument": leg.instrument,
        "side": leg.side.value,
        "target_quantity": f"{leg.target_quantity:f}",
        "multiplier": f"{leg.multiplier:f}",
        "entry_quantity": f"{leg.entry_quantity:f}",
        "entry_price": None if leg.entry_price is None else f"{leg.entry_price:f}",
        "exit_quantity": f"{leg.exit_quantity:f}",
        "exit_price": None if leg.exit_price is None else f"{leg.exit_price:f}",
        "open_quantity": f"{leg.open_quantity:f}",
    }


def _order(each: ExplainedOrder) -> dict[str, Any]:
    return {
        **plain_order(each.record),
        "reports": [_report(report) for report in each.reports],
        "fills": [_fill(fill) for fill in each.fills],
        "markouts": [_markout(markout) for markout in each.markouts],
    }


def _report(report: OrderReport) -> dict[str, Any]:
    return {
        "time": format_utc(report.ts_ns),
        "source": report.source,
        "status": report.status.value,
        "filled_quantity": f"{report.filled_quantity:f}",
        "average_price": None if report.average_price is None else f"{report.average_price:f}",
        "reason": report.reason,
    }


def _fill(fill: Fill) -> dict[str, Any]:
    return {
        "id": fill.fill_id,
        "time": format_utc(fill.ts_event_ns),
        "side": fill.side.value,
        "quantity": f"{fill.quantity:f}",
        "price": f"{fill.price:f}",
        "liquidity": fill.liquidity.value,
        "fee": f"{fill.fee:f}",
        "fee_currency": fill.fee_currency,
        "realized_pnl": None if fill.realized_pnl is None else f"{fill.realized_pnl:f}",
    }


def _markout(markout: Markout) -> dict[str, Any]:
    return {
        "horizon_ns": markout.horizon_ns,
        "mid_price": f"{markout.mid_price:f}",
        "time": format_utc(markout.ts_ns),
    }


def _naked(found: Explanation) -> dict[str, Any]:
    lengths = [span.length_ns for span in found.naked]
    known = [length for length in lengths if length is not None]
    return {
        "is_balanced": len(known) == len(lengths),
        "total_ns": sum(known) if len(known) == len(lengths) else None,
        "spans": [_span(span) for span in found.naked],
    }


def _span(span: NakedSpan) -> dict[str, Any]:
    return {
        "start": format_utc(span.start_ns),
        "end": _time(span.end_ns),
        "length_ns": span.length_ns,
        "largest": f"{span.largest:f}",
    }


def _dust(dust: Dust) -> dict[str, Any]:
    return {
        "leg": dust.leg_index,
        "instrument": dust.instrument,
        "quantity": f"{dust.quantity:f}",
        "price": f"{dust.price:f}",
        "declared": format_utc(dust.declared_ns),
    }


def _event(number: int, event: Event) -> dict[str, Any]:
    return {
        "id": number,
        "time": format_utc(event.ts_ns),
        "kind": event.kind.value,
        "severity": event.severity.value,
        "subject": event.subject,
        "message": event.message,
        "data": dict(event.data),
    }


def _time(ts_ns: int | None) -> str | None:
    return None if ts_ns is None else format_utc(ts_ns)
