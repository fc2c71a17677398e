"""Opens the exchange."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from arb.api import Context
from arb_dialect_fapi import FapiExchange, VenueRest, open_fapi

from ._dialect import BINANCE
from ._rights import require_harmless
from ._settings import BinanceSettings
from ._signing import BinanceSigner


@asynccontextmanager
async def open_exchange(settings: BinanceSettings, context: Context) -> AsyncIterator[FapiExchange]:
    """Open the exchange; with a key its rights and the account are looked at first.

    Raises:
        ConfigError: the key is none or can withdraw, or the account is in hedge or multi-assets mode.
        AuthenticationFailed: the venue refuses the key, or it may not trade futures.
    """
    signer = signer_of(settings)

    async def check(rest: VenueRest) -> None:
        if signer is None or settings.allow_withdrawal_keys:
            return
        spot_url = settings.spot_address
        if spot_url is None:
            context.log.info("the demo does not tell what a key may do; there is nothing to withdraw")
            return
        await require_harmless(context, rest.beside(spot_url))

    async with open_fapi(
        BINANCE,
        context,
        api_url=settings.rest_address,
        stream_url=settings.stream_address,
        signer=signer,
        check=check,
    ) as exchange:
        yield exchange


def signer_of(settings: BinanceSettings) -> BinanceSigner | None:
    """Return the signer of the settings; None without a key."""
    if settings.api_key is None or settings.api_secret is None:
        return None
    return BinanceSigner(settings.api_key.get_secret_value(), settings.api_secret.get_secret_value(), settings.window)
