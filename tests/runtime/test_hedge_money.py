"""What a hedge has earned so far, where several hold one instrument."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import pytest

from arb.model import (
    HOUR_NS,
    MINUTE_NS,
    ClientOrderId,
    ExchangeOrderId,
    Fill,
    FillId,
    FundingPayment,
    Hedge,
    HedgeId,
    HedgeStatus,
    InstrumentId,
    Leg,
    Liquidity,
    Order,
    OrderPurpose,
    OrderRecord,
    OrderRequest,
    OrderStatus,
    PaymentId,
    PositionSide,
    Side,
)
from arb.runtime._hedge_money import HedgeMoney
from arb.storage import Journal
from arb.testing import MemoryStorage, sample_instrument

NOON_NS = 12 * HOUR_NS
ACCRUING = sample_instrument("one", "COIN", funding_interval_ns=0)
SETTLING = sample_instrument("two", "COIN")
FIRST, SECOND = HedgeId("h1"), HedgeId("h2")
Trade = tuple[int, int]


def hedge(hedge_id: HedgeId, held: int, *, closed_ns: int | None = None, on: InstrumentId = ACCRUING.id) -> Hedge:
    leg = Leg(
        instrument=on,
        side=PositionSide.SHORT,
        target_quantity=Decimal(2),
        multiplier=Decimal(1),
        entry_quantity=Decimal(held),
    )
    return Hedge(
        id=hedge_id,
        strategy="carry",
        base="COIN",
        legs=(leg,),
        status=HedgeStatus.OPEN if closed_ns is None else HedgeStatus.CLOSED,
        created_ns=NOON_NS - 3 * HOUR_NS,
        max_slippage_bps=Decimal(10),
        entry_reason="",
        closed_ns=closed_ns,
    )


def fills(hedge_id: HedgeId, *trades: Trade) -> Sequence[Fill]:
    return [
        Fill(
            fill_id=FillId(f"{hedge_id}-{number}"),
            client_order_id=ClientOrderId(f"{hedge_id}-{number}"),
            exchange_order_id=ExchangeOrderId("x"),
            instrument=ACCRUING.id,
            side=Side.BUY if signed > 0 else Side.SELL,
            price=Decimal(100),
            quantity=Decimal(abs(signed)),
            fee=Decimal("0.5"),
            fee_currency="USDC",
            liquidity=Liquidity.TAKER,
            ts_event_ns=ts_ns,
        )
        for number, (ts_ns, signed) in enumerate(trades)
    ]


def paid(at_ns: int, *, on: InstrumentId = ACCRUING.id) -> FundingPayment:
    return FundingPayment(
        payment_id=PaymentId(f"p{at_ns}"),
        instrument=on,
        amount=Decimal(6),
        currency="USDC",
        settled_ns=at_ns,
    )


def funding(money: HedgeMoney) -> dict[HedgeId, Decimal]:
    return {one: money.funding(one) for one in (FIRST, SECOND)}


@pytest.fixture
def money() -> HedgeMoney:
    return HedgeMoney(lambda _: Decimal(2), {one.id: one for one in (ACCRUING, SETTLING)})


def test_what_a_close_realises_is_of_who_held_and_not_of_who_has_just_opened(money: HedgeMoney) -> None:
    opened = (NOON_NS - 2 * HOUR_NS, -2)
    money.set_fills(hedge(FIRST, 2), fills(FIRST, opened))
    money.set_fills(hedge(SECOND, 2), fills(SECOND, (NOON_NS - MINUTE_NS // 2, -2)))
    money.set_fills(hedge(FIRST, 0, closed_ns=NOON_NS), fills(FIRST, opened, (NOON_NS, 2)))
    money.add_payment(paid(NOON_NS), [hedge(SECOND, 2)])
    assert funding(money) == {FIRST: 12, SECOND: 0}
    money.add_payment(paid(NOON_NS + HOUR_NS), [hedge(SECOND, 2)])
    assert funding(money) == {FIRST: 12, SECOND: 12}
    assert money.fees(FIRST) == 2
    assert money.fees(SECOND) == 1


def test_what_a_settlement_pays_is_shared_by_open_contracts(money: HedgeMoney) -> None:
    holders = [hedge(FIRST, 1, on=SETTLING.id), hedge(SECOND, 2, on=SETTLING.id)]
    money.add_payment(paid(NOON_NS, on=SETTLING.id), holders)
    assert funding(money) == {FIRST: 4, SECOND: 8}


def test_a_restart_knows_who_held_what_was_paid_meanwhile(money: HedgeMoney) -> None:
    async def run() -> None:
        storage = MemoryStorage()
        journal = await Journal.open(storage)
        second = hedge(SECOND, 2)
        held = [
            (hedge(FIRST, 0, closed_ns=NOON_NS), fills(FIRST, (NOON_NS - 2 * HOUR_NS, -2), (NOON_NS, 2))),
            (second, fills(SECOND, (NOON_NS - MINUTE_NS // 2, -2))),
        ]
        async with journal.transaction() as tx:
            await tx.put_instruments([ACCRUING], 0)
            for one, traded in held:
                await tx.put_hedge(one)
                for fill in traded:
                    await tx.put_order(order(one.id, fill))
                await tx.add_fills(traded)
            await tx.add_funding_payments([paid(NOON_NS)])
        await money.load(journal, [second])
        assert funding(money) == {FIRST: 12, SECOND: 0}
        storage.close()

    asyncio.run(run())


def order(hedge_id: HedgeId, fill: Fill) -> OrderRecord:
    request = OrderRequest(
        client_order_id=fill.client_order_id,
        instrument=fill.instrument,
        side=fill.side,
        quantity=fill.quantity,
        price=fill.price,
    )
    report = Order(
        request=request,
        exchange_order_id=fill.exchange_order_id,
        status=OrderStatus.FILLED,
        filled_quantity=fill.quantity,
        average_price=fill.price,
        ts_event_ns=fill.ts_event_ns,
    )
    return OrderRecord(
        order=report,
        hedge_id=hedge_id,
        leg_index=0,
        purpose=OrderPurpose.ENTRY,
        attempt=int(fill.fill_id[-1]),
        arrival_price=fill.price,
        created_ns=fill.ts_event_ns,
    )
