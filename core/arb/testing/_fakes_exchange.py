"""An exchange in memory that a test scripts: it has no time, no chance and no network of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final, Generic, TypeVar

from arb.api import Capability, Clock, ExchangeTraits
from arb.model import (
    ExchangeName,
    Fill,
    FundingKind,
    FundingPayment,
    FundingRate,
    Instrument,
    InstrumentId,
    Order,
    OrderBook,
    PaymentId,
    Trade,
    Transfer,
    TransferId,
    TransferKind,
    to_cash,
)

from ._fakes_account import MemoryAccount
from ._fakes_calls import MemoryMarketData, MemoryTrading
from ._fakes_clock import FakeClock
from ._fakes_faults import Faults
from ._fakes_market import Levels, MemoryMarket, Number, sample_instrument
from ._fakes_orders import MemoryOrders

T = TypeVar("T")

ALL_CAPABILITIES: Final = frozenset(Capability)


@dataclass
class Channel(Generic[T]):
    """Hands each message to everyone who listens."""

    queues: list[asyncio.Queue[T]] = field(default_factory=list)

    def publish(self, message: T) -> None:
        """Give `message` to each listener."""
        for queue in self.queues:
            queue.put_nowait(message)

    async def listen(self, *first: T) -> AsyncIterator[T]:
        """Yield `first`, then what is published from now on."""
        queue: asyncio.Queue[T] = asyncio.Queue()
        for message in first:
            queue.put_nowait(message)
        self.queues.append(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self.queues.remove(queue)


class MemoryStreams:
    """Implements `arb.api.Streams`: a new snapshot of the book at each change the test makes."""

    def __init__(self, market: MemoryMarket) -> None:
        self._market = market
        self.books: dict[InstrumentId, Channel[OrderBook]] = {}
        self.trades: dict[InstrumentId, Channel[Trade]] = {}
        self.account: Channel[Order | Fill | FundingPayment] = Channel()

    def watch_order_book(self, instrument: InstrumentId) -> AsyncIterator[OrderBook]:
        """Yield the book now and at each change."""
        return self.books.setdefault(instrument, Channel()).listen(self._market.book(instrument))

    def watch_trades(self, instrument: InstrumentId) -> AsyncIterator[Trade]:
        """Yield trades that the test publishes."""
        return self.trades.setdefault(instrument, Channel()).listen()

    def watch_account(self) -> AsyncIterator[Order | Fill | FundingPayment]:
        """Yield changes of the account."""
        return self.account.listen()


class MemoryExchange:
    """Implements `arb.api.Exchange` with one account in USDC.

    `prices` lists one `sample_instrument` for each base asset with a book around the price.
    Everything a test changes is a method below; `faults` makes calls fail, hang or half succeed.
    """

    def __init__(
        self,
        name: str = "memory",
        *,
        clock: Clock | None = None,
        prices: Mapping[str, Number] | None = None,
        deposit: Number = 100_000,
        capabilities: frozenset[Capability] = ALL_CAPABILITIES,
        traits: ExchangeTraits | None = None,
    ) -> None:
        self.name = ExchangeName(name)
        self.clock = clock or FakeClock()
        self.capabilities = capabilities
        self.traits = traits or ExchangeTraits(read_after_write_ns=0, order_validity_ns=0)
        self.faults = Faults(self.clock)
        self._market = MemoryMarket(name, self.clock)
        self._account = MemoryAccount("USDC", Decimal(deposit), self._market.mark)
        self._payments: list[FundingPayment] = []
        self._transfers: list[Transfer] = []
        self.streams = MemoryStreams(self._market)
        self._orders = MemoryOrders(
            self._market, self._account, self.traits.client_order_id_length, self.streams.account.publish
        )
        self.market = MemoryMarketData(self._market, self.faults)
        trading = MemoryTrading(self._market, self._account, self._orders, self._payments, self._transfers, self.faults)
        self.trading = trading if Capability.TRADING in capabilities else None
        for base, price in ({"BTC": 50_000} if prices is None else prices).items():
            self.add_instrument(sample_instrument(name, base), price)

    def id_of(self, base: str) -> InstrumentId:
        """Return the id of `base`'s perpetual: `BTC-PERP.memory`."""
        return InstrumentId(f"{base}-PERP.{self.name}")

    def add_instrument(self, instrument: Instrument, price: Number | None = None) -> None:
        """List an instrument or replace its rules; with a price it also gets a book."""
        if instrument.exchange != self.name:
            raise ValueError(f"{instrument.id} does not belong to {self.name}")
        self._market.instruments[instrument.id] = instrument
        if price is not None:
            self.set_price(instrument.id, price)

    def set_book(self, instrument: InstrumentId, bids: Levels, asks: Levels) -> None:
        """Replace a book; own resting orders that it trades through are filled at their price."""
        self._publish(self._market.set_book(instrument, bids, asks))

    def set_price(
        self, instrument: InstrumentId, price: Number, *, spread_bps: Number = 2, size: Number = 10, levels: int = 5
    ) -> None:
        """Replace a book by equal levels around `price`."""
        self._publish(self._market.set_price(instrument, price, spread_bps=spread_bps, size=size, levels=levels))

    def set_mark(self, instrument: InstrumentId, price: Number | None) -> None:
        """Set mark and index price apart from the book; None makes them unknown in the stats."""
        value = None if price is None else Decimal(price)
        stats = self._market.current_stats(instrument)
        self._market.stats[instrument] = replace(stats, mark_price=value, index_price=value)

    def set_activity(self, instrument: InstrumentId, *, volume_24h: Number, open_interest: Number) -> None:
        """Set volume and open interest, quote currency."""
        stats = self._market.current_stats(instrument)
        self._market.stats[instrument] = replace(
            stats, volume_24h=Decimal(volume_24h), open_interest=Decimal(open_interest)
        )

    def set_fx(self, currency: str, usd: Number | None) -> None:
        """Set US dollars per unit of a currency; None takes it from the answer."""
        self._market.fx.pop(currency, None)
        if usd is not None:
            self._market.fx[currency] = Decimal(usd)

    def set_funding(self, instrument: InstrumentId, rate: Number | None) -> None:
        """Set the predicted rate, a fraction of notional for the coming settlement; None removes it."""
        self._market.predicted.pop(instrument, None)
        if rate is not None:
            self._market.predicted[instrument] = self._market.rate(instrument, rate, FundingKind.PREDICTED)

    def settle_funding(self, instrument: InstrumentId, rate: Number) -> FundingPayment | None:
        """Settle `rate` now on the mark price: add it to the history and pay or charge the position."""
        settled = self._market.rate(instrument, rate, FundingKind.SETTLED)
        self._market.settled.setdefault(instrument, []).append(settled)
        quantity = self._account.quantity(instrument)
        if not quantity:
            return None
        price = self._market.mark(instrument)
        payment = FundingPayment(
            payment_id=PaymentId(f"p{len(self._payments) + 1}"),
            instrument=instrument,
            amount=-to_cash(quantity * price * settled.rate),
            currency=self._account.currency,
            settled_ns=settled.ts_event_ns,
            quantity=quantity,
            price=price,
            rate=settled.rate,
        )
        self._account.cash += payment.amount
        self._payments.append(payment)
        self.streams.account.publish(payment)
        return payment

    def add_history(self, rate: FundingRate) -> None:
        """Add a settled rate of the past, oldest first."""
        self._market.settled.setdefault(rate.instrument, []).append(rate)

    def publish_trade(self, trade: Trade) -> None:
        """Show a public trade to those who watch."""
        if trade.instrument in self.streams.trades:
            self.streams.trades[trade.instrument].publish(trade)

    def deposit(self, amount: Number) -> None:
        """Add cash to the account; a negative amount takes some away."""
        moved = Decimal(amount)
        self._account.cash += moved
        self._transfers.append(
            Transfer(
                transfer_id=TransferId(f"t{len(self._transfers) + 1}"),
                exchange=self.name,
                kind=TransferKind.DEPOSIT if moved > 0 else TransferKind.WITHDRAWAL,
                currency=self._account.currency,
                amount=moved,
                ts_event_ns=self.clock.now_ns(),
            )
        )

    def _publish(self, book: OrderBook) -> None:
        self._orders.match_resting(book.instrument)
        if book.instrument in self.streams.books:
            self.streams.books[book.instrument].publish(book)
