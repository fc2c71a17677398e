from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arb.model import (
    ZERO,
    InstrumentId,
)

A = InstrumentId("COIN-PERP.one")
B = InstrumentId("COIN-PERP.two")
Sequence = list[tuple[Any, ...]]
NewToy = Callable[[], Any]
"""Two venues with exact books, see conftest."""


HEDGES = ("h1", "h2")

prices = st.decimals("0.01", "1000", places=4)
quantities = st.decimals("-5", "5", places=3).filter(bool)
cash = st.decimals("-3", "3", places=8)
instruments = st.sampled_from([A, B])
steps = st.one_of(
    st.tuples(
        st.just("trade"),
        instruments,
        quantities,
        prices,
        st.sampled_from([*HEDGES, None]),
        prices,
        cash,
        st.sampled_from([None, "FEE"]),
    ),
    st.tuples(st.just("pay"), instruments, cash, st.booleans()),
    st.tuples(st.just("mark"), instruments, prices),
    st.tuples(st.just("rate"), st.sampled_from(["USDC", "USDT", "FEE"]), st.decimals("0.5", "1.5", places=6)),
    st.tuples(st.just("close"), instruments, st.sampled_from(HEDGES), prices),
    st.tuples(st.just("sample")),
)


def play(toy: Any, step: tuple[Any, ...]) -> None:
    toy.now += 1
    kind, *rest = step
    if kind == "trade":
        instrument, signed, price, owner, arrival, fee, currency = rest
        toy.trade(instrument, signed, price, owner=owner, arrival=arrival, fee=fee, fee_currency=currency)
    elif kind == "pay":
        toy.pay(rest[0], rest[1], says_quantity=rest[2])
    elif kind == "mark":
        toy.marks[rest[0]] = rest[1]
    elif kind == "rate":
        toy.rates[rest[0]] = rest[1]
    elif kind == "close" and toy.held[rest[0]]:
        toy.trade(rest[0], -toy.held[rest[0]], rest[2], owner=rest[1])
    elif kind == "sample":
        toy.sample()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(steps, max_size=25), st.randoms(use_true_random=False))
def test_every_sequence_is_explained_to_the_last_unit(new_toy: NewToy, sequence: Sequence, chance: Any) -> None:
    toy = new_toy()
    toy.wallets["one", "FEE"] = toy.wallets["two", "FEE"] = ZERO
    toy.sample()
    for step in sequence:
        play(toy, step)
    toy.now += 1
    toy.sample()
    account = toy.account(order=lambda entries: chance.sample(entries, len(entries)))
    assert account.unexplained == 0
    assert all("no order of arb" in line for line in account.alarms)
    assert account == toy.account()
    first, last = toy.equity[: len(toy.wallets)], toy.equity[-len(toy.wallets) :]
    worth = [sum((one.equity * one.usd_rate for one in row), ZERO) for row in (first, last)]
    assert account.equity_change == worth[1] - worth[0]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(steps.filter(lambda step: step[0] != "rate"), max_size=20))
def test_at_constant_rates_a_hedge_earned_what_its_own_entries_say(new_toy: NewToy, sequence: Sequence) -> None:
    toy = new_toy()
    toy.rates["FEE"] = Decimal(1)
    toy.wallets["one", "FEE"] = toy.wallets["two", "FEE"] = ZERO
    toy.sample()
    for step in sequence:
        play(toy, step)
    toy.now += 1
    toy.sample()
    account = toy.account()
    owners = {record.order.request.client_order_id: record.hedge_id for record in toy.orders}
    for one in account.hedges:
        own = [fill for fill in toy.fills if owners.get(fill.client_order_id) == one.hedge_id]
        earned = sum((-fill.side.sign * fill.quantity * fill.price - fill.fee for fill in own), ZERO)
        earned += sum((fill.side.sign * fill.quantity * last_mark(toy, fill.instrument) for fill in own), ZERO)
        earned += sum((line.amount for line in one.payments), ZERO)
        assert one.total_usd == earned


def last_mark(toy: Any, instrument: InstrumentId) -> Decimal:
    """Return what the account values at: the mark at the end, or the last fill where the venue is flat."""
    at_end = [row.mark_price for row in toy.positions if (row.ts_ns, row.instrument) == (toy.now, instrument)]
    found: Decimal = at_end[0] if at_end else [fill.price for fill in toy.fills if fill.instrument == instrument][-1]
    return found
