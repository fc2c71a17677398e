"""Opening Paradex from its settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from arb.api import AuthenticationFailed, Capability, ClockRefused, ConfigError, Context, ExchangeTraits
from arb.model import DAY_NS, SECOND_NS, Averaging, ExchangeName
from arb.net import FirstContact, SentIds, reading, text

from ._budgets import budgets_of
from ._capabilities import CAPABILITIES, PUBLIC_CAPABILITIES
from ._catalog import Catalog
from ._leverage import MarketLeverage
from ._lookup import OrderLookup
from ._market_data import ParadexMarketData
from ._order_desk import ID_LENGTH, OrderDesk
from ._reports import OrderReports
from ._rest import VenueRest
from ._settings import ParadexSettings
from ._signing import Signer, main_address
from ._streams import ParadexStreams, open_streams
from ._trading import ParadexTrading


@dataclass(frozen=True, slots=True, kw_only=True)
class ParadexExchange:
    """Implements :class:`arb.api.Exchange`."""

    name: ExchangeName
    capabilities: frozenset[Capability]
    traits: ExchangeTraits
    market: ParadexMarketData
    trading: ParadexTrading | None
    streams: ParadexStreams


def traits_of(settings: ParadexSettings) -> ExchangeTraits:
    """Return the facts execution relies on.

    An order that comes after its window is dropped by the API; behind it, it waits for the venue's checks, for which
    a second is added. How far the lists lag and reach back the venue does not say.
    """
    return ExchangeTraits(
        read_after_write_ns=2 * SECOND_NS,
        order_validity_ns=settings.window + 2 * SECOND_NS,
        client_order_id_length=ID_LENGTH,
        history_ns=30 * DAY_NS,
        averaging=Averaging.CONTINUOUS,
    )


@asynccontextmanager
async def open_exchange(settings: ParadexSettings, context: Context) -> AsyncIterator[ParadexExchange]:
    """Open the venue; with a key the account is looked at first.

    Raises:
        ConfigError: the key is none, is the main key without permission, or belongs to another network.
        AuthenticationFailed: the venue refuses the key.
    """
    signer = None
    if settings.account is not None and settings.private_key is not None:
        signer = Signer(settings.account, settings.private_key.get_secret_value(), settings.chain)
    budgets = budgets_of(context, settings.rest_address, settings.account)
    rest = VenueRest(context, settings.rest_address, budgets, signer)
    catalog = Catalog(context, rest, settings.account)
    market = ParadexMarketData(context, rest, catalog)
    reports = OrderReports()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(rest.close)
        trading = None
        if signer is not None:
            trading = await _open_account(stack, settings, context, rest, catalog, signer, reports)
        streams = await stack.enter_async_context(
            open_streams(context, settings, budgets, rest=rest, catalog=catalog, trading=trading, reports=reports)
        )
        yield ParadexExchange(
            name=ExchangeName(context.name),
            capabilities=PUBLIC_CAPABILITIES if trading is None else CAPABILITIES,
            traits=traits_of(settings),
            market=market,
            trading=trading,
            streams=streams,
        )


async def _open_account(
    stack: AsyncExitStack,
    settings: ParadexSettings,
    context: Context,
    rest: VenueRest,
    catalog: Catalog,
    signer: Signer,
    reports: OrderReports,
) -> ParadexTrading:
    async def check() -> None:
        await _check_chain(settings, context, rest, signer)
        await _check_account(settings, context, rest, catalog, signer)

    contact = FirstContact(context, check)
    stack.push_async_callback(contact.close)
    await contact.at_opening()
    sent = SentIds(context)
    lookup = OrderLookup(context, rest, sent)
    desk = OrderDesk(
        context,
        rest=rest,
        catalog=catalog,
        signer=signer,
        sent=sent,
        lookup=lookup,
        reports=reports,
        contact=contact,
        window_ns=settings.window,
    )
    leverage = MarketLeverage(context, rest, catalog, contact)
    return ParadexTrading(context, rest=rest, catalog=catalog, sent=sent, lookup=lookup, desk=desk, leverage=leverage)


async def _check_chain(settings: ParadexSettings, context: Context, rest: VenueRest, signer: Signer) -> None:
    """Refuse another network than the one that is signed for, and a main key by the address that it makes."""
    config = await rest.get("/system/config")
    with reading(context.name, "the configuration of the system"):
        chain = text(config["starknet_chain_id"])
        hashes = [int(text(config[f"paraclear_account_{name}"]), 16) for name in ("proxy_hash", "hash")]
    if chain != settings.chain:
        raise ConfigError(
            f"{context.name}: the venue is on {chain}, and network = {settings.network!r} signs for another"
        )
    if main_address(signer.public_key, *hashes) == int(signer.account, 16):
        _refuse_main_key(settings, context)


async def _check_account(
    settings: ParadexSettings, context: Context, rest: VenueRest, catalog: Catalog, signer: Signer
) -> None:
    """Log in, and refuse the main key by the venue's own word; log what the account cannot do now.

    The venue nets positions in every account, so there is no position mode to check.
    """
    try:
        summary = await rest.read("/account")
    except ClockRefused:
        raise
    except AuthenticationFailed as error:
        why = f"{context.name}: the venue does not know this key for this account on {settings.network} ({error})"
        raise AuthenticationFailed(why, code=error.code) from error
    row = await catalog.account_info()
    with reading(context.name, "the account"):
        main_key = row.get("public_key")
        if isinstance(main_key, str) and main_key and int(main_key, 16) == signer.public_key:
            _refuse_main_key(settings, context)
        if int(text(summary["account"]), 16) != int(signer.account, 16):
            raise ConfigError(f"{context.name}: the venue answers for another account than the one configured")
        if summary["status"] != "ACTIVE":
            context.log.warning("the venue says that this account is %s", summary["status"])


def _refuse_main_key(settings: ParadexSettings, context: Context) -> None:
    if not settings.allow_withdrawal_keys:
        raise ConfigError(
            f"{context.name}: private_key is the account's main key, which can withdraw. Make a subkey in the venue's "
            "app (it can only trade), or set allow_withdrawal_keys = true"
        )
    context.log.warning("private_key is the account's main key: it can withdraw")
