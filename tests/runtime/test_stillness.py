from __future__ import annotations

from decimal import Decimal as D

import pytest

from arb.api import ExchangeTraits
from arb.model import (
    SECOND_NS,
    ClientOrderId,
    EquitySample,
    ExchangeName,
    ExchangeOrderId,
    Fill,
    FillId,
    Liquidity,
    Side,
    instrument_id,
)
from arb.runtime._stillness import Stillness
from arb.testing import MemoryExchange

NOON_NS = 1_767_268_800 * SECOND_NS


def fill(exchange: str, ts_ns: int) -> Fill:
    return Fill(
        fill_id=FillId("1"),
        client_order_id=ClientOrderId("a"),
        exchange_order_id=ExchangeOrderId("1"),
        instrument=instrument_id("BTC-PERP", exchange),
        side=Side.BUY,
        price=D(1),
        quantity=D(1),
        fee=D(0),
        fee_currency="USDC",
        liquidity=Liquidity.TAKER,
        ts_event_ns=ts_ns,
    )


def sample(exchange: str, ts_ns: int) -> EquitySample:
    return EquitySample(
        ts_ns=ts_ns, exchange=ExchangeName(exchange), currency="USDC", cash=D(1), equity=D(1), usd_rate=D(1)
    )


def stillness(behind_ns: int) -> Stillness:
    traits = ExchangeTraits(read_after_write_ns=behind_ns)
    venues = [MemoryExchange(name, traits=traits) for name in ("one", "two")]
    return Stillness({venue.name: venue for venue in venues})


@pytest.mark.parametrize(
    ("later_ns", "too_near"), [(-SECOND_NS, True), (-1, True), (0, True), (SECOND_NS - 1, True), (SECOND_NS, False)]
)
def test_a_balance_within_the_delay_of_reads_or_before_a_known_fill_may_miss_it(later_ns: int, too_near: bool) -> None:
    still = stillness(SECOND_NS)
    still.add_fills([fill("one", NOON_NS - 60 * SECOND_NS), fill("one", NOON_NS), fill("one", NOON_NS - SECOND_NS * 9)])
    assert still.may_miss_a_fill([sample("two", NOON_NS), sample("one", NOON_NS + later_ns)]) is too_near


def test_a_fill_of_another_account_is_no_matter() -> None:
    still = stillness(SECOND_NS)
    still.add_fills([fill("one", NOON_NS)])
    assert not still.may_miss_a_fill([sample("two", NOON_NS)])


def test_where_reads_see_every_write_no_sample_waits() -> None:
    still = stillness(0)
    still.add_fills([fill("one", NOON_NS)])
    assert not still.may_miss_a_fill([sample("one", NOON_NS)])
