"""What the venue remembers beyond the account, for as long as the ground's memory lives."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from arb.api import FakeGround

from ._keys import API_KEY_INDEX

_FIRST_NONCE: Final = 1
_KEPT_TRADES: Final = 500


@dataclass(slots=True)
class Placed:
    """What an order row shows and the ground does not keep."""

    nonce: int
    created_ns: int
    expiry_ms: int
    kind: str


@dataclass(slots=True)
class Memory:
    """Of one venue.

    Attributes:
        nonces: The next one by key slot.
        placed: By client order id on the ground.
        refused: Rows of orders that were queued and then refused; the ground never had them.
        fractions: Initial margin that was set, by market.
        transactions: Rows of `tx` by hash.
        book_nonces: The last one told, by market.
        public_trades: The last ones by market, newest last.
        counter: Numbers of public trades and of orders without a client index.
    """

    nonces: dict[int, int] = field(default_factory=lambda: {API_KEY_INDEX: _FIRST_NONCE})
    placed: dict[str, Placed] = field(default_factory=dict)
    refused: list[dict[str, Any]] = field(default_factory=list)
    fractions: dict[int, int] = field(default_factory=dict)
    transactions: dict[str, dict[str, Any]] = field(default_factory=dict)
    book_nonces: dict[int, int] = field(default_factory=dict)
    public_trades: dict[int, deque[dict[str, Any]]] = field(default_factory=dict)
    counter: int = 0

    def number(self) -> int:
        """Return a number never given before."""
        self.counter += 1
        return self.counter

    def trades_of(self, market_id: int) -> deque[dict[str, Any]]:
        """Return the last public trades of a market."""
        return self.public_trades.setdefault(market_id, deque(maxlen=_KEPT_TRADES))

    def book_nonce(self, market_id: int, *, advance: bool) -> int:
        """Return the nonce of a book, of the next change with `advance`."""
        nonce = self.book_nonces.get(market_id, 9_000_000_000) + (1 if advance else 0)
        self.book_nonces[market_id] = nonce
        return nonce


def memory_of(ground: FakeGround) -> Memory:
    """Return the venue's memory, made when the venue is opened first."""
    found = ground.memory.setdefault("lighter", Memory())
    assert isinstance(found, Memory)
    return found
