"""What the fake remembers beyond the account: it lives in the ground's memory, and outlives every client."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from arb.api import Clock
from arb.model import DAY_NS, MILLISECOND_NS, MINUTE_NS

from ._keys import AGENT_ADDRESS, MASTER_ADDRESS
from ._rules import WEIGHT_A_MINUTE

KEPT_NONCES: Final = 100
FIRST_ACTIONS: Final = 10_000
SWITCHES_A_DAY: Final = 10
_FIRST_OID: Final = 90_000_000_000
_PAST_NS: Final = 2 * DAY_NS
_AHEAD_NS: Final = DAY_NS


class State:
    """The memory of one venue.

    A test may put some of it into the ground's memory beforehand:

    * `roles`: answers to `userRole` by address;
    * `account`: whose address has the account, and `abstraction`: how it keeps its balances;
    * `sources`: the networks whose signatures are taken, `a` and `b`; both, unless a test says so, since the
      official SDK signs for testnet wherever it is not on mainnet's address;
    * `dex_of`: assets that stand on a builder's dex;
    * `has_delisted`: one coin more, which is not traded any longer.
    """

    def __init__(self, memory: dict[str, Any], clock: Clock) -> None:
        self._clock = clock
        self.roles: dict[str, dict[str, Any]] = memory.setdefault(
            "roles",
            {
                MASTER_ADDRESS: {"role": "user"},
                AGENT_ADDRESS: {"role": "agent", "data": {"user": MASTER_ADDRESS}},
            },
        )
        memory.setdefault("abstraction", "default")
        self.sources: str = memory.setdefault("sources", "ab")
        self.has_delisted: bool = memory.setdefault("has_delisted", False)
        self._memory = memory
        self.dex_of: dict[str, str] = memory.setdefault("dex_of", {})
        self.placed: dict[str, int] = memory.setdefault("placed", {})
        self.account: str = memory.setdefault("account", MASTER_ADDRESS)
        self._nonces: dict[str, list[int]] = memory.setdefault("nonces", {})
        self._weights: deque[tuple[int, int]] = memory.setdefault("weights", deque())
        self._oids: dict[str, int] = memory.setdefault("oids", {})
        self._names: dict[int, str] = memory.setdefault("names", {})
        self._cloids: dict[str, str] = memory.setdefault("cloids", {})
        self._switch: dict[str, int] = memory.setdefault("switch", {})
        self._actions: list[int] = memory.setdefault("actions", [0])

    @property
    def abstraction(self) -> str:
        """Return how the account keeps its balances."""
        return str(self._memory["abstraction"])

    @property
    def now_ms(self) -> int:
        """Return the venue's time."""
        return self._clock.now_ns() // MILLISECOND_NS

    def spend(self, weight: int) -> bool:
        """Count a request of this weight; return whether it is within the limit of an address."""
        now_ns = self._clock.now_ns()
        while self._weights and self._weights[0][0] + MINUTE_NS <= now_ns:
            self._weights.popleft()
        if sum(each for _, each in self._weights) + weight > WEIGHT_A_MINUTE:
            return False
        self._weights.append((now_ns, weight))
        return True

    def nonce_problem(self, signer: str, nonce: int) -> str:
        """Use a nonce; return what is wrong with it, in the venue's words, or nothing."""
        used = self._nonces.setdefault(signer, [])
        now_ns, nonce_ns = self._clock.now_ns(), nonce * MILLISECOND_NS
        if nonce_ns < now_ns - _PAST_NS:
            return f"Invalid nonce: nonce too low {nonce} < {(now_ns - _PAST_NS) // MILLISECOND_NS}"
        if nonce_ns > now_ns + _AHEAD_NS:
            return f"Invalid nonce: nonce too high {nonce} > {(now_ns + _AHEAD_NS) // MILLISECOND_NS}"
        if nonce in used:
            return f"Invalid nonce: duplicate nonce {nonce}"
        if len(used) >= KEPT_NONCES and nonce < used[0]:
            return f"Invalid nonce: nonce too low {nonce} < {used[0]}"
        used.append(nonce)
        used.sort()
        del used[:-KEPT_NONCES]
        return ""

    def count_actions(self, count: int) -> int:
        """Count actions of the account; return how many there were."""
        self._actions[0] += count
        return self._actions[0]

    def oid(self, name: str) -> int:
        """Return the venue's number of an order of the ground."""
        if name not in self._oids:
            self._oids[name] = number = _FIRST_OID + 17 * (len(self._oids) + 1)
            self._names[number] = name
        return self._oids[name]

    def name_of_oid(self, oid: int) -> str | None:
        """Return the ground's name of an order."""
        return self._names.get(oid)

    def new_name(self, cloid: str | None) -> str:
        """Return a name that the ground does not know yet: the venue lets a cloid be used again."""
        digits = "" if cloid is None else cloid[2:]
        name = digits if digits and digits not in self._oids else f"order{len(self._oids) + 1}"
        self.oid(name)
        if cloid is not None:
            self._cloids[name] = cloid
        return name

    def cloid(self, name: str) -> str | None:
        """Return the client order id of an order."""
        return self._cloids.get(name)

    def name_of_cloid(self, cloid: str) -> str | None:
        """Return the newest order of a cloid."""
        return next((name for name, each in reversed(self._cloids.items()) if each == cloid), None)

    def set_switch(self, time_ms: int | None) -> bool:
        """Remember when the dead man's switch acts; return False when it has acted too often today."""
        due = self._switch.pop("due", None)
        today = str(self.now_ms * MILLISECOND_NS // DAY_NS)
        if due is not None and due <= self.now_ms:
            self._switch[today] = self._switch.get(today, 0) + 1
        if self._switch.get(today, 0) >= SWITCHES_A_DAY:
            return False
        if time_ms is not None:
            self._switch["due"] = time_ms
        return True
