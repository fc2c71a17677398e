"""Named cases of rules: minimums, lots, ticks, names, delisting, and the race of a cancellation with a fill."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from arb.model import EventKind, InstrumentStatus, OrderPurpose

from ._expectations import every_id_once, halted, naked, nothing_rests, sent
from ._scenario import (
    Scenario,
    Setup,
    adl,
    at,
    delist,
    ends,
    fault,
    holds,
    never_told,
    orders,
    relist,
    told,
    when,
)

_FIFTY: Final = {"closing_min_notional": Decimal(50)}
_RESTING: Final = {"entry_mode": "post_only", "leg_order": "pilot_first", "rest": "10s"}

_RESIDUAL: Final = Scenario(
    name="residual-below-the-minimum",
    references=("PDT#current_bug", "B11#8"),
    about="A residual of $3.48 could not be closed, since the venue takes no order below $5: the close was retried for "
    "ever. Here 24 dollars are left under a minimum of 50: they are declared as dust, and that is the end.",
    setup=Setup(rules={"left": _FIFTY, "right": _FIFTY}),
    script=(at(30, adl("left", "0.0192")),),
    expect=(
        ends(closed=1),
        told(EventKind.DUST_DECLARED, exactly=2),
        sent(OrderPurpose.EXIT, at_most=2),
        holds("left", "0.0006"),
        holds("right", "-0.0006"),
        halted(None),
    ),
)

_CLOSED_BESIDE: Final = Scenario(
    name="dust-closed-beside-the-other-side",
    references=("hummingbot#3103",),
    about="A venue closes the dust of a finished long, and before that is heard of a hedge is short of the same. What "
    "sells is the dust's and not the short leg's: the books agree, and nothing is halted.",
    setup=Setup(rules={"left": _FIFTY, "right": _FIFTY}, silent=("left",), strategy={"cooldown": "0s"}),
    script=(at(30, adl("left", "0.0192")), when(EventKind.HEDGE_OPENING, adl("left", "0.0006"), nth=2)),
    expect=(told(EventKind.LEG_FORCED, exactly=2), ends(open=1, closed=1), halted(None)),
)

_REFUSED_AS_SMALL: Final = Scenario(
    name="minimum-that-was-raised",
    references=("PDT#current_bug",),
    about="A venue raises its smallest order, and nobody has read the new rule yet: it refuses what an exit left. "
    "It is asked once, then the rest is dust.",
    setup=Setup(strategy={"notional_usd": "100"}),
    script=(
        at(60, relist("left", closing_min_notional=Decimal(50))),
        fault("left", "send_order", nth=2, thin_book=1),
    ),
    expect=(
        ends(closed=1),
        told(EventKind.ORDER_REJECTED, exactly=1, text="below_minimum"),
        told(EventKind.DUST_DECLARED, exactly=1),
        orders("left", exactly=2),
        holds("left", "0.0003"),
        holds("right", "0"),
    ),
)

_ROUNDED: Final = Scenario(
    name="rounded-below-the-minimum",
    references=("wayfinder#416",),
    about="A size was suggested that the rounding to the lot put below the minimum of the venue. Here 34 dollars round "
    "down to 18 on the lot that both venues share, the minimum is 20, and nothing is sent.",
    setup=Setup(
        rules={name: {"min_notional": Decimal(20)} for name in ("left", "right")}, strategy={"notional_usd": "34"}
    ),
    expect=(never_told(EventKind.HEDGE_OPENING), orders("left", exactly=0), orders("right", exactly=0)),
)

_DELISTED: Final = Scenario(
    name="delisted-with-a-position",
    references=("Qubx#306", "Qubx#319", "freqtrade#11414", "freqtrade#3769"),
    about="A market was delisted while a position was open, and the bot went on as if it were there. Here the venue "
    "takes reductions only, then closes the leg at its price; the other leg is closed, and nothing is opened again.",
    setup=Setup(flips_s=(), strategy={"cooldown": "0s"}),
    script=(at(30, relist("left", status=InstrumentStatus.REDUCE_ONLY)), at(60, delist("left"))),
    expect=(
        told(EventKind.LEG_FORCED),
        told(EventKind.HEDGE_OPENED, at_least=1),
        sent(OrderPurpose.UNWIND, venue="right", exactly=1),
        sent(OrderPurpose.ENTRY, venue="left", exactly=1),
        naked(at_most_s=20),
        holds("left", "0"),
        holds("right", "0"),
        ends(closed=1),
    ),
)

_GRID: Final = Scenario(
    name="lots-and-ticks-that-do-not-fit",
    references=("hummingbot#8356", "hummingbot#7619"),
    about="Prices off the tick for 15 of 232 assets, and a size of 0.17751000000000000111. Here lots of 0.0003 and "
    "0.0002 meet ticks of 0.7 and 0.3: every order is one that both venues take.",
    setup=Setup(
        rules={
            "left": {"lot_size": Decimal("0.0003"), "tick_size": Decimal("0.7"), "min_quantity": Decimal("0.0003")},
            "right": {"lot_size": Decimal("0.0002"), "tick_size": Decimal("0.3"), "min_quantity": Decimal("0.0002")},
        },
        strategy={"notional_usd": "1180"},
    ),
    script=(at(30, adl("left", "0.0003")),),
    expect=(never_told(EventKind.ORDER_REJECTED), ends(closed=1)),
)

_THOUSANDS: Final = Scenario(
    name="contracts-of-a-thousand",
    references=("hyperliquid-python-sdk#179", "hyperliquid-python-sdk#290", "HyperLiquid.Net#32"),
    about="kPEPE is a thousand PEPE, and its sizes and prices were refused or wrong by a factor. Here one venue lists "
    "the asset by thousands and the other by one: both legs are the same number of coins.",
    setup=Setup(seed=2, bases=("PEPE",)),
    expect=(never_told(EventKind.ORDER_REJECTED), naked(at_most_s=1), ends(closed=1), orders("left", exactly=2)),
)

_NAMES: Final = Scenario(
    name="names-that-begin-alike",
    references=("B11#5", "PDT#SYMBOL_NORMALIZATION_ISSUE"),
    about="A number in front of a name was cut off, so 2Z and Z were one asset; S and SOL matched by their beginning. "
    "Here two venues list them at the same price with a carry that promises much: they are never paired.",
    setup=Setup(bases=("SOL",), rules={"left": {"base": "Z", "symbol": "Z"}, "right": {"base": "2Z", "symbol": "2Z"}}),
    expect=(never_told(EventKind.HEDGE_OPENING), orders("left", exactly=0), orders("right", exactly=0)),
)

_RACE: Final = Scenario(
    name="cancellation-races-with-a-fill",
    references=("B11#11", "B11#12"),
    about="A rollback cancelled a resting order that was filled at that moment; the tests of such races were removed. "
    "Here half of it is filled as the cancellation arrives, and that half is hedged.",
    setup=Setup(execution=_RESTING),
    script=(fault("right", "cancel_order", cancel_race=True),),
    expect=(
        sent(OrderPurpose.ENTRY, venue="right", exactly=1),
        sent(OrderPurpose.ENTRY, venue="left", exactly=1),
        nothing_rests(),
        every_id_once(),
        naked(at_most_s=5),
        ends(closed=1),
        holds("left", "0"),
        holds("right", "0"),
    ),
)

RULES: Final = (
    _RESIDUAL,
    _CLOSED_BESIDE,
    _REFUSED_AS_SMALL,
    _ROUNDED,
    _DELISTED,
    _GRID,
    _THOUSANDS,
    _NAMES,
    _RACE,
)
