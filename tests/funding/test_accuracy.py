from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from arb.funding import ForecastScores, compare_forecasts
from arb.model import HOUR_NS, MILLISECOND_NS, MINUTE_NS, Averaging, ExchangeName, FundingKind, FundingRate, RateUnit
from arb.testing import START_NS, sample_instrument

BTC = sample_instrument()
HOURLY = RateUnit(factor=Decimal(1), period_ns=HOUR_NS)
QUARTERS = (15, 30, 45, 58)


def seen(raw: str, hour: int, minute: int, **changes: object) -> FundingRate:
    ts_ns = START_NS + hour * HOUR_NS + minute * MINUTE_NS
    rate = FundingRate(
        instrument=BTC.id,
        raw=Decimal(raw),
        unit=HOURLY,
        interval_ns=HOUR_NS,
        kind=FundingKind.PREDICTED,
        ts_event_ns=ts_ns,
        ts_init_ns=ts_ns,
        next_funding_ns=START_NS + (hour + 1) * HOUR_NS,
    )
    return replace(rate, **changes)  # type: ignore[arg-type]


def settled(raw: str, hour: int) -> FundingRate:
    """Stamped a little late, as venues do."""
    ts_ns = START_NS + hour * HOUR_NS + 12 * MILLISECOND_NS
    return seen(raw, hour, 0, kind=FundingKind.SETTLED, ts_event_ns=ts_ns, next_funding_ns=None)


def test_the_last_prediction_before_the_settlement_is_what_came() -> None:
    run = compare_forecasts([seen(f"0.000{n}", 0, minute) for n, minute in enumerate(QUARTERS)], (), None)
    assert [(sample.moment, sample.published) for sample in run.samples] == [
        (Decimal("0.25"), Decimal("0.0000")),
        (Decimal("0.5"), Decimal("0.0001")),
        (Decimal("0.75"), Decimal("0.0002")),
    ]
    assert {sample.came for sample in run.samples} == {Decimal("0.0003")}
    assert (run.settlements, run.holes) == (1, 0)


def test_four_minutes_before_is_too_early_to_be_the_truth() -> None:
    run = compare_forecasts([seen("0.0001", 0, minute) for minute in (15, 30, 56)], (), None)
    assert (run.samples, run.settlements, run.holes) == ((), 1, 1)


def test_what_settled_counts_before_what_was_seen() -> None:
    run = compare_forecasts([seen("0.0001", 0, minute) for minute in QUARTERS], [settled("0.0009", 1)], None)
    assert {sample.came for sample in run.samples} == {Decimal("0.0009")}
    early = compare_forecasts([seen("0.0001", 0, 15)], [settled("0.0009", 1)], None)
    assert (len(early.samples), early.holes) == (1, 0)


def test_the_settlement_before_is_last_and_a_hole_is_not_bridged() -> None:
    hours = (0, 1, 3)
    predicted = [seen(f"0.000{hour + 1}", hour, minute) for hour in hours for minute in QUARTERS]
    by_hour = {(each.due_ns - START_NS) // HOUR_NS - 1: each for each in compare_forecasts(predicted, (), None).samples}
    assert by_hour[0].last is None
    assert by_hour[1].last == Decimal("0.0001")
    assert by_hour[1].blend == Decimal("0.75") * Decimal("0.0002") + Decimal("0.25") * Decimal("0.0001")
    assert by_hour[3].last is None


def test_nothing_later_than_the_prediction_is_used() -> None:
    past = [settled("0.0001", hour) for hour in range(-5, 1)]
    predicted = [seen("0.0004", 0, minute) for minute in QUARTERS]
    one = compare_forecasts(predicted, [*past, settled("0.9", 1)], Averaging.FLAT).samples
    future = [settled("-0.9", hour) for hour in range(1, 20)]
    other = compare_forecasts(predicted, [*past, *future], Averaging.FLAT).samples
    assert [each.own for each in one] == [each.own for each in other]
    assert all(Decimal("0.0001") < each.own < Decimal("0.0004") for each in one)
    assert {each.usual for each in one} == {Decimal("0.0001")}


def test_without_averaging_or_history_the_forecast_is_the_published_rate() -> None:
    past = [settled("0.0001", hour) for hour in range(-5, 1)]
    predicted = [seen("0.0004", 0, minute) for minute in QUARTERS]
    for run in (compare_forecasts(predicted, past, None), compare_forecasts(predicted, (), Averaging.LINEAR)):
        assert all(each.own == each.published for each in run.samples)


def test_a_settlement_named_one_period_late_is_the_one_after() -> None:
    late = [seen("0.0001", 0, minute, next_funding_ns=START_NS + 2 * HOUR_NS) for minute in QUARTERS]
    unnamed = [seen("0.0001", 0, minute, next_funding_ns=None) for minute in QUARTERS]
    for predicted in (late, unnamed):
        assert {each.due_ns for each in compare_forecasts(predicted, (), None).samples} == {START_NS + HOUR_NS}


def test_scores_are_errors_in_basis_points_of_one_settlement() -> None:
    past = [settled("0.0001", hour) for hour in range(-5, 1)]
    predicted = [seen("0.0004", hour, minute) for hour in (0, 1) for minute in QUARTERS[:3]]
    run = compare_forecasts(predicted, [*past, settled("0.0002", 1), settled("0.0006", 2)], None)
    scores = ForecastScores()
    scores.add(ExchangeName("memory"), None, run)
    scores.add(ExchangeName("other"), None, compare_forecasts([seen("1", 0, 5)], (), None))
    found = {score.moment: score for score in scores.scores()}[Decimal("0.5")]
    assert (found.settlements, found.times, found.period_ns) == (2, 2, HOUR_NS)
    assert found.published.mean_bps == found.published.p90_bps == 2
    assert found.last is not None
    assert found.last.mean_bps == Decimal("2.5")
    assert found.last.p90_bps == 4
    assert found.own_beside == found.own
    assert scores.holes() == {"memory": (0, 2), "other": (1, 1)}
