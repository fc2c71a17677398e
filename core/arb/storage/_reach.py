"""Which states a transition table allows after which, in one step or several."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TypeVar

S = TypeVar("S")


def reachable(steps: Iterable[tuple[S, S]]) -> Mapping[S, frozenset[S]]:
    """Return for each state all that can follow it.

    Not every state is stored (an order may be recorded, sent and filled between two commits), so
    what is refused is a change that no sequence of transitions explains.
    """
    after: defaultdict[S, set[S]] = defaultdict(set)
    states: set[S] = set()
    for old, new in steps:
        after[old].add(new)
        states |= {old, new}
    for middle in states:
        for old in states:
            if middle in after[old]:
                after[old] |= after[middle]
    return {state: frozenset(after[state]) for state in states}
