"""Named cases of repairs: what is made equal, to what, how far, and for how long the hedge is held after it."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from arb.model import HOUR_NS, EventKind, FeeSchedule, OrderPurpose

from ._expectations import between, sent
from ._scenario import Scenario, Setup, adl, at, ends, fault, holds, kill, liquidate, orders, told, when

_FREE: Final = FeeSchedule(maker=Decimal(0), taker=Decimal(0))
_DEAR: Final = FeeSchedule(maker=Decimal(0), taker=Decimal("0.001"))
_SMALL_LOTS: Final = {"lot_size": Decimal("0.0001"), "min_quantity": Decimal("0.0001")}
_THREE: Final = {"lot_size": Decimal("0.0003"), "min_quantity": Decimal("0.0003")}
_LONG_INTERVAL: Final = {
    "funding_interval_ns": 8 * HOUR_NS,
    "fees": FeeSchedule(maker=Decimal(0), taker=Decimal("0.0001")),
}

_BOTH_IN_PART: Final = Scenario(
    name="both-legs-filled-in-part",
    references=("pendle#24",),
    about="Both legs are filled in part, one more than the other. The smaller one is completed to what the larger one "
    "has, not to what was wanted: that would leave the larger one short.",
    setup=Setup(
        flips_s=(),
        rules={"right": {**_SMALL_LOTS, "fees": _FREE}, "left": {**_SMALL_LOTS, "fees": _DEAR}},
    ),
    # The book of a second: what it leaves to the right leg is enough to follow the left one.
    script=(fault("left", "send_order", thin_book=24), fault("right", "send_order", thin_book=16)),
    expect=(ends(open=1), orders("left", exactly=1), sent(OrderPurpose.UNWIND, exactly=0)),
)

_FEW_LOTS: Final = Scenario(
    name="imbalance-of-few-small-lots",
    references=("B11#7",),
    about="A venue deleverages 0.0005 BTC of a leg, thirty dollars, where an order of 0.0001 is possible: that is no "
    "dust, and the other leg follows. What counts as dust follows the rules of the venues.",
    setup=Setup(flips_s=(), rules={"left": _SMALL_LOTS, "right": _SMALL_LOTS}),
    script=(at(30, adl("left", "0.0005")),),
    expect=(told(EventKind.LEG_FORCED), sent(OrderPurpose.UNWIND, venue="right", exactly=1), ends(open=1)),
)

_ALIKE: Final = Scenario(
    name="two-venues-number-alike",
    references=("hummingbot#6765",),
    about="Both venues deleverage the hedge at once, by 0.0060 and 0.0048, and both call their order the same. Each "
    "fill belongs to its own leg, and the legs are made equal.",
    setup=Setup(flips_s=(), rules={"left": _THREE, "right": _THREE}),
    script=(at(30, adl("left", "0.0060"), adl("right", "0.0048")),),
    expect=(ends(open=1), holds("left", "0.0138"), holds("right", "-0.0138")),
)

_KILLED_WHILE_MENDING: Final = Scenario(
    name="killed-while-mending",
    references=("hummingbot#6539", "hummingbot-api#243"),
    about="A leg is deleveraged, and the process dies as the repair begins. The next one takes the repair up.",
    setup=Setup(flips_s=()),
    script=(at(30, adl("left", "0.0060")), when(EventKind.HEDGE_REPAIRING, kill())),
    expect=(ends(open=1), holds("left", "0.0138"), holds("right", "-0.0138")),
)

_STAYS_CLOSED: Final = Scenario(
    name="liquidated-leg-stays-closed",
    references=("hummingbot#3103",),
    about="A leg is liquidated whose venue takes no fee, so buying it back would cost less than closing the other one. "
    "It is not bought back into that market: the other leg is closed.",
    setup=Setup(flips_s=(), rules={"left": {"fees": _FREE}, "right": {"fees": _DEAR}}),
    script=(at(30, liquidate("left")),),
    expect=(told(EventKind.LEG_FORCED), orders("left", exactly=1), ends(closed=1), holds("right", "0")),
)

_HELD_ON: Final = Scenario(
    name="hold-clock-through-a-repair",
    references=("djienne#91cc7f9",),
    about="A hedge is repaired ten minutes after it was opened; it is closed 25 minutes after it was opened, not after "
    "it was repaired.",
    setup=Setup(
        start_minute=7 * 60 + 42,
        minutes=28,
        rules={"left": _LONG_INTERVAL, "right": _LONG_INTERVAL},
        flips_s=(),
        run={"watch_every": "60s", "collect_every": "60s", "sample_every": "5m"},
        strategy={
            "horizon": "25m",
            "max_hold": "25m",
            "max_break_even": "25m",
            "cycle": "20s",
            "confirm": "0s",
        },
    ),
    script=(at(600, adl("left", "0.0060")),),
    expect=(between(EventKind.HEDGE_CLOSING, 1490, 1560), ends(closed=1)),
)

REPAIRS: Final = (_BOTH_IN_PART, _FEW_LOTS, _ALIKE, _KILLED_WHILE_MENDING, _STAYS_CLOSED, _HELD_ON)
