"""Paper or live, wall time or virtual time: decided once, before anything is opened."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from arb.api import Capability, ConfigError, ExchangeSpec
from arb.kernel import Composition, Family

MAX_SPEED: Final = math.inf


class Mode(StrEnum):
    """Whether real orders may be sent."""

    PAPER = "paper"
    LIVE = "live"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the command line adds to the configuration.

    Attributes:
        until_ns: When to stop, by the run's clock; None runs until it is asked to stop.
        speed: Simulated seconds a real second, MAX_SPEED for as fast as possible; anything but 1 needs
            every exchange to be simulated.
        seed: Replaces the configuration's.
        record: Folder into which the traffic of real exchanges is written; None for nowhere.
    """

    mode: Mode = Mode.PAPER
    until_ns: int | None = None
    speed: float = 1.0
    seed: int | None = None
    record: Path | None = None


def simulated_exchanges(composition: Composition) -> Mapping[str, bool]:
    """Return for each exchange whether no real money can move on it."""
    return {
        alias: isinstance(part.spec, ExchangeSpec) and Capability.SIMULATED in part.spec.capabilities
        for alias, part in composition.parts[Family.EXCHANGES].items()
    }


def is_virtual(composition: Composition) -> bool:
    """Whether the run can have a time of its own: every exchange is simulated."""
    return all(simulated_exchanges(composition).values())


def check_live(composition: Composition, source: str) -> None:
    """Refuse a live run that is not armed everywhere, or that mixes real and simulated legs.

    Raises:
        ConfigError: one line for each exchange in the way.
    """
    simulated = simulated_exchanges(composition)
    problems = [
        f"{source}: [exchanges.{name}] is simulated: a hedge with one real leg would not be hedged"
        for name, is_simulated in simulated.items()
        if is_simulated
    ]
    problems += [
        f"{source}: [exchanges.{name}] armed: is not true; set it to let real orders go to this exchange"
        for name, is_simulated in simulated.items()
        if not is_simulated and not composition.config.exchanges[name].armed
    ]
    if problems:
        raise ConfigError("\n".join(problems))
