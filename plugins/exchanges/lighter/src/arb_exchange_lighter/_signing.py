"""What an account signs: transactions, and tokens for private reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ._native import Key, SigningLibrary

ORDER: Final = 14
CANCEL: Final = 15
CANCEL_ALL: Final = 16
LEVERAGE: Final = 20
"""Types of transactions (elliottech/lighter-go, types/txtypes/constants.go)."""

LIMIT: Final = 0
IMMEDIATE_OR_CANCEL: Final = 0
GOOD_TILL_TIME: Final = 1
POST_ONLY: Final = 2

CANCEL_NOW: Final = 0
CANCEL_LATER: Final = 1
ABORT_CANCEL_LATER: Final = 2

EVERY_MARKET: Final = 255
_STRICT: Final = 0
"""Not to skip nonces: the next one or none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFields:
    """A limit order in the venue's whole numbers.

    Attributes:
        base_amount: Quantity in units of the market's last size decimal.
        price: In units of the market's last price decimal.
        expiry_ms: Until when it rests; 0 for one that does not.
    """

    market_id: int
    client_order_index: int
    base_amount: int
    price: int
    is_ask: bool
    time_in_force: int
    reduce_only: bool
    expiry_ms: int


@dataclass(frozen=True, slots=True)
class SignedTx:
    """A transaction as `sendTx` takes it.

    Attributes:
        info: JSON text.
        hash: 80 hex digits, by which the venue names it.
    """

    kind: int
    info: str
    hash: str


class Signer:
    """Signs for one account. Signatures are random: signing the same twice gives two texts."""

    def __init__(self, library: SigningLibrary, key: Key) -> None:
        """Sign nothing yet."""
        self._library = library
        self._key = key

    @property
    def account_index(self) -> int:
        """Return whose account it is."""
        return self._key.account_index

    @property
    def api_key_index(self) -> int:
        """Return the slot of the key."""
        return self._key.api_key_index

    def order(self, fields: OrderFields, nonce: int) -> SignedTx:
        """Sign a new order; raises SigningError."""
        return self._signed(
            "SignCreateOrder",
            fields.market_id,
            fields.client_order_index,
            fields.base_amount,
            fields.price,
            int(fields.is_ask),
            LIMIT,
            fields.time_in_force,
            int(fields.reduce_only),
            0,  # trigger price
            fields.expiry_ms,
            *(0, 0, 0),  # no integrator, no fees for one
            *(0, 0),  # self-trade: the venue's default, which expires the resting order
            _STRICT,
            nonce,
        )

    def cancel(self, market_id: int, index: int, nonce: int) -> SignedTx:
        """Sign a cancellation of an order by its client index or the venue's; raises SigningError."""
        return self._signed("SignCancelOrder", market_id, index, _STRICT, nonce)

    def cancel_all(
        self, nonce: int, *, kind: int = CANCEL_NOW, time_ms: int = 0, market_id: int | None = None
    ) -> SignedTx:
        """Sign a cancellation of every order, now, at a time, or not at that time after all; raises SigningError."""
        market = EVERY_MARKET if market_id is None else market_id
        return self._signed("SignCancelAllOrders", kind, time_ms, market, _STRICT, nonce)

    def leverage(self, market_id: int, fraction: int, mode: int, nonce: int) -> SignedTx:
        """Sign a change of leverage; raises SigningError.

        Args:
            market_id: Of the market.
            fraction: Initial margin in 1e-4 of the notional.
            mode: 0 is cross, 1 isolated.
            nonce: The next one.
        """
        return self._signed("SignUpdateLeverage", market_id, fraction, mode, _STRICT, nonce)

    def token(self, deadline_s: int) -> str:
        """Return a token for private reads, valid until a second since 1970, 8 h ahead at most."""
        return self._library.token(self._key, deadline_s)

    def _signed(self, function: str, *arguments: int) -> SignedTx:
        return SignedTx(*self._library.sign(self._key, function, *arguments))
