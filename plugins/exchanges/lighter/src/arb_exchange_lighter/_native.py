"""The signing library that the venue ships inside its Python package: found, loaded and called without that package.

Importing the package itself would load its HTTP clients and Ethereum accounts, which nothing here needs.
"""

from __future__ import annotations

import ctypes
import importlib.util
import platform
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from arb.api import ConfigError

_FILES: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {
        ("Linux", "x86_64"): "lighter-signer-linux-amd64.so",
        ("Linux", "aarch64"): "lighter-signer-linux-arm64.so",
        ("Darwin", "x86_64"): "lighter-signer-darwin-amd64.dylib",
        ("Darwin", "arm64"): "lighter-signer-darwin-arm64.dylib",
        ("Windows", "amd64"): "lighter-signer-windows-amd64.dll",
    }
)
_MACHINES: Final[Mapping[str, str]] = MappingProxyType({"AMD64": "amd64"})
_NO_ADDRESS: Final = b""
"""The library's own HTTP client is never to be used: every nonce is given to it."""

_i32, _u8, _i64 = ctypes.c_int, ctypes.c_uint8, ctypes.c_longlong
_ACCOUNT: Final = (_i32, _i64)
_NONCE: Final = (_u8, _i64)
_SIGNATURES: Final[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
    {
        "SignCreateOrder": (
            *(_i64, _i64, _i64, _i32, _i32, _i32, _i32, _i32, _i32, _i64),
            *(_i64, _i32, _i32, _u8, _u8),
            *_NONCE,
            *_ACCOUNT,
        ),
        "SignCancelOrder": (_i64, _i64, *_NONCE, *_ACCOUNT),
        "SignCancelAllOrders": (_i32, _i64, _i64, *_NONCE, *_ACCOUNT),
        "SignUpdateLeverage": (_i64, _i32, _i32, *_NONCE, *_ACCOUNT),
    }
)
"""Arguments by function (lighter-sdk 1.1.8, signers/*.h)."""


class _Signed(ctypes.Structure):
    _fields_ = (
        ("kind", _u8),
        ("info", ctypes.c_void_p),
        ("hash", ctypes.c_void_p),
        ("message", ctypes.c_void_p),
        ("error", ctypes.c_void_p),
    )


class _TextOrError(ctypes.Structure):
    _fields_ = (("text", ctypes.c_void_p), ("error", ctypes.c_void_p))


@dataclass(frozen=True, slots=True)
class Key:
    """Who signs, and for which chain.

    Attributes:
        private_key: 80 hex digits.
    """

    chain_id: int
    account_index: int
    api_key_index: int
    private_key: bytes = field(repr=False)


class SigningError(Exception):
    """The library refused to sign; its text is the library's."""


class SigningLibrary:
    """The loaded library.

    It keeps its clients in one table of the process, by key slot and account alone: a client of the test network
    replaces one of the main network with equal numbers. So the client is made anew before every signature, and a
    lock keeps the two together whatever threads there are. Making it takes 0.1 ms, signing 0.9 ms.
    """

    def __init__(self, path: Path) -> None:
        """Load it; raises OSError."""
        self._library = ctypes.CDLL(str(path))
        self._turn = threading.Lock()
        self._declare()

    def sign(self, key: Key, function: str, *arguments: int) -> tuple[int, str, str]:
        """Return type, JSON text and hash of a signed transaction.

        Args:
            key: Who signs.
            function: Of the library, one that makes a transaction.
            arguments: Up to the nonce; the key's numbers are added.

        Raises:
            SigningError: the library refuses the values.
        """
        with self._turn:
            self._use(key)
            signed = getattr(self._library, function)(*arguments, key.api_key_index, key.account_index)
            info, digest, _, error = (
                self._taken(pointer) for pointer in (signed.info, signed.hash, signed.message, signed.error)
            )
        if error or not info:
            raise SigningError(error or f"{function} returned nothing")
        return int(signed.kind), info, digest

    def token(self, key: Key, deadline_s: int) -> str:
        """Return a token for private reads until `deadline_s`; raises SigningError."""
        with self._turn:
            self._use(key)
            made = self._library.CreateAuthToken(deadline_s, key.api_key_index, key.account_index)
            token, error = self._taken(made.text), self._taken(made.error)
        if error or not token:
            raise SigningError(error or "CreateAuthToken returned nothing")
        return token

    def _use(self, key: Key) -> None:
        pointer = self._library.CreateClient(
            _NO_ADDRESS, key.private_key, key.chain_id, key.api_key_index, key.account_index
        )
        error = self._taken(pointer)
        if error:
            raise SigningError(error)

    def _taken(self, pointer: int | None) -> str:
        """Return the text behind a pointer, which is freed; nothing for a null pointer."""
        if not pointer:
            return ""
        try:
            return (ctypes.cast(pointer, ctypes.c_char_p).value or b"").decode()
        finally:
            self._library.Free(pointer)

    def _declare(self) -> None:
        library = self._library
        for name, arguments in _SIGNATURES.items():
            function = getattr(library, name)
            function.argtypes, function.restype = arguments, _Signed
        library.CreateClient.argtypes = (ctypes.c_char_p, ctypes.c_char_p, _i32, _i32, _i64)
        library.CreateClient.restype = ctypes.c_void_p
        library.CreateAuthToken.argtypes = (_i64, *_ACCOUNT)
        library.CreateAuthToken.restype = _TextOrError
        library.Free.argtypes = (ctypes.c_void_p,)
        library.Free.restype = None


@cache
def signing_library() -> SigningLibrary:
    """Return the library, loaded once: its table of clients is one for the process, and so is the lock on it.

    Raises:
        ConfigError: it is not installed, or not for this machine.
    """
    system, machine = platform.system(), platform.machine()
    name = _FILES.get((system, _MACHINES.get(machine, machine)))
    if name is None:
        raise ConfigError(f"lighter: its signing library is not made for {system} on {machine}")
    spec = importlib.util.find_spec("lighter")
    folders = [] if spec is None else list(spec.submodule_search_locations or ())
    path = next((found for folder in folders if (found := Path(folder) / "signers" / name).is_file()), None)
    if path is None:
        raise ConfigError(f"lighter: {name} is not there: install lighter-sdk")
    try:
        return SigningLibrary(path)
    except (OSError, AttributeError) as error:
        raise ConfigError(f"lighter: {path} cannot be used: {error}") from error
