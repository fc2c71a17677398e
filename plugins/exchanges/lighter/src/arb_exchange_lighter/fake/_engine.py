"""Transactions taken: checked as the venue checks them, in the order of their nonces, and carried out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from arb.api import ExchangeError, OutcomeUnknown, WouldCross
from arb.model import (
    DAY_NS,
    MILLISECOND_NS,
    MINUTE_NS,
    ClientOrderId,
    Instrument,
    MarginMode,
    Order,
    OrderRequest,
    OrderStatus,
    Side,
    TimeInForce,
)

from ._account_rows import order_row
from ._curve import key_table
from ._desk import VenueDesk, leverage_of
from ._keys import ACCOUNT_INDEX, API_KEY_INDEX, CHAIN_ID, PRIVATE_KEY
from ._memory import Placed
from ._refusals import Refused, refusal_of
from ._rows import FIRST_ORDER_INDEX, Row
from ._transactions import (
    CANCEL,
    CANCEL_ALL,
    LEVERAGE,
    ONE_MARKET,
    ORDER,
    SKIP_NONCE,
    Transaction,
    is_signed,
    read_transaction,
)

_LIMIT_OR_MARKET: Final = {0: "limit", 1: "market"}
_FORCES: Final = {0: TimeInForce.IOC, 1: TimeInForce.GTC, 2: TimeInForce.GTC}
_POST_ONLY: Final = 2
_MOST_BASE: Final = (1 << 48) - 1
_REMEMBERED: Final = 2_000


class Engine:
    """Carries transactions out, one after the other."""

    def __init__(self, desk: VenueDesk, *, real_now_ms: Callable[[], int] | None) -> None:
        self._desk = desk
        self._memory = desk.memory
        self._real_now_ms = real_now_ms
        self._turn = asyncio.Lock()

    async def take(self, kind: Any, info: Any) -> Row:
        """Check and carry out a transaction; raises Refused, or what becomes of the connection."""
        try:
            transaction = read_transaction(int(kind), str(info), CHAIN_ID)
        except (KeyError, TypeError, ValueError) as error:
            raise Refused(20001, f"invalid param : {error}") from error
        async with self._turn:
            self._check(transaction)
            await self._carry_out(transaction)
        self._remember(transaction)
        return {
            "message": '{"ratelimit": "didn\'t use volume quota"}',
            "tx_hash": transaction.hash,
            "predicted_execution_time_ms": self._desk.now_ms,
            "volume_quota_remaining": 0,
        }

    def _check(self, transaction: Transaction) -> None:
        fields, nonces = transaction.fields, self._memory.nonces
        if fields["AccountIndex"] != ACCOUNT_INDEX:
            raise Refused(21100, "account not found")
        if fields["ApiKeyIndex"] not in nonces or fields["ApiKeyIndex"] != API_KEY_INDEX:
            raise Refused(21109, "api key not found")
        if self._desk.checks_signatures:
            if not is_signed(transaction, key_table(bytes.fromhex(PRIVATE_KEY))):
                raise Refused(21120, "invalid signature")
        elif len(transaction.signature) != 80:
            raise Refused(21120, "invalid signature")
        if self._real_now_ms is not None and fields["ExpiredAt"] <= self._real_now_ms():
            raise Refused(21102, "invalid expired at")
        due = nonces[API_KEY_INDEX]
        skips = transaction.attributes.get(SKIP_NONCE) == 1
        if fields["Nonce"] < due or (fields["Nonce"] != due and not skips):
            raise Refused(21104, "invalid nonce")

    async def _carry_out(self, transaction: Transaction) -> None:
        """Do it; the nonce is used unless it was refused, or certainly never came."""
        before, nonces = self._memory.nonces[API_KEY_INDEX], self._memory.nonces
        nonces[API_KEY_INDEX] = transaction.fields["Nonce"] + 1
        try:
            await self._done(transaction)
        except OutcomeUnknown as error:
            raise refusal_of(error) from error
        except ExchangeError as error:
            nonces[API_KEY_INDEX] = before
            raise refusal_of(error) from error
        except Refused:
            nonces[API_KEY_INDEX] = before
            raise

    async def _done(self, transaction: Transaction) -> None:
        handlers = {ORDER: self._place, CANCEL: self._cancel, CANCEL_ALL: self._cancel_all, LEVERAGE: self._leverage}
        handler = handlers.get(transaction.kind)
        if handler is None:
            raise Refused(29404, "this fake carries no such transaction out", 404)
        await handler(transaction)

    async def _place(self, transaction: Transaction) -> None:
        fields = transaction.fields
        instrument = await self._desk.market(fields["MarketIndex"])
        self._check_order(transaction)
        request = self._request(transaction, instrument)
        now_ns = self._desk.now_ns
        placed = Placed(fields["Nonce"], now_ns, fields["OrderExpiry"], _LIMIT_OR_MARKET[fields["Type"]])
        trading = self._desk.exchange.trading
        prepared = await trading.prepare_order(request)
        self._memory.placed.setdefault(request.client_order_id, placed)
        try:
            await trading.send_order(prepared)
        except WouldCross:
            # Queued all the same, and refused when it is its turn.
            self._refuse(request, instrument, placed, "canceled-post-only")

    def _check_order(self, transaction: Transaction) -> None:
        fields, now_ms = transaction.fields, self._desk.now_ms
        if fields["Type"] not in _LIMIT_OR_MARKET or fields["TriggerPrice"]:
            raise Refused(21704, "invalid order type")
        if fields["TimeInForce"] not in _FORCES or (fields["Type"] == 1 and fields["TimeInForce"]):
            raise Refused(21705, "invalid order time in force")
        expires, rests = fields["OrderExpiry"], fields["TimeInForce"] != 0
        soonest, latest = now_ms + 5 * MINUTE_NS // MILLISECOND_NS, now_ms + 30 * DAY_NS // MILLISECOND_NS
        if (rests and not soonest <= expires <= latest) or (not rests and expires):
            raise Refused(21711, "invalid order expiry")
        if not 0 < fields["BaseAmount"] <= _MOST_BASE:
            raise Refused(21701, "invalid base amount")
        if not 0 < fields["Price"] < 1 << 32:
            raise Refused(21702, "invalid price")
        if not 0 <= fields["ClientOrderIndex"] <= _MOST_BASE:
            raise Refused(21727, "invalid client order index")

    def _request(self, transaction: Transaction, instrument: Instrument) -> OrderRequest:
        fields = transaction.fields
        index = fields["ClientOrderIndex"]
        force = fields["TimeInForce"]
        return OrderRequest(
            client_order_id=ClientOrderId(str(index) if index else f"unnumbered-{self._memory.number()}"),
            instrument=instrument.id,
            side=Side.SELL if fields["IsAsk"] else Side.BUY,
            quantity=fields["BaseAmount"] * instrument.lot_size,
            price=fields["Price"] * instrument.tick_size,
            time_in_force=_FORCES[force],
            post_only=force == _POST_ONLY,
            reduce_only=bool(fields["ReduceOnly"]),
        )

    def _refuse(self, request: OrderRequest, instrument: Instrument, placed: Placed, status: str) -> None:
        order = Order(request=request, status=OrderStatus.REJECTED, ts_event_ns=self._desk.now_ns)
        row = order_row(order, instrument, self._desk.number(instrument.id), placed)
        # Far above the numbers of the ground, which never had it.
        index = FIRST_ORDER_INDEX * 2 + self._memory.number()
        row.update(order_index=index, order_id=str(index), status=status)
        self._memory.refused.append(row)
        for tell in self._desk.heard_refused:
            tell(row)

    async def _cancel(self, transaction: Transaction) -> None:
        instrument = await self._desk.market(transaction.fields["MarketIndex"])
        index = transaction.fields["Index"]
        name = str(index)
        if any(index in (row["client_order_index"], row["order_index"]) for row in self._memory.refused):
            raise Refused(21709, "inactive order")
        trading = self._desk.exchange.trading
        if index >= FIRST_ORDER_INDEX:
            own = [
                order.request.client_order_id
                for order in await trading.fetch_open_orders()
                if order.exchange_order_id == str(index - FIRST_ORDER_INDEX)
            ]
            if not own:
                raise Refused(21708, "empty order")
            name = own[0]
        await trading.cancel_order(instrument.id, ClientOrderId(name))

    async def _cancel_all(self, transaction: Transaction) -> None:
        trading, kind, time_ms = self._desk.exchange.trading, *self._schedule(transaction)
        if kind == 0:
            market_id = transaction.attributes.get(ONE_MARKET)
            await trading.cancel_all(None if market_id is None else (await self._desk.market(market_id)).id)
        elif kind == 1:
            await trading.arm_dead_mans_switch(time_ms * MILLISECOND_NS - self._desk.now_ns)
        else:
            await trading.arm_dead_mans_switch(0)

    def _schedule(self, transaction: Transaction) -> tuple[int, int]:
        kind, time_ms = transaction.fields["TimeInForce"], transaction.fields["Time"]
        ahead_ns = time_ms * MILLISECOND_NS - self._desk.now_ns
        if kind not in (0, 1, 2) or (kind != 1 and time_ms):
            raise Refused(21711, "invalid cancel all time")
        if kind == 1 and not 5 * MINUTE_NS <= ahead_ns <= 15 * DAY_NS:
            raise Refused(21711, "invalid cancel all time")
        return kind, time_ms

    async def _leverage(self, transaction: Transaction) -> None:
        fields = transaction.fields
        instrument = await self._desk.market(fields["MarketIndex"])
        fraction = fields["InitialMarginFraction"]
        if not 0 < fraction <= 10_000 or fields["MarginMode"] not in (0, 1):
            raise Refused(21507, "account is below initial margin")
        mode = MarginMode.ISOLATED if fields["MarginMode"] else MarginMode.CROSS
        await self._desk.exchange.trading.set_leverage(instrument.id, leverage_of(fraction), mode)
        self._memory.fractions[self._desk.number(instrument.id)] = fraction

    def _remember(self, transaction: Transaction) -> None:
        now_ms, rows = self._desk.now_ms, self._memory.transactions
        rows[transaction.hash] = {
            "hash": transaction.hash,
            "type": transaction.kind,
            "info": "{}",
            "event_info": "{}",
            "status": 2,
            "transaction_index": 0,
            "l1_address": "",
            "account_index": transaction.fields["AccountIndex"],
            "nonce": transaction.fields["Nonce"],
            "expire_at": transaction.fields["ExpiredAt"],
            "block_height": 0,
            "queued_at": now_ms,
            "executed_at": now_ms,
            "sequence_index": 0,
            "parent_hash": "",
            "api_key_index": transaction.fields["ApiKeyIndex"],
            "transaction_time": now_ms * 1_000,
            "committed_at": 0,
            "verified_at": 0,
        }
        while len(rows) > _REMEMBERED:
            del rows[next(iter(rows))]
