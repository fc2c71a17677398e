"""Named cases of halts: what goes on under one, what does not, and what outlives the process."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from arb.model import EventKind, FeeSchedule

from ._expectations import between, halted
from ._scenario import (
    Scenario,
    Setup,
    at,
    ends,
    fault,
    garble_halts,
    halt,
    holds,
    kill,
    never_told,
    orders,
    told,
    when,
)

_FREE: Final = FeeSchedule(maker=Decimal(0), taker=Decimal(0))
_DEAR: Final = FeeSchedule(maker=Decimal(0), taker=Decimal("0.001"))

_UNREADABLE: Final = Scenario(
    name="halts-that-nobody-can-read",
    references=("hummingbot#3324",),
    about="The file of the halts holds half a line. Nobody knows what is halted, so everything is: nothing is opened, "
    "and people are told.",
    setup=Setup(flips_s=()),
    script=(at(0.5, garble_halts()),),
    expect=(
        told(EventKind.HALT_RAISED, text="cannot be read"),
        never_told(EventKind.HEDGE_OPENING),
        orders("left", exactly=0),
        orders("right", exactly=0),
    ),
)

_HALF_OPEN: Final = Scenario(
    name="halted-while-half-open",
    references=("hummingbot#2818", "pendle#24"),
    about="One leg is filled and the other refused when a person halts. Completing the hedge would be cheaper, and is "
    "risk that is opened: the filled leg is taken back.",
    setup=Setup(flips_s=(), rules={"right": {"fees": _FREE}, "left": {"fees": _DEAR}}),
    script=(
        fault("right", "send_order", rejected="refused"),
        when(EventKind.HEDGE_OPENING, halt(), after_s=0.01),
    ),
    expect=(ends(abandoned=1), orders("right", exactly=0), holds("left", "0")),
)

_WAITS: Final = Scenario(
    name="halted-hedge-waits-for-a-person",
    references=("hummingbot#8249",),
    about="A venue refuses every exit until the attempts are spent: the hedge is halted, and nothing more is sent for "
    "it before a person resumes, though the venue would take it.",
    setup=Setup(flips_s=(60,), minutes=4),
    script=(fault("right", "send_order", nth=2, count=100, rejected="refused"),),
    expect=(halted("all"), never_told(EventKind.HEDGE_REPAIRING), ends(halted=1)),
)

_BUDGET: Final = Scenario(
    name="budget-outlives-restarts",
    references=("djienne#91cc7f9", "go-trader#1374"),
    about="Nobody can tell whether a leg was filled, and the process dies every ten seconds. The time for which the "
    "other leg stands alone is counted through all lives, and people are told when it is over the budget.",
    setup=Setup(flips_s=(), minutes=4),
    script=(
        fault("right", "send_order", timeout_after=True),
        fault("right", "fetch_order", count=200, server_error_after=True),
        fault("right", "fetch_fills", count=400, server_error_after=True),
        *(at(seconds, kill()) for seconds in range(10, 60, 10)),
    ),
    expect=(between(EventKind.EXPOSURE_OVER_BUDGET, 10, 40),),
)

HALTS: Final = (_UNREADABLE, _HALF_OPEN, _WAITS, _BUDGET)
