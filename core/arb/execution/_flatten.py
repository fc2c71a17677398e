"""The emergency exit of one account: its own short way to the venue, with nothing in between.

It needs an open exchange and a clock. There is no journal, no risk gate, no price source and no
plugin of another family here, so nothing of them can be in its way. It cannot open risk: every
order is reduce-only, immediate or cancelled, and bounded in price. No answer to an order is
believed; what to do next, and whether it is done, is read from the venue.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from arb.api import Capability, Clock, Exchange, ExchangeError, IdSource, NotSent, PreparedOrder, StorageError, Trading
from arb.model import (
    BPS,
    SECOND_NS,
    ZERO,
    ClientOrderId,
    InstrumentId,
    Order,
    OrderRequest,
    Position,
    Side,
    format_utc,
)

from ._band import banded_price
from ._flatten_outcome import AccountVerdict, FlattenedOrder, FlattenOutcome, FlattenPolicy, Remainder
from ._flatten_view import AccountView, is_price
from ._reports import exceeds


class Flattener:
    """Cancels every order and closes every position of one account."""

    def __init__(
        self, exchange: Exchange, clock: Clock, ids: IdSource, policy: FlattenPolicy, tell: Callable[[str], None]
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            exchange: Open.
            clock: Real time, or the time of the simulated venue.
            ids: For client order ids; they must never repeat, across processes too.
            policy: How hard to try.
            tell: Takes one line for people at each step.
        """
        self._exchange = exchange
        self._clock = clock
        self._ids = ids
        self._policy = policy
        self._tell = tell
        self._view = AccountView(exchange, clock, self._answer_ns)
        self._orders: list[FlattenedOrder] = []
        self._tries: Counter[InstrumentId] = Counter()
        self._least: dict[tuple[InstrumentId, bool], Decimal] = {}
        self._held: tuple[Position, ...] = ()
        self._read_ns: int | None = None
        begun = clock.now_ns()
        self._visible_ns = begun
        # What another process sent just before the halt may still arrive. Only one process can use a
        # simulated account, and that is this one.
        shared = Capability.SIMULATED not in exchange.capabilities
        self._settled_ns = begun + (exchange.traits.order_validity_ns if shared else 0)
        # The last reading, after that, has its time too, unless a venue would take orders for much longer.
        end_ns = begun + policy.budget_ns
        last_ns = self._settled_ns + min(policy.answer_ns, policy.budget_ns)
        self._deadline_ns = max(end_ns, min(last_ns, end_ns + policy.answer_ns))

    async def flatten(self) -> FlattenOutcome:
        """Work until the account was read flat, or until the policy ends it; a venue's failure is never raised."""
        trading = self._exchange.trading
        if trading is None:
            return FlattenOutcome.unknown(
                self._exchange.name,
                "it was opened without an account, so its positions cannot be read: give it its keys",
            )
        look, idle, pause_ns = _Look(self._clock.now_ns()), 0, self._policy.pause_ns
        while True:
            look = await self._look(trading, look.resting)
            if look.is_flat and look.began_ns >= self._settled_ns:
                break
            if self._clock.now_ns() >= self._deadline_ns:
                break
            if look.is_flat:
                self._tell(f"{self._exchange.name}: flat; waiting for what may still be on its way")
                await self._clock.sleep_until(min(self._settled_ns, self._deadline_ns))
                continue
            if look.todo:
                idle = 0 if self._is_progress(look.todo) else idle + 1
                if idle > self._policy.rounds:
                    break
                await asyncio.gather(*(self._reduce(trading, position) for position in look.todo))
                pause_ns = self._policy.pause_ns
            if idle or not look.todo:
                await self._clock.sleep_until(min(self._clock.now_ns() + pause_ns, self._deadline_ns))
                pause_ns = min(2 * pause_ns, self._policy.longest_pause_ns)
        return self._outcome(look)

    async def _look(self, trading: Trading, resting: tuple[Order, ...] | None) -> _Look:
        """Cancel what rests, unless it is known that nothing does, and read the account after that."""
        if resting != ():
            await self._cancel(trading, resting)
        await self._clock.sleep_until(self._visible_ns)
        began_ns = self._clock.now_ns()
        _, orders, positions = await asyncio.gather(
            self._view.load_rules(), self._view.resting(trading), self._view.positions(trading)
        )
        if positions is not None:
            self._held, self._read_ns = positions, began_ns
        todo = tuple(position for position in positions or () if self._view.tradable(position))
        return _Look(began_ns, orders, positions, todo)

    async def _cancel(self, trading: Trading, resting: tuple[Order, ...] | None) -> None:
        self._tell(f"{self._exchange.name}: cancelling every order")

        async def cancel_all() -> bool:
            await trading.cancel_all()
            return True

        if not await self._view.read("cancelling every order", cancel_all):
            for order in resting or ():
                name = order.request.client_order_id
                with suppress(ExchangeError, StorageError):  # the next reading tells
                    await self._view.ask("cancel_order", partial(trading.cancel_order, order.request.instrument, name))
        self._has_written()

    async def _reduce(self, trading: Trading, position: Position) -> None:
        """Send one reduce-only order, as large and as wide as it is time for."""
        side = Side.SELL if position.quantity > 0 else Side.BUY
        best = await self._view.best_price(position, side)
        band_bps = self._policy.band_bps(self._tries[position.instrument])
        request = None if best is None else self._request(position, side, best, band_bps)
        if request is None:
            return  # why is among the view's problems
        answer = await self._send(trading, request)
        self._orders.append(
            FlattenedOrder(
                client_order_id=request.client_order_id,
                instrument=request.instrument,
                side=side,
                quantity=request.quantity,
                price=request.price,
                band_bps=band_bps,
                ts_ns=self._clock.now_ns(),
                answer=answer,
            )
        )
        self._tell(
            f"{self._exchange.name}: {side} {request.quantity.normalize():f} {request.instrument} at {request.price} "
            f"or better ({band_bps} bps): {answer}"
        )

    def _request(self, position: Position, side: Side, best: Decimal, band_bps: Decimal) -> OrderRequest | None:
        instrument = self._view.rules.get(position.instrument)
        quantity = self._view.tradable(position)
        if instrument is None:
            price = best * (1 + side.sign * band_bps * BPS)  # the plugin rounds
        else:
            price = banded_price(instrument, side, best, band_bps)
            if instrument.max_quantity is not None:
                quantity = min(quantity, instrument.floor_quantity(instrument.max_quantity))
        if not is_price(price):
            return None
        return OrderRequest(
            client_order_id=ClientOrderId(f"flat-{self._ids.new()}"[: self._exchange.traits.client_order_id_length]),
            instrument=position.instrument,
            side=side,
            quantity=quantity,
            price=price,
            reduce_only=True,
        )

    async def _send(self, trading: Trading, request: OrderRequest) -> str:
        """Send an order and return what came back, for people."""

        async def prepare() -> PreparedOrder:
            prepared = await trading.prepare_order(request)
            if exceeds(prepared, request):
                raise ValueError("it was prepared as something else than asked, so it is not sent")
            return prepared

        try:
            prepared = await self._view.ask("prepare_order", prepare)
        except (ExchangeError, StorageError) as error:
            return _named(error)
        try:
            report = await self._view.ask("send_order", lambda: trading.send_order(prepared))
        except NotSent as error:
            return _named(error)
        except (ExchangeError, StorageError) as error:
            self._tries[request.instrument] += 1
            return _named(error)
        finally:
            self._has_written()
        self._tries[request.instrument] += 1
        return _described(report)

    def _is_progress(self, todo: tuple[Position, ...]) -> bool:
        """Whether a position is smaller than ever before, or gone; at first sight nothing was tried yet."""
        held = {(one.instrument, one.quantity > 0): abs(one.quantity) for one in todo}
        smaller = not self._least or any(held.get(key, ZERO) < least for key, least in self._least.items())
        self._least = {key: min(size, self._least.get(key, size)) for key, size in held.items()}
        return smaller

    def _has_written(self) -> None:
        self._visible_ns = self._clock.now_ns() + self._exchange.traits.read_after_write_ns

    def _answer_ns(self) -> int:
        """Return the longest wait for one answer: short when little time is left."""
        left_ns = self._deadline_ns - self._clock.now_ns()
        return min(self._policy.answer_ns, max(left_ns, SECOND_NS))

    def _outcome(self, look: _Look) -> FlattenOutcome:
        remaining = tuple(self._remainder(position) for position in self._held)
        problems = list(self._view.problems.values())
        if look.positions is None:
            verdict = AccountVerdict.UNKNOWN
        elif look.resting or look.todo:
            verdict = AccountVerdict.OPEN
            problems += [self._last_answer(position.instrument) for position in look.todo]
        elif look.resting is None:
            verdict = AccountVerdict.UNKNOWN
        elif look.began_ns < self._settled_ns:
            verdict = AccountVerdict.UNKNOWN
            until = format_utc(self._settled_ns)
            problems.append(f"it was read flat, but what was sent before the halt may arrive until {until}")
        else:
            verdict = AccountVerdict.DUST if remaining else AccountVerdict.FLAT
        return FlattenOutcome(
            exchange=self._exchange.name,
            verdict=verdict,
            remaining=remaining,
            read_ns=self._read_ns,
            resting=None if look.resting is None else len(look.resting),
            orders=tuple(self._orders),
            problems=tuple(problems),
        )

    def _last_answer(self, instrument: InstrumentId) -> str:
        own = [order for order in self._orders if order.instrument == instrument]
        return f"{instrument}: {len(own)} orders, the last: {own[-1].answer}" if own else f"{instrument}: not one order"

    def _remainder(self, position: Position) -> Remainder:
        mark = position.mark_price
        return Remainder(
            instrument=position.instrument,
            quantity=position.quantity,
            notional=abs(position.quantity) * mark if is_price(mark) else None,
            is_dust=not self._view.tradable(position),
        )


@dataclass(frozen=True, slots=True)
class _Look:
    """One reading of the account; None is not known."""

    began_ns: int
    resting: tuple[Order, ...] | None = None
    positions: tuple[Position, ...] | None = None
    todo: tuple[Position, ...] = ()

    @property
    def is_flat(self) -> bool:
        """Whether it showed nothing that an order could close, and no resting order."""
        return self.positions is not None and not self.todo and self.resting == ()


def _described(report: object) -> str:
    if not isinstance(report, Order):
        return f"a {type(report).__name__} instead of a report"
    return f"{report.status}, {report.filled_quantity.normalize():f} filled"


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
