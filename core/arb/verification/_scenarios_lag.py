"""Named cases of replicas and clocks: what a venue's reads miss, and what a process takes for the time."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from arb.model import EventKind, OrderPurpose

from ._expectations import halted, nothing_rests, sent
from ._scenario import (
    Scenario,
    Setup,
    adl,
    at,
    clock_jump,
    ends,
    fault,
    holds,
    move_to_another_machine,
    never_told,
    price_jump,
    told,
    trade_through,
    when,
)

_READS: Final = ("fetch_order", "fetch_fills", "fetch_positions")
_RESTING: Final = {"entry_mode": "post_only", "leg_order": "pilot_first", "rest": "20s"}
_RIGHT_RESTS: Final = {"left": {"tick_size": Decimal("0.1")}, "right": {"tick_size": Decimal(5)}}
"""The order rests in the book that is the wider one."""
_OUT_OF_REACH: Final = when(EventKind.HEDGE_OPENING, price_jump(-5_000), after_s=0.2)
"""The price leaves the order that sells alone in its book."""

_REPLICA: Final = Scenario(
    name="every-read-is-behind",
    references=("ccxt#23014",),
    about="All reads of a venue come from a replica that is ten seconds behind, longer than an order stays valid. The "
    "order without an answer is called absent only after both, when the replica has it.",
    setup=Setup(flips_s=(), order_validity_s=2, read_delay_s={"right": 10}),
    script=(
        fault("right", "send_order", timeout_after=True),
        *(fault("right", what, count=60, stale_read=9.9) for what in _READS),
    ),
    expect=(ends(open=1),),
)

_ANOTHER_CLOCK: Final = Scenario(
    name="restart-on-another-clock",
    references=("python-binance#60", "ccxt#2599"),
    about="An order is on its way when its process dies; the next one runs on a machine whose clock is nine seconds "
    "ahead. It waits by its own clock for what may still arrive, and does not call the order absent.",
    setup=Setup(flips_s=(), order_validity_s=10),
    script=(
        fault("right", "send_order", late_effect=9.5),
        when(EventKind.HEDGE_OPENING, move_to_another_machine(9), after_s=2),
    ),
    expect=(ends(open=1),),
)

_RUNS_AHEAD: Final = Scenario(
    name="clock-runs-ahead-in-doubt",
    references=("python-binance#60",),
    about="An order is on its way for nine and a half seconds, and our clock jumps ahead by four of them meanwhile. "
    "Seconds that the venue has not seen do not count: the order is not called absent before it comes.",
    setup=Setup(flips_s=(), order_validity_s=10),
    script=(
        fault("right", "send_order", late_effect=9.5),
        when(EventKind.HEDGE_OPENING, clock_jump(4), after_s=5),
    ),
    expect=(sent(OrderPurpose.COMPLETE, exactly=0), ends(open=1)),
)

_BACKWARDS: Final = Scenario(
    name="reads-that-go-backwards",
    references=("nautilus#3104",),
    about="Others trade through a resting order in parts, and some reads of it are older than those before: what was "
    "filled stays filled.",
    setup=Setup(flips_s=(), read_delay_s={"right": 5}, rules=_RIGHT_RESTS, execution=_RESTING),
    script=(
        _OUT_OF_REACH,
        *(at(seconds, trade_through("right")) for seconds in (6, 9, 12)),
        *(fault("right", "fetch_order", nth=number, stale_read=4) for number in range(6, 18, 2)),
    ),
    expect=(told(EventKind.HEDGE_OPENED),),
)

_UNSEEN: Final = Scenario(
    name="resting-order-that-a-read-misses",
    references=("ccxt#27113",),
    about="An order rests in the book, and the next three reads of it come from a replica that has not heard of it. It "
    "is cancelled at its deadline and not before, and never left alone in the book.",
    setup=Setup(flips_s=(), read_delay_s={"right": 5}, rules=_RIGHT_RESTS, execution=_RESTING),
    script=(_OUT_OF_REACH, fault("right", "fetch_order", count=3, stale_read=4.9)),
    expect=(sent(OrderPurpose.ENTRY, exactly=1), nothing_rests(), ends(abandoned=1)),
)

_OLDER_THAN_THE_HEDGE: Final = Scenario(
    name="forced-before-its-hedge-by-the-clock",
    references=("python-binance#60", "nautilus#3104"),
    about="Our clock is ten seconds ahead, so a deleveraging right after the entry is older than the hedge. It is one "
    "of its fills all the same, and the other leg follows.",
    setup=Setup(flips_s=()),
    script=(
        at(0.4, clock_jump(10)),
        when(EventKind.HEDGE_OPENING, adl("right", "0.0060"), after_s=0.3),
    ),
    expect=(ends(open=1), holds("left", "0.0138"), holds("right", "-0.0138")),
)

_AHEAD: Final = Scenario(
    name="first-fills-before-the-first-look",
    references=("zenbot#1014", "python-binance#60"),
    about="Our clock is five seconds ahead from the start, so the first fills of the account are older than our first "
    "look at it. They are booked all the same, and the hedge is open.",
    setup=Setup(flips_s=()),
    script=(at(0, clock_jump(5)),),
    expect=(ends(open=1),),
)

_UNREADABLE: Final = Scenario(
    name="position-unreadable-as-it-opens",
    references=("nautilus#4617", "B11#1"),
    about="The positions of a venue cannot be read when a filled hedge is to be called open. It asks again until they "
    "can: a read that fails is no position of zero, and halts nothing.",
    setup=Setup(flips_s=()),
    script=(fault("right", "fetch_positions", nth=4, count=12, server_error_after=True),),
    expect=(never_told(EventKind.HALT_RAISED), halted(None), ends(open=1)),
)

LAGS: Final = (_UNREADABLE, _REPLICA, _ANOTHER_CLOCK, _RUNS_AHEAD, _BACKWARDS, _UNSEEN, _OLDER_THAN_THE_HEDGE, _AHEAD)
