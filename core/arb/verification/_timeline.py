"""The event log of an episode for people: without the reads that went well."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

_CALM: Final = re.compile(r"^\S+ \S+ (?:fetch_\w+|watch_\w+)#\d+.* (?:done|client sees \w+)$")
_CLOCK: Final = re.compile(r"^\S+ \S+ commit \d+ (?:leases,)?(?:\w+,)*run_state$")
_QUIET_TABLES: Final = frozenset(
    {"leases", "run_state", "equity_samples", "position_samples", "plugin_state", "cursors", "funding_payments"}
    | {"predicted_funding_rates", "settled_funding_rates", "latest_funding_rates", "instruments"}
)


def timeline(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines that tell what happened, aligned."""
    for line in lines:
        if _CALM.match(line) or _is_housekeeping(line):
            continue
        moment, who, what = line.split(" ", 2)
        seconds, _, fraction = moment.partition(".")
        yield f"{seconds:>5}.{fraction[:3]} {who:<10} {what}"


def _is_housekeeping(line: str) -> bool:
    if _CLOCK.match(line) is None:
        return False
    return _QUIET_TABLES.issuperset(line.rpartition(" ")[2].split(","))
