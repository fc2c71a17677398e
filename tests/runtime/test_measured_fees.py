"""How often own entries rested."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from arb.funding import FeeCalculator
from arb.model import (
    ClientOrderId,
    ExchangeName,
    ExchangeOrderId,
    Fill,
    FillId,
    Hedge,
    HedgeId,
    HedgeStatus,
    Leg,
    Liquidity,
    Order,
    OrderPurpose,
    OrderRecord,
    OrderRequest,
    OrderStatus,
    PositionSide,
    Side,
)
from arb.runtime._measured_fees import measured_fees
from arb.storage import Journal
from arb.testing import MemoryStorage, sample_instrument

COIN = sample_instrument("one")


def order(number: int, purpose: OrderPurpose) -> OrderRecord:
    request = OrderRequest(
        client_order_id=ClientOrderId(f"o{number}"),
        instrument=COIN.id,
        side=Side.BUY,
        quantity=Decimal(1),
        price=Decimal(100),
    )
    return OrderRecord(
        order=Order(request=request, status=OrderStatus.FILLED, filled_quantity=Decimal(1)),
        hedge_id=HedgeId("h"),
        leg_index=0,
        purpose=purpose,
        attempt=number,
        arrival_price=Decimal(100),
        created_ns=number,
    )


def fill(number: int, liquidity: Liquidity) -> Fill:
    return Fill(
        fill_id=FillId(f"f{number}"),
        client_order_id=ClientOrderId(f"o{number}"),
        exchange_order_id=ExchangeOrderId(f"x{number}"),
        instrument=COIN.id,
        side=Side.BUY,
        price=Decimal(100),
        quantity=Decimal(1),
        fee=Decimal(0),
        fee_currency="USDC",
        liquidity=liquidity,
        ts_event_ns=number,
    )


def measured(entries: int, makers: int) -> FeeCalculator:
    """Measure so many filled entries, some of which rested, and an exit that rested, which is none."""

    async def run() -> FeeCalculator:
        storage = MemoryStorage()
        journal = await Journal.open(storage)
        leg = Leg(instrument=COIN.id, side=PositionSide.LONG, target_quantity=Decimal(1), multiplier=Decimal(1))
        hedge = Hedge(
            id=HedgeId("h"),
            strategy="carry",
            base="BTC",
            legs=(leg,),
            status=HedgeStatus.OPENING,
            created_ns=0,
            max_slippage_bps=Decimal(10),
            entry_reason="",
        )
        async with journal.transaction() as tx:
            await tx.put_instruments([COIN], 0)
            await tx.put_hedge(hedge)
            for number in range(entries):
                await tx.put_order(order(number, OrderPurpose.ENTRY))
            await tx.put_order(order(entries, OrderPurpose.EXIT))
            kinds = [Liquidity.MAKER if number < makers else Liquidity.TAKER for number in range(entries)]
            await tx.add_fills([fill(number, kind) for number, kind in enumerate([*kinds, Liquidity.MAKER])])
        found = await measured_fees(journal)
        storage.close()
        return found

    return asyncio.run(run())


def test_the_share_of_entries_that_rested_is_measured() -> None:
    assert measured(20, 5).maker_share == {ExchangeName("one"): Decimal("0.25")}


def test_too_few_entries_tell_nothing() -> None:
    assert measured(19, 19).maker_share == {}
