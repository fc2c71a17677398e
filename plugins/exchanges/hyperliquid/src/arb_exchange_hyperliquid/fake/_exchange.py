"""Answers of `/exchange`: who signed, whether it may be done now, and what comes of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from arb.api import (
    BelowMinimum,
    ExchangeError,
    FakeGround,
    InsufficientMargin,
    Rejected,
    WouldCross,
)
from arb.model import (
    MILLISECOND_NS,
    ZERO,
    ClientOrderId,
    InstrumentId,
    MarginMode,
    Order,
    OrderRequest,
    OrderStatus,
    Side,
    TimeInForce,
)

from ._account_info import AccountInfo
from ._coins import Coin, Coins, Unreadable
from ._rows import text
from ._rules import MIN_VALUE, action_weight, takes_price
from ._signatures import ACTIONS, USER_SIGNED, action_signer, user_signer
from ._state import FIRST_ACTIONS, State

NOT_OPEN: Final = "Order was never placed, already canceled, or filled."
NO_MATCH: Final = "Order could not immediately match against any resting orders."
REDUCE_ONLY: Final = "Reduce only order would increase position."
TOO_SMALL: Final = "Order must have minimum value of $10."
TICK: Final = "Price must be divisible by tick size."
TOO_FAR: Final = "Order price cannot be more than 80% away from the reference price"
LEAST_SWITCH_MS: Final = 5_000
_FARTHEST: Final = Decimal("0.8")
_DEFAULT: Final = {"status": "ok", "response": {"type": "default"}}
_TEXTS: Final[Mapping[str, str]] = {
    "reduce_only": REDUCE_ONLY,
    "price_band": TOO_FAR,
    "lot_size": "Order has invalid size.",
    "max_quantity": "Order has invalid size.",
    "out_of_range": "Order has invalid size.",
    "tick_size": TICK,
    "not_trading": "Trading is halted.",
    "duplicate_client_order_id": "Order with this client order id rests already.",
}
_TIFS: Final[Mapping[str, tuple[TimeInForce, bool]]] = {
    "Gtc": (TimeInForce.GTC, False),
    "Ioc": (TimeInForce.IOC, False),
    "FrontendMarket": (TimeInForce.IOC, False),
    "Alo": (TimeInForce.GTC, True),
}

Act = Callable[[Mapping[str, Any]], Awaitable[Any]]


class Refused(Exception):
    """The venue refuses the whole request with this text."""


class ExchangeEnd:
    """Writes, for the one account of the ground."""

    def __init__(self, ground: FakeGround, state: State, coins: Coins, account: AccountInfo) -> None:
        self._trading = ground.exchange.trading
        self._market = ground.exchange.market
        self._state = state
        self._coins = coins
        self._account = account
        self._acts: Mapping[str, Act] = {
            "order": self._order,
            "cancel": self._cancel,
            "cancelByCloid": self._cancel_by_cloid,
            "modify": self._modify,
            "batchModify": self._batch_modify,
            "updateLeverage": self._leverage,
            "scheduleCancel": self._schedule_cancel,
            "setReferrer": self._nothing,
            "reserveRequestWeight": self._nothing,
            "noop": self._nothing,
        }

    async def answer(self, payload: Any) -> Any:
        """Answer a signed request.

        Raises:
            Unreadable: it has no form that the venue reads.
            ExchangeError: from the ground, about the line or the venue as a whole.
        """
        await self._coins.learn()
        try:
            kind = payload["action"]["type"]
            if kind in USER_SIGNED:
                return self._of_wallet(payload)
            if kind not in ACTIONS:
                raise Unreadable
            await self._authenticate(payload)
            act = self._acts.get(kind)
            if act is None:
                raise Refused(f"{kind} is not imitated.")
            return await act(payload["action"])
        except Refused as refused:
            return {"status": "err", "response": str(refused)}
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise Unreadable from error

    def weight(self, payload: Any) -> int:
        """Return what a request weighs."""
        return action_weight(_count(payload))

    def _of_wallet(self, payload: Mapping[str, Any]) -> Any:
        try:
            signer = user_signer(payload)
        except (KeyError, TypeError, ValueError):
            raise Refused("Unable to recover signer.") from None
        if signer != self._state.account:
            raise Refused(f"Must deposit before performing actions. User: {signer}")
        self._use_nonce(signer, payload)
        return _DEFAULT

    async def _authenticate(self, payload: Mapping[str, Any]) -> None:
        try:
            signers = [action_signer(payload, source) for source in self._state.sources]
        except (KeyError, TypeError, ValueError):
            raise Refused("Unable to recover signer.") from None
        signer = next((each for each in signers if each in self._state.roles), signers[0])
        self._require_allowed(signer, payload.get("vaultAddress"))
        self._use_nonce(signer, payload)
        expires = payload.get("expiresAfter")
        if expires is not None and expires < self._state.now_ms:
            self._state.count_actions(5 * _count(payload))
            raise Refused(f"Action expired: expiresAfter {expires} < {self._state.now_ms}")
        used = self._state.count_actions(_count(payload))
        if used > FIRST_ACTIONS:
            traded = await self._account.traded()
            if used > FIRST_ACTIONS + traded:
                raise Refused(
                    f"Too many cumulative requests sent ({used} > {FIRST_ACTIONS + int(traded)}) for cumulative volume "
                    f"traded ${traded:.2f}. Place taker orders to free up 1 request per USDC traded."
                )

    def _require_allowed(self, signer: str, vault: str | None) -> None:
        role = self._state.roles.get(signer)
        if role is None or role["role"] not in ("user", "agent"):
            raise Refused(f"User or API Wallet {signer} does not exist.")
        owner = role["data"]["user"] if role["role"] == "agent" else signer
        if vault is None:
            if owner != self._state.account:
                raise Refused(f"Must deposit before performing actions. User: {owner}")
            return
        traded_for = self._state.roles.get(vault.lower(), {"role": "missing"})
        leads = traded_for["role"] in ("subAccount", "vault") and traded_for["data"]["master"] == owner
        if not leads or vault.lower() != self._state.account:
            raise Refused(f"Vault not registered: {vault}")

    def _use_nonce(self, signer: str, payload: Mapping[str, Any]) -> None:
        problem = self._state.nonce_problem(signer, int(payload["nonce"]))
        if problem:
            raise Refused(problem)

    async def _order(self, action: Mapping[str, Any]) -> Any:
        statuses = [await self._placed(order) for order in action["orders"]]
        return {"status": "ok", "response": {"type": "order", "data": {"statuses": statuses}}}

    async def _placed(self, wire: Mapping[str, Any]) -> Any:
        coin = self._coins.by_asset.get(wire["a"])
        if coin is None:
            return {"error": f"Order has invalid asset. asset={wire['a']}"}
        about = f" asset={coin.asset}"
        price, size = Decimal(wire["p"]), Decimal(wire["s"])
        if "limit" not in wire["t"]:
            return {"error": f"Trigger orders are not imitated.{about}"}
        problem = await self._form_problem(coin, wire, price, size)
        if problem:
            return {"error": problem + about}
        request = self._request(coin, wire, price, size)
        try:
            order = await self._trading.send_order(await self._trading.prepare_order(request))
        except ExchangeError as error:
            return {"error": await self._refusal(error, coin) + about}
        return self._placed_status(order, wire.get("c"), about)

    async def _form_problem(self, coin: Coin, wire: Mapping[str, Any], price: Decimal, size: Decimal) -> str:
        if not takes_price(price, coin.sz_decimals):
            return TICK
        if not size:
            return "Order has zero size."
        if size < 0 or size % coin.instrument.lot_size:
            return "Order has invalid size."
        if price * size < MIN_VALUE and not (wire["r"] and size >= abs(await self._held(coin))):
            return TOO_SMALL
        mark = await self._mark(coin)
        return TOO_FAR if mark is not None and abs(price - mark) > mark * _FARTHEST else ""

    async def _mark(self, coin: Coin) -> Decimal | None:
        stats = await self._market.fetch_stats()
        return next((row.mark_price for row in stats if row.instrument == coin.instrument.id), None)

    async def _held(self, coin: Coin) -> Decimal:
        held = await self._trading.fetch_positions()
        return next((one.quantity for one in held if one.instrument == coin.instrument.id), ZERO)

    def _request(self, coin: Coin, wire: Mapping[str, Any], price: Decimal, size: Decimal) -> OrderRequest:
        side = Side.BUY if wire["b"] else Side.SELL
        time_in_force, post_only = _TIFS[wire["t"]["limit"]["tif"]]
        name = self._state.new_name(wire.get("c"))
        self._state.placed[name] = self._state.now_ms
        return OrderRequest(
            client_order_id=ClientOrderId(name),
            instrument=coin.instrument.id,
            side=side,
            quantity=size,
            # Where the price has left the decade it was at when the ground was made, its ticks are coarser.
            price=coin.instrument.limit_price(side, price),
            time_in_force=time_in_force,
            post_only=post_only,
            reduce_only=wire["r"],
        )

    def _placed_status(self, order: Order, cloid: str | None, about: str) -> Any:
        named: dict[str, Any] = {"oid": self._state.oid(order.request.client_order_id)}
        if cloid is not None:
            named["cloid"] = cloid
        if order.status in (OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED):
            return {"resting": named}
        if order.filled_quantity and order.average_price is not None:
            average = text(order.average_price.quantize(Decimal("1e-8")))
            return {"filled": {"totalSz": text(order.filled_quantity), "avgPx": average, **named}}
        return {"error": (REDUCE_ONLY if "reduce-only" in order.reason else NO_MATCH) + about}

    async def _refusal(self, error: ExchangeError, coin: Coin) -> str:
        """Return the venue's words for what the ground refuses; raises what is no refusal of an order."""
        if not isinstance(error, Rejected):
            raise error
        if isinstance(error, BelowMinimum):
            return TOO_SMALL
        if isinstance(error, InsufficientMargin):
            return "Insufficient margin to place order."
        if isinstance(error, WouldCross):
            bbo = (await self._market.fetch_order_book(coin.instrument.id, 1)).bbo()
            shown = "" if bbo is None else f"{bbo.bid:f}@{bbo.ask:f}"
            return f"Post only order would have immediately matched, bbo was {shown}."
        return _TEXTS.get(error.code, f"Order was refused: {error.code}.")

    async def _cancel(self, action: Mapping[str, Any]) -> Any:
        return await self._cancelled([(each["a"], self._state.name_of_oid(each["o"])) for each in action["cancels"]])

    async def _cancel_by_cloid(self, action: Mapping[str, Any]) -> Any:
        names = [(each["asset"], self._state.name_of_cloid(each["cloid"])) for each in action["cancels"]]
        return await self._cancelled(names)

    async def _cancelled(self, orders: list[tuple[int, str | None]]) -> Any:
        statuses = [await self._cancelled_one(asset, name) for asset, name in orders]
        return {"status": "ok", "response": {"type": "cancel", "data": {"statuses": statuses}}}

    async def _cancelled_one(self, asset: int, name: str | None) -> Any:
        coin = self._coins.by_asset.get(asset)
        missing = {"error": f"{NOT_OPEN} asset={asset}"}
        if coin is None or name is None:
            return missing
        try:
            await self._trading.cancel_order(InstrumentId(coin.instrument.id), ClientOrderId(name))
        except Rejected:
            return missing
        return "success"

    async def _modify(self, action: Mapping[str, Any]) -> Any:
        status = await self._modified(action)
        if isinstance(status, Mapping) and "error" in status:
            raise Refused(str(status["error"]))
        return _DEFAULT

    async def _batch_modify(self, action: Mapping[str, Any]) -> Any:
        statuses = [await self._modified(each) for each in action["modifies"]]
        return {"status": "ok", "response": {"type": "order", "data": {"statuses": statuses}}}

    async def _modified(self, change: Mapping[str, Any]) -> Any:
        """Cancel and place anew, as the venue does: the new order has a number of its own."""
        oid, wire = change["oid"], change["order"]
        name = self._state.name_of_cloid(oid) if isinstance(oid, str) else self._state.name_of_oid(oid)
        gone = await self._cancelled_one(wire["a"], name)
        return await self._placed(wire) if gone == "success" else {"error": "Cannot modify canceled or filled order"}

    async def _leverage(self, action: Mapping[str, Any]) -> Any:
        coin = self._coins.by_asset[action["asset"]]
        mode = MarginMode.CROSS if action["isCross"] else MarginMode.ISOLATED
        try:
            await self._trading.set_leverage(coin.instrument.id, Decimal(action["leverage"]), mode)
        except InsufficientMargin:
            kind = "Cross" if action["isCross"] else "Isolated"
            raise Refused(f"{kind} position does not have sufficient margin available to decrease leverage.") from None
        except Rejected as error:
            held = "close the position" in str(error)
            refused = "Cannot switch leverage type with open position." if held else "Invalid leverage value"
            raise Refused(refused) from None
        return _DEFAULT

    async def _schedule_cancel(self, action: Mapping[str, Any]) -> Any:
        time_ms = action.get("time")
        ahead_ms = 0 if time_ms is None else time_ms - self._state.now_ms
        if time_ms is not None and ahead_ms < LEAST_SWITCH_MS:
            raise Refused("Scheduled cancel time too early, must be at least 5 seconds from now.")
        if not self._state.set_switch(time_ms):
            raise Refused("Cannot set scheduled cancel time: triggered too often today.")
        await self._trading.arm_dead_mans_switch(ahead_ms * MILLISECOND_NS)
        return _DEFAULT

    async def _nothing(self, action: Mapping[str, Any]) -> Any:
        return _DEFAULT


def _count(payload: Any) -> int:
    """Return how many orders or cancels a request has; 1 for other actions."""
    action = payload.get("action") if isinstance(payload, Mapping) else None
    if not isinstance(action, Mapping):
        return 1
    parts = [action.get(name) for name in ("orders", "cancels", "modifies")]
    return max([1, *(len(part) for part in parts if isinstance(part, list))])
