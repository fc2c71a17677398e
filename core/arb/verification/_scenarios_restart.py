"""Named cases of restarts: nothing is forgotten, nothing begins anew."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from arb.model import HOUR_NS, EventKind, FeeSchedule, OrderPurpose
from arb.risk import EVERYTHING

from ._expectations import between, every_id_once, halted, naked, nothing_rests, sent
from ._scenario import (
    Scenario,
    Setup,
    adl,
    at,
    commit_fails,
    crash,
    ends,
    fault,
    halt,
    holds,
    kill,
    never_told,
    orders,
    told,
)

_RESTING: Final = {"entry_mode": "post_only", "leg_order": "pilot_first", "rest": "20s"}
_CHEAP: Final = {
    "funding_interval_ns": 8 * HOUR_NS,
    "fees": FeeSchedule(maker=Decimal(0), taker=Decimal("0.0001")),
}
"""One settlement pays for the round trip many times."""

_KILLS: Final = tuple(at(seconds, kill()) for seconds in range(120, 1500, 180))

_ATTENDED: Final = Scenario(
    name="position-attended-after-a-restart",
    references=("hummingbot-api#243",),
    about="After a restart the executors were cleaned up and their positions stayed unattended. Here the next process "
    "watches the hedge: it trims what is deleveraged, and closes when the carry turns.",
    script=(at(20, kill()), at(50, adl("left", "0.0060")), at(75, kill())),
    expect=(
        told(EventKind.LEG_FORCED),
        told(EventKind.HEDGE_CLOSING, exactly=1),
        naked(at_most_s=20),
        ends(closed=1),
        holds("left", "0"),
        holds("right", "0"),
    ),
)

_HALT_STAYS: Final = Scenario(
    name="halt-survives-a-restart",
    references=("hummingbot#3324", "hummingbot#2818"),
    about="A kill switch was lost with the process, and the next one traded. Here a person halts before the first "
    "entry, and three processes in a row open nothing.",
    setup=Setup(strategy={"cooldown": "0s"}),
    script=(at(1.5, halt()), at(20, kill()), at(60, kill())),
    expect=(never_told(EventKind.HEDGE_OPENING), orders("left", exactly=0), halted(EVERYTHING)),
)

_GUARDS_STAY: Final = Scenario(
    name="guards-survive-a-restart",
    references=("hummingbot#4778", "hummingbot#8424", "go-trader#1374"),
    about="The guards lived in memory: each restart gave the strategy its attempts back. Here the rounds of a pair "
    "that is taken back again and again are counted over restarts.",
    setup=Setup(flips_s=(), minutes=4, risk={"halt_after_rejects": 1000}, strategy={"cooldown": "0s"}),
    script=(
        fault("right", "send_order", count=100, rejected="refused"),
        at(8, kill()),
        at(30, kill()),
        at(80, kill()),
    ),
    expect=(ends(abandoned=3), sent(OrderPurpose.ENTRY, venue="left", exactly=3), told(EventKind.ORDER_VETOED)),
)

_ORPHAN: Final = Scenario(
    name="orphan-order-after-a-crash",
    references=("hummingbot#2818", "hummingbot#4778", "hummingbot#8424"),
    about="Orders that rested when the bot died stayed at the venue. Here the next process finds its resting order, "
    "takes it back at the deadline it had from the start, and hedges what it filled.",
    setup=Setup(flips_s=(), execution=_RESTING),
    script=(crash(after_orders=1, at_step=4), at(12, kill())),
    expect=(
        told(EventKind.HEDGE_OPENING, exactly=1),
        sent(OrderPurpose.ENTRY, venue="right", exactly=1),
        nothing_rests(),
        between(EventKind.HEDGE_ABANDONED, 22, 45),
    ),
)

_HOLD_CLOCK: Final = Scenario(
    name="hold-clock-keeps-running",
    references=("djienne#91cc7f9",),
    about="The clock of the longest hold began anew at each recovery, about 36 times for one position. Here the "
    "process is killed every three minutes, and the hedge is closed 25 minutes after it was opened.",
    setup=Setup(
        start_minute=7 * 60 + 42,
        minutes=28,
        rules={"left": _CHEAP, "right": _CHEAP},
        flips_s=(),
        run={"watch_every": "60s", "collect_every": "60s", "sample_every": "5m"},
        strategy={"horizon": "25m", "max_hold": "25m", "max_break_even": "25m", "cycle": "20s", "confirm": "0s"},
    ),
    script=_KILLS,
    expect=(
        told(EventKind.RUN_STARTED, at_least=8),
        told(EventKind.HEDGE_OPENING, exactly=1),
        told(EventKind.HEDGE_CLOSING, exactly=1, text="time_limit"),
        between(EventKind.HEDGE_CLOSING, 1500, 1540),
        ends(closed=1),
    ),
)

_IDS: Final = Scenario(
    name="order-ids-never-repeat",
    references=("B11#6",),
    about="Order ids were milliseconds modulo a million: they repeated every 16.7 minutes, and nobody remembered them. "
    "Here 25 minutes of entries that are taken back, in many processes, never use one twice.",
    setup=Setup(
        minutes=25,
        flips_s=(),
        run={"watch_every": "60s", "collect_every": "60s", "sample_every": "5m"},
        risk={"halt_after_rejects": 1000},
        execution={"max_churn": 100},
        strategy={"cooldown": "0s", "cycle": "90s"},
    ),
    script=(
        fault("right", "send_order", count=1000, rejected="refused"),
        *_KILLS,
    ),
    expect=(told(EventKind.HEDGE_ABANDONED, at_least=15), every_id_once()),
)

_COMMITS: Final = Scenario(
    name="storage-fails-while-trading",
    references=("go-trader#1374",),
    about="The commit that records an entry fails, and one that records its fills takes effect without a word. What is "
    "not recorded is not sent; what was recorded is not sent again.",
    setup=Setup(flips_s=(), strategy={"cooldown": "0s"}),
    script=(commit_fails(14), commit_fails(24, takes_effect=True)),
    expect=(every_id_once(), told(EventKind.RUN_STARTED, at_least=2), ends(open=1), orders("left", exactly=1)),
)

RESTARTS: Final = (_ATTENDED, _HALT_STAYS, _GUARDS_STAY, _ORPHAN, _HOLD_CLOCK, _IDS, _COMMITS)
