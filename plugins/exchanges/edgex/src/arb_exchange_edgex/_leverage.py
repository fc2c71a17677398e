"""Leverage and margin mode, contract by contract."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from arb.api import BadResponse, Context, Rejected
from arb.model import DAY_NS, HOUR_NS, MILLISECOND_NS, InstrumentId, MarginMode
from arb.net import reading, row_of

from ._account import MODE_NUMBERS, leverage_of, mode_of
from ._catalog import Catalog
from ._errors import OPEN_ORDERS
from ._markets import Market
from ._rest import VenueRest
from ._signing import Chain, TypedSigner, nonce_of

_SIGNED_FOR_NS: Final = 14 * DAY_NS
"""From the next full hour on, as the venue's own client signs it."""


class ContractLeverage:
    """Sets leverage and margin mode of a contract, and reads them back."""

    def __init__(self, context: Context, rest: VenueRest, catalog: Catalog, signer: TypedSigner) -> None:
        self._context = context
        self._rest = rest
        self._catalog = catalog
        self._signer = signer

    async def read(self, instrument: InstrumentId) -> tuple[Decimal, MarginMode]:
        """Return what the venue has set now."""
        return await self._now(await self._catalog.market(instrument))

    async def set(self, instrument: InstrumentId, leverage: Decimal, mode: MarginMode) -> None:
        """Set both. What is set already is left alone.

        Raises:
            Rejected: a leverage that the contract does not have, orders that rest in it, or a mode that the venue
                does not change now.
            BadResponse: the venue has something else afterwards.
        """
        listing = await self._catalog.listing()
        market = listing.market(instrument)
        most = market.instrument.margin_tiers[0].max_leverage
        if not 1 <= leverage <= most or leverage != leverage.to_integral_value():
            text = f"leverage of {instrument} must be a whole number between 1 and {most}, not {leverage}"
            raise Rejected(text, exchange=self._context.name, code="leverage")
        before, mode_before = await self._now(market)
        if mode is not mode_before:
            await self._rest.write(
                "/api/v2/private/account/setMarginMode", self._mode_body(listing.chain, market, mode)
            )
        if leverage != before:
            await self._set_leverage(market, leverage)
        if (leverage, mode) != (before, mode_before):
            after = await self._now(market)
            if after != (leverage, mode):
                text = f"{instrument} was set to {leverage}, {mode} and reads {after[0]}, {after[1]}"
                raise BadResponse(text, exchange=self._context.name, code="leverage")

    async def _set_leverage(self, market: Market, leverage: Decimal) -> None:
        body = {
            "accountId": self._rest.account_id,
            "contractId": market.contract_id,
            "leverage": f"{leverage.to_integral_value():f}",
        }
        try:
            await self._rest.write("/api/v2/private/account/updateLeverageSetting", body)
        except Rejected as error:
            if error.code != OPEN_ORDERS:
                raise
            text = f"leverage of {market.instrument.id} cannot change while orders rest in it: cancel them first"
            raise Rejected(text, exchange=self._context.name, code=OPEN_ORDERS) from error

    def _mode_body(self, chain: Chain, market: Market, mode: MarginMode) -> dict[str, str]:
        now_ns = self._rest.time.now_ns()
        return margin_mode_body(
            chain,
            self._rest.account_id,
            self._signer,
            market.contract_id,
            MODE_NUMBERS[mode],
            client_id=self._context.ids.new(),
            now_ns=now_ns,
        )

    async def _now(self, market: Market) -> tuple[Decimal, MarginMode]:
        data = await self._rest.read("/api/v2/private/account/getAccountAsset")
        with reading(self._context.name, "the account's leverage"):
            account = row_of(row_of(data)["account"])
            return leverage_of(account, market), mode_of(account, market.contract_id)


def margin_mode_body(
    chain: Chain,
    account_id: str,
    signer: TypedSigner,
    contract_id: str,
    mode: int,
    *,
    client_id: str,
    now_ns: int,
) -> dict[str, str]:
    """Return the body of `POST /api/v2/private/account/setMarginMode`, signed; 0 is cross, 1 isolated."""
    nonce = nonce_of(client_id)
    expires_ns = -(-now_ns // HOUR_NS) * HOUR_NS + _SIGNED_FOR_NS
    return {
        "accountId": account_id,
        "contractId": contract_id,
        "marginMode": str(mode),
        "l2Nonce": str(nonce),
        "l2ExpireTime": str(expires_ns // MILLISECOND_NS),
        "signer": signer.address,
        "l2Signature": signer.margin_mode(chain, int(contract_id), mode, nonce),
    }
