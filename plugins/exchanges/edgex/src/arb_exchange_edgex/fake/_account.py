"""Private REST calls of the fake venue that read the account, and its settings."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from arb.api import Rejected
from arb.model import DAY_NS, ZERO, Balance, Instrument, MarginMode, Position

from . import _shapes as shapes
from ._floor import Floor
from ._keys import ACCOUNT_ID, TRADING_KEY, WALLET_KEY, address_of
from ._paging import Rows, by_creation, chosen, paged
from ._refusal import Refusal
from ._typed import positive, require_margin_mode

_MODES: Final = (MarginMode.CROSS, MarginMode.ISOLATED)
_TRANSACTIONS: Final = {"filterTypeList": "type", "filterCoinIdList": "coinId"}
_FILLS: Final = {"filterContractIdList": "contractId", "filterOrderIdList": "orderId"}
Params = Mapping[str, Any]


class AccountCalls:
    """Answers for the account."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        if "opened" not in floor.memory:
            floor.memory["opened"] = {"ns": floor.now_ns}

    async def asset(self, query: Params) -> Any:
        """Answer `getAccountAsset`."""
        now = await self._floor.exchange.trading.fetch_account()
        held, balances = list(now.positions), list(now.balances)
        numbers = [await self._floor.number_of(each.instrument) for each in held]
        return {
            "account": await self.account(query),
            "collateralList": [_collateral(each, held) for each in balances],
            "positionList": [_position(*each) for each in zip(numbers, held, strict=True)],
            "version": "1000",
            "positionAssetList": [_value(*each) for each in zip(numbers, held, strict=True)],
            "collateralAssetModelList": [_model(each, held) for each in balances],
            "oraclePriceList": [],
        }

    async def account(self, query: Params) -> Any:
        """Answer `getAccountById`."""
        settings, modes = {}, {}
        for number, each in (await self._floor.listed()).items():
            leverage, mode = await self._floor.exchange.trading.fetch_leverage(each.id)
            settings[number] = _setting(each, leverage)
            modes[number] = str(_MODES.index(mode))
        return {
            "id": ACCOUNT_ID,
            "userId": shapes.USER_ID,
            "ethAddress": address_of(WALLET_KEY),
            "signers": [address_of(TRADING_KEY)],
            "clientAccountId": "main",
            "defaultTradeSetting": {"isSetFeeRate": False, "isSetMaxLeverage": False},
            "contractIdToTradeSetting": settings,
            "contractIdToMarginMode": modes,
            "createOrderPerMinuteLimit": 0,
            "status": "NORMAL",
            "isLiquidating": False,
        }

    async def set_leverage(self, body: Params) -> Any:
        """Answer `updateLeverageSetting`; not while orders rest in the contract."""
        instrument = await self._floor.instrument(body.get("contractId"))
        trading = self._floor.exchange.trading
        if any(each.request.instrument == instrument.id for each in await trading.fetch_open_orders()):
            raise Refusal("ACCOUNT_UPDATE_LEVERAGE_FAILED_ORDER")
        _, mode = await trading.fetch_leverage(instrument.id)
        await self._set(instrument, positive(body, "leverage"), mode)
        return None

    async def set_margin_mode(self, body: Params) -> Any:
        """Answer `setMarginMode`."""
        instrument = await self._floor.instrument(body.get("contractId"))
        mode = _MODES[require_margin_mode(body)]
        leverage, _ = await self._floor.exchange.trading.fetch_leverage(instrument.id)
        await self._set(instrument, leverage, mode)
        return None

    async def fills(self, query: Params) -> Any:
        """Answer `getHistoryOrderFillTransactionPage`."""
        rows = [
            shapes.fill(each, await self._floor.number_of(each.instrument))
            for each in await self._floor.exchange.trading.fetch_fills(0)
        ]
        return paged(chosen(rows, query, _FILLS), query, most=100, place=by_creation)

    async def collateral(self, query: Params) -> Any:
        """Answer `getCollateralTransactionPage`: the deposit that the account began with, trades and funding."""
        return paged(chosen(await self._transactions(), query, _TRANSACTIONS), query, most=100, place=by_creation)

    async def positions(self, query: Params) -> Any:
        """Answer `getPositionByContractId`."""
        wanted = str(query.get("contractIdList", "")).split(",")
        rows = (await self.asset(query))["positionList"]
        return [row for row in rows if row["contractId"] in wanted]

    async def _transactions(self) -> Rows:
        trading, rows = self._floor.exchange.trading, []
        total = sum((each.cash for each in await trading.fetch_balances()), ZERO)
        for fill in await trading.fetch_fills(0):
            number = await self._floor.number_of(fill.instrument)
            kind = "POSITION_BUY" if fill.side.sign > 0 else "POSITION_SELL"
            amount = -fill.side.sign * fill.price * fill.quantity - fill.fee
            id_ = f"{shapes.ms(fill.ts_event_ns)}{int(fill.fill_id) % 100_000:05d}9"
            rows.append(shapes.collateral(id_, kind, amount, fill.ts_event_ns, contract_id=number))
            total -= (fill.realized_pnl or ZERO) - fill.fee
        for payment in await trading.fetch_funding_payments(0):
            number = await self._floor.number_of(payment.instrument)
            id_ = shapes.payment_id(payment, number)
            rows.append(shapes.collateral(id_, "POSITION_FUNDING", payment.amount, payment.settled_ns, payment, number))
            total -= payment.amount
        deposited_ns = self._floor.memory["opened"]["ns"] - DAY_NS
        rows.append(shapes.collateral(f"{shapes.ms(deposited_ns)}0000", "DEPOSIT", total, deposited_ns))
        return rows

    async def _set(self, instrument: Instrument, leverage: Decimal, mode: MarginMode) -> None:
        try:
            await self._floor.exchange.trading.set_leverage(instrument.id, leverage, mode)
        except Rejected:
            raise Refusal("GATEWAY_PARAM_INVALID") from None


def _setting(instrument: Instrument, leverage: Decimal) -> dict[str, Any]:
    return {
        "isSetFeeRate": True,
        "takerFeeRate": shapes.decimal(instrument.fees.taker),
        "makerFeeRate": shapes.decimal(instrument.fees.maker),
        "isSetFeeDiscount": False,
        "takerFeeDiscount": "0",
        "makerFeeDiscount": "0",
        "isSetMaxLeverage": True,
        "maxLeverage": shapes.decimal(leverage),
    }


def _position(number: str, held: Position) -> dict[str, Any]:
    return {
        "coinId": shapes.COIN_ID,
        "contractId": number,
        "openSize": shapes.decimal(held.quantity),
        "openValue": shapes.decimal(held.quantity * held.mark_price - held.unrealized_pnl),
        "fundingFee": "0",
        "marginMode": held.margin_mode.name,
    }


def _value(number: str, held: Position) -> dict[str, Any]:
    liquidation = held.liquidation_price
    return {
        "coinId": shapes.COIN_ID,
        "contractId": number,
        "positionValue": shapes.decimal(held.quantity * held.mark_price),
        "maxLeverage": "" if held.leverage is None else shapes.decimal(held.leverage),
        "avgEntryPrice": shapes.decimal(held.entry_price),
        "liquidatePrice": "0" if liquidation is None else shapes.decimal(liquidation),
        "unrealizePnl": shapes.decimal(held.unrealized_pnl),
    }


def _collateral(balance: Balance, held: list[Position]) -> dict[str, Any]:
    open_value = sum((each.quantity * each.mark_price - each.unrealized_pnl for each in held), ZERO)
    return {
        "coinId": shapes.COIN_ID,
        "amount": shapes.decimal(balance.cash - open_value),
        "legacyAmount": shapes.decimal(balance.cash),
    }


def _model(balance: Balance, held: list[Position]) -> dict[str, Any]:
    total = sum((abs(each.quantity) * each.mark_price for each in held), ZERO)
    return {
        "coinId": shapes.COIN_ID,
        "totalEquity": shapes.decimal(balance.equity),
        "totalPositionValueAbs": shapes.decimal(total),
        "initialMarginRequirement": shapes.decimal(max(ZERO, balance.equity - balance.available)),
        "riskValue": shapes.decimal(balance.maintenance_margin or ZERO),
        "pendingWithdrawAmount": "0",
        "pendingTransferOutAmount": "0",
        "orderFrozenAmount": "0",
        "availableAmount": shapes.decimal(balance.available),
    }
