from __future__ import annotations

from arb.model import ORDER_TRANSITIONS, OrderStatus
from arb.storage._reach import reachable


def test_states_follow_over_several_steps() -> None:
    after = reachable([("a", "b"), ("b", "c"), ("c", "b"), ("x", "y")])
    assert after == {
        "a": {"b", "c"},
        "b": {"b", "c"},
        "c": {"b", "c"},
        "x": {"y"},
        "y": frozenset(),
    }


def test_every_order_status_is_known() -> None:
    after = reachable((old, new) for (old, _), new in ORDER_TRANSITIONS.items())
    assert after.keys() == set(OrderStatus)
    assert after[OrderStatus.NOT_SENT] == frozenset()
