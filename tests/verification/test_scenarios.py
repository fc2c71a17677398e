"""Named cases: they end as they say, and the language refuses what cannot be meant."""

from __future__ import annotations

from dataclasses import replace

import pytest

from arb.model import EventKind
from arb.verification import (
    SCENARIOS,
    Code,
    FaultKind,
    Scenario,
    Setup,
    adl,
    at,
    book,
    clock_jump,
    close_venue,
    commit_fails,
    crash,
    delist,
    disk_full,
    ends,
    fault,
    halt,
    holds,
    kill,
    liquidate,
    orders,
    price_jump,
    resume,
    run_scenario,
    second_process,
    told,
    when,
)

# Each shows a bug of tests/simulation/mutants; prices, lots and latencies are to make no difference.
WHATEVER_IS_DRAWN = (
    "both-legs-filled-in-part",
    "budget-outlives-restarts",
    "every-read-is-behind",
    "first-fills-before-the-first-look",
    "forced-before-its-hedge-by-the-clock",
    "halted-hedge-waits-for-a-person",
    "halted-while-half-open",
    "halts-that-nobody-can-read",
    "hold-clock-through-a-repair",
    "imbalance-of-few-small-lots",
    "killed-while-mending",
    "liquidated-leg-stays-closed",
    "overtaken-before-it-enters",
    "overtaken-with-a-leg-to-mend",
    "reads-that-go-backwards",
    "restart-on-another-clock",
    "resting-order-that-a-read-misses",
    "second-process-gives-way",
    "two-venues-number-alike",
)


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_a_scenario_ends_as_it_says(name: str) -> None:
    result = run_scenario(SCENARIOS[name])

    assert [str(violation) for violation in result.violations] == []
    assert SCENARIOS[name].about
    assert SCENARIOS[name].references


@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize("name", WHATEVER_IS_DRAWN)
def test_a_scenario_of_a_known_bug_does_not_hang_on_its_seed(name: str, seed: int) -> None:
    scenario = SCENARIOS[name]
    result = run_scenario(replace(scenario, setup=replace(scenario.setup, seed=seed)))

    assert [str(violation) for violation in result.violations] == []


@pytest.mark.parametrize("name", sorted(SCENARIOS)[::10])
def test_a_scenario_without_its_script_does_not_meet_its_faults(name: str) -> None:
    assert run_scenario(replace(SCENARIOS[name], script=(), expect=())).faults == {}


def test_an_end_that_is_not_expected_is_a_violation() -> None:
    wrong = Scenario(
        name="wrong",
        references=("none",),
        about="Nothing goes wrong, and all of this is expected nevertheless.",
        setup=Setup(minutes=2),
        expect=(ends(halted=1), orders("left", exactly=0), told(EventKind.HALT_RAISED), holds("left", "1")),
    )
    result = run_scenario(wrong)

    assert {violation.code for violation in result.violations} == {Code.EXPECTATION}
    assert len(result.violations) == 4


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (fault("left", "fetch_balances", nth=3, timeout_before=True), FaultKind.TIMEOUT_BEFORE),
        (fault("right", "send_order", thin_book=1), FaultKind.THIN_BOOK),
        (at(5, close_venue("left", 3)), FaultKind.MAINTENANCE),
        (at(5, close_venue("left", 3, kind=FaultKind.DISCONNECT)), FaultKind.DISCONNECT),
        (at(5, book("left", lots=3, seconds=5)), FaultKind.THIN_BOOK),
        (at(5, price_jump(3_000)), FaultKind.PRICE_JUMP),
        (at(5, clock_jump(2.5)), FaultKind.CLOCK_JUMP),
        (at(5, disk_full(3)), FaultKind.DISK_FULL),
        (at(5, halt(), resume()), FaultKind.HALT_BY_HAND),
        (at(5, kill()), FaultKind.CRASH_AT_STEP),
        (at(5, second_process()), FaultKind.SECOND_PROCESS),
        (when(EventKind.HEDGE_OPENED, adl("right", "0.001"), after_s=2), FaultKind.ADL),
        (when(EventKind.HEDGE_OPENED, liquidate("left"), after_s=2), FaultKind.LIQUIDATION),
        (when(EventKind.HEDGE_OPENED, delist("right"), after_s=2), FaultKind.DELIST),
        (crash(at_step=100), FaultKind.CRASH_AT_STEP),
        (crash(at_commit=5), FaultKind.CRASH_BEFORE_COMMIT),
        (crash(at_turn=300), FaultKind.CRASH_AT_TURN),
        (commit_fails(12), FaultKind.STORAGE_ERROR),
        (commit_fails(12, takes_effect=True), FaultKind.COMMIT_UNCONFIRMED),
    ],
    ids=lambda value: str(value) if isinstance(value, FaultKind) else "",
)
def test_every_step_of_the_language_does_something(step: object, kind: FaultKind) -> None:
    rules = {"left": {"lot_size": "0.001"}, "right": {"lot_size": "0.001"}}
    setup = Setup(minutes=1, rules=_decimals(rules))
    scenario = Scenario(name="step", references=(), about="", setup=setup, script=(step,))  # type: ignore[arg-type]

    assert run_scenario(scenario).faults.get(kind.value, 0) >= 1


def test_a_fault_names_one_kind() -> None:
    with pytest.raises(ValueError, match="name one kind of fault"):
        fault("left", "send_order")
    with pytest.raises(ValueError, match="name one kind of fault"):
        fault("left", "send_order", timeout_before=True, rate_limited=True)
    with pytest.raises(ValueError, match="unheard_of"):
        fault("left", "send_order", unheard_of=True)
    with pytest.raises(ValueError, match="no effect that could be late"):
        fault("left", "fetch_fills", late_effect=1)


def test_a_deed_that_is_not_possible_is_told() -> None:
    nothing_held = Scenario(
        name="empty", references=(), about="", setup=Setup(minutes=1), script=(at(0.1, adl("left")),)
    )

    with pytest.raises(ValueError, match="left holds nothing to deleverage"):
        run_scenario(nothing_held)


def test_a_fault_that_a_call_cannot_meet_is_refused() -> None:
    impossible = fault("left", "fetch_fills", thin_book=1)
    scenario = Scenario(name="impossible", references=(), about="", setup=Setup(minutes=1), script=(impossible,))

    with pytest.raises(ValueError, match="cannot meet thin_book"):
        run_scenario(scenario)


def _decimals(rules: dict[str, dict[str, str]]) -> dict[str, dict[str, object]]:
    from decimal import Decimal

    return {venue: {name: Decimal(value) for name, value in fields.items()} for venue, fields in rules.items()}
