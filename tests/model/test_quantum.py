from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arb.model import Instrument, common_quantum
from arb.testing import sample_instrument

steps = st.decimals(min_value="0.000001", max_value=5_000, places=6)
multipliers = st.sampled_from([Decimal(n) for n in ("1", "1000", "0.01", "0.001", "10", "25", "0.3")])
instruments = st.builds(
    lambda step, multiplier: sample_instrument(lot_size=step, multiplier=multiplier), steps, multipliers
)


def instrument(step: str, multiplier: str = "1") -> Instrument:
    return sample_instrument(lot_size=Decimal(step), multiplier=Decimal(multiplier))


def test_the_larger_step_is_not_the_quantum() -> None:
    assert common_quantum(instrument("0.003"), instrument("0.002")) == Decimal("0.006")


def test_the_multiplier_counts() -> None:
    # 1000PEPE in steps of 1 against PEPE in steps of 1500: 3000 PEPE.
    assert common_quantum(instrument("1", "1000"), instrument("1500")) == 3000
    assert common_quantum(instrument("0.1", "0.001"), instrument("0.0001")) == Decimal("0.0001")


def test_one_instrument_keeps_its_step_and_none_is_refused() -> None:
    assert common_quantum(instrument("0.25", "10")) == Decimal("2.5")
    with pytest.raises(ValueError, match="at least one"):
        common_quantum()


def test_three_legs_meet_where_no_two_of_them_do() -> None:
    assert common_quantum(instrument("2"), instrument("3")) == 6
    assert common_quantum(instrument("2"), instrument("3"), instrument("0.5", "10")) == 30


def test_more_digits_than_a_decimal_context_has_are_kept() -> None:
    first, second = instrument("1.00000000000000000003"), instrument("1.00000000000000000007")
    quantum = common_quantum(first, second)
    assert len(quantum.as_tuple().digits) > 28
    assert Fraction(quantum) % Fraction(first.lot_size) == 0
    assert Fraction(quantum) % Fraction(second.lot_size) == 0


@given(st.lists(instruments, min_size=1, max_size=4))
def test_it_is_the_least_size_that_is_whole_steps_of_all(legs: list[Instrument]) -> None:
    quantum = Fraction(common_quantum(*legs))
    counts = [quantum / (Fraction(one.lot_size) * Fraction(one.multiplier)) for one in legs]
    assert all(count.denominator == 1 for count in counts)
    # Were there a smaller one, a number above 1 would divide every count.
    assert math.gcd(*(count.numerator for count in counts)) == 1
