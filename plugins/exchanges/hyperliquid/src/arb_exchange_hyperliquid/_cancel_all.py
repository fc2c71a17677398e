"""Cancelling everything that rests, as far as it can be reached."""

from __future__ import annotations

from typing import Final

from arb.api import BadResponse, Context, ExchangeError
from arb.model import InstrumentId
from arb.net import BAD_SHAPE, Row, reading, whole

from ._actions import Actions
from ._client import Client
from ._errors import NOT_OPEN
from ._listing import Market
from ._market import HyperliquidMarket
from ._open_rows import open_rows
from ._order_rows import cancel_errors, order_row

CANCEL_BATCH: Final = 200


class CancelAll:
    """Cancels by the venue's numbers: of an order nothing else has to be readable.

    What cannot be cancelled, or listed, keeps nothing else from being cancelled.
    """

    def __init__(
        self, client: Client, market: HyperliquidMarket, actions: Actions, user: str, context: Context
    ) -> None:
        """Send nothing yet; `user` is the account's address."""
        self._client = client
        self._market = market
        self._actions = actions
        self._user = user
        self._log = context.log

    async def run(self, instrument: InstrumentId | None) -> None:
        """Cancel what rests in a market or in all; an order that ends meanwhile is no error.

        Raises:
            ExchangeError: what went wrong first, when everything else is cancelled; the rest is logged.
        """
        errors: list[ExchangeError] = []
        only = None if instrument is None else await self._market.market_of(instrument)
        rows = await self._rows(only, errors)
        listing = await self._market.listing()
        known = [(market, oid) for coin, oid in rows if (market := listing.of_coin(coin)) is not None]
        await self._cancel(known, errors)
        # A listing that is read anew may know the others. It is not waited for before the first are cancelled.
        await self._cancel(await self._listed([row for row in rows if listing.of_coin(row[0]) is None], errors), errors)
        for error in errors[1:]:
            self._log.warning("not everything was cancelled: %s", error)
        if errors:
            raise errors[0]

    async def _rows(self, only: Market | None, errors: list[ExchangeError]) -> list[tuple[str, int]]:
        """Return coin and number of each order."""
        found = []
        for dex in self._market.dex_names if only is None else (only.dex,):
            try:
                rows = await open_rows(self._client, self._user, dex, urgent=True)
            except ExchangeError as error:
                errors.append(error)
                continue
            for row in rows:
                try:
                    with reading(self._client.name, "an open order"):
                        coin, oid = str(row["coin"]), whole(row["oid"])
                except BadResponse as error:
                    errors.append(error)
                    continue
                if (only is None or coin == only.coin) and _may_rest(row):
                    found.append((coin, oid))
        return found

    async def _listed(self, rows: list[tuple[str, int]], errors: list[ExchangeError]) -> list[tuple[Market, int]]:
        found = []
        for coin in dict.fromkeys(coin for coin, _ in rows):
            try:
                market = await self._market.market_of_coin(coin)
            except ExchangeError as error:
                errors.append(error)
                continue
            if market is not None:
                found += [(market, oid) for each, oid in rows if each == coin]
        return found

    async def _cancel(self, orders: list[tuple[Market, int]], errors: list[ExchangeError]) -> None:
        for start in range(0, len(orders), CANCEL_BATCH):
            wires = [{"a": market.asset, "o": oid} for market, oid in orders[start : start + CANCEL_BATCH]]
            try:
                answer = await self._actions.do({"type": "cancel", "cancels": wires}, count=len(wires))
                told = cancel_errors(answer, len(wires), self._client.name)
            except ExchangeError as error:
                errors.append(error)
                continue
            errors += [error for error in told if error is not None and error.code != NOT_OPEN]


def _may_rest(row: Row) -> bool:
    """Whether it rests, or cannot be read so far: a stop for a whole position has no size of its own and does not."""
    try:
        return order_row(row).quantity > 0
    except BAD_SHAPE:
        return True
