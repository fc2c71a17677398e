"""What is particular of Aster's public side: intervals side by side, names, classes, streams on one socket."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from decimal import Decimal as D
from typing import Any

import pytest

from arb.api import HttpRequest, HttpResponse
from arb.model import HOUR_NS, BookDelta, BookGap, OrderBook
from arb.testing import Bench, BenchDesk, FakeWorld
from arb_dialect_fapi._listing import Listing, Terms, listing_of
from arb_exchange_aster._dialect import ASTER, denomination, listed_class

HERE = "http://fake.test"


def row(base: str, quote: str = "USDT", **changes: Any) -> dict[str, Any]:
    return {
        "symbol": f"{base}{quote}",
        "contractType": "PERPETUAL",
        "status": "TRADING",
        "baseAsset": base,
        "quoteAsset": quote,
        "marginAsset": quote,
        "underlyingType": "COIN",
        "requiredMarginPercent": "5.0000",
        "maintMarginPercent": "2.5000",
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
            {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
            {"filterType": "MIN_NOTIONAL", "notional": "5"},
            {"filterType": "PERCENT_PRICE", "multiplierUp": "1.0200", "multiplierDown": "0.9800"},
        ],
        **changes,
    }


def listing(*rows: dict[str, Any], hours: dict[str, int] | None = None) -> Listing:
    intervals = {symbol: each * HOUR_NS for symbol, each in (hours or {}).items()}
    return listing_of("as", ASTER, {"symbols": list(rows)}, Terms(intervals_ns=intervals, fees={}, tiers=None))


@pytest.mark.parametrize(
    ("base", "asset", "contracts"),
    [
        ("1000PEPE", "PEPE", 1000),
        ("1000CHEEMS", "CHEEMS", 1000),
        ("10000SATS", "SATS", 10000),
        ("1000000MOG", "MOG", 1000000),
        ("1INCH", "1INCH", 1),
        ("0G", "0G", 1),
        ("2Z", "2Z", 1),
        ("42", "42", 1),
        ("4", "4", 1),
        ("1MBABYDOGE", "1MBABYDOGE", 1),
        ("1000", "1000", 1),
        ("100X", "100X", 1),
        ("BTC", "BTC", 1),
    ],
)
def test_names_that_begin_with_digits_are_no_multipliers(base: str, asset: str, contracts: int) -> None:
    assert denomination(base) == (asset, D(contracts))
    (listed,) = listing(row(base)).instruments
    assert (listed.base, listed.multiplier, listed.symbol) == (asset, D(contracts), f"{base}USDT")
    assert listed.id == f"{base}-PERP.as"


def test_what_the_venue_tests_with_is_left_out() -> None:
    rows = [row("TEST"), row("TEST1"), row("TEST", "USD1"), row("BTC"), row("BTC", "USD1")]
    assert [each.id for each in listing(*rows).instruments] == ["BTC-PERP.as", "BTC-USD1-PERP.as"]


def test_what_is_no_coin_is_of_another_class_and_what_ends_is_left_out() -> None:
    rows = [row("BB"), row("NVDA", underlyingType="STOCK"), row("XAU", underlyingType="COMMODITY")]
    assert [each.asset_class for each in listing(*rows).instruments] == ["crypto", "stock", "commodity"]
    assert listed_class(row("BTC", contractType="CURRENT_QUARTER")) is None


@pytest.mark.parametrize(
    ("status", "word"), [("TRADING", "trading"), ("SETTLING", "suspended"), ("PENDING_TRADING", "suspended")]
)
def test_only_what_trades_is_listed_as_trading(status: str, word: str) -> None:
    (listed,) = listing(row("BTC", status=status)).instruments
    assert listed.status == word


def hours_of(request: HttpRequest, hours: dict[str, int]) -> HttpResponse | None:
    if "/fundingInfo" not in request.url:
        return None
    told = [
        {
            "symbol": symbol,
            "interestRate": "0.00010000",
            "time": 1_767_225_600_000,
            "fundingIntervalHours": each,
            "fundingFeeCap": 0.03,
            "fundingFeeFloor": -0.03,
        }
        for symbol, each in hours.items()
    ]
    return HttpResponse(status=200, headers={}, body=json.dumps(told).encode())


def test_symbols_that_settle_every_1_4_and_8_hours_stand_side_by_side(bench: Bench) -> None:
    """`fundingInfo` lists every symbol; a rate is of its own symbol's interval."""
    hours = {"BTCUSDT": 8, "ETHUSDT": 4, "SOLUSDT": 1}

    async def run(desk: BenchDesk) -> None:
        plain = {each.instrument: each for each in await desk.exchange.market.fetch_funding_rates()}
        desk.wire.answer = lambda request: hours_of(request, hours)
        listed = {each.symbol: each for each in await desk.exchange.market.fetch_instruments()}
        assert {name: listed[name].funding_interval_ns for name in hours} == {
            name: each * HOUR_NS for name, each in hours.items()
        }
        rates = {each.instrument: each for each in await desk.exchange.market.fetch_funding_rates()}
        for name, each in hours.items():
            rate = rates[listed[name].id]
            assert rate.interval_ns == each * HOUR_NS
            assert rate.raw == plain[rate.instrument].raw, "the venue's number is left alone"
            assert rate.rate * HOUR_NS / rate.interval_ns * each == rate.raw
        # The interval changes at short notice: the next read has it.
        hours["BTCUSDT"] = 1
        rates = {each.instrument: each for each in await desk.exchange.market.fetch_funding_rates()}
        assert rates[listed["BTCUSDT"].id].interval_ns == HOUR_NS

    bench(run)


def test_the_fake_lists_every_symbol_with_its_interval(bench: Bench) -> None:
    async def run(desk: BenchDesk) -> None:
        told = json.loads(
            (await desk.wire.venue.send(HttpRequest(method="GET", url=f"{HERE}/fapi/v3/fundingInfo"))).body
        )
        listed = {each.symbol: each for each in await desk.exchange.market.fetch_instruments()}
        assert {each["symbol"]: each["fundingIntervalHours"] * HOUR_NS for each in told} == {
            name: each.funding_interval_ns for name, each in listed.items()
        }
        assert len({each["fundingIntervalHours"] for each in told}) > 1

    bench(run, world=FakeWorld(assets=("BTC", "HYPE")))


def test_books_and_trades_share_one_path_and_at_most_200_streams_a_socket(bench: Bench) -> None:
    assert ASTER.sockets.public == ASTER.sockets.market == "/stream"
    assert ASTER.sockets.most_streams == 200

    async def run(desk: Any) -> None:
        listed = await desk.exchange.market.fetch_instruments()
        assert len(listed) == 101
        watched = [desk.streams.watch_order_book(each.id) for each in listed]
        watched += [desk.streams.watch_trades(each.id) for each in listed]
        tasks = [asyncio.create_task(anext(each)) for each in watched]
        await desk.sleep(2_000_000_000)
        sockets = [each for each in desk.wire.sockets if each.sent]
        asked = [[json.loads(each) for each in socket.sent] for socket in sockets]
        streams = [
            {name for each in socket if each["method"] == "SUBSCRIBE" for name in each["params"]} for socket in asked
        ]
        assert len(set().union(*streams)) >= 202
        assert max(len(each) for each in streams) <= 200
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for each in watched:
            await each.aclose()

    bench(run, world=FakeWorld(assets=tuple(f"SOL{number}" for number in range(101))))


def test_streams_are_asked_for_in_lower_case(bench: Bench) -> None:
    async def run(desk: Any) -> None:
        async with aclosing(desk.streams.watch_order_book(desk.instrument.id)) as updates:
            first = await anext(updates)
            while isinstance(first, BookGap):
                first = await anext(updates)
            assert isinstance(first, OrderBook)
            assert isinstance(await anext(updates), BookDelta)
        sent = [json.loads(each) for socket in desk.wire.sockets for each in socket.sent]
        names = [name for each in sent if each["method"] == "SUBSCRIBE" for name in each["params"]]
        assert names
        assert all(name == name.lower() and "@" in name for name in names)

    bench(run)


def test_open_interest_is_contracts_and_told_in_quote_currency(bench: Bench) -> None:
    """The call is not documented; public clients have used it under version 1 only."""

    async def run(desk: Any) -> None:
        stats = {each.instrument: each for each in await desk.exchange.market.fetch_stats()}
        assert desk.wire.sent("GET", "/fapi/v1/openInterest")
        found = stats[desk.instrument.id]
        truth = {each.instrument: each for each in await desk.truth.market.fetch_stats()}[desk.instrument.id]
        assert found.open_interest is not None
        assert abs(found.open_interest / truth.open_interest - 1) < D("0.001")

    bench(run)


def test_without_a_price_of_collateral_no_rate_is_made_up(bench: Bench) -> None:
    async def run(desk: BenchDesk) -> None:
        assert dict(await desk.exchange.market.fetch_fx_rates()) == {}

    bench(run)
