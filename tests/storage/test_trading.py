from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

from tests.storage.conftest import with_journal

from arb.model import (
    ClientOrderId,
    Dust,
    ExchangeName,
    Hedge,
    HedgeId,
    HedgeStatus,
    InstrumentId,
    Lease,
    Leg,
    Markout,
    PositionSide,
)
from arb.storage import Journal

A, B = ExchangeName("one"), ExchangeName("two")
COIN = InstrumentId("COIN-PERP.one")
FIRST = Lease(account=A, holder="here:1:100", token=1, expires_ns=1_000)


async def swap(journal: Journal, held: Lease | None, new: Lease) -> bool:
    async with journal.transaction() as tx:
        return await tx.swap_lease(held, new)


async def renew(journal: Journal, lease: Lease) -> bool:
    async with journal.transaction() as tx:
        return await tx.renew_lease(lease)


def test_the_first_lease_is_taken_once() -> None:
    async def body(journal: Journal) -> None:
        assert await journal.lease(A) is None
        assert await swap(journal, None, FIRST)
        assert not await swap(journal, None, replace(FIRST, holder="there:2:200"))
        assert await journal.lease(A) == FIRST
        assert await swap(journal, None, replace(FIRST, account=B))

    with_journal(body)


def test_a_lease_changes_hands_only_by_the_one_that_is_stored() -> None:
    async def body(journal: Journal) -> None:
        second = Lease(account=A, holder="there:2:200", token=2, expires_ns=2_000)
        await swap(journal, None, FIRST)
        await swap(journal, None, replace(FIRST, account=B))
        assert await swap(journal, FIRST, second)
        # Whoever had read the first one as well comes too late.
        assert not await swap(journal, FIRST, replace(second, holder="elsewhere:3:300"))
        assert await journal.lease(A) == second
        assert await journal.lease(B) == replace(FIRST, account=B)

    with_journal(body)


def test_a_lease_that_was_renewed_meanwhile_is_not_taken_away() -> None:
    async def body(journal: Journal) -> None:
        await swap(journal, None, FIRST)
        renewed = replace(FIRST, expires_ns=3_000)
        assert await renew(journal, renewed)
        assert not await swap(journal, FIRST, replace(FIRST, holder="there:2:200", token=2))
        assert await journal.lease(A) == renewed

    with_journal(body)


def test_a_holder_whose_lease_was_taken_cannot_renew_it() -> None:
    async def body(journal: Journal) -> None:
        second = Lease(account=A, holder="there:2:200", token=2, expires_ns=2_000)
        assert not await renew(journal, FIRST)
        await swap(journal, None, FIRST)
        await swap(journal, FIRST, second)
        assert not await renew(journal, replace(FIRST, expires_ns=9_000))
        assert await journal.lease(A) == second

    with_journal(body)


def test_a_lease_goes_back_with_the_transaction_that_took_it() -> None:
    async def body(journal: Journal) -> None:
        with suppress(RuntimeError):
            async with journal.transaction() as tx:
                assert await tx.swap_lease(None, FIRST)
                raise RuntimeError
        assert await journal.lease(A) is None

    with_journal(body)


def test_markouts_are_kept_by_order_and_horizon_and_the_last_one_counts() -> None:
    def markout(name: str, horizon_ns: int, mid: int) -> Markout:
        return Markout(
            client_order_id=ClientOrderId(name), horizon_ns=horizon_ns, mid_price=Decimal(mid), ts_ns=horizon_ns
        )

    async def body(journal: Journal) -> None:
        async with journal.transaction() as tx:
            await tx.put_markouts([markout("o2", 1, 7), markout("o1", 9, 8), markout("o1", 1, 9)])
            await tx.put_markouts([markout("o1", 9, 10)])
        assert await journal.markouts() == (markout("o1", 1, 9), markout("o1", 9, 10), markout("o2", 1, 7))

    with_journal(body)


def test_dust_is_declared_once_for_each_leg_oldest_first() -> None:
    def dust(leg_index: int, quantity: str, declared_ns: int) -> Dust:
        return Dust(
            hedge_id=HedgeId("h1"),
            leg_index=leg_index,
            instrument=COIN,
            quantity=Decimal(quantity),
            price=Decimal(100),
            declared_ns=declared_ns,
        )

    async def body(journal: Journal) -> None:
        async with journal.transaction() as tx:
            await tx.put_hedge(hedge())
            await tx.put_dust([dust(0, "0.001", 9), dust(1, "-0.002", 5)])
            await tx.put_dust([dust(0, "0.0005", 9)])
        assert await journal.dust() == (dust(1, "-0.002", 5), dust(0, "0.0005", 9))

    with_journal(body)


def hedge() -> Hedge:
    leg = Leg(instrument=COIN, side=PositionSide.LONG, target_quantity=Decimal(1), multiplier=Decimal(1))
    return Hedge(
        id=HedgeId("h1"),
        strategy="carry",
        base="COIN",
        legs=(leg, replace(leg, side=PositionSide.SHORT)),
        status=HedgeStatus.OPENING,
        created_ns=1,
        max_slippage_bps=Decimal(1),
        entry_reason="test",
    )
