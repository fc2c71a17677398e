"""The table of codes: complete, unique, and certain only where the venue is."""

from __future__ import annotations

import ast
import inspect
import json
from typing import Any

import pytest

import arb_dialect_fapi._errors as errors
from arb.api import (
    AuthenticationFailed,
    BadResponse,
    BelowMinimum,
    ClockRefused,
    ExchangeError,
    HttpRequest,
    HttpResponse,
    InMaintenance,
    InsufficientMargin,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    UnknownOrder,
    WouldCross,
)
from arb.testing import Bench, BenchDesk
from arb_dialect_fapi import IN_DOUBT, REFUSALS
from arb_dialect_fapi._errors import refusal_table
from arb_exchange_binance._dialect import BINANCE

SHEET = {
    "-1003": RateLimited,
    "-1008": RateLimited,
    "-1015": RateLimited,
    "-1021": ClockRefused,
    "-5028": ClockRefused,
    "-1022": AuthenticationFailed,
    "-1102": Rejected,
    "-1111": Rejected,
    "-1121": Rejected,
    "-2010": Rejected,
    "-2011": Rejected,
    "-2013": Rejected,
    "-2014": AuthenticationFailed,
    "-2015": AuthenticationFailed,
    "-2018": InsufficientMargin,
    "-2019": InsufficientMargin,
    "-2021": Rejected,
    "-2022": Rejected,
    "-2025": Rejected,
    "-2027": Rejected,
    "-4003": Rejected,
    "-4004": BelowMinimum,
    "-4005": Rejected,
    "-4014": Rejected,
    "-4015": Rejected,
    "-4023": Rejected,
    "-4061": Rejected,
    "-4118": Rejected,
    "-4131": Rejected,
    "-4164": BelowMinimum,
    "-4183": Rejected,
    "-4400": Rejected,
    "-4401": Rejected,
    "-4402": Rejected,
    "-4403": Rejected,
    "-5021": Rejected,
    "-5022": WouldCross,
}
"""Of the fact sheet: everything that is certain."""

DOUBTS = {"-1000", "-1001", "-1006", "-1007", "-4116"}


def answer(status: int, code: int | str, text: str = "") -> HttpResponse:
    return HttpResponse(status=status, headers={}, body=json.dumps({"code": code, "msg": text}).encode())


def read(response: HttpResponse) -> ExchangeError | None:
    return refusal_table("bn", BINANCE)(response)


def test_every_code_of_the_sheet_has_its_meaning() -> None:
    assert {code: REFUSALS[code] for code in SHEET} == SHEET
    assert DOUBTS <= IN_DOUBT
    assert not REFUSALS.keys() & IN_DOUBT
    assert all(code.startswith("-") and code[1:].isdigit() for code in REFUSALS.keys() | IN_DOUBT)


def test_no_code_stands_twice_in_the_table() -> None:
    (table,) = (
        node.value
        for node in ast.walk(ast.parse(inspect.getsource(errors)))
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "REFUSALS"
    )
    assert isinstance(table, ast.Call)
    (mapping,) = table.args
    assert isinstance(mapping, ast.Dict)
    names = [getattr(key, "value", getattr(errors, getattr(key, "id", ""), None)) for key in mapping.keys]
    assert len(names) == len(set(names)) == len(REFUSALS)


@pytest.mark.parametrize("code", sorted(SHEET))
def test_a_code_is_read_whether_it_is_a_number_or_a_text(code: str) -> None:
    for told in (int(code), code):
        found = read(answer(400, told, "words"))
        assert type(found) is SHEET[code]
        assert found is not None
        assert (found.code, found.exchange) == (code, "bn")


@pytest.mark.parametrize("code", [*sorted(DOUBTS), "-9999", "0", "", "true"])
def test_what_is_not_in_the_table_is_never_certain(code: str) -> None:
    assert read(answer(400, code, "words")) is None


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"code": -1008, "msg": "Server is currently overloaded with other requests."}, RateLimited),
        ({"code": 0, "msg": "Service Unavailable."}, InMaintenance),
        ({"code": -1000, "msg": "Internal error; unable to process your request. Please try again."}, InMaintenance),
        ({"code": -1003, "msg": "Unknown error, please check your request or try again later."}, OutcomeUnknown),
        ({"code": -2019, "msg": "Margin is insufficient."}, OutcomeUnknown),
        ({}, OutcomeUnknown),
        ([], OutcomeUnknown),
    ],
)
def test_a_503_is_what_its_text_says(bench: Bench, body: Any, kind: type[ExchangeError]) -> None:
    """Recorded by hummingbot: 503 with -1003 and "Unknown error" for an order that may have been placed."""

    async def run(desk: BenchDesk) -> None:
        prepared = await desk.trading.prepare_order(await desk.request())
        sick = HttpResponse(status=503, headers={}, body=json.dumps(body).encode())
        desk.wire.answer = lambda request: sick if request.method == "POST" else None
        with pytest.raises(kind) as told:
            await desk.trading.send_order(prepared)
        assert isinstance(told.value, NotSent) == (kind is not OutcomeUnknown)

    bench(run)


def test_an_order_in_a_symbol_that_is_delivered_is_refused(bench: Bench) -> None:
    """-4108 "Symbol is on delivering or delivered or settling or closed or pre-trading."."""

    async def run(desk: BenchDesk) -> None:
        prepared = await desk.trading.prepare_order(await desk.request())
        desk.wire.answer = lambda request: answer(400, -4108) if request.method == "POST" else None
        with pytest.raises(Rejected) as told:
            await desk.trading.send_order(prepared)
        assert told.value.code == "-4108"

    bench(run)


def test_a_duplicate_client_id_is_in_doubt_and_found(bench: Bench) -> None:
    """Something on the way sent the order twice: the one that is open is ours."""

    async def run(desk: Any) -> None:
        request = await desk.resting()
        prepared = await desk.trading.prepare_order(request)
        again: list[HttpRequest] = []

        def twice(sent: HttpRequest) -> None:
            if sent.method == "POST" and "/order" in sent.url and not again:
                again.append(sent)

        desk.wire.answer = twice
        inner = desk.wire.venue.send

        async def send(sent: HttpRequest) -> HttpResponse:
            found: HttpResponse = await inner(sent)
            return await inner(sent) if again and sent is again[0] else found

        desk.wire.venue.send = send
        with pytest.raises(BadResponse) as told:
            await desk.trading.send_order(prepared)
        assert "-4116" in str(told.value)
        found = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert found.request.quantity == request.quantity
        assert len(await desk.trading.fetch_open_orders()) == 1

    bench(run)


def test_a_refused_time_is_asked_for_again(bench: Bench) -> None:
    async def run(desk: BenchDesk) -> None:
        refused = [answer(400, -1021, "Timestamp for this request is outside of the recvWindow.")]
        before = len(desk.wire.sent("GET", "/fapi/v1/time"))
        desk.wire.answer = lambda sent: refused.pop() if refused and "positionRisk" in sent.url else None
        assert await desk.trading.fetch_positions() == []
        assert len(desk.wire.sent("GET", "/fapi/v1/time")) == before + 1
        prepared = await desk.trading.prepare_order(await desk.request())
        refused.append(answer(400, -1021, "Timestamp for this request was 1000ms ahead of the server's time."))
        desk.wire.answer = lambda sent: refused.pop() if refused and sent.method == "POST" else None
        with pytest.raises(AuthenticationFailed, match="clock"):
            await desk.trading.send_order(prepared)
        order = await desk.send(await desk.request())
        assert order.filled_quantity == order.request.quantity
        assert len(desk.wire.sent("GET", "/fapi/v1/time")) == before + 2

    bench(run)


def test_a_cancel_tells_unknown_from_over(bench: Bench) -> None:
    async def run(desk: Any) -> None:
        with pytest.raises(UnknownOrder):
            await desk.trading.cancel_order(desk.instrument.id, "never-there")
        done = await desk.request()
        await desk.send(done)
        with pytest.raises(Rejected) as told:
            await desk.trading.cancel_order(desk.instrument.id, done.client_order_id)
        assert not isinstance(told.value, UnknownOrder)
        assert told.value.code == "-2011"

    bench(run)
