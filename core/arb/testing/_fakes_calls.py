"""The async face of a MemoryExchange: each call passes the script of faults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from arb.api import BadResponse, PreparedOrder, Rejected
from arb.model import (
    Balance,
    Bbo,
    ClientOrderId,
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
    Transfer,
)

from ._fakes_account import MemoryAccount
from ._fakes_faults import Faults
from ._fakes_market import MemoryMarket
from ._fakes_orders import MemoryOrders


class MemoryMarketData:
    """Implements `arb.api.MarketData`."""

    def __init__(self, market: MemoryMarket, faults: Faults) -> None:
        self._market = market
        self._faults = faults

    async def fetch_instruments(self) -> Sequence[Instrument]:
        """Return what is listed."""
        await self._faults.read("fetch_instruments")
        return list(self._market.instruments.values())

    async def fetch_order_book(self, instrument: InstrumentId, depth: int) -> OrderBook:
        """Return the book, `depth` levels a side."""
        fault = await self._faults.read("fetch_order_book")
        book = fault.book or self._market.book(instrument)
        return replace(book, bids=book.bids[:depth], asks=book.asks[:depth])

    async def fetch_bbo(self, instrument: InstrumentId) -> Bbo:
        """Return the top."""
        await self._faults.read("fetch_bbo")
        bbo = self._market.book(instrument).bbo()
        if bbo is None:
            raise BadResponse(f"a side of {instrument} is empty", exchange=self._market.name, code="empty_side")
        return bbo

    async def fetch_stats(self) -> Sequence[MarketStats]:
        """Return prices and activity."""
        await self._faults.read("fetch_stats")
        return [self._market.current_stats(name) for name in self._market.instruments]

    async def fetch_fx_rates(self) -> Mapping[str, Decimal]:
        """Return what the test set; USDC is 1 unless changed."""
        await self._faults.read("fetch_fx_rates")
        return dict(self._market.fx)

    async def fetch_funding_rates(self) -> Sequence[FundingRate]:
        """Return the predicted rates that the test set."""
        await self._faults.read("fetch_funding_rates")
        return list(self._market.predicted.values())

    async def fetch_funding_history(
        self, instrument: InstrumentId, start_ns: int, end_ns: int
    ) -> Sequence[FundingRate]:
        """Return settled rates in [start, end)."""
        await self._faults.read("fetch_funding_history")
        self._market.instrument(instrument)
        rates = self._market.settled.get(instrument, [])
        return sorted(
            (rate for rate in rates if start_ns <= rate.ts_event_ns < end_ns), key=lambda rate: rate.ts_event_ns
        )


class MemoryTrading:
    """Implements `arb.api.Trading`, `arb.api.DeadMansSwitch` and `arb.api.TransferHistory`."""

    def __init__(
        self,
        market: MemoryMarket,
        account: MemoryAccount,
        orders: MemoryOrders,
        payments: list[FundingPayment],
        transfers: list[Transfer],
        faults: Faults,
    ) -> None:
        self._market = market
        self._account = account
        self._orders = orders
        self._payments = payments
        self._transfers = transfers
        self._faults = faults

    async def prepare_order(self, request: OrderRequest) -> PreparedOrder:
        """Round and check."""
        await self._faults.read("prepare_order")
        return PreparedOrder(request=self._orders.check(request), payload=None)

    async def send_order(self, prepared: PreparedOrder) -> Order:
        """Match at once; what rests waits for the next book."""
        fault = await self._faults.begin("send_order")
        order = self._orders.place(prepared.request, fault.fill_limit)
        self._faults.end(fault)
        return order

    async def cancel_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> None:
        """Cancel."""
        fault = await self._faults.begin("cancel_order")
        self._orders.cancel(instrument, client_order_id)
        self._faults.end(fault)

    async def cancel_all(self, instrument: InstrumentId | None = None) -> None:
        """Cancel what rests."""
        fault = await self._faults.begin("cancel_all")
        for order in self._orders.open_orders(instrument):
            self._orders.cancel(order.request.instrument, order.request.client_order_id)
        self._faults.end(fault)

    async def arm_dead_mans_switch(self, timeout_ns: int) -> None:
        """Let every order be cancelled at the end of the time, unless it is armed again; 0 disarms it."""
        fault = await self._faults.begin("arm_dead_mans_switch")
        self._orders.arm(timeout_ns)
        self._faults.end(fault)

    async def fetch_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> Order:
        """Return an order, final ones too."""
        await self._faults.read("fetch_order")
        return self._orders.find(instrument, client_order_id)

    async def fetch_open_orders(self) -> Sequence[Order]:
        """Return what rests."""
        await self._faults.read("fetch_open_orders")
        return self._orders.open_orders()

    async def fetch_fills(self, since_ns: int) -> Sequence[Fill]:
        """Return own fills."""
        await self._faults.read("fetch_fills")
        return [fill for fill in self._orders.fills if fill.ts_event_ns >= since_ns]

    async def fetch_positions(self) -> Sequence[Position]:
        """Return what is open."""
        await self._faults.read("fetch_positions")
        return self._account.positions(self._market.instruments, self._market.clock.now_ns())

    async def fetch_balances(self) -> Sequence[Balance]:
        """Return the one currency."""
        await self._faults.read("fetch_balances")
        return [self._account.balance(self._market.instruments, self._market.clock.now_ns())]

    async def fetch_funding_payments(self, since_ns: int) -> Sequence[FundingPayment]:
        """Return payments that `settle_funding` booked."""
        await self._faults.read("fetch_funding_payments")
        return [payment for payment in self._payments if payment.settled_ns >= since_ns]

    async def fetch_transfers(self, since_ns: int) -> Sequence[Transfer]:
        """Return what `deposit` moved."""
        await self._faults.read("fetch_transfers")
        return [transfer for transfer in self._transfers if transfer.ts_event_ns >= since_ns]

    async def set_leverage(self, instrument: InstrumentId, leverage: Decimal, mode: MarginMode) -> None:
        """Keep it; refused above what the instrument allows."""
        fault = await self._faults.begin("set_leverage")
        most = self._market.instrument(instrument).margin_tiers[0].max_leverage
        if not 0 < leverage <= most:
            raise Rejected(
                f"leverage {leverage} is not within 0 and {most}", exchange=self._market.name, code="leverage"
            )
        self._account.leverage[instrument] = (leverage, mode)
        self._faults.end(fault)

    async def fetch_leverage(self, instrument: InstrumentId) -> tuple[Decimal, MarginMode]:
        """Return what is set."""
        await self._faults.read("fetch_leverage")
        return self._account.leverage_of(self._market.instrument(instrument))
