"""The trading floor: one account's state, the market around it, and the bookings both make together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from arb.model import (
    ZERO,
    ClientOrderId,
    ExchangeName,
    Fill,
    FillId,
    Instrument,
    InstrumentId,
    Liquidity,
    Order,
    OrderBook,
    OrderStatus,
    exact_money,
    to_cash,
)

from ._account import Account
from ._journal import Journal
from ._margin import MarginBook
from ._market import Market
from ._matching import Depletion, Match, WorkingOrder
from ._rules import VenueRules


@dataclass(frozen=True, slots=True)
class PendingPayment:
    """A settlement that passed while its rate or price was not known: unknown, not zero."""

    instrument: InstrumentId
    settled_ns: int
    quantity: Decimal


@dataclass(slots=True)
class Accrued:
    """What has accrued on a position up to a time and is not paid yet, in its quote currency."""

    until_ns: int
    amount: Decimal = ZERO


@dataclass(slots=True)
class VenueState:
    """Everything a venue knows of one account.

    Attributes:
        now_ns: Until when the market has been worked through.
        deadline_ns: When the dead man's switch cancels every working order; None while it is not armed.
        next_check_ns: When margin and resting orders are looked at next; 0 while nothing is at risk.
        number: The last id given to an order, a fill or a liquidation.
        version: Counts changes of the account that must not be lost.
        marks: Last known mark prices.
        accrued: Of instruments whose funding is paid when a position changes.
    """

    account: Account
    deposits: dict[str, Decimal]
    now_ns: int
    deadline_ns: int | None = None
    next_check_ns: int = 0
    number: int = 0
    version: int = 0
    journal: Journal = field(default_factory=Journal)
    working: dict[ClientOrderId, WorkingOrder] = field(default_factory=dict)
    depletion: Depletion = field(default_factory=Depletion)
    marks: dict[InstrumentId, Decimal] = field(default_factory=dict)
    pending: list[PendingPayment] = field(default_factory=list)
    accrued: dict[InstrumentId, Accrued] = field(default_factory=dict)


class Floor:
    """Reads the market at the state's time and books what happens."""

    def __init__(self, name: ExchangeName, market: Market, rules: VenueRules, state: VenueState) -> None:
        self.name = name
        self.market = market
        self.rules = rules
        self.state = state
        self._listed: object = None
        self._instruments: dict[InstrumentId, Instrument] = {}
        self.margin = MarginBook(state.account, self.instruments, rules)

    @property
    def instruments(self) -> Mapping[InstrumentId, Instrument]:
        """Return every instrument ever listed, by its newest rules, which hold from the next order or fill on."""
        listed = self.market.instruments()
        if listed is not self._listed:
            self._listed = listed
            self._instruments.update((instrument.id, instrument) for instrument in listed)
        return self._instruments

    def adopt(self, state: VenueState) -> None:
        """Continue from another state."""
        self.state = state
        self.margin = MarginBook(state.account, self._instruments, self.rules)

    def mark(self, instrument: InstrumentId) -> Decimal | None:
        """Return the mark price now, else the last known one, else the middle of the book."""
        stats = self.market.stats(instrument, self.state.now_ns)
        if stats is not None and stats.mark_price is not None:
            self.state.marks[instrument] = stats.mark_price
            return stats.mark_price
        known = self.state.marks.get(instrument)
        if known is not None:
            return known
        book = self.market.book(instrument, self.state.now_ns)
        bbo = book.bbo() if book is not None else None
        return bbo.mid_price if bbo is not None else None

    def marks(self) -> dict[InstrumentId, Decimal]:
        """Return the mark price of every position; its cost price where none was ever known."""
        marks = {}
        for instrument, holding in self.state.account.holdings.items():
            mark = self.mark(instrument)
            marks[instrument] = holding.cost / holding.quantity if mark is None else mark
        return marks

    def working(self, currency: str) -> list[WorkingOrder]:
        """Return the working orders that use the margin of a currency."""
        known = self.instruments
        return [order for order in self.state.working.values() if known[order.request.instrument].quote == currency]

    def book(self, instrument: InstrumentId, ts_ns: int | None = None) -> OrderBook | None:
        """Return others' resting orders, now by default, less what this account took from the same snapshot."""
        book = self.market.book(instrument, self.state.now_ns if ts_ns is None else ts_ns)
        return None if book is None else self.state.depletion.visible(book)

    def next_number(self) -> int:
        """Return a number never given before."""
        self.state.number += 1
        return self.state.number

    def execute(
        self, order: WorkingOrder, match: Match, liquidity: Liquidity, ts_ns: int, fee_rate: Decimal | None = None
    ) -> Fill:
        """Book one fill of `order`: position, cash, fee, history.

        Args:
            fee_rate: Fraction of notional; the instrument's own for `liquidity` unless given.
        """
        request, account = order.request, self.state.account
        instrument = self.instruments[request.instrument]
        if fee_rate is None:
            fee_rate = instrument.fees.maker if liquidity is Liquidity.MAKER else instrument.fees.taker
        with exact_money():
            notional = match.price * match.quantity
            exact_fee = notional * fee_rate
        fee = to_cash(exact_fee)
        realized = account.fill(
            request.instrument, request.side, match.price, match.quantity, self._isolated_at(order, notional)
        )
        with exact_money():
            account.book(instrument.quote, realized - fee)
            order.filled += match.quantity
            order.notional += notional
        fill = Fill(
            fill_id=FillId(str(self.next_number())),
            client_order_id=request.client_order_id,
            exchange_order_id=order.exchange_order_id,
            instrument=request.instrument,
            side=request.side,
            price=match.price,
            quantity=match.quantity,
            fee=fee,
            fee_currency=instrument.quote,
            liquidity=liquidity,
            ts_event_ns=ts_ns,
            realized_pnl=realized,
        )
        self.state.version += 1
        self.state.journal.add(fill)
        return fill

    def report(self, order: WorkingOrder, ts_ns: int, status: OrderStatus | None = None, reason: str = "") -> Order:
        """Write a change of an order into the history; with a final `status` it stops working."""
        report = order.report(ts_ns, status, reason)
        if report.status.is_final:
            self.state.working.pop(order.client_order_id, None)
        self.state.version += 1
        self.state.journal.add(report)
        return report

    def after_fill(self, order: WorkingOrder, ts_ns: int) -> None:
        """Report a working order after fills, and end reduce-only orders that have nothing left to reduce."""
        done = OrderStatus.FILLED if order.remaining == 0 else None
        self.report(order, ts_ns, done)
        self.drop_idle_reducers(order.request.instrument, ts_ns)

    def drop_idle_reducers(self, instrument: InstrumentId, ts_ns: int) -> None:
        """Cancel reduce-only orders on a side where the position leaves nothing to reduce."""
        for order in list(self.state.working.values()):
            request = order.request
            if request.instrument != instrument or not request.reduce_only:
                continue
            if not self.state.account.closable(instrument, request.side):
                self.report(order, ts_ns, OrderStatus.CANCELLED, "reduce-only: nothing is left to reduce")

    def fillable(self, order: WorkingOrder) -> Decimal:
        """Return how much of the order may fill now: a reduce-only order never beyond the position."""
        if not order.request.reduce_only:
            return order.remaining
        return min(order.remaining, self.state.account.closable(order.request.instrument, order.request.side))

    def _isolated_at(self, order: WorkingOrder, notional: Decimal) -> Decimal | None:
        instrument = order.request.instrument
        if not self.margin.isolated(instrument):
            return None
        holding = self.state.account.holdings.get(instrument)
        return self.margin.effective_leverage(instrument, notional + (abs(holding.cost) if holding else ZERO))
