"""The named cases, by their names."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from arb.model import EventKind

from ._scenario import Scenario, Setup, ends, fault, holds, never_told, orders, told

_LATE_ORDER: Final = Scenario(
    name="late-order",
    references=("ccxt/ccxt#2599",),
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
    references=("nautechsystems/nautilus_trader#4617",),
    about="Queries of positions fail for half a minute while a hedge is open: the healthy leg is not closed.",
    setup=Setup(flips_s=(120,), minutes=4),
    script=(
        fault("left", "fetch_positions", nth=6, count=8, server_error_after=True),
        fault("right", "fetch_positions", nth=6, count=8, unreadable=True),
    ),
    expect=(
        told(EventKind.EXCHANGE_FAILED),
        never_told(EventKind.HEDGE_REPAIRING),
        never_told(EventKind.LEG_FORCED),
        ends(closed=1),
        orders("left", exactly=2),
        orders("right", exactly=2),
    ),
)


def _by_name(*scenarios: Scenario) -> Mapping[str, Scenario]:
    return MappingProxyType({scenario.name: scenario for scenario in scenarios})


SCENARIOS: Final = _by_name(_LATE_ORDER, _FAILED_QUERY)
