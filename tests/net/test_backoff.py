from __future__ import annotations

import asyncio
import random

import pytest

from arb.api import BadResponse, ConnectFailed, OutcomeUnknown, Rejected
from arb.model import HOUR_NS, SECOND_NS
from arb.net import Backoff, ServerTime, until_answered
from arb.testing import START_NS, FakeClock, FakeContext


def test_waits_double_up_to_the_most_and_begin_anew_after_a_success() -> None:
    backoff = Backoff(random.Random(1), first_ns=SECOND_NS, most_ns=8 * SECOND_NS)  # noqa: TID251 - a test's chance
    for whole in (1, 2, 4, 8, 8, 8):
        assert whole * SECOND_NS // 2 <= backoff.next_ns() <= whole * SECOND_NS
    backoff.reset()
    assert backoff.next_ns() <= SECOND_NS


def test_two_clients_do_not_come_back_in_step() -> None:
    one, other = (Backoff(random.Random(seed)) for seed in (1, 2))  # noqa: TID251 - a test's chance
    assert [one.next_ns() for _ in range(5)] != [other.next_ns() for _ in range(5)]


def test_hundreds_of_failures_wait_no_longer_than_the_most() -> None:
    backoff = Backoff(random.Random(1), most_ns=60 * SECOND_NS)  # noqa: TID251 - a test's chance
    assert max(backoff.next_ns() for _ in range(500)) <= 60 * SECOND_NS


def test_a_venue_is_asked_until_it_answers() -> None:
    async def run() -> None:
        clock = FakeClock()
        answers: list[Exception | str] = [ConnectFailed("down"), OutcomeUnknown("lost"), BadResponse("?"), "BTC"]

        async def ask() -> str:
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        asking = asyncio.create_task(until_answered(FakeContext(clock=clock), ask))
        await clock.run_for(10 * SECOND_NS)
        assert await asking == "BTC"
        answers.append(Rejected("no"))
        with pytest.raises(Rejected):
            await until_answered(FakeContext(clock=clock), ask)

    asyncio.run(run())


def test_the_quickest_answer_tells_the_offset_and_its_error() -> None:
    clock = FakeClock()
    time = ServerTime(clock)
    assert (time.offset_ns, time.error_ns, time.now_ns()) == (0, None, START_NS)
    ahead = 700
    for trip, late in ((1000, 900), (100, 40), (5000, 100)):
        # The server read its clock `late` after we sent.
        time.add(clock.now_ns() + late + ahead, sent_ns=clock.now_ns(), received_ns=clock.now_ns() + trip)
    assert time.error_ns == 50
    assert abs(time.offset_ns - ahead) <= 50


def test_an_old_sample_gives_way_to_a_newer_one_however_slow() -> None:
    clock = FakeClock()
    time = ServerTime(clock)
    time.add(START_NS, sent_ns=START_NS, received_ns=START_NS)
    clock.advance(3600 * SECOND_NS)
    now_ns = clock.now_ns()
    time.add(now_ns + 10_000, sent_ns=now_ns, received_ns=now_ns + 2000)
    assert time.offset_ns == 9_000


@pytest.mark.parametrize("server_ns", [START_NS * 1000, START_NS // 1000, START_NS + 16 * HOUR_NS, 0, -1])
def test_a_time_that_cannot_be_true_is_no_sample(server_ns: int) -> None:
    clock = FakeClock()
    time = ServerTime(clock)
    time.add(START_NS + 7, sent_ns=START_NS, received_ns=START_NS)
    with pytest.raises(ValueError, match="apart"):
        time.add(server_ns, sent_ns=START_NS, received_ns=START_NS)
    assert time.offset_ns == 7
