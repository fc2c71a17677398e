"""Nonces: rising and unique, also after a restart and for two clients of one user; and what the venue takes."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arb.api import AuthenticationFailed, HttpRequest, HttpResponse, OutcomeUnknown, UnknownOrder
from arb.model import SECOND_NS, OrderStatus
from arb.net import EvmKey
from arb.testing import Bench, BenchDesk, MemoryState
from arb_dialect_fapi.fake import Refusal
from arb_exchange_aster._nonces import FARTHEST_US, NonceLine, StoredNonces
from arb_exchange_aster._signing import AgentSigner
from arb_exchange_aster.fake import AGENT_SECRET, USER
from arb_exchange_aster.fake._auth import AsterAuth

NOW_US = 1_767_225_600_000_000
NONCE = re.compile(r"\bnonce=(\d+)")
ROW = {"agentAddress": EvmKey(AGENT_SECRET).address, "canPerpTrade": True, "expired": 4_102_444_800_000}


class CountedState(MemoryState):
    """Counts what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[int] = []

    async def put(self, key: str, value: str) -> None:
        self.writes.append(int(value))
        await super().put(key, value)


@given(st.lists(st.integers(min_value=0, max_value=FARTHEST_US - 200), max_size=100))
def test_nonces_rise_whatever_the_clock_does_within_the_window(steps: list[int]) -> None:
    line, found = NonceLine(), []
    for step in steps:
        found.append(line.next(NOW_US + step))
    assert found == sorted(set(found))
    assert all(0 <= nonce - NOW_US <= FARTHEST_US for nonce in found)


def test_a_nonce_is_the_venues_time_where_that_is_new() -> None:
    line = NonceLine()
    assert [line.next(NOW_US), line.next(NOW_US), line.next(NOW_US), line.next(NOW_US + 10)] == [
        NOW_US,
        NOW_US + 1,
        NOW_US + 2,
        NOW_US + 10,
    ]


def test_a_clock_that_was_an_hour_ahead_does_not_stop_an_account_for_an_hour() -> None:
    """The venue has taken none of those nonces; going on above them it would take none for an hour."""
    line = NonceLine()
    line.next(NOW_US + 3_600_000_000)
    assert line.next(NOW_US) == NOW_US
    assert line.next(NOW_US) == NOW_US + 1


def test_after_a_restart_nonces_go_on_above_the_last_one() -> None:
    async def main() -> None:
        state = MemoryState()
        before = NonceLine()
        stored = StoredNonces(before, state)
        used = []
        for number in range(2_000):
            now_us = NOW_US + number * 5_000
            await stored.reserve(now_us)
            used.append(before.next(now_us))
        after = NonceLine()
        again = StoredNonces(after, state)
        # The clock has gone back by two seconds in between.
        now_us = NOW_US + 10_000_000 - 2_000_000
        await again.reserve(now_us)
        first = after.next(now_us)
        assert first > max(used)
        assert first - now_us <= 4_000_100

    asyncio.run(main())


def test_what_is_stored_lies_above_every_nonce_before_that_is_used() -> None:
    async def main() -> None:
        state, line = CountedState(), NonceLine()
        stored = StoredNonces(line, state)
        for number in range(1_000):
            now_us = NOW_US + number * 20_000
            await asyncio.gather(stored.reserve(now_us), stored.reserve(now_us))
            assert line.next(now_us) < state.writes[-1]
        assert len(state.writes) < 15, "twenty seconds, and not a write for every nonce"
        # After a clock that stood far ahead was set right, what is stored comes back with it.
        await stored.reserve(NOW_US + 3_600_000_000)
        await stored.reserve(NOW_US)
        assert NOW_US < state.writes[-1] < NOW_US + 30_000_000

    asyncio.run(main())


def test_restarts_one_after_the_other_do_not_run_ahead_of_the_venue() -> None:
    async def main() -> None:
        state, used = MemoryState(), []
        for number in range(20):
            line, now_us = NonceLine(), NOW_US + number * 1_000
            stored = StoredNonces(line, state)
            for _ in range(50):
                await stored.reserve(now_us)
                used.append(line.next(now_us))
        assert used == sorted(set(used))
        assert max(used) - NOW_US < 2_500_000, "within both windows that the documents name"

    asyncio.run(main())


def nonces_of(desk: BenchDesk) -> list[int]:
    """Return the nonces that left, in order."""
    told = (f"{each.url.partition('?')[2]}{each.body.decode()}" for each in desk.wire.requests)
    return [int(nonce) for text in told for nonce in NONCE.findall(text)]


def test_a_client_that_is_opened_again_in_one_run_does_not_lead_the_time(bench: Bench) -> None:
    async def run(desk: BenchDesk) -> None:
        for _ in range(5):
            async with desk.open() as again:
                await again.trading.fetch_positions()
        told = nonces_of(desk)
        assert told == sorted(set(told))
        assert told[-1] - desk.clock.now_ns() // 1_000 < 1_000_000

    bench(run)


def test_a_second_client_after_a_restart_uses_no_nonce_again(bench: Bench) -> None:
    async def run(desk: BenchDesk) -> None:
        await desk.send(await desk.request())
        seen = nonces_of(desk)
        async with desk.open(made={}) as again:
            await again.trading.fetch_positions()
        told = nonces_of(desk)
        assert len(told) > len(seen)
        assert told == sorted(set(told))

    bench(run)


def test_two_accounts_of_one_run_that_sign_for_one_user_share_its_nonces(bench: Bench) -> None:
    async def run(desk: BenchDesk) -> None:
        async with desk.open(state=MemoryState()) as other:
            await asyncio.gather(*(each.trading.fetch_positions() for each in (desk, other) for _ in range(9)))
        told = nonces_of(desk)
        assert len(set(told)) == len(told) > 20

    bench(run)


def test_the_nonce_leads_the_clock_by_microseconds_only(bench: Bench) -> None:
    async def run(desk: BenchDesk) -> None:
        await desk.trading.fetch_positions()
        await desk.sleep(100 * SECOND_NS)
        await desk.trading.fetch_positions()
        assert abs(nonces_of(desk)[-1] - desk.clock.now_ns() // 1_000) < 1_000_000

    bench(run)


# -- what the venue takes --


def auth(nonces: list[int] | None = None) -> AsterAuth:
    return AsterAuth([ROW], [] if nonces is None else nonces, 1666)


def signed(nonce: int) -> HttpRequest:
    line = NonceLine()
    line.begin_above(nonce - 1)
    form = AgentSigner(USER, EvmKey(AGENT_SECRET), 1666, line).signed("", (nonce) * 1_000)
    return HttpRequest(method="GET", url=f"http://fake.test/fapi/v3/balance?{form}")


@pytest.mark.parametrize(("off_us", "taken"), [(0, True), (10_000_000, True), (-10_000_000, True), (10_000_001, False)])
def test_the_window_is_ten_seconds_on_either_side(off_us: int, taken: bool) -> None:
    if taken:
        assert auth().signed(signed(NOW_US + off_us), NOW_US * 1_000)["nonce"] == str(NOW_US + off_us)
        return
    for off in (off_us, -off_us):
        with pytest.raises(Refusal, match="-4225"):
            auth().signed(signed(NOW_US + off), NOW_US * 1_000)


def test_a_nonce_is_taken_once_and_never_below_the_last_hundred() -> None:
    kept: list[int] = []
    venue = auth(kept)
    for number in range(0, 200, 2):
        venue.signed(signed(NOW_US + number), NOW_US * 1_000)
    for nonce in (NOW_US + 198, NOW_US + 100, NOW_US - 1):
        with pytest.raises(Refusal, match="-4225"):
            venue.signed(signed(nonce), NOW_US * 1_000)
    # Between the lowest of the hundred and the newest there is room.
    venue.signed(signed(NOW_US + 101), NOW_US * 1_000)
    assert len(kept) == 100
    assert min(kept) == NOW_US + 2


def test_a_refused_nonce_of_a_read_asks_for_the_time_and_reads_again(bench: Bench) -> None:
    refused = HttpResponse(status=400, headers={}, body=b'{"code":-4225,"msg":"Nonce Expired"}')

    async def run(desk: BenchDesk) -> None:
        answers = [refused]
        desk.wire.answer = lambda request: answers.pop() if "positionRisk" in request.url and answers else None
        asked = len(desk.wire.sent("GET", "/time"))
        assert await desk.trading.fetch_positions() == []
        assert len(desk.wire.sent("GET", "/time")) == asked + 1
        desk.wire.answer = lambda request: refused if "positionRisk" in request.url else None
        with pytest.raises(AuthenticationFailed, match="NTP"):
            await desk.trading.fetch_positions()

    bench(run)


def test_a_refused_nonce_of_an_order_is_in_doubt_since_it_may_be_the_second_copy(bench: Bench) -> None:
    """Something on the way sends the order twice: the venue takes the first, and answers the second."""

    async def run(desk: Any) -> None:
        request = await desk.resting()
        prepared = await desk.trading.prepare_order(request)
        plain = desk.wire.venue

        class Twice:
            connect = plain.connect

            async def send(self, sent: HttpRequest) -> HttpResponse:
                if sent.method == "POST":
                    await plain.send(sent)
                return await plain.send(sent)  # type: ignore[no-any-return]

        desk.wire.venue = Twice()
        with pytest.raises(OutcomeUnknown, match="-4225"):
            await desk.trading.send_order(prepared)
        desk.wire.venue = plain
        found = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert found.status is OrderStatus.OPEN

    bench(run)


def test_a_noop_of_the_same_nonce_takes_the_place_of_an_order(bench: Bench) -> None:
    async def run(desk: BenchDesk) -> None:
        request = await desk.resting()
        prepared = await desk.trading.prepare_order(request)
        nonce = desk_nonce(prepared)
        line = NonceLine()
        line.begin_above(nonce - 1)
        form = AgentSigner(USER, EvmKey(AGENT_SECRET), 1666, line).signed("", nonce * 1_000)
        noop = HttpRequest(method="POST", url="http://fake.test/fapi/v3/noop", body=form.encode())
        assert json.loads((await desk.wire.venue.send(noop)).body) == {"code": 200, "msg": "success"}
        with pytest.raises(OutcomeUnknown, match="-4225"):
            await desk.trading.send_order(prepared)
        with pytest.raises(UnknownOrder):
            await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)

    bench(run)


def desk_nonce(prepared: Any) -> int:
    form: str = prepared.payload.signed.form
    return int(form.partition("nonce=")[2].partition("&")[0])


def test_an_order_that_waited_below_a_hundred_others_is_refused_and_not_there(bench: Bench) -> None:
    async def run(desk: BenchDesk) -> None:
        request = await desk.resting()
        prepared = await desk.trading.prepare_order(request)
        for _ in range(101):
            await desk.trading.fetch_leverage(desk.instrument.id)
        with pytest.raises(OutcomeUnknown, match="-4225"):
            await desk.trading.send_order(prepared)
        with pytest.raises(UnknownOrder):
            await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)

    bench(run)


def test_an_order_may_arrive_as_long_as_its_nonce_may_be_ahead(bench: Bench) -> None:
    async def run(desk: Any) -> None:
        assert desk.exchange.traits.order_validity_ns >= 10 * SECOND_NS + FARTHEST_US * 1_000
        prepared = await desk.trading.prepare_order(await desk.request())
        assert prepared.expires_ns - desk.clock.now_ns() <= 10 * SECOND_NS

    bench(run)
