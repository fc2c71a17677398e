"""What the venue's routes and sockets share: the ground, its memory, and who is who."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from arb.api import FakeGround
from arb.model import (
    DAY_NS,
    MILLISECOND_NS,
    SECOND_NS,
    Fill,
    FundingRate,
    Instrument,
    InstrumentId,
    MarketStats,
    Order,
    Position,
)

from ._account_rows import account_row, by_market, order_row, payment_row, position_row, trade_row
from ._curve import key_table, verified
from ._keys import ACCOUNT_INDEX, API_KEY_INDEX, PRIVATE_KEY
from ._memory import Memory, memory_of
from ._refusals import Refused, TokenRefused
from ._rows import Row, stats_row
from ._transactions import token_message

_DAY_S = DAY_NS // SECOND_NS
_LONGEST_TOKEN_S = 8 * 3_600


class VenueDesk:
    """One venue with one account.

    Attributes:
        checks_signatures: Whether transactions and tokens are verified; see :func:`open_fake`.
    """

    def __init__(self, ground: FakeGround, *, checks_signatures: bool) -> None:
        self.ground = ground
        self.exchange: Any = ground.exchange
        self.memory: Memory = memory_of(ground)
        self.checks_signatures = checks_signatures
        self.heard_refused: list[Callable[[Row], None]] = []
        self._numbers: dict[InstrumentId, int] = {}
        self._instruments: dict[int, Instrument] = {}
        self._tokens: set[str] = set()

    @property
    def now_ns(self) -> int:
        """Return the venue's time."""
        return self.ground.clock.now_ns()

    @property
    def now_ms(self) -> int:
        """Return the venue's time."""
        return self.now_ns // MILLISECOND_NS

    async def learn(self) -> None:
        """Read the instruments, whose places in the list are their market numbers."""
        for place, instrument in enumerate(await self.exchange.market.fetch_instruments()):
            self._numbers.setdefault(instrument.id, place)
            self._instruments[self._numbers[instrument.id]] = instrument

    async def markets(self) -> Mapping[int, Instrument]:
        """Return the instruments by market."""
        if not self._instruments:
            await self.learn()
        return self._instruments

    async def market(self, market_id: Any) -> Instrument:
        """Return the instrument of a market; raises Refused."""
        found = (await self.markets()).get(_number(market_id))
        if found is None:
            raise Refused(20001, "invalid param : invalid market id")
        return found

    def number(self, instrument: InstrumentId) -> int:
        """Return the market of an instrument."""
        return self._numbers[instrument]

    async def stats(self) -> Mapping[InstrumentId, MarketStats]:
        """Return the figures of every instrument."""
        return {row.instrument: row for row in await self.exchange.market.fetch_stats()}

    async def rates(self) -> Mapping[InstrumentId, FundingRate]:
        """Return the coming rates."""
        return {row.instrument: row for row in await self.exchange.market.fetch_funding_rates()}

    async def stats_rows(self) -> Mapping[str, Row]:
        """Return what the channel `market_stats/all` shows."""
        markets, stats, rates = await self.markets(), await self.stats(), await self.rates()
        return {
            str(market_id): stats_row(one, market_id, stats.get(one.id), rates.get(one.id))
            for market_id, one in markets.items()
        }

    def authorized(self, headers: Mapping[str, str], params: Mapping[str, str]) -> None:
        """Refuse a private read of anybody but the account's owner; raises TokenRefused."""
        given = {name.lower(): value for name, value in headers.items()}
        self.check_token(given.get("authorization") or params.get("authorization") or params.get("auth") or "")
        asked = params.get("account_index")
        if asked is not None and _number(asked) != ACCOUNT_INDEX:
            raise TokenRefused("the token is another account's")

    def check_token(self, token: str) -> None:
        """Check deadline, owner and signature of a token; raises TokenRefused."""
        parts = token.split(":")
        if len(parts) != 4 or not parts[0].isdigit():
            raise TokenRefused("no token")
        deadline_s, now_s = int(parts[0]), self.now_ns // SECOND_NS
        if not now_s < deadline_s <= now_s + _LONGEST_TOKEN_S:
            raise TokenRefused("the token has expired, or is valid for too long")
        if parts[1:3] != [str(ACCOUNT_INDEX), str(API_KEY_INDEX)]:
            raise TokenRefused("api key not found")
        if not self.checks_signatures or token in self._tokens:
            return
        try:
            signature = bytes.fromhex(parts[3])
        except ValueError:
            raise TokenRefused("no signature") from None
        message = token_message(":".join(parts[:3]))
        if not verified(key_table(bytes.fromhex(PRIVATE_KEY)), message, signature):
            raise TokenRefused("couldn't verify signature")
        self._tokens.add(token)

    async def order_rows(self, orders: Sequence[Order]) -> list[Row]:
        """Return orders as rows."""
        markets = await self.markets()
        return [
            order_row(
                order,
                markets[self.number(order.request.instrument)],
                self.number(order.request.instrument),
                self.memory.placed.get(order.request.client_order_id),
            )
            for order in orders
        ]

    async def open_rows(self) -> list[Row]:
        """Return the orders that rest."""
        await self.markets()
        return await self.order_rows(await self.exchange.trading.fetch_open_orders())

    async def all_rows(self, since_ns: int) -> list[Row]:
        """Return every order that changed since, and those that were refused, newest first."""
        await self.markets()
        rows = await self.order_rows(await self.exchange.trading.fetch_orders(since_ns))
        return sorted([*rows, *self.memory.refused], key=lambda row: -int(row["order_index"]))

    async def trade_rows(self, fills: Sequence[Fill]) -> list[Row]:
        """Return fills as rows."""
        markets = await self.markets()
        return [trade_row(fill, markets[self.number(fill.instrument)], self.number(fill.instrument)) for fill in fills]

    async def payment_rows(self, since_ns: int) -> list[Row]:
        """Return funding payments, newest first."""
        await self.markets()
        payments = await self.exchange.trading.fetch_funding_payments(since_ns)
        return [payment_row(each, self.number(each.instrument)) for each in reversed(payments)]

    async def account(self) -> Row:
        """Return the account."""
        account = await self.exchange.trading.fetch_account()
        positions = await self._position_rows(account.positions)
        (balance,) = [row for row in account.balances if row.currency == "USDC"]
        return account_row(balance, positions, sum(row["open_order_count"] for row in positions))

    async def position_rows(self) -> list[Row]:
        """Return a row for every market; a flat one shows the margin that is set."""
        return await self._position_rows(await self.exchange.trading.fetch_positions())

    async def _position_rows(self, positions: Sequence[Position]) -> list[Row]:
        trading, markets = self.exchange.trading, await self.markets()
        held: dict[InstrumentId, Position] = {row.instrument: row for row in positions}
        resting = by_market(await self.open_rows(), "market_index")
        rows = []
        for market_id, instrument in markets.items():
            leverage, mode = await trading.fetch_leverage(instrument.id)
            fraction = fraction_of(self.memory.fractions.get(market_id), leverage)
            count = len(resting.get(str(market_id), ()))
            rows.append(position_row(held.get(instrument.id), instrument, market_id, fraction, mode, count))
        return rows


def fraction_of(written: int | None, leverage: Decimal) -> int:
    """Return the margin fraction of a leverage: the one that was sent, where it was sent for that leverage."""
    if written is not None and leverage_of(written) == leverage:
        return written
    return int(Decimal(10_000) / leverage)


def leverage_of(fraction: int) -> Decimal:
    """Return the leverage that apps mean by a margin fraction: 3 by 3333, although that is a little more."""
    exact = Decimal(10_000) / fraction
    whole = round(exact)
    return Decimal(whole) if fraction in (10_000 // whole, -(-10_000 // whole)) else exact


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise Refused(20001, f"invalid param : {value!r}") from None
