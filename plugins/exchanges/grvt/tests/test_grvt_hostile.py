"""What a venue, a proxy or a bug may send: an error of our tree, never a wrong number and never an end."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from decimal import Decimal as D
from typing import Any

import pytest

from arb.api import BadResponse, ExchangeError, HttpRequest, HttpResponse, UnknownOrder
from arb.model import HOUR_NS, ClientOrderId
from arb.net import BAD_SHAPE
from arb.testing import Bench, BenchDesk
from arb_exchange_grvt._account import MODES, balances_of, payment_of, positions_of
from arb_exchange_grvt._markets import fees_of, tiers_of
from arb_exchange_grvt._orders import fill_of, order_of
from arb_exchange_grvt._prices import book_of, delta_of, trade_of

LIST = b'{"sub_account_id": "4724219064482495"}'
ODD: tuple[Any, ...] = (None, "", "x", "NaN", "Infinity", "-1", -1, True, [], {}, "1e999", "0x10", 1.5)


async def raises(call: Awaitable[Any]) -> None:
    with pytest.raises(ExchangeError) as caught:
        await call
    assert not isinstance(caught.value, UnknownOrder)


@pytest.mark.parametrize("odd", ODD)
def test_rows_of_the_market_are_never_half_read(odd: Any) -> None:
    book = {"event_time": "5", "instrument": "X", "bids": [{"price": "9", "size": "1"}], "asks": []}
    for name, part in (("event_time", None), ("bids", "price"), ("bids", "size")):
        row = json.loads(json.dumps(book))
        if part is None:
            row[name] = odd
        else:
            row[name][0][part] = odd
        if (part, odd) in (("size", ""), ("size", None)):
            continue
        with pytest.raises(BAD_SHAPE):
            book_of("X", row, 0, 1)  # type: ignore[arg-type]
        with pytest.raises(BAD_SHAPE):
            delta_of("X", row, 1, 2, 1)  # type: ignore[arg-type]
    trade = {"event_time": "5", "is_taker_buyer": True, "size": "1", "price": "1"}
    for name in trade:
        if name == "is_taker_buyer" and odd is True:
            continue
        with pytest.raises(BAD_SHAPE):
            trade_of("X", {**trade, name: odd}, 1)  # type: ignore[arg-type]


def test_a_crossed_book_is_no_book() -> None:
    row = {
        "event_time": "5",
        "instrument": "X",
        "bids": [{"price": "10", "size": "1"}],
        "asks": [{"price": "9", "size": "1"}],
    }
    with pytest.raises(ValueError, match="crossed"):
        book_of("X", row, 0, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("odd", [each for each in ODD if each not in ("-1", -1)])
def test_rows_of_the_account_are_never_half_read(odd: Any) -> None:
    position = {"instrument": "BTC_USDT_Perp", "size": "1", "entry_price": "9", "mark_price": "9"}
    for name in position:
        with pytest.raises(BAD_SHAPE):
            positions_of("grvt", [{**position, name: odd}], 1)
    account = {
        "settle_currency": "USDT",
        "available_balance": "1",
        "maintenance_margin": "1",
        "spot_balances": [{"currency": "USDT", "balance": "1"}],
        "positions": [],
    }
    for name in account:
        if odd == [] and name in ("spot_balances", "positions"):
            continue
        if name == "settle_currency" and isinstance(odd, str) and odd:
            continue
        with pytest.raises(BAD_SHAPE):
            balances_of({**account, name: odd}, 1)
    payment = {"event_time": "5", "instrument": "BTC_USDT_Perp", "currency": "USDT", "amount": "1", "tx_id": "1"}
    for name in payment:
        if name in ("currency", "tx_id") and isinstance(odd, str) and odd:
            continue
        with pytest.raises(BAD_SHAPE):
            payment_of("grvt", {**payment, name: odd})


@pytest.mark.parametrize("odd", [each for each in ODD if each not in ("-1", -1)])
def test_orders_and_fills_are_never_half_read(odd: Any) -> None:
    order = {
        "order_id": "0x01",
        "time_in_force": "GOOD_TILL_TIME",
        "legs": [{"instrument": "BTC_USDT_Perp", "size": "2", "limit_price": "9", "is_buying_asset": True}],
        "state": {
            "status": "OPEN",
            "reject_reason": "UNSPECIFIED",
            "traded_size": ["1"],
            "avg_fill_price": ["9"],
            "update_time": "5",
        },
    }
    for path in (
        ("time_in_force",),
        ("legs",),
        ("legs", 0, "size"),
        ("legs", 0, "is_buying_asset"),
        ("state",),
        ("state", "status"),
        ("state", "traded_size"),
        ("state", "avg_fill_price"),
        ("state", "update_time"),
    ):
        if odd is True and path[-1] == "is_buying_asset":
            continue
        row = json.loads(json.dumps(order))
        place = row
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = odd
        with pytest.raises(BAD_SHAPE):
            order_of("X", ClientOrderId("a"), row)  # type: ignore[arg-type]
    fill = {
        "event_time": "5",
        "is_buyer": True,
        "is_taker": True,
        "size": "1",
        "price": "1",
        "fee": "1",
        "trade_id": "1-1",
        "order_id": "0x01",
    }
    for name in fill:
        if (odd is True and name.startswith("is_")) or (name.endswith("_id") and isinstance(odd, str) and odd):
            continue
        with pytest.raises(BAD_SHAPE):
            fill_of("X", ClientOrderId("a"), {**fill, name: odd})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "brackets",
    [
        [],
        [{"notional_floor": "0"}],
        [{"notional_floor": "0", "maintenance_margin_rate": "0", "initial_margin_rate": "0.1"}],
        [
            {"notional_floor": "0", "maintenance_margin_rate": "0.01", "initial_margin_rate": "0.02"},
            {"notional_floor": "10", "maintenance_margin_rate": "0.01", "initial_margin_rate": "0.02"},
        ],
    ],
)
def test_brackets_that_say_nothing_are_errors(brackets: Any) -> None:
    with pytest.raises(BAD_SHAPE):
        tiers_of({"risk_brackets": brackets})


def test_brackets_are_sorted_and_the_last_has_no_end() -> None:
    rows = [
        {
            "notional_floor": "100",
            "notional_cap": "900",
            "maintenance_margin_rate": "0.05",
            "initial_margin_rate": "0.1",
        },
        {
            "notional_floor": "0",
            "notional_cap": "100",
            "maintenance_margin_rate": "0.01",
            "initial_margin_rate": "0.03",
            "max_leverage": "33",
        },
    ]
    first, last = tiers_of({"risk_brackets": rows})
    assert (first.max_notional, first.max_leverage) == (D(100), D(33))  # what can be set, not 1 / 0.03
    assert (last.max_notional, last.max_leverage) == (None, D(10))


def test_a_tier_may_be_unknown() -> None:
    assert fees_of({"result": {}}) is None
    assert fees_of({"tier": None}) is None
    assert fees_of({"tier": {"futures_taker_fee": 450}}) is None
    fees = fees_of({"tier": {"futures_taker_fee": 450, "futures_maker_fee": -10}})
    assert fees is not None
    assert (fees.taker, fees.maker) == (D("0.00045"), D("-0.00001"))


def test_lists_that_never_end_are_errors(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.request())
        headers = dict(desk.wire.sent("POST", "/account_summary")[-1].headers)
        asked = HttpRequest(method="POST", url="http://x/full/v1/fill_history", headers=headers, body=LIST)
        page = json.loads((await desk.wire.venue.send(asked)).body)
        assert page["result"]
        counter = iter(range(10**9))
        for cursor, why in ((lambda: "again", "stands still"), (lambda: str(next(counter)), "more than 100 pages")):

            def answer(request: HttpRequest, cursor: Callable[[], str] = cursor) -> HttpResponse | None:
                if not request.url.endswith("/fill_history"):
                    return None
                return HttpResponse(status=200, headers={}, body=json.dumps({**page, "next": cursor()}).encode())

            desk.wire.answer = answer
            with pytest.raises(BadResponse, match=why):
                await desk.trading.fetch_fills(0)

    bench(body)


def test_a_row_in_the_middle_of_a_list_fails_the_list(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        for _ in range(3):
            await desk.send(await desk.request())

        def spoil(content: Any) -> Any:
            del content["result"][1]["fee"]
            return content

        desk.wire.change_json("/fill_history", spoil)
        await raises(desk.trading.fetch_fills(0))

    bench(body)


@pytest.mark.parametrize(
    "answer", [{}, [], None, {"result": None}, {"result": {}}, {"result": []}, {"results": []}, {"result": [None]}]
)
def test_answers_of_another_shape(bench: Bench, answer: Any) -> None:
    async def body(desk: Any) -> None:
        await desk.send(await desk.resting())
        desk.wire.answer = lambda request: HttpResponse(status=200, headers={}, body=json.dumps(answer).encode())
        trading, market, name = desk.trading, desk.exchange.market, desk.instrument.id
        for call in (
            trading.fetch_balances,
            lambda: trading.fetch_leverage(name),
            lambda: trading.fetch_order(name, ClientOrderId("mine-1")),
            lambda: trading.cancel_order(name, ClientOrderId("mine-1")),
            trading.cancel_all,
            lambda: trading.arm_dead_mans_switch(HOUR_NS),
            lambda: market.fetch_order_book(name, 10),
            market.fetch_stats,
            market.fetch_funding_rates,
            market.fetch_fx_rates,
        ):
            await raises(call())
        if answer != {"result": []}:
            for call in (
                trading.fetch_positions,
                trading.fetch_open_orders,
                lambda: trading.fetch_fills(0),
                lambda: trading.fetch_funding_payments(0),
                lambda: trading.fetch_transfers(0),
                lambda: market.fetch_funding_history(name, 0, HOUR_NS),
                market.fetch_instruments,
            ):
                await raises(call())

    bench(body, settings={"live_tickers": False})


def test_one_market_that_cannot_be_read_is_left_out(bench: Bench, caplog: Any) -> None:
    async def body(desk: Any) -> None:
        def spoil(content: Any) -> Any:
            content["result"][1]["tick_size"] = "0"
            content["result"].append({"kind": "CALL", "instrument": "BTC_USDT_Call_20Oct23_2800"})
            return content

        before = await desk.exchange.market.fetch_instruments()
        desk.wire.change_json("/all_instruments", spoil)
        after = await desk.exchange.market.fetch_instruments()
        assert [each.id for each in after] == [each.id for each in before if each.id != before[1].id]
        # What is held there has to be closed: its rules are still known.
        assert await desk.exchange.market.fetch_bbo(before[1].id)

    bench(body)
    assert "left out" in caplog.text


def test_modes_of_margin_that_are_not_known_are_errors() -> None:
    row = {
        "instrument": "BTC_USDT_Perp",
        "size": "1",
        "entry_price": "9",
        "mark_price": "9",
        "margin_type": "SOMETHING",
    }
    with pytest.raises(KeyError):
        positions_of("grvt", [row], 1)
    assert set(MODES) == {"CROSS", "ISOLATED"}
