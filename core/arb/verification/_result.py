"""How an episode ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ._audit_exposure import NakedTime
from ._auditor import Violation
from ._kinds import Code


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeResult:
    """What one seed led to.

    Attributes:
        title: The profile, or the scenario.
        outcomes: Hedges by how they ended: `open`, `closed`, `abandoned`, `halted`, `moving`.
        faults: How often each fault happened.
        naked: Naked exposure of every hedge.
        log_sha256: Of the event log: the same seed gives the same, everywhere.
        log: The lines, where they were asked for.
        commits: Transactions that wrote something.
        steps: Calls of ports, over all processes.
        turns: Turns of the event loop; 0 where they were not counted.
        orders: Orders that reached a venue.
        died_as_planned: Processes, by their number, that their crash plan killed.
    """

    seed: int
    title: str
    outcomes: Mapping[str, int]
    faults: Mapping[str, int]
    crashes: int
    naked: tuple[NakedTime, ...]
    violations: tuple[Violation, ...]
    simulated_seconds: float
    log_sha256: str
    commits: int
    steps: int
    turns: int
    orders: int
    died_as_planned: frozenset[int] = frozenset()
    log: tuple[str, ...] = ()

    @classmethod
    def broken(cls, seed: int, title: str, text: str, code: Code) -> EpisodeResult:
        """Return the result of an episode that has none but this one violation."""
        return cls(
            seed=seed,
            title=title,
            outcomes={},
            faults={},
            crashes=0,
            naked=(),
            violations=(Violation(code=code, seed=seed, at_ns=0, text=text),),
            simulated_seconds=0.0,
            log_sha256="",
            commits=0,
            steps=0,
            turns=0,
            orders=0,
        )
