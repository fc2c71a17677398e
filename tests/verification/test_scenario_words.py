"""The words of the scenario language: each does something, and each expectation can fail."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from arb.model import (
    HOUR_NS,
    ClientOrderId,
    EventKind,
    FeeSchedule,
    OrderPurpose,
    OrderRequest,
    Side,
    TimeInForce,
)
from arb.verification import (
    Code,
    EpisodeResult,
    Expectation,
    FaultKind,
    Scenario,
    Setup,
    adl,
    answers,
    at,
    between,
    book,
    bounded,
    clock_jump,
    ended_by,
    ends,
    fault,
    figure,
    garble_halts,
    halt,
    halted,
    interval,
    kill,
    move_to_another_machine,
    naked,
    never_told,
    nothing_rests,
    orders,
    paid,
    rebated,
    relist,
    run_scenario,
    second_process,
    sent,
    stop,
    told,
    trade_through,
    when,
)


def play(*script: Any, expect: tuple[Expectation, ...] = (), **setup: Any) -> EpisodeResult:
    world = Setup(**{"minutes": 1, "flips_s": (), **setup})
    return run_scenario(Scenario(name="words", references=(), about="", setup=world, script=script, expect=expect))


def problems(result: EpisodeResult) -> list[str]:
    return [violation.text for violation in result.violations]


@pytest.mark.parametrize(
    ("expectation", "problem"),
    [
        (sent(OrderPurpose.ENTRY, venue="left", exactly=2), "there are 1"),
        (sent(OrderPurpose.ENTRY, at_most=1), "there are 2"),
        (bounded(10), "priced 20 bps away"),
        (naked(at_most_s=0), "one was so for"),
        (paid("left", "+"), "they are none"),
        (halted("left"), "the halts are of nothing"),
        (ended_by("LeaseLost"), "they were ended by ['']"),
        (between(EventKind.HEDGE_OPENED, 0, 1), "one was at"),
        (between(EventKind.HEDGE_CLOSED, 0, 100), "there was none"),
        (figure("fees_bps", "1000", "2000"), "it is 20"),
        (figure("fees_bps", "0", "2000", of_exit=True), "it is unknown"),
        (rebated("left"), "the fees are 0"),
        (told(EventKind.HEDGE_OPENED, exactly=2), "1 events hedge.opened"),
        (told(EventKind.HEDGE_OPENED, text="nobody says so"), "0 events hedge.opened"),
        (never_told(EventKind.HEDGE_OPENED), "event hedge.opened"),
    ],
    ids=lambda value: value.text if isinstance(value, Expectation) else "",
)
def test_an_expectation_that_is_not_met_says_what_is_there(expectation: Expectation, problem: str) -> None:
    result = play(expect=(expectation,))

    assert [violation.code for violation in result.violations] == [Code.EXPECTATION]
    assert problem in problems(result)[0]


def test_an_order_that_rests_at_the_end_is_told() -> None:
    def leave_an_order(stage: Any) -> None:
        venue = stage.counter("left").venue
        (instrument,) = venue.instruments.values()
        request = OrderRequest(
            client_order_id=ClientOrderId("somebody"),
            instrument=instrument.id,
            side=Side.BUY,
            quantity=instrument.lot_size * 10,
            price=instrument.limit_price(Side.BUY, Decimal(50_000)),
            time_in_force=TimeInForce.GTC,
        )
        venue.place(request, stage.episode.world.now_ns())

    result = play(at(20, leave_an_order), expect=(nothing_rests(),))

    assert problems(result) == ["words: expected that no order rests at the end, but somebody does"]


def test_a_halt_that_stands_is_told() -> None:
    result = play(at(1, halt("left")), expect=(halted(None), halted("left")))

    assert problems(result) == ["words: expected that no halt stands, but the halts are of left"]


def test_a_step_that_never_happens_is_a_violation() -> None:
    result = play(
        fault("left", "send_order", nth=50, timeout_before=True),
        when(EventKind.HEDGE_CLOSED, kill()),
    )

    assert len(problems(result)) == 2
    assert all("never happened" in problem for problem in problems(result))


@pytest.mark.parametrize("answer", ["none", "false", "code"])
def test_an_answer_that_is_no_report_is_doubt(answer: str) -> None:
    result = play(answers("left", answer), expect=(told(EventKind.ORDER_IN_DOUBT), orders("left", exactly=1)))

    assert problems(result) == []
    assert result.outcomes == {"open": 1}


def test_an_order_that_is_only_taken_is_read_before_it_counts() -> None:
    result = play(answers("left", "taken"), expect=(orders("left", exactly=1),))

    assert (problems(result), result.outcomes) == ([], {"open": 1})


def test_an_order_that_is_dropped_never_reaches_its_venue() -> None:
    result = play(answers("left", "lost"), expect=(sent(OrderPurpose.ENTRY, venue="left", exactly=0),))

    assert problems(result) == []


def test_there_are_no_other_answers_and_refusals() -> None:
    with pytest.raises(ValueError, match="maybe"):
        answers("left", "maybe")
    with pytest.raises(ValueError, match="a refusal has one of the codes"):
        fault("left", "send_order", rejected="bad_mood")


@pytest.mark.parametrize("code", ["refused", "insufficient_margin", "timestamp"])
def test_a_refusal_has_the_code_that_the_script_says(code: str) -> None:
    result = play(
        fault("right", "send_order", rejected=code), expect=(told(EventKind.ORDER_REJECTED, exactly=1, text=code),)
    )

    assert problems(result) == []


def test_a_run_that_is_asked_to_stop_is_followed_by_another() -> None:
    result = play(
        at(20, stop()), expect=(told(EventKind.RUN_STOPPED, exactly=2), told(EventKind.RUN_STARTED, exactly=2))
    )

    assert (problems(result), result.crashes) == ([], 0)


def test_an_interval_can_change() -> None:
    assert play(at(10, interval("left", 4))).faults == {FaultKind.INTERVAL_CHANGE.value: 1}


def test_rules_can_change_and_the_venue_keeps_to_them() -> None:
    free = FeeSchedule(maker=Decimal(0), taker=Decimal(-1))
    result = play(at(0.5, relist("left", fees=free)), expect=(rebated("left"),))

    assert problems(result) == []


def test_rules_of_the_setup_are_those_of_the_market() -> None:
    rules = {name: {"funding_interval_ns": HOUR_NS} for name in ("left", "right")}
    result = play(
        start_minute=42,
        minutes=20,
        rules=rules,
        run={"watch_every": "60s", "collect_every": "60s"},
        strategy={"cycle": "60s"},
        expect=(paid("left", "+", low="1.7", high="1.9"),),
    )

    assert problems(result) == []


def test_an_empty_book_and_a_wide_one_are_shown_as_they_are() -> None:
    empty = play(at(0, book("left", lots=0, seconds=300)))
    wide = play(at(0, book("left", lots=300, seconds=300, spread_bps=500)))

    assert (empty.outcomes, wide.outcomes) == ({}, {})
    assert play(at(0, book("left", lots=300, seconds=300))).outcomes == {"open": 1}


def test_a_silent_stream_leaves_it_to_the_polls() -> None:
    script = (at(30.5, adl("left", "0.0060")),)
    heard = play(*script, run={"watch_every": "60s"}, strategy={"cycle": "60s"})
    silent = play(*script, run={"watch_every": "60s"}, strategy={"cycle": "60s"}, silent=("left",))

    assert (problems(heard), problems(silent)) == ([], [])
    assert heard.naked[0].seconds < 2 < 20 < silent.naked[0].seconds


def test_a_stale_read_is_as_old_as_the_script_says() -> None:
    def reads_until_it_is_seen(seconds: int) -> int:
        doubt = fault("left", "send_order", server_error_after=True)
        unheard = fault("left", "fetch_fills", count=30, server_error_after=True)
        stale = fault("left", "fetch_order", count=20, stale_read=seconds)
        result = play(doubt, unheard, stale, read_delay_s={"left": 3})
        assert problems(result) == []
        return result.faults["stale_read"]

    assert 1 <= reads_until_it_is_seen(1) < reads_until_it_is_seen(3) < 20


def test_a_deposit_bounds_what_is_opened() -> None:
    assert play(deposit="100").outcomes == {}


def test_a_rival_wants_the_same() -> None:
    refused = told(EventKind.ORDER_VETOED, text="the venue keeps one position")
    with_rival = Setup(minutes=1, flips_s=(), rival={"cooldown": "5s"})
    scenario = Scenario(name="words", references=(), about="", setup=with_rival, expect=(refused,))

    assert problems(run_scenario(scenario)) == []
    assert len(problems(run_scenario(replace(scenario, setup=replace(with_rival, rival={}))))) == 1


def test_one_clock_jumps_and_the_others_do_not() -> None:
    second = (at(5, second_process()), at(40, clock_jump(300, process=2)))

    assert problems(play(*second, expect=(ended_by("LeaseLost", ""),))) == []
    with pytest.raises(ValueError, match="no process 3 lives"):
        play(at(5, clock_jump(1, process=3)))


def test_another_machine_takes_over_at_once_by_a_clock_of_its_own() -> None:
    result = play(at(20, move_to_another_machine(9)), expect=(ends(open=1),))

    assert problems(result) == []
    assert result.faults["clock_skew"] == 1


def test_nobody_reads_garbled_halts_and_nothing_is_opened() -> None:
    assert problems(play(at(0.5, garble_halts()), expect=(halted("all"), ends()))) == []


def test_others_trade_through_half_of_what_rests() -> None:
    resting = {"entry_mode": "post_only", "leg_order": "pilot_first", "rest": "20s"}
    half = play(at(6, trade_through("right")), at(30, adl("right", "0.0099")), execution=resting)

    assert problems(half) == []
    with pytest.raises(ValueError, match="no order rests at left"):
        play(at(6, trade_through("left")), execution=resting)


def test_the_budget_of_exposure_is_the_one_that_the_run_has() -> None:
    doubt = (
        fault("right", "send_order", timeout_after=True),
        fault("right", "fetch_order", count=5, server_error_after=True),
    )

    def played(seconds: str) -> EpisodeResult:
        return play(*doubt, execution={"max_naked_seconds": seconds}, expect=(told(EventKind.EXPOSURE_OVER_BUDGET),))

    short, usual = played("1"), played("15")

    assert problems(short) == []
    assert len(problems(usual)) == 1
    assert usual.naked[0].budget == 15 * short.naked[0].budget
