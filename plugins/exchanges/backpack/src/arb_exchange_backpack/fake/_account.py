"""Signed REST calls of the fake venue that read the account, and its one setting."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from arb.model import ZERO, Balance, MarginMode, Position

from ._fit import INITIAL, MAINTENANCE, QUOTE
from ._floor import Floor
from ._refusal import Refusal
from ._settled import SettledProfit
from ._shapes import USER_ID, decimal, fee_bps, function

MOST_LEVERAGE: Final = Decimal(50)
_SWITCHES: Final = ("autoBorrowSettlements", "autoLend", "autoRepayBorrows")
Params = Mapping[str, Any]


class AccountCalls:
    """Answers for the account."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._settled = SettledProfit(floor.memory)
        self._switches: dict[str, bool] = floor.memory.setdefault("account", dict.fromkeys(_SWITCHES, False))

    async def account(self, query: Params) -> Any:
        """Answer `GET /api/v1/account`."""
        listed = list((await self._floor.listed()).values())
        trading = self._floor.exchange.trading
        set_now = [(await trading.fetch_leverage(each.id))[0] for each in listed]
        fees = listed[0].fees
        return {
            **self._switches,
            "autoRealizePnl": True,
            "borrowLimit": "2500000",
            "futuresMakerFee": fee_bps(fees.maker),
            "futuresTakerFee": fee_bps(fees.taker),
            "leverageLimit": decimal(max(set_now)),
            "limitOrders": len(await trading.fetch_open_orders()),
            "liquidating": False,
            "positionLimit": "10000000",
            "spotMakerFee": "8",
            "spotTakerFee": "10",
            "triggerOrders": 0,
        }

    async def update(self, body: Params) -> Any:
        """Answer `PATCH /api/v1/account`: an empty body, whatever was changed."""
        self._switches |= {name: bool(body[name]) for name in _SWITCHES if name in body}
        if "leverageLimit" in body:
            await self._set_leverage(str(body["leverageLimit"]))
        return None

    async def positions(self, query: Params) -> Any:
        """Answer `GET /api/v1/position`."""
        held, paid = await self._held()
        wanted = query.get("symbol")
        rows = [await self._position(each, paid[each.instrument]) for each in held]
        return [row for row in rows if wanted in (None, row["symbol"])]

    async def collateral(self, query: Params) -> Any:
        """Answer `GET /api/v1/capital/collateral`."""
        (held, paid), balances = await self._both()
        cash = next((each for each in balances if each.currency == QUOTE), None)
        owned = (cash.cash if cash else ZERO) + sum(paid.values(), ZERO)
        equity = (cash.cash if cash else ZERO) + sum((each.unrealized_pnl for each in held), ZERO)
        available = min(cash.available, equity) if cash else ZERO
        exposure = sum((abs(each.quantity) * each.mark_price for each in held), ZERO)
        maintenance = cash.maintenance_margin if cash else None
        return {
            "assetsValue": decimal(owned),
            "borrowLiability": "0",
            "collateral": [_collateral(owned)],
            "imf": decimal(INITIAL.base),
            "unsettledEquity": "0",
            "liabilitiesValue": "0",
            "marginFraction": decimal(equity / exposure) if exposure else None,
            "mmf": decimal((maintenance or ZERO) / exposure) if exposure else decimal(MAINTENANCE.base),
            "netEquity": decimal(equity),
            "netEquityAvailable": decimal(available),
            "netEquityLocked": decimal(equity - available),
            "netExposureFutures": decimal(exposure),
            "pnlUnrealized": decimal(sum((each.unrealized_pnl - paid[each.instrument] for each in held), ZERO)),
        }

    async def capital(self, query: Params) -> Any:
        """Answer `GET /api/v1/capital`."""
        (_, paid), balances = await self._both()
        return {
            each.currency: {
                "available": decimal(each.cash + (sum(paid.values(), ZERO) if each.currency == QUOTE else ZERO)),
                "locked": "0",
                "staked": "0",
            }
            for each in balances
        }

    async def largest_order(self, query: Params) -> Any:
        """Answer `GET /api/v1/account/limits/order`."""
        instrument = await self._floor.instrument(query.get("symbol"))
        (_, _), balances = await self._both()
        bbo = await self._floor.exchange.market.fetch_bbo(instrument.id)
        leverage, _ = await self._floor.exchange.trading.fetch_leverage(instrument.id)
        available = max((each.available for each in balances if each.currency == QUOTE), default=ZERO)
        most = instrument.floor_quantity(max(ZERO, available) * leverage / bbo.ask)
        return {"symbol": instrument.symbol, "side": query.get("side"), "maxOrderQuantity": decimal(most)}

    async def _set_leverage(self, text: str) -> None:
        try:
            wanted = Decimal(text)
        except InvalidOperation:
            wanted = ZERO
        if not 1 <= wanted <= MOST_LEVERAGE:
            raise Refusal(400, "INVALID_CLIENT_REQUEST", "Invalid leverage limit")
        for each in (await self._floor.listed()).values():
            mine = min(wanted, each.margin_tiers[0].max_leverage)
            await self._floor.exchange.trading.set_leverage(each.id, mine, MarginMode.CROSS)

    async def _held(self) -> tuple[list[Position], dict[Any, Decimal]]:
        held = list(await self._floor.exchange.trading.fetch_positions())
        return held, self._settled.of(held, self._floor.now_ns)

    async def _both(self) -> tuple[tuple[list[Position], dict[Any, Decimal]], list[Balance]]:
        account = await self._floor.exchange.trading.fetch_account()
        held = list(account.positions)
        return (held, self._settled.of(held, self._floor.now_ns)), list(account.balances)

    async def _position(self, held: Position, paid: Decimal) -> dict[str, Any]:
        symbol = await self._floor.symbol_of(held.instrument)
        notional = abs(held.quantity) * held.mark_price
        liquidation = held.liquidation_price
        return {
            "symbol": symbol,
            "positionId": str(zlib.crc32(symbol.encode())),
            "userId": USER_ID,
            "subaccountId": None,
            "netQuantity": decimal(held.quantity),
            "netCost": decimal(held.quantity * held.entry_price),
            "netExposureQuantity": decimal(abs(held.quantity)),
            "netExposureNotional": decimal(notional),
            "entryPrice": decimal(held.entry_price),
            "breakEvenPrice": decimal(held.entry_price),
            "markPrice": decimal(held.mark_price),
            "estLiquidationPrice": "0" if liquidation is None else decimal(liquidation),
            "pnlRealized": decimal(paid),
            "pnlUnrealized": decimal((held.unrealized_pnl - paid).quantize(Decimal("0.000001"))),
            "cumulativeFundingPayment": "0",
            "cumulativeInterest": "0",
            "imf": decimal(INITIAL.at(notional)),
            "imfFunction": function(INITIAL),
            "mmf": decimal(MAINTENANCE.at(notional)),
            "mmfFunction": function(MAINTENANCE),
        }


def _collateral(owned: Decimal) -> dict[str, Any]:
    text = decimal(owned)
    return {
        "symbol": QUOTE,
        "assetMarkPrice": "1",
        "totalQuantity": text,
        "balanceNotional": text,
        "collateralWeight": "1",
        "collateralValue": text,
        "openOrderQuantity": "0",
        "lendQuantity": "0",
        "availableQuantity": text,
    }
