"""The private side of one Lighter account."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from arb.api import Context, ExchangeError, PreparedOrder, Rejected, UnknownOrder
from arb.model import (
    MILLISECOND_NS,
    MINUTE_NS,
    SECOND_NS,
    Balance,
    ClientOrderId,
    Fill,
    FundingPayment,
    InstrumentId,
    MarginMode,
    Order,
    OrderRequest,
    OrderStatus,
    Position,
    TimeInForce,
)
from arb.net import FirstContact, OrderNumbers, Row, ServerTime, reading

from ._account import fraction_for
from ._errors import GONE
from ._listing import Listing
from ._markets import MARGIN_TICK
from ._nonces import NonceLine
from ._orders import fields_of, order_of, refusal_of, rounded
from ._reading import AccountReads
from ._reports import LIVE, OrderReports
from ._signing import ABORT_CANCEL_LATER, CANCEL_LATER, OrderFields, Signer
from ._waiting import first_of

_REPORT_NS: Final = 2 * SECOND_NS
"""How long a report of an order is waited for after the venue has queued it; a standard account waits 300 ms."""

_ASK_NS: Final = SECOND_NS // 2
"""Between questions for an order while the socket is not there to tell of it."""

_LEAST_SWITCH_NS: Final = 5 * MINUTE_NS + 5 * SECOND_NS
"""The venue schedules no cancellation within 5 minutes; the rest is for the way."""

_MODES: Final = {MarginMode.CROSS: 0, MarginMode.ISOLATED: 1}


class LighterTrading:
    """Implements :class:`arb.api.Trading` and :class:`arb.api.DeadMansSwitch`."""

    def __init__(
        self,
        context: Context,
        *,
        signer: Signer,
        line: NonceLine,
        listing: Listing,
        numbers: OrderNumbers,
        reports: OrderReports,
        reads: AccountReads,
        contact: FirstContact,
        time: ServerTime,
    ) -> None:
        """Send nothing yet; `contact` is required before an order, `time` is the venue's."""
        self._context = context
        self._clock = context.clock
        self._signer = signer
        self._line = line
        self._listing = listing
        self._numbers = numbers
        self._reports = reports
        self._reads = reads
        self._contact = contact
        self._time = time

    async def prepare_order(self, request: OrderRequest) -> PreparedOrder:
        """Round, check and number an order.

        It is signed when it leaves: a signature holds a nonce, and an order that is prepared and not sent would
        leave a hole that the venue lets nothing pass.
        """
        await self._contact.before_trading()
        market = await self._listing.of(request.instrument)
        request = rounded(request, market)
        number = await self._numbers.reserve(request.client_order_id)
        # Orders are looked for no further back than this, by the venue's clock: whoever looks may have another.
        await self._context.state.put(_begun(number), str(self._time.not_before_ns()))
        return PreparedOrder(request=request, payload=fields_of(request, market, number, self._time.now_ns()))

    async def send_order(self, prepared: PreparedOrder) -> Order:
        """Send an order and return what the venue reports of it; SUBMITTED when it reports nothing in time.

        Raises:
            NotSent: certain, nothing happened.
            Rejected: certain, refused, at once or when it was its turn.
            OutcomeUnknown, BadResponse: the venue may have it.
        """
        request, fields = prepared.request, prepared.payload
        assert isinstance(fields, OrderFields)
        number = fields.client_order_index
        self._numbers.claim(number, request.client_order_id)
        with self._reports.awaited(number) as reported:
            await self._line.send(lambda nonce: self._signer.order(fields, nonce))
            until_ns = self._clock.now_ns() + _REPORT_NS
            rests = request.time_in_force is TimeInForce.GTC
            if self._reports.is_live:
                row = await self._reports.settled(number, reported, until_ns, rests=rests)
            else:
                row = await self._asked(number, until_ns, rests=rests)
        return self._reported(row, request)

    async def cancel_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> None:
        """Ask for cancellation; raises UnknownOrder for an id that was never sent, Rejected for an order that ended."""
        market = await self._listing.of(instrument)
        number = await self._known_number(instrument, client_order_id)
        ended = self._reports.final(number)
        if ended is not None:
            raise self._over(client_order_id, ended["status"])
        try:
            await self._line.send(lambda nonce: self._signer.cancel(market.market_id, number, nonce))
        except Rejected as error:
            if error.code in GONE:
                raise self._over(client_order_id, str(error)) from error
            raise

    async def cancel_all(self, instrument: InstrumentId | None = None) -> None:
        """Cancel every resting order, of one market or of the account."""
        market_id = None if instrument is None else (await self._listing.of(instrument)).market_id
        await self._line.send(lambda nonce: self._signer.cancel_all(nonce, market_id=market_id))

    async def arm_dead_mans_switch(self, timeout_ns: int) -> None:
        """Schedule a cancellation of every order; 0 takes it back.

        The venue schedules nothing within 5 minutes: a shorter time becomes that.
        """
        if timeout_ns < 0:
            raise Rejected("the timeout must not be negative", exchange=self._context.name, code="timeout")
        if not timeout_ns:
            await self._line.send(lambda nonce: self._signer.cancel_all(nonce, kind=ABORT_CANCEL_LATER), is_order=False)
            return
        at_ns = self._time.now_ns() + max(timeout_ns, _LEAST_SWITCH_NS)
        time_ms = -(-at_ns // MILLISECOND_NS)
        await self._line.send(
            lambda nonce: self._signer.cancel_all(nonce, kind=CANCEL_LATER, time_ms=time_ms), is_order=False
        )

    async def fetch_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> Order:
        """Return an order; raises UnknownOrder when it neither rests nor ended since it was prepared."""
        market = await self._listing.of(instrument)
        number = await self._known_number(instrument, client_order_id)
        begun = await self._context.state.get(_begun(number))
        return await self._reads.order(market, client_order_id, number, int(begun or 0))

    async def fetch_open_orders(self) -> Sequence[Order]:
        """Return every resting order."""
        return await self._reads.open_orders()

    async def fetch_fills(self, since_ns: int) -> Sequence[Fill]:
        """Return own fills at or after `since_ns`, oldest first."""
        return await self._reads.fills(since_ns)

    async def fetch_positions(self) -> Sequence[Position]:
        """Return every open position."""
        return await self._reads.positions()

    async def fetch_balances(self) -> Sequence[Balance]:
        """Return the collateral, which is USDC."""
        return await self._reads.balances()

    async def fetch_funding_payments(self, since_ns: int) -> Sequence[FundingPayment]:
        """Return payments settled at or after `since_ns`, oldest first."""
        return await self._reads.payments(since_ns)

    async def set_leverage(self, instrument: InstrumentId, leverage: Decimal, mode: MarginMode) -> None:
        """Set leverage and margin mode; raises Rejected beyond what the market allows, with nothing sent."""
        await self._contact.before_trading()
        market = await self._listing.of(instrument)
        if not leverage.is_finite() or not 1 <= leverage <= Decimal(MARGIN_TICK) / market.least_fraction:
            most = Decimal(MARGIN_TICK) / market.least_fraction
            text = f"{instrument}: leverage must be between 1 and {most:.4g}, not {leverage}"
            raise Rejected(text, exchange=self._context.name, code="leverage")
        fraction = max(fraction_for(leverage), market.least_fraction)
        await self._line.send(
            lambda nonce: self._signer.leverage(market.market_id, fraction, _MODES[mode], nonce), is_order=False
        )

    async def fetch_leverage(self, instrument: InstrumentId) -> tuple[Decimal, MarginMode]:
        """Return what the venue has set now."""
        return await self._reads.margin(instrument)

    async def _asked(self, number: int, until_ns: int, *, rests: bool) -> Row | None:
        """Ask for an order until it has arrived or the time has come; a question that fails tells nothing."""
        found: list[Row] = []

        async def ask() -> None:
            while not any(rests or row.get("status") not in LIVE for row in found[-1:]):
                await self._clock.sleep_until(self._clock.now_ns() + _ASK_NS)
                try:
                    row = await self._reads.row(number)
                except ExchangeError as error:
                    self._context.log.warning("an order that was sent could not be asked for: %s", error)
                    continue
                found.extend([] if row is None else [row])

        # Within the time, whatever the budget of requests would have it wait for.
        await first_of(self._clock, ask(), until_ns)
        return found[-1] if found else None

    def _reported(self, row: Row | None, request: OrderRequest) -> Order:
        if row is None:
            return Order(request=request, status=OrderStatus.SUBMITTED, ts_event_ns=self._clock.now_ns())
        with reading(self._context.name, "the report of an order"):
            order = order_of(row, request.instrument, request.client_order_id)
        refusal = refusal_of(order, self._context.name)
        if refusal is not None:
            raise refusal
        return order

    async def _known_number(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> int:
        number = await self._numbers.number_of(client_order_id)
        if number is None:
            text = f"an order {client_order_id} of {instrument} was never prepared here, so it was never sent"
            raise UnknownOrder(text, exchange=self._context.name, code="unknown_order")
        return number

    def _over(self, client_order_id: ClientOrderId, why: str) -> Rejected:
        text = f"order {client_order_id} cannot be cancelled: {why}"
        return Rejected(text, exchange=self._context.name, code="order_final")


def _begun(number: int) -> str:
    return f"begun:{number}"
