"""Signatures of GRVT: EIP-712 with secp256k1, deterministic, in a domain without a contract.

Types and scales are those of https://api-docs.grvt.io (Signature, Order): a size counts `base_decimals` of its
instrument, a price nine decimals, a leverage six; times are nanoseconds. `client_order_id` is not signed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Context, Decimal
from types import MappingProxyType
from typing import Any, Final

from arb.net import EvmKey, TypedData, keccak256

PRICE_DECIMALS: Final = 9
LEVERAGE_DECIMALS: Final = 6
ISOLATED: Final = 1
CROSS: Final = 2

TIME_IN_FORCE: Final[Mapping[str, int]] = MappingProxyType(
    {
        "GOOD_TILL_TIME": 1,
        "ALL_OR_NONE": 2,
        "IMMEDIATE_OR_CANCEL": 3,
        "FILL_OR_KILL": 4,
        "RETAIL_PRICE_IMPROVEMENT": 5,
    }
)
_TIMES: Final = (("nonce", "uint32"), ("expiration", "int64"))
_ORDER: Final = (
    ("subAccountID", "uint64"),
    ("isMarket", "bool"),
    ("timeInForce", "uint8"),
    ("postOnly", "bool"),
    ("reduceOnly", "bool"),
    ("legs", "OrderLeg[]"),
)
_LEG: Final = (
    ("assetID", "uint256"),
    ("contractSize", "uint64"),
    ("limitPrice", "uint64"),
    ("isBuyingContract", "bool"),
)
ORDER: Final = "Order"
BUILDER_ORDER: Final = "OrderWithBuilderFee"
WALLET_LOGIN: Final = "WalletLogin"
POSITION_CONFIG: Final = "SetSubAccountPositionMarginConfig"
TYPES: Final[Mapping[str, Mapping[str, Sequence[tuple[str, str]]]]] = MappingProxyType(
    {
        ORDER: {ORDER: (*_ORDER, *_TIMES), "OrderLeg": _LEG},
        BUILDER_ORDER: {
            BUILDER_ORDER: (*_ORDER, ("builder", "address"), ("builderFee", "uint32"), *_TIMES),
            "OrderLeg": _LEG,
        },
        WALLET_LOGIN: {WALLET_LOGIN: (("signer", "address"), *_TIMES)},
        POSITION_CONFIG: {
            POSITION_CONFIG: (
                ("subAccountID", "uint64"),
                ("asset", "uint256"),
                ("marginType", "uint8"),
                ("leverage", "int32"),
                *_TIMES,
            )
        },
    }
)
"""The structs of each thing that is signed, by its primary type."""

_EXACT: Final = Context(prec=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTerms:
    """What of an order is signed.

    Attributes:
        asset_id: `instrument_hash` of the instrument.
        size: Contracts.
        price: 0 for a market order.
        base_decimals: Of the instrument: how a size is scaled.
        time_in_force: The venue's word.
    """

    asset_id: str
    base_decimals: int
    size: Decimal
    price: Decimal
    is_buy: bool
    time_in_force: str
    is_market: bool = False
    post_only: bool = False
    reduce_only: bool = False


class Signer:
    """Signs for one sub-account with one key, which shows in no text and no error."""

    def __init__(self, private_key: str, sub_account_id: str, chain_id: int) -> None:
        """Read the key; raises ValueError for what is none."""
        self._key: Final = EvmKey(private_key)
        self._chain_id: Final = chain_id
        self._sub_account: Final = int(sub_account_id)
        self._typed: Final = {name: typed_data(name, chain_id) for name in (ORDER, POSITION_CONFIG)}
        self.address: Final = checksummed(self._key.address)

    def order(self, terms: OrderTerms, *, nonce: int, expiration_ns: int) -> dict[str, Any]:
        """Return the `signature` of an order.

        Args:
            terms: The order.
            nonce: A random number of 32 bits; the venue drops a payload that repeats with the same one.
            expiration_ns: Venue time until which the order may be taken, and may rest.
        """
        return self.sign(ORDER, order_message(terms, self._sub_account), nonce=nonce, expiration_ns=expiration_ns)

    def position_config(
        self, asset_id: str, margin_type: int, leverage: Decimal, *, nonce: int, expiration_ns: int
    ) -> dict[str, Any]:
        """Return the `signature` of leverage and margin mode of one instrument."""
        message = {
            "subAccountID": self._sub_account,
            "asset": int(asset_id, 16),
            "marginType": margin_type,
            "leverage": scaled(leverage, LEVERAGE_DECIMALS),
        }
        return self.sign(POSITION_CONFIG, message, nonce=nonce, expiration_ns=expiration_ns)

    def sign(self, primary: str, message: Mapping[str, Any], *, nonce: int, expiration_ns: int) -> dict[str, Any]:
        """Return the `signature` of a message as it stands in JSON; r and s have 64 digits, also with zeros ahead."""
        typed = self._typed.get(primary) or typed_data(primary, self._chain_id)
        r, s, v = self._key.sign(typed.digest({**message, "nonce": nonce, "expiration": expiration_ns}))
        return {
            "signer": self.address,
            "r": f"0x{r:064x}",
            "s": f"0x{s:064x}",
            "v": v,
            "expiration": str(expiration_ns),
            "nonce": nonce,
            "chain_id": str(self._chain_id),
        }

    def __repr__(self) -> str:
        return f"Signer(address={self.address!r})"


def typed_data(primary: str, chain_id: int) -> TypedData:
    """Return what hashes messages of a primary type for a network."""
    return TypedData({"name": "GRVT Exchange", "version": "0", "chainId": chain_id}, primary, TYPES[primary])


def order_message(terms: OrderTerms, sub_account_id: int) -> dict[str, Any]:
    """Return the struct of an order without nonce and expiration."""
    leg = {
        "assetID": int(terms.asset_id, 16),
        "contractSize": scaled(terms.size, terms.base_decimals),
        "limitPrice": 0 if terms.is_market else scaled(terms.price, PRICE_DECIMALS),
        "isBuyingContract": terms.is_buy,
    }
    return {
        "subAccountID": sub_account_id,
        "isMarket": terms.is_market,
        "timeInForce": TIME_IN_FORCE[terms.time_in_force],
        "postOnly": terms.post_only,
        "reduceOnly": terms.reduce_only,
        "legs": [leg],
    }


def scaled(value: Decimal, decimals: int) -> int:
    """Return a number in units of its last decimal; what is finer is cut off, as the venue does it."""
    return int(_EXACT.scaleb(value, decimals).to_integral_value(ROUND_DOWN))


def checksummed(address: str) -> str:
    """Return an address with its letters in the case that checks it (EIP-55)."""
    plain = address.removeprefix("0x").lower()
    digest = keccak256(plain.encode()).hex()
    return "0x" + "".join(
        mark.upper() if int(check, 16) >= 8 else mark for mark, check in zip(plain, digest, strict=False)
    )
