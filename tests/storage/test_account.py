from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from arb.api import StorageError
from arb.model import (
    SECOND_NS,
    InstrumentId,
    PositionSample,
    exchange_of,
)
from arb.storage import Parts

A = InstrumentId("COIN-PERP.one")
B = InstrumentId("COIN-PERP.two")
NewToy = Callable[[], Any]
"""Two venues with exact books, see conftest."""


def opened_and_closed(new_toy: NewToy) -> Any:
    """Buy 2 at 100 (mid 99.9), sell 2 at 101 (mid 101.1), funding +0.4 and -0.1, close at 103 and 103.5."""
    toy = new_toy()
    toy.sample()
    toy.now = 1_100
    toy.trade(A, "2", "100", arrival="99.9", fee="0.1")
    toy.now = 1_101
    toy.trade(B, "-2", "101", arrival="101.1", fee="-0.02")
    toy.now = 1_200
    toy.pay(A, "-0.1")
    toy.pay(B, "0.4")
    toy.now = 1_300
    toy.trade(A, "-2", "103", arrival="103", fee="0.1")
    toy.trade(B, "2", "103.5", arrival="103.4", fee="0.1")
    toy.now = 1_400
    toy.sample()
    return toy


def test_a_hedge_opened_and_closed(new_toy: NewToy) -> None:
    account = opened_and_closed(new_toy).account()
    assert account.unexplained == 0
    assert account.alarms == ()
    assert account.parts == Parts(
        price=Decimal("1.6"), funding=Decimal("0.3"), fees=Decimal("-0.28"), slippage=Decimal("-0.6")
    )
    one, other = account.hedges
    assert one.parts == account.parts
    assert other.parts == Parts()
    assert (one.entry_ns, one.exit_ns) == (1_100, 1_300)
    long, short = one.legs
    assert (long.entry_price, long.exit_price, long.exit_quantity) == (Decimal(100), Decimal(103), Decimal(2))
    assert (short.exchange, short.entry_ns, short.exit_ns) == ("two", 1_101, 1_300)
    assert [line.slippage_usd for line in one.fills] == [Decimal(x) for x in ("-0.2", "-0.2", "0", "-0.2")]
    assert [line.fees_usd for line in one.fills] == [Decimal(x) for x in ("-0.1", "0.02", "-0.1", "-0.1")]
    assert [(line.usd, line.quantity) for line in one.payments] == [
        (Decimal("-0.1"), Decimal(2)),
        (Decimal("0.4"), Decimal(-2)),
    ]
    # Only the first leg stood between 1 100 and 1 101; both closing fills share one instant.
    assert account.max_abs_delta_usd == one.max_abs_delta_usd == Decimal(200)


def test_a_run_in_two_pieces_is_one_run(new_toy: NewToy) -> None:
    toy = opened_and_closed(new_toy)
    whole = toy.account()
    middle = opened_and_closed(new_toy)
    # A stop and a start while the hedge is open: two more samples, marks in between anywhere.
    for ts_ns, marks in ((1_150, ("120", "119")), (1_160, ("80", "81"))):
        value = {A: Decimal(2), B: Decimal(-2)}
        cash = {"one": Decimal(1000) - 200 - Decimal("0.1"), "two": Decimal(1000) + 202 + Decimal("0.02")}
        wallets = (A, "one", "USDC"), (B, "two", "USDT")
        for (instrument, exchange, currency), mark in zip(wallets, marks, strict=True):
            equity = cash[exchange] + value[instrument] * Decimal(mark)
            middle.equity.append(
                replace(
                    middle.equity[0], ts_ns=ts_ns, exchange=exchange_of(instrument), currency=currency, equity=equity
                )
            )
            middle.positions.append(
                PositionSample(ts_ns=ts_ns, instrument=instrument, quantity=value[instrument], mark_price=Decimal(mark))
            )
    in_pieces = middle.account()
    assert in_pieces == whole
    first, second = middle.account(end_ns=1_155), middle.account(start_ns=1_155)
    assert first.unexplained == second.unexplained == 0


def test_open_positions_count_at_their_mark(new_toy: NewToy) -> None:
    toy = new_toy()
    toy.sample()
    toy.now += 1
    toy.trade(A, "1", "100", fee="0")
    toy.marks[A] = Decimal(104)
    toy.now += 1
    toy.sample()
    account = toy.account()
    assert account.parts == Parts(price=Decimal(4))
    assert account.hedges[0].exit_ns is None


def test_currencies_that_move_are_the_fx_part(new_toy: NewToy) -> None:
    toy = new_toy()
    toy.sample()
    toy.now += 1
    toy.trade(B, "-1", "100", fee="0", owner="h1")
    toy.trade(B, "1", "90", fee="0", owner="h1")
    toy.rates["USDT"] = Decimal("0.9")
    toy.now += 1
    toy.sample()
    toy.rates["USDT"] = Decimal("0.8")
    toy.now += 1
    toy.sample()
    account = toy.account()
    assert account.unexplained == 0
    # Ten USDT earned, worth 0.9 each when booked; the capital of 1000 lost 0.2 each and the ten 0.1 each.
    assert account.hedges[0].parts == Parts(price=Decimal(9))
    assert account.unattributed.parts == Parts(fx=Decimal("-201"))


def test_the_fx_part_of_a_hedge_is_on_its_own_result_while_it_lasts(new_toy: NewToy) -> None:
    toy = new_toy()
    toy.sample()
    toy.now += 1
    toy.pay(B, "10")
    toy.trade(B, "-1", "100", fee="0")
    toy.now += 1
    toy.pay(B, "10")
    toy.sample()
    toy.rates["USDT"] = Decimal("1.5")
    toy.now += 1
    toy.trade(B, "1", "100", fee="0")
    toy.now += 1
    toy.marks[B] = Decimal(100)
    toy.sample()
    account = toy.account()
    assert account.unexplained == 0
    # Until the step of its last booking: result 10 - 1 (mark 101) before the rate rose by a half.
    assert account.hedges[0].parts.fx == Decimal("4.5")
    assert account.hedges[0].total_usd == Decimal(10) - 1 + Decimal("4.5") + Decimal("1.5")


def test_a_deposit_is_unexplained_and_alarms(new_toy: NewToy) -> None:
    toy = opened_and_closed(new_toy)
    toy.wallets["two", "USDT"] += 50
    toy.now += 1
    toy.sample()
    account = toy.account()
    assert account.unexplained == 50
    assert any("two USDT: 50 USD" in line for line in account.alarms)


def test_fills_without_an_order_are_kept_apart(new_toy: NewToy) -> None:
    toy = new_toy()
    toy.sample()
    toy.now += 1
    toy.trade(A, "1", "100", fee="0")
    toy.now += 1
    toy.trade(A, "-1", "60", owner=None, fee="1")
    toy.now += 1
    toy.sample()
    account = toy.account()
    assert account.unexplained == 0
    assert [line.fill_id for line in account.unattributed.fills] == ["f1"]
    assert account.unattributed.fills[0].arrival_price is None
    assert account.unattributed.parts.slippage == 0
    assert any("no order of arb" in line for line in account.alarms)
    # The venue is flat, the hedge still believes in one contract: the other side of it is nobody's.
    assert account.hedges[0].parts.price + account.unattributed.parts.price == -40
    assert account.max_abs_delta_usd == 100


def test_funding_of_a_shared_instrument_is_split_by_what_each_held(new_toy: NewToy) -> None:
    toy = new_toy()
    toy.sample()
    toy.now += 1
    toy.trade(A, "1", "100", owner="h1", fee="0")
    toy.trade(A, "2", "100", owner="h2", fee="0")
    toy.now += 1
    toy.pay(A, "0.00000001")
    toy.now += 1
    toy.sample()
    account = toy.account()
    assert account.unexplained == 0
    shares = [line.amount for one in account.hedges for line in one.payments]
    assert shares == [Decimal("0.000000003333"), Decimal("0.000000006667")]


def test_legs_on_opposite_sides_share_with_opposite_signs(new_toy: NewToy) -> None:
    toy = new_toy()
    toy.sample()
    toy.now += 1
    toy.trade(A, "3", "100", owner="h1", fee="0")
    toy.trade(A, "-2", "100", owner="h2", fee="0")
    toy.now += 1
    toy.pay(A, "-1")
    toy.now += 1
    toy.sample()
    account = toy.account()
    assert [line.amount for one in account.hedges for line in one.payments] == [Decimal(-3), Decimal(2)]


def test_hedges_that_cancel_at_the_venue_are_valued_at_the_last_price_known(new_toy: NewToy) -> None:
    toy = new_toy()
    toy.sample()
    toy.now += 1
    toy.trade(A, "1", "100", owner="h1", fee="0")
    toy.now += 1
    toy.trade(A, "-1", "130", owner="h2", fee="0")
    toy.now += 1
    toy.sample()
    account = toy.account()
    assert account.unexplained == 0
    assert [one.total_usd for one in account.hedges] == [30, 0]


def test_a_payment_at_the_instant_of_a_fill_follows_the_quantity_the_venue_settled(new_toy: NewToy) -> None:
    for is_before in (True, False):
        toy = new_toy()
        toy.sample()
        toy.now += 1
        toy.trade(A, "1", "100", owner="h1", fee="0")
        toy.now += 1
        if is_before:
            toy.pay(A, "1")
        toy.trade(A, "1", "100", owner="h2", fee="0")
        if not is_before:
            toy.pay(A, "1")
        toy.now += 1
        toy.sample()
        account = toy.account()
        assert len(account.hedges[1].payments) == (0 if is_before else 1)


def test_a_fill_in_the_instant_of_a_sample_that_does_not_hold_it_counts_after_it(new_toy: NewToy) -> None:
    toy = new_toy()
    toy.sample()
    toy.trade(A, "1", "100")
    toy.marks[A] = Decimal(107)
    toy.now += 1
    toy.sample()
    account = toy.account()
    assert account.unexplained == 0
    assert account.parts.price == 7


@pytest.mark.parametrize(("ahead_s", "is_explained"), [(2, True), (15, True), (16, False)])
def test_fills_dated_before_a_sample_that_does_not_hold_them_count_after_it(
    new_toy: NewToy, ahead_s: int, is_explained: bool
) -> None:
    """The sample was dated by a clock that was ahead of the venue's."""
    toy = new_toy()
    toy.trade(A, "3", "100")
    toy.now += 60 * SECOND_NS
    toy.sample()
    toy.now -= ahead_s * SECOND_NS
    toy.trade(A, "1", "100")
    toy.trade(A, "-2", "101")
    toy.marks[A] = Decimal(107)
    toy.now += 90 * SECOND_NS
    toy.sample()
    account = toy.account()
    assert (account.unexplained == 0) is is_explained


def test_a_currency_that_shows_up_later_began_at_zero_if_that_explains_it(new_toy: NewToy) -> None:
    toy = new_toy()
    toy.sample()
    toy.now += 1
    toy.trade(A, "1", "100", fee="-0.5", fee_currency="FEE")
    toy.now += 1
    toy.sample()
    account = toy.account()
    assert account.unexplained == 0
    assert account.parts.fees == 1
    toy.equity = [replace(one, equity=one.equity + 1) if one.currency == "FEE" else one for one in toy.equity]
    account = toy.account()
    # Not all of it is explained: it begins at its first sample, and the fee before it is reported.
    assert account.parts.fees == 0
    assert any("one FEE: 1 entries were booked of hedges before the first sample" in line for line in account.alarms)


def test_a_fee_in_a_currency_without_a_rate_is_an_alarm(new_toy: NewToy) -> None:
    toy = new_toy()
    toy.sample()
    toy.now += 1
    toy.trade(A, "1", "100", fee="0.5", fee_currency="XYZ")
    del toy.wallets["one", "XYZ"]
    toy.now += 1
    toy.sample()
    account = toy.account()
    assert account.hedges[0].fills[0].fees_usd is None
    assert any("nobody said what a XYZ is worth" in line for line in account.alarms)


def test_entries_after_the_last_sample_are_named(new_toy: NewToy) -> None:
    toy = opened_and_closed(new_toy)
    toy.now += 1
    toy.trade(A, "1", "100")
    account = toy.account()
    assert account.unexplained == 0
    assert any("1 entries were booked after the last sample" in line for line in account.alarms)


def test_an_empty_journal_has_an_empty_account(new_toy: NewToy) -> None:
    toy = new_toy()
    toy.hedges = {}
    account = toy.account()
    assert account.start_ns is None
    assert account.equity_change == 0
    assert not account.hedges
    assert not account.alarms


def test_fills_without_any_sample_are_named_and_not_counted(new_toy: NewToy) -> None:
    toy = new_toy()
    toy.trade(A, "1", "100")
    account = toy.account()
    assert account.equity_change == 0
    assert any("no equity sample" in line or "nobody said" in line for line in account.alarms)


def test_an_instrument_that_is_not_stored_is_an_error(new_toy: NewToy) -> None:
    toy = new_toy()
    toy.fills.append(replace(opened_and_closed(new_toy).fills[0], instrument=InstrumentId("GHOST-PERP.one")))
    with pytest.raises(StorageError, match=r"GHOST-PERP\.one but not the instruments"):
        toy.account()


def test_delta_counts_base_units_of_every_leg_and_fills_of_one_instant_together(new_toy: NewToy) -> None:
    toy = new_toy()
    toy.sample()
    toy.now += 1
    # One instant: nothing is naked.
    toy.trade(A, "2", "100")
    toy.trade(B, "-2", "110")
    toy.now += 1
    toy.trade(A, "-2", "90")
    toy.now += 1
    toy.trade(B, "2", "90")
    toy.now += 1
    toy.sample()
    account = toy.account()
    # Between the closing fills two contracts stand, valued at the higher of both last prices.
    assert account.max_abs_delta_usd == account.hedges[0].max_abs_delta_usd == 220
    assert toy.account(start_ns=toy.now - 1).max_abs_delta_usd == 0


def test_delta_of_two_hedges_adds_up_and_offsets_in_one_asset(new_toy: NewToy) -> None:
    toy = new_toy()
    toy.sample()
    toy.now += 1
    toy.trade(A, "1", "100", owner="h1")
    toy.now += 1
    toy.trade(B, "-3", "100", owner="h2")
    toy.now += 1
    toy.sample()
    account = toy.account()
    assert [one.max_abs_delta_usd for one in account.hedges] == [100, 300]
    assert account.max_abs_delta_usd == 200


def test_json_is_plain_exact_and_in_order(new_toy: NewToy) -> None:
    account = opened_and_closed(new_toy).account()
    plain = account.to_json()
    assert json.loads(json.dumps(plain)) == plain
    assert list(plain["parts"]) == ["price", "funding", "fees", "slippage", "fx", "interest", "transfers"]
    assert sum(Decimal(part) for part in plain["parts"].values()) == Decimal(plain["equity_change"])
    assert plain["hedges"][0]["legs"][0]["side"] == "long"
    assert plain == opened_and_closed(new_toy).account().to_json()
