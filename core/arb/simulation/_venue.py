"""A venue with one account: synchronous, deterministic, no clock and no I/O of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal

from arb.api import Rejected, UnknownOrder
from arb.model import (
    Balance,
    ClientOrderId,
    ExchangeName,
    Fill,
    FundingPayment,
    Instrument,
    InstrumentId,
    MarginMode,
    Order,
    OrderBook,
    OrderRequest,
    Position,
    format_utc,
)

from ._account import Account
from ._checks import check_form
from ._codec import Record
from ._floor import Floor, VenueState
from ._forced import close_delisted, deleverage
from ._leverage import leverage, set_leverage
from ._liquidation import liquidate, liquidate_if_due
from ._market import Market
from ._orders import cancel, place
from ._resting import fill_from_books, fill_from_trades
from ._rules import VenueRules
from ._settlement import next_settlement, settle, settle_pending
from ._snapshot import head_text, records_text, state_from
from ._switch import arm, trip
from ._views import balances, positions, positions_at


class SimulatedVenue:
    """Matches one account's orders with a market, and keeps its cash, positions, margin and funding.

    Every method that takes `now_ns` first works through the time until then: settlements, trades
    against resting orders, margin, the dead man's switch, what was delisted. A time that is past
    already counts as the present: a venue's time never goes back. The result depends on the orders
    and their times alone, not on how often the venue is asked. Changed rules of an instrument hold
    from the call that finds them in the market's list.

    Args:
        market: The world outside the account.
        rules: What is not a rule of one instrument.
        name: The exchange's name in the configuration; it ends every instrument id.
        deposits: Cash by currency at the start.
        start_ns: The venue's time at the start.
    """

    def __init__(
        self,
        market: Market,
        rules: VenueRules,
        *,
        name: ExchangeName,
        deposits: Mapping[str, Decimal],
        start_ns: int = 0,
    ) -> None:
        state = VenueState(account=Account(deposits), deposits=dict(deposits), now_ns=start_ns)
        self._floor = Floor(name, market, rules, state)

    @property
    def name(self) -> ExchangeName:
        """Return the exchange's name in the configuration."""
        return self._floor.name

    @property
    def market(self) -> Market:
        """Return the world outside the account."""
        return self._floor.market

    @property
    def rules(self) -> VenueRules:
        """Return the venue's rules."""
        return self._floor.rules

    @property
    def now_ns(self) -> int:
        """Return until when the market has been worked through."""
        return self._floor.state.now_ns

    @property
    def next_check_ns(self) -> int | None:
        """Return when time alone may change the account next; None while it holds nothing and waits for nothing."""
        return self._floor.state.next_check_ns if self.involved() else None

    @property
    def version(self) -> int:
        """Return a number that grows with every change of the account."""
        return self._floor.state.version

    @property
    def instruments(self) -> Mapping[InstrumentId, Instrument]:
        """Return what is or was listed."""
        return self._floor.instruments

    @property
    def deposits(self) -> Mapping[str, Decimal]:
        """Return the cash the account began with."""
        return dict(self._floor.state.deposits)

    def advance(self, now_ns: int) -> bool:
        """Work through the time until `now_ns`; return whether the account changed.

        What was delisted since the last time ends at `now_ns`.
        """
        state = self._floor.state
        before = state.version
        if state.deadline_ns is not None and state.deadline_ns <= now_ns:
            self._work_until(state.deadline_ns)
            trip(self._floor)
        self._work_until(now_ns)
        close_delisted(self._floor)
        if state.pending:
            settle_pending(self._floor)
        return state.version != before

    def check(self, request: OrderRequest) -> None:
        """Raise what the instrument's own rules have against an order: Rejected, BelowMinimum."""
        check_form(self._floor, request)

    def place(self, request: OrderRequest, now_ns: int) -> Order:
        """Take an order; return it as it stands after matching.

        Raises:
            Rejected: BelowMinimum, InsufficientMargin, WouldCross or another refusal; no trace is left.
            InMaintenance: the market is not known now; no trace is left.
        """
        self.advance(now_ns)
        report = place(self._floor, request)
        self._check_soon()
        return report

    def cancel(self, instrument: InstrumentId, client_order_id: ClientOrderId, now_ns: int) -> Order:
        """Cancel a working order; raises UnknownOrder when the venue never had it, Rejected when it is final."""
        self.advance(now_ns)
        working = self._floor.state.working.get(client_order_id)
        if working is not None and working.request.instrument == instrument:
            return cancel(self._floor, working)
        known = self.order(instrument, client_order_id)
        raise Rejected(f"order {client_order_id} is {known.status}", exchange=self.name, code="order_final")

    def cancel_all(self, instrument: InstrumentId | None, now_ns: int) -> None:
        """Cancel every working order, of one instrument or of all."""
        self.advance(now_ns)
        for order in list(self._floor.state.working.values()):
            if instrument is None or order.request.instrument == instrument:
                cancel(self._floor, order)

    def order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> Order:
        """Return an order's latest report; raises UnknownOrder: the venue keeps every order for ever."""
        order = self._floor.state.journal.order(client_order_id)
        if order is None or order.request.instrument != instrument:
            text = f"there is no order {client_order_id} of {instrument}"
            raise UnknownOrder(text, exchange=self.name, code="unknown_order")
        return order

    def open_orders(self) -> list[Order]:
        """Return working orders, oldest first."""
        journal = self._floor.state.journal
        reports = (journal.order(client_order_id) for client_order_id in self._floor.state.working)
        return [report for report in reports if report is not None]

    def orders(self, since_ns: int) -> list[Order]:
        """Return the latest report of every order that changed at or after `since_ns`, oldest first."""
        return self._floor.state.journal.orders(since_ns)

    def order_at(self, instrument: InstrumentId, client_order_id: ClientOrderId, ts_ns: int) -> Order:
        """Return an order as it was after everything up to `ts_ns`; raises UnknownOrder before it came."""
        self.order(instrument, client_order_id)
        order = self._floor.state.journal.order_at(client_order_id, ts_ns)
        if order is None:
            text = f"there was no order {client_order_id} of {instrument} at {format_utc(ts_ns)}"
            raise UnknownOrder(text, exchange=self.name, code="unknown_order")
        return order

    def report_at(self, client_order_id: ClientOrderId, ts_ns: int) -> Order | None:
        """Return an order as it was at a time; None before it came."""
        return self._floor.state.journal.order_at(client_order_id, ts_ns)

    def open_orders_at(self, ts_ns: int) -> list[Order]:
        """Return the orders that worked after everything up to `ts_ns`, oldest first."""
        return self._floor.state.journal.open_orders_at(ts_ns)

    def fills(self, since_ns: int, until_ns: int | None = None) -> Sequence[Fill]:
        """Return fills at or after `since_ns` and, where it is given, at or before `until_ns`, oldest first."""
        return self._floor.state.journal.fills(since_ns, until_ns)

    def payments(self, since_ns: int) -> Sequence[FundingPayment]:
        """Return funding settled at or after `since_ns`, oldest first.

        A payment whose rate was late appears late, in its place by settlement: read again from
        before the oldest settlement that is missing.
        """
        return self._floor.state.journal.payments(since_ns)

    def records(self, start: int, end: int | None = None) -> Sequence[Record]:
        """Return the history from position `start` on: every order report, fill and payment as it came."""
        return self._floor.state.journal.records(start, end)

    def involved(self) -> set[InstrumentId]:
        """Return the instruments with a position, a working order or a payment still to come."""
        state = self._floor.state
        working = {order.request.instrument for order in state.working.values()}
        return working | set(state.account.holdings) | {pending.instrument for pending in state.pending}

    def positions(self) -> list[Position]:
        """Return open positions at the venue's time."""
        return positions(self._floor)

    def balances(self) -> list[Balance]:
        """Return every currency at the venue's time; what is available is rounded to 1e-8."""
        return balances(self._floor)

    def positions_at(self, ts_ns: int) -> list[Position]:
        """Return the positions that were open after everything up to `ts_ns`.

        Quantity, entry price and, where the market still tells it, mark price are those of that time.
        A mark price that is no longer told is the middle of that time's book, else the entry price.
        Leverage and margin mode are today's: the history does not keep them. There is no liquidation
        price, since it needs that time's margin.
        """
        return positions_at(self._floor, ts_ns)

    def book(self, instrument: InstrumentId, ts_ns: int) -> OrderBook | None:
        """Return others' orders at `ts_ns`, less what this account took from the same snapshot.

        The account is not touched, so public reads cost no margin checks. Own resting orders do
        not show.
        """
        return self._floor.book(instrument, ts_ns)

    def leverage(self, instrument: InstrumentId) -> tuple[Decimal, MarginMode]:
        """Return what is set; raises Rejected for an instrument that is not listed."""
        return leverage(self._floor, instrument)

    def set_leverage(self, instrument: InstrumentId, leverage: Decimal, mode: MarginMode, now_ns: int) -> None:
        """Set leverage and margin mode.

        Raises:
            Rejected: not listed, outside 1 to the first tier's maximum, or a change of mode or of
                isolated margin while a position is open.
            InsufficientMargin: open positions would tie up more than there is.
        """
        self.advance(now_ns)
        set_leverage(self._floor, instrument, leverage, mode)

    def arm(self, timeout_ns: int, now_ns: int) -> None:
        """Set the dead man's switch: it cancels every working order `timeout_ns` from now unless armed again.

        It acts at its deadline and is disarmed then; a call at that very instant comes after it. With
        0 it is disarmed at once.

        Raises:
            Rejected: the timeout is negative.
        """
        self.advance(now_ns)
        arm(self._floor, timeout_ns)

    def deleverage(self, instrument: InstrumentId, quantity: Decimal, now_ns: int) -> Fill | None:
        """Let the venue reduce the position by up to `quantity` at the mark price, without a fee.

        The order is the venue's own (`adl-<number>`) and reduce-only. It is whole lots, unless
        `quantity` is enough for all of an uneven position.

        Returns:
            The fill; None without a position, without a known mark price, or when `quantity` is less
            than a lot.
        """
        self.advance(now_ns)
        fill = deleverage(self._floor, instrument, quantity)
        if fill is not None:
            self._check_soon()
        return fill

    def liquidate(self, instrument: InstrumentId, now_ns: int) -> Order | None:
        """Let the venue liquidate one position at the book, with the fee, whatever the margin is.

        Working orders are cancelled first: of the instrument under isolated margin, else of its
        currency. What the book cannot take stays open.

        Returns:
            The report of the venue's order (`liquidation-<number>`); None without a position or
            when the book has nothing to close it with.
        """
        self.advance(now_ns)
        report = liquidate(self._floor, instrument)
        if report is not None:
            self._check_soon()
        return report

    def snapshot(self) -> str:
        """Return the whole account as JSON text; :meth:`restore` gives back exactly this state."""
        return json.dumps({"head": self.head(), "records": self.records_text(0)})

    def restore(self, text: str) -> None:
        """Continue from a snapshot; raises StorageError when it cannot be read."""
        try:
            content = json.loads(text)
            head, records = str(content["head"]), [str(content["records"])]
        except (ValueError, TypeError, KeyError):
            head, records = text, []
        self.restore_parts(head, records)

    def head(self) -> str:
        """Return the account without its history as JSON text."""
        return head_text(self._floor.state)

    def records_text(self, start: int, end: int | None = None) -> str:
        """Return a part of the history as JSON text, so that it can be stored piece by piece."""
        return records_text(self._floor.state, start, end)

    def record_count(self) -> int:
        """Return the length of the history."""
        return len(self._floor.state.journal)

    def restore_parts(self, head: str, records: Sequence[str]) -> None:
        """Continue from a head and the pieces of its history; raises StorageError."""
        self._floor.adopt(state_from(head, records, self.name))

    def _work_until(self, end_ns: int) -> None:
        """Pass the time until `end_ns`, which is quick while nothing is at risk."""
        state = self._floor.state
        while state.now_ns < end_ns and (state.account.holdings or state.working):
            self._step(end_ns)
        state.now_ns = max(state.now_ns, end_ns)

    def _step(self, now_ns: int) -> None:
        """Work until the next moment at which something may happen, at most `now_ns`."""
        floor, state = self._floor, self._floor.state
        if state.next_check_ns <= state.now_ns:
            self._check_soon()
        moment, due = next_settlement(floor, min(now_ns, state.next_check_ns))
        # Held at the settlement means held before it: trades of the same instant come after it.
        fill_from_trades(floor, state.now_ns, moment - 1 if due else moment)
        state.now_ns = moment
        for instrument in due:
            settle(floor, instrument)
        if due:
            fill_from_trades(floor, moment - 1, moment)
        if moment == state.next_check_ns:
            fill_from_books(floor)
            far = liquidate_if_due(floor) and not state.working
            self._check_after(floor.rules.far_check_ns if far else floor.rules.check_ns)

    def _check_soon(self) -> None:
        self._check_after(self._floor.rules.check_ns)

    def _check_after(self, step_ns: int) -> None:
        """Put the next check on the grid of `step_ns`, so that it does not depend on who asks when."""
        state = self._floor.state
        state.next_check_ns = (state.now_ns // step_ns + 1) * step_ns
