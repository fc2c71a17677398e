"""Opportunities, positions, exchanges and health."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from arb.api import ExchangeState
from arb.model import ExchangeName, OpportunityFilter, OpportunityScan, Unknown
from arb.testing import FakeFundingService

Serve = Callable[..., Any]


def test_the_filter_is_what_was_asked_for(serve: Serve, service: FakeFundingService) -> None:
    async def case(api: Any) -> None:
        await api.get("/opportunities", min_profit="0.001")
        await api.get(
            "/opportunities",
            min_profit="-0.001",
            size_usd="2500.5",
            horizon_hours="72",
            min_volume="1000000",
            max_oi="5000000",
            dexes="lighter,backpack",
            symbols="btc,SOL-PERP",
        )

    serve(case)
    first, second = service.asked
    assert first == OpportunityFilter(
        notional_usd=Decimal(1000), horizon_hours=Decimal(24), min_net_bps=Decimal(10), limit=1000
    )
    assert second == OpportunityFilter(
        notional_usd=Decimal("2500.5"),
        horizon_hours=Decimal(72),
        min_net_bps=Decimal(-10),
        min_capture_ratio=Decimal(0),
        min_volume_24h_usd=Decimal(1_000_000),
        max_open_interest_usd=Decimal(5_000_000),
        bases=frozenset({"BTC", "SOL"}),
        exchanges=frozenset({"lighter", "backpack"}),
        limit=1000,
    )


def test_a_list_may_be_given_one_by_one(serve: Serve, service: FakeFundingService) -> None:
    async def case(api: Any) -> int:
        async with api.session.get(f"{api.url}/opportunities?dexes=lighter&dexes=backpack&symbols=BTC") as response:
            return int(response.status)

    assert serve(case) == 200
    assert service.asked[0].exchanges == {"lighter", "backpack"}


def test_a_pair_says_what_it_earns_and_what_it_costs(serve: Serve) -> None:
    async def case(api: Any) -> Any:
        return await api.get("/opportunities", limit="1")

    found = serve(case)
    (row,) = found["opportunities"]
    assert (row["long_exchange"], row["short_exchange"]) == ("backpack", "lighter")
    assert (row["capture_bps"], row["cost"]["total_bps"], row["profit"]) == ("30", "13", "0.0017")
    assert (row["score"], found["total"]) == ("0.3", 3)
    assert found["skipped"] is None
    assert found["skipped_reasons"] == {"carry_not_positive": 1, "funding_unknown": 1}


def test_the_pages_of_a_scan_go_down_the_rank(serve: Serve) -> None:
    async def case(api: Any) -> list[str]:
        first = await api.get("/opportunities", limit="2")
        second = await api.get("/opportunities", limit="2", cursor=first["next_cursor"])
        assert second["next_cursor"] is None
        return [row["score"] for row in (*first["opportunities"], *second["opportunities"])]

    assert serve(case) == ["0.3", "0.2", "0.1"]


def test_pairs_that_were_left_have_a_reason_for_machines(serve: Serve) -> None:
    async def case(api: Any) -> Any:
        return (await api.get("/opportunities", include_skipped="true"))["skipped"]

    first, second = serve(case)
    assert (first["reason"], first["value"], first["limit"]) == ("carry_not_positive", "-0.001", "0")
    assert (second["reason"], second["value"], second["limit"]) == ("funding_unknown", None, None)


@pytest.mark.parametrize(
    ("query", "status", "code", "parameter"),
    [
        ({"dexes": "lighter,nobody"}, 404, "unknown-exchange", None),
        ({"symbols": "NOTHING"}, 404, "unknown-symbol", None),
        ({"dexes": ","}, 422, "wrong-parameters", "dexes"),
        ({"dexes": ",".join(["lighter"] * 51)}, 422, "wrong-parameters", "dexes"),
        ({"size_usd": "0"}, 422, "wrong-parameters", "size_usd"),
        ({"size_usd": "1e10"}, 422, "wrong-parameters", "size_usd"),
        ({"size_usd": "NaN"}, 422, "wrong-parameters", "size_usd"),
        ({"horizon_hours": "-1"}, 422, "wrong-parameters", "horizon_hours"),
        ({"min_profit": "Infinity"}, 422, "wrong-parameters", "min_profit"),
        ({"min_profit": "10%"}, 422, "wrong-parameters", "min_profit"),
        ({"limit": "0"}, 422, "wrong-parameters", "limit"),
        ({"limit": "1001"}, 422, "wrong-parameters", "limit"),
        ({"include_skipped": "maybe"}, 422, "wrong-parameters", "include_skipped"),
        ({"min_profitt": "1"}, 422, "wrong-parameters", "min_profitt"),
    ],
)
def test_parameters_that_cannot_be_used_are_named(
    serve: Serve, query: dict[str, str], status: int, code: str, parameter: str | None
) -> None:
    async def case(api: Any) -> Any:
        return await api.problem("/opportunities", status=status, code=code, **query)

    errors = serve(case)["errors"]
    assert {each["parameter"] for each in errors} == (set() if parameter is None else {parameter})


def test_too_many_scans_at_once_are_told_to_wait(serve: Serve, service: FakeFundingService) -> None:
    free = asyncio.Event()
    asked = []

    class Slow(FakeFundingService):
        async def opportunities(self, wanted: OpportunityFilter) -> OpportunityScan:
            asked.append(wanted)
            await free.wait()
            return await super().opportunities(wanted)

    async def case(api: Any) -> list[int]:
        async def one() -> int:
            async with api.session.get(f"{api.url}/opportunities") as response:
                if response.status == 429:
                    assert response.headers["Retry-After"] == "1"
                    free.set()
                return int(response.status)

        first = await asyncio.gather(*(one() for _ in range(12)))
        return [*first, await one()]

    service.__class__ = Slow
    found = serve(case)
    assert sorted(found[:12]) == [200] * 8 + [429] * 4
    assert found[12] == 200


def test_positions_are_told_to_the_owner(serve: Serve) -> None:
    async def case(api: Any) -> Any:
        return await api.get("/positions", headers={"Authorization": "Bearer a token of enough characters"})

    found = serve(case)
    lighter, backpack = found["accounts"]
    (row,) = lighter["positions"]
    assert (lighter["status"], row["side"], row["quantity"], row["unrealized_pnl"]) == (
        "fresh",
        "long",
        "0.01",
        "-1.25",
    )
    assert row["mark_price"] is row["liquidation_price"] is None
    assert (backpack["status"], backpack["positions"]) == ("unknown", [])
    assert "has not been read" in backpack["reason"]
    (hedge,) = found["hedges"]
    assert (hedge["status"], hedge["imbalance"]) == ("open", "0")
    assert [leg["side"] for leg in hedge["legs"]] == ["long", "short"]


def test_exchanges_say_when_they_were_read_and_what_failed(serve: Serve, service: FakeFundingService) -> None:
    failed = service.states[0]
    service.states[0] = changed(failed, failures=("stats: timed out",), collected_ns=None, quarantine="too odd")

    async def case(api: Any) -> Any:
        return (await api.get("/exchanges"))["exchanges"]

    first, second, _ = serve(case)
    assert (first["name"], first["failures"], first["collected_at"]) == ("lighter", ["stats: timed out"], None)
    assert first["quarantine"] == "too odd"
    assert second["collected_at"] == "2026-01-01T00:00:00Z"
    assert "has_account" not in first, "it is not the public's business"


def changed(state: ExchangeState, **changes: Any) -> ExchangeState:
    fields = {name: getattr(state, name) for name in ExchangeState.__slots__}
    return ExchangeState(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "halts", "status", "problem"),
    [
        ({}, [], "ok", None),
        ({"collected_ns": None}, [], "starting", None),
        ({"failures": ("stats: timed out",)}, [], "degraded", "lighter: stats: timed out"),
        ({"quarantine": "too odd"}, [], "degraded", "lighter is not used: too odd"),
        ({}, ["halt 1 (all): lost 1234 USD"], "degraded", None),
    ],
)
def test_health_tells_trouble_with_status_200_and_no_money(
    serve: Serve,
    service: FakeFundingService,
    changes: dict[str, Any],
    halts: list[str],
    status: str,
    problem: str | None,
) -> None:
    service.states[0] = changed(service.states[0], **changes)
    service.standing_halts = halts

    async def case(api: Any) -> Any:
        return await api.get("/health")

    found = serve(case)
    assert found["status"] == status
    assert found["problems"] == ([] if problem is None else [problem])
    assert found["halted"] is bool(halts)
    assert "1234" not in str(found)
    assert (found["exchanges"], found["instruments"]) == (3, 8)


def test_a_run_that_knows_nothing_yet_answers(serve: Serve, service: FakeFundingService) -> None:
    for known in (service.states, service.instruments, service.rates, service.found, service.skipped):
        known.clear()
    service.accounts = {ExchangeName("x"): Unknown("not read")}

    async def case(api: Any) -> Any:
        for path in ("/exchanges", "/funding-rates", "/opportunities", "/health"):
            found = await api.get(path)
        return found

    assert serve(case)["status"] == "ok"
