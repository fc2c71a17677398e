"""Every way in which up to two orders of each leg of an entry can end, one after the other, at two venues."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import pytest

from arb.api import BadResponse, ExchangeTraits, NotSent, OutcomeUnknown, Rejected
from arb.model import SECOND_NS, EntryPolicy, EventKind, HedgeStatus, LegOrder, OrderMode, OrderPurpose
from arb.testing import Fault

if TYPE_CHECKING:
    from tests.execution.conftest import Desk, OnDesk

TARGET: Final = Decimal("0.1")
TRAITS: Final = ExchangeTraits(read_after_write_ns=SECOND_NS // 5, order_validity_ns=SECOND_NS)
OUTCOMES: Final = {
    "full": None,
    "part": Fault.partial_fill("0.04"),
    "nothing": Fault.partial_fill(0),
    "refused": Fault.rejected(),
    "not sent": Fault.not_sent(),
    "lost, filled": Fault.unknown_after(),
    "lost, absent": Fault.unknown_before(),
}
Scripts = tuple[tuple[str, ...], tuple[str, ...]]


async def play(d: Desk, scripts: Scripts, afterwards: Fault | None, leg_order: LegOrder) -> tuple[int, int]:
    """Open under a script, check what has to hold, and return how many orders each leg sent."""
    for venue, script in zip((d.left, d.right), scripts, strict=True):
        venue.faults.once("send_order", *(OUTCOMES[one] for one in script))
        venue.faults.always("send_order", afterwards)
    hedge = await d.open(entry=EntryPolicy(mode=OrderMode.MARKET, leg_order=leg_order))
    held = await d.held()
    records = await d.orders(hedge)
    assert hedge.status in (HedgeStatus.OPEN, HedgeStatus.ABANDONED, HedgeStatus.HALTED)
    assert tuple(leg.open_quantity * leg.side.sign for leg in hedge.legs) == held
    assert all(abs(quantity) <= TARGET for quantity in held)
    assert all(leg.entry_quantity <= TARGET for leg in hedge.legs)
    assert len({one.order.request.client_order_id for one in records}) == len(records)
    assert all(one.order.request.reduce_only is (one.purpose is OrderPurpose.UNWIND) for one in records)
    assert all(one.order.status.is_final for one in records)
    if hedge.status is HedgeStatus.HALTED:
        assert EventKind.HEDGE_HALTED in d.alarms()
        assert hedge.id in {halt.subject for halt in d.halts.active()}
    else:
        assert hedge.imbalance == 0
        assert hedge.is_flat is (hedge.status is HedgeStatus.ABANDONED)
    assert d.failures == []
    left, right = (venue.faults.calls["send_order"] for venue in (d.left, d.right))
    return left, right


def longer(scripts: Scripts, sent: tuple[int, int], most: int) -> Iterator[Scripts]:
    """Yield the scripts that say one order more than these, for a leg that sent one more than they say."""
    left, right = scripts
    if len(left) < min(sent[0], most):
        yield from (((*left, one), right) for one in OUTCOMES)
    elif len(right) < min(sent[1], most):
        yield from ((left, (*right, one)) for one in OUTCOMES)


@pytest.mark.parametrize(
    ("leg_order", "varied", "afterwards", "states"),
    [
        (LegOrder.TOGETHER, 2, None, 300),
        (LegOrder.TOGETHER, 1, Fault.rejected(), 40),
        (LegOrder.PILOT_FIRST, 1, None, 20),
        (LegOrder.PILOT_FIRST, 1, Fault.rejected(), 20),
    ],
    ids=["together, two vary", "together, one varies", "pilot first, one varies", "pilot first, then refused"],
)
def test_every_end_of_an_entry_is_balanced_flat_or_halted(
    on_desk: OnDesk, varied: int, afterwards: Fault | None, states: int, leg_order: LegOrder
) -> None:
    """Vary the outcome of the first orders of each leg; those after them all end alike."""
    waiting: list[Scripts] = [((), ())]
    explored = 0
    while waiting:
        scripts = waiting.pop()

        async def check(d: Desk, scripts: Scripts = scripts) -> tuple[int, int]:
            return await play(d, scripts, afterwards, leg_order)

        try:
            sent: tuple[int, int] = on_desk(check, traits=TRAITS, patience_ns=300 * SECOND_NS)
        except AssertionError as error:
            raise AssertionError(f"after {explored} states, left {scripts[0]}, right {scripts[1]}: {error}") from error
        more = list(longer(scripts, sent, varied))
        waiting += more
        explored += not more
    assert explored > states, f"{explored} states were explored"


HOSTILE: Final = "a \ud800 \0 b\nc" + "x" * 5_000
"""No storage keeps this text, no terminal shows it, and nobody wants to read it."""


@pytest.mark.parametrize(
    "error",
    [
        Rejected(HOSTILE, code="\udfff"),
        NotSent(HOSTILE),
        OutcomeUnknown(HOSTILE),
        BadResponse(HOSTILE),
        ValueError(HOSTILE),
    ],
    ids=["refused", "not sent", "unknown", "unreadable", "broken plugin"],
)
def test_whatever_text_a_plugin_refuses_with_is_recorded_and_the_pair_is_settled(
    on_desk: OnDesk, error: Exception
) -> None:
    async def check(d: Desk) -> None:
        d.right.faults.once("send_order", Fault(error=error))
        hedge = await d.open(entry=EntryPolicy(mode=OrderMode.MARKET))
        assert hedge.status in (HedgeStatus.OPEN, HedgeStatus.ABANDONED)
        assert hedge.imbalance == 0
        assert d.failures == []
        assert all(one.order.status.is_final for one in await d.orders(hedge))
        assert any("a \N{REPLACEMENT CHARACTER} \N{REPLACEMENT CHARACTER} b cxx" in event.message for event in d.events)
        assert all(event.message.isprintable() and len(event.message) < 1_200 for event in d.events)

    on_desk(check, traits=TRAITS)
