"""Orders: recorded before they leave, executed once, bounded, reducing where they close, and never guessed."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from arb.model import BPS, ZERO, Fill, HedgeStatus, Order, OrderRecord, OrderRequest, OrderStatus, exchange_of
from arb.net import FOREIGN
from arb.risk import EVERYTHING
from arb.simulation import VENUE_PREFIXES

from ._kinds import Code

if TYPE_CHECKING:
    from ._auditor import Auditor

NOT_OURS = (*VENUE_PREFIXES, FOREIGN)
"""How ids of orders begin that the venue made: by itself, or as a plugin names what has none of our numbers."""

_ABSENT = (OrderStatus.NOT_SENT, OrderStatus.REJECTED)


class OrderAudit:
    """Compares each order's request, record and truth."""

    def __init__(self, auditor: Auditor) -> None:
        self._a = auditor
        self._per_hedge: dict[str, int] = {}

    def sent(self, holder: str, request: OrderRequest, forbidden: Sequence[str] | None = None) -> None:
        """Look at an order that a process gives to the wire; `forbidden` is what was so when its bytes left."""
        found, truth, order_id = self._a.found, self._a.truth, request.client_order_id
        record = truth.orders.get(order_id)
        if record is None or record.order.request.instrument != request.instrument:
            found(Code.UNRECORDED, order_id, f"order {order_id} was sent and the journal holds no record of it")
            return
        recorded = record.order.request
        if request.quantity > recorded.quantity or (request.price - recorded.price) * request.side.sign > 0:
            found(Code.UNRECORDED, order_id, f"order {order_id} was sent larger or at a worse price than recorded")
        if record.order.status.is_final:
            found(Code.GUESS, order_id, f"order {order_id} was sent, and its record says {record.order.status}")
        self._check_writer(holder, request)
        for text in self.forbidden(request) if forbidden is None else forbidden:
            found(Code.HALTED_OPENING, order_id, text)
        self._check_purpose(request, record)
        self._check_price(request, record)

    def arrived(self, request: OrderRequest) -> None:
        """Look at an order that reaches its venue."""
        truth, order_id = self._a.truth, request.client_order_id
        truth.arrivals[order_id] = truth.arrivals.get(order_id, 0) + 1
        if truth.arrivals[order_id] > 1:
            self._a.found(Code.DUPLICATE, order_id, f"order {order_id} reaches its venue again")
        record = truth.orders.get(order_id)
        if record is None:
            return
        if record.order.status in _ABSENT:
            text = f"order {order_id} reaches the venue, and the journal already says {record.order.status}"
            self._a.found(Code.GUESS, order_id, f"{text}: {record.order.reason}")
        count = self._per_hedge[record.hedge_id] = self._per_hedge.get(record.hedge_id, 0) + 1
        if count > self._a.rules.max_orders:
            self._a.found(Code.DUST, record.hedge_id, f"hedge {record.hedge_id} has sent {count} orders and goes on")

    def reported(self, report: Order) -> None:
        """Look at a venue's report of an order."""
        truth = self._a.truth
        truth.reports[report.request.client_order_id] = report
        record = truth.orders.get(report.request.client_order_id)
        if record is not None:
            self._compare(record)

    def filled(self, fill: Fill, before: Decimal) -> None:
        """Look at a fill; `before` is the position it met."""
        found, truth, order_id = self._a.found, self._a.truth, fill.client_order_id
        truth.filled[order_id] = truth.filled.get(order_id, ZERO) + fill.quantity
        record = truth.orders.get(order_id)
        if record is None:
            found(Code.UNRECORDED, order_id, f"{fill.instrument}: order {order_id} was filled and nobody recorded it")
            return
        if truth.filled[order_id] > record.order.request.quantity:
            text = f"order {order_id} of {record.order.request.quantity} was executed for {truth.filled[order_id]}"
            found(Code.DUPLICATE, order_id, text)
        if record.purpose.opens_risk:
            self._check_target(record)
        else:
            self._check_reducing(fill, before, record)

    def committed(self, earlier: OrderRecord | None, record: OrderRecord) -> None:
        """Look at what the journal says of an order now, and what it said before."""
        before = None if earlier is None else earlier.order
        # Two venues may number orders of their own alike.
        same = before is not None and before.request.instrument == record.order.request.instrument
        if before is not None and same and record.order.filled_quantity < before.filled_quantity:
            order_id, now = record.order.request.client_order_id, record.order.filled_quantity
            text = f"the journal said that {before.filled_quantity} of order {order_id} are filled, and says {now} now"
            self._a.found(Code.GUESS, order_id, text)
        self._compare(record)

    def _compare(self, record: OrderRecord) -> None:
        """Compare a final record with the venue's order."""
        order, order_id = record.order, record.order.request.client_order_id
        if not order.status.is_final or order_id.startswith(NOT_OURS):
            return
        report = self._a.truth.reports.get(order_id)
        if order.status in _ABSENT:
            if report is not None:
                text = f"the journal says {order.status} of order {order_id} ({order.reason}), the venue has it "
                text += f"{report.status}, filled {report.filled_quantity}"
                self._a.found(Code.GUESS, order_id, text)
            return
        told = f"the journal says {order.status}, filled {order.filled_quantity}, of order {order_id}"
        if report is None:
            # Some venues take an order before they look at it: what they refuse then has ended, unfilled.
            if order.filled_quantity or order_id not in self._a.truth.refused:
                self._a.found(Code.GUESS, order_id, f"{told}, and the venue never had it")
        elif not report.status.is_final or report.filled_quantity != order.filled_quantity:
            self._a.found(Code.GUESS, order_id, f"{told}; at the venue it is {report.status}, {report.filled_quantity}")

    def _check_target(self, record: OrderRecord) -> None:
        truth = self._a.truth
        hedge = truth.hedges.get(record.hedge_id)
        if hedge is None:
            return
        total = sum(
            (
                truth.filled.get(one.order.request.client_order_id, ZERO)
                for one in truth.orders.values()
                if (one.hedge_id, one.leg_index) == (record.hedge_id, record.leg_index) and one.purpose.opens_risk
            ),
            ZERO,
        )
        leg = hedge.legs[record.leg_index]
        if total > leg.target_quantity:
            text = f"hedge {hedge.id} wanted {leg.target_quantity} of {leg.instrument}, the venue executed {total}"
            self._a.found(Code.DUPLICATE, f"{hedge.id}/{record.leg_index}", text)

    def _check_reducing(self, fill: Fill, before: Decimal, record: OrderRecord) -> None:
        after = before + fill.quantity * fill.side.sign
        if abs(after) >= abs(before) or after * before < 0:
            text = f"{record.purpose} order {fill.client_order_id} moved {fill.instrument} from {before} to {after}"
            self._a.found(Code.NOT_REDUCING, fill.client_order_id, text)

    def _check_writer(self, holder: str, request: OrderRequest) -> None:
        truth, exchange = self._a.truth, exchange_of(request.instrument)
        lease = truth.leases.get(exchange)
        if lease is None:
            if len(truth.holders) > 1:
                text = f"{holder} sent order {request.client_order_id} beside another process, and no lease is stored"
                self._a.found(Code.TWO_WRITERS, request.client_order_id, text)
        elif lease.holder != holder:
            text = f"{holder} sent order {request.client_order_id}, and {lease.holder} holds the lease of {exchange}"
            self._a.found(Code.TWO_WRITERS, request.client_order_id, text)

    def forbidden(self, request: OrderRequest) -> Sequence[str]:
        """Return why an order may not be sent now; an order that opens no risk always may."""
        record = self._a.truth.orders.get(request.client_order_id)
        if record is None or not record.purpose.opens_risk:
            return ()
        what = f"{record.purpose} order {request.client_order_id} was sent"
        scopes = (EVERYTHING, exchange_of(request.instrument))
        halt = next((one for one in self._a.sight.halts() if one.is_active and one.scope in scopes), None)
        texts = [] if halt is None else [f"{what} under {halt}"]
        hedge = self._a.truth.hedges.get(record.hedge_id)
        if hedge is not None and (hedge.status is HedgeStatus.HALTED or hedge.status.is_final):
            texts.append(f"{what}, and its hedge is {hedge.status}")
        return texts

    def _check_purpose(self, request: OrderRequest, record: OrderRecord) -> None:
        if not record.purpose.opens_risk and not request.reduce_only:
            text = f"{record.purpose} order {request.client_order_id} is not reduce-only"
            self._a.found(Code.NOT_REDUCING, request.client_order_id, text)

    def _check_price(self, request: OrderRequest, record: OrderRecord) -> None:
        mid = record.arrival_price
        limit = mid * self._a.rules.max_band_bps * BPS + self._a.sight.instrument(request.instrument).tick_size
        if (request.price - mid) * request.side.sign > limit:
            text = f"{request.side} order {request.client_order_id} at {request.price} is beyond the band around {mid}"
            self._a.found(Code.UNBOUNDED_PRICE, request.client_order_id, text)
