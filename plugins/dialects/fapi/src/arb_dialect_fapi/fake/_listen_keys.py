"""The listen keys of a fake venue: one for the account, good for an hour after it was asked for last."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from arb.model import HOUR_NS

from ._floor import Floor
from ._refusal import NO_LISTEN_KEY, Refusal

_VALID_NS: Final = HOUR_NS


class ListenKeys:
    """Knows the key that is valid now."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._memory: dict[str, Any] = floor.memory.setdefault("listen_key", {"count": 0, "key": "", "ends_ns": 0})

    def start(self) -> Any:
        """Answer `POST listenKey`: the one there is, and it is good for an hour again."""
        if not self.is_valid(self._memory["key"]):
            self._memory["count"] += 1
            self._memory["key"] = hashlib.sha256(f"listen {self._memory['count']}".encode()).hexdigest()
        self._memory["ends_ns"] = self._floor.now_ns + _VALID_NS
        return {"listenKey": self._memory["key"]}

    def renew(self) -> Any:
        """Answer `PUT listenKey`; raises Refusal without a valid one."""
        if not self.is_valid(self._memory["key"]):
            raise Refusal(*NO_LISTEN_KEY)
        return self.start()

    def end(self) -> Any:
        """Answer `DELETE listenKey`."""
        self._memory["ends_ns"] = 0
        return {}

    def is_valid(self, key: str) -> bool:
        """Whether a stream of this key tells anything."""
        return bool(key) and key == self._memory["key"] and self._floor.now_ns < self._memory["ends_ns"]

    @property
    def ends_ns(self) -> int:
        """Return when the key becomes void."""
        ends_ns: int = self._memory["ends_ns"]
        return ends_ns
