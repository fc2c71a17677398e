"""What an exchange plugin provides."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol, runtime_checkable

from arb.model import (
    Averaging,
    Balance,
    Bbo,
    BookUpdate,
    ClientOrderId,
    ExchangeName,
    Fill,
    FundingPayment,
    FundingRate,
    Instrument,
    InstrumentId,
    MarginMode,
    MarketStats,
    Order,
    OrderBook,
    OrderRequest,
    Position,
    Trade,
    Transfer,
)


class Capability(StrEnum):
    """What an exchange can do; the conformance kit skips by what is not declared, and only by that."""

    PREDICTED_FUNDING = "predicted_funding"
    FUNDING_HISTORY = "funding_history"
    BOOK_STREAM = "book_stream"
    TRADE_STREAM = "trade_stream"
    TRADING = "trading"
    POST_ONLY = "post_only"
    FILL_OR_KILL = "fill_or_kill"
    FUNDING_PAYMENTS = "funding_payments"
    TRANSFERS = "transfers"
    SET_LEVERAGE = "set_leverage"
    ACCOUNT_STREAM = "account_stream"
    DEAD_MANS_SWITCH = "dead_mans_switch"
    SIMULATED = "simulated"
    """No real money can move: its trading needs neither `--live` nor `armed`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeTraits:
    """Facts about a venue that execution relies on.

    Attributes:
        read_after_write_ns: How long after a write a read may still miss it.
        order_validity_ns: How long after it was sent an order may still reach the matching engine:
            the receive window or expiry in the signed request. Before it is over, an order that
            cannot be found may still come.
        client_order_id_length: Longest client order id the venue takes.
        history_ns: How far back orders and fills can be listed.
        averaging: How the venue averages the premium it settles, where `fetch_funding_rates` gives the
            average so far. None is unknown, or gives something else: the published rate is taken as it is.
    """

    read_after_write_ns: int
    order_validity_ns: int = 5_000_000_000
    client_order_id_length: int = 32
    history_ns: int = 7 * 86_400_000_000_000
    averaging: Averaging | None = None


class MarketData(Protocol):
    """Public data. Every exchange has it."""

    async def fetch_instruments(self) -> Sequence[Instrument]:
        """Return every perpetual future with this account's fees, or public ones without a key."""
        ...

    async def fetch_order_book(self, instrument: InstrumentId, depth: int) -> OrderBook:
        """Return at least `depth` levels a side where the venue has them."""
        ...

    async def fetch_bbo(self, instrument: InstrumentId) -> Bbo:
        """Return the top of the book; raises BadResponse when a side is empty."""
        ...

    async def fetch_stats(self) -> Sequence[MarketStats]:
        """Return mark, index, volume and open interest of every instrument."""
        ...

    async def fetch_fx_rates(self) -> Mapping[str, Decimal]:
        """Return US dollars per unit of each collateral currency; one the venue does not price is left out."""
        ...

    async def fetch_funding_rates(self) -> Sequence[FundingRate]:
        """Return the predicted rate of every instrument (capability PREDICTED_FUNDING)."""
        ...

    async def fetch_funding_history(
        self, instrument: InstrumentId, start_ns: int, end_ns: int
    ) -> Sequence[FundingRate]:
        """Return settled rates in [start, end), oldest first, whole (capability FUNDING_HISTORY)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedOrder:
    """An order rounded, checked and signed, ready to leave without further work.

    Attributes:
        payload: What the plugin will send; opaque to everyone else.
        expires_ns: When the signature or nonce becomes void; None when it does not.
    """

    request: OrderRequest
    payload: object
    expires_ns: int | None = None


class Trading(Protocol):
    """The private side of one account. Methods raise the errors of :mod:`arb.api.errors` only."""

    async def prepare_order(self, request: OrderRequest) -> PreparedOrder:
        """Round, check and sign; nothing is sent.

        Raises:
            Rejected: the order breaks a rule of the instrument (BelowMinimum and others).
        """
        ...

    async def send_order(self, prepared: PreparedOrder) -> Order:
        """Send and return the order as the venue reports it.

        Raises:
            NotSent: certain, nothing happened.
            Rejected: certain, refused.
            OutcomeUnknown, BadResponse: the venue may have it.
        """
        ...

    async def cancel_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> None:
        """Ask for cancellation; returning says nothing about fills. Raises UnknownOrder and others."""
        ...

    async def cancel_all(self, instrument: InstrumentId | None = None) -> None:
        """Cancel every resting order, of one instrument or of the account."""
        ...

    async def fetch_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> Order:
        """Return an order by our id; raises UnknownOrder only when the answer covers its whole life."""
        ...

    async def fetch_open_orders(self) -> Sequence[Order]:
        """Return every resting order of the account."""
        ...

    async def fetch_fills(self, since_ns: int) -> Sequence[Fill]:
        """Return own fills at or after `since_ns`, oldest first, whole."""
        ...

    async def fetch_positions(self) -> Sequence[Position]:
        """Return every open position; an instrument that is absent is flat."""
        ...

    async def fetch_balances(self) -> Sequence[Balance]:
        """Return every collateral currency."""
        ...

    async def fetch_funding_payments(self, since_ns: int) -> Sequence[FundingPayment]:
        """Return payments settled at or after `since_ns`, oldest first (capability FUNDING_PAYMENTS)."""
        ...

    async def set_leverage(self, instrument: InstrumentId, leverage: Decimal, mode: MarginMode) -> None:
        """Set leverage and margin mode (capability SET_LEVERAGE); read it back with fetch_leverage."""
        ...

    async def fetch_leverage(self, instrument: InstrumentId) -> tuple[Decimal, MarginMode]:
        """Return what the venue has set now."""
        ...


@runtime_checkable
class DeadMansSwitch(Protocol):
    """What the trading side of an exchange with capability DEAD_MANS_SWITCH has as well."""

    async def arm_dead_mans_switch(self, timeout_ns: int) -> None:
        """Let the venue cancel every resting order unless it is armed again in time; 0 disarms it."""
        ...


@runtime_checkable
class TransferHistory(Protocol):
    """What the trading side of an exchange with capability TRANSFERS has as well."""

    async def fetch_transfers(self, since_ns: int) -> Sequence[Transfer]:
        """Return deposits, withdrawals, interest and conversions at or after `since_ns`, oldest first, whole."""
        ...


class Streams(Protocol):
    """Live data. Iterators end never: they reconnect, and start again with a snapshot."""

    def watch_order_book(self, instrument: InstrumentId) -> AsyncIterator[BookUpdate]:
        """Yield a snapshot, then deltas (BOOK_STREAM); at a gap BookGap as soon as it is known, then a snapshot."""
        ...

    def watch_trades(self, instrument: InstrumentId) -> AsyncIterator[Trade]:
        """Yield public trades (TRADE_STREAM)."""
        ...

    def watch_account(self) -> AsyncIterator[Order | Fill | FundingPayment]:
        """Yield changes of the account (ACCOUNT_STREAM)."""
        ...


@runtime_checkable
class Exchange(Protocol):
    """One open connection to one venue with at most one account.

    Attributes:
        name: Its name in the configuration; instrument ids end with it.
        trading: None without keys or without the capability.
        streams: None without a stream capability.
    """

    @property
    def name(self) -> ExchangeName: ...
    @property
    def capabilities(self) -> frozenset[Capability]: ...
    @property
    def traits(self) -> ExchangeTraits: ...
    @property
    def market(self) -> MarketData: ...
    @property
    def trading(self) -> Trading | None: ...
    @property
    def streams(self) -> Streams | None: ...
