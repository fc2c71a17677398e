"""Which names of fields say that their value is a secret."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

HINTS: Final = (
    "auth",
    "bearer",
    "cookie",
    "cred",
    "jwt",
    "key",
    "mnemonic",
    "otp",
    "pass",
    "pin",
    "pwd",
    "secret",
    "seed",
    "session",
    "sig",
    "token",
)
"""Every secret name holds one of these, in lower case and without separators."""

_LETTERS: Final = bytes(code | 0x20 if 65 <= code <= 90 else code for code in range(256))
_NO_LETTERS: Final = bytes(code for code in range(256) if not (65 <= code <= 90 or 97 <= code <= 122))

_HINT: Final = re.compile("|".join(HINTS).encode())
_WORDS: Final = frozenset(
    {
        *("apikey", "auth", "authentication", "authorization", "bearer", "cookie", "cookies", "credential"),
        *("credentials", "jwt", "key", "keys", "mnemonic", "otp", "pass", "passphrase", "passwd", "password", "pin"),
        *("pwd", "secret", "secrets", "seed", "session", "sig", "sign", "signature", "signatures", "sigs", "token"),
    }
)
_PARTS: Final = (
    *("accesstoken", "apikey", "apisecret", "authtoken", "authoriz", "bearer", "cookie", "credential", "listenkey"),
    *("passphrase", "passwd", "password", "privatekey", "secret", "sessionid", "signature"),
)
_ENDS: Final = ("key", "sig", "token")
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def may_name_a_secret(text: str) -> bool:
    """Whether a closer look is needed: quick, and True too often; escapes in names are not seen."""
    letters = text.encode("utf-8", "replace").translate(_LETTERS, _NO_LETTERS)
    return _HINT.search(letters) is not None


@lru_cache(maxsize=4_096)
def is_secret_name(name: str) -> bool:
    """Whether a value of this name must not be shown: `X-Signature`, `apiKey`, `listen_key`, `L1Sig`, `passphrase`.

    `tokens` is none of them: that is what venues call the list of their assets.
    """
    if any(word.lower() in _WORDS for word in _WORD.findall(name)):
        return True
    plain = "".join(mark for mark in name.lower() if mark.isalnum())
    return plain.endswith(_ENDS) or any(part in plain for part in _PARTS)
