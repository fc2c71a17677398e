"""Leverage. Backpack has one limit for the whole account, and cross margin alone."""

from __future__ import annotations

from decimal import Decimal

from arb.api import BadResponse, Context, Rejected
from arb.model import InstrumentId, MarginMode
from arb.net import number, positive, reading, rows_of, text

from ._catalog import Catalog
from ._rest import VenueRest


class AccountLeverage:
    """Sets the account's limit and reads it back."""

    def __init__(self, context: Context, rest: VenueRest, catalog: Catalog) -> None:
        self._context = context
        self._rest = rest
        self._catalog = catalog

    async def read(self, instrument: InstrumentId) -> tuple[Decimal, MarginMode]:
        """Return the account's limit, which is that of every instrument."""
        await self._catalog.instrument(instrument)
        return await self._limit(), MarginMode.CROSS

    async def set(self, instrument: InstrumentId, leverage: Decimal, mode: MarginMode) -> None:
        """Set the account's limit. One that is set already is left alone.

        Raises:
            Rejected: isolated margin, a leverage that the instrument does not have, or a change while a position
                in another instrument is open: it would change the margin of that one too.
            BadResponse: the venue has another limit afterwards.
        """
        listed = await self._catalog.instrument(instrument)
        most = listed.margin_tiers[0].max_leverage
        if mode is not MarginMode.CROSS:
            raise self._refused(f"{instrument}: Backpack has no {mode} margin", "margin_mode")
        if not 1 <= leverage <= most:
            raise self._refused(f"leverage of {instrument} must be between 1 and {most}, not {leverage}", "leverage")
        before = await self._limit()
        if before == leverage:
            return
        others = [each for each in await self._held() if each != listed.symbol]
        if others:
            why = f"the leverage of {instrument} is that of the whole account: it stays at {before} while there are"
            raise self._refused(f"{why} positions in {', '.join(others)}", "leverage_is_shared")
        await self._rest.write("PATCH", "/api/v1/account", "accountUpdate", {"leverageLimit": f"{leverage:f}"})
        after = await self._limit()
        if after != leverage:
            why = f"the account's leverage was set to {leverage} and reads {after}"
            raise BadResponse(why, exchange=self._context.name, code="leverage")

    async def _limit(self) -> Decimal:
        answer = await self._rest.read("/api/v1/account", "accountQuery")
        with reading(self._context.name, "the account's leverage"):
            return positive(answer["leverageLimit"])

    async def _held(self) -> list[str]:
        """Return the symbols of what is held, markets of every type among them: the limit is of them all."""
        answer = await self._rest.read("/api/v1/position", "positionQuery")
        with reading(self._context.name, "positions"):
            return [text(row["symbol"]) for row in rows_of(answer) if number(row["netQuantity"])]

    def _refused(self, why: str, code: str) -> Rejected:
        return Rejected(why, exchange=self._context.name, code=code)
