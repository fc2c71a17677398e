"""The lines of the report: fills, payments, legs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, localcontext

from arb.model import ZERO, Leg, exchange_of

from ._account_flows import Flow, SharedPayment
from ._account_inputs import BookedFill, Slot
from ._account_types import FillLine, LegAccount, Part, Parts, PaymentLine

Valued = tuple[Flow, Decimal]


def fill_lines(valued: Iterable[Valued]) -> Mapping[Slot, Sequence[FillLine]]:
    """Return every fill that counts, by slot, oldest first."""
    values: dict[BookedFill, dict[Part, Decimal]] = {}
    for flow, value in valued:
        if isinstance(flow.source, BookedFill):
            values.setdefault(flow.source, {})[flow.part] = value
    lines: defaultdict[Slot, list[FillLine]] = defaultdict(list)
    for booked, parts in sorted(values.items(), key=lambda item: (item[0].fill.ts_event_ns, item[0].fill.fill_id)):
        fill = booked.fill
        lines[booked.slot].append(
            FillLine(
                ts_ns=fill.ts_event_ns,
                instrument=fill.instrument,
                fill_id=fill.fill_id,
                client_order_id=fill.client_order_id,
                side=fill.side,
                quantity=fill.quantity,
                price=fill.price,
                arrival_price=booked.arrival_price,
                fee=fill.fee,
                fee_currency=fill.fee_currency,
                fees_usd=parts.get(Part.FEES),
                slippage_usd=parts.get(Part.SLIPPAGE, ZERO),
            )
        )
    return lines


def payment_lines(valued: Iterable[Valued]) -> Mapping[Slot, Sequence[PaymentLine]]:
    """Return every payment or share of one that counts, by slot, oldest first."""
    lines: defaultdict[Slot, list[PaymentLine]] = defaultdict(list)
    for flow, value in valued:
        if isinstance(flow.source, SharedPayment):
            lines[flow.slot].append(_payment_line(flow.source, value))
    for row in lines.values():
        row.sort(key=lambda line: (line.settled_ns, line.instrument, line.payment_id))
    return lines


def _payment_line(share: SharedPayment, usd: Decimal) -> PaymentLine:
    payment = share.payment
    return PaymentLine(
        settled_ns=payment.settled_ns,
        exchange=exchange_of(payment.instrument),
        instrument=payment.instrument,
        payment_id=payment.payment_id,
        rate=payment.rate,
        quantity=share.quantity,
        price=payment.price,
        amount=share.amount,
        currency=payment.currency,
        usd=usd,
    )


def leg_account(leg: Leg, fills: Sequence[BookedFill], parts: Parts) -> LegAccount:
    """Return one leg; `fills` are all of it, oldest first."""
    entry = [booked for booked in fills if booked.fill.side is leg.entry_side]
    leaving = [booked for booked in fills if booked.fill.side is not leg.entry_side]
    return LegAccount(
        instrument=leg.instrument,
        exchange=exchange_of(leg.instrument),
        side=leg.side,
        entry_ns=entry[0].fill.ts_event_ns if entry else None,
        entry_quantity=_quantity(entry),
        entry_price=_average_price(entry),
        exit_ns=leaving[-1].fill.ts_event_ns if leaving else None,
        exit_quantity=_quantity(leaving),
        exit_price=_average_price(leaving),
        parts=parts,
        total_usd=parts.total,
    )


def _quantity(fills: Sequence[BookedFill]) -> Decimal:
    return sum((booked.fill.quantity for booked in fills), ZERO)


def _average_price(fills: Sequence[BookedFill]) -> Decimal | None:
    """Return the volume-weighted price to twelve decimals: a quotient, shown and not summed."""
    if not fills:
        return None
    with localcontext() as context:
        context.prec = 60
        context.clear_traps()
        notional = sum((booked.fill.quantity * booked.fill.price for booked in fills), ZERO)
        return (notional / _quantity(fills)).quantize(Decimal("1E-12"))
