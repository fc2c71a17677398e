"""Opening a simulated exchange from its settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from arb.api import ConfigError, Context
from arb.model import ExchangeName, FeeSchedule
from arb.simulation import (
    PROFILES,
    Latency,
    Market,
    SeededMarket,
    SimulatedExchange,
    SimulatedVenue,
    VenueRules,
    open_recording_market,
    open_replay_market,
    open_simulated_exchange,
)

from ._settings import SimulatedSettings


@asynccontextmanager
async def open_exchange(settings: SimulatedSettings, context: Context) -> AsyncIterator[SimulatedExchange]:
    """Open the exchange; its account continues from `context.state` where there is one.

    Raises:
        ConfigError: recorded data are missing, or the stored account is from another market.
        StorageError: the stored account cannot be read.
    """
    market = await context.run_blocking(lambda: _market(settings, context))
    currencies = sorted({instrument.quote for instrument in market.instruments()})
    if not currencies:
        raise ConfigError(f"exchange {context.name}: its market lists no instrument")
    venue = SimulatedVenue(
        market,
        VenueRules(leverage=settings.leverage),
        name=ExchangeName(context.name),
        deposits={currency: settings.deposit for currency in currencies},
        start_ns=context.clock.now_ns(),
    )
    latency = Latency(request_ns=settings.latency, answer_ns=settings.latency, jitter_ns=settings.latency_jitter)
    async with open_simulated_exchange(
        venue,
        context,
        world=_world(settings, context),
        latency=latency,
        stream_interval_ns=settings.stream_interval,
    ) as exchange:
        yield exchange


def _market(settings: SimulatedSettings, context: Context) -> Market:
    if settings.replay is not None:
        return open_replay_market(settings.replay, context.name)
    if settings.recording is not None:
        return open_recording_market(settings.recording, context.name)
    profile = PROFILES[settings.profile]
    fees = FeeSchedule(
        maker=profile.fees.maker if settings.maker_fee is None else settings.maker_fee,
        taker=profile.fees.taker if settings.taker_fee is None else settings.taker_fee,
    )
    return SeededMarket(
        seed=_seed(settings, context),
        exchange=context.name,
        profile=profile,
        assets=settings.assets,
        fees=fees,
        quote=settings.currency,
        interval_ns=settings.funding_interval,
    )


def _seed(settings: SimulatedSettings, context: Context) -> int:
    return context.seed if settings.seed is None else settings.seed


def _world(settings: SimulatedSettings, context: Context) -> str:
    """Describe the prices the account lives in: another description means another world."""
    if settings.replay is not None:
        return f"replay of {settings.replay.venue}"
    if settings.recording is not None:
        return f"recording {settings.recording.file.name}"
    profile = PROFILES[settings.profile]
    return f"seed {_seed(settings, context)}, {settings.profile}, {settings.currency or profile.quote}"
