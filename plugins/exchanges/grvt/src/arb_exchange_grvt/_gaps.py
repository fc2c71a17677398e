"""What the streams of an account may not have told."""

from __future__ import annotations

from collections.abc import Sequence

from arb.model import Fill, Order
from arb.net import Connected

from ._hub import Heard, Subscribed, Topic


class Gaps:
    """Where what was heard of the account has gaps, and since when its fills are not known.

    Attributes:
        began_ns: When the watch began, by the venue's clock: no fill of before is told.
        covered_ns: Until when every fill is known, by the venue's clock; None before the first read.
    """

    def __init__(self, orders: Topic, fills: Topic) -> None:
        """Know nothing yet."""
        self._orders = orders
        self._fills = fills
        self._last: dict[Topic, int] = {}
        self._is_hearing = False
        self.began_ns: int | None = None
        self.covered_ns: int | None = None

    def read(self, topic: Topic, now_ns: int) -> None:
        """Note that what may be missing of a topic was read, and when that began."""
        self.began_ns = now_ns if self.began_ns is None else self.began_ns
        if topic == self._fills:
            self.covered_ns = now_ns

    def tells(self, one: Order | Fill, now_ns: int) -> None:
        """Note what the venue tells: until a fill of a stream that it has confirmed, every fill is known."""
        if isinstance(one, Fill) and self._is_hearing and self.covered_ns is not None:
            self.covered_ns = max(self.covered_ns, min(one.ts_event_ns, now_ns))

    def after(self, heard: Heard) -> Sequence[Topic]:
        """Return of which topics something may be missing after this, which is heard."""
        if isinstance(heard, Connected):
            self._last.clear()
            self._is_hearing = False
            return self._orders, self._fills
        if isinstance(heard, Subscribed):
            self._last.pop(heard.topic, None)
            self._is_hearing = self._is_hearing or heard.topic == self._fills
            return (heard.topic,)
        last, self._last[heard.topic] = self._last.get(heard.topic), heard.sequence
        # Numbers go by one: what is missing between two is read.
        is_gap = last is not None and heard.sequence != 0 and heard.previous > last
        return (self._orders, self._fills) if is_gap else ()
