"""Circuit breakers trip on what happened within their window, halt, and leave resuming to a person."""

from __future__ import annotations

from decimal import Decimal

import pytest

from arb.api import StorageError
from arb.model import MINUTE_NS, SECOND_NS, ExchangeName, Fresh, OrderStatus, Reading, Stale, Unknown
from arb.risk import EVERYTHING, Breaker, BreakerLimits, Breakers, Halts, MemoryHaltStore
from arb.testing import FakeClock

VENUE, OTHER = ExchangeName("venue"), ExchangeName("other")
LIMITS = BreakerLimits(
    loss_window_ns=60 * MINUTE_NS,
    max_loss_usd=Decimal(500),
    max_loss_fraction=Decimal("0.1"),
    order_window_ns=10 * MINUTE_NS,
    rejects=3,
    doubts=2,
    slow_orders=4,
    max_latency_ns=5 * SECOND_NS,
)
FAST, SLOW = SECOND_NS, 5 * SECOND_NS + 1


class Desk:
    """Breakers over halts in memory. A new desk on the same store is the process after a restart."""

    def __init__(self, store: MemoryHaltStore | None = None, limits: BreakerLimits = LIMITS) -> None:
        self.clock = FakeClock()
        self.store = store or MemoryHaltStore()
        self.halts = Halts(self.store, self.clock)
        self.breakers = Breakers(limits, halts=self.halts, clock=self.clock)

    def order(
        self, status: OrderStatus, took_ns: int = FAST, *, exchange: ExchangeName = VENUE, count: int = 1
    ) -> None:
        for _ in range(count):
            self.breakers.observe_order(exchange, status, took_ns)

    def equity(self, value: object) -> None:
        self.breakers.observe_equity(Fresh(Decimal(str(value)), "test", self.clock.now_ns()))

    def stands(self) -> list[tuple[str, str]]:
        return [(halt.scope, halt.raised_by) for halt in self.halts.active()]

    def resume(self) -> None:
        self.halts.lift(by="a person", reason="looked")


REJECTS = (VENUE, "breaker rejects")
LOSS = (EVERYTHING, "breaker loss")


def test_drill_refused_orders_halt_their_exchange() -> None:
    desk = Desk()
    desk.order(OrderStatus.REJECTED, count=2)
    desk.order(OrderStatus.REJECTED, exchange=OTHER, count=2)
    assert desk.stands() == []
    desk.order(OrderStatus.REJECTED)
    assert desk.stands() == [REJECTS]
    assert desk.halts.blocking(OTHER) is None
    assert str(desk.halts.blocking(VENUE)) == "halt 1 (venue): 3 orders were refused within 10 min"


def test_drill_orders_in_doubt_halt_their_exchange() -> None:
    desk = Desk()
    desk.order(OrderStatus.IN_DOUBT)
    assert desk.stands() == []
    desk.order(OrderStatus.IN_DOUBT)
    assert desk.stands() == [(VENUE, "breaker doubts")]


def test_drill_slow_orders_halt_their_exchange_whatever_became_of_them() -> None:
    desk = Desk()
    for status in (OrderStatus.FILLED, OrderStatus.OPEN, OrderStatus.CANCELLED):
        desk.order(status, SLOW)
    assert desk.stands() == []
    desk.order(OrderStatus.IN_DOUBT, SLOW)
    assert desk.stands() == [(VENUE, "breaker latency")]
    assert "4 orders took longer than 5 s" in str(desk.halts.blocking(VENUE))


def test_what_never_left_or_came_back_in_time_is_not_slow() -> None:
    desk = Desk()
    desk.order(OrderStatus.NOT_SENT, SLOW, count=9)
    desk.order(OrderStatus.FILLED, 5 * SECOND_NS, count=9)
    assert desk.stands() == []


@pytest.mark.parametrize(
    "status", [one for one in OrderStatus if one not in (OrderStatus.REJECTED, OrderStatus.IN_DOUBT)]
)
def test_orders_that_went_well_or_never_left_trip_nothing(status: OrderStatus) -> None:
    desk = Desk()
    desk.order(status, count=100)
    assert desk.stands() == []


def test_what_is_older_than_the_window_does_not_count() -> None:
    desk = Desk()
    desk.order(OrderStatus.REJECTED)
    desk.clock.advance(10 * MINUTE_NS + 1)
    desk.order(OrderStatus.REJECTED, count=2)
    assert desk.stands() == []
    desk.clock.advance(10 * MINUTE_NS)
    desk.order(OrderStatus.REJECTED)
    assert desk.stands() == [REJECTS]


def test_a_single_order_trips_where_one_is_enough() -> None:
    one = BreakerLimits(
        loss_window_ns=1,
        max_loss_usd=None,
        max_loss_fraction=Decimal("0.1"),
        order_window_ns=1,
        rejects=1,
        doubts=1,
        slow_orders=1,
        max_latency_ns=1,
    )
    desk = Desk(limits=one)
    desk.order(OrderStatus.IN_DOUBT, 2)
    assert desk.stands() == [(VENUE, "breaker doubts"), (VENUE, "breaker latency")]


def test_drill_a_fall_of_the_equity_in_dollars_halts_everything() -> None:
    desk = Desk()
    for equity in (20_000, 20_100, 19_600):
        desk.equity(equity)
    assert desk.stands() == []
    desk.equity("19599.99")
    assert desk.stands() == [LOSS]
    assert desk.halts.active()[0].reason == "equity fell by 500.01 USD, 2.5%, from 20100.00 USD within 1 h"
    assert desk.halts.blocking(VENUE) is not None


def test_drill_a_fall_of_the_equity_as_a_fraction_halts_everything() -> None:
    desk = Desk()
    desk.equity(1000)
    desk.equity(900)
    assert desk.stands() == []
    desk.equity("899.99")
    assert desk.stands() == [LOSS]


def test_a_slow_fall_that_leaves_the_window_is_none() -> None:
    desk = Desk()
    for minute in range(200):
        desk.equity(20_000 - 8 * minute)  # 480 an hour
        desk.clock.advance(MINUTE_NS)
    assert desk.stands() == []
    desk.equity(20_000 - 8 * 200 - 30)
    assert desk.stands() == [LOSS]


def test_the_window_ends_after_its_last_moment() -> None:
    for late_ns, tripped in ((0, [LOSS]), (1, [])):
        desk = Desk()
        desk.equity(20_000)
        desk.clock.advance(60 * MINUTE_NS + late_ns)
        desk.equity(19_400)
        assert desk.stands() == tripped


def test_the_peak_is_that_of_the_window_whatever_came_between() -> None:
    desk = Desk()
    for equity in (20_000, 19_700, 19_900, 19_800):
        desk.equity(equity)
        desk.clock.advance(MINUTE_NS)
    desk.equity(19_500)
    assert desk.stands() == []
    desk.clock.advance(57 * MINUTE_NS)
    desk.equity(19_450)  # the 20 000 are over an hour ago, the 19 900 are not
    assert desk.stands() == []
    desk.equity("19399.9")
    assert desk.stands() == [LOSS]


@pytest.mark.parametrize("reading", [Unknown("HTTP 503"), Stale(Decimal(1), "test", 0), Fresh(Decimal("NaN"), "t", 0)])
def test_drill_equity_that_is_not_known_is_never_zero(reading: Reading[Decimal]) -> None:
    desk = Desk()
    desk.equity(20_000)
    desk.breakers.observe_equity(reading)
    assert desk.stands() == []
    desk.equity(19_400)
    assert desk.stands() == [LOSS]


def test_equity_that_was_never_positive_has_no_fraction_to_lose() -> None:
    desk = Desk()
    desk.equity(0)
    desk.equity(-100)
    assert desk.stands() == []
    desk.equity(-501)
    assert desk.stands() == [LOSS]


def test_drill_a_trip_is_one_halt_however_often_it_is_deserved() -> None:
    desk = Desk()
    desk.order(OrderStatus.REJECTED, count=30)
    desk.equity(20_000)
    for equity in range(19_000, 10_000, -1000):
        desk.equity(equity)
    assert desk.stands() == [REJECTS, LOSS]
    assert len(desk.halts.history()) == 2


def test_drill_a_person_resumes_and_the_window_starts_anew() -> None:
    desk = Desk()
    desk.order(OrderStatus.REJECTED, count=3)
    desk.order(OrderStatus.REJECTED, count=5)  # while it stands, closing orders may be refused as well
    desk.resume()
    desk.order(OrderStatus.REJECTED, count=2)
    assert desk.stands() == []
    desk.order(OrderStatus.REJECTED)
    assert desk.stands() == [REJECTS]


def test_drill_equity_of_before_a_person_resumed_is_no_peak() -> None:
    desk = Desk()
    desk.equity(20_000)
    desk.equity(19_000)
    desk.equity(20_000)  # while it stands
    desk.resume()
    desk.equity(19_000)
    assert desk.stands() == []
    desk.equity(18_400)
    assert desk.stands() == [LOSS]


def test_drill_a_halt_outlives_the_process_and_is_not_raised_twice() -> None:
    desk = Desk()
    desk.order(OrderStatus.REJECTED, count=3)
    again = Desk(desk.store)
    assert again.stands() == [REJECTS]
    again.order(OrderStatus.REJECTED, count=9)
    assert again.stands() == [REJECTS]
    again.resume()
    again.order(OrderStatus.REJECTED, count=2)
    assert again.stands() == []


def test_a_halt_that_a_person_raised_does_not_stand_for_a_breaker() -> None:
    desk = Desk()
    desk.halts.halt(VENUE, "I do not like it", by="anna")
    desk.order(OrderStatus.REJECTED, count=3)
    assert desk.stands() == [(VENUE, "anna"), REJECTS]


class FullDisk(MemoryHaltStore):
    """Keeps nothing while the disk is full."""

    is_full = True

    def write(self, text: str) -> None:
        if self.is_full:
            raise OSError(28, "No space left on device")
        super().write(text)


def test_drill_a_breaker_on_a_full_disk_halts_this_process_and_tries_again() -> None:
    store = FullDisk()
    desk = Desk(store)
    desk.order(OrderStatus.REJECTED, count=9)  # an order's outcome must be recorded: nothing is raised here
    assert desk.stands() == [REJECTS]
    assert store.text is None
    store.is_full = False
    desk.order(OrderStatus.REJECTED)
    assert Desk(store).stands() == [REJECTS]
    assert [halt.halt_id for halt in desk.halts.active()] == [1]


def test_drill_a_breaker_trips_over_a_file_that_nobody_can_read() -> None:
    store = MemoryHaltStore()
    desk = Desk(store)
    store.write("{")
    desk.order(OrderStatus.REJECTED, count=9)
    assert [halt.raised_by for halt in desk.halts.active()] == ["arb: fail closed", "breaker rejects"]
    with pytest.raises(StorageError):
        desk.resume()


def test_every_breaker_signs_with_its_name() -> None:
    assert [one.raised_by for one in Breaker] == [
        "breaker loss",
        "breaker rejects",
        "breaker latency",
        "breaker doubts",
    ]
