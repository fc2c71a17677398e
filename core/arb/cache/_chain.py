"""A read-through chain of cache tiers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final, TypeVar

from arb.api import CachedBook, CacheTier, Clock, LocalCacheTier
from arb.model import MILLISECOND_NS, InstrumentId

from ._bounded import within

T = TypeVar("T")

TIER_TIMEOUT_NS: Final = 50 * MILLISECOND_NS
"""A healthy remote tier answers in about 0.1 ms; asking the venue takes about as long as this."""


class Verdict(Enum):
    """What the reader thinks of a book that a tier holds."""

    SERVE = auto()
    OLD = auto()
    """True, but too old or too shallow for this reader."""
    REFUSED = auto()
    """It cannot be true: the tier is told to forget it, else it would keep newer books out."""


Judge = Callable[[CachedBook], Verdict]


@dataclass(frozen=True, slots=True)
class Found:
    """What the tiers hold of one instrument.

    Attributes:
        book: The first that may be served.
        last: The latest observation of those too old, when none may be served.
    """

    book: CachedBook | None = None
    last: CachedBook | None = None


@dataclass(slots=True)
class TierCounts:
    """What one tier did since the start.

    Attributes:
        hits: Books served from it below the first tier's own hits, which are not counted here.
        refused: Books it held that could not be true.
        errors: Calls that raised.
        late: Calls that took longer than allowed.
    """

    hits: int = 0
    refused: int = 0
    errors: int = 0
    late: int = 0


@dataclass(frozen=True, slots=True)
class _Link:
    name: str
    tier: CacheTier
    local: LocalCacheTier | None
    counts: TierCounts


class TierChain:
    """Cache tiers in the configured order, nearest first.

    Tiers in this process are asked by `peek`, then the others. A tier that raises or is late is
    skipped and counted.
    """

    def __init__(self, clock: Clock, tiers: Mapping[str, CacheTier], timeout_ns: int = TIER_TIMEOUT_NS) -> None:
        self._clock = clock
        self._timeout_ns = timeout_ns
        links = [
            _Link(name, tier, tier if isinstance(tier, LocalCacheTier) else None, TierCounts())
            for name, tier in tiers.items()
        ]
        self._links = tuple(sorted(links, key=lambda link: link.local is None))
        local = tuple(link for link in self._links if link.local)
        self._near = local or self._links
        self._far = self._links[len(self._near) :]
        self.peek: Callable[[InstrumentId], CachedBook | None] = _hold_nothing
        """What the first local tier holds, whatever its age: the hit path, one call and no await."""
        if local and local[0].local:
            self.peek = local[0].local.peek

    @property
    def counts(self) -> Mapping[str, TierCounts]:
        """Return the counters of each tier by its name, in the order asked."""
        return {link.name: link.counts for link in self._links}

    async def get(self, instrument: InstrumentId, judge: Judge) -> Found:
        """Return the first book that `judge` serves; the tiers asked before it are filled."""
        last: CachedBook | None = None
        for position, link in enumerate(self._links):
            book = await self._read(link, instrument)
            if book is None:
                continue
            verdict = judge(book)
            if verdict is Verdict.SERVE:
                link.counts.hits += 1
                await self._put(self._links[:position], instrument, book)
                return Found(book=book)
            if verdict is Verdict.REFUSED:
                link.counts.refused += 1
                await self._call(link, lambda tier: tier.drop([instrument]))
            elif last is None or book.observed_ns > last.observed_ns:
                last = book
        return Found(last=last)

    async def put_near(self, instrument: InstrumentId, book: CachedBook) -> None:
        """Write to the tiers in this process; to all when there is none."""
        await self._put(self._near, instrument, book)

    async def put_far(self, instrument: InstrumentId, book: CachedBook) -> None:
        """Write to the tiers that :meth:`put_near` leaves out."""
        await self._put(self._far, instrument, book)

    async def put(self, instrument: InstrumentId, book: CachedBook) -> None:
        """Write to every tier; one that holds a later observation keeps it."""
        await self._put(self._links, instrument, book)

    async def drop(self, instrument: InstrumentId) -> None:
        """Make every tier forget an instrument."""
        await asyncio.gather(*(self._call(link, lambda tier: tier.drop([instrument])) for link in self._links))

    async def _read(self, link: _Link, instrument: InstrumentId) -> CachedBook | None:
        if link.local is not None:
            return self._peek(link, link.local, instrument)

        async def read(tier: CacheTier) -> CachedBook | None:
            return (await tier.get([instrument])).get(instrument)

        return await self._call(link, read)

    def _peek(self, link: _Link, tier: LocalCacheTier, instrument: InstrumentId) -> CachedBook | None:
        try:
            return tier.peek(instrument)
        except Exception:
            link.counts.errors += 1
            return None

    async def _put(self, links: Sequence[_Link], instrument: InstrumentId, book: CachedBook) -> None:
        # The contract asks every tier to keep the later observation; where it costs nothing we see to it.
        writes = []
        for link in links:
            held = self._peek(link, link.local, instrument) if link.local else None
            if held is None or held.observed_ns <= book.observed_ns:
                writes.append(self._call(link, lambda tier: tier.put({instrument: book})))
        if len(writes) == 1:  # the usual case, and much cheaper than a gather
            await writes[0]
        else:
            await asyncio.gather(*writes)

    async def _call(self, link: _Link, ask: Callable[[CacheTier], Coroutine[Any, Any, T]]) -> T | None:
        try:
            return await within(self._clock, self._timeout_ns, ask(link.tier))
        except TimeoutError:
            link.counts.late += 1
        except Exception:
            link.counts.errors += 1
        return None


def _hold_nothing(instrument: InstrumentId) -> None:
    return None
