from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from arb.funding import meets_minimums, pair_size
from arb.model import Instrument, common_quantum
from arb.testing import sample_instrument

steps = st.decimals(min_value="0.0001", max_value=500, places=4)
multipliers = st.sampled_from([Decimal(n) for n in ("1", "1000", "0.01", "0.001", "10")])


def instrument(step: Decimal | str, multiplier: Decimal | str = "1") -> Instrument:
    return sample_instrument(
        lot_size=Decimal(step), multiplier=Decimal(multiplier), min_quantity=Decimal(0), min_notional=Decimal(0)
    )


def test_a_target_below_the_quantum_has_no_size() -> None:
    assert pair_size(instrument("0.003"), instrument("0.002"), Decimal("0.0059")) is None


def test_both_legs_hold_the_same_base_in_their_own_contracts() -> None:
    size = pair_size(instrument("1", "1000"), instrument("100"), Decimal(5_432))
    assert size is not None
    assert (size.base, size.long_quantity, size.short_quantity) == (Decimal(5_000), Decimal(5), Decimal(5_000))


@given(first=steps, second=steps, one=multipliers, other=multipliers, target=st.decimals(1, 10**6, places=3))
def test_the_size_is_whole_steps_of_both_and_the_largest_such(
    first: Decimal, second: Decimal, one: Decimal, other: Decimal, target: Decimal
) -> None:
    long, short = instrument(first, one), instrument(second, other)
    quantum = common_quantum(long, short)
    assert quantum % (first * one) == 0
    assert quantum % (second * other) == 0
    size = pair_size(long, short, target)
    if size is None:
        assert target < quantum
        return
    assert size.long_quantity * one == size.base == size.short_quantity * other
    assert size.long_quantity % first == 0
    assert size.short_quantity % second == 0
    assert size.base <= target < size.base + quantum


def test_the_minimum_must_hold_at_a_stressed_exit_too() -> None:
    venue = sample_instrument(min_notional=Decimal(10), min_quantity=Decimal("0.1"))
    assert meets_minimums(venue, Decimal(1), Decimal("12.5"), Decimal("0.2"))
    assert not meets_minimums(venue, Decimal(1), Decimal("12.4"), Decimal("0.2"))
    assert not meets_minimums(venue, Decimal("0.05"), Decimal(1_000), Decimal("0.2"))


def test_a_minimum_of_closing_orders_counts_as_well() -> None:
    venue = sample_instrument(min_notional=Decimal(10), closing_min_notional=Decimal(20))
    assert meets_minimums(venue, Decimal(1), Decimal(25), Decimal("0.2"))
    assert not meets_minimums(venue, Decimal(1), Decimal(24), Decimal("0.2"))
