"""Leverage and margin type, which are set for each symbol."""

from __future__ import annotations

from decimal import Decimal

from arb.api import BadResponse, Context, Rejected
from arb.model import InstrumentId, MarginMode
from arb.net import reading, row_of, whole

from ._account import WORDS, SymbolSettings, settings_of
from ._catalog import Catalog
from ._dialect import Dialect
from ._errors import SAME_MARGIN_TYPE
from ._rest import VenueRest


class SymbolLeverage:
    """Sets them and reads them back."""

    def __init__(self, context: Context, dialect: Dialect, rest: VenueRest, catalog: Catalog) -> None:
        self._context = context
        self._endpoints = dialect.endpoints
        self._rest = rest
        self._catalog = catalog

    async def read(self, instrument: InstrumentId) -> tuple[Decimal, MarginMode]:
        """Return what the venue has set now."""
        listed = await self._catalog.instrument(instrument)
        found = await self._of(listed.symbol)
        return found.leverage, found.mode

    async def set(self, instrument: InstrumentId, leverage: Decimal, mode: MarginMode) -> None:
        """Set the margin type, then the leverage; what is set already is left alone.

        Raises:
            Rejected: a leverage that is no whole number or that the instrument does not have, or the venue refuses,
                such as another margin type while there is a position or an order.
            BadResponse: the venue has something else afterwards.
        """
        listed = await self._catalog.instrument(instrument)
        most = listed.margin_tiers[0].max_leverage
        if leverage != leverage.to_integral_value() or not 1 <= leverage <= most:
            text = f"leverage of {instrument} must be a whole number from 1 to {most}, not {leverage}"
            raise Rejected(text, exchange=self._context.name, code="leverage")
        before = await self._of(listed.symbol)
        if before.mode is not mode:
            await self._set_mode(listed.symbol, mode)
        if before.leverage != leverage:
            await self._set_leverage(listed.symbol, leverage)
        after = await self._of(listed.symbol)
        if after != SymbolSettings(leverage, mode):
            text = f"{instrument} was set to {leverage} {mode} and reads {after.leverage} {after.mode}"
            raise BadResponse(text, exchange=self._context.name, code="leverage")

    async def _set_mode(self, symbol: str, mode: MarginMode) -> None:
        params = {"symbol": symbol, "marginType": WORDS[mode]}
        try:
            await self._rest.write("POST", self._endpoints.margin_type, params)
        except Rejected as error:
            if error.code != SAME_MARGIN_TYPE:
                raise

    async def _set_leverage(self, symbol: str, leverage: Decimal) -> None:
        params = {"symbol": symbol, "leverage": f"{int(leverage)}"}
        answer = await self._rest.write("POST", self._endpoints.leverage, params)
        with reading(self._context.name, f"the leverage of {symbol}"):
            whole(row_of(answer)["leverage"])

    async def _of(self, symbol: str) -> SymbolSettings:
        answer = await self._rest.read(self._endpoints.settings, {"symbol": symbol})
        with reading(self._context.name, f"the settings of {symbol}"):
            return settings_of(answer)[symbol]
