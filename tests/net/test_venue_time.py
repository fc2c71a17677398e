"""A venue's clock: asked for in the background, waited for only where nothing can be signed without it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from arb.api import BadResponse, NotSent, OutcomeUnknown
from arb.model import HOUR_NS, MINUTE_NS, SECOND_NS
from arb.net import VenueTime
from arb.simulation import VirtualClock, run_virtual
from arb.testing import START_NS, FakeContext

AHEAD_NS = 30 * SECOND_NS


@dataclass
class Venue:
    """Tells its time after a while, or fails."""

    clock: VirtualClock
    takes_ns: int = SECOND_NS
    fails: bool = False
    ahead_ns: int = AHEAD_NS
    asked: int = 0
    time: VenueTime = field(init=False)

    def __post_init__(self) -> None:
        self.time = VenueTime(FakeContext(clock=self.clock), self._ask)

    async def _ask(self) -> None:
        self.asked += 1
        sent_ns = self.clock.now_ns()
        await self.sleep(self.takes_ns)
        if self.fails:
            raise OutcomeUnknown("no answer")
        self.time.told(self.clock.now_ns() + self.ahead_ns - self.takes_ns // 2, sent_ns=sent_ns)

    async def sleep(self, duration_ns: int) -> None:
        await self.clock.sleep_until(self.clock.now_ns() + duration_ns)

    async def takes(self, call: Callable[[], Awaitable[None]]) -> int:
        """Return for how long a call waits."""
        began_ns = self.clock.now_ns()
        await call()
        return self.clock.now_ns() - began_ns


def play(body: Callable[[Venue], Awaitable[None]]) -> None:
    async def main() -> None:
        venue = Venue(VirtualClock.of_running_loop())
        await body(venue)
        await venue.time.close()

    run_virtual(main(), start_ns=START_NS)


def test_the_first_waits_for_it_and_those_beside_wait_for_the_same() -> None:
    async def body(venue: Venue) -> None:
        assert venue.time.offset_ns == 0
        await asyncio.gather(venue.time.ready(), venue.time.required(), venue.time.ready())
        assert (venue.asked, venue.time.offset_ns) == (1, AHEAD_NS)
        assert venue.time.now_ns() == venue.clock.now_ns() + AHEAD_NS

    play(body)


def test_what_is_known_is_asked_for_again_in_the_background() -> None:
    async def body(venue: Venue) -> None:
        await venue.time.ready()
        venue.takes_ns, venue.ahead_ns = HOUR_NS, 0
        await venue.sleep(6 * MINUTE_NS)
        assert await venue.takes(venue.time.ready) == await venue.takes(venue.time.required) == 0
        await venue.sleep(0)
        assert venue.asked == 2

    play(body)


def test_after_a_refusal_it_is_waited_for_and_replaces_what_was_known() -> None:
    async def body(venue: Venue) -> None:
        await venue.time.ready()
        venue.takes_ns, venue.ahead_ns = 3 * SECOND_NS // 2, 0  # slower than the first, and yet the one that counts
        venue.time.doubt()
        assert await venue.takes(venue.time.ready) == 3 * SECOND_NS // 2
        assert venue.time.offset_ns == 0

    play(body)


def test_a_read_does_not_wait_again_right_after_a_try_that_failed() -> None:
    async def body(venue: Venue) -> None:
        venue.fails = True
        assert await venue.takes(venue.time.ready) == SECOND_NS
        assert await venue.takes(venue.time.ready) == 0
        await venue.sleep(11 * SECOND_NS)
        assert await venue.takes(venue.time.ready) == SECOND_NS

    play(body)


def test_a_time_that_was_refused_will_do_where_nothing_better_is_told() -> None:
    """A cancellation may be waiting, and the venue judges by its own clock."""

    async def body(venue: Venue) -> None:
        await venue.time.ready()
        venue.time.doubt()
        venue.takes_ns, venue.fails = 5 * SECOND_NS, True
        assert await venue.takes(venue.time.required) == 2 * SECOND_NS
        assert await venue.takes(venue.time.ready) == 0
        await venue.sleep(4 * SECOND_NS)
        assert await venue.takes(venue.time.required) == 0, "that it fails is known for ten seconds"

    play(body)


def test_a_bug_that_asks_for_it_is_a_time_that_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    async def body(venue: Venue) -> None:
        async def broken() -> None:
            raise KeyError("a field")

        time = VenueTime(FakeContext(clock=venue.clock), broken)
        with pytest.raises(NotSent, match="a field"):
            await time.required()
        await time.close()
        await time.ready()

    play(body)
    assert "Traceback" in caplog.text


def test_an_order_is_not_signed_by_a_time_that_nobody_told() -> None:
    async def body(venue: Venue) -> None:
        venue.fails = True
        for _ in range(2):
            with pytest.raises(NotSent, match="no answer"):
                await venue.time.required()
        venue.fails = False
        assert await venue.takes(venue.time.required) == SECOND_NS

    play(body)


def test_the_date_of_an_answer_tells_it_within_a_second() -> None:
    async def body(venue: Venue) -> None:
        venue.fails = True
        venue.time.dated({"date": "Thu, 01 Jan 2026 00:00:40 GMT"}, venue.clock.now_ns())
        await venue.time.required()
        assert abs(venue.time.offset_ns - 40 * SECOND_NS) <= SECOND_NS
        assert venue.time.not_before_ns() <= venue.clock.now_ns() + 40 * SECOND_NS

    play(body)


def test_where_histories_begin_is_as_early_as_it_can_be() -> None:
    async def body(venue: Venue) -> None:
        assert venue.time.not_before_ns() < venue.clock.now_ns() - 10 * HOUR_NS, "anything, while nothing is known"
        await venue.time.ready()
        assert venue.time.not_before_ns() == venue.time.now_ns() - SECOND_NS // 2

    play(body)


@pytest.mark.parametrize("told_ns", [-1, 0, START_NS + 24 * HOUR_NS])
def test_a_time_of_another_day_is_none(told_ns: int) -> None:
    async def body(venue: Venue) -> None:
        with pytest.raises(BadResponse):
            venue.time.told(told_ns, sent_ns=venue.clock.now_ns())
        assert venue.time.offset_ns == 0

    play(body)
