"""Opens the exchange."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from arb.api import Context
from arb.net import EvmKey
from arb_dialect_fapi import Dialect, FapiExchange, Signer, open_fapi

from ._dialect import ASTER, ASTER_V1
from ._nonces import FARTHEST_US, NonceLine, StoredNonces
from ._rights import AgentRights
from ._settings import AsterSettings
from ._signing import CHAIN_IDS, AgentSigner, KeySigner

_MICROSECOND_NS: Final = 1_000


@asynccontextmanager
async def open_exchange(settings: AsterSettings, context: Context) -> AsyncIterator[FapiExchange]:
    """Open the exchange; with a key its rights and the account are looked at first.

    Raises:
        ConfigError: the agent can withdraw, or the account is in hedge or multi-assets mode.
        AuthenticationFailed: the venue refuses the key, or the account has not approved the agent for perpetuals.
    """
    if settings.agent_key is not None and settings.user is not None:
        line = context.shared(NonceLine, f"aster nonces {settings.user}", NonceLine)
        key = EvmKey(settings.agent_key.get_secret_value())
        signer = AgentSigner(settings.user, key, CHAIN_IDS[settings.network], line)
        async with _open_agent(settings, context, signer, StoredNonces(line, context.state)) as exchange:
            yield exchange
    elif settings.api_key is not None and settings.api_secret is not None:
        secrets = settings.api_key.get_secret_value(), settings.api_secret.get_secret_value()
        context.log.warning("the venue does not tell what a key of version 1 may do: give it no right to withdraw")
        async with _open(settings, context, ASTER_V1, KeySigner(*secrets, settings.window)) as exchange:
            yield exchange
    else:
        async with _open(settings, context, ASTER, None) as exchange:
            yield exchange


@asynccontextmanager
async def _open_agent(
    settings: AsterSettings, context: Context, signer: AgentSigner, nonces: StoredNonces
) -> AsyncIterator[FapiExchange]:
    rights = AgentRights(context, signer, allow_withdrawal=settings.allow_withdrawal_keys)

    async def before_signing(now_ns: int) -> None:
        rights.require_current(now_ns)
        await nonces.reserve(now_ns // _MICROSECOND_NS)

    async with open_fapi(
        ASTER,
        context,
        api_url=settings.rest_address,
        stream_url=settings.stream_address,
        signer=signer,
        check=rights.check,
        prove_empty=rights.require_listed,
        before_signing=before_signing,
    ) as exchange:
        # An order is valid around its nonce, which may be ahead of the time at which it was signed.
        longest_ns = exchange.traits.order_validity_ns + FARTHEST_US * _MICROSECOND_NS
        yield replace(exchange, traits=replace(exchange.traits, order_validity_ns=longest_ns))


@asynccontextmanager
async def _open(
    settings: AsterSettings, context: Context, dialect: Dialect, signer: Signer | None
) -> AsyncIterator[FapiExchange]:
    async with open_fapi(
        dialect,
        context,
        api_url=settings.rest_address,
        stream_url=settings.stream_address,
        signer=signer,
    ) as exchange:
        yield exchange
