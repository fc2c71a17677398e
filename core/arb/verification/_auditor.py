"""The one who sees everything: what venues did, what the journal says, and whether the two agree at every moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from arb.model import (
    SECOND_NS,
    ClientOrderId,
    Event,
    ExchangeName,
    Fill,
    Hedge,
    HedgeId,
    Instrument,
    InstrumentId,
    Lease,
    Order,
    OrderRecord,
    OrderRequest,
    Severity,
)
from arb.risk import Halt
from arb.simulation import VENUE_PREFIXES

from ._audit_exposure import ExposureAudit
from ._audit_orders import OrderAudit
from ._audit_restart import RestartAudit
from ._counter import Record
from ._database import Changes
from ._kinds import Code


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """Something that may never happen has happened.

    Attributes:
        at_ns: Since the start of the episode.
    """

    code: Code
    seed: int
    at_ns: int
    text: str

    def __str__(self) -> str:
        return f"{self.code} at {self.at_ns / SECOND_NS:.3f} s (seed {self.seed}): {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRules:
    """What is allowed.

    Attributes:
        max_naked_seconds: A whole leg may stand alone so long, half of one twice as long: the figure of the run.
        halt_ns: How long after the budget is spent the halt and its alarm may take: one slow answer.
        detection_ns: How long a reduction by the venue may go unseen: one look at the positions and
            one slow answer.
        startup_ns: How long a new process may take until it must know of what it took over.
        max_band_bps: Widest price band of an order around the mid price it was made from.
        max_orders: Orders of one hedge that may reach venues.
    """

    max_naked_seconds: Decimal = Decimal(15)
    halt_ns: int = 10 * SECOND_NS
    detection_ns: int = 45 * SECOND_NS
    startup_ns: int = 15 * SECOND_NS
    max_band_bps: Decimal = Decimal(300)
    max_orders: int = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What the auditor can look at, beside what it is told.

    Attributes:
        readable_since_ns: Since when a venue can be read without an outage; now while it cannot.
    """

    now_ns: Callable[[], int]
    instrument: Callable[[InstrumentId], Instrument]
    usd_per_base: Callable[[InstrumentId], Decimal]
    halts: Callable[[], Sequence[Halt]]
    readable_since_ns: Callable[[ExchangeName], int] = lambda _exchange: 0


class Truth:
    """What is known of an episode so far, from the venues and from the journal.

    Attributes:
        hedges: As last committed.
        orders: As last committed.
        reports: The venues' latest report of each order they ever took.
        filled: Contracts that venues executed, by order.
        fills: Ids of fills seen, by exchange.
        arrivals: How often an order of an id reached a venue.
        refused: Orders that a venue did not take.
        alarms: Alarms so far.
        leases: As last committed.
        holders: Living processes, oldest first.
    """

    def __init__(self) -> None:
        self.hedges: dict[HedgeId, Hedge] = {}
        self.orders: dict[ClientOrderId, OrderRecord] = {}
        self.reports: dict[ClientOrderId, Order] = {}
        self.filled: dict[ClientOrderId, Decimal] = {}
        self.fills: set[tuple[str, str]] = set()
        self.positions: dict[InstrumentId, Decimal] = {}
        self.arrivals: dict[ClientOrderId, int] = {}
        self.refused: set[ClientOrderId] = set()
        self.alarms: list[Event] = []
        self.leases: dict[ExchangeName, Lease] = {}
        self.holders: list[str] = []

    @property
    def moving(self) -> set[InstrumentId]:
        """Return the instruments of hedges that are being worked on."""
        return {leg.instrument for hedge in self.hedges.values() if hedge.status.is_moving for leg in hedge.legs}

    def alarmed(self, hedge_id: HedgeId, first: int = 0) -> bool:
        """Whether an alarm tells of a hedge, from the one with the number `first` on."""
        return any(hedge_id in alarm.subject or hedge_id in alarm.message for alarm in self.alarms[first:])


class Auditor:
    """Told of everything as it happens; keeps the violations it finds.

    Attributes:
        violations: Each kind once for each thing it is about.
    """

    def __init__(self, seed: int, start_ns: int, sight: Sight, rules: AuditRules) -> None:
        self.seed = seed
        self.start_ns = start_ns
        self.sight = sight
        self.rules = rules
        self.truth = Truth()
        self.violations: list[Violation] = []
        self.on_violation: Callable[[Violation], None] = lambda _violation: None
        self._known: set[tuple[Code, str]] = set()
        self.exposure = ExposureAudit(self)
        self._orders = OrderAudit(self)
        self._restart = RestartAudit(self)

    def found(self, code: Code, about: str, text: str) -> None:
        """Keep a violation, unless it is known."""
        if (code, about) in self._known:
            return
        self._known.add((code, about))
        violation = Violation(code=code, seed=self.seed, at_ns=self.sight.now_ns() - self.start_ns, text=text)
        self.violations.append(violation)
        self.on_violation(violation)

    def forbidden(self, request: OrderRequest) -> Sequence[str]:
        """Return why an order may not leave now."""
        return self._orders.forbidden(request)

    def sent(self, holder: str, request: OrderRequest, forbidden: Sequence[str] | None = None) -> None:
        """A process gives an order to the wire.

        Args:
            holder: The process.
            request: What it sends.
            forbidden: What :meth:`forbidden` said when the bytes left, where that was before; else it is asked now.
        """
        self._orders.sent(holder, request, forbidden)
        self._restart.sent(holder, request)

    def arrived(self, request: OrderRequest) -> None:
        """An order reaches its venue."""
        self._orders.arrived(request)

    def refused(self, request: OrderRequest) -> None:
        """A venue does not take an order that has reached it."""
        self.truth.refused.add(request.client_order_id)

    def records(self, exchange: str, records: Sequence[Record]) -> None:
        """A venue's account has changed."""
        self.exposure.pass_time()
        for record in records:
            if isinstance(record, Order):
                self._orders.reported(record)
            elif isinstance(record, Fill):
                self._fill(exchange, record)

    def committed(self, holder: str, changes: Changes) -> None:
        """A process has made something durable."""
        self.exposure.pass_time()
        self._restart.committed(holder, changes)
        self.truth.alarms += [event for event in changes.events if event.severity is Severity.ALARM]
        self.truth.leases.update((lease.account, lease) for lease in changes.leases)
        for hedge in changes.hedges:
            before = self.truth.hedges.get(hedge.id)
            self.truth.hedges[hedge.id] = hedge
            self.exposure.hedge_changed(before, hedge)
        for record in changes.orders:
            earlier = self.truth.orders.get(record.order.request.client_order_id)
            self.truth.orders[record.order.request.client_order_id] = record
            self._orders.committed(earlier, record)

    def halts_change(self) -> None:
        """The durable halts are about to become others."""
        self.exposure.pass_time()

    def halts_lift(self, halts: Sequence[Halt]) -> None:
        """A person is about to lift these halts."""
        self.halts_change()
        for halt in halts:
            self.exposure.lifted(HedgeId(halt.subject))
        self._restart.lifted()

    def process_started(self, holder: str) -> None:
        """A process begins."""
        self.exposure.pass_time()
        self.truth.holders.append(holder)
        self.exposure.process_started()
        self._restart.started(holder)

    def process_ready(self, holder: str) -> None:
        """A process has taken over and works."""
        self._restart.ready(holder)

    def process_ended(self, holder: str) -> None:
        """A process is gone."""
        self.exposure.pass_time()
        self.truth.holders.remove(holder)
        self.exposure.process_ended()
        self._restart.ended(holder)

    def _fill(self, exchange: str, fill: Fill) -> None:
        truth = self.truth
        if (exchange, fill.fill_id) in truth.fills:
            self.found(Code.DUPLICATE, fill.fill_id, f"{exchange} executed fill {fill.fill_id} twice")
        truth.fills.add((exchange, fill.fill_id))
        before = truth.positions.get(fill.instrument, Decimal(0))
        truth.positions[fill.instrument] = before + fill.quantity * fill.side.sign
        if fill.client_order_id.startswith(VENUE_PREFIXES):
            self._restart.forced(self.exposure.forced(fill))
        else:
            self._orders.filled(fill, before)
            self.exposure.filled(fill)
