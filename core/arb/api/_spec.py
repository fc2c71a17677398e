"""What a plugin declares: a name, its settings, and how to open it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from ._exchange import Capability, Exchange
from ._extension import Extension
from ._fake import FakeSpec
from ._ports import Context
from ._price import CacheTier, PriceSource
from ._storage import Storage
from ._strategy import Strategy

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec(Generic[T_co]):
    """Declares a plugin; building one performs no I/O.

    Attributes:
        name: Equal to the entry-point name.
        settings: Validates the plugin's part of the configuration; unknown keys are refused.
        open: Called with the validated settings and the context. The kernel enters the context
            manager in the order of the families and leaves it in reverse. An exchange opens also while its
            venue cannot be reached: its calls say so then (:class:`arb.net.FirstContact`).
    """

    name: str
    settings: type[BaseModel]
    open: Callable[[Any, Context], AbstractAsyncContextManager[T_co]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeSpec(Spec[Exchange]):
    """Declares an exchange and all it can do with every key set.

    Attributes:
        fake: Its venue imitated; None where the plugin needs none or brings none.
    """

    capabilities: frozenset[Capability] = frozenset()
    fake: FakeSpec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategySpec(Spec[Strategy]):
    """Declares a strategy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSourceSpec(Spec[PriceSource]):
    """Declares a price source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheTierSpec(Spec[CacheTier]):
    """Declares a cache tier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSpec(Spec[Storage]):
    """Declares a storage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionSpec(Spec[Extension]):
    """Declares an extension."""
