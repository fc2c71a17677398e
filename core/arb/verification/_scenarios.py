"""The named cases, by their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from ._scenario import Scenario
from ._scenarios_doubt import DOUBTS
from ._scenarios_entry import ENTRIES
from ._scenarios_exit import EXITS
from ._scenarios_halts import HALTS
from ._scenarios_lag import LAGS
from ._scenarios_money import MONEY
from ._scenarios_repair import REPAIRS
from ._scenarios_restart import RESTARTS
from ._scenarios_rules import RULES
from ._scenarios_wire import WIRE
from ._scenarios_writers import WRITERS


def by_name(scenarios: Iterable[Scenario]) -> Mapping[str, Scenario]:
    """Return scenarios by their names; raises ValueError when two have the same."""
    found: dict[str, Scenario] = {}
    for scenario in scenarios:
        if scenario.name in found:
            raise ValueError(f"two scenarios are called {scenario.name}")
        found[scenario.name] = scenario
    return MappingProxyType(found)


SCENARIOS: Final = by_name(
    (*ENTRIES, *EXITS, *REPAIRS, *DOUBTS, *LAGS, *WIRE, *WRITERS, *RESTARTS, *HALTS, *MONEY, *RULES)
)
