"""An asyncio loop whose time is a number of its own.

asyncio keeps deadlines as float seconds, which lose nanoseconds within days. This loop keeps its
timers itself, as integers, and asyncio's own timer heap stays empty. Time moves in one place only,
the wait of the selector when no callback is ready: to the next deadline, exactly. So a task that
sleeps until T finds T on the clock, whatever its callbacks cost.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import selectors
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from contextvars import Context
from typing import Any, Final, TypeVar, TypeVarTuple

from arb.model import SECOND_NS

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

Hook = Callable[[], None]
Shuffle = Callable[[list[Any]], None]

_POLL_EVERY: Final = 32
"""Rounds of the loop between two looks at the wake-up pipe while nothing else is watched."""
_LONGEST_WAIT_S: Final = 3600.0


class _Timer(asyncio.TimerHandle):
    """asyncio's handle; its private mark tells whether it still waits in our heap."""

    __slots__ = ()
    _scheduled: bool


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time.

    Without `speed` time jumps to the next timer as soon as nothing is ready. With a speed of N,
    N virtual seconds take one real second, and a run that falls behind catches up; the order of
    timers and the times they see are the same at any speed. With no timer it waits for a signal,
    a thread or a file descriptor, and time stands still.

    Timers due at one instant fire in the order they were made, unless they are shuffled, and all of
    them before time moves on.
    A task that spins on `sleep(0)` until some later timer has fired never ends: time moves only
    when nothing is ready.
    """

    _ready: deque[asyncio.Handle]

    def __init__(
        self,
        *,
        start_ns: int,
        speed: float | None = None,
        shuffle: Shuffle | None = None,
        on_idle: Hook | None = None,
        on_turn: Hook | None = None,
    ) -> None:
        """Start at `start_ns`.

        What a hook raises ends the run; from then on no hook is asked, so that the loop can be closed.

        Args:
            shuffle: Permutes in place the timers that are due at one instant, such as the method of a
                seeded `random.Random`; without it they fire in the order they were made.
            on_idle: Called whenever nothing is ready, right before time moves on. What it makes ready
                runs first; then it is called again.
            on_turn: Called once a turn, before the callbacks that are ready by then.

        Raises:
            ValueError: `speed` is not a finite number above zero.
        """
        self._start_ns = start_ns
        self._now_ns = start_ns
        self._speed = speed
        self._shuffle = shuffle
        self._on_idle = on_idle
        self._on_turn = on_turn
        self._timers: list[tuple[int, int, _Timer]] = []
        self._timers_made = 0
        self._timers_cancelled = 0
        self._holds = 0
        self._origin: tuple[int, int] | None = None
        super().__init__(_VirtualSelector(self._wait, None if on_turn is None else self._turn))
        if speed is not None and not (math.isfinite(speed) and speed > 0):
            self.close()
            raise ValueError(f"speed must be a finite number above zero, or None for no waiting; not {speed!r}")

    def now_ns(self) -> int:
        """Return the virtual time, nanoseconds since the Unix epoch."""
        return self._now_ns

    def time(self) -> float:
        """Return virtual seconds since the start: asyncio's own scale, good for relative delays only."""
        return (self._now_ns - self._start_ns) / SECOND_NS

    @contextmanager
    def time_held(self) -> Iterator[None]:
        """Keep time standing still inside the block, while something real such as a thread is awaited."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1

    def call_at_ns(
        self,
        when_ns: int,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call `callback(*args)` when `now_ns() == when_ns`; next, when that is not in the future."""
        if self.is_closed():
            raise RuntimeError("Event loop is closed")
        handle = _Timer((when_ns - self._start_ns) / SECOND_NS, callback, args, self, context)
        if when_ns <= self._now_ns:
            self._ready.append(handle)
        else:
            handle._scheduled = True
            self._timers_made += 1
            heapq.heappush(self._timers, (when_ns, self._timers_made, handle))
        return handle

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call at `when` seconds of `time()`, rounded to the nanosecond; at infinity never."""
        if when == math.inf:
            return _Timer(when, callback, args, self, context)
        return self.call_at_ns(self._start_ns + _to_ns(when), callback, *args, context=context)

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call after `delay` seconds, rounded to the nanosecond; after infinitely many never."""
        if delay == math.inf:
            return _Timer(delay, callback, args, self, context)
        return self.call_at_ns(self._now_ns + _to_ns(delay), callback, *args, context=context)

    def run_in_executor(self, executor: Any, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Run `func` in a thread; it takes no virtual time, since time stands still until it is done."""
        future: asyncio.Future[T] = super().run_in_executor(executor, func, *args)
        self._holds += 1
        future.add_done_callback(self._release_hold)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncio's
        """Join the threads; a virtual `timeout` would end at once, so there is none."""
        with self.time_held():
            await super().shutdown_default_executor()

    def _release_hold(self, _: asyncio.Future[Any]) -> None:
        self._holds -= 1

    def _timer_handle_cancelled(self, handle: _Timer) -> None:
        """Drop cancelled timers once they are the majority (asyncio calls this from `cancel`)."""
        if not handle._scheduled:
            return
        self._timers_cancelled += 1
        if self._timers_cancelled > 100 and self._timers_cancelled * 2 > len(self._timers):
            self._timers = [entry for entry in self._timers if not entry[2].cancelled()]
            heapq.heapify(self._timers)
            self._timers_cancelled = 0

    def _wait(self, select: _Select) -> list[_Ready]:
        """Move time on, since nothing is ready; `select` waits for real events for some seconds."""
        self._drop_cancelled()
        if not self._timers or self._holds:
            return self._selected(select, None)
        if self._speed is None:
            events = select(0)
            if not events and (self._on_idle is None or self._still_idle(self._on_idle)):
                self._move_to(self._timers[0][0])
            return events
        wait_s = (self._due_real_ns(self._timers[0][0]) - time.monotonic_ns()) / SECOND_NS
        events = self._selected(select, min(max(wait_s, 0.0), _LONGEST_WAIT_S))
        due = not events and wait_s <= _LONGEST_WAIT_S
        if due and (self._on_idle is None or self._still_idle(self._on_idle)):
            self._move_to(self._timers[0][0])
        return events

    def _selected(self, select: _Select, timeout_s: float | None) -> list[_Ready]:
        events = select(timeout_s)
        if events and self._speed is not None:
            self._catch_up()
        return events

    def _catch_up(self) -> None:
        """Take the real time passed into account when something real has woken the loop."""
        anchor_real, anchor_virtual = self._anchor()
        now = anchor_virtual + int((time.monotonic_ns() - anchor_real) * (self._speed or 1))
        if self._timers:
            now = min(now, self._timers[0][0])
        if now > self._now_ns and not self._holds:
            self._move_to(now)

    def _anchor(self) -> tuple[int, int]:
        """Return a moment as (real, virtual): the first wait of the run."""
        if self._origin is None:
            self._origin = (time.monotonic_ns(), self._now_ns)
        return self._origin

    def _due_real_ns(self, when_ns: int) -> int:
        anchor_real, anchor_virtual = self._anchor()
        return anchor_real + int((when_ns - anchor_virtual) / (self._speed or 1))

    def _still_idle(self, on_idle: Hook) -> bool:
        """Ask the hook; return whether time may move on to the next timer, if there still is one."""
        self._ask(on_idle)
        self._drop_cancelled()
        return not self._ready and not self._holds and bool(self._timers)

    def _turn(self) -> bool:
        """Ask the hook of every turn; return whether anything is ready, now that it was asked."""
        if self._on_turn is not None:
            self._ask(self._on_turn)
        return bool(self._ready)

    def _ask(self, hook: Hook) -> None:
        try:
            hook()
        except BaseException:
            self._on_idle = self._on_turn = None
            raise

    def _move_to(self, when_ns: int) -> None:
        """Set the time and queue what is due, in another order where one is asked for: here, and here only."""
        self._now_ns = when_ns
        timers, before = self._timers, len(self._ready)
        while timers and timers[0][0] <= when_ns:
            handle = heapq.heappop(timers)[2]
            handle._scheduled = False
            if handle.cancelled():
                self._timers_cancelled -= 1
            else:
                self._ready.append(handle)
        if self._shuffle is not None and len(self._ready) - before > 1:
            due = [self._ready.pop() for _ in range(len(self._ready) - before)][::-1]
            self._shuffle(due)
            self._ready.extend(due)

    def _drop_cancelled(self) -> None:
        """Forget cancelled timers at the head: time must not move for them."""
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
            self._timers_cancelled -= 1


def run_virtual(
    main: Coroutine[Any, Any, T],
    *,
    start_ns: int,
    speed: float | None = None,
    shuffle: Shuffle | None = None,
    on_idle: Hook | None = None,
    on_turn: Hook | None = None,
) -> T:
    """Run `main` on a new loop in virtual time as :func:`asyncio.run` would, and close the loop.

    The arguments are those of :class:`VirtualTimeLoop`. What a hook raises comes out of here; before
    that the tasks that are left are cancelled and may clean up.

    Raises:
        ValueError: `speed` is not a finite number above zero.
    """

    def loop() -> VirtualTimeLoop:
        return VirtualTimeLoop(start_ns=start_ns, speed=speed, shuffle=shuffle, on_idle=on_idle, on_turn=on_turn)

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(main)


def _to_ns(seconds: float) -> int:
    return round(seconds * SECOND_NS)


_Ready = tuple[selectors.SelectorKey, int]
_Select = Callable[[float | None], list[_Ready]]


class _VirtualSelector(selectors.BaseSelector):
    """Asks `wait` to pass the time whenever the loop has nothing to do."""

    def __init__(self, wait: Callable[[_Select], list[_Ready]], on_turn: Callable[[], bool] | None) -> None:
        self._real = selectors.DefaultSelector()
        self._wait = wait
        self._on_turn = on_turn
        self._rounds = 0

    def select(self, timeout: float | None = None) -> list[_Ready]:
        if self._on_turn is not None and self._on_turn():
            timeout = 0  # a hook may have found work for an idle loop
        return self._poll(0) if timeout is not None else self._wait(self._poll)

    def _poll(self, timeout: float | None) -> list[_Ready]:
        # A poll is a system call: with only the loop's own wake-up pipe to watch, most are left out.
        if timeout == 0 and len(self._real.get_map()) <= 1:
            self._rounds += 1
            if self._rounds % _POLL_EVERY:
                return []
        return self._real.select(timeout)

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.get_key(fileobj)
