"""The way between one process and one venue: every call is a request that travels, an effect, and an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from arb.api import ConnectFailed, ExchangeError, InMaintenance, OutcomeUnknown

from ._chance import Chance
from ._counter import Counter
from ._fate import CHANGING, CallFacts, Fate

if TYPE_CHECKING:
    from ._process import Process

T = TypeVar("T")
Work = Callable[[Fate], Any]
"""What the venue does when a request arrives; it gets the fate of its call."""


class Wire:
    """Calls of one process. A request that has left goes on when the process is dead."""

    def __init__(self, process: Process, counter: Counter) -> None:
        self.process = process
        self.counter = counter
        self._world = process.world

    async def call(self, operation: str, subject: str, work: Work) -> Any:
        """Return the venue's answer, or raise what the client is told.

        Args:
            operation: The method of the exchange.
            subject: What it is about, for the log.
            work: Done at the venue when the request arrives.
        """
        self.process.step(f"{self.counter.name} {operation}")
        counter, world = self.counter, self._world
        call = self._facts(operation)
        fate = world.fates.fate(call)
        label = f"{operation}#{call.count}{f' {subject}' if subject else ''}"
        if fate.kind is not None:
            world.fault(fate.kind, counter.name, label)
        outage = counter.outage(call.now_ns)
        if outage is not None and not outage.maintenance:
            fate = Fate(request_ns=None, error=_lost_before, fails_ns=max(1, fate.answer_ns))
        answer: asyncio.Future[Any] = world.loop.create_future()
        _Journey(self, label, fate, answer, work, changing=operation in CHANGING).begin()
        result = await answer
        self.process.step(f"{counter.name} {operation} answered")
        if not fate.shuffle:
            return result
        return _rows(result, fate, Chance(world.seed, "rows", counter.name, operation, call.count))

    def _facts(self, operation: str) -> CallFacts:
        counter = self.counter
        return CallFacts(
            venue=counter.name,
            operation=operation,
            count=counter.count(operation),
            now_ns=self._world.now_ns(),
            order_validity_ns=counter.traits.order_validity_ns,
            read_delay_ns=counter.traits.read_after_write_ns,
        )


class _Journey:
    """One call under way."""

    def __init__(
        self, wire: Wire, label: str, fate: Fate, answer: asyncio.Future[Any], work: Work, *, changing: bool
    ) -> None:
        self._wire = wire
        self._world = wire.process.world
        self._label = label
        self._fate = fate
        self._answer = answer
        self._work = work
        self._changing = changing

    def begin(self) -> None:
        """Put the request on its way, and the failure that the client is told in spite of it."""
        loop, now_ns, fate, counter = self._world.loop, self._world.now_ns(), self._fate, self._wire.counter
        if fate.request_ns is not None:
            counter.under_way += self._changing
            if fate.kind is None and not counter.under_way:
                # Nothing can happen to the account meanwhile: the whole way is spent on the answer.
                self._arrive(fate.request_ns)
            else:
                loop.call_at_ns(now_ns + fate.request_ns, self._arrive)
        if fate.error is not None and not fate.hangs:
            loop.call_at_ns(now_ns + fate.fails_ns, self._fail)
        if fate.hangs:
            self._world.hung.append(self._fail)

    def _arrive(self, early_ns: int = 0) -> None:
        counter = self._wire.counter
        counter.under_way -= self._changing
        outage = counter.outage(self._world.now_ns())
        if outage is not None and outage.maintenance:
            refusal = InMaintenance("the venue is in maintenance", exchange=counter.name, code="maintenance")
            self._back(refusal, early_ns)
            return
        try:
            result = self._work(self._fate)
        except ExchangeError as error:
            self._back(error, early_ns)
        except Exception as error:  # a venue that breaks is the simulator's fault, not a plugin's
            self._world.broke(error)
        else:
            self._back(result, early_ns)

    def _back(self, result: Any, early_ns: int) -> None:
        """Let the answer travel, unless the client is told something else."""
        what = f"{type(result).__name__} {result.code}" if isinstance(result, ExchangeError) else "done"
        self._world.log.add(self._wire.counter.name, f"{self._label} {what}")
        if self._fate.error is None and not self._fate.hangs:
            loop = self._world.loop
            loop.call_at_ns(self._world.now_ns() + early_ns + self._fate.answer_ns, self._deliver, result)

    def _deliver(self, result: Any) -> None:
        outage = self._wire.counter.outage(self._world.now_ns())
        if outage is not None and not outage.maintenance:
            name = self._wire.counter.name
            result = OutcomeUnknown("the connection broke before the answer", exchange=name, code="connection_lost")
        if self._answer.done():
            return
        if isinstance(result, BaseException):
            self._answer.set_exception(result)
            self._answer.exception()  # a process that died does not fetch it
        else:
            self._answer.set_result(result)

    def _fail(self) -> None:
        if self._fate.error is None or self._answer.done():
            return
        error = self._fate.error(self._wire.counter.name)
        self._world.log.add(self._wire.counter.name, f"{self._label} client sees {type(error).__name__}")
        if isinstance(error, asyncio.CancelledError):
            self._answer.cancel()
        else:
            self._answer.set_exception(error)
            self._answer.exception()


def _lost_before(venue: str) -> BaseException:
    return ConnectFailed("the connection is down", exchange=venue, code="no_connection")


def _rows(result: Any, fate: Fate, chance: Chance) -> Any:
    """Return a listing as this answer shows it: in another order, some rows twice."""
    if not isinstance(result, Sequence) or isinstance(result, str):
        return result
    rows = list(result)
    if fate.repeat and rows:
        rows += [rows[chance.below(len(rows))] for _ in range(chance.between(1, 2))]
    chance.shuffle(rows)
    return rows
