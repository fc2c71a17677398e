"""What a venue of the dialect has of its own, as values: hosts stay in its settings, signatures behind a protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

from arb.api import ExchangeError
from arb.model import HOUR_NS, MINUTE_NS, SECOND_NS, FeeSchedule
from arb.net import RateLimit, Row, text

from ._errors import REFUSALS
from ._symbols import asset_of

Params = Mapping[str, str]
NO_PARAMS: Final[Params] = MappingProxyType({})


class Signer(Protocol):
    """How one account's requests are signed. Neither its text nor its errors show the secret."""

    @property
    def account(self) -> str:
        """Return what names the account in keys of shared budgets; no secret."""
        ...

    @property
    def validity_ns(self) -> int:
        """Return how long after its signing a request may still reach the matching engine."""
        ...

    def headers(self) -> Mapping[str, str]:
        """Return the headers of every private request."""
        ...

    def signed(self, form: str, now_ns: int) -> str:
        """Return the form as it is sent: with time or nonce, and the signature last.

        Args:
            form: The parameters, url-encoded and joined; may be empty.
            now_ns: The venue's time.
        """
        ...

    def listen_form(self, now_ns: int) -> str:
        """Return the form of a call about the listen key: empty where the key's header is enough."""
        ...


class Endpoint(NamedTuple):
    """A path of the REST interface, and the weight of the one way it is called here; 0 counts nothing."""

    path: str
    weight: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where each call goes. What is None does not exist at the venue.

    Attributes:
        depth: Its weight follows the limit, see `Dialect.depth_weights`.
        premium_index: Of all symbols.
        ticker_24h: Of all symbols.
        open_interest: Of one symbol.
        asset_index: US dollars per unit of each collateral currency.
        open_orders: Of all symbols.
        settings: What lists leverage and margin type of a symbol.
    """

    time: Endpoint
    exchange_info: Endpoint
    depth: Endpoint
    premium_index: Endpoint
    ticker_24h: Endpoint
    open_interest: Endpoint | None
    funding_info: Endpoint
    funding_rate: Endpoint
    asset_index: Endpoint | None
    place: Endpoint
    order: Endpoint
    cancel: Endpoint
    cancel_all: Endpoint
    open_orders: Endpoint
    all_orders: Endpoint
    countdown: Endpoint
    positions: Endpoint
    settings: Endpoint
    account: Endpoint
    leverage: Endpoint
    margin_type: Endpoint
    position_mode: Endpoint
    multi_assets: Endpoint
    user_trades: Endpoint
    income: Endpoint
    commission_rate: Endpoint
    brackets: Endpoint
    listen_key: Endpoint

    @classmethod
    def under(cls, prefix: str, **changes: Endpoint | None) -> Endpoints:
        """Return the usual ones under a prefix such as `/fapi/v1`, with Binance's weights, but for `changes`."""
        usual = cls(
            time=Endpoint(f"{prefix}/time"),
            exchange_info=Endpoint(f"{prefix}/exchangeInfo"),
            depth=Endpoint(f"{prefix}/depth"),
            premium_index=Endpoint(f"{prefix}/premiumIndex", 10),
            ticker_24h=Endpoint(f"{prefix}/ticker/24hr", 40),
            open_interest=Endpoint(f"{prefix}/openInterest"),
            funding_info=Endpoint(f"{prefix}/fundingInfo"),
            funding_rate=Endpoint(f"{prefix}/fundingRate"),
            asset_index=Endpoint(f"{prefix}/assetIndex", 10),
            place=Endpoint(f"{prefix}/order"),
            order=Endpoint(f"{prefix}/order"),
            cancel=Endpoint(f"{prefix}/order"),
            cancel_all=Endpoint(f"{prefix}/allOpenOrders"),
            open_orders=Endpoint(f"{prefix}/openOrders", 40),
            all_orders=Endpoint(f"{prefix}/allOrders", 5),
            countdown=Endpoint(f"{prefix}/countdownCancelAll", 10),
            positions=Endpoint(f"{prefix}/positionRisk", 5),
            settings=Endpoint(f"{prefix}/positionRisk", 5),
            account=Endpoint(f"{prefix}/account", 5),
            leverage=Endpoint(f"{prefix}/leverage"),
            margin_type=Endpoint(f"{prefix}/marginType"),
            position_mode=Endpoint(f"{prefix}/positionSide/dual", 30),
            multi_assets=Endpoint(f"{prefix}/multiAssetsMargin", 30),
            user_trades=Endpoint(f"{prefix}/userTrades", 5),
            income=Endpoint(f"{prefix}/income", 30),
            commission_rate=Endpoint(f"{prefix}/commissionRate", 20),
            brackets=Endpoint(f"{prefix}/leverageBracket"),
            listen_key=Endpoint(f"{prefix}/listenKey"),
        )
        return replace(usual, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sockets:
    """Where streams are, and what a socket is good for.

    Attributes:
        public: Path of combined streams of books.
        market: Path of combined streams of trades and mark prices; the same as `public` where there is no split.
        private: Path of the account's stream; `{key}` stands for the listen key.
        most_streams: On one socket.
        life_ns: How long the venue keeps one open.
    """

    public: str = "/stream"
    market: str = "/stream"
    private: str = "/ws/{key}"
    most_streams: int = 200
    life_ns: int = 24 * HOUR_NS


def crypto_perpetual(row: Row) -> str | None:
    """Return the class of what a row of `exchangeInfo` lists: crypto, or None for what is left out here.

    Left out are contracts that end (`CURRENT_QUARTER` and others), and those of stocks, metals or currencies
    (`TRADIFI_PERPETUAL`): their markets close, and their funding has other rules.
    """
    return "crypto" if row["contractType"] == "PERPETUAL" else None


def quote_of(row: Row) -> str:
    """Return the quote currency of a row of `exchangeInfo`."""
    return text(row["quoteAsset"])


DEPTH_WEIGHTS: Final[Mapping[int, int]] = MappingProxyType({5: 2, 10: 2, 20: 2, 50: 2, 100: 5, 500: 10, 1000: 20})
"""`limit` of a book, and its weight."""

QUOTES: Final = ("USDT", "USDC", "FDUSD", "BUSD", "USD1", "BTC", "ETH", "BNB")

WEIGHT_LIMIT: Final = RateLimit(weight=2_400, per_ns=MINUTE_NS)
ORDER_LIMITS: Final = (RateLimit(weight=300, per_ns=10 * SECOND_NS), RateLimit(weight=1_200, per_ns=MINUTE_NS))
SNAPSHOT_LIMIT: Final = RateLimit(weight=1_000, per_ns=MINUTE_NS)
"""Fifty books of 1000 levels a minute: 1000 of the 1680 that reads have for themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One venue's way to speak it.

    Attributes:
        venue: Its name, in keys of shared budgets and in texts.
        endpoints: Where REST calls go.
        sockets: Where streams are.
        public_fees: The base tier, for who asks without a key.
        refusals: Codes that certainly mean that nothing was done, and with which error.
        doubtful_writes: Those among them that are certain of a read alone: of what changes something they leave in
            doubt, since they may also be the answer to the second copy of a request.
        failed_503: How texts of a 503 begin after which nothing was done; any other 503 leaves in doubt.
        weight_limit: Of one address.
        order_limits: Of one account.
        funding_limit: Of one address, shared by settled rates and intervals; None where these count by weight alone.
        snapshot_limit: Our own: how much of `weight_limit` the books that streams begin with may use up.
        depth_weights: By `limit`.
        order_fields: Sent with every order.
        positions_tell_settings: Rows of positions tell leverage and margin type.
        asset_class: Returns the class of a listed row, or None to leave it out.
        denomination: Returns the asset behind a base asset, and how many of it one contract holds.
        fee_group: Returns of which listed rows the account's fees are the same; one of each group is asked for. Of the
            usual contracts in a currency it is that currency.
        quotes: Currencies that symbols end with; the first is not part of an instrument's name.
        interval_ns: Between two settlements of a symbol that `fundingInfo` does not list.
    """

    venue: str
    endpoints: Endpoints
    sockets: Sockets
    public_fees: FeeSchedule
    refusals: Mapping[str, type[ExchangeError]] = field(default_factory=lambda: REFUSALS)
    doubtful_writes: frozenset[str] = frozenset()
    failed_503: tuple[str, ...] = ()
    weight_limit: RateLimit = WEIGHT_LIMIT
    order_limits: tuple[RateLimit, ...] = ORDER_LIMITS
    funding_limit: RateLimit | None = None
    snapshot_limit: RateLimit = SNAPSHOT_LIMIT
    depth_weights: Mapping[int, int] = field(default_factory=lambda: DEPTH_WEIGHTS)
    order_fields: Params = field(default_factory=lambda: NO_PARAMS)
    positions_tell_settings: bool = True
    asset_class: Callable[[Row], str | None] = crypto_perpetual
    denomination: Callable[[str], tuple[str, Decimal]] = asset_of
    fee_group: Callable[[Row], str] = quote_of
    quotes: tuple[str, ...] = QUOTES
    interval_ns: int = 8 * HOUR_NS
