"""What is fixed before an episode runs: its frame, drawn from a seed or written by a scenario."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from arb.api import ExchangeTraits
from arb.execution import ExecutionPolicy
from arb.model import HOUR_NS, MINUTE_NS, SECOND_NS

from ._chance import MILLION, Chance
from ._kinds import FaultKind
from ._listings import NAMES, drawn_bases
from ._process import CrashPlan
from ._profile import PROFILES, Profile

EPOCH_NS: Final = 1_767_225_600 * SECOND_NS
"""2026-01-01T00:00:00Z."""

_BREAKERS_OFF: Final = {"halt_after_rejects": 1000, "halt_after_doubts": 1000, "halt_after_slow_orders": 1000}


_NOT_OF_REAL_VENUES: Final = frozenset({FaultKind.INTERVAL_CHANGE, FaultKind.FEE_CHANGE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The frame of an episode.

    Attributes:
        title: The profile's name, or `scenario NAME`.
        faults_ns: How long faults happen.
        flips_ns: When every carry changes its sign.
        document: Tables of the configuration; `exchange` is that of every venue, `strategy` are its settings,
            `rival` those of a second one where there are any.
        rules: Fields of instruments that are not drawn, by venue.
        deposit: Cash of each currency at each venue.
        silent: Venues whose account streams are open and tell nothing.
        no_liquidation_price: Venues that never tell a liquidation price.
        shuffles: What is due at one instant happens in an order that the seed says.
        slow_storage: Every statement lets others run, as a database in another thread does.
        adapters: Which venue is reached through which exchange plugin, over its fake; the others directly.
        crashes: When which process dies, by its number; None draws it.
        resume_ns: How long after a halt a person lifts it; None is never.
    """

    seed: int
    title: str
    profile: Profile
    names: tuple[str, ...]
    bases: tuple[str, ...]
    start_ns: int
    faults_ns: int
    flips_ns: tuple[int, ...]
    traits: Mapping[str, ExchangeTraits]
    document: Mapping[str, Mapping[str, Any]]
    rules: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))
    deposit: Decimal = Decimal(100_000)
    silent: tuple[str, ...] = ()
    no_liquidation_price: tuple[str, ...] = ()
    adapters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    shuffles: bool = False
    slow_storage: bool = False
    crashes: Mapping[int, CrashPlan] | None = None
    resume_ns: int | None = None

    @property
    def faults_end_ns(self) -> int:
        """Return when the faults are over."""
        return self.start_ns + self.faults_ns

    @property
    def settle_ns(self) -> int:
        """Return what is waited for beside the quiet minute: the longest delay of a read and of a late order."""
        return max(one.read_after_write_ns + one.order_validity_ns for one in self.traits.values())

    @property
    def max_naked_seconds(self) -> Decimal:
        """Return for how long a whole leg may stand alone, by the configuration of the run."""
        return Decimal(self.document["execution"].get("max_naked_seconds", ExecutionPolicy().max_naked_seconds))

    @property
    def counts_turns(self) -> bool:
        """Whether a process may die at a turn of the loop, so that turns have to be counted."""
        plans = (
            self.crashes.values()
            if self.crashes is not None
            else [self.crash_of(number) for number in range(1, self.profile.crashes + 1)]
        )
        return any(plan is not None and plan.at_turn for plan in plans)

    def crash_of(self, number: int) -> CrashPlan | None:
        """Return when a process dies."""
        if self.crashes is not None:
            return self.crashes.get(number)
        drawn = Chance(self.seed, "crashes").below(self.profile.crashes + 1)
        return _drawn_crash(Chance(self.seed, "crash", number), number) if number <= drawn else None


def drawn_plan(seed: int, title: str, plugins: Sequence[str] = ()) -> Plan:
    """Draw the frame of an episode.

    Args:
        seed: Everything is drawn from it.
        title: Of the profile.
        plugins: Exchange plugins of which each venue draws one, over its fake; none lets venues be reached directly.

    Raises:
        KeyError: there is no such profile.
    """
    profile = PROFILES[title] if not plugins else _expressible(PROFILES[title])
    chance = Chance(seed, "plan")
    names = NAMES if chance.happens(MILLION // 4) else NAMES[:2]
    # No settlement within a quarter of an hour after the start, since nothing opens then, unless the
    # episode is to see one: then it begins right before that.
    settles = chance.happens(MILLION // 20)
    minute = 42 if settles else chance.between(6, 30)
    start_ns = EPOCH_NS + chance.below(200) * 24 * HOUR_NS + chance.below(24) * HOUR_NS + minute * MINUTE_NS
    start_ns += chance.below(60) * SECOND_NS
    faults_ns = chance.between(*profile.minutes) * MINUTE_NS + (16 * MINUTE_NS if settles else 0)
    flips = [start_ns + (19 * MINUTE_NS if settles else chance.between(45, 110) * SECOND_NS)]
    while flips[-1] < start_ns + faults_ns:
        flips.append(flips[-1] + chance.between(60, 140) * SECOND_NS)
    delays = (0, 0, 1, 2, 3, profile.read_delay_s)
    return Plan(
        seed=seed,
        title=title,
        profile=profile,
        names=names,
        bases=drawn_bases(seed, 2),
        start_ns=start_ns,
        faults_ns=faults_ns,
        flips_ns=tuple(flips),
        traits={
            name: ExchangeTraits(
                read_after_write_ns=min(chance.choice(delays), profile.read_delay_s) * SECOND_NS,
                order_validity_ns=chance.choice((2, 5, 5, 10)) * SECOND_NS,
            )
            for name in names
        },
        document={
            "run": run_table(
                seed,
                order_timeout_s=chance.choice((2, 3, 5)),
                collect_s=60 if settles else 40,
                watch_s=chance.choice((10, 20, 30)),
            ),
            "risk": {**risk_table(), **(_BREAKERS_OFF if chance.below(2) else {})},
            "execution": _drawn_execution(Chance(seed, "execution"), profile),
            "exchange": {"leverage": chance.choice((2, 3))} if chance.happens(MILLION // 4) else {},
            "strategy": strategy_settings(
                notional_usd=chance.choice((400, 700, 1200, 2500)),
                cycle_s=30 if settles else chance.choice((15, 20, 30)),
                cooldown_s=chance.choice((10, 30)),
                max_slippage_bps=chance.choice((20, 40)),
            ),
        },
        adapters=_drawn_adapters(Chance(seed, "adapters"), names, plugins),
        shuffles=True,
        slow_storage=chance.happens(MILLION // 8),
        resume_ns=chance.choice((None, chance.between(20, 90) * SECOND_NS)),
    )


def _drawn_adapters(chance: Chance, names: Sequence[str], plugins: Sequence[str]) -> dict[str, str]:
    """Give each venue a plugin, as different ones as there are."""
    left: list[str] = []
    drawn = {}
    for name in names if plugins else ():
        left = left or list(plugins)
        drawn[name] = left.pop(chance.below(len(left)))
    return drawn


def _expressible(profile: Profile) -> Profile:
    """Leave out what real venues do not do: settle one instrument every 4 h, then every 8, or charge it alone more."""
    world = {kind: weight for kind, weight in profile.world.items() if kind not in _NOT_OF_REAL_VENUES}
    return replace(profile, world=world)


def run_table(seed: int, *, order_timeout_s: int = 3, collect_s: int = 40, watch_s: int = 10) -> dict[str, Any]:
    """Return `[run]`."""
    return {
        "seed": seed % (1 << 62),
        "collect_every": f"{collect_s}s",
        "sample_every": "60s",
        "watch_every": f"{watch_s}s",
        "order_timeout": f"{order_timeout_s}s",
        "close_timeout": "2s",
    }


def risk_table() -> dict[str, Any]:
    """Return `[risk]`."""
    return {"max_hedges": 4, "max_hedge_notional_usd": "20000"}


def strategy_settings(
    *, notional_usd: int, cycle_s: int, cooldown_s: int, max_slippage_bps: int = 20, max_hedges: int = 2
) -> dict[str, Any]:
    """Return the settings with which the real strategy opens at once, and closes when the carry turns."""
    return {
        "notional_usd": str(notional_usd),
        "horizon": "9h",
        "max_hold": "9h",
        "max_break_even": "9h",
        "confirm": "0s",
        "cycle": f"{cycle_s}s",
        "cooldown": f"{cooldown_s}s",
        "max_hedges": max_hedges,
        "safety_factor": "0",
        "rotate": False,
        "max_slippage_bps": str(max_slippage_bps),
        "max_cost_usd_pair_day": "100000",
        "max_cost_usd_day": "1000000",
    }


def _drawn_execution(chance: Chance, profile: Profile) -> dict[str, Any]:
    if not chance.happens(profile.resting_ppm):
        return {}
    mode = chance.choice(("post_only", "limit_then_market", "aggressive"))
    return {"entry_mode": mode, "leg_order": "pilot_first", "rest": f"{chance.choice((3, 8, 20))}s"}


def _drawn_crash(chance: Chance, number: int) -> CrashPlan:
    """Draw when a process dies: near its orders, at a commit, while it recovers, or anywhere."""
    how = chance.below(5)
    if how <= 1:
        return CrashPlan(after_orders=chance.between(1, 6), at_step=chance.between(0, 40))
    if how == 2:
        return CrashPlan(at_commit=chance.between(1, 60), after_commit=bool(chance.below(2)))
    if how == 3:
        # Loop turns: some hundred while it starts, some thousand in all.
        return CrashPlan(at_turn=chance.between(1, 400 if number > 1 else 4_000))
    return CrashPlan(at_step=chance.between(1, 90 if number > 1 else 900))
