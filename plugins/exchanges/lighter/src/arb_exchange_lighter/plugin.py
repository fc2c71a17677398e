"""Hook implementations. Import nothing heavy here; import it inside the hook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from arb.api import Context, Exchange, ExchangeSpec, FakeGround, FakeSpec, FakeVenue, hookimpl

if TYPE_CHECKING:
    from arb.model import Instrument

    from ._settings import LighterSettings

PLUGIN_API = 1

CONFORMANCE: Final[dict[str, Any]] = {"settings": {"live_reads": False}, "switch": "6m"}
"""How the conformance kit opens it: its cases that break HTTP answers need reads that ask by HTTP."""


@hookimpl
def arb_exchanges() -> Iterable[ExchangeSpec]:
    """Return the exchange."""
    from ._capabilities import ALL
    from ._settings import LighterSettings

    fake = FakeSpec(open=_open_fake, settings=_fake_settings, profile="lighter-like", fit=_fitted)
    return [ExchangeSpec(name="lighter", settings=LighterSettings, open=_open, capabilities=ALL, fake=fake)]


def _open(settings: LighterSettings, context: Context) -> AbstractAsyncContextManager[Exchange]:
    from ._open import open_exchange

    return open_exchange(settings, context)


def _open_fake(ground: FakeGround) -> FakeVenue:
    from .fake import open_fake

    return open_fake(ground)


def _fake_settings(address: str) -> Mapping[str, Any]:
    from .fake import fake_settings

    return fake_settings(address)


def _fitted(instrument: Instrument, price: Decimal) -> Instrument:
    from .fake import fitted

    return fitted(instrument, price)
