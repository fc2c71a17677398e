"""Funding rates, their comparison and their history."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from arb.api import StorageError
from arb.model import DAY_NS, HOUR_NS, Fresh, FundingKind, FundingRate, RateUnit, Stale, instrument_id
from arb.testing import START_NS, FakeFundingService, sample_instrument

Serve = Callable[..., Any]
HOURLY = instrument_id("BTC-PERP", "lighter")
EIGHT_HOURLY = instrument_id("BTC-PERP", "backpack")
BTC = {"dex1": "lighter", "dex2": "backpack", "symbol": "BTC"}


def getting(path: str, **query: Any) -> Callable[[Any], Awaitable[Any]]:
    async def case(api: Any) -> Any:
        return await api.get(path, **query)

    return case


def refused(path: str, status: int, code: str, **query: Any) -> Callable[[Any], Awaitable[Any]]:
    async def case(api: Any) -> Any:
        return await api.problem(path, status=status, code=code, **query)

    return case


def test_rates_of_different_intervals_are_compared_by_the_hour(serve: Serve) -> None:
    found = serve(getting("/funding-rates/compare", **BTC))

    assert (found["base"], found["usable"]) == ("BTC", True)
    assert (found["dex1"]["per_hour"], found["dex2"]["per_hour"]) == ("0.0000125", "-0.00005")
    assert (found["dex1"]["interval_hours"], found["dex2"]["interval_hours"]) == ("1", "8")
    assert found["dex2"]["per_settlement"] == "-0.0004"
    assert (found["dex1"]["payer"], found["dex2"]["payer"]) == ("longs", "shorts")
    assert found["spread_per_hour"] == "0.0000625"
    assert Decimal(found["spread_apr"]) == Decimal("0.0000625") * 8760
    assert (found["long"], found["short"]) == ("backpack", "lighter")
    assert "lighter: longs pay shorts; backpack: shorts pay longs" in found["explanation"]


@pytest.mark.parametrize("symbol", ["btc", "BTC", "BTC-PERP", "btc-perp"])
def test_the_order_of_the_exchanges_and_the_way_to_name_an_asset_change_nothing(serve: Serve, symbol: str) -> None:
    found = serve(getting("/funding-rates/compare", dex1="backpack", dex2="lighter", symbol=symbol))

    assert found["dex1"]["instrument"] == EIGHT_HOURLY
    assert (found["spread_per_hour"], found["long"], found["short"]) == ("0.0000625", "backpack", "lighter")


def test_a_stale_rate_is_shown_and_not_called_usable(serve: Serve, service: FakeFundingService) -> None:
    reading = service.rates[HOURLY]
    assert isinstance(reading, Fresh)
    service.rates[HOURLY] = Stale(reading.value, reading.source, reading.observed_ns)
    found = serve(getting("/funding-rates/compare", **BTC))

    assert (found["usable"], found["dex1"]["status"], found["dex2"]["status"]) == (False, "stale", "fresh")
    assert found["spread_per_hour"] == "0.0000625"


def test_an_unknown_rate_has_no_numbers_and_says_why(serve: Serve, service: FakeFundingService) -> None:
    del service.rates[EIGHT_HOURLY]
    found = serve(getting("/funding-rates/compare", **BTC))

    assert found["dex2"]["status"] == "unknown"
    assert found["dex2"]["reason"] == "the test does not say"
    assert found["dex2"]["per_hour"] is found["dex2"]["interval_ns"] is found["dex2"]["observed_at"] is None
    assert found["spread_per_hour"] is found["spread_apr"] is found["long"] is found["short"] is None
    assert found["usable"] is False
    assert "backpack: not known" in found["explanation"]


def test_equal_rates_earn_nothing_on_either_side(serve: Serve, service: FakeFundingService) -> None:
    for name, interval_ns, raw in ((HOURLY, HOUR_NS, "0"), (EIGHT_HOURLY, 8 * HOUR_NS, "0")):
        reading = service.rates[name]
        assert isinstance(reading, Fresh)
        unit = RateUnit(factor=Decimal(1), period_ns=interval_ns)
        rate = FundingRate(
            instrument=name,
            raw=Decimal(raw),
            unit=unit,
            interval_ns=interval_ns,
            kind=FundingKind.PREDICTED,
            ts_event_ns=service.now_ns,
            ts_init_ns=service.now_ns,
        )
        service.rates[name] = Fresh(rate, name, service.now_ns)
    found = serve(getting("/funding-rates/compare", **BTC))

    assert (found["spread_per_hour"], found["long"], found["short"]) == ("0", None, None)
    assert (found["dex1"]["payer"], found["dex1"]["next_funding_at"]) == ("nobody", None)


@pytest.mark.parametrize(
    ("changes", "status", "code", "words"),
    [
        ({"dex1": "lightr"}, 404, "unknown-exchange", "there is lighter"),
        ({"symbol": "DOGE"}, 404, "unknown-symbol", "there is BTC, ETH, GOLD, SOL"),
        ({"dex2": "empty"}, 404, "unknown-symbol", "no symbol on empty"),
        ({"dex2": "lighter"}, 422, "not-comparable", "the same exchange"),
        ({"symbol": "SOL"}, 422, "ambiguous-symbol", "SOL-PERP, SOLUSDT-PERP"),
        ({"symbol": "GOLD"}, 422, "not-comparable", "(commodity)"),
        ({"symbol": ""}, 422, "wrong-parameters", "at least 1 character"),
        ({"sort": "x"}, 422, "wrong-parameters", "sort"),
    ],
)
def test_what_cannot_be_compared_is_explained(
    serve: Serve, changes: dict[str, str], status: int, code: str, words: str
) -> None:
    assert words in serve(refused("/funding-rates/compare", status, code, **{**BTC, **changes}))["detail"]


def test_an_instrument_that_is_listed_later_is_found(serve: Serve, service: FakeFundingService) -> None:
    async def case(api: Any) -> Any:
        query = {"dex1": "lighter", "dex2": "backpack", "symbol": "ETH"}
        await api.problem("/funding-rates/compare", status=404, code="unknown-symbol", **query)
        new = sample_instrument("backpack", "ETH")
        service.instruments[new.id] = new
        return await api.get("/funding-rates/compare", **query)

    assert serve(case)["dex2"]["instrument"] == "ETH-PERP.backpack"


def test_rates_are_listed_with_their_markets(serve: Serve) -> None:
    found = serve(getting("/funding-rates", dex="lighter", symbol="BTC"))

    (row,) = found["rates"]
    assert (row["exchange"], row["quote"], row["mark_price"]) == ("lighter", "USDC", "90000.5")
    assert (row["volume_24h"], row["open_interest"], row["index_price"]) == ("1000000", "500", None)
    assert row["next_funding_at"] == "2026-01-11T01:00:00Z"
    assert row["observed_ns"] == START_NS + 10 * DAY_NS
    assert (found["total"], found["next_cursor"]) == (1, None)


def test_a_number_that_is_none_is_null(serve: Serve) -> None:
    (row,) = serve(getting("/funding-rates", dex="backpack", symbol="BTC"))["rates"]

    assert row["volume_24h"] is None


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("rate", ["BTC-PERP.backpack", "BTC-PERP.lighter", "ETH-PERP.lighter", "GOLD-PERP.backpack"]),
        ("-rate", ["ETH-PERP.lighter", "BTC-PERP.lighter", "BTC-PERP.backpack", "GOLD-PERP.backpack"]),
        ("-volume", ["BTC-PERP.lighter", "BTC-PERP.backpack", "ETH-PERP.lighter", "GOLD-PERP.backpack"]),
        ("instrument", ["BTC-PERP.backpack", "BTC-PERP.lighter", "ETH-PERP.lighter", "GOLD-PERP.backpack"]),
    ],
)
def test_what_has_no_number_comes_last(serve: Serve, sort: str, expected: list[str]) -> None:
    found = serve(getting("/funding-rates", sort=sort, limit="4"))

    assert [row["instrument"] for row in found["rates"]] == expected


async def pages(api: Any, path: str, rows: str, **query: str) -> list[Any]:
    """Return the pages of a listing, following its cursors."""
    found: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        one = await api.get(path, **query, **cursor)
        found.append(one[rows])
        if one["next_cursor"] is None:
            return found
        cursor = {"cursor": one["next_cursor"]}


@pytest.mark.parametrize("sort", ["instrument", "rate", "-rate", "-open_interest"])
def test_pages_hold_every_row_once(serve: Serve, service: FakeFundingService, sort: str) -> None:
    async def case(api: Any) -> list[Any]:
        return await pages(api, "/funding-rates", "rates", sort=sort, limit="3")

    found = serve(case)
    names = [row["instrument"] for each in found for row in each]
    assert [len(each) for each in found] == [3, 3, 2]
    assert sorted(names) == sorted(service.instruments)


def test_rows_that_appear_between_two_pages_neither_hide_nor_repeat_others(
    serve: Serve, service: FakeFundingService
) -> None:
    async def case(api: Any) -> list[str]:
        first = await api.get("/funding-rates", limit="3")
        for base in ("AAA", "ZZZ"):
            new = sample_instrument("lighter", base)
            service.instruments[new.id] = new
        second = await api.get("/funding-rates", limit="100", cursor=first["next_cursor"])
        return [row["instrument"] for row in (*first["rates"], *second["rates"])]

    found = serve(case)
    assert len(found) == len(set(found))
    assert set(service.instruments) - set(found) == {"AAA-PERP.lighter"}


def test_a_cursor_belongs_to_its_parameters(serve: Serve) -> None:
    async def case(api: Any) -> None:
        cursor = (await api.get("/funding-rates", limit="3"))["next_cursor"]
        await api.get("/funding-rates", limit="2", cursor=cursor)
        for query in ({"sort": "rate"}, {"dex": "lighter"}):
            await api.problem("/funding-rates", status=400, code="wrong-cursor", cursor=cursor, **query)
        for forged in ("AAAA", "bnVsbA", "WzFd", cursor[:-3], cursor[:-2] + "AA"):
            await api.problem("/funding-rates", status=400, code="wrong-cursor", cursor=forged)
        await api.problem("/funding-rates", status=422, code="wrong-parameters", cursor="no base64 of ours!")

    serve(case)


def test_history_is_settled_oldest_first_and_ends_now(serve: Serve, service: FakeFundingService) -> None:
    found = serve(getting("/history/funding-rates/lighter/BTC", period="1d"))

    times = [row["at_ns"] for row in found["rates"]]
    assert times == [service.now_ns - DAY_NS + hour * HOUR_NS for hour in range(24)]
    assert (found["kind"], found["instrument"]) == ("settled", HOURLY)
    assert found["end_at"] == "2026-01-11T00:00:00Z"
    row = found["rates"][0]
    assert row["per_hour"] == row["per_settlement"]
    assert Decimal(row["apr"]) == Decimal(row["per_hour"]) * 8760
    assert serve(getting("/history/funding-rates/lighter/BTC", kind="predicted"))["rates"] == []


@pytest.mark.parametrize(("period", "sizes"), [("7d", [100, 68]), ("366d", [100, 100, 40]), ("100h", [100])])
def test_the_pages_of_a_history_keep_its_end(
    serve: Serve, service: FakeFundingService, period: str, sizes: list[int]
) -> None:
    async def case(api: Any) -> list[Any]:
        first = await api.get("/history/funding-rates/lighter/BTC", period=period)
        service.now_ns += DAY_NS
        found, cursor = [first["rates"]], first["next_cursor"]
        while cursor is not None:
            one = await api.get("/history/funding-rates/lighter/BTC", period=period, cursor=cursor)
            assert (one["start_ns"], one["end_ns"]) == (first["start_ns"], first["end_ns"])
            found.append(one["rates"])
            cursor = one["next_cursor"]
        return found

    found = serve(case)
    times = [row["at_ns"] for each in found for row in each]
    assert [len(each) for each in found] == sizes
    assert times == sorted(set(times))


def test_no_rate_is_lost_between_two_reads_of_the_storage(serve: Serve, service: FakeFundingService) -> None:
    service.stored = [replace(each, kind=FundingKind.PREDICTED) for each in service.stored]
    found = serve(getting("/history/funding-rates/lighter/BTC", period="4d", kind="predicted"))

    assert [row["at_ns"] for row in found["rates"]] == [service.now_ns - hour * HOUR_NS for hour in range(96, 0, -1)]


@pytest.mark.parametrize("period", ["7", "x", "367d", "-1d", "1y", "99999999999999999999d", "٣d"])
def test_a_period_that_is_none_is_refused(serve: Serve, period: str) -> None:
    found = serve(refused("/history/funding-rates/lighter/BTC", 422, "wrong-parameters", period=period))

    assert [each["parameter"] for each in found["errors"]] == ["period"]


def test_a_storage_that_cannot_be_read_is_no_empty_history(serve: Serve, service: FakeFundingService) -> None:
    service.storage_failure = StorageError("/var/secret.db: disk I/O error")
    found = serve(refused("/history/funding-rates/lighter/BTC", 503, "storage"))

    assert "secret" not in found["detail"]
