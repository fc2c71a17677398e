"""Private calls of the fake venue that read the account, and its settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from arb.api import Rejected
from arb.model import DAY_NS, ZERO, MarginMode, Position
from arb_exchange_grvt._markets import QUOTE

from ._floor import Floor, OrderNotes
from ._keys import MAIN_ACCOUNT, SUB_ACCOUNT
from ._orders import OrderCalls
from ._paging import page, window
from ._refusal import Refusal
from ._shapes import decimal, fill_row, payment_row, position_row
from ._signed import require_config

_MODES: Final = {"CROSS": MarginMode.CROSS, "ISOLATED": MarginMode.ISOLATED}
_FEE_UNIT: Final = Decimal(1_000_000)
_NO_SIGNATURE: Final = {"signer": "", "r": "0x", "s": "0x", "v": 0, "expiration": "0", "nonce": 0, "chain_id": "0"}
Body = Mapping[str, Any]


class AccountCalls:
    """Answers for the account."""

    def __init__(self, floor: Floor, notes: OrderNotes, orders: OrderCalls) -> None:
        self._floor = floor
        self._notes = notes
        self._orders = orders
        if "opened" not in floor.memory:
            floor.memory["opened"] = floor.now_ns

    async def summary(self, body: Body) -> Any:
        """Answer `account_summary`."""
        self._require_account(body)
        account = await self._floor.exchange.trading.fetch_account()
        held = [
            position_row(each, await self._floor.symbol_of(each.instrument), self._floor.now_ns)
            for each in account.positions
        ]
        profit = sum((each.unrealized_pnl for each in account.positions), ZERO)
        dollars = await self._floor.exchange.market.fetch_fx_rates()
        cash = {each.currency: each for each in account.balances}
        mine = cash.get(QUOTE)
        balance, available = (mine.cash, mine.available) if mine else (ZERO, ZERO)
        maintenance = (mine.maintenance_margin if mine else None) or ZERO
        equity = balance + profit
        return {
            "result": {
                "event_time": str(self._floor.now_ns),
                "sub_account_id": SUB_ACCOUNT,
                "margin_type": "SIMPLE_CROSS_MARGIN",
                "settle_currency": QUOTE,
                "unrealized_pnl": decimal(profit),
                "total_equity": decimal(equity),
                "initial_margin": decimal(max(ZERO, equity - available)),
                "maintenance_margin": decimal(maintenance),
                "available_balance": decimal(available),
                "spot_balances": [
                    {
                        "currency": name,
                        "balance": decimal(each.cash),
                        "index_price": decimal(dollars.get(name, Decimal(1))),
                    }
                    for name, each in cash.items()
                ],
                "positions": held,
                "settle_index_price": decimal(dollars.get(QUOTE, Decimal(1))),
                "derisk_margin": "0.0",
                "derisk_to_maintenance_margin_ratio": "1.0",
                "total_cross_equity": decimal(equity),
                "cross_unrealized_pnl": decimal(profit),
                "sub_account_mode": "SINGLE_ASSET_MODE",
                "margin_balance": decimal(equity),
            }
        }

    async def funding_summary(self, body: Body) -> Any:
        """Answer `funding_account_summary`: what matters of it is the fee tier."""
        fees = next(iter((await self._floor.listed()).values())).fees
        return {
            "result": {
                "main_account_id": MAIN_ACCOUNT,
                "total_equity": "0.0",
                "spot_balances": [],
                "vault_investments": [],
                "total_cash_balance": "0.0",
                "total_spot_asset_balance": "0.0",
            },
            "tier": {
                "tier": 1,
                "futures_taker_fee": int(fees.taker * _FEE_UNIT),
                "futures_maker_fee": int(fees.maker * _FEE_UNIT),
                "options_taker_fee": 0,
                "options_maker_fee": 0,
                "spot_taker_fee": 0,
                "spot_maker_fee": 0,
            },
        }

    async def aggregated(self, body: Body) -> Any:
        """Answer `aggregated_account_summary`."""
        account = await self._floor.exchange.trading.fetch_account()
        profit = sum((each.unrealized_pnl for each in account.positions), ZERO)
        cash = sum((each.cash for each in account.balances if each.currency == QUOTE), ZERO)
        text = decimal(cash + profit)
        return {
            "result": {
                "main_account_id": MAIN_ACCOUNT,
                "total_equity": text,
                "spot_balances": [{"currency": QUOTE, "balance": decimal(cash), "index_price": "1.0"}],
                "vault_investments": [],
                "total_sub_account_balance": decimal(cash),
                "total_sub_account_equity": text,
                "total_vault_investments_balance": "0.0",
                "total_sub_account_available_balance": text,
                "total_usd_notional_invested": "0.0",
            }
        }

    async def sub_accounts(self, body: Body) -> Any:
        """Answer `get_sub_accounts`."""
        return {"sub_account_ids": [SUB_ACCOUNT]}

    async def builders(self, body: Body) -> Any:
        """Answer `get_authorized_builders`: nobody earns by the account's orders."""
        return {"results": []}

    async def positions(self, body: Body) -> Any:
        """Answer `positions`."""
        self._require_account(body)
        return {"result": await self._rows(await self._floor.exchange.trading.fetch_positions())}

    async def leverage(self, body: Body) -> Any:
        """Answer `get_all_initial_leverage`."""
        self._require_account(body)
        rows = []
        for instrument in (await self._floor.listed()).values():
            leverage, mode = await self._floor.exchange.trading.fetch_leverage(instrument.id)
            rows.append(
                {
                    "instrument": instrument.symbol,
                    "leverage": decimal(leverage),
                    "min_leverage": "1.0",
                    "max_leverage": decimal(instrument.margin_tiers[0].max_leverage),
                    "margin_type": "CROSS" if mode is MarginMode.CROSS else "ISOLATED",
                }
            )
        return {"results": rows}

    async def set_config(self, body: Body) -> Any:
        """Answer `set_position_config`."""
        self._require_account(body)
        instrument = await self._floor.instrument(body.get("instrument"))
        require_config(body, instrument, self._floor.now_ns)
        await self._set(body, _MODES[str(body.get("margin_type"))])
        return {"ack": True}

    async def set_leverage(self, body: Body) -> Any:
        """Answer `set_initial_leverage`, which is not signed."""
        self._require_account(body)
        instrument = await self._floor.instrument(body.get("instrument"))
        _, mode = await self._floor.exchange.trading.fetch_leverage(instrument.id)
        await self._set(body, mode)
        return {"success": True}

    async def order_history(self, body: Body) -> Any:
        """Answer `order_history`: newest first."""
        self._require_account(body)
        begin_ns, end_ns = window(body, self._floor.now_ns)
        rows = [row for row in await self._orders.rows() if begin_ns <= int(row["state"]["update_time"]) <= end_ns]
        return page([row for row in reversed(rows) if _is_of(row["legs"][0]["instrument"], body)], body)

    async def fills(self, body: Body) -> Any:
        """Answer `fill_history`: newest first."""
        self._require_account(body)
        begin_ns, end_ns = window(body, self._floor.now_ns)
        rows = []
        for one in await self._floor.exchange.trading.fetch_fills(begin_ns):
            symbol = await self._floor.symbol_of(one.instrument)
            if one.ts_event_ns <= end_ns and _is_of(symbol, body):
                rows.append(fill_row(one, symbol, self._notes.client_id(one.client_order_id), one.price))
        return page(rows[::-1], body)

    async def payments(self, body: Body) -> Any:
        """Answer `funding_payment_history`: newest first."""
        self._require_account(body)
        begin_ns, end_ns = window(body, self._floor.now_ns)
        rows = []
        for one in await self._floor.exchange.trading.fetch_funding_payments(begin_ns):
            symbol = await self._floor.symbol_of(one.instrument)
            if one.settled_ns <= end_ns and body.get("instrument") in (None, "", symbol):
                rows.append(payment_row(one, symbol))
        return page(rows[::-1], body)

    async def transfers(self, body: Body) -> Any:
        """Answer `transfer_history`: the one of the day before, that the account began with."""
        moved_ns = self._floor.memory["opened"] - DAY_NS
        begin_ns, end_ns = window(body, self._floor.now_ns)
        row = {
            "tx_id": "1028403",
            "from_account_id": MAIN_ACCOUNT,
            "from_sub_account_id": "0",
            "to_account_id": MAIN_ACCOUNT,
            "to_sub_account_id": SUB_ACCOUNT,
            "currency": QUOTE,
            "num_tokens": decimal(await self._deposit()),
            "signature": _NO_SIGNATURE,
            "event_time": str(moved_ns),
            "transfer_type": "STANDARD",
            "transfer_metadata": "",
        }
        return page([row] if begin_ns <= moved_ns <= end_ns else [], body)

    async def nothing(self, body: Body) -> Any:
        """Answer a list of which the ground has nothing: deposits and withdrawals of the chain."""
        return {"result": [], "next": ""}

    async def _rows(self, held: Sequence[Position]) -> list[dict[str, Any]]:
        symbols = [await self._floor.symbol_of(each.instrument) for each in held]
        return [position_row(each, name, self._floor.now_ns) for each, name in zip(held, symbols, strict=True)]

    async def _deposit(self) -> Decimal:
        """Return what the account began with: all that is left when what it did is taken back."""
        trading = self._floor.exchange.trading
        cash: Decimal = sum((each.cash for each in await trading.fetch_balances() if each.currency == QUOTE), ZERO)
        earned = sum(((one.realized_pnl or ZERO) - one.fee for one in await trading.fetch_fills(0)), ZERO)
        paid = sum((one.amount for one in await trading.fetch_funding_payments(0)), ZERO)
        return cash - earned - paid

    async def _set(self, body: Body, mode: MarginMode) -> None:
        instrument = await self._floor.instrument(body.get("instrument"))
        try:
            wanted = Decimal(str(body.get("leverage")))
        except InvalidOperation:
            raise Refusal(2100) from None
        if not wanted.is_finite() or wanted < 1:
            raise Refusal(2107)
        if wanted > instrument.margin_tiers[0].max_leverage:
            raise Refusal(2108)
        try:
            await self._floor.exchange.trading.set_leverage(instrument.id, wanted, mode)
        except Rejected as error:
            raise Refusal(2080 if error.code == "insufficient_margin" else 2102) from error

    def _require_account(self, body: Body) -> None:
        value = str(body.get("sub_account_id") or "")
        if not value.isdigit():
            raise Refusal(3020)
        if value != SUB_ACCOUNT:
            raise Refusal(1001)


def _is_of(symbol: str, body: Body) -> bool:
    base, quote, _ = (*symbol.split("_"), "", "")[:3]
    mine = {"kind": "PERPETUAL", "base": base, "quote": quote}
    return all(not body.get(name) or value in body[name] for name, value in mine.items())
