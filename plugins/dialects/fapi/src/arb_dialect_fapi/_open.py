"""Opening a venue of the dialect."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from arb.api import Capability, ConfigError, Context, ExchangeTraits
from arb.model import DAY_NS, SECOND_NS, Averaging, ExchangeName
from arb.net import FirstContact, reading, row_of

from ._account_stream import AccountWatch
from ._capabilities import CAPABILITIES, PUBLIC_CAPABILITIES
from ._catalog import Catalog
from ._dialect import Dialect, Signer
from ._fields import flag
from ._market_data import FapiMarketData
from ._names import OrderNames
from ._orders import CLIENT_ID_LENGTH
from ._rest import BeforeSigning, VenueRest, no_preparation
from ._streams import FapiStreams, open_streams
from ._trading import FapiTrading

_USUAL_VALIDITY_NS: Final = 5 * SECOND_NS
Check = Callable[[VenueRest], Awaitable[None]]


async def no_check(rest: VenueRest) -> None:
    """Check nothing of a venue's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FapiExchange:
    """Implements :class:`arb.api.Exchange`."""

    name: ExchangeName
    capabilities: frozenset[Capability]
    traits: ExchangeTraits
    market: FapiMarketData
    trading: FapiTrading | None
    streams: FapiStreams


def traits_of(validity_ns: int) -> ExchangeTraits:
    """Return the facts execution relies on.

    A request may reach the venue until its validity is over by the venue's clock, which we know within a second.
    How long a read may miss a write the venues do not say: two seconds are ours. Orders that ended unfilled are
    forgotten after three days, bookings after three months.
    """
    return ExchangeTraits(
        read_after_write_ns=2 * SECOND_NS,
        order_validity_ns=validity_ns + SECOND_NS,
        client_order_id_length=CLIENT_ID_LENGTH,
        history_ns=89 * DAY_NS,
        averaging=Averaging.LINEAR,
    )


@asynccontextmanager
async def open_fapi(
    dialect: Dialect,
    context: Context,
    *,
    api_url: str,
    stream_url: str,
    signer: Signer | None,
    check: Check = no_check,
    prove_empty: Check = no_check,
    before_signing: BeforeSigning = no_preparation,
) -> AsyncIterator[FapiExchange]:
    """Open a venue; with a signer the account is looked at first, so that what cannot work shows at once.

    Args:
        dialect: The venue's.
        context: The exchange plugin's.
        api_url: Scheme and host of REST calls.
        stream_url: Scheme and host of WebSockets.
        signer: None without a key.
        check: What else has to be known of the account before it may trade, such as that its key cannot withdraw.
        prove_empty: Awaited before the account is said to hold no position, or no money: where a venue answers so to
            a key that is not valid any more, it raises.
        before_signing: Awaited before each signature, with the venue's time.

    Raises:
        ConfigError: the account is set in a way that cannot be traded with, or the key has rights it must not have.
        AuthenticationFailed: the venue refuses the key.
    """
    rest = VenueRest(context, dialect, api_url, signer, before_signing=before_signing)
    catalog = Catalog(context, dialect, rest, has_key=signer is not None)
    market = FapiMarketData(context, dialect, rest, catalog)
    trading, account = None, None
    async with AsyncExitStack() as stack:
        stack.push_async_callback(rest.close)
        if signer is not None:
            contact = FirstContact(context, partial(_look_at, context, dialect, rest, check))
            names = OrderNames(context)
            trading = FapiTrading(context, dialect, rest, catalog, names, contact, prove_empty)
            account = AccountWatch(context, dialect, stream_url, rest, names, trading)
            stack.push_async_callback(contact.close)
            await contact.at_opening()
        streams = open_streams(context, dialect, stream_url, catalog, market, account)
        yield FapiExchange(
            name=ExchangeName(context.name),
            capabilities=PUBLIC_CAPABILITIES if trading is None else CAPABILITIES,
            traits=traits_of(_USUAL_VALIDITY_NS if signer is None else signer.validity_ns),
            market=market,
            trading=trading,
            streams=await stack.enter_async_context(streams),
        )


async def _look_at(context: Context, dialect: Dialect, rest: VenueRest, check: Check) -> None:
    await require_usable(context, dialect, rest)
    await check(rest)


async def require_usable(context: Context, dialect: Dialect, rest: VenueRest) -> None:
    """Refuse hedge mode, in which a symbol has two positions, and multi-assets mode, in which currencies share margin.

    Raises:
        ConfigError: the account is in one of them.
        ExchangeError: it could not be asked.
    """
    mode = await rest.read(dialect.endpoints.position_mode)
    with reading(context.name, "the position mode"):
        is_hedged = flag(row_of(mode)["dualSidePosition"])
    if is_hedged:
        text = "the account is in hedge mode: switch it to one-way mode (positions and orders have to be closed)"
        raise ConfigError(f"{context.name}: {text}")
    mode = await rest.read(dialect.endpoints.multi_assets)
    with reading(context.name, "the margin mode"):
        is_shared = flag(row_of(mode)["multiAssetsMargin"])
    if is_shared:
        text = "the account is in multi-assets mode: switch it to single-asset mode"
        raise ConfigError(f"{context.name}: {text}")
