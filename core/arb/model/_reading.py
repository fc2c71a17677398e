"""Readings from outside: what is not known is a value of its own, never a zero or a None."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Fresh(Generic[T_co]):
    """A value young enough for the one who asked. Only this can lead to new risk.

    Attributes:
        source: Who delivered it: a price source, a cache tier, an exchange.
        observed_ns: When it was read from the venue, by our clock.
    """

    value: T_co
    source: str
    observed_ns: int


@dataclass(frozen=True, slots=True)
class Stale(Generic[T_co]):
    """The last known value, older than allowed: good for display and for closing, not for opening."""

    value: T_co
    source: str
    observed_ns: int


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nothing is known, and why."""

    reason: str


Reading = Fresh[T_co] | Stale[T_co] | Unknown
