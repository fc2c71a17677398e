"""A sick or wrong venue, as far as Aster's own part meets it; the dialect's is tested with Binance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from arb.api import BadResponse, ConfigError, ExchangeError
from arb.model import DAY_NS, SECOND_NS, OrderStatus
from arb.testing import Bench, BenchDesk


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: {"code": 200, "data": rows},
        lambda rows: "agents",
        lambda rows: [None],
        lambda rows: [{**rows[0], "agentAddress": 7}],
        lambda rows: [{**rows[0], "canWithdraw": "perhaps"}],
        lambda rows: [{**rows[0], "canPerpTrade": None}],
        lambda rows: [{**rows[0], "expired": "soon"}],
        lambda rows: [{k: v for k, v in rows[0].items() if k != "expired"}],
        lambda rows: [{**rows[0], "expired": 1e300}],
    ],
)
def test_a_list_of_agents_that_makes_no_sense_lets_nothing_be_traded(
    bench: Bench, change: Callable[[Any], Any]
) -> None:
    async def run(desk: BenchDesk) -> None:
        desk.wire.change_json("/agent", change)
        async with desk.open() as other:
            with pytest.raises(BadResponse, match="agents"):
                await other.trading.prepare_order(await desk.request())
        assert desk.wire.sent("POST", "/order") == []

    bench(run)


def test_the_rights_of_another_agent_do_not_count(bench: Bench) -> None:
    """The list has every agent of the account; one of the others may withdraw."""
    other = {"agentAddress": "0x" + "77" * 20, "canPerpTrade": True, "canWithdraw": True, "expired": 0}

    async def run(desk: BenchDesk) -> None:
        desk.wire.change_json("/agent", lambda rows: [other, *rows, other])
        async with desk.open() as opened:
            assert await opened.trading.fetch_positions() == []
        desk.wire.change_json("/agent", lambda rows: [{**row, "canWithdraw": True} for row in rows])
        with pytest.raises(ConfigError, match="can withdraw"):
            async with desk.open():
                pass

    bench(run)


def test_an_approval_without_an_end_has_none(bench: Bench) -> None:
    async def run(desk: BenchDesk) -> None:
        desk.wire.change_json("/agent", lambda rows: [{**row, "expired": 0} for row in rows])
        async with desk.open() as opened:
            await desk.sleep(3 * DAY_NS)
            assert await opened.trading.fetch_positions() == []

    bench(run)


def test_a_clock_that_is_wrong_by_minutes_is_set_by_the_venues_time(bench: Bench) -> None:
    """The window is ten seconds: what is signed by the machine's own clock would be refused."""

    class Behind:
        def __init__(self, clock: Any, off_ns: int) -> None:
            self.clock, self.off_ns = clock, off_ns

        def now_ns(self) -> int:
            return int(self.clock.now_ns()) + self.off_ns

        def monotonic_ns(self) -> int:
            return int(self.clock.monotonic_ns())

        async def sleep_until(self, until_ns: int) -> None:
            await self.clock.sleep_until(until_ns - self.off_ns)

    async def run(desk: BenchDesk) -> None:
        for number, off_ns in enumerate((-200 * SECOND_NS, 200 * SECOND_NS)):
            async with desk.open(clock=Behind(desk.clock, off_ns)) as other:
                request = await desk.request(client_order_id=f"wrong-{number}")
                prepared = await other.trading.prepare_order(request)
                assert (await other.trading.send_order(prepared)).status is OrderStatus.FILLED

    bench(run)


def test_a_symbol_that_is_not_ascii_is_quoted_and_signed(bench: Bench) -> None:
    async def run(desk: BenchDesk) -> None:
        name = "币安人生"

        def renamed(answer: Any) -> Any:
            rows = [
                {**row, "symbol": f"{name}USDT", "baseAsset": name} if row["symbol"] == "BTCUSDT" else row
                for row in answer["symbols"]
            ]
            return {**answer, "symbols": rows}

        def in_brackets(rows: Any) -> Any:
            return [{**row, "symbol": f"{name}USDT"} if row["symbol"] == "BTCUSDT" else row for row in rows]

        desk.wire.change_json("/exchangeInfo", renamed)
        desk.wire.change_json("/leverageBracket", in_brackets)
        listed = {each.base: each for each in await desk.exchange.market.fetch_instruments()}
        with pytest.raises(ExchangeError, match="-1121"):
            await desk.trading.fetch_leverage(listed[name].id)
        sent = desk.wire.requests[-1].url
        assert sent.isascii()
        assert "symbol=%E5%B8%81" in sent

    bench(run)


@pytest.mark.parametrize("hours", [0, -1, 25, "x", None, 1.5])
def test_an_interval_that_cannot_be_is_an_error(bench: Bench, hours: Any) -> None:
    async def run(desk: BenchDesk) -> None:
        desk.wire.change_json("/fundingInfo", lambda rows: [{**row, "fundingIntervalHours": hours} for row in rows])
        with pytest.raises(BadResponse, match="funding intervals"):
            await desk.exchange.market.fetch_instruments()
        with pytest.raises(BadResponse, match="funding intervals"):
            await desk.exchange.market.fetch_funding_rates()

    bench(run)


def test_a_market_that_tells_no_kind_is_left_out_and_the_others_stay(bench: Bench) -> None:
    async def run(desk: BenchDesk) -> None:
        def without(answer: Any) -> Any:
            return {
                **answer,
                "symbols": [
                    {k: v for k, v in row.items() if k != "underlyingType" or row["symbol"] != "BTCUSDT"}
                    for row in answer["symbols"]
                ],
            }

        before = {each.symbol for each in await desk.exchange.market.fetch_instruments()}
        desk.wire.change_json("/exchangeInfo", without)
        after = {each.symbol for each in await desk.exchange.market.fetch_instruments()}
        assert before - after == {"BTCUSDT"}

    bench(run)
