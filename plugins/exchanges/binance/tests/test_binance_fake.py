"""The fake venue checks what the venue checks, and refuses in its words."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from arb.api import HttpRequest, HttpResponse
from arb.model import DAY_NS, MINUTE_NS, Side
from arb.testing import Bench, BenchDesk
from arb_exchange_binance.fake import API_KEY
from arb_exchange_binance.fake._keys import SECRET

ORDER = "/fapi/v1/order"


def signed(text: str) -> str:
    return hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()


async def ask(
    desk: BenchDesk,
    method: str,
    path: str,
    params: dict[str, Any],
    *,
    ahead_ms: int = 0,
    key: str = API_KEY,
    signature: str | None = None,
    split: int | None = None,
    window: int | None = None,
) -> tuple[int, Any]:
    """Ask the fake as another client would, past the plugin."""
    stamp = desk.clock.now_ns() // 1_000_000 + ahead_ms
    pairs = [*params.items(), *([("recvWindow", window)] if window is not None else []), ("timestamp", stamp)]
    first, second = pairs[: split or 0], pairs[split or 0 :]
    text = urlencode(first) + urlencode(second)
    tail = f"{urlencode(second)}&signature={signed(text) if signature is None else signature}"
    url, body = f"http://x{path}", b""
    if method == "POST":
        url, body = f"{url}?{urlencode(first)}" if first else url, tail.encode()
    else:
        url = f"{url}?{tail}"
    response: HttpResponse = await desk.wire.venue.send(
        HttpRequest(method=method, url=url, headers={"x-mbx-apikey": key}, body=body)
    )
    return response.status, json.loads(response.body)


async def limit(desk: BenchDesk, **changes: Any) -> dict[str, Any]:
    bbo = await desk.exchange.market.fetch_bbo(desk.instrument.id)
    price = desk.instrument.limit_price(Side.BUY, bbo.bid * 95 / 100)
    usual = {
        "symbol": desk.instrument.symbol,
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": f"{desk.instrument.lot_size * 10:f}",
        "price": f"{price:f}",
    }
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


@pytest.mark.parametrize("split", [0, 3])
def test_it_hashes_query_and_body_as_they_come(bench: Bench, split: int) -> None:
    async def body(desk: BenchDesk) -> None:
        status, row = await ask(desk, "POST", ORDER, await limit(desk), split=split)
        assert status == 200
        assert (row["status"], row["clientOrderId"][:5]) == ("NEW", "venue")
        assert "avgPrice" not in row
        assert "cumQuote" not in row

    bench(body)


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ({"ahead_ms": 1_000}, 400, -1021),
        ({"ahead_ms": -5_001}, 400, -1021),
        ({"ahead_ms": -2_000, "window": 1_000}, 400, -1021),
        ({"signature": "0" * 64}, 400, -1022),
        ({"key": ""}, 401, -2014),
        ({"key": "another"}, 401, -2015),
    ],
)
def test_it_refuses_who_asks_wrongly(bench: Bench, how: dict[str, Any], status: int, code: int) -> None:
    async def body(desk: BenchDesk) -> None:
        told, answer = await ask(desk, "GET", "/fapi/v3/account", {}, **how)
        assert (told, answer["code"]) == (status, code)
        assert set(answer) == {"code", "msg"}

    bench(body)


@pytest.mark.parametrize("how", [{"ahead_ms": 999}, {"ahead_ms": -5_000}, {"ahead_ms": -50_000, "window": 60_000}])
def test_it_takes_what_is_within_its_window(bench: Bench, how: dict[str, Any]) -> None:
    async def body(desk: BenchDesk) -> None:
        assert (await ask(desk, "GET", "/fapi/v3/account", {}, **how))[0] == 200

    bench(body)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"symbol": "NOPEUSDT"}, -1121),
        ({"symbol": None}, -1102),
        ({"side": "LONG"}, -1117),
        ({"type": "STOP"}, -1116),
        ({"timeInForce": None}, -1102),
        ({"timeInForce": "DAY"}, -1115),
        ({"quantity": "0"}, -4003),
        ({"quantity": "0.00011"}, -1111),
        ({"quantity": "x"}, -1100),
        ({"quantity": None}, -1102),
        ({"price": "60000.01"}, -4014),
        ({"price": "-1"}, -4001),
        ({"price": "1"}, -4164),
        ({"positionSide": "LONG"}, -4061),
        ({"newClientOrderId": "with space"}, -4015),
        ({"newClientOrderId": "x" * 37}, -4015),
        ({"reduceOnly": "true"}, -2022),
        ({"selfTradePreventionMode": "MAYBE"}, -1100),
        ({"quantity": "100000"}, -4005),
        ({"side": "SELL", "timeInForce": "GTX"}, -5022),
        ({"quantity": "900"}, -2019),
    ],
)
def test_it_refuses_an_order_with_the_venues_code(bench: Bench, changes: dict[str, Any], code: int) -> None:
    async def body(desk: BenchDesk) -> None:
        status, answer = await ask(desk, "POST", ORDER, await limit(desk, **changes))
        assert (status, answer["code"]) == (400, code)
        assert await desk.truth.trading.fetch_open_orders() == []

    bench(body)


def test_an_id_may_come_again_when_its_order_is_over(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        order = await limit(desk, newClientOrderId="twice")
        first = (await ask(desk, "POST", ORDER, order))[1]
        assert (await ask(desk, "POST", ORDER, order))[1]["code"] == -4116
        which = {"symbol": "BTCUSDT", "origClientOrderId": "twice"}
        assert (await ask(desk, "DELETE", ORDER, which))[1]["status"] == "CANCELED"
        assert (await ask(desk, "DELETE", ORDER, which))[1]["code"] == -2011
        second = (await ask(desk, "POST", ORDER, order))[1]
        assert second["orderId"] > first["orderId"]
        assert (await ask(desk, "GET", ORDER, which))[1]["orderId"] == second["orderId"]
        by_number = {"symbol": "BTCUSDT", "orderId": first["orderId"]}
        assert (await ask(desk, "GET", ORDER, by_number))[1]["status"] == "CANCELED"
        assert (await ask(desk, "GET", ORDER, {"symbol": "ETHUSDT", "orderId": first["orderId"]}))[1]["code"] == -2013

    bench(body)


def test_a_market_order_fills_and_has_no_price(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        order = await limit(desk, type="MARKET", price=None, timeInForce=None)
        row = (await ask(desk, "POST", ORDER, order))[1]
        assert (row["status"], row["price"], row["type"]) == ("FILLED", "0", "MARKET")
        found = (await ask(desk, "GET", ORDER, {"symbol": "BTCUSDT", "orderId": row["orderId"]}))[1]
        assert float(found["avgPrice"]) > 0
        trades = (await ask(desk, "GET", "/fapi/v1/userTrades", {"symbol": "BTCUSDT"}))[1]
        assert {trade["orderId"] for trade in trades} == {row["orderId"]}
        assert "clientOrderId" not in trades[0]
        income = (await ask(desk, "GET", "/fapi/v1/income", {"incomeType": "COMMISSION"}))[1]
        paid = sum(float(row["income"]) for row in income)
        assert paid == -sum(float(trade["commission"]) for trade in trades) < 0

    bench(body)


def test_an_ioc_without_a_match_expires(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        row = (await ask(desk, "POST", ORDER, await limit(desk, timeInForce="IOC")))[1]
        assert (row["status"], row["executedQty"]) == ("EXPIRED", "0")

    bench(body)


@pytest.mark.parametrize("path", ["/fapi/v1/income", "/fapi/v1/userTrades"])
def test_a_window_has_a_week_at_most(bench: Bench, path: str) -> None:
    async def body(desk: BenchDesk) -> None:
        now_ms = desk.clock.now_ns() // 1_000_000
        week = 7 * DAY_NS // 1_000_000
        asked = {"symbol": "BTCUSDT", "startTime": now_ms - week - 1, "endTime": now_ms}
        assert (await ask(desk, "GET", path, asked))[1]["code"] == -4165
        assert (await ask(desk, "GET", path, {**asked, "startTime": now_ms - week}))[0] == 200

    bench(body)


def test_only_adjusted_symbols_have_an_interval(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        assert (await ask(desk, "GET", "/fapi/v1/fundingInfo", {}))[1] == []
        rates = await desk.exchange.market.fetch_funding_rates()
        assert {rate.interval_ns for rate in rates} == {DAY_NS // 3}

    bench(body)


def test_too_much_in_a_minute_is_refused_until_it_is_over(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.sleep(MINUTE_NS - desk.clock.now_ns() % MINUTE_NS)
        request = HttpRequest(method="GET", url="http://x/fapi/v1/depth?symbol=BTCUSDT&limit=1000")
        answers = [await desk.wire.venue.send(request) for _ in range(121)]
        assert [each.status for each in answers] == [200] * 120 + [429]
        assert json.loads(answers[-1].body)["code"] == -1003
        assert answers[119].headers["X-MBX-USED-WEIGHT-1M"] == "2400"
        await desk.sleep(int(answers[-1].headers["Retry-After"]) * 1_000_000_000)
        assert (await desk.wire.venue.send(request)).status == 200

    bench(body)


def test_too_many_orders_in_ten_seconds_are_refused(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.sleep(MINUTE_NS - desk.clock.now_ns() % MINUTE_NS)
        order = await limit(desk, price="1")  # refused ones count as well
        told = [(await ask(desk, "POST", ORDER, order)) for _ in range(301)]
        assert {answer["code"] for _, answer in told[:300]} == {-4164}
        assert told[300] == (429, {"code": -1015, "msg": "Too many requests; current limit is reached."})

    bench(body)


def test_a_path_of_another_version_is_not_there(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        for path in ("/fapi/v2/positionRisk", "/fapi/v1/nonsense", "/fapi/v4/account"):
            assert (await ask(desk, "GET", path, {}))[0] == 404

    bench(body)


def test_settings_that_are_set_already_are_told(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        told = [
            (await ask(desk, "POST", path, params))[1]["code"]
            for path, params in (
                ("/fapi/v1/marginType", {"symbol": "BTCUSDT", "marginType": "CROSSED"}),
                ("/fapi/v1/positionSide/dual", {"dualSidePosition": "false"}),
                ("/fapi/v1/multiAssetsMargin", {"multiAssetsMargin": "false"}),
                ("/fapi/v1/leverage", {"symbol": "BTCUSDT", "leverage": 500}),
            )
        ]
        assert told == [-4046, -4059, -4171, -4028]

    bench(body)
