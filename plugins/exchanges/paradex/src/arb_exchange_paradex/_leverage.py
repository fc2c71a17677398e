"""Leverage of one market, in cross margin: isolated margin would need an account of its own at Paradex."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

from arb.api import BadResponse, Context, Rejected
from arb.model import InstrumentId, MarginMode
from arb.net import FirstContact, decoded, maybe_positive, positive, reading

from ._catalog import Catalog
from ._rest import VenueRest

_MODES: Final = {"CROSS": MarginMode.CROSS, "ISOLATED": MarginMode.ISOLATED}


class MarketLeverage:
    """Sets the leverage of a market and reads it back."""

    def __init__(self, context: Context, rest: VenueRest, catalog: Catalog, contact: FirstContact) -> None:
        self._context = context
        self._rest = rest
        self._catalog = catalog
        self._contact = contact

    async def read(self, instrument: InstrumentId) -> tuple[Decimal, MarginMode]:
        """Return what the venue has; where nothing was ever set that is the market's most, in cross margin."""
        listed = await self._catalog.instrument(instrument)
        answer = await self._rest.read("/account/margin", {"market": listed.symbol})
        with reading(self._context.name, f"the leverage of {listed.symbol}"):
            mine = [row for row in answer["configs"] if row["market"] == listed.symbol]
            if not mine:
                return listed.margin_tiers[0].max_leverage, MarginMode.CROSS
            mode = _MODES[mine[0]["margin_type"]]
            if mode is MarginMode.ISOLATED:
                own = maybe_positive(mine[0].get("isolated_margin_leverage"))
                return own or positive(mine[0]["leverage"]), mode
            return positive(mine[0]["leverage"]), mode

    async def set(self, instrument: InstrumentId, leverage: Decimal, mode: MarginMode) -> None:
        """Set it, and read it back.

        Raises:
            Rejected: isolated margin, or a leverage that the market does not have; nothing was sent.
            BadResponse: the venue has another one afterwards.
        """
        await self._contact.before_trading()
        listed = await self._catalog.instrument(instrument)
        most = listed.margin_tiers[0].max_leverage
        if mode is not MarginMode.CROSS:
            raise self._refused(f"{instrument}: {mode} margin needs an account of its own at Paradex", "margin_mode")
        if not leverage.is_finite() or not 1 <= leverage <= most or leverage != leverage.to_integral_value():
            why = f"leverage of {instrument} is a whole number from 1 to {most}, not {leverage}"
            raise self._refused(why, "leverage")
        body: dict[str, Any] = {"leverage": int(leverage), "margin_type": "CROSS"}
        response = await self._rest.change("POST", f"/account/margin/{quote(listed.symbol)}", body=body)
        with reading(self._context.name, f"the answer to the leverage of {listed.symbol}"):
            told = positive(decoded(response.body, self._context.name)["leverage"])
        after = await self.read(instrument)
        if told != leverage or after != (leverage, mode):
            why = f"the leverage of {instrument} was set to {leverage} and reads {after[0]} ({after[1]})"
            raise BadResponse(why, exchange=self._context.name, code="leverage")

    def _refused(self, text: str, code: str) -> Rejected:
        return Rejected(text, exchange=self._context.name, code=code)
