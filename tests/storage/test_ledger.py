"""The double-entry ledger: it balances, books everything once, and is as good as the venues' own books."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.storage.conftest import TABLES

from arb.api import InvariantBroken
from arb.model import (
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    ZERO,
    Dust,
    ExchangeName,
    ExpectedFunding,
    FundingPayment,
    HedgeId,
    InstrumentId,
    PaymentId,
    Transfer,
    TransferId,
    TransferKind,
)
from arb.storage import EntryFilter, EntryKind, Journal, LedgerEntry, LedgerLine
from arb.storage._bookkeeping import book
from arb.storage._postings import matched_entry, payment_entry
from arb.testing import MemoryStorage, sample_instrument

A = InstrumentId("COIN-PERP.one")
B = InstrumentId("COIN-PERP.two")
ONE, TWO = ExchangeName("one"), ExchangeName("two")
NewToy = Callable[[], Any]
Balances = dict[tuple[str, str], Decimal]


def in_journal(body: Callable[[Journal], Awaitable[None]], *, listed: bool = True) -> None:
    async def run() -> None:
        storage = MemoryStorage(TABLES)
        journal = await Journal.open(storage)
        if listed:
            await list_instruments(journal)
        await body(journal)
        storage.close()

    asyncio.run(run())


async def list_instruments(journal: Journal) -> None:
    async with journal.transaction() as tx:
        await tx.put_instruments(
            [sample_instrument("one", "COIN"), sample_instrument("two", "COIN", quote="USDT")], seen_ns=0
        )


async def balances(journal: Journal, **wanted: Any) -> Balances:
    return {key: amount for key, amount in (await journal.ledger_balances(EntryFilter(**wanted))).items() if amount}


async def entries(journal: Journal) -> list[LedgerEntry]:
    return [entry async for page in journal.ledger(EntryFilter()) for entry in page]


async def store(journal: Journal, toy: Any) -> None:
    async with journal.transaction() as tx:
        for one in toy.hedges.values():
            await tx.put_hedge(one)
        for record in toy.orders:
            await tx.put_order(record)
        await tx.add_fills(toy.fills)
        await tx.add_funding_payments(toy.payments)


def payment(number: int, amount: str, settled_ns: int, instrument: InstrumentId = A) -> FundingPayment:
    return FundingPayment(
        payment_id=PaymentId(f"p{number}"),
        instrument=instrument,
        amount=Decimal(amount),
        currency="USDC",
        settled_ns=settled_ns,
    )


def due(amount: str, settled_ns: int, interval_ns: int = HOUR_NS) -> ExpectedFunding:
    return ExpectedFunding(
        instrument=A,
        settled_ns=settled_ns,
        quantity=Decimal(1),
        price=Decimal(100),
        rate=Decimal("0.0001"),
        interval_ns=interval_ns,
        amount=Decimal(amount),
        currency="USDC",
    )


def test_a_fill_moves_contracts_the_wallet_slippage_and_fees(new_toy: NewToy) -> None:
    toy = new_toy()
    toy.trade(A, "2", "100.5", arrival="100", fee="0.1")

    async def body(journal: Journal) -> None:
        await store(journal, toy)
        assert await balances(journal) == {
            ("assets:contracts:COIN-PERP.one", "COIN-PERP.one"): Decimal(2),
            ("assets:wallet:one", "USDC"): Decimal("-201.1"),
            ("expenses:fees:one", "USDC"): Decimal("0.1"),
            ("expenses:slippage:one", "USDC"): Decimal(1),
            ("trading:COIN-PERP.one", "COIN-PERP.one"): Decimal(-2),
            ("trading:COIN-PERP.one", "USDC"): Decimal(200),
        }
        (entry,) = await entries(journal)
        assert (entry.entry_id, entry.hedge_id, entry.kind) == ("fill:one:f0", "h1", EntryKind.FILL)

    in_journal(body)


def test_a_rebate_is_income_and_a_fee_in_another_currency_stays_in_it(new_toy: NewToy) -> None:
    toy = new_toy()
    toy.trade(A, "1", "100", fee="-0.02")
    toy.trade(B, "-1", "100", fee="0.3", fee_currency="FEE")

    async def body(journal: Journal) -> None:
        await store(journal, toy)
        found = await balances(journal)
        assert found["income:rebates:one", "USDC"] == Decimal("-0.02")
        assert found["assets:wallet:one", "USDC"] == Decimal("-99.98")
        assert found["expenses:fees:two", "FEE"] == Decimal("0.3")
        assert found["assets:wallet:two", "FEE"] == Decimal("-0.3")

    in_journal(body)


def test_an_entry_that_does_not_balance_is_refused() -> None:
    lines = (
        LedgerLine(account="assets:wallet:one", currency="USDC", amount=Decimal(1)),
        LedgerLine(account="income:other:one", currency="USDT", amount=Decimal(-1)),
    )
    with pytest.raises(InvariantBroken, match="entry x does not balance"):
        LedgerEntry(entry_id="x", ts_ns=0, kind=EntryKind.TRANSFER, exchange=ONE, lines=lines)


def test_a_damaged_line_in_the_database_is_noticed_on_reading(new_toy: NewToy) -> None:
    toy = new_toy()
    toy.trade(A, "1", "100")

    async def run() -> None:
        storage = MemoryStorage()
        journal = await Journal.open(storage)
        await list_instruments(journal)
        await store(journal, toy)
        async with storage.transaction() as raw:
            await raw.execute("UPDATE ledger_lines SET amount = '99' WHERE account = 'assets:wallet:one'")
        with pytest.raises(InvariantBroken, match="fill:one:f0 does not balance"):
            await entries(journal)
        storage.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("kind", "account"),
    [
        (TransferKind.DEPOSIT, "equity:transfers:one"),
        (TransferKind.WITHDRAWAL, "equity:transfers:one"),
        (TransferKind.INTEREST, "income:interest:one"),
        (TransferKind.CONVERSION, "equity:conversion"),
        (TransferKind.OTHER, "income:other:one"),
    ],
)
def test_a_transfer_is_booked_once_against_what_it_is(kind: TransferKind, account: str) -> None:
    one = Transfer(
        transfer_id=TransferId("t1"),
        exchange=ONE,
        kind=kind,
        currency="USDC",
        amount=Decimal("-12.5"),
        ts_event_ns=7,
    )

    async def body(journal: Journal) -> None:
        for _ in range(2):
            async with journal.transaction() as tx:
                await tx.add_transfers([one, one])
        assert await journal.transfers() == (one,)
        assert await balances(journal) == {
            ("assets:wallet:one", "USDC"): Decimal("-12.5"),
            (account, "USDC"): Decimal("12.5"),
        }

    in_journal(body)


def test_dust_moves_out_of_the_contracts_and_back(new_toy: NewToy) -> None:
    toy = new_toy()
    toy.trade(A, "1", "100")

    def dust(quantity: str, at_ns: int) -> Dust:
        return Dust(
            hedge_id=HedgeId("h1"),
            leg_index=0,
            instrument=A,
            quantity=Decimal(quantity),
            price=Decimal(100),
            declared_ns=at_ns,
        )

    async def body(journal: Journal) -> None:
        await store(journal, toy)
        for quantity, at_ns in (("0.3", 5), ("0.3", 6), ("0.1", 7)):
            async with journal.transaction() as tx:
                await tx.put_dust([dust(quantity, at_ns)])
        found = await balances(journal)
        assert found["assets:dust:COIN-PERP.one", A] == Decimal("0.1")
        assert found["assets:contracts:COIN-PERP.one", A] == Decimal("0.9")
        assert len([entry for entry in await entries(journal) if entry.kind is EntryKind.DUST]) == 2

    in_journal(body)


@pytest.mark.parametrize("paid_first", [True, False])
def test_what_is_due_is_receivable_until_the_venue_has_booked_it(paid_first: bool) -> None:
    paid, owed = payment(1, "0.99", HOUR_NS + 1_000_000), due("1", HOUR_NS)

    async def body(journal: Journal) -> None:
        steps: list[Callable[[], Awaitable[None]]] = [
            lambda: add(journal, payments=[paid]),
            lambda: add(journal, expected=[owed]),
        ]
        await steps[0 if paid_first else 1]()
        if not paid_first:
            assert (await balances(journal))["assets:receivable:COIN-PERP.one", "USDC"] == 1
        await steps[1 if paid_first else 0]()
        # What was paid is what the venue says, whatever was due.
        assert await balances(journal) == {
            ("assets:wallet:one", "USDC"): Decimal("0.99"),
            ("income:funding:one", "USDC"): Decimal("-0.99"),
        }

    in_journal(body)


def test_a_settlement_that_is_not_paid_stays_receivable_and_is_booked_once() -> None:
    async def body(journal: Journal) -> None:
        await add(journal, expected=[due("1", HOUR_NS), due("2", 2 * HOUR_NS)])
        await add(journal, expected=[due("5", HOUR_NS)], payments=[payment(1, "2", 2 * HOUR_NS)])
        found = await balances(journal)
        assert found["assets:receivable:COIN-PERP.one", "USDC"] == 1
        assert [one.amount for one in await journal.expected_funding()] == [1, 2]

    in_journal(body)


def test_continuous_funding_accrues_until_it_is_realised() -> None:
    async def body(journal: Journal) -> None:
        for number in range(1, 4):
            await add(journal, expected=[due("0.5", number * HOUR_NS, interval_ns=0)])
        assert (await balances(journal))["assets:accrued:COIN-PERP.one", "USDC"] == Decimal("1.5")
        # The fill that realises is known a little later than it happened.
        await add(journal, payments=[payment(1, "1.2", 3 * HOUR_NS - 20 * SECOND_NS)])
        assert await balances(journal) == {
            ("assets:wallet:one", "USDC"): Decimal("1.2"),
            ("income:funding:one", "USDC"): Decimal("-1.2"),
        }
        await add(journal, expected=[due("0.7", 4 * HOUR_NS, interval_ns=0)])
        found = await balances(journal)
        assert found["assets:accrued:COIN-PERP.one", "USDC"] == Decimal("0.7")
        assert found["income:expected_funding:COIN-PERP.one", "USDC"] == Decimal("-0.7")

    in_journal(body)


def test_what_accrued_in_a_month_is_cleared_by_one_entry() -> None:
    rows = [due("0.01", hour * HOUR_NS, interval_ns=0) for hour in range(1, 30 * 24 + 1)]

    async def body(journal: Journal) -> None:
        await add(journal, expected=rows)
        await add(journal, payments=[payment(1, "7", 30 * 24 * HOUR_NS)])
        assert await balances(journal) == {
            ("assets:wallet:one", "USDC"): Decimal(7),
            ("income:funding:one", "USDC"): Decimal(-7),
        }
        (cleared,) = [one for one in await entries(journal) if one.kind is EntryKind.MATCHED_FUNDING]
        assert (cleared.entry_id, len(cleared.lines)) == ("realised:one:p1", 2)
        assert await journal.wrong_entries() == ()

    in_journal(body)


def test_payments_that_come_together_clear_once_and_an_older_one_clears_nothing() -> None:
    async def body(journal: Journal) -> None:
        await add(journal, expected=[due("0.5", hour * HOUR_NS, interval_ns=0) for hour in (1, 2, 3, 9)])
        await add(journal, payments=[payment(3, "0.4", 3 * HOUR_NS), payment(2, "1", 2 * HOUR_NS)])
        await add(journal, payments=[payment(1, "0.3", HOUR_NS)])
        cleared = [one.entry_id for one in await entries(journal) if one.kind is EntryKind.MATCHED_FUNDING]
        assert cleared == ["realised:one:p3"]
        assert (await balances(journal))["assets:accrued:COIN-PERP.one", "USDC"] == Decimal("0.5")

    in_journal(body)


@pytest.mark.parametrize("paid_first", [True, False])
def test_what_accrued_until_a_minute_after_a_payment_is_cleared_by_it_alone(paid_first: bool) -> None:
    row = due("0.5", HOUR_NS + 30 * SECOND_NS, interval_ns=0)

    async def body(journal: Journal) -> None:
        if not paid_first:
            await add(journal, expected=[row])
        await add(journal, payments=[payment(1, "0.4", HOUR_NS)])
        await add(journal, expected=[row])
        assert ("assets:accrued:COIN-PERP.one", "USDC") not in await balances(journal)
        await add(journal, payments=[payment(2, "0.1", 2 * HOUR_NS)])
        assert ("assets:accrued:COIN-PERP.one", "USDC") not in await balances(journal)

    in_journal(body)


def test_a_payment_in_another_currency_clears_nothing_that_accrued() -> None:
    async def body(journal: Journal) -> None:
        await add(journal, expected=[due("0.5", HOUR_NS, interval_ns=0)])
        await add(journal, payments=[replace(payment(1, "0.5", HOUR_NS), currency="USDT")])
        assert (await balances(journal))["assets:accrued:COIN-PERP.one", "USDC"] == Decimal("0.5")
        await add(journal, payments=[payment(2, "0.5", 2 * HOUR_NS)])
        assert ("assets:accrued:COIN-PERP.one", "USDC") not in await balances(journal)

    in_journal(body)


def test_what_an_earlier_version_booked_row_by_row_is_cleared_rightly() -> None:
    """It booked a row a minute, and cleared each by an entry of its own."""
    realised, later = (
        [due("0.5", minute * MINUTE_NS, interval_ns=0) for minute in part] for part in (range(60), range(61, 3000))
    )

    async def run() -> None:
        storage = MemoryStorage()
        journal = await Journal.open(storage)
        await list_instruments(journal)
        first = payment(1, "1", realised[-1].settled_ns)
        await add(journal, expected=realised)
        columns = "exchange, payment_id, instrument, amount, currency, settled_ns"
        async with storage.transaction() as raw:
            row = ("one", "p1", A, "1", "USDC", first.settled_ns)
            await raw.execute(f"INSERT INTO funding_payments ({columns}) VALUES (?, ?, ?, ?, ?, ?)", row)
            await book(raw, [payment_entry(first), *map(matched_entry, realised)])
        assert ("assets:accrued:COIN-PERP.one", "USDC") not in await balances(journal)
        await add(journal, expected=later)
        assert (await balances(journal))["assets:accrued:COIN-PERP.one", "USDC"] == len(later) * Decimal("0.5")

        await add(journal, payments=[payment(2, "2", later[-1].settled_ns), first])
        assert await balances(journal) == {
            ("assets:wallet:one", "USDC"): Decimal(3),
            ("income:funding:one", "USDC"): Decimal(-3),
        }
        assert len(await journal.expected_funding()) == len(realised) + len(later)
        assert await journal.wrong_entries() == ()
        storage.close()

    asyncio.run(run())


def test_what_accrued_is_read_apart_from_what_settlements_owe() -> None:
    rows = [due("1", hour * HOUR_NS, interval_ns=interval_ns) for hour, interval_ns in ((1, 0), (2, 0), (3, HOUR_NS))]

    async def body(journal: Journal) -> None:
        await add(journal, expected=rows)
        assert await journal.expected_funding(accrued=True) == tuple(rows[:2])
        assert await journal.expected_funding(accrued=False) == tuple(rows[2:])
        assert await journal.accrued_to(2 * HOUR_NS) == {A: 2 * HOUR_NS}
        assert await journal.accrued_to(2 * HOUR_NS + 1) == {}

    in_journal(body)


cash = st.decimals("-3", "3", places=8)
pieces = st.lists(st.tuples(st.integers(1, 40), cash.filter(bool)), max_size=12, unique_by=lambda one: one[0])


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(accrued=pieces, realised=pieces, shuffle=st.randoms(use_true_random=False), size=st.integers(1, 5))
def test_in_any_order_what_is_accrued_is_what_was_not_realised(
    accrued: list[tuple[int, Decimal]], realised: list[tuple[int, Decimal]], shuffle: Any, size: int
) -> None:
    rows = [due(str(amount), half * HOUR_NS // 2, interval_ns=0) for half, amount in accrued]
    paid = [payment(half, str(amount), half * HOUR_NS // 2) for half, amount in realised]
    last_ns = max((one.settled_ns for one in paid), default=0)

    async def body(journal: Journal) -> None:
        happened: list[Any] = [*rows, *paid] * 2
        shuffle.shuffle(happened)
        for start in range(0, len(happened), size):
            part = happened[start : start + size]
            await add(
                journal,
                payments=[one for one in part if isinstance(one, FundingPayment)],
                expected=[one for one in part if isinstance(one, ExpectedFunding)],
            )
        left = sum((one.amount for one in rows if one.settled_ns > last_ns), ZERO)
        found = await balances(journal)
        assert found.get((f"assets:accrued:{A}", "USDC"), ZERO) == left
        assert found.get((f"income:expected_funding:{A}", "USDC"), ZERO) == -left
        assert found.get(("income:funding:one", "USDC"), ZERO) == -sum((one.amount for one in paid), ZERO)

    in_journal(body)


def test_an_instrument_that_settles_by_the_hour_now_is_cleared_by_settlements() -> None:
    async def body(journal: Journal) -> None:
        await add(journal, expected=[due("0.5", HOUR_NS, interval_ns=0)])
        await add(journal, expected=[due("2", 3 * HOUR_NS)])
        await add(journal, payments=[payment(1, "2", 3 * HOUR_NS)])
        assert ("assets:receivable:COIN-PERP.one", "USDC") not in await balances(journal)

    in_journal(body)


async def add(
    journal: Journal, *, payments: Sequence[FundingPayment] = (), expected: Sequence[ExpectedFunding] = ()
) -> None:
    async with journal.transaction() as tx:
        await tx.add_expected_funding(expected)
        await tx.add_funding_payments(payments)


def test_fills_of_an_instrument_that_is_not_listed_are_booked_once_it_is(new_toy: NewToy) -> None:
    toy = new_toy()
    toy.trade(A, "1", "100")
    toy.pay(A, "0.5")

    async def body(journal: Journal) -> None:
        await store(journal, toy)
        assert await journal.unbooked() == {"fills": 1, "funding_payments": 0, "transfers": 0}
        await list_instruments(journal)
        assert await journal.unbooked() == {"fills": 0, "funding_payments": 0, "transfers": 0}
        assert (await balances(journal))["assets:contracts:COIN-PERP.one", A] == 1

    in_journal(body, listed=False)


def test_entries_can_be_asked_for_by_time_hedge_exchange_and_account(new_toy: NewToy) -> None:
    toy = new_toy()
    toy.trade(A, "1", "100", owner="h1")
    toy.now += 10
    toy.trade(B, "-1", "101", owner="h2")
    toy.pay(B, "0.25")

    async def body(journal: Journal) -> None:
        await store(journal, toy)

        async def ids(**wanted: Any) -> list[str]:
            pages = [page async for page in journal.ledger(EntryFilter(**wanted))]
            return [entry.entry_id for page in pages for entry in page]

        assert await ids() == ["fill:one:f0", "fill:two:f1", "funding:two:p0"]
        assert await ids(since_ns=toy.now) == ["fill:two:f1", "funding:two:p0"]
        assert await ids(until_ns=toy.now) == ["fill:one:f0"]
        assert await ids(hedge_id="h2") == ["fill:two:f1"]
        assert await ids(exchange="one") == ["fill:one:f0"]
        assert await ids(kinds=(EntryKind.FUNDING,)) == ["funding:two:p0"]
        assert await ids(account="income") == ["funding:two:p0"]
        assert await ids(account="assets:wallet:tw") == []

    in_journal(body)


prices = st.decimals("0.01", "1000", places=4)
quantities = st.decimals("-5", "5", places=3).filter(bool)
events = st.one_of(
    st.tuples(
        st.just("trade"), st.sampled_from([A, B]), quantities, prices, st.sampled_from(["h1", None]), prices, cash
    ),
    st.tuples(st.just("pay"), st.sampled_from([A, B]), cash),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    happened=st.lists(events, max_size=25),
    shuffle=st.randoms(use_true_random=False),
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=5),
)
def test_in_any_order_and_however_often_the_wallets_are_those_of_the_venues(
    new_toy: NewToy, happened: list[Any], shuffle: Any, sizes: list[int]
) -> None:
    toy = new_toy()
    start = dict(toy.wallets)
    for kind, *rest in happened:
        toy.now += 1
        if kind == "trade":
            instrument, signed, price, owner, arrival, fee = rest
            toy.trade(instrument, signed, price, owner=owner, arrival=arrival, fee=fee)
        else:
            toy.pay(*rest)

    async def body(journal: Journal) -> None:
        async with journal.transaction() as tx:
            for one in toy.hedges.values():
                await tx.put_hedge(one)
            for record in toy.orders:
                await tx.put_order(record)
        # Overlapping listings in any order: every entry is listed at least once, many of them more often.
        listed = [*toy.fills, *toy.payments] * 2
        shuffle.shuffle(listed)
        while listed:
            size = sizes[len(listed) % len(sizes)]
            part, listed = listed[:size], listed[size:]
            async with journal.transaction() as tx:
                await tx.add_fills([one for one in part if one in toy.fills])
                await tx.add_funding_payments([one for one in part if one in toy.payments])
        found = await journal.ledger_balances(EntryFilter())
        sums: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
        with localcontext() as context:
            context.prec = 200
            for (_, currency), amount in found.items():
                sums[currency] += amount
            assert not any(sums.values())
            for (exchange, currency), amount in toy.wallets.items():
                moved = amount - start.get((exchange, currency), ZERO)
                assert found.get((f"assets:wallet:{exchange}", currency), ZERO) == moved
        for instrument, quantity in toy.held.items():
            assert found.get((f"assets:contracts:{instrument}", instrument), ZERO) == quantity
        assert len(await entries(journal)) == len(toy.fills) + len(toy.payments)

    in_journal(body)
