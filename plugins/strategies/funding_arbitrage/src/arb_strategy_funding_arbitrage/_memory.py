"""What the strategy must remember across a restart: cooldowns, the cost budget, doubts about hedges."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Self

from arb.api import StateStore, StorageError
from arb.model import DAY_NS, ZERO, Hedge, HedgeId, InstrumentId

_KEY: Final = "memory"

CARRY: Final = "carry"
"""Doubt: staying no longer earns its charge."""

BETTER_USE: Final = "better_use"
"""Doubt: something else would earn clearly more."""


@dataclass(frozen=True, slots=True)
class Charge:
    """Cost that an entry was expected to cause. A failed entry is charged like any other."""

    ts_ns: int
    pair: str
    usd: Decimal


@dataclass(frozen=True, slots=True)
class Doubt:
    """Since when, without interruption, there is a reason to leave a hedge."""

    reason: str
    since_ns: int


@dataclass(slots=True)
class Memory:
    """State of the strategy; `save` makes it durable and is called before an intent is returned."""

    charges: list[Charge] = field(default_factory=list)
    blocked_until_ns: dict[str, int] = field(default_factory=dict)
    doubts: dict[str, Doubt] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)
    _saved: str = ""

    @classmethod
    async def load(cls, store: StateStore, owner: str) -> Self:
        """Return what was saved last, or an empty memory.

        Raises:
            StorageError: what is stored cannot be read; cooldowns and budget would be lost.
        """
        text = await store.get(_KEY)
        if text is None:
            return cls()
        try:
            return cls._from(json.loads(text), text)
        except (ValueError, TypeError, KeyError, AttributeError, InvalidOperation) as error:
            raise StorageError(
                f"strategy {owner}: the stored state under key '{_KEY}' cannot be read ({error}); "
                "delete it to start without cooldowns and with a full cost budget"
            ) from error

    async def save(self, store: StateStore) -> None:
        """Store the memory if it changed."""
        text = json.dumps(
            {
                "version": 1,
                "charges": [[charge.ts_ns, charge.pair, str(charge.usd)] for charge in self.charges],
                "blocked_until_ns": self.blocked_until_ns,
                "doubts": {hedge: [doubt.reason, doubt.since_ns] for hedge, doubt in self.doubts.items()},
                "known": self.known,
            },
            sort_keys=True,
        )
        if text != self._saved:
            await store.put(_KEY, text)
            self._saved = text

    @classmethod
    def _from(cls, data: Any, text: str) -> Self:
        if data["version"] != 1:
            raise ValueError(f"it has version {data['version']}, this plugin reads version 1")
        return cls(
            charges=[Charge(int(ts_ns), str(pair), Decimal(usd)) for ts_ns, pair, usd in data["charges"]],
            blocked_until_ns={str(pair): int(ts_ns) for pair, ts_ns in data["blocked_until_ns"].items()},
            doubts={str(key): Doubt(str(reason), int(ts_ns)) for key, (reason, ts_ns) in data["doubts"].items()},
            known={str(key): str(pair) for key, pair in data["known"].items()},
            _saved=text,
        )

    def see(self, hedges: Iterable[Hedge], now_ns: int, cooldown_ns: int) -> None:
        """Compare with the hedges that exist; the pair of one that is gone cools down."""
        present = {str(hedge.id): pair_of(leg.instrument for leg in hedge.legs) for hedge in hedges}
        for hedge, pair in self.known.items():
            if hedge not in present:
                self.blocked_until_ns[pair] = now_ns + cooldown_ns
                self.doubts.pop(hedge, None)
        self.known = present
        self.charges = [charge for charge in self.charges if charge.ts_ns > now_ns - DAY_NS]
        self.blocked_until_ns = {pair: until for pair, until in self.blocked_until_ns.items() if until > now_ns}

    def is_blocked(self, pair: str) -> bool:
        """Return whether a pair is cooling down; `see` has dropped what is over."""
        return pair in self.blocked_until_ns

    def spent_usd(self, pair: str | None = None) -> Decimal:
        """Return what was charged in the last 24 hours, for one pair or for all."""
        return sum((charge.usd for charge in self.charges if pair is None or charge.pair == pair), ZERO)

    def enter(self, pair: str, usd: Decimal, now_ns: int, cooldown_ns: int) -> None:
        """Charge an entry; the pair cools down, so that a failing entry is not tried every cycle."""
        self.charges.append(Charge(now_ns, pair, usd))
        self.blocked_until_ns[pair] = now_ns + cooldown_ns

    def doubt(self, hedge: HedgeId, reason: str, now_ns: int) -> int:
        """Note a reason to leave a hedge and return for how long it has lasted."""
        held = self.doubts.get(hedge)
        if held is None or held.reason != reason:
            held = self.doubts[hedge] = Doubt(reason, now_ns)
        return now_ns - held.since_ns

    def settle(self, hedge: HedgeId, reason: str) -> None:
        """Forget a doubt for which there is no reason any more."""
        held = self.doubts.get(hedge)
        if held is not None and held.reason == reason:
            del self.doubts[hedge]

    def doubts_carry(self, hedge: HedgeId) -> bool:
        """Return whether the carry of a hedge is in doubt."""
        held = self.doubts.get(hedge)
        return held is not None and held.reason == CARRY


def pair_of(instruments: Iterable[InstrumentId]) -> str:
    """Return the key of a pair, the same whichever leg is long."""
    return "|".join(sorted(instruments))
