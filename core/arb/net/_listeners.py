"""Who listens to what of one socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

from arb.api import ExchangeError

from ._stream import Connected

K = TypeVar("K", bound=Hashable)
H = TypeVar("H")


class Inbox(Generic[H]):
    """What one listener has not read yet."""

    def __init__(self, most: int, behind: Callable[[str], None]) -> None:
        """Hold nothing yet, and never more than `most`; `behind` is told when something was dropped for that."""
        self._most = most
        self._behind = behind
        self._unread: asyncio.Queue[Connected | H | ExchangeError] = asyncio.Queue()

    def put(self, heard: Connected | H | ExchangeError) -> None:
        """Add what is heard; whoever is too far behind has a gap now, and begins anew."""
        if self._unread.qsize() >= self._most:
            while not self._unread.empty():
                self._unread.get_nowait()
            why = f"{self._most} messages stood unread"
            self._unread.put_nowait(Connected(why))
            self._behind(why)
        self._unread.put_nowait(heard)

    async def get(self) -> Connected | H:
        """Return what is next; raises the ExchangeError that is put."""
        heard = await self._unread.get()
        if isinstance(heard, ExchangeError):
            raise heard
        return heard


class Listeners(Generic[K, H]):
    """Hands what comes under a key to all who listen to it; true while anybody listens to anything."""

    def __init__(self, most_unread: int, behind: Callable[[str], None] = lambda _: None) -> None:
        """Hold nobody yet.

        Args:
            most_unread: What stands in one inbox at most.
            behind: Told why somebody has a gap, who did not read that much.
        """
        self._most = most_unread
        self._behind = behind
        self._inboxes: dict[K, list[Inbox[H]]] = {}

    def __bool__(self) -> bool:
        return bool(self._inboxes)

    def __contains__(self, key: K) -> bool:
        return key in self._inboxes

    def join(self, keys: Iterable[K]) -> tuple[Inbox[H], list[K]]:
        """Return the inbox of a new listener, and the keys of which it is the first."""
        inbox = Inbox[H](self._most, self._behind)
        first = []
        for key in keys:
            if key not in self._inboxes:
                first.append(key)
            self._inboxes.setdefault(key, []).append(inbox)
        return inbox, first

    def leave(self, keys: Iterable[K], inbox: Inbox[H]) -> list[K]:
        """Return the keys to which nobody listens any more."""
        last = []
        for key in keys:
            inboxes = self._inboxes[key]
            inboxes.remove(inbox)
            if not inboxes:
                del self._inboxes[key]
                last.append(key)
        return last

    def tell(self, key: K, heard: Connected | H) -> None:
        """Hand it to those who listen to a key."""
        for inbox in self._inboxes.get(key, ()):
            inbox.put(heard)

    def tell_all(self, heard: Connected | H | ExchangeError) -> None:
        """Hand it to everybody once, however many keys they listen to."""
        for inbox in {id(each): each for inboxes in self._inboxes.values() for each in inboxes}.values():
            inbox.put(heard)
