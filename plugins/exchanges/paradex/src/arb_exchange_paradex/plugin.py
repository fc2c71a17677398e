"""Hook implementations. Import nothing heavy here; import it inside the hook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from arb.api import ExchangeSpec, FakeGround, FakeSpec, FakeVenue, hookimpl

if TYPE_CHECKING:
    from arb.model import Instrument

PLUGIN_API = 1


@hookimpl
def arb_exchanges() -> Iterable[ExchangeSpec]:
    """Return the exchange."""
    from ._capabilities import CAPABILITIES
    from ._open import open_exchange
    from ._settings import ParadexSettings

    return [
        ExchangeSpec(
            name="paradex",
            settings=ParadexSettings,
            open=open_exchange,
            capabilities=CAPABILITIES,
            fake=FakeSpec(open=_open_fake, settings=_fake_settings, profile="hyperliquid-like", fit=_fit),
        )
    ]


def _open_fake(ground: FakeGround) -> FakeVenue:
    from .fake import FakeParadex

    return FakeParadex(ground)


def _fake_settings(address: str) -> Mapping[str, Any]:
    from .fake import fake_settings

    return fake_settings(address)


def _fit(instrument: Instrument, price: Decimal) -> Instrument:
    from .fake import fitted

    return fitted(instrument, price)
