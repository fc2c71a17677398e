"""Profit and loss summed by hedge, exchange, asset and day."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.storage.conftest import TABLES

from arb.model import DAY_NS, ExchangeName, InstrumentId, Transfer, TransferId, TransferKind
from arb.storage import Journal, Part, Parts, Pnl, PnlBy, account_run, pnl
from arb.testing import MemoryStorage, sample_instrument

A = InstrumentId("COIN-PERP.one")
B = InstrumentId("COIN-PERP.two")
NewToy = Callable[[], Any]


def summed(toy: Any, by: PnlBy, *, transfers: tuple[Transfer, ...] = ()) -> Pnl:
    async def run() -> Pnl:
        storage = MemoryStorage(TABLES)
        journal = await Journal.open(storage)
        async with journal.transaction() as tx:
            listed = [sample_instrument("one", "COIN"), sample_instrument("two", "COIN", quote="USDT")]
            await tx.put_instruments(listed, seen_ns=0)
            for one in toy.hedges.values():
                await tx.put_hedge(one)
            for record in toy.orders:
                await tx.put_order(record)
            await tx.add_fills(toy.fills)
            await tx.add_funding_payments(toy.payments)
            await tx.add_transfers(transfers)
            await tx.add_equity(toy.equity)
            await tx.add_positions(toy.positions)
        found = await pnl(journal, by)
        whole = await account_run(journal)
        # However it is summed, it is the account of the run.
        assert (found.parts, found.equity_change, found.unexplained) == (
            whole.parts,
            whole.equity_change,
            whole.unexplained,
        )
        storage.close()
        return found

    return asyncio.run(run())


@pytest.fixture
def toy(new_toy: NewToy) -> Any:
    """Return two days: h1 opens on the first and closes on the second, h2 opens on the second."""
    made = new_toy()
    made.now = DAY_NS
    made.sample()
    made.now += 1_000
    made.trade(A, "2", "100", arrival="100", fee="0.1")
    made.trade(B, "-2", "101", arrival="101", fee="0.2")
    made.pay(B, "0.5")
    made.now = 2 * DAY_NS  # the very end of the first day
    made.marks = {A: Decimal(110), B: Decimal("110.5")}
    made.sample()
    made.now += 1_000
    made.trade(A, "-2", "111", arrival="110", fee="0.1")
    made.trade(B, "2", "110", arrival="110", fee="0.2")
    made.trade(A, "1", "111", owner="h2", arrival="111", fee="0.3")
    made.now = 2 * DAY_NS + DAY_NS // 2
    made.sample()
    return made


def test_by_day_each_day_has_the_prices_at_its_end(toy: Any) -> None:
    found = summed(toy, PnlBy.DAY)
    assert [(row.key, row.total, row.unexplained) for row in found.rows] == [
        # 2 x 10 on one leg, 2 x 9.5 against the other, fees 0.3, funding 0.5
        ("1970-01-02", Decimal("1.2"), Decimal(0)),
        # back at 110.5 - 110 on the short leg, 111 on the long leg, fees 0.6, and h2's contract from 111 to 110
        ("1970-01-03", Decimal(2) + 1 - Decimal("0.6") - 1, Decimal(0)),
    ]
    assert found.rows[0].parts == Parts(price=Decimal(1), funding=Decimal("0.5"), fees=Decimal("-0.3"))


def test_by_hedge_and_by_symbol(toy: Any) -> None:
    by_hedge = {row.key: row.total for row in summed(toy, PnlBy.HEDGE).rows}
    assert by_hedge == {"h1": Decimal("3.9"), "h2": Decimal("-1.3")}
    assert {row.key: row.total for row in summed(toy, PnlBy.SYMBOL).rows} == {"COIN": Decimal("2.6")}


def test_by_exchange_each_equals_the_change_of_its_equity(toy: Any) -> None:
    rows = {row.key: row for row in summed(toy, PnlBy.EXCHANGE).rows}
    assert {key: (row.total, row.unexplained) for key, row in rows.items()} == {
        "one": (Decimal(22) - Decimal("0.5") - 1, Decimal(0)),
        "two": (Decimal(-18) - Decimal("0.4") + Decimal("0.5"), Decimal(0)),
    }


def test_a_deposit_and_interest_are_parts_of_their_own(toy: Any) -> None:
    def transfer(number: int, kind: TransferKind, amount: str) -> Transfer:
        return Transfer(
            transfer_id=TransferId(f"t{number}"),
            exchange=ExchangeName("one"),
            kind=kind,
            currency="USDC",
            amount=Decimal(amount),
            ts_event_ns=2 * DAY_NS + 5,
        )

    toy.wallets["one", "USDC"] += Decimal("500.25")
    toy.equity.clear()
    toy.positions.clear()
    transfers = (transfer(1, TransferKind.DEPOSIT, "500"), transfer(2, TransferKind.INTEREST, "0.25"))
    toy.now = 3 * DAY_NS
    first = type(toy)()
    first.now = DAY_NS
    first.sample()
    toy.equity += first.equity
    toy.sample()
    found = summed(toy, PnlBy.EXCHANGE, transfers=transfers)
    assert found.unexplained == 0
    assert (found.parts.transfers, found.parts.interest) == (Decimal(500), Decimal("0.25"))


steps = st.one_of(
    st.tuples(
        st.just("trade"),
        st.sampled_from([A, B]),
        st.decimals("-5", "5", places=2).filter(bool),
        st.decimals("50", "150", places=2),
        st.sampled_from(["h1", "h2", None]),
    ),
    st.tuples(st.just("pay"), st.sampled_from([A, B]), st.decimals("-1", "1", places=4)),
    st.tuples(st.just("mark"), st.sampled_from([A, B]), st.decimals("50", "150", places=2)),
    st.tuples(st.just("rate"), st.sampled_from(["USDC", "USDT"]), st.decimals("0.9", "1.1", places=3)),
    st.tuples(st.just("sample")),
    st.tuples(st.just("wait"), st.integers(1, 3 * DAY_NS)),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(happened=st.lists(steps, max_size=25))
def test_whatever_happens_every_table_sums_to_the_account(new_toy: NewToy, happened: list[Any]) -> None:
    toy = new_toy()
    toy.sample()
    for kind, *rest in happened:
        toy.now += 1
        if kind == "trade":
            toy.trade(rest[0], rest[1], rest[2], owner=rest[3])
        elif kind == "pay":
            toy.pay(*rest)
        elif kind == "mark":
            toy.marks[rest[0]] = rest[1]
        elif kind == "rate":
            toy.rates[rest[0]] = rest[1]
        elif kind == "wait":
            toy.now += rest[0]
        else:
            toy.sample()
    toy.now += 1
    toy.sample()
    for by in PnlBy:
        found = summed(toy, by)
        assert found.unexplained == 0
        for part in Part:
            assert sum((getattr(row.parts, part) for row in found.rows), Decimal(0)) == getattr(found.parts, part)
        assert not any(row.unexplained for row in found.rows)
