"""Named cases of doubt: what is not known is not failed, not flat, not filled."""

from __future__ import annotations

from typing import Final

from arb.model import EventKind, OrderPurpose
from arb.risk import EVERYTHING

from ._expectations import between, every_id_once, halted, known_ids, naked, nothing_rests, sent
from ._scenario import (
    Scenario,
    Setup,
    adl,
    answers,
    at,
    book,
    crash,
    ends,
    fault,
    holds,
    kill,
    never_told,
    orders,
    told,
    when,
)

_RESTING: Final = {"entry_mode": "post_only", "leg_order": "pilot_first", "rest": "20s"}

_LATE_ORDER: Final = Scenario(
    name="late-order",
    references=("ccxt#2599",),
    about="An order goes through after the client saw a time-out: it is not sent again, and what it filled counts.",
    setup=Setup(order_validity_s=5, execution={"max_naked_seconds": "15"}),
    script=(fault("right", "send_order", nth=1, late_effect=3),),
    expect=(
        told(EventKind.ORDER_IN_DOUBT),
        ends(closed=1),
        orders("left", at_most=2),
        orders("right", at_most=2),
        holds("left", "0"),
        holds("right", "0"),
    ),
)

_FAILED_QUERY: Final = Scenario(
    name="failed-query-is-not-flat",
    references=("nautilus#4617", "B11#1"),
    about="Queries of positions fail for half a minute while a hedge is open: the healthy leg is not closed, and the "
    "hedge is not forgotten.",
    setup=Setup(flips_s=(120,), minutes=4),
    script=(
        fault("left", "fetch_positions", nth=6, count=8, server_error_after=True),
        fault("right", "fetch_positions", nth=6, count=8, unreadable=True),
    ),
    expect=(
        told(EventKind.EXCHANGE_FAILED),
        never_told(EventKind.HEDGE_REPAIRING),
        never_told(EventKind.LEG_FORCED),
        never_told(EventKind.BOOKS_DIFFER),
        halted(None),
        ends(closed=1),
        orders("left", exactly=2),
        orders("right", exactly=2),
    ),
)

_EVERYTHING_FAILS: Final = Scenario(
    name="one-venue-fails-altogether",
    references=("B11#1",),
    about="Every read of one venue raises for half a minute, in every way that a client has: that was a missing leg, "
    "a liquidation, and the emergency close of the healthy one. Here nothing is sent at all.",
    setup=Setup(flips_s=(120,), minutes=4),
    script=tuple(
        fault("right", operation, nth=nth, count=8, garbage_after=True)
        for operation, nth in (("fetch_positions", 4), ("fetch_balances", 4), ("fetch_fills", 6))
    ),
    expect=(
        told(EventKind.EXCHANGE_FAILED),
        told(EventKind.EXCHANGE_RECOVERED),
        never_told(EventKind.HEDGE_REPAIRING),
        halted(None),
        ends(closed=1),
        orders("left", exactly=2),
        orders("right", exactly=2),
    ),
)

_IN_FLIGHT: Final = Scenario(
    name="resting-order-without-an-answer",
    references=("nautilus#4958",),
    about="A resting order is sent and never answered. After a time-out it was called rejected while it was live: an "
    "orphan. Here it is found at the venue, taken back at its deadline, and what it filled is hedged.",
    setup=Setup(flips_s=(60,), execution=_RESTING),
    script=(fault("right", "send_order", hang=True), fault("right", "fetch_order", count=2, timeout_before=True)),
    expect=(
        told(EventKind.ORDER_IN_DOUBT),
        never_told(EventKind.ORDER_REJECTED),
        sent(OrderPurpose.ENTRY, venue="right", exactly=1),
        between(EventKind.HEDGE_ABANDONED, 22.8, 26),
        nothing_rests(),
        holds("left", "0"),
        holds("right", "0"),
    ),
)

_SIGN: Final = Scenario(
    name="reconciled-with-its-sign",
    references=("nautilus#3104",),
    about="After a reconciliation the cache held 75 where the venue held -65. Here the process dies before it reads "
    "its fills, the venue lists them twice and in another order, and a part is deleveraged meanwhile.",
    setup=Setup(flips_s=()),
    script=(
        crash(after_orders=2, at_step=3),
        when(EventKind.HEDGE_OPENING, adl("right", "0.0060"), after_s=0.3),
        fault("left", "fetch_fills", nth=3, count=6, duplicate_rows=True),
        fault("right", "fetch_fills", nth=3, count=6, duplicate_rows=True),
        fault("right", "fetch_fills", nth=9, count=6, reordered_rows=True),
    ),
    expect=(
        told(EventKind.LEG_FORCED, exactly=1),
        ends(open=1),
        holds("left", "0.0138"),
        holds("right", "-0.0138"),
        naked(at_most_s=20),
    ),
)

_WHILE_OPENING: Final = Scenario(
    name="deleveraged-as-it-opens",
    references=("nautilus#3104",),
    about="A leg is deleveraged right after its entry was filled and read. The hedge is called open when the venue's "
    "position was read, after the time in which a read may lag, and the legs are equal.",
    setup=Setup(flips_s=(), read_delay_s={"right": 3}, silent=("left", "right")),
    script=(when(EventKind.HEDGE_OPENING, adl("right", "0.0060"), after_s=0.3),),
    expect=(
        told(EventKind.LEG_FORCED, exactly=1),
        told(EventKind.HEDGE_OPENED, exactly=1),
        never_told(EventKind.HEDGE_REPAIRING),
        naked(at_most_s=8),
        holds("left", "0.0138"),
        holds("right", "-0.0138"),
        ends(open=1),
        halted(None),
    ),
)

_SAME_IDS: Final = Scenario(
    name="recovery-finds-the-same-twice",
    references=("nautilus#3878",),
    about="Reconciliation made up an id for an external fill at each start, so the fill was booked again. Here a venue "
    "deleverages while no process runs, and three starts in a row find it.",
    setup=Setup(flips_s=(), minutes=4),
    script=(
        at(30, kill()),
        at(30.2, adl("left", "0.0060")),
        crash(process=2, at_commit=4, after_commit=True),
        crash(process=3, at_commit=6),
        at(100, kill()),
    ),
    expect=(
        told(EventKind.LEG_FORCED, exactly=1),
        told(EventKind.HEDGE_OPENING, exactly=1),
        sent(OrderPurpose.UNWIND, at_most=1),
        every_id_once(),
        ends(open=1),
        holds("left", "0.0138"),
        holds("right", "-0.0138"),
    ),
)

_NO_ID: Final = Scenario(
    name="no-answer-is-not-an-id",
    references=("hummingbot#6765",),
    about="The exchange's id of an order without an answer was stored as the text 'None', and cancelling asked for "
    "that. Here it stays unknown until a read tells it.",
    script=(
        fault("left", "send_order", timeout_after=True),
        fault("right", "send_order", unreadable=True),
        fault("left", "send_order", nth=2, server_error_after=True),
    ),
    expect=(told(EventKind.ORDER_IN_DOUBT, at_least=3), known_ids(), ends(closed=1)),
)

_ACKNOWLEDGED: Final = Scenario(
    name="taken-is-not-filled",
    references=("lighter-python#131",),
    about="The venue answers HTTP 200 and cancels the order without a reason, or fills it in part: the answer says no "
    "more than that it was taken. Only a read tells what was filled.",
    script=(
        answers("left", "taken", count=3),
        answers("right", "taken", count=3),
        when(EventKind.HEDGE_OPENING, book("left", lots=0, seconds=1)),
    ),
    expect=(ends(abandoned=1), holds("left", "0"), holds("right", "0"), every_id_once(), naked(at_most_s=20)),
)

_DROPPED: Final = Scenario(
    name="answered-and-dropped",
    references=("lighter-python#131",),
    about="The venue answers that the request came and never shows the order. It is called absent when the time is "
    "over in which it could still come, and not sooner; then the other leg is taken back.",
    script=(answers("right", "lost"),),
    expect=(
        told(EventKind.ORDER_IN_DOUBT),
        between(EventKind.HEDGE_ABANDONED, 7.7, 15),
        naked(at_most_s=12),
        sent(OrderPurpose.ENTRY, venue="right", exactly=0),
        ends(abandoned=1),
        holds("left", "0"),
        holds("right", "0"),
        halted(None),
    ),
)

_BUDGET: Final = Scenario(
    name="doubt-beyond-the-budget",
    references=("nautilus#4958", "ccxt#2599"),
    about="Nobody can tell for a minute whether a leg was filled. The other one is not touched on a guess: everything "
    "is halted and people are alarmed, and the hedge is open once the venue can be read.",
    setup=Setup(flips_s=(), minutes=4),
    script=(
        fault("right", "send_order", timeout_after=True),
        fault("right", "fetch_order", count=20, server_error_after=True),
        fault("right", "fetch_fills", count=60, server_error_after=True),
    ),
    expect=(
        told(EventKind.EXPOSURE_OVER_BUDGET),
        halted(EVERYTHING),
        orders("left", exactly=1),
        orders("right", exactly=1),
        ends(open=1),
    ),
)

DOUBTS: Final = (
    _LATE_ORDER,
    _FAILED_QUERY,
    _EVERYTHING_FAILS,
    _IN_FLIGHT,
    _SIGN,
    _WHILE_OPENING,
    _SAME_IDS,
    _NO_ID,
    _ACKNOWLEDGED,
    _DROPPED,
    _BUDGET,
)
