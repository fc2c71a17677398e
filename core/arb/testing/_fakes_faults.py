"""Scripted misbehaviour of a MemoryExchange."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from arb.api import Clock, ConnectFailed, DeadMansSwitch, MarketData, OutcomeUnknown, Rejected, Trading, TransferHistory
from arb.model import OrderBook


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong in one call.

    Attributes:
        error: Raised instead of an answer; None answers.
        after_effect: The venue does the work first and the answer is lost.
        delay_ns: By the exchange's clock, before the work.
        fill_limit: For `send_order`: the book gives at most so many contracts.
        book: For `fetch_order_book`: what is answered, whatever was asked.
    """

    error: Exception | None = None
    after_effect: bool = False
    delay_ns: int = 0
    fill_limit: Decimal | None = None
    book: OrderBook | None = None

    @classmethod
    def not_sent(cls) -> Fault:
        """Nothing left: ConnectFailed."""
        return cls(error=ConnectFailed("scripted: no connection"))

    @classmethod
    def rejected(cls, code: str = "scripted") -> Fault:
        """The venue refuses."""
        return cls(error=Rejected("scripted: refused", code=code))

    @classmethod
    def unknown_before(cls) -> Fault:
        """The answer is lost, and the request had no effect."""
        return cls(error=OutcomeUnknown("scripted: no answer"))

    @classmethod
    def unknown_after(cls) -> Fault:
        """The answer is lost, but the venue did the work."""
        return cls(error=OutcomeUnknown("scripted: no answer"), after_effect=True)

    @classmethod
    def partial_fill(cls, quantity: Decimal | int | str) -> Fault:
        """The order meets only `quantity` contracts; zero leaves it unfilled."""
        return cls(fill_limit=Decimal(quantity))


_NO_FAULT = Fault()


_OPERATIONS: Final = frozenset(
    name
    for protocol in (MarketData, Trading, DeadMansSwitch, TransferHistory)
    for name in vars(protocol)
    if not name.startswith("_")
)


class Faults:
    """The script: by operation name, such as `send_order` or `fetch_order_book`.

    Attributes:
        calls: How often each operation was called, failed calls included.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._once: dict[str, deque[Fault | None]] = {}
        self._always: dict[str, Fault] = {}
        self.calls: Counter[str] = Counter()

    def once(self, operation: str, *faults: Fault | None) -> None:
        """Script the next calls in order; None lets one pass. Raises ValueError for what can never happen."""
        for fault in faults:
            _check(operation, fault)
        self._once.setdefault(operation, deque()).extend(faults)

    def always(self, operation: str, fault: Fault | None) -> None:
        """Script every call that `once` does not; None ends it. Raises ValueError as `once` does."""
        _check(operation, fault)
        self._always.pop(operation, None)
        if fault is not None:
            self._always[operation] = fault

    async def read(self, operation: str) -> Fault:
        """Count a call that changes nothing, wait, and raise what is scripted."""
        fault = await self.begin(operation)
        self.end(fault)
        return fault

    async def begin(self, operation: str) -> Fault:
        """Count a call that changes something, wait, and raise what comes before the work."""
        self.calls[operation] += 1
        queue = self._once.get(operation)
        fault = (queue.popleft() if queue else self._always.get(operation)) or _NO_FAULT
        if fault.delay_ns:
            await self._clock.sleep_until(self._clock.now_ns() + fault.delay_ns)
        if fault.error is not None and not fault.after_effect:
            raise fault.error.with_traceback(None)
        return fault

    @staticmethod
    def end(fault: Fault) -> None:
        """Raise what comes after the work."""
        if fault.error is not None:
            raise fault.error.with_traceback(None)


def _check(operation: str, fault: Fault | None) -> None:
    if operation not in _OPERATIONS:
        raise ValueError(f"an exchange has no operation {operation!r}: it would never fail")
    if fault is not None and fault.fill_limit is not None and operation != "send_order":
        raise ValueError(f"a fill limit has no effect on {operation}")
    if fault is not None and fault.book is not None and operation != "fetch_order_book":
        raise ValueError(f"a book has no effect on {operation}")
