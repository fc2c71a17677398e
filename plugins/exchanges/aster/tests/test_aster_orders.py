"""Orders, fees and the account's stream, as far as they are particular of Aster."""

from __future__ import annotations

import asyncio
import inspect
import json
from contextlib import aclosing
from decimal import Decimal as D
from typing import Any
from urllib.parse import parse_qsl

import pytest

import arb_exchange_aster._dialect as dialect
from arb.api import (
    BelowMinimum,
    ClockRefused,
    ExchangeError,
    HttpRequest,
    HttpResponse,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    WouldCross,
)
from arb.model import SECOND_NS, Balance, Fill, Order, OrderStatus, Side, TimeInForce
from arb.testing import Bench, BenchDesk, FakeWorld
from arb_dialect_fapi import IN_DOUBT, REFUSALS
from arb_dialect_fapi._errors import refusal_table
from arb_exchange_aster._dialect import ASTER, ASTER_V1

OWN = {
    "-4020": Rejected,
    "-4022": Rejected,
    "-4031": Rejected,
    "-4084": Rejected,
    "-4104": Rejected,
    "-4144": Rejected,
    "-4225": ClockRefused,
    "-5060": Rejected,
    "-5076": BelowMinimum,
}
SHEET = {
    "-2010": Rejected,
    "-2022": Rejected,
    "-4003": Rejected,
    "-4016": Rejected,
    "-4024": Rejected,
    "-4131": Rejected,
    "-4164": BelowMinimum,
    "-5021": Rejected,
    "-5022": WouldCross,
}


def answer(code: int, text: str = "words", status: int = 400) -> HttpResponse:
    return HttpResponse(status=status, headers={}, body=json.dumps({"code": code, "msg": text}).encode())


def test_the_table_is_the_dialects_with_what_aster_alone_has() -> None:
    assert dict(ASTER.refusals) == {**REFUSALS, **OWN}
    assert not OWN.keys() & REFUSALS.keys(), "what the dialect has is not said again"
    assert not ASTER.refusals.keys() & IN_DOUBT
    source = inspect.getsource(dialect)
    assert all(source.count(f'"{code}"') == 1 for code in OWN)


@pytest.mark.parametrize("code", sorted({**OWN, **SHEET}))
def test_every_refusal_is_certain_of_a_read(code: str) -> None:
    found = refusal_table("as", ASTER)(answer(int(code)))
    assert type(found) is {**OWN, **SHEET}[code]


def test_an_order_that_closes_waits_for_the_pause_alone_when_the_minute_is_used_up(bench: Bench) -> None:
    """An order has a weight here: what others have used keeps reads away, and one close is tried all the same."""

    async def run(desk: BenchDesk) -> None:
        await desk.send(await desk.request())
        close = await desk.request(Side.SELL, reduce_only=True)
        used_up = HttpResponse(status=429, headers={"X-MBX-USED-WEIGHT-1M": "2405"}, body=b"{}")
        desk.wire.answer = lambda request: used_up
        with pytest.raises(RateLimited):
            await desk.exchange.market.fetch_order_book(desk.instrument.id, 5)
        desk.wire.answer = None
        began_ns = desk.clock.now_ns()
        assert (await desk.send(close)).status is OrderStatus.FILLED
        assert desk.clock.now_ns() - began_ns <= 8 * SECOND_NS
        with pytest.raises(RateLimited):
            await desk.exchange.market.fetch_order_book(desk.instrument.id, 5)

    bench(run)


@pytest.mark.parametrize("code", [-1000, -1001, -1006, -1007, -4116, -9999])
@pytest.mark.parametrize("status", [400, 503])
def test_what_is_not_certain_leaves_an_order_in_doubt(bench: Bench, code: int, status: int) -> None:
    async def run(desk: BenchDesk) -> None:
        prepared = await desk.trading.prepare_order(await desk.request())
        desk.wire.answer = lambda request: answer(code, status=status) if request.method == "POST" else None
        with pytest.raises(ExchangeError) as told:
            await desk.trading.send_order(prepared)
        assert not isinstance(told.value, NotSent)

    bench(run)


@pytest.mark.parametrize(("code", "kind"), sorted({**OWN, **SHEET}.items()))
def test_a_refused_order_is_refused_unless_it_may_be_a_second_copy(
    bench: Bench, code: str, kind: type[ExchangeError]
) -> None:
    async def run(desk: BenchDesk) -> None:
        prepared = await desk.trading.prepare_order(await desk.request())
        desk.wire.answer = lambda request: answer(int(code)) if request.method == "POST" else None
        with pytest.raises(OutcomeUnknown if code == "-4225" else kind):
            await desk.trading.send_order(prepared)

    bench(run)


def test_every_503_leaves_in_doubt(bench: Bench) -> None:
    async def run(desk: BenchDesk) -> None:
        for text in ("Service Unavailable", "Internal error; unable to process your request. Please try again."):
            prepared = await desk.trading.prepare_order(await desk.request())
            desk.wire.answer = lambda request, text=text: (
                answer(-1000, text, status=503) if request.method == "POST" else None
            )
            with pytest.raises(OutcomeUnknown):
                await desk.trading.send_order(prepared)
            desk.wire.answer = None

    bench(run)


def test_an_order_leaves_as_it_was_signed_and_asks_for_its_result(bench: Bench) -> None:
    async def run(desk: Any) -> None:
        request = await desk.request()
        prepared = await desk.trading.prepare_order(request)
        await desk.trading.send_order(prepared)
        (sent,) = desk.wire.sent("POST", "/fapi/v3/order")
        assert sent.body.decode() == prepared.payload.signed.form, "the very bytes that were signed"
        assert "?" not in sent.url
        fields = dict(parse_qsl(sent.body.decode()))
        assert fields["newOrderRespType"] == "RESULT"
        assert fields["stpMode"] == "EXPIRE_TAKER"
        assert fields["newClientOrderId"] == request.client_order_id
        assert not {"timestamp", "recvWindow", "builder", "feeRate", "positionSide", "reduceOnly"} & fields.keys()
        assert sent.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert "X-MBX-APIKEY" not in sent.headers

    bench(run)


def test_a_cancellation_is_signed_in_one_place(bench: Bench) -> None:
    async def run(desk: BenchDesk) -> None:
        request = await desk.resting()
        await desk.send(request)
        await desk.trading.cancel_order(desk.instrument.id, request.client_order_id)
        (sent,) = desk.wire.sent("DELETE", "/fapi/v3/order")
        assert sent.body == b""
        assert sent.url.count("signature=") == 1

    bench(run)


def test_an_acknowledgement_is_not_taken_for_a_result(bench: Bench) -> None:
    """ACK says NEW and nothing filled, of an order that has filled: it stays open until a read tells more."""

    async def run(desk: Any) -> None:
        request = await desk.request()
        prepared = await desk.trading.prepare_order(request)
        real: list[Any] = []

        def acknowledged(sent: HttpRequest, answer: HttpResponse) -> HttpResponse:
            if sent.method != "POST" or "/order" not in sent.url:
                return answer
            real.append(json.loads(answer.body))
            ack = {**real[0], "status": "NEW", "executedQty": "0", "cumQty": "0", "cumQuote": "0", "avgPrice": "0"}
            return HttpResponse(status=200, headers={}, body=json.dumps(ack).encode())

        desk.wire.change = acknowledged
        placed = await desk.trading.send_order(prepared)
        assert real[0]["status"] == "FILLED"
        assert (placed.status, placed.filled_quantity, placed.average_price) == (OrderStatus.OPEN, 0, None)
        found = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert (found.status, found.filled_quantity) == (OrderStatus.FILLED, request.quantity)
        assert found.average_price == D(real[0]["cumQuote"]) / D(real[0]["executedQty"])

    bench(run)


def test_a_price_beyond_the_band_is_refused_by_the_venue_and_nothing_is_there(bench: Bench) -> None:
    """PERCENT_PRICE: at most so far above the mark price to buy, so far below it to sell."""

    async def run(desk: BenchDesk) -> None:
        for side in (Side.BUY, Side.SELL):
            far = await desk.request(side, through="0.2", time_in_force=TimeInForce.GTC)
            with pytest.raises(Rejected, match=r"-4131|-4016|-4024") as told:
                await desk.send(far)
            assert not isinstance(told.value, OutcomeUnknown)
            near = await desk.request(side, through="0.005", time_in_force=TimeInForce.IOC)
            assert (await desk.send(near)).filled_quantity == near.quantity
        assert await desk.trading.fetch_positions() == []
        assert await desk.trading.fetch_open_orders() == []

    bench(run)


def test_a_close_of_less_than_five_dollars_is_taken(bench: Bench) -> None:
    """A residual of 3.48 dollars that could not be closed: with `reduceOnly` the least does not hold."""

    async def run(desk: BenchDesk) -> None:
        bbo = await desk.exchange.market.fetch_bbo(desk.instrument.id)
        least = desk.instrument.min_notional / bbo.ask
        small = max(desk.instrument.lot_size, desk.instrument.floor_quantity(least / 2))
        with pytest.raises(BelowMinimum):
            await desk.trading.prepare_order(await desk.request(quantity=small))
        await desk.send(await desk.request(quantity=small * 40))
        await desk.send(await desk.request(Side.SELL, quantity=small * 39, reduce_only=True))
        rest = await desk.request(Side.SELL, quantity=small, reduce_only=True)
        assert rest.quantity * rest.price < desk.instrument.min_notional
        assert (await desk.send(rest)).status is OrderStatus.FILLED
        assert await desk.trading.fetch_positions() == []

    bench(run, world=FakeWorld(assets=("XRP",)))


def test_the_accounts_own_fees_are_asked_for(bench: Bench) -> None:
    async def run(desk: BenchDesk) -> None:
        (truth,) = {each.fees for each in await desk.truth.market.fetch_instruments()}
        assert desk.instrument.fees == truth
        assert desk.instrument.fees != ASTER.public_fees
        (asked,) = desk.wire.sent("GET", "/commissionRate")
        assert "symbol=BTCUSDT" in asked.url

    bench(run)

    async def without(desk: BenchDesk) -> None:
        assert desk.instrument.fees == ASTER.public_fees == ASTER_V1.public_fees
        assert desk.wire.sent("GET", "/commissionRate") == []

    bench(without, without=("user", "agent_key"))


def test_fees_are_asked_for_of_every_currency_and_every_class(bench: Bench) -> None:
    """One call of each group: one for every symbol would use up the weight of minutes."""
    told = {"BTCUSDT": "0.0004", "SOLUSDT": "0.0006", "ETHUSDT": "0.0009"}

    async def run(desk: BenchDesk) -> None:
        def with_stock(answer: Any) -> Any:
            for row in answer["symbols"]:
                row["underlyingType"] = "STOCK" if row["symbol"] == "SOLUSDT" else "COIN"
            return answer

        desk.wire.change_json("/exchangeInfo", with_stock)
        desk.wire.change_json("/commissionRate", lambda row: {**row, "takerCommissionRate": told[row["symbol"]]})
        async with desk.open(made={}) as other:
            listed = {each.symbol: each for each in await other.exchange.market.fetch_instruments()}
        assert listed["SOLUSDT"].asset_class == "stock"
        takers = {name: each.fees.taker for name, each in listed.items()}
        assert (takers["BTCUSDT"], takers["ETHUSDT"], takers["SOLUSDT"]) == (D("0.0004"), D("0.0004"), D("0.0006"))

    bench(run)


def test_the_accounts_stream_tells_orders_and_fills_and_a_read_what_is_available(bench: Bench) -> None:
    """`ACCOUNT_UPDATE` has wallet balances and no available one: no balance is made of it."""

    async def run(desk: Any) -> None:
        heard: list[str] = []

        def overhear(message: str | bytes) -> list[str | bytes]:
            heard.append(str(message))
            return [message]

        desk.wire.tamper = overhear
        async with aclosing(desk.streams.watch_account()) as changes:
            task = asyncio.create_task(collected(changes))
            await desk.sleep(5_000_000_000)
            request = await desk.request()
            await desk.send(request)
            told = await task
        updates = [json.loads(each) for each in heard if '"ACCOUNT_UPDATE"' in each]
        assert updates
        assert all("availableBalance" not in json.dumps(each) for each in updates)
        assert not [each for each in told if isinstance(each, Balance)]
        assert {type(each) for each in told} == {Order, Fill}
        (balance, *_) = await desk.trading.fetch_balances()
        truth = await desk.truth.trading.fetch_account()
        assert abs(balance.available - truth.balances[0].available) < D("0.01")
        assert balance.available < balance.equity

    bench(run)


async def collected(changes: Any) -> list[Any]:
    told = []
    async for each in changes:
        told.append(each)
        if isinstance(each, Order) and each.status is OrderStatus.FILLED:
            return told
    return told


def test_the_listen_key_of_an_agent_is_signed_and_renewed(bench: Bench) -> None:
    async def run(desk: Any) -> None:
        async with aclosing(desk.streams.watch_account()) as changes:
            task = asyncio.create_task(collected(changes))
            await desk.sleep(100 * 60 * 1_000_000_000)
            assert not task.done()
            await desk.send(await desk.request())
            assert await task
        started, renewed = desk.wire.sent("POST", "/listenKey"), desk.wire.sent("PUT", "/listenKey")
        assert len(started) >= 1
        assert len(renewed) == 3
        for each in (*started, *renewed):
            names = [name for name, _ in parse_qsl(each.body.decode())]
            assert names == ["nonce", "user", "signer", "signature"]

    bench(run)
