"""Private REST calls of the fake venue that read the account, and its leverage."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from arb.model import DAY_NS, ZERO, Balance, MarginMode

from ._fit import QUOTE
from ._floor import Floor, OrderNotes
from ._keys import MAIN_KEY, account, public_of
from ._pages import between, page
from ._public import PublicCalls
from ._realising import Realising
from ._refusal import Refusal
from ._shapes import decimal, fill, ms, payment, position

Query = Mapping[str, str]


class AccountCalls:
    """Answers for the account."""

    def __init__(self, floor: Floor, notes: OrderNotes, public: PublicCalls) -> None:
        self._floor = floor
        self._notes = notes
        self._public = public
        self._realising = Realising(floor)
        self._opened: dict[str, int] = floor.memory.setdefault("opened", {"ns": floor.now_ns})

    async def info(self, query: Query) -> Any:
        """Answer `GET /account/info`."""
        listed = next(iter((await self._floor.listed()).values()))
        fees = {"maker_rate": decimal(listed.fees.maker), "taker_rate": decimal(listed.fees.taker)}
        return {
            "results": [
                {
                    "account": account(),
                    "kind": "main",
                    "public_key": hex(public_of(MAIN_KEY)),
                    "parent_account": "",
                    "username": "fake",
                    "created_at": ms(self._opened["ns"]),
                    "fees": fees,
                }
            ]
        }

    async def summary(self, query: Query) -> Any:
        """Answer `GET /account`."""
        held = await self._floor.exchange.trading.fetch_account()
        mine = next((each for each in held.balances if each.currency == QUOTE), None)
        unpaid = sum((await self._realising.unpaid()).values(), ZERO)
        return self._summary(mine, unpaid)

    async def balances(self, query: Query) -> Any:
        """Answer `GET /balance`: what is realised, with funding and fees."""
        now_ms = ms(self._floor.now_ns)
        sizes = {each.currency: each.cash for each in await self._floor.exchange.trading.fetch_balances()}
        sizes[QUOTE] = sizes.get(QUOTE, ZERO) - sum((await self._realising.unpaid()).values(), ZERO)
        return {
            "results": [
                {"token": token, "size": decimal(size), "last_updated_at": now_ms} for token, size in sizes.items()
            ]
        }

    async def positions(self, query: Query) -> Any:
        """Answer `GET /positions`."""
        rows, unpaid = [], await self._realising.unpaid()
        for held in await self._floor.exchange.trading.fetch_positions():
            symbol = await self._floor.symbol_of(held.instrument)
            _, index, _ = await self._public.accrued(await self._floor.instrument(symbol), self._floor.now_ns)
            rows.append(position(held, symbol, index, unpaid.get(held.instrument, ZERO)))
        return {"results": rows}

    async def margin(self, query: Query) -> Any:
        """Answer `GET /account/margin`."""
        instrument = await self._floor.instrument(query.get("market"))
        leverage, mode = await self._floor.exchange.trading.fetch_leverage(instrument.id)
        config = {"market": instrument.symbol, "leverage": int(leverage), "margin_type": mode.value.upper()}
        return {"account": account(), "configs": [config], "margin_methodology": "cross_margin"}

    async def set_margin(self, symbol: str, body: Any) -> Any:
        """Answer `POST /account/margin/{market}`."""
        instrument = await self._floor.instrument(symbol)
        leverage, kind = body.get("leverage"), body.get("margin_type")
        if not isinstance(leverage, int) or isinstance(leverage, bool) or kind not in ("CROSS", "ISOLATED"):
            raise Refusal(400, "VALIDATION_ERROR", "invalid leverage or margin_type")
        mode = MarginMode(kind.lower())
        await self._floor.exchange.trading.set_leverage(instrument.id, Decimal(leverage), mode)
        return {"account": account(), "market": symbol, "leverage": leverage, "margin_type": kind}

    async def fills(self, query: Query) -> Any:
        """Answer `GET /fills`: newest first."""
        first, last = between(query)
        rows = [
            await self.fill_row(one)
            for one in await self._floor.exchange.trading.fetch_fills(first * 1_000_000)
            if ms(one.ts_event_ns) <= last
        ]
        return page([row for row in reversed(rows) if query.get("market") in (None, row["market"])], query)

    async def fill_row(self, one: Any) -> dict[str, Any]:
        """Return a fill of the ground as the venue shows it."""
        symbol = await self._floor.symbol_of(one.instrument)
        number = self._floor.memory.get("books", {}).get(symbol, (0, None))[0]
        return fill(one, symbol, self._notes.client_id(one.client_order_id), number)

    async def payments(self, query: Query) -> Any:
        """Answer `GET /funding/payments`, of one market: newest first."""
        instrument = await self._floor.instrument(query.get("market"))
        first, last = between(query)
        rows = []
        for one in await self._realising.payments():
            if one.instrument == instrument.id and first <= ms(one.settled_ns) <= last:
                _, index, _ = await self._public.accrued(instrument, one.settled_ns)
                rows.append(payment(one, instrument.symbol, index))
        return page(rows[::-1], query)

    async def transfers(self, query: Query) -> Any:
        """Answer `GET /transfers`: the deposit of the day before, that the account began with."""
        first, last = between(query)
        deposited_ms = ms(self._opened["ns"] - DAY_NS)
        if not first <= deposited_ms <= last or query.get("status", "COMPLETED") != "COMPLETED":
            return page([], query)
        row = {
            "id": "1",
            "account": account(),
            "kind": "DEPOSIT",
            "direction": "IN",
            "status": "COMPLETED",
            "amount": decimal(await self._deposit()),
            "token": QUOTE,
            "created_at": deposited_ms,
            "last_updated_at": deposited_ms,
            "txn_hash": "0x1",
            "external_txn_hash": "",
            "socialized_loss_factor": "",
        }
        return page([row], query)

    async def subkey(self, key: str) -> Any:
        """Answer `GET /account/keys/subkeys/{public_key}`."""
        return {"public_key": key, "name": "fake", "state": "active", "account_id": account()}

    def _summary(self, mine: Balance | None, unpaid: Decimal) -> dict[str, Any]:
        cash, equity, available = (mine.cash, mine.equity, mine.available) if mine else (ZERO, ZERO, ZERO)
        maintenance = (mine.maintenance_margin if mine else None) or ZERO
        return {
            "account": account(),
            "status": "ACTIVE",
            "settlement_asset": QUOTE,
            "account_value": decimal(equity),
            "total_collateral": decimal(cash - unpaid),
            "free_collateral": decimal(available),
            "initial_margin_requirement": decimal(equity - available),
            "maintenance_margin_requirement": decimal(maintenance),
            "margin_cushion": decimal(equity - maintenance),
            "seq_no": self._floor.now_ns,
            "updated_at": ms(self._floor.now_ns),
        }

    async def _deposit(self) -> Decimal:
        """Return what the account began with: all that is left when what it did is taken back."""
        trading = self._floor.exchange.trading
        cash: Decimal = sum((each.cash for each in await trading.fetch_balances() if each.currency == QUOTE), ZERO)
        earned = sum(((one.realized_pnl or ZERO) - one.fee for one in await trading.fetch_fills(0)), ZERO)
        paid = sum((one.amount for one in await trading.fetch_funding_payments(0)), ZERO)
        return cash - earned - paid
