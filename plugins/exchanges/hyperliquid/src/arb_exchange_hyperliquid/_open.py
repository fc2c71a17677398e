"""Opens the exchange."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

from arb.api import Capability, Context, ExchangeTraits
from arb.model import SECOND_NS, ExchangeName
from arb.net import FirstContact, OrderNumbers

from ._access import Access, account_of
from ._account_stream import AccountStream
from ._actions import Actions
from ._client import Client
from ._hub import Hub
from ._market import HyperliquidMarket
from ._nonces import Nonces
from ._order_rows import CLOID_BITS
from ._orders import Orders
from ._settings import HyperliquidSettings
from ._streams import HyperliquidStreams
from ._trading import HyperliquidTrading
from .plugin import CAPABILITIES, PUBLIC

READ_AFTER_WRITE_NS: Final = SECOND_NS
"""Reads are served from a node's state, which is some blocks old."""

CLOCK_SLACK_NS: Final = SECOND_NS
"""How far our idea of the venue's clock may be off."""


class HyperliquidExchange:
    """Implements :class:`arb.api.Exchange`.

    Attributes:
        trading: None without a key.
    """

    def __init__(
        self,
        context: Context,
        settings: HyperliquidSettings,
        market: HyperliquidMarket,
        trading: HyperliquidTrading | None,
        streams: HyperliquidStreams,
    ) -> None:
        self.name = ExchangeName(context.name)
        self.capabilities: frozenset[Capability] = PUBLIC if trading is None else CAPABILITIES
        self.traits = ExchangeTraits(
            read_after_write_ns=READ_AFTER_WRITE_NS, order_validity_ns=settings.order_validity + CLOCK_SLACK_NS
        )
        self.market = market
        self.trading = trading
        self.streams = streams


@asynccontextmanager
async def open_exchange(settings: HyperliquidSettings, context: Context) -> AsyncIterator[HyperliquidExchange]:
    """Open the exchange.

    Raises:
        ConfigError: the key can withdraw, or account, dex or account mode is none that can be used.
        AuthenticationFailed: the key is not approved for the account.
    """
    client = Client(settings, context)
    market = HyperliquidMarket(client, settings, context)
    access = account_of(client, settings)
    contact = FirstContact(context, partial(_looked_at, client, market, access))
    hub = Hub(client, settings, context, market.heartbeat)
    trading, account_stream = None, None
    if access is not None:
        orders, trading = _private(client, market, access, contact, settings, context)
        account_stream = AccountStream(client, hub, market, orders, trading, access.address, context)
    streams = HyperliquidStreams(client, hub, market, account_stream, context, fast_books=settings.fast_books)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(contact.close)
        await contact.at_opening()
        await stack.enter_async_context(hub.opened())
        yield HyperliquidExchange(context, settings, market, trading, streams)


async def _looked_at(client: Client, market: HyperliquidMarket, access: Access | None) -> None:
    """Ask what has to be known before anything is traded; the account first, since it may be refused for good."""
    await client.synchronise()
    if access is not None:
        await access.check()
    await market.refresh()


def _private(
    client: Client,
    market: HyperliquidMarket,
    access: Access,
    contact: FirstContact,
    settings: HyperliquidSettings,
    context: Context,
) -> tuple[Orders, HyperliquidTrading]:
    # Two plugins of one run that sign with one key must not take the same nonce.
    nonces = context.shared(
        Nonces, f"hyperliquid:nonces:{access.key.address}", lambda: Nonces(context.state, lambda: client.now_ms)
    )
    actions = Actions(client, access, contact, nonces, context, settings.order_validity)
    numbers = OrderNumbers(context.state, bits=CLOID_BITS)
    orders = Orders(client, market, actions, numbers, access.address)
    return orders, HyperliquidTrading(client, market, orders, actions, access.address, context)
