"""Opening Backpack from its settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from arb.api import Capability, ClockRefused, Context, ExchangeError, ExchangeTraits, Rejected
from arb.model import DAY_NS, MILLISECOND_NS, SECOND_NS, ExchangeName
from arb.net import reading

from ._capabilities import CAPABILITIES, PUBLIC_CAPABILITIES
from ._catalog import Catalog
from ._market_data import BackpackMarketData
from ._names import OrderNames
from ._rest import VenueRest
from ._settings import BackpackSettings
from ._signing import Signer
from ._streams import BackpackStreams, open_streams
from ._trading import BackpackTrading

_SPEED_BUMP_NS = 100 * MILLISECOND_NS
"""What is not post-only waits that long before it is matched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackpackExchange:
    """Implements :class:`arb.api.Exchange`."""

    name: ExchangeName
    capabilities: frozenset[Capability]
    traits: ExchangeTraits
    market: BackpackMarketData
    trading: BackpackTrading | None
    streams: BackpackStreams


def traits_of(settings: BackpackSettings) -> ExchangeTraits:
    """Return the facts execution relies on.

    The venue says that its history may be behind, not by how much: two seconds are ours. How long it keeps orders
    and fills it does not say; the lists reach back to the account's beginning in what others have seen.
    """
    return ExchangeTraits(
        read_after_write_ns=2 * SECOND_NS,
        order_validity_ns=settings.window + _SPEED_BUMP_NS + SECOND_NS,
        client_order_id_length=64,
        history_ns=30 * DAY_NS,
        averaging=None,
    )


@asynccontextmanager
async def open_exchange(settings: BackpackSettings, context: Context) -> AsyncIterator[BackpackExchange]:
    """Open the venue; with a key the account is read once, so that a wrong one shows at once.

    Raises:
        ConfigError: the key is none.
        AuthenticationFailed: the venue refuses the key.
    """
    signer = _signer(settings)
    rest = VenueRest(context, settings, signer)
    try:
        catalog = Catalog(context, rest, has_key=signer is not None)
        market = BackpackMarketData(context, rest, catalog, has_key=signer is not None)
        names = OrderNames(context)
        trading = None if signer is None else BackpackTrading(context, rest, catalog, names)
        if trading is not None:
            await _check_account(context, rest)
        account = None if trading is None else (rest, names, trading)
        async with open_streams(context, settings, catalog, market, account) as streams:
            yield BackpackExchange(
                name=ExchangeName(context.name),
                capabilities=PUBLIC_CAPABILITIES if trading is None else CAPABILITIES,
                traits=traits_of(settings),
                market=market,
                trading=trading,
                streams=streams,
            )
    finally:
        await rest.close()


def _signer(settings: BackpackSettings) -> Signer | None:
    if settings.api_key is None or settings.api_secret is None:
        return None
    return Signer(settings.api_key.get_secret_value(), settings.api_secret.get_secret_value())


async def _check_account(context: Context, rest: VenueRest) -> None:
    """Read the account: the venue nets positions in every account, so there is no position mode to check.

    A venue that does not answer now is no reason not to open: every later call tells.
    """
    try:
        answer = await rest.read("/api/v1/account", "accountQuery")
    except ExchangeError as error:
        if isinstance(error, Rejected) and not isinstance(error, ClockRefused):
            raise
        context.log.warning("the account could not be read at the start: %s", error)
        return
    with reading(context.name, "the account"):
        if answer["liquidating"]:
            context.log.warning("the venue is liquidating this account")
        for switch in ("autoLend", "autoBorrowSettlements", "autoRepayBorrows"):
            if answer.get(switch):
                context.log.info("the account has %s on; it stays as it is", switch)
