"""The private side of one account."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from arb.api import BadResponse, Context, PreparedOrder, Rejected
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
    Position,
)
from arb.net import from_ms, reading

from . import _account_rows, _balances
from ._access import account_mode
from ._account_rows import FILL_ROWS
from ._actions import Actions
from ._balances import POOLED, DexState
from ._cancel_all import CancelAll
from ._client import Client
from ._market import HyperliquidMarket
from ._orders import Orders
from ._paging import Row, whole_list

KEPT_FILLS: Final = 10_000
"""The newest fills of an account; older ones are not told (documentation, "Retrieve a user's fills by time")."""

PAYMENT_ROWS: Final = 500
LEAST_SWITCH_NS: Final = 5 * SECOND_NS
_MODE_NS: Final = 5 * MINUTE_NS
_AHEAD_MS: Final = 60_000
"""The venue's newest rows may be stamped later than we think it is there."""


class HyperliquidTrading:
    """Implements :class:`arb.api.Trading` and :class:`arb.api.DeadMansSwitch`."""

    def __init__(
        self, client: Client, market: HyperliquidMarket, orders: Orders, actions: Actions, user: str, context: Context
    ) -> None:
        """Send nothing yet; `user` is the account's address."""
        self._cancel_all = CancelAll(client, market, actions, user, context)
        self._client = client
        self._market = market
        self._orders = orders
        self._actions = actions
        self._user = user
        self._clock = context.clock
        self._mode: tuple[int, str] | None = None

    async def prepare_order(self, request: OrderRequest) -> PreparedOrder:
        """Round, check and sign; nothing is sent."""
        return await self._orders.prepare(request)

    async def send_order(self, prepared: PreparedOrder) -> Order:
        """Send the order, once; one that may not rest and finds nothing comes back cancelled."""
        return await self._orders.send(prepared)

    async def cancel_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> None:
        """Ask for cancellation; raises UnknownOrder, or Rejected when it is final already."""
        await self._orders.cancel(instrument, client_order_id)

    async def cancel_all(self, instrument: InstrumentId | None = None) -> None:
        """Cancel every resting order of a market or of the dexes that are read, whoever sent it.

        Raises as :meth:`CancelAll.run`.
        """
        await self._cancel_all.run(instrument)

    async def fetch_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> Order:
        """Return an order by our id."""
        return await self._orders.fetch(instrument, client_order_id)

    async def fetch_open_orders(self) -> Sequence[Order]:
        """Return every resting order, oldest first."""
        return await self._orders.fetch_open()

    async def fetch_fills(self, since_ns: int) -> Sequence[Fill]:
        """Return own fills at or after `since_ns`, oldest first.

        Raises:
            BadResponse: they are more than the venue tells of, so the list would not be whole.
        """

        async def ask(first_ms: int, last_ms: int) -> Any:
            return await self._client.info(
                "userFillsByTime", user=self._user, startTime=first_ms, endTime=last_ms, aggregateByTime=False
            )

        what = "the account's fills"
        rows = await self._rows(ask, since_ns, FILL_ROWS, what)
        with reading(self._client.name, what):
            by_id = {_account_rows.fill_id(row): row for row in rows}
        if len(by_id) >= KEPT_FILLS:
            text = f"{what} since then are {len(by_id)} or more, and the venue tells of no more: ask for a shorter time"
            raise BadResponse(text, exchange=self._client.name, code="cut_list")
        fills = [fill for row in by_id.values() if (fill := await self.fill(row)) is not None]
        return sorted((one for one in fills if one.ts_event_ns >= since_ns), key=_by_time)

    async def fill(self, row: Row) -> Fill | None:
        """Read a fill; None for one of a market that is not read, such as spot."""
        with reading(self._client.name, "a fill"):
            coin, given = row["coin"], row.get("cloid")
        named = await self._market.named(coin)
        if named is None:
            return None
        with reading(self._client.name, "a fill"):
            number = None if given is None else int(given, 16)
            name = f"foreign-{row['oid']}" if number is None else await self._orders.name_of(number)
            return _account_rows.fill(row, named, ClientOrderId(name))

    async def fetch_positions(self) -> Sequence[Position]:
        """Return every open position of the dexes that are read."""
        found = []
        for state in await self._states():
            with reading(self._client.name, "the positions"):
                rows = [(row["position"]["coin"], row) for row in state["assetPositions"]]
                ts_ns = from_ms(state["time"])
            for coin, row in rows:
                named = await self._market.named(coin)
                if named is None:
                    raise BadResponse(f"a position in {coin!r}", exchange=self._client.name, code="unknown_coin")
                with reading(self._client.name, f"the position in {coin}"):
                    found.append(_account_rows.position(row, named.id, ts_ns))
        return [position for position in found if position is not None]

    async def fetch_balances(self) -> Sequence[Balance]:
        """Return every collateral currency of the dexes that are read."""
        mode = await self.mode()
        currencies = {market.dex: market.instrument.quote for market in await self._market.listing()}
        states = await self._states()
        spot = await self._client.info("spotClearinghouseState", user=self._user) if mode in POOLED else None
        with reading(self._client.name, "the balances"):
            named = zip(self._market.dex_names, states, strict=True)
            return _balances.balances(mode, [DexState(currencies[dex], state) for dex, state in named], spot)

    async def mode(self) -> str:
        """Return how the account keeps its balances; a change is noticed within minutes."""
        if self._mode is None or self._clock.now_ns() - self._mode[0] >= _MODE_NS:
            self._mode = (self._clock.now_ns(), await account_mode(self._client, self._user))
        return self._mode[1]

    async def fetch_funding_payments(self, since_ns: int) -> Sequence[FundingPayment]:
        """Return payments at or after `since_ns`, oldest first, whole."""

        async def ask(first_ms: int, last_ms: int) -> Any:
            return await self._client.info("userFunding", user=self._user, startTime=first_ms, endTime=last_ms)

        what = "the account's funding payments"
        found: dict[str, FundingPayment] = {}
        for row in await self._rows(ask, since_ns, PAYMENT_ROWS, what):
            with reading(self._client.name, what):
                delta, time = row["delta"], row["time"]
            payment = await self.payment(delta, time)
            if payment is not None and payment.settled_ns >= since_ns:
                found[payment.payment_id] = payment
        return sorted(found.values(), key=lambda one: (one.settled_ns, one.payment_id))

    async def payment(self, row: Row, time: Any) -> FundingPayment | None:
        """Read a payment; None for one of a market that is not read."""
        with reading(self._client.name, "a funding payment"):
            coin = row["coin"]
        named = await self._market.named(coin)
        if named is None:
            return None
        with reading(self._client.name, "a funding payment"):
            return _account_rows.payment(row, time, named)

    async def set_leverage(self, instrument: InstrumentId, leverage: Decimal, mode: MarginMode) -> None:
        """Set leverage, whole numbers only, and margin mode; raises Rejected."""
        market = await self._market.market_of(instrument)
        most = max(tier.max_leverage for tier in market.instrument.margin_tiers)
        if leverage != leverage.to_integral_value() or not 1 <= leverage <= most:
            text = f"leverage of {instrument} is a whole number from 1 to {most}, not {leverage}"
            raise Rejected(text, exchange=self._client.name, code="leverage")
        action = {
            "type": "updateLeverage",
            "asset": market.asset,
            "isCross": mode is MarginMode.CROSS,
            "leverage": int(leverage),
        }
        await self._actions.do(action, urgent=False)

    async def fetch_leverage(self, instrument: InstrumentId) -> tuple[Decimal, MarginMode]:
        """Return what the venue has set now."""
        market = await self._market.market_of(instrument)
        answer = await self._client.info("activeAssetData", user=self._user, coin=market.coin)
        with reading(self._client.name, f"the leverage of {instrument}"):
            return _account_rows.leverage(answer["leverage"])

    async def arm_dead_mans_switch(self, timeout_ns: int) -> None:
        """Let the venue cancel every resting order at a time unless it is put off; 0 disarms it.

        Raises:
            Rejected: less than the five seconds that the venue wants, or an account that has traded too little
                for the venue to offer this (USD 1,000,000).
        """
        action: dict[str, Any] = {"type": "scheduleCancel"}
        if timeout_ns:
            if timeout_ns < LEAST_SWITCH_NS:
                text = "the venue cancels at the earliest five seconds from now"
                raise Rejected(text, exchange=self._client.name, code="timeout")
            action["time"] = self._client.now_ms + -(-timeout_ns // MILLISECOND_NS)
        await self._actions.do(action)

    async def _states(self) -> list[Any]:
        """Return the state of each dex that is read."""
        return [
            await self._client.info("clearinghouseState", user=self._user, dex=dex or None)
            for dex in self._market.dex_names
        ]

    async def _rows(self, ask: Any, since_ns: int, most: int, what: str) -> list[Row]:
        window = (max(0, since_ns) // MILLISECOND_NS, max(self._client.now_ms, since_ns // MILLISECOND_NS) + _AHEAD_MS)
        return await whole_list(ask, *window, most=most, what=what, exchange=self._client.name)


def _by_time(one: Fill) -> tuple[int, int, str]:
    number = one.fill_id.rjust(40)
    return one.ts_event_ns, int(one.exchange_order_id), number
