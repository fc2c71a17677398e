"""Whose signature a request has: the signed bytes are made again from what was received.

The venue reads an action into fields and writes them down again in its own order, so a client that orders its
JSON differently is still judged by that one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgpack

from arb.net import EvmSignature, TypedData, keccak256, recover_address

_Shape = Callable[[Any], Any]

_CHAIN_ID: Final = 1337
_ZERO_ADDRESS: Final = "0x" + "00" * 20
_AGENT: Final = {
    source: TypedData(
        {"name": "Exchange", "version": "1", "chainId": _CHAIN_ID, "verifyingContract": _ZERO_ADDRESS},
        "Agent",
        {"Agent": [("source", "string"), ("connectionId", "bytes32")]},
    )
    for source in "ab"
}


def _same(value: Any) -> Any:
    return value


def _record(*fields: tuple[str, _Shape], optional: tuple[str, ...] = ()) -> _Shape:
    """Return a function that writes a mapping with these keys in this order, and no other."""
    names = {name for name, _ in fields}

    def shaped(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping) or set(value) - names:
            raise ValueError(f"a record of {sorted(names)} was expected")
        return {name: shape(value[name]) for name, shape in fields if name in value or name not in optional}

    return shaped


def _list(shape: _Shape) -> _Shape:
    return lambda values: [shape(value) for value in values]


def _fields(*names: str, optional: tuple[str, ...] = ()) -> _Shape:
    return _record(*((name, _same) for name in names), optional=optional)


_TYPE: Final = _record(
    ("limit", _fields("tif")), ("trigger", _fields("isMarket", "triggerPx", "tpsl")), optional=("limit", "trigger")
)
_ORDER: Final = _record(
    *((name, _same) for name in "abpsr"), ("t", _TYPE), ("c", _same), ("cloid", _same), optional=("c", "cloid")
)
ACTIONS: Final[Mapping[str, _Shape]] = {
    "order": _record(
        ("type", _same),
        ("orders", _list(_ORDER)),
        ("grouping", _same),
        ("builder", _fields("b", "f")),
        optional=("builder",),
    ),
    "cancel": _record(("type", _same), ("cancels", _list(_fields("a", "o")))),
    "cancelByCloid": _record(("type", _same), ("cancels", _list(_fields("asset", "cloid")))),
    "modify": _record(("type", _same), ("oid", _same), ("order", _ORDER)),
    "batchModify": _record(
        ("type", _same), ("modifies", _list(_record(("oid", _same), ("order", _ORDER)))), optional=()
    ),
    "updateLeverage": _fields("type", "asset", "isCross", "leverage"),
    "updateIsolatedMargin": _fields("type", "asset", "isBuy", "ntli"),
    "scheduleCancel": _fields("type", "time", optional=("time",)),
    "setReferrer": _fields("type", "code"),
    "reserveRequestWeight": _fields("type", "weight"),
    "noop": _fields("type"),
}
"""Actions that an API wallet may sign, with the order of their keys."""

_CHAIN: Final = ("hyperliquidChain", "string")
USER_SIGNED: Final[Mapping[str, tuple[str, tuple[tuple[str, str], ...]]]] = {
    "approveAgent": (
        "ApproveAgent",
        (_CHAIN, ("agentAddress", "address"), ("agentName", "string"), ("nonce", "uint64")),
    ),
    "approveBuilderFee": (
        "ApproveBuilderFee",
        (_CHAIN, ("maxFeeRate", "string"), ("builder", "address"), ("nonce", "uint64")),
    ),
    "usdSend": ("UsdSend", (_CHAIN, ("destination", "string"), ("amount", "string"), ("time", "uint64"))),
    "withdraw3": ("Withdraw", (_CHAIN, ("destination", "string"), ("amount", "string"), ("time", "uint64"))),
    "usdClassTransfer": (
        "UsdClassTransfer",
        (_CHAIN, ("amount", "string"), ("toPerp", "bool"), ("nonce", "uint64")),
    ),
}
"""Actions that a wallet signs itself, as EIP-712 structs of their own."""


def signature_of(payload: Mapping[str, Any]) -> EvmSignature:
    """Read the signature of a request; raises ValueError or KeyError."""
    given = payload["signature"]
    return EvmSignature(int(given["r"], 16), int(given["s"], 16), int(given["v"]))


def action_signer(payload: Mapping[str, Any], source: str) -> str:
    """Return the address that signed an action; another one where anything was changed.

    Raises:
        ValueError, KeyError, TypeError: it has no form that the venue reads.
    """
    action = ACTIONS[payload["action"]["type"]](payload["action"])
    data = msgpack.packb(action) + int(payload["nonce"]).to_bytes(8, "big")
    vault, expires = payload.get("vaultAddress"), payload.get("expiresAfter")
    data += b"\x00" if vault is None else b"\x01" + bytes.fromhex(vault.removeprefix("0x"))
    if expires is not None:
        data += b"\x00" + int(expires).to_bytes(8, "big")
    digest = _AGENT[source].digest({"source": source, "connectionId": keccak256(data)})
    return recover_address(digest, signature_of(payload))


def user_signer(payload: Mapping[str, Any]) -> str:
    """Return the address that signed an action of a wallet; raises as :func:`action_signer`."""
    action = payload["action"]
    name, fields = USER_SIGNED[action["type"]]
    domain = {
        "name": "HyperliquidSignTransaction",
        "version": "1",
        "chainId": int(action["signatureChainId"], 16),
        "verifyingContract": _ZERO_ADDRESS,
    }
    primary = f"HyperliquidTransaction:{name}"
    # An unnamed agent is signed with an empty name that is not sent.
    message = {field: action.get(field, "") if field == "agentName" else action[field] for field, _ in fields}
    return recover_address(TypedData(domain, primary, {primary: fields}).digest(message), signature_of(payload))
