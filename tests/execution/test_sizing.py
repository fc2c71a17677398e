from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from arb.execution._sizing import PositionSize, PositionSizer, SizeRefusal, SizeRefusalCode, SizingLeg
from arb.model import common_quantum
from arb.testing import sample_instrument


def leg(
    step: str | Decimal,
    price: str | Decimal = "1",
    *,
    exchange: str = "one",
    usd_rate: str | Decimal = "1",
    **rules: str | Decimal | None,
) -> SizingLeg:
    """A leg without minima unless told otherwise."""
    given = {"min_quantity": "0", "min_notional": "0", **rules}
    values: dict[str, Any] = {name: None if value is None else Decimal(value) for name, value in given.items()}
    instrument = sample_instrument(exchange, lot_size=Decimal(step), **values)
    return SizingLeg(instrument=instrument, price=Decimal(price), usd_rate=Decimal(usd_rate))


def sized(notional: str, *legs: SizingLeg, stress_move: str = "0.3") -> PositionSize:
    size = PositionSizer(stress_move=Decimal(stress_move)).size(Decimal(notional), legs)
    assert isinstance(size, PositionSize), str(size)
    return size


def refused(notional: str, *legs: SizingLeg) -> SizeRefusal:
    size = PositionSizer().size(Decimal(notional), legs)
    assert isinstance(size, SizeRefusal), str(size)
    return size


def test_the_larger_of_two_steps_is_the_classic_error() -> None:
    # 0.009 would be three steps of 0.003 and four and a half of 0.002.
    size = sized("0.0119", leg("0.003"), leg("0.002", exchange="two"))
    assert size.quantities == (Decimal("0.006"), Decimal("0.006"))
    assert size.residual_usd == Decimal("0.0059")


def test_no_leg_is_worth_more_than_asked() -> None:
    # The dearer leg decides: 1000 / 51 000 is 0.0196 units.
    size = sized("1000", leg("0.001", "50000"), leg("0.001", "51000", exchange="two"))
    assert size.base == Decimal("0.019")
    assert size.notionals_usd == (Decimal(950), Decimal(969))
    assert size.residual_usd == 31


def test_each_leg_counts_its_own_contracts_and_its_own_currency() -> None:
    thousands = leg("1", "0.012", multiplier="1000")  # 1000PEPE
    single = leg("100", "0.0000125", exchange="two", usd_rate="0.96")
    size = sized("66.0119", thousands, single)
    assert (size.base, size.quantities) == (Decimal(5_500_000), (Decimal(5_500), Decimal(5_500_000)))
    assert size.notionals_usd == (Decimal(66), Decimal(66))
    assert size.residual_usd == Decimal("0.0119")


def test_three_legs_share_one_step() -> None:
    size = sized("40", leg("2"), leg("3", exchange="two"), leg("5", exchange="three"))
    assert size.quantities == (Decimal(30),) * 3


def test_an_amount_that_is_exactly_one_more_step_reaches_it() -> None:
    # 2 / 0.3 has no end: a rounded quotient would miss or invent a step.
    assert sized("2", leg("20", "0.1"), leg("20", "0.1", exchange="two")).base == 20
    assert sized("0.9", leg("3", "0.3")).base == 3
    assert sized("0.8999999999999999999999999999", leg("1", "0.3")).base == 2


def test_less_than_the_common_step_is_refused() -> None:
    found = refused("0.0059", leg("0.003"), leg("0.002", "2", exchange="two"))
    assert found == SizeRefusal(
        code=SizeRefusalCode.BELOW_QUANTUM,
        instrument=leg("0.002", exchange="two").instrument.id,
        value=Decimal("0.00295"),
        limit=Decimal("0.006"),
    )
    assert refused("0", leg("1")).code is SizeRefusalCode.BELOW_QUANTUM
    assert refused("-5", leg("1")).code is SizeRefusalCode.BELOW_QUANTUM


@pytest.mark.parametrize(
    ("rules", "code", "value", "limit"),
    [
        ({"min_quantity": "11"}, SizeRefusalCode.BELOW_MIN_QUANTITY, "10", "11"),
        ({"min_notional": "1001"}, SizeRefusalCode.BELOW_MIN_NOTIONAL, "1000", "1001"),
        # It can be opened, and after a fall of 30 % it is worth 700.
        ({"min_notional": "701"}, SizeRefusalCode.BELOW_MIN_NOTIONAL_AT_EXIT, "700", "701"),
        ({"closing_min_notional": "701"}, SizeRefusalCode.BELOW_MIN_NOTIONAL_AT_EXIT, "700", "701"),
        ({"max_quantity": "9"}, SizeRefusalCode.ABOVE_MAX_QUANTITY, "10", "9"),
    ],
)
def test_a_rule_of_any_leg_refuses_with_its_figures(
    rules: dict[str, str], code: SizeRefusalCode, value: str, limit: str
) -> None:
    calm, strict = leg("1", "100"), leg("1", "100", exchange="two", **rules)
    for legs in ((calm, strict), (strict, calm)):
        assert refused("1000", *legs) == SizeRefusal(
            code=code, instrument=strict.instrument.id, value=Decimal(value), limit=Decimal(limit)
        )


def test_what_just_meets_every_rule_is_accepted() -> None:
    rules = {"min_quantity": "10", "min_notional": "700", "closing_min_notional": "700", "max_quantity": "10"}
    assert sized("1000", leg("1", "100", **rules)).base == 10
    assert sized("1000", leg("1", "100", min_notional="1000"), stress_move="0").base == 10


def test_a_refusal_tells_what_to_do() -> None:
    assert str(refused("1000", leg("1", "100", max_quantity="9"))) == (
        "BTC-PERP.one: 10 contracts are more than its largest order, 9; ask for less"
    )
    assert str(refused("2", leg("1", "3"))).endswith("less than the step of all legs together, 1; ask for more")


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity"])
def test_what_is_no_price_is_not_sized(price: str) -> None:
    with pytest.raises(ValueError, match="its price must be positive"):
        PositionSizer().size(Decimal(1), [leg("1", price)])
    with pytest.raises(ValueError, match="its dollar rate must be positive"):
        PositionSizer().size(Decimal(1), [leg("1", "1", usd_rate=price)])


def test_no_amount_no_leg_and_no_sense_are_errors() -> None:
    with pytest.raises(ValueError, match="cannot be sized"):
        PositionSizer().size(Decimal("NaN"), [leg("1")])
    with pytest.raises(ValueError, match="at least one"):
        PositionSizer().size(Decimal(1), [])
    with pytest.raises(ValueError, match="stress_move"):
        PositionSizer(stress_move=Decimal(1))


def some_number(chance: Any, least: int, most: int) -> Decimal:
    """Return one to three digits times a power of ten between the two given."""
    digits: int = chance.randrange(1, 10 ** chance.randint(1, 3))
    exponent: int = chance.randint(least, most)
    return digits * Decimal(10) ** exponent


def some_leg(chance: Any, magnitude: int) -> SizingLeg:
    """Return a leg of an asset whose unit costs about ten to the `magnitude` dollars."""
    contract = chance.randint(-3, 6)
    price = some_number(chance, magnitude + contract - 1, magnitude + contract - 1)
    step = some_number(chance, -price.adjusted() - 5, -price.adjusted())
    least, largest = chance.choice([0, 1, 5, 10, 100]), chance.choice([None, 100, 10_000, 10**9])
    return leg(
        step,
        price,
        usd_rate=chance.choice(["1", "0.9987", "1.0003"]),
        multiplier=chance.choice([1, 1, 3, 5]) * Decimal(10) ** contract,
        min_quantity=step * least,
        min_notional=Decimal(least),
        closing_min_notional=chance.choice(["0", "5", "20"]),
        max_quantity=None if largest is None else step * largest,
    )


TRIES = 25


@settings(max_examples=400, deadline=None)
@given(st.randoms(use_true_random=True))
def test_whatever_is_accepted_every_venue_accepts(chance: Any) -> None:
    """400 times 25 sets of legs: ten thousand."""
    accepted = 0
    for _ in range(TRIES):
        magnitude = chance.randint(-6, 4)
        legs = [some_leg(chance, magnitude) for _ in range(chance.choice([2, 2, 3]))]
        notional_usd = some_number(chance, 1, 4)
        size = PositionSizer().size(notional_usd, legs)
        if isinstance(size, SizeRefusal):
            too_much = size.code is SizeRefusalCode.ABOVE_MAX_QUANTITY
            assert size.value > size.limit if too_much else size.value < size.limit
            continue
        check_size(size, legs, notional_usd)
        accepted += 1
    event("hardly any accepted" if accepted < TRIES // 5 else "many accepted")


def check_size(size: PositionSize, legs: Sequence[SizingLeg], notional_usd: Decimal) -> None:
    for one, quantity, notional in zip(legs, size.quantities, size.notionals_usd, strict=True):
        rules = one.instrument
        assert Fraction(quantity) % Fraction(rules.lot_size) == 0
        assert Fraction(quantity) * Fraction(rules.multiplier) == Fraction(size.base)
        assert quantity >= rules.min_quantity
        assert quantity * one.price >= rules.min_notional
        assert quantity * one.price * Decimal("0.7") >= max(rules.min_notional, rules.closing_min_notional)
        assert rules.max_quantity is None or quantity <= rules.max_quantity
        assert notional == quantity * one.price * one.usd_rate <= notional_usd
    assert size.residual_usd == notional_usd - max(size.notionals_usd) >= 0
    # One step more would cost more than was asked.
    more = size.base + common_quantum(*(one.instrument for one in legs))
    assert max(more / one.instrument.multiplier * one.price * one.usd_rate for one in legs) > notional_usd
