"""Restarts: what was at rest stays as it was, and the recovery itself sends nothing for it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from arb.model import ZERO, ClientOrderId, Hedge, HedgeId, HedgeStatus, OrderPurpose, OrderRecord, OrderRequest

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
        # Commits are counted: several may be made in one moment.
        self._commits = 0
        self._forced: dict[HedgeId, Decimal] = {}
        self._told: dict[HedgeId, int] = {}
        self._changed: dict[HedgeId, int] = {}
        self._lifted = -1

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

    def forced(self, taken: Mapping[HedgeId, Decimal]) -> None:
        """A venue took contracts of hedges by itself: until that is on record a recovery may have to answer it."""
        for hedge_id, quantity in taken.items():
            self._forced[hedge_id] = self._forced.get(hedge_id, ZERO) + quantity

    def lifted(self) -> None:
        """A person lifted halts: what waited for that may go on."""
        self._lifted = self._commits

    def sent(self, holder: str, request: OrderRequest) -> None:
        """Look at an order that a recovery sends."""
        record = self._a.truth.orders.get(request.client_order_id)
        hedge = None if record is None else self._at_rest.get(holder, {}).get(record.hedge_id)
        if hedge is not None and not self._is_touched(hedge):
            text = f"the recovery of {holder} sent order {request.client_order_id}, and hedge {hedge.id} was at rest"
            self._a.found(Code.RESTART, hedge.id, text)

    def committed(self, holder: str, changes: Changes) -> None:
        """Look at what a process makes durable."""
        self._commits += 1
        for record in changes.orders:
            order_id = record.order.request.client_order_id
            known = self._deadlines.setdefault(order_id, record.rest_until_ns)
            if known != record.rest_until_ns:
                text = f"the deadline of order {order_id} moved from {known} to {record.rest_until_ns}"
                self._a.found(Code.RESTART, order_id, text)
            if record.purpose is OrderPurpose.FORCED:
                self._record_forced(record)
        at_rest = self._at_rest.get(holder, {})
        for hedge in changes.hedges:
            before = at_rest.get(hedge.id)
            if before is not None and _times(before) != _times(hedge):
                if not self._is_touched(before) or _since(before) != _since(hedge):
                    text = f"the recovery of {holder} changed hedge {hedge.id}, which was at rest: {_times(before)}"
                    self._a.found(Code.RESTART, hedge.id, f"{text} became {_times(hedge)}")
                del at_rest[hedge.id]
            self._note_change(hedge)

    def _note_change(self, hedge: Hedge) -> None:
        known = self._a.truth.hedges.get(hedge.id)
        if known is None or known.status is not hedge.status:
            self._changed[hedge.id] = self._commits

    def _record_forced(self, record: OrderRecord) -> None:
        left = self._forced.pop(record.hedge_id, ZERO) - record.order.filled_quantity
        if left > 0:
            self._forced[record.hedge_id] = left
        self._told[record.hedge_id] = self._commits

    def _is_touched(self, hedge: Hedge) -> bool:
        """Whether something since the hedge came to rest has to be answered, by this process or the next."""
        rests = self._changed.get(hedge.id, 0)
        if hedge.status is HedgeStatus.HALTED and self._lifted >= rests:
            return True
        # Not when the venue did it: what it did right before the hedge came to rest may become known after that.
        return hedge.id in self._forced or self._told.get(hedge.id, -1) > rests


def _times(hedge: Hedge) -> tuple[str, int, int | None, int | None, int | None]:
    return str(hedge.status), hedge.created_ns, hedge.opened_ns, hedge.closing_ns, hedge.closed_ns


def _since(hedge: Hedge) -> tuple[int, int | None]:
    return hedge.created_ns, hedge.opened_ns
