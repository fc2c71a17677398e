"""What the plugins of one run share, and those of another run do not."""

from __future__ import annotations

from arb.api import Context
from arb.model import MINUTE_NS, SECOND_NS
from arb.net import RateBudget, RateLimit
from arb.risk import MemoryHaltStore
from arb.runtime._context import Ports, RandomIds, make_context
from arb.testing import FakeClock, FakeHttp, FakeWebSockets, MemoryState


def ports() -> Ports:
    return Ports(
        clock=FakeClock(),
        ids=RandomIds(),
        http=FakeHttp(),
        websocket=FakeWebSockets(),
        seed=0,
        inline=True,
        halt_store=MemoryHaltStore(),
        holder="test",
        holder_is_gone=lambda _: False,
        lease_ns=MINUTE_NS,
    )


def budget(context: Context, key: str = "venue/ip") -> RateBudget:
    limits = [RateLimit(weight=10, per_ns=SECOND_NS)]
    return context.shared(RateBudget, key, lambda: RateBudget(context.clock, limits))


def test_two_accounts_of_one_venue_share_the_budget_of_the_address_and_no_other() -> None:
    run = ports()
    one, two = (make_context(run, "exchanges", name, MemoryState()) for name in ("hl-main", "hl-other"))
    assert budget(one) is budget(two)
    assert budget(one, "venue/key-1") is not budget(two, "venue/key-2")
    assert budget(one) is not budget(make_context(ports(), "exchanges", "hl-main", MemoryState()))


def test_one_key_for_two_kinds_of_things_is_two_things() -> None:
    context = make_context(ports(), "exchanges", "hl-main", MemoryState())
    made = budget(context)
    assert context.shared(dict, "venue/ip", dict) == {}
    assert budget(context) is made
