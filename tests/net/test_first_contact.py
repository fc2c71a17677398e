from __future__ import annotations

import asyncio

import pytest

from arb.api import (
    AuthenticationFailed,
    BadResponse,
    ClockRefused,
    ConfigError,
    ConnectFailed,
    OutcomeUnknown,
    Rejected,
)
from arb.cache import within
from arb.model import HOUR_NS, SECOND_NS
from arb.net import FirstContact
from arb.simulation import VirtualClock, run_virtual
from arb.testing import START_NS, FakeClock, FakeContext


class Venue:
    def __init__(self, *answers: Exception | None) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def check(self) -> None:
        self.asked += 1
        await FakeClock().sleep_until(0)
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer


def contact(venue: Venue) -> FirstContact:
    return FirstContact(FakeContext(), venue.check)


@pytest.mark.parametrize(
    "error", [ConnectFailed("down"), OutcomeUnknown("no answer"), BadResponse("html"), ClockRefused("too late")]
)
def test_a_venue_that_cannot_be_asked_is_asked_again_before_trading(error: Exception) -> None:
    async def case() -> None:
        venue = Venue(error, error)
        first = contact(venue)
        await first.at_opening()
        with pytest.raises(type(error)):
            await first.before_trading()
        await first.before_trading()
        await first.before_trading()
        assert venue.asked == 3

    asyncio.run(case())


@pytest.mark.parametrize("error", [ConfigError("a key that can withdraw"), AuthenticationFailed("no such key")])
def test_what_a_person_has_to_mend_ends_the_opening(error: Exception) -> None:
    async def case() -> None:
        with pytest.raises(type(error)):
            await contact(Venue(error)).at_opening()

    asyncio.run(case())


def test_a_wrong_configuration_that_shows_late_refuses_every_order() -> None:
    async def case() -> None:
        first = contact(Venue(ConnectFailed("down"), ConfigError("hedge mode"), ConfigError("hedge mode")))
        await first.at_opening()
        for _ in range(2):
            with pytest.raises(Rejected, match="hedge mode"):
                await first.before_trading()

    asyncio.run(case())


def test_callers_at_once_share_one_check() -> None:
    async def case() -> None:
        venue = Venue()
        first = contact(venue)
        await asyncio.gather(*(first.before_trading() for _ in range(5)))
        assert venue.asked == 1

    asyncio.run(case())


def test_a_check_that_takes_longer_than_anybody_waits_is_made_all_the_same() -> None:
    """An order waits two seconds; where reads have to wait their turn the check takes longer, and is not begun anew."""
    begun = 0

    async def case() -> None:
        clock = VirtualClock.of_running_loop()

        async def check() -> None:
            nonlocal begun
            begun += 1
            await clock.sleep_until(clock.now_ns() + 5 * SECOND_NS)

        first = FirstContact(FakeContext(clock=clock), check)
        waits = 0
        while True:
            try:
                await within(clock, 2 * SECOND_NS, first.before_trading())
                break
            except TimeoutError:
                waits += 1
        assert (waits, begun) == (2, 1)

    run_virtual(case(), start_ns=START_NS)


def test_a_check_ends_when_the_exchange_is_closed() -> None:
    async def case() -> None:
        clock = VirtualClock.of_running_loop()
        first = FirstContact(FakeContext(clock=clock), lambda: clock.sleep_until(clock.now_ns() + HOUR_NS))
        with pytest.raises(TimeoutError):
            await within(clock, SECOND_NS, first.at_opening())
        await first.close()
        assert len(asyncio.all_tasks()) == 1

    run_virtual(case(), start_ns=START_NS)
