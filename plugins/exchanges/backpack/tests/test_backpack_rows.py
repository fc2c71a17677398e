"""One row that is none of ours, or that cannot be read, among many."""

from __future__ import annotations

from typing import Any

import pytest

from arb.api import BadResponse, Rejected
from arb.model import HOUR_NS, MarginMode
from arb.testing import Bench, BenchDesk

INVERSE = {
    "symbol": "BTC_USD_IPERP",
    "netQuantity": "100",
    "entryPrice": "60000",
    "markPrice": "60000",
    "estLiquidationPrice": "0",
    "pnlUnrealized": "0",
    "mmf": "0.01",
}


def test_a_position_of_another_type_is_passed_over_and_told_once(bench: Bench, caplog: Any) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.request())
        desk.wire.change_json("/api/v1/position", lambda rows: [INVERSE, *rows])
        for _ in range(3):
            (position,) = await desk.trading.fetch_positions()
            assert position.instrument == desk.instrument.id
        assert [each.currency for each in await desk.trading.fetch_balances()] == ["USDC"]
        assert "marketType=PERP" in desk.wire.sent("GET", "/api/v1/position")[-1].url

    bench(body)
    assert caplog.text.count("BTC_USD_IPERP") == 1


@pytest.mark.parametrize("symbol", ["BTC_PERP", "btc_usdc_perp_PERP", "", None])
def test_a_position_that_may_be_in_a_perpetual_is_never_passed_over(bench: Bench, symbol: Any) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.change_json("/api/v1/position", lambda rows: [{**INVERSE, "symbol": symbol}, *rows])
        with pytest.raises(BadResponse):
            await desk.trading.fetch_positions()

    bench(body)


def test_a_position_of_another_type_holds_the_accounts_leverage_too(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.change_json("/api/v1/position", lambda rows: [INVERSE, *rows])
        leverage, _ = await desk.trading.fetch_leverage(desk.instrument.id)
        with pytest.raises(Rejected, match="BTC_USD_IPERP"):
            await desk.trading.set_leverage(desk.instrument.id, leverage + 1, MarginMode.CROSS)

    bench(body)


def test_a_payment_that_is_not_asked_for_need_not_be_readable(bench: Bench, caplog: Any) -> None:
    async def body(desk: BenchDesk) -> None:
        since_ns = desk.clock.now_ns()
        await desk.send(await desk.request())
        await desk.sleep(2 * HOUR_NS)
        paid = await desk.trading.fetch_funding_payments(since_ns)
        assert paid
        row = {"quantity": "1", "fundingRate": "0.0001", "intervalEndTimestamp": "2026-01-01T01:30:00"}
        inverse = {**row, "symbol": "BTC_USD_IPERP"}
        old = {**row, "symbol": "??_PERP", "fundingRate": None, "intervalEndTimestamp": "2020-01-01T00:00:00"}
        desk.wire.change_json("/wapi/v1/history/funding", lambda rows: [inverse, *rows, old])
        assert await desk.trading.fetch_funding_payments(since_ns) == paid
        assert await desk.trading.fetch_funding_payments(since_ns) == paid
        ours = {**old, "intervalEndTimestamp": "2026-01-01T01:30:00"}
        desk.wire.change_json("/wapi/v1/history/funding", lambda rows: [*rows, ours])
        with pytest.raises(BadResponse):
            await desk.trading.fetch_funding_payments(since_ns)

    bench(body)
    assert caplog.text.count("BTC_USD_IPERP") == 1


def test_an_order_of_another_type_does_not_hide_ours(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        resting = await desk.send(await desk.resting())
        desk.wire.change_json("/api/v1/orders", lambda rows: [{**rows[0], "symbol": "BTC_USDC"}, *rows])
        (order,) = await desk.trading.fetch_open_orders()
        assert order.request.client_order_id == resting.request.client_order_id

    bench(body)


def test_interest_of_an_unknown_kind_does_not_hide_deposits(bench: Bench, caplog: Any) -> None:
    async def body(desk: Any) -> None:
        row = {
            "paymentType": "OfNextYear",
            "quantity": "0.5",
            "symbol": "USDC",
            "marketSymbol": "SOL_USDC_PERP",
            "positionId": "1",
            "timestamp": "2026-01-01T00:00:00",
        }
        desk.wire.change_json("/wapi/v1/history/interest", lambda rows: [row, {**row, "paymentType": "Lend"}])
        for _ in range(2):
            kinds = {transfer.kind for transfer in await desk.trading.fetch_transfers(0)}
            assert kinds == {"deposit", "interest"}
            await desk.sleep(HOUR_NS)

    bench(body)
    assert caplog.text.count("OfNextYear") == 1
