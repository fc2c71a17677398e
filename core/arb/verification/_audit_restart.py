"""Restarts: what was at rest stays as it was, and the recovery itself sends nothing for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arb.model import ClientOrderId, Fill, Hedge, HedgeId, HedgeStatus, OrderPurpose, OrderRequest

from ._database import Changes
from ._kinds import Code

if TYPE_CHECKING:
    from ._auditor import Auditor


class RestartAudit:
    """Compares hedges at rest before a process began with what its recovery makes of them."""

    def __init__(self, auditor: Auditor) -> None:
        self._a = auditor
        self._at_rest: dict[str, dict[HedgeId, Hedge]] = {}
        self._deadlines: dict[ClientOrderId, int | None] = {}
        self._forced: dict[ClientOrderId, set[HedgeId]] = {}
        self._told_ns: dict[HedgeId, int] = {}
        self._changed_ns: dict[HedgeId, int] = {}
        self._lifted_ns = -1

    def started(self, holder: str) -> None:
        """Remember what is at rest."""
        if self._a.truth.hedges:
            hedges = self._a.truth.hedges.values()
            self._at_rest[holder] = {hedge.id: hedge for hedge in hedges if not hedge.status.is_moving}

    def ready(self, holder: str) -> None:
        """The recovery is over."""
        self._at_rest.pop(holder, None)

    def ended(self, holder: str) -> None:
        """Forget a process."""
        self._at_rest.pop(holder, None)

    def forced(self, fill: Fill) -> None:
        """A venue changed a position by itself: until that is on record a recovery may have to answer it."""
        hedges = self._a.truth.hedges.values()
        touched = {hedge.id for hedge in hedges if any(leg.instrument == fill.instrument for leg in hedge.legs)}
        self._forced.setdefault(fill.client_order_id, set()).update(touched)

    def lifted(self) -> None:
        """A person lifted halts: what waited for that may go on."""
        self._lifted_ns = self._a.sight.now_ns()

    def sent(self, holder: str, request: OrderRequest) -> None:
        """Look at an order that a recovery sends."""
        record = self._a.truth.orders.get(request.client_order_id)
        hedge = None if record is None else self._at_rest.get(holder, {}).get(record.hedge_id)
        if hedge is not None and not self._is_touched(hedge):
            text = f"the recovery of {holder} sent order {request.client_order_id}, and hedge {hedge.id} was at rest"
            self._a.found(Code.RESTART, hedge.id, text)

    def committed(self, holder: str, changes: Changes) -> None:
        """Look at what a process makes durable."""
        for record in changes.orders:
            order_id = record.order.request.client_order_id
            known = self._deadlines.setdefault(order_id, record.rest_until_ns)
            if known != record.rest_until_ns:
                text = f"the deadline of order {order_id} moved from {known} to {record.rest_until_ns}"
                self._a.found(Code.RESTART, order_id, text)
            if record.purpose is OrderPurpose.FORCED:
                for hedge_id in self._forced.pop(order_id, ()):
                    self._told_ns[hedge_id] = self._a.sight.now_ns()
        at_rest = self._at_rest.get(holder, {})
        for hedge in changes.hedges:
            before = at_rest.get(hedge.id)
            if before is not None and _times(before) != _times(hedge):
                if not self._is_touched(before):
                    text = f"the recovery of {holder} changed hedge {hedge.id}, which was at rest: {_times(before)}"
                    self._a.found(Code.RESTART, hedge.id, f"{text} became {_times(hedge)}")
                del at_rest[hedge.id]
            self._note_change(hedge)

    def _note_change(self, hedge: Hedge) -> None:
        known = self._a.truth.hedges.get(hedge.id)
        if known is None or known.status is not hedge.status:
            self._changed_ns[hedge.id] = self._a.sight.now_ns()

    def _is_touched(self, hedge: Hedge) -> bool:
        """Whether something since the hedge came to rest has to be answered, by this process or the next."""
        rests_ns = self._changed_ns.get(hedge.id, 0)
        if hedge.status is HedgeStatus.HALTED and self._lifted_ns >= rests_ns:
            return True
        # Not when the venue did it: what it did right before the hedge came to rest may become known after that.
        is_untold = any(hedge.id in touched for touched in self._forced.values())
        return is_untold or self._told_ns.get(hedge.id, -1) >= rests_ns


def _times(hedge: Hedge) -> tuple[str, int, int | None, int | None, int | None]:
    return str(hedge.status), hedge.created_ns, hedge.opened_ns, hedge.closing_ns, hedge.closed_ns
