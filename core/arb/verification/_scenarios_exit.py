"""Named cases of exits: closed twice, turned, stuck, blocked, or paid too dearly."""

from __future__ import annotations

from typing import Final

from arb.model import EventKind, OrderPurpose, Severity

from ._expectations import between, bounded, every_id_once, halted, naked, sent
from ._scenario import (
    Scenario,
    Setup,
    adl,
    at,
    book,
    ends,
    fault,
    holds,
    never_told,
    orders,
    price_jump,
    stop,
    told,
    when,
)

_FLAT: Final = (holds("left", "0"), holds("right", "0"))

_STOP_WHILE_CLOSING: Final = Scenario(
    name="stopped-while-closing",
    references=("hummingbot#7295",),
    about="Stopping the bot while it closed filled the close twice, and the hedge became a new naked position. Here "
    "the process is stopped while both exits are unanswered; the next one asks what became of them.",
    setup=Setup(flips_s=(40,), minutes=4),
    script=(
        fault("left", "send_order", nth=2, timeout_after=True),
        fault("right", "send_order", nth=2, hang=True),
        fault("left", "fetch_order", count=20, server_error_after=True),
        fault("right", "fetch_order", count=20, unreadable=True),
        when(EventKind.HEDGE_CLOSING, stop(), after_s=0.2),
    ),
    expect=(
        told(EventKind.RUN_STOPPED, at_least=2),
        ends(closed=1),
        sent(OrderPurpose.EXIT, venue="left", exactly=1),
        sent(OrderPurpose.EXIT, venue="right", exactly=1),
        every_id_once(),
        *_FLAT,
    ),
)

_STOP_LOSS: Final = Scenario(
    name="stop-loss-closes-once",
    references=("hummingbot#6960",),
    about="A stop loss that fired again while its order was unanswered opened one redundant position after the other. "
    "Here the stop is always due, the strategy looks every two seconds, and there is one exit.",
    setup=Setup(
        flips_s=(),
        strategy={"basis_stop_bps": "0.01", "cycle": "2s"},
    ),
    script=(
        fault("left", "send_order", nth=2, hang=True),
        fault("right", "send_order", nth=2, timeout_after=True),
    ),
    expect=(
        told(EventKind.HEDGE_CLOSING, exactly=1, text="basis_stop"),
        sent(OrderPurpose.EXIT, venue="left", exactly=1),
        sent(OrderPurpose.EXIT, venue="right", exactly=1),
        ends(closed=1),
        *_FLAT,
    ),
)

_NEVER_REVERSES: Final = Scenario(
    name="close-never-reverses",
    references=("hummingbot#6948",),
    about="A close without reduce-only turned the position. Here the venue deleverages half of the leg while the order "
    "that closes all of it is on its way.",
    script=(when(EventKind.HEDGE_CLOSING, adl("left", "0.0099")),),
    expect=(ends(closed=1), told(EventKind.LEG_FORCED), naked(at_most_s=20), *_FLAT),
)

_STUCK: Final = Scenario(
    name="close-that-is-refused",
    references=("hummingbot#8249",),
    about="A bot was stuck in 'Retrying position close' while the exposure grew. Here a venue refuses every exit of "
    "one leg: attempts are counted, all is halted with an alarm, and the leg is taken back once a person resumes.",
    setup=Setup(minutes=4, resume_s=60, risk={"halt_after_rejects": 1000}),
    script=(fault("right", "send_order", nth=2, count=6, rejected="refused"),),
    expect=(
        told(EventKind.HALT_RAISED, severity=Severity.ALARM),
        told(EventKind.HEDGE_HALTED, text="after 6 exit orders"),
        told(EventKind.HEDGE_REPAIRING, text="a person lifted its halt"),
        sent(OrderPurpose.EXIT, venue="left", exactly=1),
        sent(OrderPurpose.UNWIND, venue="right", exactly=1),
        ends(closed=1),
        *_FLAT,
    ),
)

_ZERO_FILL: Final = Scenario(
    name="exit-without-a-fill",
    references=("Bruce188#427",),
    about="An immediate order that met an empty book for a second counted as a failed leg, and the other was closed in "
    "an emergency. Here it is sent again as soon as there is a book.",
    script=(when(EventKind.HEDGE_CLOSING, book("left", lots=0, seconds=1.2)),),
    expect=(
        ends(closed=1),
        orders("right", exactly=2),
        naked(at_most_s=4),
        never_told(EventKind.HALT_RAISED),
        never_told(EventKind.HEDGE_REPAIRING),
        *_FLAT,
    ),
)

_NEGATIVE_MARGIN: Final = Scenario(
    name="close-with-negative-margin",
    references=("pendle#31",),
    about="A close was blocked since the margin that is available had become negative. Here the price falls by 40 %, "
    "the losing account has less than nothing left for orders, and the hedge is closed all the same.",
    setup=Setup(deposit="600"),
    script=(at(60, price_jump(-400_000)),),
    expect=(ends(closed=1), orders("left", exactly=2), orders("right", exactly=2), *_FLAT),
)

_RATE_LIMITED: Final = Scenario(
    name="reduction-after-429",
    references=("go-trader#768",),
    about="The order that protects met HTTP 429 and was not sent again: a position without a stop. Here the order that "
    "makes the legs equal after a deleveraging meets it three times.",
    script=(at(30, adl("left", "0.0099")), fault("right", "send_order", nth=2, count=3, rate_limited=True)),
    expect=(
        told(EventKind.LEG_FORCED),
        sent(OrderPurpose.UNWIND, venue="right", exactly=1),
        naked(at_most_s=15),
        halted(None),
        ends(closed=1),
        *_FLAT,
    ),
)

_WIDE_SPREAD: Final = Scenario(
    name="exit-into-a-wide-spread",
    references=("B11#9",),
    about="With a spread of 2 to 3 % a market order exceeded the slippage allowed, the limit order that replaced it "
    "was post-only, and the position was stuck. Here the hedge stays whole while the spread is wide.",
    script=(at(85, book("left", lots=300, seconds=60, spread_bps=250)),),
    expect=(
        ends(closed=1),
        between(EventKind.HEDGE_CLOSED, 145, 175),
        bounded(80),
        naked(at_most_s=1),
        halted(None),
        *_FLAT,
    ),
)

EXITS: Final = (
    _STOP_WHILE_CLOSING,
    _STOP_LOSS,
    _NEVER_REVERSES,
    _STUCK,
    _ZERO_FILL,
    _NEGATIVE_MARGIN,
    _RATE_LIMITED,
    _WIDE_SPREAD,
)
