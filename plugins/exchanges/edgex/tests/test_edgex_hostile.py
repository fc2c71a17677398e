"""A sick venue: what cannot be true ends in an error that says so, and nothing stays broken after it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from arb.api import BadResponse, ExchangeError, HttpRequest, HttpResponse, OutcomeUnknown, Rejected
from arb.model import DAY_NS, MINUTE_NS, SECOND_NS, Position
from arb.net import VenueTime
from arb.testing import Bench, BenchDesk, Listener
from arb_exchange_edgex.fake._keys import API_KEY, PASSPHRASE, SECRET, TRADING_KEY

CREATE = "/api/v2/private/order/createOrder"


def of_data(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return the change of an answer that changes its data."""
    return lambda body: {**body, "data": change(body["data"])}


def without(number: str) -> Callable[[Any], Any]:
    return lambda meta: {**meta, "contractList": [row for row in meta["contractList"] if row["contractId"] != number]}


def broken(number: str) -> Callable[[Any], Any]:
    def change(meta: Any) -> Any:
        rows = [{**row, "stepSize": "x"} if row["contractId"] == number else row for row in meta["contractList"]]
        return {**meta, "contractList": rows}

    return change


@pytest.mark.parametrize("change", [without("30000001"), broken("30000001")])
def test_a_market_that_one_listing_lacks_can_still_be_closed(bench: Bench, change: Callable[[Any], Any]) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.check_unlisted(lambda: desk.wire.change_json("getMetaData", of_data(change)))

    bench(body)


def test_a_contract_that_took_the_number_of_another_is_not_traded(bench: Bench) -> None:
    """A number that changes its name would be an order in another market."""

    async def body(desk: BenchDesk) -> None:
        request = await desk.request()

        def swapped(meta: Any) -> Any:
            first, second, *others = meta["contractList"]
            names = first["contractId"], second["contractId"]
            return {
                **meta,
                "contractList": [{**first, "contractId": names[1]}, {**second, "contractId": names[0]}, *others],
            }

        desk.wire.change_json("getMetaData", of_data(swapped))
        await desk.exchange.market.fetch_instruments()
        with pytest.raises(Rejected):  # its price is far from that of the other market
            await desk.send(request)
        sent = json.loads(desk.wire.sent("POST", CREATE)[-1].body)
        assert sent["contractId"] == "30000002"  # by name, as the listing has it now

    bench(body)


def test_no_message_ends_the_streams(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        depth = '{"type": "quote-event", "channel": "depth.30000001.200", "content": '
        noise: list[str | bytes] = [
            '{"type": ["ping"]}',
            '{"type": "quote-event", "channel": [], "content": {}}',
            depth + '{"dataType": "changed", "data": [{"endVersion": 1e99999999999999999999}]}}',
            depth + '{"dataType": "changed", "data": null}}',
            depth + '{"data": []}}',
            depth + "null}",
            "[" * 100_000,
            '{"type": "ping"}',
        ]
        desk.wire.tamper = lambda message: [noise.pop(), message] if noise else [message]
        listener = Listener(desk.streams.watch_order_book(desk.instrument.id))
        await desk.sleep(2 * MINUTE_NS)
        assert not noise
        assert not listener.is_over
        assert len(listener.heard) > 5
        await listener.stop()

    bench(body)


async def calls(desk: Any) -> list[Callable[[], Any]]:
    name = desk.instrument.id
    market, trading = desk.exchange.market, desk.trading
    return [
        market.fetch_instruments,
        market.fetch_funding_rates,
        lambda: market.fetch_funding_history(name, desk.clock.now_ns() - DAY_NS, desk.clock.now_ns()),
        lambda: market.fetch_order_book(name, 5),
        trading.fetch_positions,
        trading.fetch_balances,
        trading.fetch_open_orders,
        lambda: trading.fetch_fills(0),
        lambda: trading.fetch_funding_payments(0),
        lambda: trading.fetch_leverage(name),
        lambda: trading.fetch_transfers(0),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"null",
        b"[]",
        b'"SUCCESS"',
        b"<html>",
        b"\xff\xfe",
        b'{"data": {}}',
        b'{"code": null, "data": []}',
        b'{"code": "SUCCESS"}',
        b'{"code": "SUCCESS", "data": null}',
        b'{"code": "SUCCESS", "data": 7}',
        b'{"code": "SUCCESS", "data": [7]}',
        b'{"code": "SUCCESS", "data": {"dataList": [7]}}',
        b'{"code": "SUCCESS", "data": {"dataList": 7}}',
        b'{"code": "SUCCESS", "data": [{}]}',
        b'{"code": "A_NEW_CODE", "data": []}',
        b'{"code": "GATEWAY_PARAM_INVALID", "data": {"dataList": [], "nextPageOffsetData": ""}}',
        b'{"code": "SUCCESS", "data": ' + b"[" * 10_000,
    ],
)
def test_no_answer_is_taken_for_an_empty_account(bench: Bench, answer: bytes) -> None:
    """Whatever stands in HTTP 200: it raises an error of arb, and the next answer is read again."""

    async def body(desk: BenchDesk) -> None:
        for each in await calls(desk):
            desk.wire.answer = lambda one: HttpResponse(status=200, headers={}, body=answer)
            with pytest.raises(ExchangeError):
                await each()
            desk.wire.answer = lambda one: None
            await each()

    bench(body)


def test_pages_that_never_end_are_given_up(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.request())
        desk.wire.change_json("Page", of_data(lambda page: {**page, "nextPageOffsetData": "64.1"}))
        for each in (
            lambda: desk.trading.fetch_fills(0),
            desk.trading.fetch_open_orders,
            lambda: desk.trading.fetch_funding_payments(0),
            lambda: desk.exchange.market.fetch_funding_history(desk.instrument.id, 0, desk.clock.now_ns()),
        ):
            before = len(desk.wire.requests)
            with pytest.raises(BadResponse):
                await each()
            assert len(desk.wire.requests) - before < 500

    bench(body)


def test_orders_of_others_are_not_ours(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.resting()
        await desk.send(request)

        def of_another(rows: Any) -> Any:
            return [{**row, "clientOrderId": "another"} for row in rows]

        desk.wire.change_json("getOrderByClientOrderId", of_data(of_another))
        # The venue answered with another order; the list of those at work has ours.
        found = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert found.request.client_order_id == request.client_order_id
        listed = of_data(lambda page: {**page, "dataList": of_another(page["dataList"])})
        desk.wire.change_json("getActiveOrderPage", listed)
        with pytest.raises(BadResponse):
            await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)

    bench(body)


@pytest.mark.parametrize("told", ["0", "-5", "x", "99999999999999999", None, 5.5])
def test_an_impossible_time_of_the_venue_signs_nothing(bench: Bench, told: Any) -> None:
    async def body(desk: Any) -> None:
        desk.wire.change_json("getServerTime", of_data(lambda data: {"timeMillis": told}))
        rest = desk.exchange.trading._rest
        rest.time = VenueTime(rest._context, rest._ask_time)  # as if it had never been learnt
        with pytest.raises(ExchangeError):
            await desk.trading.prepare_order(await desk.request())
        assert desk.wire.sent("POST", CREATE) == []

    bench(body)


def test_a_position_that_cannot_be_read_is_no_flat_account(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.request())
        for change in (
            lambda data: {**data, "positionList": [{**data["positionList"][0], "openSize": "x"}]},
            lambda data: {**data, "positionList": [{**data["positionList"][0], "contractId": "5"}]},
            lambda data: {**data, "positionAssetList": []},
            lambda data: {**data, "positionList": None},
        ):
            desk.wire.change_json("getAccountAsset", of_data(change))
            with pytest.raises(BadResponse):
                await desk.trading.fetch_positions()
            desk.wire.change = None
        (held,) = await desk.trading.fetch_positions()
        assert isinstance(held, Position)

    bench(body)


def test_errors_that_repeat_what_was_sent_show_no_key(bench: Bench, caplog: Any) -> None:
    async def body(desk: Any) -> None:
        def echo(request: HttpRequest) -> HttpResponse:
            sent = {**request.headers, "body": (request.body or b"").decode()}
            content = {"code": "INVALID_API_KEY", "msg": str(sent), "errorParam": sent, "data": sent}
            return HttpResponse(status=200, headers={}, body=json.dumps(content).encode())

        prepared = await desk.trading.prepare_order(await desk.request())
        desk.wire.answer = echo
        shown, asked = [], await calls(desk)
        asked.append(lambda: desk.trading.send_order(prepared))
        for each in asked:
            with pytest.raises(ExchangeError) as caught:
                await each()
            shown.append(f"{caught.value!r} {caught.value} {caught.value.__cause__!r}")
        text = f"{shown} {caplog.text}"
        for secret in (API_KEY, PASSPHRASE, SECRET, TRADING_KEY, prepared.payload.signed.headers["X-edgeX-Signature"]):
            assert secret not in text

    bench(body)


def test_a_signature_that_was_lost_on_the_way_is_in_doubt(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.request()
        prepared = await desk.trading.prepare_order(request)
        desk.wire.answer = lambda one: (
            HttpResponse(status=504, headers={}, body=b"<html>") if one.url.endswith(CREATE) else None
        )
        with pytest.raises(OutcomeUnknown):
            await desk.trading.send_order(prepared)
        desk.wire.answer = lambda one: None
        await desk.sleep(SECOND_NS)

    bench(body)
