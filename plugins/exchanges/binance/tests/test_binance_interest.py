"""Open interest is asked symbol by symbol, and one that is refused keeps no other from being told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import pytest

from arb.api import HttpRequest, HttpResponse
from arb.model import MINUTE_NS
from arb.testing import Bench, BenchDesk

INTEREST = "/openInterest"
CLOSED = HttpResponse(
    status=400,
    headers={},
    body=b'{"code": -4108, "msg": "Symbol is on delivering or delivered or settling or closed or pre-trading."}',
)


def symbol_of(request: HttpRequest) -> str:
    return dict(parse_qsl(request.url.partition("?")[2]))["symbol"]


def instead(answer: HttpResponse, symbol: str) -> Callable[[HttpRequest], HttpResponse | None]:
    return lambda sent: answer if INTEREST in sent.url and symbol_of(sent) == symbol else None


async def asked(desk: BenchDesk) -> tuple[list[str], set[str]]:
    """Return of which symbols the venue was asked, in order, and of which bases the open interest is known."""
    desk.wire.log.clear()
    stats = await desk.exchange.market.fetch_stats()
    known = {each.instrument.partition("-")[0] for each in stats if each.open_interest is not None}
    return [symbol_of(each) for each in desk.wire.sent("GET", INTEREST)], known


@pytest.mark.parametrize("answer", [CLOSED, HttpResponse(status=200, headers={}, body=b'{"openInterest": null}')])
def test_one_that_is_refused_comes_behind_all_others(bench: Bench, answer: HttpResponse) -> None:
    async def body(desk: BenchDesk) -> None:
        first, known = await asked(desk)
        assert len(first) == len(known) > 2
        leader = first[0]
        await desk.sleep(40 * MINUTE_NS)  # what was told is too old
        desk.wire.answer = instead(answer, leader)
        second, known = await asked(desk)
        assert second == first
        assert known == {symbol.removesuffix("USDT") for symbol in first[1:]}
        await desk.sleep(MINUTE_NS)
        assert (await asked(desk))[0] == []
        await desk.sleep(5 * MINUTE_NS)
        desk.wire.answer = None
        third, known = await asked(desk)
        assert third == [*first[1:], leader]
        assert len(known) == len(first)
        await desk.sleep(6 * MINUTE_NS)
        assert (await asked(desk))[0] == first

    bench(body)


@pytest.mark.parametrize("status", [429, 502])
def test_where_none_can_be_told_no_other_is_asked(bench: Bench, status: int) -> None:
    async def body(desk: BenchDesk) -> None:
        sick = HttpResponse(status=status, headers={"Retry-After": "1"}, body=b"<html>")
        desk.wire.answer = lambda sent: sick if INTEREST in sent.url else None
        symbols, known = await asked(desk)
        assert (len(symbols), known) == (1, set())

    bench(body)


def test_what_is_not_traded_is_not_asked(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        def settling(answer: Mapping[str, Any]) -> Mapping[str, Any]:
            rows = [{**row, "status": "SETTLING"} if row["symbol"] == "ETHUSDT" else row for row in answer["symbols"]]
            return {**answer, "symbols": rows}

        desk.wire.change_json("/exchangeInfo", settling)
        await desk.exchange.market.fetch_instruments()
        symbols, known = await asked(desk)
        assert "BTCUSDT" in symbols
        assert "ETHUSDT" not in symbols
        assert "ETH" not in known

    bench(body)
