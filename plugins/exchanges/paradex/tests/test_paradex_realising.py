"""Funding that is realised when a position changes, as at the venue; until then it is nobody's cash and no profit."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from arb.model import HOUR_NS, MINUTE_NS, ZERO, FundingPayment, Side
from arb.testing import Bench, BenchDesk, FakeWorld


def _sum(payments: Iterable[FundingPayment]) -> Decimal:
    return sum((one.amount for one in payments), ZERO)


def test_what_accrued_is_paid_when_the_position_changes(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        start_ns = desk.clock.now_ns()
        await desk.send(await desk.request(Side.SELL))
        (opened,) = await desk.trading.fetch_balances()
        await desk.sleep(3 * HOUR_NS + MINUTE_NS)

        true = _sum(await desk.truth.trading.fetch_funding_payments(start_ns))
        assert true, "something has accrued"
        assert list(await desk.trading.fetch_funding_payments(start_ns)) == []
        (balance,), (position,) = await desk.trading.fetch_balances(), await desk.trading.fetch_positions()
        (held,) = await desk.truth.trading.fetch_positions()
        assert balance.cash == opened.cash
        assert abs(position.unrealized_pnl - held.unrealized_pnl) < Decimal("1e-8")
        assert balance.equity == balance.cash + position.unrealized_pnl

        half = await desk.request(Side.BUY, quantity=position.quantity.copy_abs() / 2)
        await desk.send(half)
        (paid,) = await desk.trading.fetch_funding_payments(start_ns)
        assert paid.amount == true
        (now,) = [one for one in await desk.trading.fetch_balances() if one.currency == balance.currency]
        (fill,) = [one for one in await desk.truth.trading.fetch_fills(start_ns) if one.side is Side.BUY]
        assert fill.realized_pnl is not None
        assert now.cash == balance.cash + fill.realized_pnl - fill.fee + paid.amount
        assert paid.settled_ns // 1_000_000 == fill.ts_event_ns // 1_000_000

        await desk.sleep(2 * HOUR_NS)
        await desk.send(await desk.request(Side.BUY, quantity=position.quantity.copy_abs() / 2))
        assert list(await desk.trading.fetch_positions()) == []
        payments = await desk.trading.fetch_funding_payments(start_ns)
        assert len(payments) == 2
        assert _sum(payments) == _sum(await desk.truth.trading.fetch_funding_payments(start_ns))
        (last,) = await desk.trading.fetch_balances()
        (true_last,) = await desk.truth.trading.fetch_balances()
        assert last.cash == true_last.cash

    bench(body, world=FakeWorld(memory={"realises": "changes"}))
