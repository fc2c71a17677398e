from __future__ import annotations

import random
from decimal import Decimal

from arb.funding import pair_history
from arb.model import HOUR_NS, FundingKind, FundingRate, InstrumentId, RateUnit


def series(rates: list[float], interval: int = 1, name: str = "a") -> list[FundingRate]:
    return [
        FundingRate(
            instrument=InstrumentId(f"BTC-PERP.{name}"),
            raw=Decimal(f"{rate:.10f}") * interval,
            unit=RateUnit(factor=Decimal(1), period_ns=interval * HOUR_NS),
            interval_ns=interval * HOUR_NS,
            kind=FundingKind.SETTLED,
            ts_event_ns=(index + 1) * interval * HOUR_NS,
            ts_init_ns=0,
        )
        for index, rate in enumerate(rates)
    ]


def decaying(hours: int, half_life: float, noise: float = 0.0) -> list[float]:
    """A mean-reverting series with known half-life."""
    dice = random.Random(7)  # noqa: TID251 - a fixed series for a test
    keep = 2 ** (-1 / half_life)
    value, values = 0.0, []
    for _ in range(hours):
        value = keep * value + dice.gauss(0, 1e-5)
        values.append(value + dice.gauss(0, noise))
    return values


def test_a_short_overlap_tells_nothing() -> None:
    assert pair_history(series([1e-5] * 44), series([2e-5] * 44), HOUR_NS) is None
    assert pair_history([], series([2e-5] * 400), HOUR_NS) is None


def test_a_constant_pair_keeps_its_means_and_has_no_half_life() -> None:
    found = pair_history(series([1e-5] * 400), series([5e-5] * 400), HOUR_NS)
    assert found is not None
    assert found.half_life_hours is None
    assert found.cells == 100
    spread = found.short_mean_hour - found.long_mean_hour
    assert Decimal("0.000039") < spread < Decimal("0.00004")


def test_the_half_life_of_a_mean_reverting_spread_is_found() -> None:
    zero = [0.0] * 20_000
    found = pair_history(series(zero), series(decaying(20_000, 24)), HOUR_NS)
    assert found is not None
    assert found.half_life_hours is not None
    assert 18 < found.half_life_hours < 30


def test_noise_of_single_settlements_shortens_it() -> None:
    zero = series([0.0] * 20_000)
    quiet = pair_history(zero, series(decaying(20_000, 24)), HOUR_NS)
    noisy = pair_history(zero, series(decaying(20_000, 24, noise=1e-4)), HOUR_NS)
    assert quiet is not None
    assert noisy is not None
    assert quiet.half_life_hours is not None
    assert noisy.half_life_hours is not None
    assert noisy.half_life_hours < quiet.half_life_hours


def test_pure_noise_lasts_a_few_hours_only() -> None:
    dice = random.Random(3)  # noqa: TID251 - a fixed series for a test
    noise = [dice.gauss(0, 1e-5) for _ in range(4_000)]
    found = pair_history(series([0.0] * 4_000), series(noise), HOUR_NS)
    assert found is not None
    assert found.half_life_hours is not None
    assert found.half_life_hours < 4


def test_unequal_intervals_are_compared_over_the_longer() -> None:
    hourly, eight = series([1e-5] * 240), series([3e-5] * 30, interval=8)
    found = pair_history(hourly, eight, 8 * HOUR_NS)
    assert found is not None
    assert found.cells == 30
    assert found.short_mean_hour > found.long_mean_hour


def test_few_independent_observations_shrink_the_long_run_spread() -> None:
    lasting = decaying(336, 200)
    found = pair_history(series([0.0] * 336), series([rate + 5e-5 for rate in lasting]), HOUR_NS)
    assert found is not None
    plain = sum(lasting) / len(lasting) + 5e-5
    assert abs(found.short_mean_hour - found.long_mean_hour) < Decimal(str(abs(plain)))


def test_swapping_the_legs_swaps_the_means() -> None:
    one, other = series(decaying(400, 10)), series([rate / 2 for rate in decaying(400, 30)])
    there, back = pair_history(one, other, HOUR_NS), pair_history(other, one, HOUR_NS)
    assert there is not None
    assert back is not None
    assert (there.long_mean_hour, there.short_mean_hour) == (back.short_mean_hour, back.long_mean_hour)
    assert there.half_life_hours == back.half_life_hours


def test_one_crash_does_not_make_the_long_run() -> None:
    calm = [1e-5 + 1e-6 * (n % 7) for n in range(336)]
    crash = list(calm)
    crash[100:108] = [5e-3] * 8
    plain = pair_history(series([0.0] * 336), series(calm), HOUR_NS)
    shaken = pair_history(series([0.0] * 336), series(crash), HOUR_NS)
    assert plain is not None
    assert shaken is not None
    difference = shaken.short_mean_hour - plain.short_mean_hour
    assert abs(difference) < Decimal("0.000001")


def test_the_range_holds_what_is_usual_and_not_a_spike() -> None:
    found = pair_history(series([0.0] * 336), series([1e-5 + 1e-6 * (n % 7) for n in range(336)]), HOUR_NS)
    assert found is not None
    assert found.spread_range_hour is not None
    low, high = found.spread_range_hour
    assert low < Decimal("0.00001") < Decimal("0.000016") < high < Decimal("0.00005")
