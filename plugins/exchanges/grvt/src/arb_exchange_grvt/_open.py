"""Opening GRVT from its settings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from arb.api import Capability, Context, ExchangeTraits
from arb.model import DAY_NS, SECOND_NS, ExchangeName
from arb.net import FirstContact

from ._access import check_account
from ._account_stream import AccountWatch
from ._capabilities import CAPABILITIES, PUBLIC_CAPABILITIES
from ._catalog import Catalog
from ._hub import Hub, Topic
from ._leverage import PositionConfig
from ._lookup import OrderLookup
from ._market_data import GrvtMarketData
from ._names import OrderNames
from ._order_desk import OrderDesk
from ._reports import OrderReports
from ._rest import VenueRest
from ._session import Cookie
from ._settings import GrvtSettings
from ._signing import Signer
from ._streams import GrvtStreams
from ._tickers import Tickers
from ._trading import GrvtTrading

CLOCK_SLACK_NS: Final = 2 * SECOND_NS
"""How far our idea of the venue's clock may be off, and how long an order waits at the venue before it is matched."""

_PULSE: Final = Topic("v1.mini.s", "BTC_USDT_Perp@5000")


@dataclass(frozen=True, slots=True, kw_only=True)
class GrvtExchange:
    """Implements :class:`arb.api.Exchange`."""

    name: ExchangeName
    capabilities: frozenset[Capability]
    traits: ExchangeTraits
    market: GrvtMarketData
    trading: GrvtTrading | None
    streams: GrvtStreams


def traits_of(settings: GrvtSettings) -> ExchangeTraits:
    """Return the facts execution relies on.

    How far reads lag behind writes the venue does not say: two seconds are ours.
    """
    return ExchangeTraits(
        read_after_write_ns=2 * SECOND_NS,
        order_validity_ns=settings.order_validity + CLOCK_SLACK_NS,
        client_order_id_length=64,
        history_ns=30 * DAY_NS,
        averaging=None,
    )


@asynccontextmanager
async def open_exchange(settings: GrvtSettings, context: Context) -> AsyncIterator[GrvtExchange]:
    """Open the venue; with a key the account is read once, so that a wrong one shows at once.

    Raises:
        ConfigError: the account is none that can be traded for.
        AuthenticationFailed: the venue refuses the key.
    """
    rest = VenueRest(context, settings)
    has_key = settings.api_key is not None
    catalog = Catalog(context, rest, settings.asset_classes, has_key=has_key)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(rest.close)
        public = await stack.enter_async_context(Hub(context, settings.where.market_stream_url, pulse=_PULSE).opened())
        tickers = Tickers(context, rest, public if settings.live_tickers else None)
        stack.push_async_callback(tickers.close)
        account = settings.sub_account_id if has_key else None
        market = GrvtMarketData(context, rest, catalog, tickers, account)
        trading, watch = None, None
        if account is not None:
            trading, watch = await _private(stack, settings, context, account, rest, catalog)
        yield GrvtExchange(
            name=ExchangeName(context.name),
            capabilities=PUBLIC_CAPABILITIES if trading is None else CAPABILITIES,
            traits=traits_of(settings),
            market=market,
            trading=trading,
            streams=GrvtStreams(context, catalog, public, watch),
        )


async def _private(
    stack: AsyncExitStack,
    settings: GrvtSettings,
    context: Context,
    account: str,
    rest: VenueRest,
    catalog: Catalog,
) -> tuple[GrvtTrading, AccountWatch]:
    assert settings.private_key is not None, "settings without a private key have no account"
    signer = Signer(settings.private_key.get_secret_value(), account, settings.where.chain_id)
    contact = FirstContact(context, partial(check_account, context, rest, account))
    stack.push_async_callback(contact.close)
    await contact.at_opening()
    names, reports = OrderNames(context), OrderReports(context)
    lookup = OrderLookup(context, rest, catalog, names, account)
    desk = OrderDesk(
        context,
        settings,
        rest=rest,
        catalog=catalog,
        names=names,
        signer=signer,
        reports=reports,
        lookup=lookup,
        contact=contact,
    )
    config = PositionConfig(context, settings, rest=rest, catalog=catalog, signer=signer, desk=desk)
    trading = GrvtTrading(
        context, account, rest=rest, names=names, desk=desk, lookup=lookup, config=config, contact=contact
    )
    hub = _private_hub(settings, context, rest, account)
    await stack.enter_async_context(hub.opened())
    return trading, AccountWatch(context, hub, trading, reports, rest.time, account)


def _private_hub(settings: GrvtSettings, context: Context, rest: VenueRest, account: str) -> Hub:
    """Return the account's socket: before each that is opened the login is looked after, since a cookie ends.

    A socket that ended without a word, or was refused, may have had a cookie that the venue takes no longer: the next
    one has a new login.
    """
    used: list[Cookie] = []

    async def ready() -> None:
        used[:] = [await rest.cookie(void=used[0] if used else None)]

    def headers() -> Mapping[str, str]:
        return used[0].headers

    pulse = Topic("v1.cancel", account)
    return Hub(context, settings.where.trades_stream_url, pulse=pulse, headers=headers, ready=ready)
