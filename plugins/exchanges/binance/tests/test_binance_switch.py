"""The dead man's switch when the countdown of a symbol cannot be started."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal as D
from urllib.parse import parse_qsl

import pytest

from arb.api import DeadMansSwitch, ExchangeError, HttpRequest, HttpResponse, NotSent, Rejected
from arb.model import MINUTE_NS, SECOND_NS, OrderRequest, Side
from arb.testing import Bench, BenchDesk

COUNTDOWN = "/countdownCancelAll"
CLOSED = HttpResponse(
    status=400,
    headers={},
    body=b'{"code": -4108, "msg": "Symbol is on delivering or delivered or settling or closed or pre-trading."}',
)


def form_of(request: HttpRequest) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode()))


def refusing(*symbols: str) -> Callable[[HttpRequest], HttpResponse | None]:
    return lambda sent: CLOSED if COUNTDOWN in sent.url and form_of(sent)["symbol"] in symbols else None


def started(desk: BenchDesk) -> list[str]:
    return [form_of(each)["symbol"] for each in desk.wire.sent("POST", COUNTDOWN)]


def switch_of(desk: BenchDesk) -> DeadMansSwitch:
    assert isinstance(desk.trading, DeadMansSwitch)
    return desk.trading


async def resting_in(desk: BenchDesk, base: str) -> OrderRequest:
    listed = next(each for each in await desk.exchange.market.fetch_instruments() if each.base == base)
    bbo = await desk.exchange.market.fetch_bbo(listed.id)
    return await desk.resting(instrument=listed.id, price=listed.limit_price(Side.BUY, bbo.bid * D("0.97")))


async def open_bases(desk: BenchDesk) -> set[str]:
    orders = await desk.trading.fetch_open_orders()
    return {order.request.instrument.partition("-")[0] for order in orders}


def test_one_symbol_without_a_countdown_takes_it_from_no_other(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Somebody has an order in a symbol that the venue takes off its list: BTC comes before ETH and SOL."""

    async def body(desk: BenchDesk) -> None:
        for base in ("BTC", "ETH"):
            await desk.send(await resting_in(desk, base))
        desk.wire.answer = refusing("BTCUSDT")
        for _ in range(2):
            with pytest.raises(Rejected) as told:
                await switch_of(desk).arm_dead_mans_switch(MINUTE_NS)
            assert told.value.code == "-4108"
        assert started(desk) == ["BTCUSDT", "ETHUSDT"] * 2
        assert [record.message for record in caplog.records if "countdown of BTCUSDT" in record.message] == [
            f"the countdown of BTCUSDT could not be set: {told.value}"
        ]
        await desk.send(await resting_in(desk, "SOL"))
        assert started(desk)[-1] == "SOLUSDT"
        await desk.sleep(2 * MINUTE_NS)
        assert await open_bases(desk) == {"BTC"}

    bench(body)


def test_an_order_is_not_left_to_rest_where_its_own_countdown_is_refused(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.send(await resting_in(desk, "BTC"))
        desk.wire.answer = refusing("BTCUSDT", "ETHUSDT")
        with pytest.raises(Rejected):
            await switch_of(desk).arm_dead_mans_switch(MINUTE_NS)
        with pytest.raises(NotSent, match="no countdown"):
            await desk.send(await resting_in(desk, "ETH"))
        assert await open_bases(desk) == {"BTC"}
        desk.wire.answer = None
        await desk.send(await resting_in(desk, "ETH"))
        await switch_of(desk).arm_dead_mans_switch(MINUTE_NS)
        await desk.sleep(2 * MINUTE_NS)
        assert await open_bases(desk) == set()

    bench(body)


def test_where_orders_rest_cannot_be_asked_the_known_countdowns_start_again(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.send(await resting_in(desk, "BTC"))
        await switch_of(desk).arm_dead_mans_switch(MINUTE_NS)
        await desk.send(await resting_in(desk, "ETH"))
        await desk.sleep(30 * SECOND_NS)
        down = HttpResponse(status=502, headers={}, body=b"<html>")
        desk.wire.answer = lambda sent: down if "/openOrders" in sent.url else None
        with pytest.raises(ExchangeError):
            await switch_of(desk).arm_dead_mans_switch(MINUTE_NS)
        assert started(desk) == ["BTCUSDT", "ETHUSDT", "BTCUSDT", "ETHUSDT"]
        desk.wire.answer = None
        await desk.sleep(45 * SECOND_NS)
        assert await open_bases(desk) == {"BTC", "ETH"}

    bench(body)


def test_a_countdown_that_could_not_be_stopped_is_stopped_by_the_next_call(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        for base in ("BTC", "ETH"):
            await desk.send(await resting_in(desk, base))
        await switch_of(desk).arm_dead_mans_switch(MINUTE_NS)
        desk.wire.answer = refusing("BTCUSDT")
        with pytest.raises(Rejected):
            await switch_of(desk).arm_dead_mans_switch(0)
        desk.wire.answer = None
        await switch_of(desk).arm_dead_mans_switch(0)
        await desk.sleep(2 * MINUTE_NS)
        assert await open_bases(desk) == {"BTC", "ETH"}

    bench(body)
