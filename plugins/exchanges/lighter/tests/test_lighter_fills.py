"""Fills and payments: read on from where the last look ended, and never hidden by a row that is no matter of now."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arb.api import BadResponse, ConnectFailed, HttpRequest, HttpResponse, InMaintenance
from arb.model import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, Fill, FillId, name_of
from arb.testing import Bench, BenchDesk
from arb_exchange_lighter._own_trades import OwnTrades, Page
from arb_exchange_lighter._settings import Tier
from arb_exchange_lighter.fake._keys import ACCOUNT_INDEX

PAGE: Final = 100


def trade(number: int, ts_ns: int, **changes: Any) -> dict[str, Any]:
    """Return a trade of the account as the venue lists it."""
    return {
        "trade_id": number,
        "market_id": 0,
        "size": "0.0100",
        "price": "2000.00",
        "ask_id": 1 << 48,
        "bid_id": (1 << 48) + number,
        "ask_client_id": 0,
        "bid_client_id": 0,
        "ask_account_id": 1,
        "bid_account_id": ACCOUNT_INDEX,
        "is_maker_ask": True,
        "taker_fee": 100,
        "timestamp": ts_ns // 1_000_000,
        "transaction_time": ts_ns // 1_000,
        **changes,
    }


class Trades:
    """Answers `trades` from a list that grows, newest first; a cursor names the trade that a page begins after.

    Attributes:
        rows: Oldest first.
        cursors: That were asked for, in order; empty for the newest page.
        failing: The answer to the next request but so many, once.
        expired: Cursors that the venue knows no more when they are asked for once.
        to_expired: What it answers to one.
    """

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows
        self.cursors: list[str] = []
        self.failing: tuple[int, HttpResponse] | None = None
        self.expired: set[str] = set()
        self.to_expired = HttpResponse(status=200, headers={}, body=b'{"code":200,"trades":[],"next_cursor":""}')

    def __call__(self, request: HttpRequest) -> HttpResponse | None:
        parts = urlsplit(request.url)
        if not parts.path.endswith("/trades"):
            return None
        cursor = dict(parse_qsl(parts.query)).get("cursor", "")
        self.cursors.append(cursor)
        if cursor in self.expired:
            self.expired.remove(cursor)
            return self.to_expired
        if self.failing is not None:
            left, answer = self.failing
            self.failing = (left - 1, answer) if left else None
            if not left:
                return answer
        older = [row for row in reversed(self.rows) if not cursor or row["trade_id"] < int(cursor)]
        page = older[:PAGE]
        following = str(page[-1]["trade_id"]) if len(older) > PAGE else ""
        body = {"code": 200, "trades": page, "next_cursor": following}
        return HttpResponse(status=200, headers={}, body=json.dumps(body).encode())


def spread(desk: BenchDesk, count: int, over_ns: int = HOUR_NS) -> Trades:
    """Have the venue list so many trades, the last one of now; returns what answers."""
    now_ns = desk.clock.now_ns()
    trades = Trades([trade(n, now_ns - (count - n) * over_ns // count) for n in range(1, count + 1)])
    desk.wire.answer = trades
    return trades


def numbers(fills: Any) -> list[int]:
    return [int(fill.fill_id) for fill in fills]


def test_a_busy_account_is_read_in_the_end_and_then_page_by_page(bench: Bench) -> None:
    """Execution asks every 10 s and waits for 3 s; 25 pages of half a second each are read nevertheless."""

    async def body(desk: BenchDesk) -> None:
        trades, found = spread(desk, 2_500, HOUR_NS), None
        since_ns = desk.clock.now_ns() - HOUR_NS
        desk.wire.delay_ns = SECOND_NS // 2
        for _ in range(8):
            try:
                found = await asyncio.wait_for(desk.trading.fetch_fills(since_ns), 3)
                break
            except TimeoutError:
                await desk.sleep(7 * SECOND_NS)
        assert found is not None
        assert numbers(found) == list(range(1, 2_501))
        assert len(trades.cursors) <= 40
        for number in range(2_501, 2_504):
            await desk.sleep(10 * SECOND_NS)
            trades.rows.append(trade(number, desk.clock.now_ns()))
            before = len(trades.cursors)
            assert numbers(await desk.trading.fetch_fills(since_ns)) == list(range(1, number + 1))
            assert trades.cursors[before:] == [""]

    bench(body, settings={"tier": Tier.PREMIUM})


def test_pages_survive_a_failure_in_the_middle(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        trades = spread(desk, 1_000)
        trades.failing = (6, HttpResponse(status=503, headers={}, body=b"<html>"))
        since_ns = desk.clock.now_ns() - 2 * HOUR_NS
        with pytest.raises(InMaintenance):
            await desk.trading.fetch_fills(since_ns)
        assert numbers(await desk.trading.fetch_fills(since_ns)) == list(range(1, 1_001))
        assert trades.cursors[7:] == ["", "401", "301", "201", "101"]

    bench(body)


@pytest.mark.parametrize("status", [200, 400])
def test_a_cursor_that_has_expired_proves_no_end(bench: Bench, status: int) -> None:
    """The venue does not say how long a cursor is good for: the list is then read from the newest row again."""

    async def body(desk: BenchDesk) -> None:
        trades = spread(desk, 1_000)
        trades.failing = (6, HttpResponse(status=503, headers={}, body=b"<html>"))
        since_ns = desk.clock.now_ns() - 2 * HOUR_NS
        with pytest.raises(InMaintenance):
            await desk.trading.fetch_fills(since_ns)
        trades.expired = {"401"}
        if status != 200:
            trades.to_expired = HttpResponse(status=status, headers={}, body=b'{"code":20001,"message":"no cursor"}')
            with pytest.raises(BadResponse):
                await desk.trading.fetch_fills(since_ns)
        assert numbers(await desk.trading.fetch_fills(since_ns)) == list(range(1, 1_001))
        assert not trades.expired, "it was tried"

    bench(body)


def test_what_is_older_than_the_last_look_is_read_when_it_is_asked_for(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        trades = spread(desk, 1_000)
        now_ns = desk.clock.now_ns()
        assert len(await desk.trading.fetch_fills(now_ns - 3 * MINUTE_NS)) == 51
        assert len(trades.cursors) == 1
        assert numbers(await desk.trading.fetch_fills(0)) == list(range(1, 1_001))
        assert len(await desk.trading.fetch_fills(now_ns - 30 * MINUTE_NS)) == 501
        assert len(trades.cursors) == 12, "the first page once more, the other nine, and the newest"

    bench(body)


def test_what_was_forgotten_is_read_again(bench: Bench) -> None:
    """Of more than 5,000 trades those are kept that somebody asks for."""

    async def body(desk: BenchDesk) -> None:
        trades = spread(desk, 6_000, 6 * HOUR_NS)
        hour_ago_ns = desk.clock.now_ns() - HOUR_NS
        assert len(await desk.trading.fetch_fills(0)) == 6_000
        for _ in range(2):
            before = len(trades.cursors)
            assert len(await desk.trading.fetch_fills(hour_ago_ns)) == 1_001
            assert trades.cursors[before:] == [""]
        assert numbers(await desk.trading.fetch_fills(0)) == list(range(1, 6_001))

    bench(body)


def test_a_fill_is_told_in_the_same_words_always(bench: Bench) -> None:
    """The journal takes one that is told otherwise for a contradiction."""

    async def body(desk: BenchDesk) -> None:
        trades = spread(desk, 10)
        first = await desk.trading.fetch_fills(0)
        trades.rows = [{**row, "taker_fee": 200, "market_symbol": "OTHER"} for row in trades.rows]
        assert await desk.trading.fetch_fills(0) == first

    bench(body)


def test_a_trade_is_listed_a_moment_after_it_happened(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        trades = spread(desk, 1_000, 2 * MINUTE_NS)
        late = trades.rows.pop(-150)
        await desk.trading.fetch_fills(0)
        trades.rows.insert(-149, late)
        assert numbers(await desk.trading.fetch_fills(0)) == list(range(1, 1_001))

    bench(body)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_whatever_fails_and_whenever_it_is_asked_no_trade_is_missing(data: st.DataObject) -> None:
    """More trades than are kept, looks that end anywhere, times that go forth and back."""
    now_ns = 10 * DAY_NS
    rows: list[dict[str, Any]] = []
    left = 0

    async def page(cursor: str) -> Page:
        nonlocal left
        left -= 1
        if left < 0:
            raise ConnectFailed("no line", exchange="lt", code="no_line")
        older = [row for row in reversed(rows) if not cursor or row["trade_id"] < int(cursor)][:PAGE]
        return older, str(older[-1]["trade_id"]) if older and older[-1]["trade_id"] > 1 else ""

    async def fills_of(row: Any) -> list[Fill]:
        return [row["trade_id"]]

    async def run() -> None:
        nonlocal now_ns, left
        reader = OwnTrades("lt", page, fills_of, lambda: now_ns)
        for _ in range(data.draw(st.integers(1, 12))):
            count, over_ns = data.draw(st.integers(0, 2_500)), data.draw(st.integers(1, 3 * HOUR_NS))
            for step in range(count):
                rows.append(trade(len(rows) + 1, now_ns + over_ns * step // count))
            now_ns += over_ns
            since_ns = max(0, now_ns - data.draw(st.sampled_from([MINUTE_NS, HOUR_NS, 5 * HOUR_NS, 2 * DAY_NS])))
            left = data.draw(st.sampled_from([1, 2, 5, 20, 1_000]))
            try:
                found = await reader.since(since_ns)
            except ConnectFailed:
                continue
            assert found == [row["trade_id"] for row in rows if row["transaction_time"] * 1_000 >= since_ns]

    asyncio.run(run())


def unlisted(desk: BenchDesk, age_ns: int, **changes: Any) -> Trades:
    """Have the venue list two trades of now, and an older one of a market that it does not list any more."""
    trades = spread(desk, 2, SECOND_NS)
    trades.rows.insert(0, trade(0, desk.clock.now_ns() - age_ns, market_id=99, **changes))
    return trades


def test_an_old_trade_of_a_market_that_is_gone_hides_nothing(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        unlisted(desk, 10 * DAY_NS)
        assert numbers(await desk.trading.fetch_fills(desk.clock.now_ns() - MINUTE_NS)) == [1, 2]

    bench(body)


def test_a_fill_of_a_market_that_is_gone_is_told_by_its_symbol(bench: Bench) -> None:
    """It has the id that it had while the market was listed."""

    async def body(desk: BenchDesk) -> None:
        unlisted(desk, SECOND_NS, market_symbol="GONE", market_kind="perps")
        found = await desk.trading.fetch_fills(0)
        assert name_of(found[0].instrument) == "GONE-PERP"
        assert numbers(found) == [0, 1, 2]
        assert found[1].instrument == desk.instrument.id

    bench(body)


def test_a_fill_of_a_market_that_the_account_had_is_told_by_its_positions(bench: Bench) -> None:
    """Rows without a symbol; a flat market keeps its row."""

    async def body(desk: BenchDesk) -> None:
        unlisted(desk, SECOND_NS)
        desk.wire.change_json("/account", add_position)
        assert name_of((await desk.trading.fetch_fills(0))[0].instrument) == "GONE-PERP"

    bench(body)


def test_a_fill_of_a_market_that_cannot_be_read_is_told_by_its_symbol(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        def add(found: Any) -> Any:
            found["order_book_details"].append({"market_id": 99, "symbol": "ODD", "market_type": "perp"})
            return found

        unlisted(desk, SECOND_NS)
        desk.wire.change_json("/orderBookDetails", add)
        await desk.exchange.market.fetch_instruments()
        assert name_of((await desk.trading.fetch_fills(0))[0].instrument) == "ODD-PERP"

    bench(body)


@pytest.mark.parametrize("changes", [{}, {"market_symbol": "UPDOWN", "market_kind": "bo"}])
def test_a_fill_that_nothing_names_does_not_pass_for_none(bench: Bench, changes: dict[str, str]) -> None:
    async def body(desk: BenchDesk) -> None:
        unlisted(desk, SECOND_NS, **changes)
        with pytest.raises(BadResponse, match="99"):
            await desk.trading.fetch_fills(0)

    bench(body)


def add_position(found: Any) -> Any:
    """Add the flat row of a market that is not listed to `account`."""
    rows = found["accounts"][0]["positions"]
    rows.append({**rows[0], "market_id": 99, "symbol": "GONE", "position": "0.0000"})
    return found


def payments(age_ns: int, desk: BenchDesk) -> Callable[[Any], Any]:
    def add(found: Any) -> Any:
        settled_ns = (desk.clock.now_ns() - age_ns) // HOUR_NS * HOUR_NS
        row = {
            **found["position_fundings"][0],
            "market_id": 99,
            "timestamp": settled_ns // SECOND_NS,
        }
        return {**found, "position_fundings": [*found["position_fundings"], row]}

    return add


def test_a_payment_of_a_market_that_is_gone_hides_nothing(bench: Bench) -> None:
    """One of before the time is passed over; one within it is told by the symbol of the account's positions."""

    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.request())
        await desk.sleep(3 * HOUR_NS)
        since_ns = desk.clock.now_ns() - 4 * HOUR_NS
        true = await desk.trading.fetch_funding_payments(since_ns)
        assert len(true) == 3
        desk.wire.change_json("/positionFunding", payments(10 * DAY_NS, desk))
        assert await desk.trading.fetch_funding_payments(since_ns) == true
        desk.wire.change_json("/positionFunding", payments(HOUR_NS, desk))
        with pytest.raises(BadResponse, match="99"):
            await desk.trading.fetch_funding_payments(since_ns)
        desk.wire.change_json("/account", add_position)
        found = await desk.trading.fetch_funding_payments(since_ns)
        assert {name_of(one.instrument) for one in found} == {"BTC-PERP", "GONE-PERP"}
        assert [one for one in found if one in true] == list(true)

    bench(body)


def test_fill_ids_are_those_of_the_venue(bench: Bench) -> None:
    """A trade with itself has two fills."""

    async def body(desk: BenchDesk) -> None:
        trades = spread(desk, 1)
        trades.rows[0]["ask_account_id"] = ACCOUNT_INDEX
        assert [fill.fill_id for fill in await desk.trading.fetch_fills(0)] == [FillId("1-buy"), FillId("1-sell")]

    bench(body)
