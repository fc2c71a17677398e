"""Whether two instruments are one asset: pairs, then whole tickers over days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arb.funding import MIN_OBSERVATIONS, AssetIdentity, AssetSurvey, Sameness, Ticker, claimed_units
from arb.model import DAY_NS, MINUTE_NS, Instrument, MarketStats, instrument_id
from arb.testing import START_NS, sample_instrument

SLOT_NS = 15 * MINUTE_NS
DOLLAR = Decimal(1)


def listed(venue: str, symbol: str, base: str = "EDGE", quote: str = "USDC") -> Instrument:
    return sample_instrument(venue, base, id=instrument_id(symbol, venue), symbol=symbol, quote=quote)


def stats(one: Instrument, mark: str | None, slot: int = 0, index: str | None = None) -> MarketStats:
    return MarketStats(
        instrument=one.id,
        mark_price=None if mark is None else Decimal(mark),
        index_price=None if index is None else Decimal(index),
        volume_24h=None,
        open_interest=None,
        ts_event_ns=START_NS + slot * SLOT_NS,
        ts_init_ns=START_NS + slot * SLOT_NS,
    )


def seen(first: Instrument, second: Instrument, *prices: tuple[str, str]) -> AssetIdentity:
    """Observe both in as many slots as there are pairs of prices."""
    identity = AssetIdentity()
    for slot, (one, other) in enumerate(prices):
        identity.observe(first, stats(first, one, slot), DOLLAR)
        identity.observe(second, stats(second, other, slot), DOLLAR)
    return identity


A, B = listed("a", "EDGE"), listed("b", "EDGE")


@pytest.mark.parametrize(
    ("other", "sameness"), [("100", "proved"), ("101.9", "proved"), ("98.1", "proved"), ("102.1", "differs")]
)
def test_prices_within_two_percent_prove_one_asset(other: str, sameness: str) -> None:
    found = seen(A, B, *[(other, "100")] * MIN_OBSERVATIONS).compare(A.id, B.id)
    assert (found.sameness, found.ratio) == (sameness, Decimal(other) / 100)
    assert found.contradicts == (sameness == "differs")


def test_the_median_of_the_day_counts_and_not_its_excursions() -> None:
    calm, wild = [("100", "100")] * 13, [("108", "100")] * 12
    assert seen(A, B, *calm, *wild).compare(A.id, B.id).sameness is Sameness.PROVED


def test_few_observations_prove_nothing_and_still_contradict() -> None:
    few = seen(A, B, *[("100", "100")] * (MIN_OBSERVATIONS - 1)).compare(A.id, B.id)
    assert (few.sameness, few.observations, few.contradicts) == (Sameness.UNPROVED, MIN_OBSERVATIONS - 1, False)
    one = seen(A, B, ("600", "100")).compare(A.id, B.id)
    assert (one.sameness, one.contradicts) == (Sameness.UNPROVED, True)


def test_without_a_common_observation_nothing_is_known() -> None:
    identity = AssetIdentity()
    identity.observe(A, stats(A, "100"), DOLLAR)
    identity.observe(B, stats(B, "600", slot=1), DOLLAR)
    identity.observe(B, stats(B, None, slot=0), DOLLAR)
    identity.observe(B, stats(B, "0", slot=0), DOLLAR)
    found = identity.compare(A.id, B.id)
    assert (found.sameness, found.ratio, found.contradicts) == (Sameness.UNPROVED, None, False)


def test_the_index_is_compared_where_both_have_one() -> None:
    identity = AssetIdentity()
    for slot in range(MIN_OBSERVATIONS):
        identity.observe(A, stats(A, "108", slot, index="100"), DOLLAR)
        identity.observe(B, stats(B, "100", slot, index="100"), DOLLAR)
    assert identity.compare(A.id, B.id).sameness is Sameness.PROVED
    identity.observe(B, stats(B, "100", MIN_OBSERVATIONS), DOLLAR)
    identity.observe(A, stats(A, "108", MIN_OBSERVATIONS, index="100"), DOLLAR)
    assert identity.compare(A.id, B.id).observations == MIN_OBSERVATIONS + 1


def test_prices_are_dollars_per_unit_of_the_asset() -> None:
    many, dear = replace(A, multiplier=Decimal(1_000)), replace(B, quote="EUR")
    identity = AssetIdentity()
    for slot in range(MIN_OBSERVATIONS):
        identity.observe(many, stats(many, "1100", slot), DOLLAR)
        identity.observe(dear, stats(dear, "1", slot), Decimal("1.1"))
    assert identity.compare(many.id, dear.id).sameness is Sameness.PROVED


def test_what_is_older_than_a_day_counts_no_more() -> None:
    day = DAY_NS // SLOT_NS
    found = seen(A, B, *[("600", "100")] * day, *[("100", "100")] * day).compare(A.id, B.id)
    assert (found.sameness, found.observations) == (Sameness.PROVED, day)


@pytest.mark.parametrize(
    ("symbol", "base", "units"),
    [
        ("1000PEPEUSDT", "PEPE", 1_000),
        ("kPEPE", "PEPE", 1_000),
        ("kBONK_USDC_PERP", "BONK", 1_000),
        ("1MBABYDOGEUSDT", "BABYDOGE", 1_000_000),
        ("1000000MOG-USD", "MOG", 1_000_000),
        ("2Z", "Z", 1),
        ("2ZUSDT", "2Z", 1),
        ("0GUSDT", "0G", 1),
        ("KAITOUSDT", "AITO", 1),
        ("PF_XBTUSD", "BTC", 1),
        ("BTC-PERP", "BTC", 1),
    ],
)
def test_what_a_symbol_claims(symbol: str, base: str, units: int) -> None:
    assert claimed_units(symbol, base) == units


def test_a_denomination_needs_a_claim_and_a_price_that_proves_it() -> None:
    plain = listed("a", "PEPE", "PEPE")
    thousand = listed("b", "1000PEPE", "PEPE")
    proved = seen(thousand, plain, *[("1001", "1")] * MIN_OBSERVATIONS).compare(thousand.id, plain.id)
    assert (proved.sameness, proved.factor, proved.contradicts) == (Sameness.DENOMINATED, Decimal(1_000), True)
    other = seen(thousand, plain, *[("1030", "1")] * MIN_OBSERVATIONS).compare(thousand.id, plain.id)
    assert (other.sameness, other.factor) == (Sameness.DIFFERS, DOLLAR)
    unclaimed = seen(A, B, *[("1000", "1")] * MIN_OBSERVATIONS).compare(A.id, B.id)
    assert unclaimed.sameness is Sameness.DIFFERS
    told = replace(thousand, multiplier=Decimal(1_000))
    known = seen(told, plain, *[("1001", "1")] * MIN_OBSERVATIONS).compare(told.id, plain.id)
    assert known.sameness is Sameness.PROVED


@given(st.integers(min_value=1, max_value=200), st.integers(min_value=1, max_value=200))
def test_a_comparison_turned_round_says_the_same(one: int, other: int) -> None:
    identity = seen(A, B, *[(str(one), str(other))] * MIN_OBSERVATIONS)
    there, back = identity.compare(A.id, B.id), identity.compare(B.id, A.id)
    assert there.ratio is not None
    # Within 2 % of one is not quite the same as the inverse within 2 %.
    if abs(abs(there.ratio - 1) - Decimal("0.02")) > Decimal("0.001"):
        assert there.sameness is back.sameness


def days(*prices: dict[Instrument, str]) -> Iterator[list[MarketStats]]:
    """Yield a day of statistics, once an hour, for each mapping."""
    for day, marks in enumerate(prices):
        slots = range(day * 96, day * 96 + 96, 4)
        yield [stats(one, mark, slot) for slot in slots for one, mark in marks.items()]


def survey(instruments: list[Instrument], *prices: dict[Instrument, str]) -> Ticker:
    found = AssetSurvey(instruments, {"USDC": DOLLAR})
    for day in days(*prices):
        found.add_day(day)
    (ticker,) = found.tickers()
    return ticker


C, D = listed("c", "EDGE"), listed("d", "EDGE")


def test_a_ticker_falls_into_the_assets_that_its_prices_make() -> None:
    ticker = survey([A, B, C, D], {A: "1", B: "1.01", C: "6", D: "6.03"})
    assert [set(asset.units) for asset in ticker.assets] == [{A.id, B.id}, {C.id, D.id}]
    assert ticker.is_ambiguous
    assert len(ticker.differing) == 4
    assert ticker.doubtful == ()
    assert ticker.unproved == ()


def test_two_that_differ_are_two_assets_and_a_lonely_one_is_unproved() -> None:
    ticker = survey([A, B, C], {A: "1", B: "6"})
    assert [set(asset.units) for asset in ticker.assets] == [{A.id}, {B.id}]
    assert ticker.unproved == (C.id,)


def test_the_last_day_decides_and_earlier_ones_make_it_doubtful() -> None:
    ticker = survey([A, B], {A: "1.05", B: "1"}, {A: "1.05", B: "1"}, {A: "1", B: "1"})
    assert not ticker.is_ambiguous
    (pair,) = ticker.doubtful
    assert (pair.differed, pair.days) == (2, 3)


def test_an_instrument_that_left_keeps_what_its_days_said() -> None:
    ticker = survey([A, B], {A: "6", B: "1"}, {B: "1"}, {B: "1"})
    assert ticker.is_ambiguous
    assert ticker.differing[0].days == 1


def test_one_price_later_does_not_undo_what_a_day_said() -> None:
    found = AssetSurvey([A, B], {"USDC": DOLLAR})
    for day in days({A: "6", B: "1"}):
        found.add_day(day)
    found.add_day([stats(A, "1", 400), stats(B, "1", 400)])
    (ticker,) = found.tickers()
    assert ticker.is_ambiguous
    assert ticker.differing[0].last.observations > 1


def test_units_of_a_contract_follow_from_what_is_proved() -> None:
    one, two = listed("a", "PEPE", "PEPE"), listed("b", "PEPE-X", "PEPE")
    thousand, million = listed("c", "kPEPE", "PEPE"), listed("d", "1MPEPE", "PEPE")
    ticker = survey([one, two, thousand, million], {one: "1", two: "1", thousand: "1000", million: "1000000"})
    assert ticker.assets[0].units == {one.id: 1, two.id: 1, thousand.id: 1_000, million.id: 1_000_000}
    alike = survey(
        [thousand, listed("e", "1000PEPE", "PEPE")], {thousand: "1000", listed("e", "1000PEPE", "PEPE"): "1000"}
    )
    assert set(alike.assets[0].units.values()) == {DOLLAR}


def test_asset_classes_and_bases_are_not_compared_and_neither_is_what_has_no_dollar_value() -> None:
    stock, euro = replace(B, asset_class="stock"), replace(C, quote="EUR")
    found = AssetSurvey([A, stock, euro, listed("a", "BTC", "BTC")], {"USDC": DOLLAR})
    for day in days({A: "1", stock: "6", euro: "6"}):
        found.add_day(day)
    assert found.tickers() == ()
