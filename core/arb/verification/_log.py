"""What happened in an episode: one line for each thing, in order, the same on every machine."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from arb.model import SECOND_NS


class EventLog:
    """Lines of simulated time, who and what; their hash is the identity of an episode.

    Args:
        now_ns: The time of the world.
        start_ns: Times are written from here.
        keep: Whether the lines are kept, for a timeline, or only hashed.
    """

    def __init__(self, now_ns: Callable[[], int], start_ns: int, *, keep: bool) -> None:
        self._now_ns = now_ns
        self._start_ns = start_ns
        self._hash = sha256()
        self._keep = keep
        self.lines: list[str] = []

    def add(self, who: str, what: str) -> None:
        """Write a line."""
        seconds, fraction = divmod(self._now_ns() - self._start_ns, SECOND_NS)
        line = f"{seconds}.{fraction:09d} {who} {what}\n"
        self._hash.update(line.encode())
        if self._keep:
            self.lines.append(line.rstrip("\n"))

    def sha256(self) -> str:
        """Return the hash of every line so far."""
        return self._hash.hexdigest()
