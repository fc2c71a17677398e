"""Exchange kit: the table of errors."""

from __future__ import annotations

import json
from typing import Final

import pytest

from arb.api import (
    AuthenticationFailed,
    BelowMinimum,
    Capability,
    ConfigError,
    ExchangeError,
    HttpResponse,
    InMaintenance,
    InsufficientMargin,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Trading,
    UnknownOrder,
    WouldCross,
)
from arb.model import Order, OrderRequest, Side, TimeInForce

from ._kit_desk import Desk
from ._kit_exchange_base import ExchangeCases, Use
from ._kit_exchange_checks import every_cancel, every_read, outcome, true_orders
from ._kit_ground import FAKE, with_wrong_secrets

_SHAPES: Final[tuple[object, ...]] = (
    *(None, True, 7, "text", [], [None], [[]], [{}], {}),
    *({"code": 1}, {"data": None}, {"result": []}),
)
ODD: Final = tuple(HttpResponse(status=200, headers={}, body=json.dumps(answer).encode()) for answer in _SHAPES)
"""Good JSON of a shape that nobody asked for."""


class ErrorCases(ExchangeCases):
    """The table of errors."""

    group = "errors"

    def test_x054_an_order_the_account_cannot_carry_is_refused(self, use: Use) -> None:
        """Certainly refused, with nothing done."""

        async def body(desk: Desk) -> None:
            available = max(balance.available for balance in await desk.trading.fetch_balances())
            most = max(tier.max_leverage for tier in desk.instrument.margin_tiers)
            bbo = await desk.exchange.market.fetch_bbo(desk.instrument.id)
            quantity = desk.instrument.floor_quantity(available * most * 3 / bbo.bid)
            request = await desk.request(Side.SELL, quantity=quantity)
            with pytest.raises(Rejected):
                await desk.send(request)
            await desk.caught_up()
            assert await desk.held() == 0

        use(body, Capability.TRADING)

    def test_x230_too_little_margin_is_told_apart(self, use: Use) -> None:
        """InsufficientMargin, by its name: the caller makes the order smaller."""

        async def body(desk: Desk) -> None:
            await _refused(desk, InsufficientMargin("refused", code="insufficient_margin"), InsufficientMargin)

        use(body, Capability.TRADING, FAKE)

    def test_x231_too_small_is_told_apart(self, use: Use) -> None:
        """BelowMinimum, also when only the venue finds it."""

        async def body(desk: Desk) -> None:
            await _refused(desk, BelowMinimum("refused", code="below_minimum"), BelowMinimum)

        use(body, Capability.TRADING, FAKE)

    def test_x232_a_post_only_order_that_would_take_is_told_apart(self, use: Use) -> None:
        """WouldCross, or an order that is cancelled unfilled: never another refusal."""

        async def body(desk: Desk) -> None:
            request = await desk.request(time_in_force=TimeInForce.GTC, post_only=True)
            told = await outcome(desk.send(request))
            assert isinstance(told, WouldCross | Order), f"{told!r}"
            if isinstance(told, Order):
                assert told.status.is_final
                assert told.filled_quantity == 0
            assert await desk.held() == 0

        use(body, Capability.TRADING, Capability.POST_ONLY, FAKE)

    def test_x233_a_wrong_secret_is_told_apart(self, use: Use) -> None:
        """AuthenticationFailed at opening or at the first private call; never an empty account."""

        async def body(desk: Desk) -> None:
            settings = with_wrong_secrets(desk.ground.settings)
            try:
                async with desk.ground.client(desk.ground.context(), settings) as stranger:
                    assert stranger.trading is not None
                    told = await outcome(stranger.trading.fetch_balances())
                    sent = await outcome(_order(stranger.trading, await desk.request()))
                assert isinstance(sent, AuthenticationFailed), f"an order with a wrong secret: {sent!r}"
                if not isinstance(told, ExchangeError):
                    # Some venues show an account to everybody who knows its address: then it is this one.
                    true = await desk.truth.trading.fetch_balances()
                    assert sum(each.cash for each in told) == sum(each.cash for each in true), "another account"
            except (AuthenticationFailed, ConfigError, ValueError):
                pass  # refused at the opening
            assert await true_orders(desk) == []

        use(body, Capability.TRADING, FAKE)

    def test_x234_a_rate_limit_is_told_apart(self, use: Use) -> None:
        """RateLimited: nothing happened, and the same may be tried later."""

        async def body(desk: Desk) -> None:
            await _refused(desk, RateLimited("too many"), RateLimited)

        use(body, Capability.TRADING, FAKE)

    def test_x235_maintenance_is_told_apart(self, use: Use) -> None:
        """InMaintenance, or a doubt: never a refusal of this one order."""

        async def body(desk: Desk) -> None:
            await _refused(desk, InMaintenance("closed"), (InMaintenance, OutcomeUnknown))

        use(body, Capability.TRADING, FAKE)

    def test_x236_a_plain_refusal_is_certain(self, use: Use) -> None:
        """A price out of the band, nothing to reduce: Rejected, and none of its special kinds."""

        async def body(desk: Desk) -> None:
            for code in ("price_band", "reduce_only"):
                told = await _refused(desk, Rejected("refused", code=code), Rejected)
                special = (InsufficientMargin, WouldCross, BelowMinimum, AuthenticationFailed, UnknownOrder)
                assert not isinstance(told, special), f"{code} became {type(told).__name__}"

        use(body, Capability.TRADING, FAKE)

    def test_x237_an_unknown_order_is_told_apart(self, use: Use) -> None:
        """From a read and from a cancel alike, with the venue's own words."""

        async def body(desk: Desk) -> None:
            for call in (desk.trading.fetch_order, desk.trading.cancel_order):
                told = await outcome(call(desk.instrument.id, desk.name()))
                assert isinstance(told, UnknownOrder), f"{told!r}"

        use(body, Capability.TRADING, FAKE)

    def test_x238_an_error_names_the_exchange_and_the_code(self, use: Use) -> None:
        """Whoever reads a log of three venues has to know which one spoke, and what it said."""

        async def body(desk: Desk) -> None:
            told = await _refused(desk, InsufficientMargin("refused", code="insufficient_margin"), Rejected)
            assert told.code, "no code"
            assert desk.exchange.name in (told.exchange, str(told).partition(":")[0]), "no exchange"

        use(body, Capability.TRADING, FAKE)

    def test_x239_no_foreign_exception_leaves_a_plugin(self, use: Use) -> None:
        """Whatever a venue answers to whatever call: an error of our tree, never KeyError or TypeError."""

        async def body(desk: Desk) -> None:
            ready = [await desk.trading.prepare_order(await desk.request()) for _ in ODD]
            for prepared, answer in zip(ready, ODD, strict=True):
                with desk.ground.answering(answer):
                    for call in (*every_read(desk), *every_cancel(desk)):
                        await outcome(call())
                    await outcome(desk.trading.send_order(prepared))

        use(body, Capability.TRADING, FAKE)


async def _refused(
    desk: Desk, planned: ExchangeError, wanted: type[ExchangeError] | tuple[type[ExchangeError], ...]
) -> ExchangeError:
    """Let the venue refuse an order in this way; return what the plugin made of it."""
    prepared = await desk.trading.prepare_order(await desk.request())
    desk.ground.script.plan("send_order", before=planned)
    told = await outcome(desk.trading.send_order(prepared))
    assert desk.ground.script.is_used_up, "the order did not reach the venue"
    assert isinstance(told, wanted), f"{type(planned).__name__} became {told!r}"
    assert isinstance(told, ExchangeError)
    return told


async def _order(trading: Trading, request: OrderRequest) -> Order:
    return await trading.send_order(await trading.prepare_order(request))
