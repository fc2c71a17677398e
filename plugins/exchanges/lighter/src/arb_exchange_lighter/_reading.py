"""Reads of an account: its orders over their whole life, fills, positions, balances, payments."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from arb.api import BadResponse, Context, UnknownOrder
from arb.model import (
    HOUR_NS,
    MINUTE_NS,
    Balance,
    ClientOrderId,
    Fill,
    FundingPayment,
    InstrumentId,
    MarginMode,
    Order,
    Position,
)
from arb.net import OrderNumbers, Row, from_s, number, reading, row_of, whole

from ._account import (
    CLASSIC,
    FOREIGN_INDEX,
    balance_of,
    client_index_of,
    fill_of,
    margin_of,
    order_index_of,
    own_sides,
    payment_of,
    position_of,
)
from ._fields import maybe_rows
from ._listing import Listing
from ._markets import Market
from ._orders import is_for_whole_position, order_of, reported_at
from ._own_trades import OwnTrades, Page
from ._reports import OrderReports
from ._rest import Api, Params

UNIFIED: Final = "unified_account"
_PERPETUAL: Final = frozenset({"perp", "perps"})
"""`market_kind` of trades and orders: lighter-sdk's model has the second word, for markets the venue says the first."""

_PAGE: Final = 100
_SLACK_NS: Final = MINUTE_NS
"""Rows of a page are in the order of their times, give or take this."""


class AccountReads:
    """What is read of one account."""

    def __init__(
        self,
        context: Context,
        api: Api,
        listing: Listing,
        numbers: OrderNumbers,
        reports: OrderReports | None,
        account_index: int,
    ) -> None:
        """Read nothing yet.

        Args:
            context: The exchange plugin's.
            api: With the account's token.
            listing: For the markets.
            numbers: For our ids.
            reports: Where an order that has ended is looked up first; without it the venue is asked.
            account_index: Whose.
        """
        self._context = context
        self._clock = context.clock
        self._api = api
        self._listing = listing
        self._numbers = numbers
        self._reports = reports
        self._account_index = account_index
        self._trades = OwnTrades(context.name, self._trades_page, self.known_fills, api.time.earliest_ns)

    async def account(self) -> Row:
        """Return the account's own row.

        Raises:
            BadResponse: it is not there, or its collateral is not USDC alone.
        """
        answer = await self._api.read("account", {"by": "index", "value": self._account_index})
        with reading(self._context.name, "account"):
            found = [row for row in maybe_rows(answer["accounts"]) if _index_of(row) == self._account_index]
            if len(found) != 1:
                raise ValueError(f"{len(found)} accounts of index {self._account_index}")
            if whole(found[0].get("account_trading_mode") or CLASSIC) != CLASSIC:
                text = f"account {self._account_index} is in unified trading mode, whose collateral is more than USDC"
                raise BadResponse(text, exchange=self._context.name, code=UNIFIED)
            return found[0]

    async def order(self, market: Market, client_order_id: ClientOrderId, number: int, since_ns: int) -> Order:
        """Return an order by its client index.

        Args:
            market: Of the order.
            client_order_id: Ours.
            number: Its client index.
            since_ns: When it was sent at the earliest; its life is looked through until then.

        Raises:
            UnknownOrder: neither among the orders that rest nor in the history since then.
        """
        row = self._heard(number) or await self.row(number) or await self._ended(number, since_ns)
        with reading(self._context.name, "an order"):
            is_there = row is not None and whole(row["market_index"]) == market.market_id
        if row is None or not is_there:
            text = f"there is no order {client_order_id} of {market.instrument.id}"
            raise UnknownOrder(text, exchange=self._context.name, code="unknown_order")
        with reading(self._context.name, "an order"):
            return order_of(row, market.instrument.id, client_order_id)

    async def row(self, number: int) -> Row | None:
        """Return what the venue's index of client orders has: the last 24 h, and whatever rests.

        Whoever asks what became of an order may have a leg that stands alone: this goes before other reads.
        """
        params = {"account_index": self._account_index, "client_order_indexes": number}
        answer = await self._api.private("accountOrders", params, urgent=True)
        with reading(self._context.name, "accountOrders"):
            return _latest(maybe_rows(answer["orders"]), number)

    async def open_orders(self) -> Sequence[Order]:
        """Return every resting order."""
        answer = await self._api.private("accountActiveOrders", {"account_index": self._account_index})
        found = []
        with reading(self._context.name, "accountActiveOrders"):
            rows = maybe_rows(answer["orders"])
        for row in rows:
            order = await self.known_order(row)
            if order is not None:
                found.append(order)
        return found

    async def known_order(self, row: Row) -> Order | None:
        """Return a reported order with our id; None where it is of no perpetual market or has no size of its own."""
        with reading(self._context.name, "an order"):
            instrument = await self._name_of(row["market_index"], row)
            if instrument is None or is_for_whole_position(row):
                return None
            number, index = whole(row["client_order_index"]), whole(row["order_index"])
            return order_of(row, instrument, await self.client_order_id(number, index))

    async def known_fills(self, row: Row) -> list[Fill]:
        """Return the account's sides of a trade; none where it is of no perpetual market."""
        with reading(self._context.name, "a trade"):
            instrument = await self._name_of(row["market_id"], row)
            if instrument is None:
                return []
            sides = own_sides(row, self._account_index)
            return [
                fill_of(
                    row,
                    instrument,
                    side,
                    await self.client_order_id(client_index_of(row, side), order_index_of(row, side)),
                    alone=len(sides) == 1,
                )
                for side in sides
            ]

    async def known_payment(self, row: Row) -> FundingPayment | None:
        """Return a funding payment; None where it is of no perpetual market."""
        with reading(self._context.name, "a funding payment"):
            instrument = await self._name_of(row["market_id"], row)
            return None if instrument is None else payment_of(row, instrument)

    async def client_order_id(self, number: int, order_index: int) -> ClientOrderId:
        """Return whose order it is; one that was placed elsewhere is named after the venue's index."""
        if number == FOREIGN_INDEX:
            return ClientOrderId(f"foreign-{order_index}")
        return await self._numbers.client_order_id_of(number)

    async def fills(self, since_ns: int) -> Sequence[Fill]:
        """Return own fills at or after `since_ns`, oldest first."""
        return await self._trades.since(since_ns)

    async def payments(self, since_ns: int) -> Sequence[FundingPayment]:
        """Return funding payments at or after `since_ns`, oldest first."""
        params = {"account_index": self._account_index, "limit": _PAGE}
        found: dict[str, FundingPayment] = {}
        async for page in self._api.pages("positionFunding", params, "position_fundings"):
            with reading(self._context.name, "positionFunding"):
                times = [from_s(row["timestamp"]) for row in page]
            for settled_ns, row in zip(times, page, strict=True):
                # What is older is not even read as a payment: it may be of a market that nobody knows any more.
                payment = await self.known_payment(row) if settled_ns >= since_ns else None
                if payment is not None:
                    found[payment.payment_id] = payment
            # All markets settle at the full hour: a page that reaches beyond it holds every row since.
            if not times or max(times) < since_ns - HOUR_NS:
                break
        return sorted(found.values(), key=lambda payment: (payment.settled_ns, payment.payment_id))

    async def positions(self) -> Sequence[Position]:
        """Return every open position."""
        account = await self.account()
        now_ns = self._api.time.earliest_ns()
        found = []
        with reading(self._context.name, "account"):
            for row in maybe_rows(account["positions"]):
                if not number(row["position"]):
                    continue
                market = await self._listing.numbered(whole(row["market_id"]))
                position = None if market is None else position_of(row, market, now_ns)
                if position is not None:
                    found.append(position)
        return found

    async def balances(self) -> Sequence[Balance]:
        """Return the collateral."""
        account = await self.account()
        with reading(self._context.name, "account"):
            return [balance_of(account, self._api.time.earliest_ns())]

    async def margin(self, instrument: InstrumentId) -> tuple[Decimal, MarginMode]:
        """Return leverage and margin mode of a market."""
        market = await self._listing.of(instrument)
        account = await self.account()
        with reading(self._context.name, "account"):
            rows = [row for row in maybe_rows(account["positions"]) if whole(row["market_id"]) == market.market_id]
            return margin_of(rows[0] if rows else None, market)

    def _heard(self, number: int) -> Row | None:
        return None if self._reports is None else self._reports.final(number)

    async def _ended(self, number: int, since_ns: int) -> Row | None:
        """Look through the orders that have ended since a time."""
        params = {"account_index": self._account_index, "limit": _PAGE}
        async for page in self._api.pages("accountInactiveOrders", params, "orders", urgent=True):
            with reading(self._context.name, "accountInactiveOrders"):
                rows = [row_of(row) for row in page]
                found = _latest(rows, number)
                if found is not None:
                    return found
                if not rows or max(reported_at(row) for row in rows) < since_ns - _SLACK_NS:
                    return None
        return None

    async def _trades_page(self, cursor: str) -> Page:
        params: Params = {
            "account_index": self._account_index,
            "sort_by": "timestamp",
            "sort_dir": "desc",
            "limit": _PAGE,
        }
        return await self._api.page("trades", params, "trades", cursor)

    async def _name_of(self, market_index: Any, row: Row) -> InstrumentId | None:
        """Return our id of the market of a row; None for one that is no perpetual.

        What is told of a market that is not listed any more is told all the same, and keeps nothing else from being
        told: trades and orders have its symbol, and where it is not in the row the account's positions have it.

        Raises:
            BadResponse: nothing tells how it is called: what happened there must not pass for nothing.
        """
        market_id = whole(market_index)
        if row.get("market_kind", "perp") in _PERPETUAL:
            self._listing.learn(market_id, row.get("market_symbol"))
        if not self._listing.is_named(market_id):
            for held in maybe_rows((await self.account())["positions"]):
                self._listing.learn(held.get("market_id"), held.get("symbol"))
        return await self._listing.name_of(market_id)


def _index_of(row: Row) -> int:
    return whole(row["account_index"] if "account_index" in row else row["index"])


def _latest(rows: Sequence[Row], number: int) -> Row | None:
    """Return the row of a client index; the venue may have had it in an earlier life."""
    own = [row for row in rows if whole(row["client_order_index"]) == number]
    return max(own, key=lambda row: whole(row["order_index"]), default=None)
