"""What the exchange kit trades with: one instrument, sizes that any account can carry, fresh order ids."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, Final

from arb.api import Context, DeadMansSwitch, Exchange, Streams, Trading, parse_duration
from arb.model import (
    MINUTE_NS,
    ZERO,
    ClientOrderId,
    Instrument,
    InstrumentStatus,
    Order,
    OrderRequest,
    Position,
    Side,
    TimeInForce,
    ceil_to,
)
from arb.simulation import SimulatedExchange

from ._kit_ground import Ground

_REACH: Final = Decimal("0.03")
"""How far through the market an order that should fill is priced; inside any venue's price band."""


class Desk:
    """An open exchange, and orders on one of its instruments.

    Attributes:
        exchange: The plugin under test.
        context: What it was opened with.
        instrument: What is traded.
        ground: The fake venue behind the plugin; only cases that require it may use it.
        switch_ns: A time that the venue's dead man's switch can be set to.
    """

    def __init__(
        self,
        exchange: Exchange,
        context: Context,
        instrument: Instrument,
        ground: Ground | None = None,
        *,
        switch_ns: int = MINUTE_NS,
    ) -> None:
        self.exchange = exchange
        self.context = context
        self.instrument = instrument
        self.switch_ns = switch_ns
        self._ground = ground
        self._count = itertools.count(1)
        self._prefix = context.ids.new()

    @classmethod
    async def open(
        cls, exchange: Exchange, context: Context, options: Mapping[str, Any], ground: Ground | None = None
    ) -> Desk:
        """Choose the instrument: the first that trades, of the asset that `CONFORMANCE["base"]` names.

        `CONFORMANCE["switch"]`, such as `10m`, is for a venue whose switch takes no minute.
        """
        base, switch_ns = options.get("base"), parse_duration(options.get("switch", "1m"))
        for instrument in await exchange.market.fetch_instruments():
            if instrument.status is InstrumentStatus.TRADING and base in (None, instrument.base):
                return cls(exchange, context, instrument, ground, switch_ns=switch_ns)
        raise AssertionError(f"no instrument of {base or 'any asset'} is open for trading")

    @asynccontextmanager
    async def again(self) -> AsyncIterator[Desk]:
        """Open the plugin once more, as after a restart: same account, same memory, other connections."""
        context = self.ground.context()
        async with self.ground.client(context) as exchange:
            yield Desk(exchange, context, self.instrument, self.ground, switch_ns=self.switch_ns)

    async def another(self) -> Desk | None:
        """Return a desk on another instrument that trades; None on a venue that has one."""
        for instrument in await self.exchange.market.fetch_instruments():
            if instrument.status is InstrumentStatus.TRADING and instrument.id != self.instrument.id:
                return Desk(self.exchange, self.context, instrument, self._ground)
        return None

    @property
    def trading(self) -> Trading:
        """Return the private side."""
        assert self.exchange.trading is not None, "TRADING is declared, but `trading` is None"
        return self.exchange.trading

    @property
    def has_ground(self) -> bool:
        """Return whether the plugin runs over its fake venue."""
        return self._ground is not None

    @property
    def ground(self) -> Ground:
        """Return the fake venue and the line to it."""
        assert self._ground is not None, "the case has to require FAKE"
        return self._ground

    @property
    def truth(self) -> SimulatedExchange:
        """Return what is true at the fake venue."""
        return self.ground.truth

    @property
    def streams(self) -> Streams:
        """Return the live side."""
        assert self.exchange.streams is not None, "a stream is declared, but `streams` is None"
        return self.exchange.streams

    @property
    def streams_or_none(self) -> Streams | None:
        """Return the live side of a plugin that may have none."""
        return self.exchange.streams

    @property
    def now_ns(self) -> int:
        """Return the time, by the plugin's clock."""
        return self.context.clock.now_ns()

    async def price(self, side: Side, through: Decimal = _REACH) -> Decimal:
        """Return a price `through` beyond the touch for a taker on `side`; negative stays away from it."""
        bbo = await self.exchange.market.fetch_bbo(self.instrument.id)
        wanted = bbo.price_to(side) * (1 + through * side.sign)
        return self.instrument.limit_price(side, wanted)

    async def quantity(self, times: int = 1) -> Decimal:
        """Return `times` the smallest order that is safely above every minimum."""
        bbo = await self.exchange.market.fetch_bbo(self.instrument.id)
        notional = max(self.instrument.min_notional, self.instrument.closing_min_notional)
        least = notional / (bbo.bid * (1 - 2 * _REACH))
        return ceil_to(max(least, self.instrument.min_quantity, self.instrument.lot_size), self.instrument.lot_size) * (
            times
        )

    async def request(
        self,
        side: Side = Side.BUY,
        *,
        quantity: Decimal | None = None,
        price: Decimal | None = None,
        name: str | None = None,
        time_in_force: TimeInForce = TimeInForce.IOC,
        post_only: bool = False,
        reduce_only: bool = False,
    ) -> OrderRequest:
        """Return an order that should fill at once, with anything changed."""
        return OrderRequest(
            client_order_id=self.name() if name is None else ClientOrderId(name),
            instrument=self.instrument.id,
            side=side,
            quantity=await self.quantity(2) if quantity is None else quantity,
            price=await self.price(side) if price is None else price,
            time_in_force=time_in_force,
            post_only=post_only,
            reduce_only=reduce_only,
        )

    def name(self) -> ClientOrderId:
        """Return a client order id never used before."""
        return ClientOrderId(f"kit{self._prefix}n{next(self._count)}")

    async def send(self, request: OrderRequest) -> Order:
        """Prepare and send, then wait until a read may be trusted."""
        order = await self.trading.send_order(await self.trading.prepare_order(request))
        await self.caught_up()
        return order

    async def caught_up(self) -> None:
        """Wait as long as the venue's reads may miss a write."""
        await self.sleep(self.exchange.traits.read_after_write_ns)

    async def sleep(self, duration_ns: int) -> None:
        """Let time pass."""
        await self.context.clock.sleep_until(self.now_ns + duration_ns)

    async def arm(self, timeout_ns: int) -> None:
        """Arm the dead man's switch."""
        trading = self.trading
        assert isinstance(trading, DeadMansSwitch), "DEAD_MANS_SWITCH is declared, but `trading` cannot be armed"
        await trading.arm_dead_mans_switch(timeout_ns)

    async def position(self) -> Position | None:
        """Return the position of the instrument; None when it is flat."""
        held = [each for each in await self.trading.fetch_positions() if each.instrument == self.instrument.id]
        assert len(held) <= 1, f"two rows for one instrument: {held}"
        return held[0] if held else None

    async def held(self) -> Decimal:
        """Return the signed contracts held."""
        position = await self.position()
        return position.quantity if position else ZERO

    async def flatten(self) -> None:
        """Cancel what rests and close what is open, so that a test account ends as it began."""
        await self.trading.cancel_all(self.instrument.id)
        await self.caught_up()
        held = await self.held()
        if held:
            side = Side.SELL if held > 0 else Side.BUY
            await self.send(await self.request(side, quantity=abs(held), reduce_only=True))
