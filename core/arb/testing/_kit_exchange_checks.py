"""Exchange kit: what several groups of cases do and compare."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import partial
from typing import Any, Final, TypeVar

import pytest

from arb.api import BadResponse, ExchangeError, HttpResponse, OutcomeUnknown, Rejected
from arb.model import (
    MILLISECOND_NS,
    SECOND_NS,
    ZERO,
    ClientOrderId,
    FundingKind,
    FundingRate,
    InstrumentId,
    Order,
    OrderBook,
    OrderRequest,
    Side,
    TimeInForce,
)

from ._kit_desk import Desk
from ._kit_streams import LocalBook

T = TypeVar("T")
Call = Callable[[], Awaitable[object]]

AWAY: Final = Decimal("-0.03")
"""How far from the touch an order rests that shall not be filled."""

LAST_UNIT: Final = Decimal("0.000001")
"""Of cash, as coarse as any venue writes it."""

PROXY_PAGE: Final = HttpResponse(status=502, headers={"Content-Type": "text/html"}, body=b"<html>Bad Gateway</html>")
NO_JSON: Final = HttpResponse(status=200, headers={}, body=b'{"order": {"id": "17", "stat')
EMPTY_OBJECT: Final = HttpResponse(status=200, headers={}, body=b"{}")
EMPTY_LIST: Final = HttpResponse(status=200, headers={}, body=b"[]")
NULL: Final = HttpResponse(status=200, headers={}, body=b"null")
GARBAGE: Final = ("", "{", "null", "[]", "{}", '{"channel": 7, "data": null}', b"\x00\xff")
"""What no venue sends, and a broken proxy might."""

_TRIES: Final = 5


def check_book(book: OrderBook, desk: Desk) -> None:
    """Assert what every book of the desk's instrument has to be."""
    tick = desk.instrument.tick_size
    assert book.instrument == desk.instrument.id
    for levels, sign in ((book.bids, -1), (book.asks, 1)):
        prices = [level.price for level in levels]
        assert prices == sorted(set(prices), key=lambda price: price * sign), f"not sorted, or a price twice: {prices}"
        assert all(level.size > 0 and level.price > 0 for level in levels), "a level without size or price"
        assert all(price % tick == 0 for price in prices), f"a price that is no multiple of the tick {tick}"
    if book.bids and book.asks:
        assert book.bids[0].price < book.asks[0].price, "crossed"
    assert book.ts_init_ns <= desk.now_ns, "received in the future"


def check_rate(rate: FundingRate, kind: FundingKind) -> None:
    """Assert what every funding rate has to be."""
    assert rate.kind is kind
    assert rate.unit.factor > 0 < rate.unit.period_ns
    assert rate.interval_ns >= 0
    assert abs(rate.per_hour) < Decimal("0.01"), f"{rate.instrument}: {rate.per_hour} an hour: is the unit right?"


def near(first: Decimal, second: Decimal, *, part: str = "0.000001", most: str = "0") -> bool:
    """Return whether two numbers agree to a part of the second, or to an absolute difference."""
    return abs(first - second) <= max(abs(second) * Decimal(part), Decimal(most))


def same_time(first_ns: int, second_ns: int, within_ns: int = MILLISECOND_NS) -> bool:
    """Return whether two times agree as well as a venue tells them."""
    return abs(first_ns - second_ns) <= within_ns


async def at_once(desk: Desk, read: Callable[[], Awaitable[T]], true: Callable[[], Awaitable[T]]) -> tuple[T, T]:
    """Return what the plugin reads and what is true, both of one moment."""
    for _ in range(_TRIES):
        began_ns = desk.now_ns
        found, wanted = await read(), await true()
        if desk.now_ns == began_ns:
            return found, wanted
        # The plugin waited for its rate budget; prices have moved since.
        await desk.sleep(5 * SECOND_NS)
    raise AssertionError(f"a single read takes longer than a moment, {_TRIES} times in a row")


async def resting(desk: Desk, side: Side = Side.BUY, **changes: Any) -> OrderRequest:
    """Return an order that waits in the book, away from the market."""
    wanted = {
        "price": await desk.price(side, AWAY),
        "quantity": await desk.quantity(2),
        "time_in_force": TimeInForce.GTC,
        **changes,
    }
    return await desk.request(side, **wanted)


async def listed(desk: Desk) -> list[str]:
    """Return the ids of the working orders of the desk's instrument."""
    return [
        order.request.client_order_id
        for order in await desk.trading.fetch_open_orders()
        if order.request.instrument == desk.instrument.id
    ]


async def filled_by(desk: Desk, name: ClientOrderId, sending: Awaitable[Order]) -> Decimal:
    """Return what an order filled that may be refused, and check that it does not rest."""
    try:
        await sending
    except Rejected:
        await desk.caught_up()
        return ZERO
    order = await desk.trading.fetch_order(desk.instrument.id, name)
    assert order.status.is_final, f"{name} is {order.status}"
    return order.filled_quantity


async def true_orders(desk: Desk) -> list[Order]:
    """Return every order of the account at the venue, oldest first."""
    return sorted(await desk.truth.trading.fetch_orders(0), key=lambda order: int(order.exchange_order_id or 0))


def true_name(desk: Desk) -> InstrumentId:
    """Return the id of the desk's instrument at the venue."""
    return desk.ground.true_name(desk.instrument)


async def true_held(desk: Desk) -> Decimal:
    """Return the signed contracts of the desk's instrument that the venue knows of."""
    name = true_name(desk)
    held = [each.quantity for each in await desk.truth.trading.fetch_positions() if each.instrument == name]
    return held[0] if held else ZERO


async def outcome(sending: Awaitable[T]) -> T | ExchangeError:
    """Return what a call returned, or the error of our tree that it raised."""
    try:
        return await sending
    except ExchangeError as error:
        return error


def every_read(desk: Desk) -> tuple[Call, ...]:
    """Return every kind of call that only reads."""
    trading, market, name = desk.trading, desk.exchange.market, desk.instrument.id
    return (
        market.fetch_instruments,
        partial(market.fetch_order_book, name, 5),
        market.fetch_stats,
        market.fetch_fx_rates,
        partial(trading.fetch_order, name, desk.name()),
        trading.fetch_open_orders,
        partial(trading.fetch_fills, 0),
        trading.fetch_positions,
        trading.fetch_balances,
        partial(trading.fetch_leverage, name),
    )


def every_cancel(desk: Desk) -> tuple[Call, ...]:
    """Return every kind of call that cancels."""
    trading, name = desk.trading, desk.instrument.id
    return (partial(trading.cancel_order, name, desk.name()), trading.cancel_all)


async def in_doubt(desk: Desk, request: OrderRequest) -> None:
    """Send an order whose outcome the plugin cannot know; a plugin may also find out by itself."""
    told = await outcome(desk.send(request))
    if isinstance(told, ExchangeError):
        assert isinstance(told, OutcomeUnknown | BadResponse), (
            f"{type(told).__name__} states what is not certain: {told}"
        )
    await desk.sleep(desk.exchange.traits.order_validity_ns)
    await desk.caught_up()


async def fails(reading: Awaitable[object]) -> None:
    """Assert that a read raises an error of our tree."""
    with pytest.raises(ExchangeError):
        await reading


def is_current(book: LocalBook, desk: Desk, within_ns: int = 10 * SECOND_NS) -> bool:
    """Return whether a book is the venue's of the last seconds."""
    now_ns = desk.ground.now_ns
    moments = range(now_ns, now_ns - within_ns, -SECOND_NS)
    return any(book.equals(desk.truth.venue.book(true_name(desk), moment)) for moment in moments)
