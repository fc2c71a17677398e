"""Figures that are old, missing or no number, prices that disagree and a dollar that is none open nothing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.risk.conftest import LEFT, RIGHT, Desk, account, fresh, held, listed

from arb.model import SECOND_NS, ExchangeName, Reading, Stale, Unknown
from arb.risk import RefusalCode
from arb.testing import START_NS

# Data that is old, missing or no number.


@pytest.mark.parametrize(
    "reading",
    [Stale(Decimal(10_000), "test", START_NS), Unknown("not read"), fresh("NaN"), fresh(10_000, 11 * SECOND_NS)],
)
def test_drill_equity_that_is_not_known_now_opens_nothing(reading: Reading[Decimal]) -> None:
    desk = Desk()
    desk.account(equity_usd=reading)
    refusal = desk.refusal()
    assert (refusal.code, refusal.subject) == (RefusalCode.EQUITY_UNKNOWN, LEFT)
    assert str(refusal) == "equity_unknown (left)"


@pytest.mark.parametrize(
    "reading",
    [Stale(Decimal(10_000), "test", START_NS), Unknown("not read"), fresh("NaN"), fresh(10_000, 11 * SECOND_NS)],
)
def test_drill_available_margin_that_is_not_known_now_opens_nothing(reading: Reading[Decimal]) -> None:
    desk = Desk()
    desk.account(available_usd=reading)
    refusal = desk.refusal()
    assert (refusal.code, refusal.subject) == (RefusalCode.MARGIN_UNKNOWN, LEFT)


@pytest.mark.parametrize(
    "reading",
    [
        Stale(Decimal(50_000), "test", START_NS),
        Unknown("no book"),
        fresh(0),
        fresh("NaN"),
        fresh(50_000, 6 * SECOND_NS),
    ],
)
def test_drill_a_price_that_is_not_known_now_opens_nothing(reading: Reading[Decimal]) -> None:
    refusal = Desk(mid=reading).refusal()
    assert (refusal.code, refusal.subject) == (RefusalCode.PRICE_UNKNOWN, "BTC-PERP.left")


def test_drill_a_reading_grows_too_old_while_it_waits() -> None:
    desk = Desk()
    desk.clock.advance(5 * SECOND_NS)
    assert desk.codes() == set()
    desk.clock.advance(1)
    assert desk.codes() == {RefusalCode.PRICE_UNKNOWN}


def test_drill_positions_that_are_not_known_count_as_unknown_not_as_nothing() -> None:
    desk = Desk()
    for name in (LEFT, ExchangeName("third")):
        desk.accounts = {LEFT: account(LEFT), RIGHT: account(RIGHT)}
        desk.accounts[name] = replace(account(name), positions=None)
        refusal = desk.refusal()
        assert (refusal.code, refusal.subject) == (RefusalCode.EQUITY_UNKNOWN, name)
    desk.accounts = {LEFT: account(LEFT)}
    assert (desk.refusal().code, desk.refusal().subject) == (RefusalCode.EQUITY_UNKNOWN, RIGHT)


@pytest.mark.parametrize(
    "change", [{"mark_price": Decimal(0)}, {"mark_price": Decimal("NaN")}, {"quantity": Decimal("NaN")}]
)
def test_drill_a_position_without_a_value_is_not_worth_nothing(change: dict[str, Any]) -> None:
    desk = Desk()
    position = held(listed("left", "ETH"), 1000)
    desk.accounts[LEFT] = account(LEFT, replace(position, position=replace(position.position, **change)))
    assert desk.codes() == {RefusalCode.EQUITY_UNKNOWN}


@pytest.mark.parametrize("what", ["max_notional", "maintenance_rate", "max_leverage"])
@pytest.mark.parametrize("value", ["NaN", "sNaN"])
def test_drill_a_margin_rule_that_is_no_number_refuses_and_breaks_nothing(what: str, value: str) -> None:
    rule: dict[str, Any] = {what: Decimal(value)}
    left = listed("left")
    desk = Desk(left=replace(left, margin_tiers=(replace(left.margin_tiers[0], **rule), left.margin_tiers[1])))
    assert desk.codes() == {RefusalCode.NOT_COMPUTABLE}


@pytest.mark.parametrize("value", ["NaN", "Infinity"])
def test_drill_a_maintenance_margin_that_is_no_number_refuses(value: str) -> None:
    desk = Desk()
    desk.account(maintenance_usd=Decimal(value))
    assert desk.codes() & {RefusalCode.NOT_COMPUTABLE, RefusalCode.MAINTENANCE_RATIO}


# Prices that disagree.


def test_drill_the_mid_prices_of_the_venues_diverge() -> None:
    desk = Desk(short_mid=fresh(50_501))
    refusal = desk.refusal()
    assert (refusal.code, refusal.subject) == (RefusalCode.PRICE_DIVERGENCE, "BTC")
    assert round(refusal.value or 0, 2) == Decimal("100.2")
    desk.short_mid = fresh(50_500)
    assert desk.codes() == set()


def test_drill_the_mark_prices_of_the_venues_diverge() -> None:
    desk = Desk(mark=fresh(49_500))
    refusal = desk.refusal()
    assert (refusal.code, refusal.subject) == (RefusalCode.MARK_DIVERGENCE, "BTC")


@pytest.mark.parametrize("reading", [Unknown("not published"), Stale(Decimal(1), "test", START_NS)])
def test_marks_are_compared_where_every_venue_publishes_one(reading: Reading[Decimal]) -> None:
    assert Desk(mark=reading).codes() == set()


def test_prices_are_compared_per_unit_of_the_base() -> None:
    desk = Desk(right=replace(listed("right"), multiplier=Decimal(1000)))
    desk.short_quantity = Decimal("0.0001")
    desk.short_mid = desk.short_mark = fresh(50_010_000)
    assert desk.codes() == set()


# The dollar.


@pytest.mark.parametrize("rate", ["0.99", "1.01"])
def test_a_currency_may_be_as_far_from_the_dollar_as_the_limit(rate: str) -> None:
    assert Desk(quote=fresh(rate)).codes() == set()


@pytest.mark.parametrize("rate", ["0.9899", "1.0101"])
def test_drill_the_quote_currency_leaves_the_dollar(rate: str) -> None:
    refusals = Desk(quote=fresh(rate)).refusals()
    assert {(refusal.code, refusal.subject) for refusal in refusals} == {(RefusalCode.DEPEG, "USDC")}
    assert refusals[0].value == Decimal(101)


@pytest.mark.parametrize("reading", [Unknown("nobody says"), Stale(Decimal(1), "test", 0), fresh(0), fresh("NaN")])
def test_drill_a_quote_currency_of_unknown_value_opens_nothing(reading: Reading[Decimal]) -> None:
    assert Desk(quote=reading).codes() == {RefusalCode.QUOTE_UNKNOWN}
