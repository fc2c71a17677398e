"""Predictions of funding that accrues, beside what the history says has accrued."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from arb.funding import Proof, Verdict, predicted_steps, prove_venues
from arb.model import HOUR_NS, MINUTE_NS, FundingKind, FundingRate, InstrumentId, RateUnit

COIN = InstrumentId("COIN-PERP.one")
STEP_NS, READ_NS = 4 * HOUR_NS, 15 * MINUTE_NS


def rate(ts_ns: int, raw: Decimal, period_ns: int, kind: FundingKind) -> FundingRate:
    return FundingRate(
        instrument=COIN,
        raw=raw,
        unit=RateUnit(factor=Decimal(1), period_ns=period_ns),
        interval_ns=0,
        kind=kind,
        ts_event_ns=ts_ns,
        ts_init_ns=ts_ns,
    )


def running(ts_ns: int) -> Decimal:
    """Return the rate of eight hours, which rises by a quarter in a day."""
    return Decimal("0.0001") * (1 + Decimal(ts_ns) / (96 * HOUR_NS))


def predicted(
    count: int, *, every_ns: int = READ_NS, of: Callable[[int], Decimal] = running, factor: int = 1
) -> list[FundingRate]:
    return [
        rate(ts_ns, of(ts_ns) * factor, 8 * HOUR_NS, FundingKind.PREDICTED)
        for ts_ns in range(0, count * STEP_NS + 1, every_ns)
    ]


def history(count: int, *, factor: int = 1) -> list[FundingRate]:
    ends = [(number + 1) * STEP_NS for number in range(count)]
    return [rate(end, factor * running(end - STEP_NS // 2) / 2, STEP_NS, FundingKind.SETTLED) for end in ends]


def judged(read: list[FundingRate], settled: list[FundingRate]) -> Proof:
    (venue,) = prove_venues(predicted_steps(read, settled, 0), FundingKind.PREDICTED)
    assert venue.kind is FundingKind.PREDICTED
    return venue.proof


def test_predictions_that_come_to_what_accrued_are_proved() -> None:
    proof = judged(predicted(6), history(6))
    assert (proof.verdict, proof.telling) == (Verdict.PROVED, 4)
    assert proof.ratio is not None
    assert abs(proof.ratio - 1) < Decimal("0.001")


@pytest.mark.parametrize(
    ("factor", "cause"), [(8, "a rate of eight hours is taken for one of an hour"), (-1, "the sign is turned")]
)
def test_predictions_that_are_misread_are_named_whatever_the_history_proves(factor: int, cause: str) -> None:
    proof = judged(predicted(6, factor=factor), history(6))
    assert proof.verdict is Verdict.MISMATCH
    assert cause in proof.cause


def test_both_misread_alike_fit_each_other_which_payments_are_for() -> None:
    assert judged(predicted(6, factor=8), history(6, factor=8)).verdict is Verdict.PROVED


def test_a_step_counts_only_where_it_was_read_all_along() -> None:
    read, settled = predicted(6), history(6)
    assert len(predicted_steps(read, settled, 0)) == 4
    assert len(predicted_steps(read, settled, 4 * STEP_NS)) == 2
    assert len(predicted_steps(read[:40], settled, 0)) == 2
    assert len(predicted_steps([*read[:40], *read[50:]], settled, 2 * STEP_NS)) == 2
    assert predicted_steps([], settled, 0) == ()
    assert predicted_steps(read, [replace(one, interval_ns=HOUR_NS) for one in settled], 0) == ()


def test_rates_that_turn_with_every_reading_tell_nothing() -> None:
    def turning(ts_ns: int) -> Decimal:
        return running(ts_ns) * (8 if ts_ns // READ_NS % 2 else -6)

    assert predicted_steps(predicted(6, of=turning), history(6), 0) == ()


def test_hourly_readings_are_enough_where_rates_are_calm() -> None:
    assert judged(predicted(6, every_ns=HOUR_NS), history(6)).verdict is Verdict.PROVED
