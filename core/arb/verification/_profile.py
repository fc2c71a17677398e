"""How hard an episode is: which faults, how often, how many crashes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from ._kinds import FaultKind

K = FaultKind

_WIRE: Final = MappingProxyType(
    {
        K.TIMEOUT_BEFORE: 4,
        K.TIMEOUT_AFTER: 5,
        K.LATE_EFFECT: 4,
        K.HANG: 2,
        K.SERVER_ERROR_BEFORE: 3,
        K.SERVER_ERROR_AFTER: 3,
        K.UNREADABLE: 3,
        K.RATE_LIMITED: 3,
        K.REJECTED: 3,
        K.CONNECT_FAILED: 3,
        K.GARBAGE_BEFORE: 2,
        K.GARBAGE_AFTER: 2,
        K.STALE_READ: 12,
        K.DUPLICATE_ROWS: 4,
        K.REORDERED_ROWS: 4,
        K.THIN_BOOK: 6,
        K.CANCEL_RACE: 6,
    }
)

_WORLD: Final = MappingProxyType(
    {
        K.MAINTENANCE: 3,
        K.DISCONNECT: 4,
        K.CLOCK_JUMP: 3,
        K.PRICE_JUMP: 2,
        K.ADL: 3,
        K.LIQUIDATION: 2,
        K.DELIST: 1,
        K.INTERVAL_CHANGE: 1,
        K.FEE_CHANGE: 1,
        K.DISK_FULL: 1,
        K.HALT_BY_HAND: 2,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What the seed of an episode draws from.

    Attributes:
        about: For people.
        order_ppm: How often a call that changes something meets a fault, parts in a million.
        read_ppm: How often a read does.
        wire: Weights of the faults of calls.
        events: Most events of the world, such as an auto-deleveraging.
        world: Their weights.
        crashes: Most crashes.
        storage_ppm: How often a commit fails, or is not confirmed.
        stream_ppm: How often a message of an account stream is lost or repeated.
        skew_s: Largest difference between the clocks of process and venue, seconds.
        read_delay_s: Largest delay of reads after writes that a venue declares, seconds.
        thin_ppm: How often a book is thin for eight seconds.
        resting_ppm: How often entries rest in the book instead of taking.
        second_process: Whether a second process starts over the same database.
        minutes: Shortest and longest time with faults.
    """

    about: str
    order_ppm: int = 0
    read_ppm: int = 0
    wire: Mapping[FaultKind, int] = field(default_factory=lambda: _WIRE)
    events: int = 0
    world: Mapping[FaultKind, int] = field(default_factory=lambda: _WORLD)
    crashes: int = 0
    storage_ppm: int = 0
    stream_ppm: int = 0
    skew_s: int = 0
    read_delay_s: int = 0
    thin_ppm: int = 0
    resting_ppm: int = 0
    second_process: bool = False
    minutes: tuple[int, int] = (2, 3)


PROFILES: Final[Mapping[str, Profile]] = MappingProxyType(
    {
        "calm": Profile(about="nothing goes wrong"),
        "mixed": Profile(
            about="everything at once, in the measure of a very bad day",
            order_ppm=200_000,
            read_ppm=40_000,
            events=3,
            crashes=2,
            storage_ppm=4_000,
            stream_ppm=100_000,
            skew_s=5,
            read_delay_s=10,
            thin_ppm=60_000,
            resting_ppm=250_000,
        ),
        "wire": Profile(
            about="calls that fail in every way, no crash",
            order_ppm=350_000,
            read_ppm=100_000,
            stream_ppm=100_000,
            skew_s=5,
            read_delay_s=10,
            thin_ppm=60_000,
            resting_ppm=250_000,
        ),
        "maker": Profile(
            about="entries that rest in the book: races of fills and cancellations",
            wire=MappingProxyType({**_WIRE, K.CANCEL_RACE: 60}),
            order_ppm=200_000,
            read_ppm=20_000,
            crashes=1,
            stream_ppm=100_000,
            skew_s=2,
            read_delay_s=2,
            resting_ppm=1_000_000,
        ),
        "crash": Profile(
            about="kill -9 at any moment, also while recovering",
            order_ppm=100_000,
            read_ppm=10_000,
            crashes=4,
            skew_s=2,
            read_delay_s=2,
            resting_ppm=250_000,
        ),
        "venue": Profile(
            about="what venues do to positions: deleveraging, liquidation, delisting, maintenance",
            order_ppm=60_000,
            read_ppm=10_000,
            events=6,
            read_delay_s=3,
            thin_ppm=60_000,
        ),
        "storage": Profile(
            about="commits that fail or are not confirmed, and a full disk",
            order_ppm=60_000,
            events=2,
            world=MappingProxyType({K.DISK_FULL: 1}),
            storage_ppm=30_000,
            read_delay_s=1,
        ),
        "two": Profile(
            about="a second process starts over the same database while the first one lives",
            order_ppm=60_000,
            read_ppm=10_000,
            second_process=True,
            skew_s=1,
            read_delay_s=1,
        ),
    }
)
