"""What becomes of one call of a venue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Protocol

from arb.api import (
    AuthenticationFailed,
    BadResponse,
    BelowMinimum,
    ConnectFailed,
    InsufficientMargin,
    OutcomeUnknown,
    RateLimited,
    Rejected,
)
from arb.model import MILLISECOND_NS, SECOND_NS, ZERO, Order, OrderStatus

from ._chance import Chance
from ._kinds import FaultKind

CHANGING: Final = frozenset({"send_order", "cancel_order", "cancel_all", "set_leverage", "arm_dead_mans_switch"})
"""Operations that have an effect."""

LISTINGS: Final = frozenset({"fetch_fills", "fetch_funding_payments", "fetch_open_orders"})
"""Operations that may show a row twice."""

REORDERABLE: Final = LISTINGS | {"fetch_positions", "fetch_balances", "fetch_instruments", "fetch_funding_rates"}

ACCOUNT_READS: Final = frozenset(
    {"fetch_order", "fetch_open_orders", "fetch_fills", "fetch_positions", "fetch_funding_payments"}
)
"""Operations that a lagging replica may answer."""


class Answer(StrEnum):
    """What a client is told instead of the report of an order it has sent."""

    NONE = "none"
    FALSE = "false"
    CODE = "code"
    """A dictionary with an error code."""
    TAKEN = "taken"
    """That the venue has taken the order, and nothing of what became of it at once."""
    LOST = "lost"
    """That the request came; the venue drops it, and no order is ever seen."""


def told(answer: Answer | None, report: Order) -> object:
    """Return what the client is told of a report."""
    if answer is Answer.TAKEN:
        return replace(report, status=OrderStatus.OPEN, filled_quantity=ZERO, average_price=None, reason="")
    nonsense: Mapping[Answer, object] = {Answer.NONE: None, Answer.FALSE: False, Answer.CODE: {"code": -1}}
    return report if answer is None else nonsense.get(answer, report)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """The way of one call.

    Attributes:
        kind: The fault; None for a call that goes well.
        request_ns: How long it travels; None when it never arrives.
        answer_ns: How long the answer travels.
        error: What the client is told instead of an answer; None for the answer itself.
        fails_ns: When the client is told `error`, from the call on.
        hangs: The client is told nothing at all.
        lag_ns: How far behind the replica is that answers a read.
        holes: Which rows of a listing a lagging replica lacks among the young ones, bit by bit; -1 is all.
        shuffle: Rows come in another order; with `repeat` some come twice.
        race: A resting order is filled just before its cancellation arrives.
        lots: What a level of the book offers when an order arrives; None leaves it.
        answer: What the client is told of an order instead of its report; None for the report.
    """

    kind: FaultKind | None = None
    request_ns: int | None = 0
    answer_ns: int = 0
    error: Callable[[str], BaseException] | None = None
    fails_ns: int = 0
    hangs: bool = False
    lag_ns: int = 0
    holes: int = -1
    shuffle: bool = False
    repeat: bool = False
    race: bool = False
    lots: int | None = None
    answer: Answer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """What a fate may depend on.

    Attributes:
        count: How often this venue was asked for this operation, this call included.
        order_validity_ns: How long a signed order stays valid.
        read_delay_ns: How long a read may miss a write.
    """

    venue: str
    operation: str
    count: int
    now_ns: int
    order_validity_ns: int
    read_delay_ns: int


class Fates(Protocol):
    """Decides about calls."""

    def fate(self, call: CallFacts) -> Fate:
        """Return what becomes of a call."""
        ...


def latencies(chance: Chance) -> tuple[int, int]:
    """Return the time of a request and of its answer: mostly 20 to 80 ms, one in fifty up to 1.5 s."""
    if chance.happens(20_000):
        return chance.between(100, 1_000) * MILLISECOND_NS, chance.between(50, 500) * MILLISECOND_NS
    return chance.between(10, 40) * MILLISECOND_NS, chance.between(10, 40) * MILLISECOND_NS


def faulty(kind: FaultKind, call: CallFacts, chance: Chance) -> Fate:
    """Return the fate of a call that meets `kind`."""
    request_ns, answer_ns = latencies(chance)
    gives_up_ns = chance.between(1, 6) * SECOND_NS
    if kind is FaultKind.LATE_EFFECT:
        return _late(call, chance)
    if kind is FaultKind.STALE_READ:
        lag_ns, holes = chance.between(1, call.read_delay_ns), chance.bits() if chance.below(2) else -1
        return Fate(kind=kind, request_ns=request_ns, answer_ns=answer_ns, lag_ns=lag_ns, holes=holes)
    if kind is FaultKind.THIN_BOOK:
        return Fate(kind=kind, request_ns=request_ns, answer_ns=answer_ns, lots=chance.choice((1, 1, 2, 5)))
    if kind is FaultKind.CANCEL_RACE:
        return Fate(kind=kind, request_ns=request_ns, answer_ns=answer_ns, race=True)
    if kind in (FaultKind.DUPLICATE_ROWS, FaultKind.REORDERED_ROWS):
        repeat = kind is FaultKind.DUPLICATE_ROWS
        return Fate(kind=kind, request_ns=request_ns, answer_ns=answer_ns, shuffle=True, repeat=repeat)
    arrives, error, slow = _ERRORS[kind]
    fails_ns = gives_up_ns if slow else request_ns + answer_ns
    return Fate(
        kind=kind,
        # A late answer is no answer: what arrives does so before the client gives up.
        request_ns=request_ns if arrives else None,
        error=error(call, chance),
        fails_ns=max(fails_ns, request_ns + 1),
        hangs=kind is FaultKind.HANG,
    )


def _late(call: CallFacts, chance: Chance) -> Fate:
    fails_ns = chance.between(1, call.order_validity_ns * 3 // 4)
    arrives_ns = chance.between(fails_ns + 1, call.order_validity_ns)
    return Fate(kind=FaultKind.LATE_EFFECT, request_ns=arrives_ns, error=_no_answer(call, chance), fails_ns=fails_ns)


_MakeError = Callable[[CallFacts, Chance], Callable[[str], BaseException]]


def _no_answer(_call: CallFacts, _chance: Chance) -> Callable[[str], BaseException]:
    return lambda venue: OutcomeUnknown("no answer in time", exchange=venue, code="timeout")


def _server_error(_call: CallFacts, chance: Chance) -> Callable[[str], BaseException]:
    status = chance.choice((500, 502, 503, 504))
    return lambda venue: OutcomeUnknown(f"the venue answered HTTP {status}", exchange=venue, code=f"http_{status}")


def _unreadable(_call: CallFacts, _chance: Chance) -> Callable[[str], BaseException]:
    return lambda venue: BadResponse("the answer is not JSON", exchange=venue, code="not_json")


def _rate_limited(_call: CallFacts, chance: Chance) -> Callable[[str], BaseException]:
    wait_ns = chance.choice((None, SECOND_NS, 3 * SECOND_NS))
    return lambda venue: RateLimited("too many requests", exchange=venue, code="http_429", retry_after_ns=wait_ns)


REFUSALS: Final[Mapping[str, Callable[[str], BaseException]]] = MappingProxyType(
    {
        "refused": lambda venue: Rejected("the venue refuses", exchange=venue, code="refused"),
        "insufficient_margin": lambda venue: InsufficientMargin(
            "not enough margin", exchange=venue, code="insufficient_margin"
        ),
        "timestamp": lambda venue: AuthenticationFailed(
            "timestamp outside of the window", exchange=venue, code="timestamp"
        ),
        "below_minimum": lambda venue: BelowMinimum("too small", exchange=venue, code="below_minimum"),
    }
)
"""Refusals by their codes."""


def _rejected(call: CallFacts, chance: Chance) -> Callable[[str], BaseException]:
    of_orders = ("refused", "insufficient_margin", "timestamp")
    return REFUSALS[chance.choice(of_orders if call.operation == "send_order" else of_orders[2:])]


def _connect_failed(_call: CallFacts, _chance: Chance) -> Callable[[str], BaseException]:
    return lambda venue: ConnectFailed("connection refused", exchange=venue, code="connection_refused")


def _garbage(_call: CallFacts, chance: Chance) -> Callable[[str], BaseException]:
    kinds: Sequence[Callable[[], BaseException]] = (
        lambda: KeyError("result"),
        TimeoutError,
        asyncio.CancelledError,
        lambda: ValueError("could not convert string to float: ''"),
    )
    made = chance.choice(kinds)
    return lambda _venue: made()


_ERRORS: Final[dict[FaultKind, tuple[bool, _MakeError, bool]]] = {
    FaultKind.TIMEOUT_BEFORE: (False, _no_answer, True),
    FaultKind.TIMEOUT_AFTER: (True, _no_answer, True),
    FaultKind.HANG: (True, _no_answer, True),
    FaultKind.SERVER_ERROR_BEFORE: (False, _server_error, False),
    FaultKind.SERVER_ERROR_AFTER: (True, _server_error, False),
    FaultKind.UNREADABLE: (True, _unreadable, False),
    FaultKind.RATE_LIMITED: (False, _rate_limited, False),
    FaultKind.REJECTED: (False, _rejected, False),
    FaultKind.CONNECT_FAILED: (False, _connect_failed, False),
    FaultKind.GARBAGE_BEFORE: (False, _garbage, False),
    FaultKind.GARBAGE_AFTER: (True, _garbage, False),
}
"""Whether the request arrives, what the client is told, and whether it waits for a time-out first."""


class CalmFates:
    """Every call goes well; only the wire takes its time."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def fate(self, call: CallFacts) -> Fate:
        """Return a good fate."""
        request_ns, answer_ns = latencies(Chance(self._seed, "wire", call.venue, call.operation, call.count))
        return Fate(request_ns=request_ns, answer_ns=answer_ns)


class SeededFates:
    """Faults by a profile, each drawn from the seed and the call's own number."""

    def __init__(self, seed: int, *, order_ppm: int, read_ppm: int, weights: dict[FaultKind, int]) -> None:
        self._seed = seed
        self._order_ppm = order_ppm
        self._read_ppm = read_ppm
        self._weights = weights

    def fate(self, call: CallFacts) -> Fate:
        """Return what becomes of a call."""
        chance = Chance(self._seed, "fate", call.venue, call.operation, call.count)
        if chance.happens(self._order_ppm if call.operation in CHANGING else self._read_ppm):
            fitting = [(kind, weight) for kind, weight in self._weights.items() if weight and fits(kind, call)]
            if fitting:
                return faulty(chance.weighted(fitting), call, chance)
        request_ns, answer_ns = latencies(chance)
        return Fate(request_ns=request_ns, answer_ns=answer_ns)


def fits(kind: FaultKind, call: CallFacts) -> bool:
    """Whether a call can meet a fault of this kind."""
    if kind is FaultKind.LATE_EFFECT:
        return call.operation in ("send_order", "cancel_order")
    if kind is FaultKind.STALE_READ:
        return call.operation in ACCOUNT_READS and call.read_delay_ns > 0
    if kind is FaultKind.THIN_BOOK:
        return call.operation == "send_order"
    if kind is FaultKind.CANCEL_RACE:
        return call.operation == "cancel_order"
    if kind is FaultKind.DUPLICATE_ROWS:
        return call.operation in LISTINGS
    if kind is FaultKind.REORDERED_ROWS:
        return call.operation in REORDERABLE
    if kind is FaultKind.REJECTED:
        return call.operation != "fetch_order"
    return kind in _ERRORS
