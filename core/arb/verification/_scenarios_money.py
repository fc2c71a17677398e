"""Named cases of money: funding that is late, listed twice or turned, fees, rebates, liquidation."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from arb.model import HOUR_NS, EventKind, FeeSchedule

from ._expectations import between, bounded, figure, halted, paid, rebated
from ._scenario import (
    Scenario,
    Setup,
    at,
    ends,
    fault,
    holds,
    interval,
    kill,
    never_told,
    orders,
    price_jump,
    told,
)

_SLOW: Final = {"watch_every": "60s", "collect_every": "60s", "sample_every": "5m"}
_MINUTE: Final = {"cycle": "60s"}
_BEFORE_EIGHT: Final = 7 * 60 + 42
_BEFORE_FOUR: Final = 3 * 60 + 42


def _every(left_h: int, right_h: int) -> dict[str, dict[str, Any]]:
    return {"left": {"funding_interval_ns": left_h * HOUR_NS}, "right": {"funding_interval_ns": right_h * HOUR_NS}}


_INTERVAL: Final = Scenario(
    name="interval-changes-while-open",
    references=("freqtrade#12583", "freqtrade#12599"),
    about="A venue settles each hour instead of every eight while a hedge is open (SKL did): the rate is read by its "
    "new interval, and each payment is booked when the venue makes it.",
    setup=Setup(start_minute=_BEFORE_EIGHT, minutes=85, flips_s=(), rules=_every(8, 8), run=_SLOW, strategy=_MINUTE),
    script=(at(120, interval("left", 1)),),
    expect=(
        told(EventKind.FUNDING_INTERVAL_CHANGED),
        never_told(EventKind.HEDGE_CLOSING),
        paid("left", "++", low="1.7", high="2"),
        paid("right", "+", low="14", high="14.5"),
        told(EventKind.FUNDING_PAID, exactly=3),
        ends(open=1),
    ),
)

_FOUR_HOURS: Final = Scenario(
    name="interval-of-four-hours",
    references=("B11#4",),
    about="Eight hours were assumed where the venue says 240 minutes. Here one venue settles every four hours and the "
    "other each hour: the carry per hour is the same whatever the intervals are.",
    setup=Setup(start_minute=_BEFORE_FOUR, minutes=25, flips_s=(), rules=_every(4, 1), run=_SLOW, strategy=_MINUTE),
    expect=(
        figure("carry_bps_hour", "30", "30"),
        paid("left", "+", low="7", high="7.3"),
        paid("right", "+", low="1.7", high="1.9"),
        ends(open=1),
    ),
)

_HELD: Final = Scenario(
    name="held-past-the-payment",
    references=("hummingbot#4191", "hummingbot#4215"),
    about="The bot closed right after the funding payment, at a loss, since it forgot what the entry had cost. Here "
    "the carry goes on, and so does the hedge.",
    setup=Setup(start_minute=_BEFORE_EIGHT, minutes=35, flips_s=(), rules=_every(8, 8), run=_SLOW, strategy=_MINUTE),
    expect=(
        paid("left", "+"),
        paid("right", "+"),
        never_told(EventKind.HEDGE_CLOSING),
        orders("left", exactly=1),
        ends(open=1),
    ),
)

_UNKNOWN_PAYMENT: Final = Scenario(
    name="payment-read-late-is-not-zero",
    references=("Bruce188#422", "Bruce188#403", "hummingbot#7591"),
    about="Funding that could not be read was shown as $0.0000, and a loss was overstated 16.6 times. Here payments "
    "cannot be read for minutes after the settlement: nothing is booked for them until they are read.",
    setup=Setup(start_minute=_BEFORE_EIGHT, minutes=40, flips_s=(), rules=_every(8, 8), run=_SLOW, strategy=_MINUTE),
    script=(
        fault("left", "fetch_funding_payments", nth=4, count=50, unreadable=True),
        fault("right", "fetch_funding_payments", nth=4, count=50, garbage_after=True),
    ),
    expect=(
        told(EventKind.EXCHANGE_FAILED),
        told(EventKind.FUNDING_PAID, exactly=2, text="14.2"),
        told(EventKind.FUNDING_PAID, exactly=2),
        ends(open=1),
    ),
)

_TWICE: Final = Scenario(
    name="payment-listed-twice",
    references=("freqtrade#13263", "B11#11"),
    about="A funding payment was counted each time it was read. Here the venues list it twice and in another order, "
    "windows overlap, and the process is killed right after it: it is booked once.",
    setup=Setup(start_minute=_BEFORE_EIGHT, minutes=30, flips_s=(), rules=_every(8, 8), run=_SLOW, strategy=_MINUTE),
    script=(
        fault("left", "fetch_funding_payments", count=100, duplicate_rows=True),
        fault("right", "fetch_funding_payments", count=100, duplicate_rows=True),
        at(1100, kill()),
        at(1300, kill()),
    ),
    expect=(told(EventKind.FUNDING_PAID, exactly=2), paid("left", "+"), paid("right", "+"), ends(open=1)),
)

_DIRECTION: Final = Scenario(
    name="funding-has-one-direction",
    references=("freqtrade#7969",),
    about="The direction of a funding payment was applied twice, so shorts paid what they receive. Here one settlement "
    "is received by both legs and the next is paid by both, and the books balance to the last unit.",
    setup=Setup(
        start_minute=_BEFORE_EIGHT,
        minutes=95,
        flips_s=(68 * 60,),
        rules=_every(1, 1),
        run=_SLOW,
        strategy={**_MINUTE, "settlement_guard": "14m"},
    ),
    expect=(paid("left", "+-"), paid("right", "+-"), told(EventKind.FUNDING_PAID, exactly=4), ends(closed=1)),
)

_REBATE: Final = Scenario(
    name="rebate-is-income",
    references=("hummingbot#7891", "B11#11"),
    about="The sign of a fee was wrong, and the optimiser learnt from a profit that was none. Here the maker fee is "
    "negative: it is booked as income, and the account is explained to the last unit.",
    setup=Setup(
        rules={"right": {"fees": FeeSchedule(maker=Decimal("-0.0002"), taker=Decimal("0.0005"))}},
        execution={"entry_mode": "post_only", "leg_order": "pilot_first", "rest": "60s"},
    ),
    expect=(rebated("right"), ends(closed=1)),
)

_TWO_STRATEGIES: Final = Scenario(
    name="one-position-of-two-strategies",
    references=("Bruce188#526",),
    about="Two strategies held one position of a venue, and the profit of all of it was booked to each. Here the "
    "second is refused while the first holds the instrument: what the venue shows belongs to one hedge.",
    setup=Setup(flips_s=(), rival={"cycle": "7s", "cooldown": "5s"}),
    expect=(
        told(EventKind.ORDER_VETOED, text="the venue keeps one position"),
        told(EventKind.HEDGE_OPENING, exactly=1),
        orders("left", exactly=1),
        ends(open=1),
    ),
)

_COSTS: Final = Scenario(
    name="round-trip-is-paid-once",
    references=("Bruce188#642", "Bruce188#428", "B11#3"),
    about="The fees of the round trip were counted twice, or in each interval, or not at all when it was closed. Here "
    "four fills of 30 bps are 120 bps, once, against nine hours of carry; leaving is two of them.",
    setup=Setup(
        rules={name: {"fees": FeeSchedule(maker=Decimal(0), taker=Decimal("0.003"))} for name in ("left", "right")}
    ),
    expect=(
        figure("fees_bps", "120", "120"),
        figure("break_even_hours", "4", "4.1"),
        figure("exit_cost_bps", "60", "62", of_exit=True),
        ends(closed=1),
    ),
)

_RATES: Final = Scenario(
    name="rates-unknown-at-the-start",
    references=("hummingbot#8162",),
    about="The predicted rate was null, and the strategy never started. Here nothing is opened on a rate that is not "
    "known, and the hedge is opened when it is.",
    setup=Setup(flips_s=(), run={"collect_every": "10s"}),
    script=(fault("right", "fetch_funding_rates", count=4, unreadable=True),),
    expect=(between(EventKind.HEDGE_OPENING, 20, 60), ends(open=1)),
)

_NO_LIQUIDATION_PRICE: Final = Scenario(
    name="liquidation-price-is-missing",
    references=("Bruce188#399", "B11#2"),
    about="The venue never told a liquidation price, so the check was skipped without a word; and the exit was a limit "
    "order. Here the distance is computed, and both legs are closed by immediate orders within a band.",
    setup=Setup(
        deposit="600",
        flips_s=(),
        no_liquidation_price=("left", "right"),
        strategy={"min_liquidation_distance": "0.3"},
    ),
    script=(at(45, price_jump(-400_000)),),
    expect=(
        told(EventKind.HEDGE_CLOSING, text="liquidation_near"),
        between(EventKind.HEDGE_CLOSING, 45, 62),
        bounded(100),
        holds("left", "0"),
        holds("right", "0"),
        ends(closed=1),
    ),
)

_FUNDING_IN_MARGIN: Final = Scenario(
    name="funding-moves-the-liquidation",
    references=("10101#2535",),
    about="Funding that was paid was left out of the liquidation price. Here the carry turns right before a "
    "settlement, both legs pay 1.2 %, and that alone brings the liquidation too near.",
    setup=Setup(
        start_minute=_BEFORE_EIGHT,
        minutes=30,
        flips_s=(600,),
        deposit="600",
        no_liquidation_price=("left", "right"),
        rules=_every(8, 8),
        run=_SLOW,
        strategy={"cycle": "20s", "settlement_guard": "14m", "min_liquidation_distance": "0.482"},
    ),
    expect=(
        paid("left", "-"),
        paid("right", "-"),
        told(EventKind.HEDGE_CLOSING, text="liquidation_near"),
        between(EventKind.HEDGE_CLOSING, 1080, 1150),
        ends(closed=1),
        halted(None),
    ),
)

MONEY: Final = (
    _INTERVAL,
    _FOUR_HOURS,
    _HELD,
    _UNKNOWN_PAYMENT,
    _TWICE,
    _DIRECTION,
    _REBATE,
    _TWO_STRATEGIES,
    _COSTS,
    _RATES,
    _NO_LIQUIDATION_PRICE,
    _FUNDING_IN_MARGIN,
)
