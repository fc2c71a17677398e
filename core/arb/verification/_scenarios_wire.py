"""Named cases of the way to the venues: limits, clocks, streams that died, a second process."""

from __future__ import annotations

from typing import Final

from arb.model import EventKind, OrderPurpose

from ._expectations import between, every_id_once, halted, naked, sent
from ._kinds import FaultKind
from ._scenario import (
    Scenario,
    Setup,
    adl,
    at,
    clock_jump,
    close_venue,
    ends,
    fault,
    holds,
    never_told,
    orders,
    second_process,
    told,
    when,
)

_TWO_PROCESSES: Final = Scenario(
    name="second-process-over-one-account",
    references=("lighter-python#60", "lighter-python#23", "ccxt#28073"),
    about="Two processes shared one account, and each made the nonces of the other invalid. Here the second finds the "
    "lease of the account held, says whose it is, and ends without an order.",
    setup=Setup(strategy={"cooldown": "0s"}, flips_s=()),
    script=(at(0, second_process()), at(40, second_process())),
    expect=(
        told(EventKind.HEDGE_OPENING, exactly=1),
        orders("left", exactly=1),
        orders("right", exactly=1),
        every_id_once(),
        ends(open=1),
    ),
)

_NONCE: Final = Scenario(
    name="refused-for-its-nonce",
    references=("lighter-python#60", "ccxt#28073"),
    about="After one error each further order was refused for its nonce, and the bot went on for ever. Here a venue "
    "that refuses one order after the other is halted, and the leg that was filled is taken back.",
    setup=Setup(flips_s=(), minutes=4, strategy={"cooldown": "0s"}, execution={"max_churn": 100}),
    script=(fault("right", "send_order", count=1000, rejected="refused"),),
    expect=(halted("right"), orders("left", at_most=10), holds("left", "0"), told(EventKind.HALT_RAISED)),
)

_RATE_LIMITED: Final = Scenario(
    name="reads-starved-by-the-limit",
    references=("hummingbot#8309", "freqtrade#10960", "passivbot#567"),
    about="Polling used up the rate limit, or another bot behind the same address did: reads of one venue meet HTTP "
    "429 for a while around the close. Nothing is taken for empty, and the close is sent once prices are known.",
    setup=Setup(minutes=4),
    script=tuple(
        fault("right", operation, nth=nth, count=12, rate_limited=True)
        for operation, nth in (
            ("fetch_positions", 12),
            ("fetch_balances", 12),
            ("fetch_fills", 12),
            ("fetch_order_book", 8),
        )
    ),
    expect=(
        told(EventKind.EXCHANGE_FAILED),
        never_told(EventKind.HEDGE_REPAIRING),
        naked(at_most_s=5),
        orders("left", exactly=2),
        orders("right", exactly=2),
        ends(closed=1),
        halted(None),
    ),
)

_SILENT: Final = Scenario(
    name="stream-that-tells-nothing",
    references=(
        "hummingbot#8250",
        "passivbot_lighter#3",
        "bitfinex-api-node#138",
        "bitfinex-api-node#206",
        "xchange-stream#86",
        "xchange-stream#203",
        "node-binance-api#207",
    ),
    about="A WebSocket was connected and silent: no orders for eight hours; or the subscriptions were lost when it "
    "connected again. Here both account streams tell nothing, a leg is deleveraged, and the polls find it.",
    setup=Setup(silent=("left", "right"), flips_s=()),
    script=(at(30.5, adl("left", "0.0060")),),
    expect=(
        told(EventKind.LEG_FORCED),
        between(EventKind.HEDGE_REPAIRING, 30.5, 42),
        naked(at_most_s=13),
        holds("left", "0.0138"),
        holds("right", "-0.0138"),
        ends(open=1),
    ),
)

_BROKEN: Final = Scenario(
    name="connection-lost-while-trading",
    references=("hummingbot#8250", "xchange-stream#86"),
    about="The connection to a venue breaks while its order is on the way, and comes back after eight seconds: "
    "what happened meanwhile is read, not assumed.",
    setup=Setup(flips_s=()),
    script=(when(EventKind.HEDGE_OPENING, close_venue("right", 8, kind=FaultKind.DISCONNECT), after_s=0.01),),
    expect=(told(EventKind.ORDER_IN_DOUBT), every_id_once(), ends(open=1), naked(at_most_s=1), halted(None)),
)

_CLOCK: Final = Scenario(
    name="clock-outside-the-window",
    references=("python-binance#60", "zenbot#1014", "Binance-volatility-bot#21"),
    about="The clock of the machine is five seconds ahead, and a venue refuses every signed request for its timestamp "
    "until that is mended. Half of the exit is done by then: the other half is sent until it is taken.",
    script=(
        at(60, clock_jump(5)),
        fault("right", "send_order", nth=2, count=3, rejected="timestamp"),
        fault("right", "fetch_positions", nth=20, count=4, rejected="timestamp"),
    ),
    expect=(
        told(EventKind.ORDER_REJECTED),
        naked(at_most_s=15),
        sent(OrderPurpose.EXIT, venue="left", exactly=1),
        holds("left", "0"),
        holds("right", "0"),
        ends(closed=1),
    ),
)

_START: Final = Scenario(
    name="start-through-503",
    references=("B11#10",),
    about="One venue answered HTTP 503 while the bot started ('couldn't get nonce'), and that ended the start. Here "
    "the run begins without it, and trades when it is back.",
    setup=Setup(flips_s=(), minutes=4, run={"collect_every": "10s"}, strategy={"cooldown": "10s"}),
    script=tuple(
        fault("right", operation, count=count, server_error_after=True)
        for operation, count in (
            ("fetch_balances", 8),
            ("fetch_positions", 8),
            ("fetch_fills", 8),
            ("fetch_funding_rates", 4),
            ("fetch_stats", 4),
            ("fetch_leverage", 2),
        )
    ),
    expect=(
        told(EventKind.RUN_STARTED, exactly=1),
        told(EventKind.EXCHANGE_FAILED),
        told(EventKind.EXCHANGE_RECOVERED),
        ends(open=1),
    ),
)

WIRE: Final = (_TWO_PROCESSES, _NONCE, _RATE_LIMITED, _SILENT, _BROKEN, _CLOCK, _START)
