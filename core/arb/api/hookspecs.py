"""Every hook a plugin may implement.

Providers run once at start-up, in any order, synchronously, and perform no I/O.
"""

from __future__ import annotations

from collections.abc import Iterable

from arb.model import Event

from ._markers import hookspec
from ._risk import OrderIntent, Veto
from ._spec import CacheTierSpec, ExchangeSpec, ExtensionSpec, PriceSourceSpec, StorageSpec, StrategySpec


@hookspec
def arb_exchanges() -> Iterable[ExchangeSpec]:  # type: ignore[empty-body]
    """Return the exchanges this plugin provides."""


@hookspec
def arb_strategies() -> Iterable[StrategySpec]:  # type: ignore[empty-body]
    """Return the strategies this plugin provides."""


@hookspec
def arb_price_sources() -> Iterable[PriceSourceSpec]:  # type: ignore[empty-body]
    """Return the price sources this plugin provides."""


@hookspec
def arb_cache_tiers() -> Iterable[CacheTierSpec]:  # type: ignore[empty-body]
    """Return the cache tiers this plugin provides."""


@hookspec
def arb_storages() -> Iterable[StorageSpec]:  # type: ignore[empty-body]
    """Return the storages this plugin provides."""


@hookspec
def arb_extensions() -> Iterable[ExtensionSpec]:  # type: ignore[empty-body]
    """Return the extensions this plugin provides."""


@hookspec(firstresult=True)
def arb_veto_order(intent: OrderIntent) -> Veto | None:
    """Return a veto or None; asked before every order that opens risk. An exception is a veto."""


@hookspec
def arb_event(event: Event) -> None:
    """Observe an event the journal already holds. Each observer is called alone; do not block."""
