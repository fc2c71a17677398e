"""The official SDK (lighter-sdk) as one account of the fake Lighter; only its own environment has it."""

from __future__ import annotations

from typing import Any

import lighter
from lighter.signer_client import SignerClient

ETH = 1
GTT, IOC, POST_ONLY = 1, 0, 2


class Sdk:
    """The official SDK with the key of the fake's account; prices and sizes are whole numbers of steps there."""

    def __init__(self, venue: Any, key: str | None = None) -> None:
        settings = venue.settings
        self.index, self.slot = settings["account_index"], settings["api_key_index"]
        self.signer = SignerClient(
            url=venue.address, account_index=self.index, api_private_keys={self.slot: key or settings["private_key"]}
        )
        client = self.signer.api_client
        self.orders, self.accounts = lighter.OrderApi(client), lighter.AccountApi(client)
        self.transactions, self.fundings = lighter.TransactionApi(client), lighter.FundingApi(client)
        self.root = lighter.RootApi(client)
        self._number = 1000

    def token(self, seconds: int = 28_000) -> str:
        token, error = self.signer.create_auth_token_with_expiry(seconds, api_key_index=self.slot)
        assert error is None
        return str(token)

    async def best(self) -> tuple[float, float]:
        book = await self.orders.order_book_orders(ETH, 1)
        return float(book.bids[0].price), float(book.asks[0].price)

    async def price(self, share: float) -> int:
        """Return a price in hundredths, of that share of the best bid."""
        return round((await self.best())[0] * share * 100)

    async def order(self, share: float, force: int = GTT, *, sell: bool = False, size: int = 1000, **more: Any) -> int:
        """Send a limit order of 0.1 ETH; return its client index."""
        self._number += 1
        expiry = 0 if force == IOC else -1
        answer = await self.signer.create_order(
            ETH, self._number, size, await self.price(share), sell, 0, force, order_expiry=expiry, **more
        )
        _, response, error = answer
        if error is not None:
            raise Refused(error)
        assert response.code == 200
        return self._number

    async def market(self, *, sell: bool = False, size: int = 1000, reduce_only: bool = False) -> int:
        self._number += 1
        worst = await self.price(0.98 if sell else 1.02)
        _, response, error = await self.signer.create_market_order(
            ETH, self._number, size, worst, sell, reduce_only=reduce_only
        )
        if error is not None:
            raise Refused(error)
        assert response.code == 200
        return self._number

    async def open(self) -> Any:
        return (
            await self.orders.account_active_orders(account_index=self.index, market_id=ETH, authorization=self.token())
        ).orders

    async def ended(self, index: int) -> Any:
        rows = (
            await self.orders.account_inactive_orders(account_index=self.index, limit=50, authorization=self.token())
        ).orders
        return next(row for row in rows if row.client_order_index == index)

    async def account(self) -> Any:
        (row,) = (await self.accounts.account(by="index", value=str(self.index))).accounts
        return row

    async def position(self) -> Any:
        return next(row for row in (await self.account()).positions if row.market_id == ETH)

    async def trades(self) -> Any:
        answer = await self.orders.trades("timestamp", 50, authorization=self.token(), account_index=self.index)
        return answer.trades


class Refused(Exception):
    """What the SDK says that the venue said."""
