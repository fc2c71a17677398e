"""What happened, for people and machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from ._text import line, storable


class EventKind(StrEnum):
    """Stable names of events."""

    RUN_STARTED = "run.started"
    RUN_STOPPED = "run.stopped"
    HEDGE_OPENING = "hedge.opening"
    HEDGE_OPENED = "hedge.opened"
    HEDGE_ABANDONED = "hedge.abandoned"
    HEDGE_CLOSING = "hedge.closing"
    HEDGE_CLOSED = "hedge.closed"
    HEDGE_HALTED = "hedge.halted"
    HEDGE_REPAIRING = "hedge.repairing"
    LEG_FORCED = "leg.forced"
    """A liquidation, a deleveraging or a person at the venue reduced a leg."""
    EXPOSURE_OVER_BUDGET = "exposure.over_budget"
    DUST_DECLARED = "dust.declared"
    HALT_RAISED = "halt.raised"
    HALT_LIFTED = "halt.lifted"
    ORDER_REJECTED = "order.rejected"
    ORDER_IN_DOUBT = "order.in_doubt"
    ORDER_VETOED = "order.vetoed"
    FUNDING_PAID = "funding.paid"
    FUNDING_UNPAID = "funding.unpaid"
    """Due by the venue's own rule and not booked two intervals later."""
    FUNDING_DIFFERS = "funding.differs"
    """The venue booked something else than its own rule says."""
    FUNDING_QUARANTINED = "funding.quarantined"
    """What a venue paid does not fit the rates it publishes, so nothing is opened on them."""
    FUNDING_RELEASED = "funding.released"
    FUNDING_GAP = "funding.gap"
    """Settlements are missing that the venue's own history does not have."""
    FUNDING_INTERVAL_CHANGED = "funding.interval_changed"
    EXCHANGE_FAILED = "exchange.failed"
    EXCHANGE_RECOVERED = "exchange.recovered"
    BOOKS_DIFFER = "books.differ"
    PLUGIN_FAILED = "plugin.failed"


class Severity(StrEnum):
    """How urgently a person should look."""

    INFO = "info"
    WARNING = "warning"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One entry of the journal.

    Attributes:
        subject: What it is about: a hedge, an order, an exchange, a plugin.
        message: One line for people.
        data: Details as text; numbers as they were used. Never a secret.
    """

    ts_ns: int
    kind: EventKind
    subject: str
    message: str
    severity: Severity = Severity.INFO
    data: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        """Make every text storable: plugins and venues have a part in all of them."""
        object.__setattr__(self, "subject", storable(self.subject))
        object.__setattr__(self, "message", line(self.message))
        cleaned = {storable(name): storable(value) for name, value in self.data.items()}
        object.__setattr__(self, "data", MappingProxyType(cleaned))
