"""The language of named cases: what is set up, what happens, and how it has to end.

A script is a tuple of steps. Times are seconds since the start of the episode; amounts are texts, so
that they are exact. Every invariant of the auditor holds in a scenario too.

    Scenario(
        name="late-order",
        references=("ccxt#2599",),
        about="An order goes through after the client saw a time-out.",
        script=(fault("right", "send_order", late_effect=2), at(40, adl("left", "0.05"))),
        expect=(ends(closed=1), orders("right", at_most=2)),
    )
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from arb.model import EventKind, Severity
from arb.risk import EVERYTHING

from ._fate import CHANGING, REFUSALS, Answer
from ._kinds import FaultKind
from ._process import CrashPlan

if TYPE_CHECKING:
    from ._stage import Stage

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


def _frozen(value: Any) -> Any:
    """Return a copy of a table, and of those in it, that cannot be changed."""
    if isinstance(value, Mapping):
        return MappingProxyType({name: _frozen(one) for name, one in value.items()})
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


Deed = Callable[["Stage"], None]
"""Something that happens in the world at a moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The world of a scenario: calm but for its script.

    Attributes:
        seed: Of prices, lots and latencies.
        start_minute: When it begins, minutes after midnight; nothing opens a quarter of an hour before a settlement.
        venues: Two or three of `left`, `right`, `third`.
        bases: Assets that are listed: BTC, ETH, SOL, PEPE.
        minutes: How long the script has; after it everything is calm.
        flips_s: When every carry turns, so that open hedges are closed.
        read_delay_s: How long reads of a venue may miss writes.
        order_validity_s: How long a signed order may still arrive.
        rules: Fields of the instruments of a venue, such as `lot_size`.
        deposit: Cash of each currency at each venue.
        silent: Venues whose account streams are open and tell nothing.
        no_liquidation_price: Venues that never tell a liquidation price.
        run, risk, execution: Tables of the configuration.
        strategy: Settings of the strategy.
        rival: Settings of a second strategy that may use the same venues; without any there is none.
        resume_s: How long after a halt a person lifts it; None is never.
    """

    seed: int = 1
    start_minute: int = 10
    venues: tuple[str, ...] = ("left", "right")
    bases: tuple[str, ...] = ("BTC",)
    minutes: int = 3
    flips_s: tuple[int, ...] = (90,)
    read_delay_s: Mapping[str, int] = field(default_factory=lambda: _NOTHING)
    order_validity_s: int = 5
    rules: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: _NOTHING)
    deposit: str = "100000"
    silent: tuple[str, ...] = ()
    no_liquidation_price: tuple[str, ...] = ()
    run: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    risk: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    execution: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    strategy: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    rival: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    resume_s: int | None = None

    def __post_init__(self) -> None:
        """Let nobody change a table: every run of a scenario is the same one."""
        for name in ("read_delay_s", "rules", "run", "risk", "execution", "strategy", "rival"):
            object.__setattr__(self, name, _frozen(getattr(self, name)))


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFault:
    """What becomes of some calls of a venue.

    Attributes:
        first: The first call of the operation that meets it, counted from 1.
        count: How many calls in a row do.
        value: Seconds for a late effect or of the lag of a stale read, lots for a thin book; None draws it.
        refusal: The code of a refusal; empty draws it.
        answer: What the client is told of an order instead of its report.
    """

    venue: str
    operation: str
    kind: FaultKind
    first: int
    count: int
    value: Decimal | None = None
    refusal: str = ""
    answer: Answer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """When a process dies."""

    process: int
    plan: CrashPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """What happens at a time."""

    seconds: float
    deeds: tuple[Deed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OnEvent:
    """What happens some time after the journal holds an event of a kind for the nth time."""

    kind: EventKind
    nth: int
    after_s: float
    deeds: tuple[Deed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitFault:
    """A commit that fails, or that takes effect and is not confirmed."""

    number: int
    kind: FaultKind


Step = CallFault | Crash | Timed | OnEvent | CommitFault


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """How a scenario has to end: a sentence, and a test that returns what is wrong or nothing."""

    text: str
    check: Callable[[Stage], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A named case.

    Attributes:
        references: Reports of the field that it reproduces.
        about: One or two sentences.
    """

    name: str
    references: tuple[str, ...]
    about: str
    setup: Setup = field(default_factory=Setup)
    script: tuple[Step, ...] = ()
    expect: tuple[Expectation, ...] = ()


def fault(venue: str, operation: str, *, nth: int = 1, count: int = 1, **how: bool | int | float | str) -> CallFault:
    """Let the nth call of an operation, and `count - 1` after it, meet a fault.

    Args:
        venue: Its name.
        operation: A method of the exchange, such as `send_order`.
        nth: Counted over all processes.
        count: How many calls in a row.
        how: One kind of fault by its name: `timeout_after=True`, `late_effect=2.5` and `stale_read=2` (seconds),
            `thin_book=1` (lots), `rejected="insufficient_margin"` (a code).

    Raises:
        ValueError: it names no fault, or more than one, or one that such a call cannot meet.
    """
    if len(how) != 1:
        raise ValueError(f"name one kind of fault, not {', '.join(how) or 'none'}")
    ((name, value),) = how.items()
    kind = FaultKind(name)
    if kind is FaultKind.LATE_EFFECT and operation not in CHANGING:
        raise ValueError(f"{operation} has no effect that could be late")
    if kind is FaultKind.REJECTED and isinstance(value, str):
        if value not in REFUSALS:
            raise ValueError(f"a refusal has one of the codes {', '.join(REFUSALS)}, not {value!r}")
        return CallFault(venue=venue, operation=operation, kind=kind, first=nth, count=count, refusal=value)
    number = None if isinstance(value, bool) else Decimal(str(value))
    return CallFault(venue=venue, operation=operation, kind=kind, first=nth, count=count, value=number)


def answers(venue: str, answer: str, *, nth: int = 1, count: int = 1) -> CallFault:
    """Let a venue answer its nth order, and `count - 1` after it, with something else than a report.

    Args:
        venue: Its name.
        answer: `none`, `false` or `code` is what its plugin returns, `taken` says no more than that the venue has
            the order, `lost` that the request came, and then the venue drops it.
        nth: Counted over all processes.
        count: How many orders in a row.

    Raises:
        ValueError: there is no such answer.
    """
    kind = FaultKind.UNREADABLE
    return CallFault(venue=venue, operation="send_order", kind=kind, first=nth, count=count, answer=Answer(answer))


def at(seconds: float, *deeds: Deed) -> Timed:
    """Do something so many seconds after the start."""
    return Timed(seconds=seconds, deeds=deeds)


def when(kind: EventKind, *deeds: Deed, nth: int = 1, after_s: float = 0) -> OnEvent:
    """Do something once the journal holds the nth event of a kind, or some seconds later."""
    return OnEvent(kind=kind, nth=nth, after_s=after_s, deeds=deeds)


def crash(
    *,
    process: int = 1,
    at_step: int = 0,
    after_orders: int = 0,
    at_turn: int = 0,
    at_commit: int = 0,
    after_commit: bool = False,
) -> Crash:
    """Kill a process; see :class:`CrashPlan` for the moments."""
    plan = CrashPlan(
        at_step=at_step, after_orders=after_orders, at_turn=at_turn, at_commit=at_commit, after_commit=after_commit
    )
    return Crash(process=process, plan=plan)


def commit_fails(number: int, *, takes_effect: bool = False) -> CommitFault:
    """Let a commit, counted over all processes, raise an error."""
    return CommitFault(number=number, kind=FaultKind.COMMIT_UNCONFIRMED if takes_effect else FaultKind.STORAGE_ERROR)


def second_process() -> Deed:
    """Start a process beside the one that runs."""
    return lambda stage: stage.episode.start_second()


def kill() -> Deed:
    """Kill every process that lives."""
    return lambda stage: stage.kill()


def move_to_another_machine(clock_s: float) -> Deed:
    """Kill every process; the next one starts at once, and its clock is so many seconds ahead."""
    return lambda stage: stage.move(clock_s)


def stop() -> Deed:
    """Ask every process that lives to end in order; another one starts afterwards."""
    return lambda stage: stage.stop()


def adl(venue: str, contracts: str | None = None, *, base: str | None = None) -> Deed:
    """Let a venue deleverage the account: so many contracts of what it holds, or all of it."""
    return lambda stage: stage.deleverage(venue, contracts, base)


def liquidate(venue: str, *, base: str | None = None) -> Deed:
    """Let a venue liquidate what it holds."""
    return lambda stage: stage.liquidate(venue, base)


def delist(venue: str, *, base: str | None = None) -> Deed:
    """Let a venue delist an instrument: what is held is closed at the mark price."""
    return lambda stage: stage.delist(venue, base)


def close_venue(venue: str, seconds: int, *, kind: FaultKind = FaultKind.MAINTENANCE) -> Deed:
    """Let a venue be in maintenance, or the connection to it be down."""
    return lambda stage: stage.episode.troubles.close_venue(stage.counter(venue), kind, seconds)


def book(venue: str, *, lots: int, seconds: float, spread_bps: int = 0, base: str | None = None) -> Deed:
    """Let the book of a venue offer so many lots a level for a while, none at all, or with a wide spread."""
    return lambda stage: stage.patch(venue, lots, seconds, spread_bps, base)


def interval(venue: str, hours: int, *, base: str | None = None) -> Deed:
    """Let a venue settle funding at another interval from now on."""
    return lambda stage: stage.change_interval(venue, hours, base)


def relist(venue: str, *, base: str | None = None, **rules: Any) -> Deed:
    """Let a venue change fields of an instrument, such as `status` or `fees`."""
    return lambda stage: stage.relist(venue, rules, base)


def trade_through(venue: str) -> Deed:
    """Let others trade through every order that rests at a venue, for half of what is left of it."""
    return lambda stage: stage.trade_through(venue)


def price_jump(ppm: int) -> Deed:
    """Move every price at once, parts in a million."""
    return lambda stage: stage.episode.troubles.move_prices(ppm)


def clock_jump(seconds: float, *, process: int | None = None) -> Deed:
    """Let the clock of every process go ahead, or of the one with that number."""
    return lambda stage: stage.jump_clocks(seconds, process)


def disk_full(seconds: int) -> Deed:
    """Let no transaction begin for a while."""
    return lambda stage: stage.episode.troubles.fill_disk(seconds)


def halt(scope: str = EVERYTHING) -> Deed:
    """Let a person halt trading."""
    return lambda stage: stage.episode.world.halt(scope)


def garble_halts() -> Deed:
    """Let the file of the halts hold what nobody can read."""
    return lambda stage: stage.garble_halts()


def resume() -> Deed:
    """Let a person lift every halt."""
    return lambda stage: stage.resume()


def ends(**counts: int) -> Expectation:
    """Expect so many hedges by how they ended, such as `closed=1`; those not named are none."""
    wanted = {name: count for name, count in sorted(counts.items()) if count}
    text = f"hedges end {wanted}"
    return Expectation(text=text, check=lambda stage: _differs(stage.outcomes(), wanted))


def orders(venue: str, *, at_most: int | None = None, exactly: int | None = None) -> Expectation:
    """Expect a number of orders that reached a venue."""

    def check(stage: Stage) -> str:
        count = stage.arrivals(venue)
        good = (at_most is None or count <= at_most) and (exactly is None or count == exactly)
        return "" if good else f"{count} orders reached {venue}"

    limit = f"exactly {exactly}" if exactly is not None else f"at most {at_most}"
    return Expectation(text=f"{limit} orders reach {venue}", check=check)


def told(
    kind: EventKind, *, at_least: int = 1, exactly: int | None = None, severity: Severity | None = None, text: str = ""
) -> Expectation:
    """Expect events of a kind in the journal, or only those with a text in their message."""

    def check(stage: Stage) -> str:
        found = [one for one in stage.events if one.kind is kind and severity in (None, one.severity)]
        count = sum(text in one.message for one in found)
        return "" if (count >= at_least if exactly is None else count == exactly) else f"{count} events {kind}"

    limit = f"at least {at_least}" if exactly is None else f"exactly {exactly}"
    return Expectation(text=f"{limit} events {kind}{f' tell of {text!r}' if text else ''}", check=check)


def never_told(kind: EventKind) -> Expectation:
    """Expect no event of a kind."""

    def check(stage: Stage) -> str:
        found = next((one for one in stage.events if one.kind is kind), None)
        return "" if found is None else f"event {kind}: {found.message}"

    return Expectation(text=f"no event {kind}", check=check)


def holds(venue: str, contracts: str) -> Expectation:
    """Expect what a venue holds at the end, signed contracts over all its instruments."""

    def check(stage: Stage) -> str:
        held = stage.held(venue)
        return "" if held == Decimal(contracts) else f"{venue} holds {held}"

    return Expectation(text=f"{venue} holds {contracts}", check=check)


def _differs(found: Mapping[str, int], wanted: Mapping[str, int]) -> str:
    return "" if dict(found) == dict(wanted) else f"they end {dict(found)}"
