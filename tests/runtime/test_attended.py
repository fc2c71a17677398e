from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace
from decimal import Decimal

import pytest

from arb.api import Capability, ConfigError
from arb.model import ExchangeName, Hedge, HedgeId, HedgeStatus, InstrumentId, Leg, PositionSide
from arb.runtime._attended import LIVE, check_attended
from arb.storage import Journal
from arb.testing import MemoryExchange
from arb.testing._fakes_storage import MemoryStorage

HEDGE = Hedge(
    id=HedgeId("h1"),
    strategy="carry",
    base="BTC",
    legs=tuple(
        Leg(
            instrument=InstrumentId(f"BTC-PERP.{exchange}"),
            side=side,
            target_quantity=Decimal(1),
            multiplier=Decimal(1),
        )
        for exchange, side in (("left", PositionSide.LONG), ("right", PositionSide.SHORT))
    ),
    status=HedgeStatus.OPEN,
    created_ns=1,
    max_slippage_bps=Decimal(10),
    entry_reason="",
)
KEYLESS = frozenset(Capability) - {Capability.TRADING}


def check(
    status: HedgeStatus, *, exchanges: Collection[str] = ("left", "right"), strategies: Collection[str] = ("carry",)
) -> None:
    async def main() -> None:
        journal = await Journal.open(MemoryStorage())
        async with journal.transaction() as tx:
            await tx.put_hedge(replace(HEDGE, status=status))
        opened = {ExchangeName(name): MemoryExchange(name) for name in exchanges}
        await check_attended(journal, opened, strategies)

    asyncio.run(main())


@pytest.mark.parametrize("status", HedgeStatus)
def test_a_hedge_with_its_exchanges_and_its_strategy_is_attended(status: HedgeStatus) -> None:
    check(status)


@pytest.mark.parametrize("status", LIVE)
def test_an_exchange_that_still_holds_a_leg_must_be_there(status: HedgeStatus) -> None:
    with pytest.raises(ConfigError, match=r"^\[exchanges\.right\]: is not in the configuration.* h1 \(BTC, "):
        check(status, exchanges=["left"])


def test_everything_that_is_missing_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        check(HedgeStatus.OPEN, exchanges=[], strategies=["other"])
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == [
        "[exchanges.left]",
        "[exchanges.right]",
        "[strategies.carry]",
    ]


@pytest.mark.parametrize("status", [HedgeStatus.OPENING, HedgeStatus.OPEN, HedgeStatus.CLOSING])
def test_the_strategy_that_would_close_it_must_be_there(status: HedgeStatus) -> None:
    with pytest.raises(ConfigError, match=r"^\[strategies\.carry\]: is not in the configuration.* h1 "):
        check(status, strategies=["carry2"])


def test_a_halted_hedge_waits_for_a_person_not_for_a_strategy() -> None:
    check(HedgeStatus.HALTED, strategies=[])


@pytest.mark.parametrize("status", [HedgeStatus.CLOSED, HedgeStatus.ABANDONED])
def test_what_is_over_needs_nobody(status: HedgeStatus) -> None:
    check(status, exchanges=[], strategies=[])


def test_an_exchange_without_its_keys_cannot_close_anything() -> None:
    async def main() -> None:
        journal = await Journal.open(MemoryStorage())
        async with journal.transaction() as tx:
            await tx.put_hedge(HEDGE)
        right = MemoryExchange("right", capabilities=KEYLESS)
        opened = {ExchangeName("left"): MemoryExchange("left"), ExchangeName("right"): right}
        with pytest.raises(ConfigError, match=r"^\[exchanges\.right\]: has no account"):
            await check_attended(journal, opened, ["carry"])

    asyncio.run(main())
