"""Named cases of entries: duplicates, one-sided fills, churn, and books that are not what they were."""

from __future__ import annotations

from typing import Final

from arb.model import EventKind, OrderPurpose

from ._expectations import bounded, every_id_once, halted, naked, sent
from ._scenario import (
    Scenario,
    Setup,
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
    price_jump,
    told,
    when,
)

_STAYS: Final = ()
"""No flip of the carry: what is open stays open."""

_FAILED_THEN_FILLED: Final = Scenario(
    name="failed-then-filled",
    references=("hummingbot#7294",),
    about="The venue answers HTTP 500 to an order that it fills, and does not find it for three seconds: the bot had "
    "sent another one by then. Here nothing is sent while nobody knows.",
    setup=Setup(read_delay_s={"right": 3}),
    script=(
        fault("right", "send_order", server_error_after=True),
        fault("right", "fetch_order", count=4, stale_read=3),
    ),
    expect=(
        told(EventKind.ORDER_IN_DOUBT),
        sent(OrderPurpose.ENTRY, venue="right", exactly=1),
        sent(OrderPurpose.COMPLETE, exactly=0),
        sent(OrderPurpose.UNWIND, exactly=0),
        ends(closed=1),
    ),
)

_RESTART_ADOPTS: Final = Scenario(
    name="restart-knows-its-position",
    references=("hummingbot#6539",),
    about="A bot opened its position again after a restart. Here the hedge is found in the record, and it counts.",
    setup=Setup(flips_s=_STAYS, strategy={"cooldown": "0s"}),
    script=(at(30, kill()), at(60, kill())),
    expect=(
        told(EventKind.HEDGE_OPENING, exactly=1),
        never_told(EventKind.BOOKS_DIFFER),
        orders("left", exactly=1),
        orders("right", exactly=1),
        ends(open=1),
        holds("left", "0.0198"),
        holds("right", "-0.0198"),
    ),
)

_KILLED_IN_ENTRY: Final = Scenario(
    name="killed-while-entering",
    references=("hummingbot#6539",),
    about="The process dies between the two fills of an entry and the answers: the next one finds out what was filled "
    "and sends nothing twice.",
    setup=Setup(flips_s=_STAYS),
    script=(fault("right", "send_order", timeout_after=True), crash(after_orders=2, at_step=1)),
    expect=(
        told(EventKind.HEDGE_OPENING, exactly=1),
        orders("left", exactly=1),
        orders("right", exactly=1),
        every_id_once(),
        ends(open=1),
    ),
)

_NO_REOPENING: Final = Scenario(
    name="reads-behind-open-once",
    references=("hummingbot#3341",),
    about="An arbitrage was opened about 15 times within a minute, since the account did not show it yet. Here the "
    "venues show nothing for ten seconds and the strategy asks every two: one hedge.",
    setup=Setup(
        flips_s=_STAYS,
        read_delay_s={"left": 10, "right": 10},
        strategy={"cooldown": "0s", "cycle": "2s", "max_hedges": 4, "max_hedges_per_base": 4},
    ),
    script=tuple(
        fault(venue, operation, count=12, stale_read=10)
        for venue in ("left", "right")
        for operation in ("fetch_positions", "fetch_fills")
    ),
    expect=(
        told(EventKind.HEDGE_OPENING, exactly=1),
        orders("left", exactly=1),
        orders("right", exactly=1),
        ends(open=1),
    ),
)

_CHURN: Final = Scenario(
    name="fill-then-unwind-churn",
    references=("Bruce188#404",),
    about="One leg was filled, the other refused, the first taken back: seven rounds in 40 minutes, four fees each. "
    "Here the third round is the last of the hour.",
    setup=Setup(
        flips_s=_STAYS,
        minutes=4,
        risk={"halt_after_rejects": 1000},
        strategy={"cooldown": "0s"},
    ),
    script=(fault("right", "send_order", count=100, rejected="refused"),),
    expect=(
        ends(abandoned=3),
        told(EventKind.ORDER_VETOED, text="churn"),
        sent(OrderPurpose.ENTRY, venue="left", exactly=3),
        holds("left", "0"),
    ),
)

_EMPTY_BOOK: Final = Scenario(
    name="empty-book-is-no-market",
    references=("Bruce188#458", "B11#11"),
    about="A venue shows a book without any order, with a rate that promises much: nothing is sent to the other one "
    "either, and nothing breaks over the empty book.",
    setup=Setup(minutes=1),
    script=(at(0, book("right", lots=0, seconds=300)),),
    expect=(never_told(EventKind.HEDGE_OPENING), never_told(EventKind.PLUGIN_FAILED), orders("left", exactly=0)),
)

_BOOK_VANISHES: Final = Scenario(
    name="book-vanishes-under-the-order",
    references=("Bruce188#458",),
    about="The short leg meets an almost empty book: four lots fill, the long leg is whole. A naked half cost 2.20. "
    "Here the legs are equal again within seconds.",
    script=(fault("right", "send_order", thin_book=1),),
    expect=(naked(at_most_s=5), bounded(300), ends(closed=1), holds("left", "0"), holds("right", "0")),
)

_BAND: Final = Scenario(
    name="hedge-order-has-a-band",
    references=("pendle#24",),
    about="The price runs away by 2 % between the two legs. The order that hedges was unbounded; here each is an "
    "immediate one within a band, widened step by step.",
    script=(
        fault("left", "send_order", thin_book=1),
        when(EventKind.HEDGE_OPENING, price_jump(20_000)),
    ),
    expect=(naked(at_most_s=10), bounded(100), ends(closed=1), holds("left", "0"), holds("right", "0")),
)

_DIALECTS: Final = Scenario(
    name="every-client-fails-its-own-way",
    references=("djienne#91cc7f9",),
    about="One client returns None for a failure, one False, one a dictionary, one raises: failed legs counted as "
    "success, and a naked position was called hedged. Here only the venue says what was filled.",
    setup=Setup(bases=("BTC", "ETH"), order_validity_s=1, strategy={"max_hedges": 2}),
    script=(
        answers("left", "none", nth=1),
        fault("right", "send_order", nth=1, garbage_before=True),
        answers("left", "false", nth=2),
        answers("right", "code", nth=2),
    ),
    expect=(
        told(EventKind.ORDER_IN_DOUBT, at_least=4),
        every_id_once(),
        ends(closed=2),
        holds("left", "0"),
        holds("right", "0"),
    ),
)

_ROLLBACK: Final = Scenario(
    name="rollback-that-closed-nothing",
    references=("djienne#91cc7f9",),
    about="The first leg is to be taken back, and the book takes almost nothing of it: that was printed as 'Rollback "
    "completed'. Here it goes on until the venue shows the leg flat.",
    script=(
        fault("right", "send_order", count=2, rejected="refused"),
        fault("left", "send_order", nth=2, thin_book=1),
        fault("left", "send_order", nth=3, thin_book=1),
    ),
    expect=(ends(abandoned=1), holds("left", "0"), naked(at_most_s=15)),
)

_SHORT_ROLLBACK: Final = Scenario(
    name="rollback-of-a-short",
    references=("B11#7",),
    about="Only the short leg was filled, reads lag by three seconds and positions cannot be read at first. The "
    "rollback slept half a second, assumed a long position and took the size from its own message.",
    setup=Setup(read_delay_s={"right": 3}),
    script=(
        fault("left", "send_order", count=2, rejected="refused"),
        fault("right", "fetch_positions", nth=4, count=4, server_error_after=True),
        fault("right", "fetch_fills", nth=2, count=3, stale_read=3),
    ),
    expect=(
        ends(abandoned=1),
        sent(OrderPurpose.UNWIND, venue="right", exactly=1),
        holds("right", "0"),
        holds("left", "0"),
        halted(None),
    ),
)

ENTRIES: Final = (
    _FAILED_THEN_FILLED,
    _RESTART_ADOPTS,
    _KILLED_IN_ENTRY,
    _NO_REOPENING,
    _CHURN,
    _EMPTY_BOOK,
    _BOOK_VANISHES,
    _BAND,
    _DIALECTS,
    _ROLLBACK,
    _SHORT_ROLLBACK,
)
