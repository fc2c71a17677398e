"""Leverage and margin mode of one instrument: signed, and read back."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from arb.api import BadResponse, ClockRefused, Context, Rejected
from arb.model import InstrumentId, MarginMode
from arb.net import reading

from ._account import leverage_of
from ._catalog import Catalog
from ._markets import Market
from ._order_desk import OrderDesk
from ._rest import Pace, VenueRest
from ._settings import GrvtSettings
from ._signing import CROSS, ISOLATED, Signer

_TYPES: Final = {MarginMode.CROSS: ("CROSS", CROSS), MarginMode.ISOLATED: ("ISOLATED", ISOLATED)}


class PositionConfig:
    """Sets what the venue keeps for each instrument and reads it back."""

    def __init__(
        self,
        context: Context,
        settings: GrvtSettings,
        *,
        rest: VenueRest,
        catalog: Catalog,
        signer: Signer,
        desk: OrderDesk,
    ) -> None:
        """Send nothing yet."""
        self._context = context
        self._settings = settings
        self._rest = rest
        self._catalog = catalog
        self._signer = signer
        self._desk = desk

    async def read(self, instrument: InstrumentId) -> tuple[Decimal, MarginMode]:
        """Return what is set."""
        leverage, mode, _ = await self._read(instrument)
        return leverage, mode

    async def set(self, instrument: InstrumentId, leverage: Decimal, mode: MarginMode) -> None:
        """Set both. What is set already is left alone.

        Raises:
            Rejected: beyond what the venue lets be set, or a change of the mode with a position or orders open.
            NotSent: nothing is known of the venue's time.
            BadResponse: the venue has something else afterwards.
        """
        market = await self._catalog.market(instrument)
        before = await self._read(instrument)
        most = before[2] or market.instrument.margin_tiers[0].max_leverage
        if not leverage.is_finite() or not 1 <= leverage <= most:
            why = f"leverage of {instrument} must be between 1 and {most}, not {leverage}"
            raise Rejected(why, exchange=self._context.name, code="leverage")
        if before[:2] == (leverage, mode):
            return
        try:
            await self._write(market, leverage, mode)
        except ClockRefused:
            # Our idea of the venue's time was wrong; the venue did nothing, and its time is asked before the next.
            await self._write(market, leverage, mode)
        after = await self._read(instrument)
        if after[:2] != (leverage, mode):
            why = f"{instrument} was set to {leverage} {mode} and reads {after[0]} {after[1]}"
            raise BadResponse(why, exchange=self._context.name, code="leverage")

    async def _write(self, market: Market, leverage: Decimal, mode: MarginMode) -> None:
        await self._rest.time.required()
        word, kind = _TYPES[mode]
        expiration_ns = self._rest.time.now_ns() + self._settings.order_validity
        signature = self._signer.position_config(
            market.asset_id, kind, leverage, nonce=self._desk.nonce(), expiration_ns=expiration_ns
        )
        body = {
            "sub_account_id": self._settings.sub_account_id,
            "instrument": market.instrument.symbol,
            "margin_type": word,
            "leverage": f"{leverage:f}",
            "signature": signature,
        }
        await self._rest.write("/full/v1/set_position_config", body, pace=Pace.ACCOUNT)

    async def _read(self, instrument: InstrumentId) -> tuple[Decimal, MarginMode, Decimal | None]:
        symbol = (await self._catalog.market(instrument)).instrument.symbol
        body = {"sub_account_id": self._settings.sub_account_id}
        answer = await self._rest.read("/full/v1/get_all_initial_leverage", body, pace=Pace.ACCOUNT)
        with reading(self._context.name, "the leverage"):
            return leverage_of(answer, symbol)
