"""Hook implementations. Import nothing heavy here; import it inside the hook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from arb.api import ExchangeSpec, FakeGround, FakeSpec, FakeVenue, hookimpl

if TYPE_CHECKING:
    from arb.model import Instrument

PLUGIN_API = 1

CONFORMANCE: Final[dict[str, Any]] = {
    "settings": {"live_tickers": False, "order_validity": "75s"},
    "switch": "15s",
}
"""How the conformance kit opens it: its cases that break HTTP answers need reads that ask by HTTP, and an order of
GRVT rests no longer than its signature is good, which some cases let rest for more than a minute."""


@hookimpl
def arb_exchanges() -> Iterable[ExchangeSpec]:
    """Return the exchange."""
    from ._capabilities import CAPABILITIES
    from ._open import open_exchange
    from ._settings import GrvtSettings

    return [
        ExchangeSpec(
            name="grvt",
            settings=GrvtSettings,
            open=open_exchange,
            capabilities=CAPABILITIES,
            fake=FakeSpec(open=_open_fake, settings=_fake_settings, profile="binance-like", fit=_fit),
        )
    ]


def _open_fake(ground: FakeGround) -> FakeVenue:
    from .fake import FakeGrvt

    return FakeGrvt(ground)


def _fake_settings(address: str) -> Mapping[str, Any]:
    from .fake import fake_settings

    return fake_settings(address)


def _fit(instrument: Instrument, price: Decimal) -> Instrument:
    from .fake import fitted

    return fitted(instrument, price)
