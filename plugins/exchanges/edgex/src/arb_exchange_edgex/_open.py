"""Opening EdgeX from its settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from arb.api import AuthenticationFailed, Capability, ConfigError, Context, ExchangeTraits
from arb.model import DAY_NS, SECOND_NS, ExchangeName
from arb.net import FirstContact, Row, reading, row_of

from ._account_stream import AccountWatch
from ._capabilities import CAPABILITIES, PUBLIC_CAPABILITIES
from ._catalog import Catalog
from ._hub import Hub
from ._leverage import ContractLeverage
from ._market_data import EdgexMarketData
from ._names import LAG_NS, OrderNames
from ._order_desk import ID_LENGTH, OrderDesk
from ._rest import VenueRest
from ._settings import EdgexSettings
from ._signing import RequestSigner, TypedSigner
from ._streams import EdgexStreams
from ._tickers import Tickers
from ._trading import EdgexTrading

PUBLIC_PATH = "/api/v1/public/ws"
_ROUNDING_NS = SECOND_NS
_CLOCKS_NS = SECOND_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgexExchange:
    """Implements :class:`arb.api.Exchange`."""

    name: ExchangeName
    capabilities: frozenset[Capability]
    traits: ExchangeTraits
    market: EdgexMarketData
    trading: EdgexTrading | None
    streams: EdgexStreams


def traits_of(settings: EdgexSettings) -> ExchangeTraits:
    """Return the facts execution relies on.

    The signature of an order that does not rest holds to a whole second, by the venue's clock as it is known here.
    How far reads lag behind writes and how long history is kept the venue does not say: these are ours.
    """
    return ExchangeTraits(
        read_after_write_ns=LAG_NS,
        order_validity_ns=settings.order_validity + _ROUNDING_NS + _CLOCKS_NS,
        client_order_id_length=ID_LENGTH,
        history_ns=30 * DAY_NS,
        averaging=None,
    )


@asynccontextmanager
async def open_exchange(settings: EdgexSettings, context: Context) -> AsyncIterator[EdgexExchange]:
    """Open the venue; with keys the account is read once, so that wrong ones show at once.

    Raises:
        ConfigError: a key is none, does not sign for the account, or can withdraw.
        AuthenticationFailed: the venue refuses the keys.
    """
    signers = _signers(settings)
    rest = VenueRest(context, settings, None if signers is None else signers[0])
    catalog = Catalog(context, rest, has_key=signers is not None)
    stream_url = settings.addresses.stream
    async with AsyncExitStack() as stack:
        stack.push_async_callback(rest.close)
        hub = await stack.enter_async_context(Hub(context, stream_url + PUBLIC_PATH).opened())
        trading = watch = None
        if signers is not None:
            contact = FirstContact(context, lambda: _check_account(context, settings, rest, signers[1]))
            stack.push_async_callback(contact.close)
            await contact.at_opening()
            names = OrderNames(context, rest.time)
            desk = OrderDesk(context, settings, rest, catalog, names, signers[1], contact)
            leverage = ContractLeverage(context, rest, catalog, signers[1])
            trading = EdgexTrading(context, rest, catalog, names, desk, leverage)
            watch = AccountWatch(context, stream_url, rest, catalog, names, trading)
        yield EdgexExchange(
            name=ExchangeName(context.name),
            capabilities=PUBLIC_CAPABILITIES if trading is None else CAPABILITIES,
            traits=traits_of(settings),
            market=EdgexMarketData(context, rest, catalog, Tickers(context, hub)),
            trading=trading,
            streams=EdgexStreams(context, rest, catalog, hub, watch),
        )


def _signers(settings: EdgexSettings) -> tuple[RequestSigner, TypedSigner] | None:
    keys = (settings.api_key, settings.api_passphrase, settings.api_secret, settings.trading_key)
    api_key, passphrase, secret, trading_key = (None if key is None else key.get_secret_value() for key in keys)
    if api_key is None or passphrase is None or secret is None or trading_key is None or settings.account_id is None:
        return None
    return RequestSigner(api_key, passphrase, secret), TypedSigner(trading_key, settings.account_id)


async def _check_account(context: Context, settings: EdgexSettings, rest: VenueRest, signer: TypedSigner) -> None:
    """Read the account: whether it is the one of the settings, and whose key signs for it."""
    data = await rest.read("/api/v2/private/account/getAccountAsset")
    with reading(context.name, "the account"):
        account = row_of(row_of(data)["account"])
        number, liquidating = str(account["id"]), bool(account.get("isLiquidating"))
        status = str(account.get("status") or "NORMAL")
    if number != settings.account_id:
        text = "the API key belongs to another account than account_id"
        raise AuthenticationFailed(text, exchange=context.name, code="other_account")
    _check_key(context, settings, account, signer)
    if liquidating:
        context.log.warning("the venue is liquidating this account")
    if status != "NORMAL":
        context.log.warning("the venue says of this account that it is not as usual")


def _check_key(context: Context, settings: EdgexSettings, account: Row, signer: TypedSigner) -> None:
    mine = signer.address.lower()
    if str(account.get("ethAddress") or "").lower() == mine and not settings.allow_withdrawal_keys:
        text = "trading_key is the key of the account's wallet, which can withdraw: use that of the API key,"
        raise ConfigError(f"{context.name}: {text} or set allow_withdrawal_keys")
    signers = account.get("signers")
    if isinstance(signers, list) and signers and mine not in {str(each).lower() for each in signers}:
        raise ConfigError(f"{context.name}: trading_key does not sign for this account, by the venue's list of signers")
