"""Opening Lighter: with keys an account, without them public data."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from arb.api import (
    AuthenticationFailed,
    BadResponse,
    Capability,
    ConfigError,
    Context,
    Exchange,
    ExchangeTraits,
)
from arb.model import MINUTE_NS, SECOND_NS, ExchangeName
from arb.net import FirstContact, OrderNumbers

from ._books import Books, KeptBook
from ._budgets import Budgets, budgets_of
from ._capabilities import ALL, MAX_AHEAD_NS, PUBLIC, TRAITS
from ._channels import Channels
from ._listing import Listing
from ._live_stats import LiveStats
from ._market import LighterMarket
from ._native import Key, signing_library
from ._nonces import NonceLine
from ._reading import UNIFIED, AccountReads
from ._reports import OrderReports
from ._rest import Api, Tokens
from ._settings import LighterSettings, Tier
from ._signing import Signer
from ._streams import AccountFeed, LighterStreams
from ._trading import LighterTrading

_INDEX_BITS: Final = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class LighterExchange:
    """Implements :class:`arb.api.Exchange`."""

    name: ExchangeName
    capabilities: frozenset[Capability]
    traits: ExchangeTraits
    market: LighterMarket
    trading: LighterTrading | None
    streams: LighterStreams


@asynccontextmanager
async def open_exchange(settings: LighterSettings, context: Context) -> AsyncIterator[Exchange]:
    """Open the exchange; with keys the account is looked at first.

    Raises:
        ConfigError: the signing library, the key, the account or this machine's clock cannot be used.
        ExchangeError: the venue cannot be asked.
    """
    budgets = budgets_of(context, settings)
    signer = _signer_of(settings)
    tokens = None if signer is None else Tokens(context, signer)
    api = Api(context, settings.rest_address, budgets, tokens)
    account_index = settings.account_index
    listing = Listing(context, api, settings.asset_classes, account_index)
    async with AsyncExitStack() as stack:
        public = Channels(context, settings.stream_address, budgets)
        await stack.enter_async_context(public.opened())
        live = LiveStats(context, public)
        stack.push_async_callback(live.close)
        books = Books(
            lambda market_id, instrument: KeptBook(context, public, market_id, instrument, settings.keep_books)
        )
        stack.push_async_callback(books.close)
        trading: LighterTrading | None = None
        feed: AccountFeed | None = None
        if signer is not None and tokens is not None:
            trading, feed = await _open_account(stack, settings, context, api, listing, budgets, signer, tokens)
        yield LighterExchange(
            name=ExchangeName(context.name),
            capabilities=PUBLIC if trading is None else ALL,
            traits=TRAITS,
            market=LighterMarket(context, api, listing, books, live, live_reads=settings.live_reads),
            trading=trading,
            streams=LighterStreams(context, public, listing, books, feed),
        )


async def _open_account(
    stack: AsyncExitStack,
    settings: LighterSettings,
    context: Context,
    api: Api,
    listing: Listing,
    budgets: Budgets,
    signer: Signer,
    tokens: Tokens,
) -> tuple[LighterTrading, AccountFeed]:
    account_index = signer.account_index
    channels = Channels(
        context,
        settings.stream_address,
        budgets,
        token=tokens.current,
        renewed_ns=tokens.renewed_ns - MINUTE_NS,
        beats=False,
    )
    await stack.enter_async_context(channels.opened())
    reports = OrderReports(context, channels, account_index)
    numbers = OrderNumbers(context.state, bits=_INDEX_BITS)
    reads = AccountReads(context, api, listing, numbers, reports if settings.live_reads else None, account_index)
    line = NonceLine(context, api, signer)

    async def check() -> None:
        await _check_clock(context, api)
        await _check_account(settings, context, api, reads)
        await line.prepare()

    contact = FirstContact(context, check)
    stack.push_async_callback(contact.close)
    await contact.at_opening()
    reports.start()
    stack.push_async_callback(reports.close)
    trading = LighterTrading(
        context,
        signer=signer,
        line=line,
        listing=listing,
        numbers=numbers,
        reports=reports,
        reads=reads,
        contact=contact,
        time=api.time,
    )
    return trading, AccountFeed(context, channels, reads, account_index)


def _signer_of(settings: LighterSettings) -> Signer | None:
    if settings.private_key is None or settings.account_index is None:
        return None
    key = Key(
        chain_id=settings.chain_id,
        account_index=settings.account_index,
        api_key_index=settings.api_key_index,
        private_key=settings.private_key.get_secret_value().removeprefix("0x").encode(),
    )
    return Signer(signing_library(), key)


async def _check_clock(context: Context, api: Api) -> None:
    """Refuse a clock that is ahead: signatures would be valid for longer than the traits say."""
    await api.ask_time()
    ahead_ns = -api.time.offset_ns - SECOND_NS
    if ahead_ns > MAX_AHEAD_NS:
        raise ConfigError(
            f"{context.name}: this machine's clock is {ahead_ns // SECOND_NS} s ahead of the venue's: set it first"
        )
    if ahead_ns < -MAX_AHEAD_NS:
        context.log.warning("this machine's clock is %d s behind the venue's", -ahead_ns // SECOND_NS)


async def _check_account(settings: LighterSettings, context: Context, api: Api, reads: AccountReads) -> None:
    """Refuse an account that cannot be traded as the settings say."""
    name, index = context.name, settings.account_index
    try:
        limits = await api.private("accountLimits", {"account_index": index or 0})
    except AuthenticationFailed as error:
        text = (
            f"{name}: the venue does not know this key for account {index}, slot {settings.api_key_index}: register "
            f"its public half there, on {settings.network} ({error})"
        )
        raise AuthenticationFailed(text, code=error.code) from error
    told = str(limits.get("user_tier_name") or limits.get("user_tier") or "").lower()
    if told.startswith(("std", "standard")) and settings.tier is not Tier.STANDARD:
        raise ConfigError(f"{name}: tier is {settings.tier}, but the venue says that the account is standard")
    try:
        await reads.account()
    except BadResponse as error:
        if error.code != UNIFIED:
            raise
        raise ConfigError(f"{error}: switch the account to classic mode, or use another sub-account") from error
