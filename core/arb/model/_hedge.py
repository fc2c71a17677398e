"""Hedges: positions on two or more exchanges that belong together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from ._account import PositionSide
from ._ids import HedgeId, InstrumentId
from ._money import ZERO
from ._order import OrderMode, Side

Numbers = Mapping[str, str]
"""Named numbers behind a decision, as text so that they are stored and shown as they were used."""


class HedgeStatus(StrEnum):
    """Where a hedge is in its life."""

    OPENING = "opening"
    OPEN = "open"
    CLOSING = "closing"
    REPAIRING = "repairing"
    """A leg was reduced by somebody else, or a person lifted a halt: the legs are made equal again."""
    CLOSED = "closed"
    ABANDONED = "abandoned"
    """The entry failed and every leg is flat again."""
    HALTED = "halted"
    """Not balanced and not repairable within the budget: a person has to look."""

    @property
    def is_moving(self) -> bool:
        """Whether execution is at work on it."""
        return self in (HedgeStatus.OPENING, HedgeStatus.CLOSING, HedgeStatus.REPAIRING)

    @property
    def is_final(self) -> bool:
        """Whether no leg is open any more."""
        return self in (HedgeStatus.CLOSED, HedgeStatus.ABANDONED)


HEDGE_TRANSITIONS: Final[Mapping[HedgeStatus, frozenset[HedgeStatus]]] = MappingProxyType(
    {
        HedgeStatus.OPENING: frozenset({HedgeStatus.OPEN, HedgeStatus.ABANDONED, HedgeStatus.HALTED}),
        HedgeStatus.OPEN: frozenset({HedgeStatus.CLOSING, HedgeStatus.REPAIRING, HedgeStatus.HALTED}),
        # Back to OPEN: nothing could be closed and both legs still stand.
        HedgeStatus.CLOSING: frozenset({HedgeStatus.CLOSED, HedgeStatus.OPEN, HedgeStatus.HALTED}),
        HedgeStatus.REPAIRING: frozenset(
            {HedgeStatus.OPEN, HedgeStatus.CLOSED, HedgeStatus.ABANDONED, HedgeStatus.HALTED}
        ),
        HedgeStatus.HALTED: frozenset({HedgeStatus.REPAIRING}),
        HedgeStatus.CLOSED: frozenset(),
        HedgeStatus.ABANDONED: frozenset(),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LegPlan:
    """One side of a planned hedge.

    Attributes:
        quantity: Contracts, positive.
    """

    instrument: InstrumentId
    side: PositionSide
    quantity: Decimal


class LegOrder(StrEnum):
    """Which leg of an entry leaves first."""

    TOGETHER = "together"
    PILOT_FIRST = "pilot_first"
    """The leg less likely to fill goes first; the others are sized from what it really filled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPolicy:
    """How the orders of an entry are placed.

    Attributes:
        mode: Of the pilot leg, and of every leg where they leave together. A mode that rests needs
            PILOT_FIRST: two resting legs would leave one of them alone.
        rest_ns: How long a resting order waits.
    """

    mode: OrderMode = OrderMode.MARKET
    leg_order: LegOrder = LegOrder.TOGETHER
    rest_ns: int = 30_000_000_000

    def __post_init__(self) -> None:
        """Refuse two resting legs."""
        if self.mode.rests and self.leg_order is LegOrder.TOGETHER:
            raise ValueError(f"an entry with {self.mode} orders needs leg_order {LegOrder.PILOT_FIRST}")
        if self.rest_ns <= 0:
            raise ValueError("rest_ns must be positive")


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgePlan:
    """What a strategy wants opened; execution decides how.

    Attributes:
        base: The asset all legs share.
        max_slippage_bps: Of each leg against its mid price on arrival.
        numbers: The figures behind the decision, kept for `arb explain`.
        entry: How to place the orders; None leaves it to the configuration.
    """

    base: str
    legs: tuple[LegPlan, ...]
    max_slippage_bps: Decimal
    reason: str
    numbers: Numbers = field(default_factory=lambda: MappingProxyType({}))
    entry: EntryPolicy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One side of a hedge, as filled so far.

    Attributes:
        target_quantity: Contracts planned.
        multiplier: Base units per contract.
        entry_quantity: Contracts filled on entry, cumulative.
        entry_price: Average of the entry fills; None before the first.
        exit_quantity: Contracts filled on exit or unwind, cumulative.
        exit_price: Average of the exit fills; None before the first.
    """

    instrument: InstrumentId
    side: PositionSide
    target_quantity: Decimal
    multiplier: Decimal
    entry_quantity: Decimal = ZERO
    entry_price: Decimal | None = None
    exit_quantity: Decimal = ZERO
    exit_price: Decimal | None = None

    @property
    def open_quantity(self) -> Decimal:
        """Return the contracts still held."""
        return self.entry_quantity - self.exit_quantity

    @property
    def base_quantity(self) -> Decimal:
        """Return the signed exposure in units of the base asset."""
        return self.open_quantity * self.multiplier * self.side.sign

    @property
    def entry_side(self) -> Side:
        """Return the side of orders that open this leg."""
        return Side.BUY if self.side is PositionSide.LONG else Side.SELL


@dataclass(frozen=True, slots=True, kw_only=True)
class Hedge:
    """Positions that are neutral together.

    Attributes:
        strategy: The strategy's name in the configuration.
        entry_reason: Why it was opened; `entry_numbers` are the figures used.
        closing_ns: When the last exit was decided; None before the first.
        repairing_ns: When the last repair began; None before the first.
        exit_reason: Why it was closed; empty while it is open.
        max_slippage_bps: Bound of each leg's entry, against its mid price on arrival.
    """

    id: HedgeId
    strategy: str
    base: str
    legs: tuple[Leg, ...]
    status: HedgeStatus
    created_ns: int
    max_slippage_bps: Decimal
    entry_reason: str
    entry_numbers: Numbers = field(default_factory=lambda: MappingProxyType({}))
    opened_ns: int | None = None
    closing_ns: int | None = None
    closed_ns: int | None = None
    exit_reason: str = ""
    exit_numbers: Numbers = field(default_factory=lambda: MappingProxyType({}))
    repairing_ns: int | None = None
    entry: EntryPolicy = field(default_factory=EntryPolicy)

    @property
    def phase_ns(self) -> int:
        """Return when the work that execution is at began; attempts and budgets count from here."""
        if self.status is HedgeStatus.CLOSING and self.closing_ns is not None:
            return self.closing_ns
        if self.status is HedgeStatus.REPAIRING and self.repairing_ns is not None:
            return self.repairing_ns
        return self.created_ns

    @property
    def imbalance(self) -> Decimal:
        """Return the signed sum of the legs' exposures in base units; zero when neutral."""
        return sum((leg.base_quantity for leg in self.legs), ZERO)

    @property
    def is_flat(self) -> bool:
        """Whether no leg holds anything."""
        return all(leg.open_quantity == 0 for leg in self.legs)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenHedge:
    """A strategy's wish to open a hedge."""

    plan: HedgePlan


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseHedge:
    """A strategy's wish to close a hedge.

    Attributes:
        max_slippage_bps: Of each leg against its mid price on arrival.
    """

    hedge_id: HedgeId
    max_slippage_bps: Decimal
    reason: str
    numbers: Numbers = field(default_factory=lambda: MappingProxyType({}))


Intent = OpenHedge | CloseHedge
"""What a strategy returns; risk and execution decide whether and how."""
