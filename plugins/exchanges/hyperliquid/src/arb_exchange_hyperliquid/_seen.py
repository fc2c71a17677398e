"""What came already."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

REMEMBERED: Final = 10_000


class Seen:
    """The ids that came lately, so that what comes again is known."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._ids: OrderedDict[object, None] = OrderedDict()

    def add(self, identity: object) -> bool:
        """Remember an id; return whether it is new."""
        is_new = identity not in self._ids
        self._ids[identity] = None
        self._ids.move_to_end(identity)
        if len(self._ids) > self._most:
            self._ids.popitem(last=False)
        return is_new
