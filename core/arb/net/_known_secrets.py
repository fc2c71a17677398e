"""The secrets of a configuration, found again in whatever form they travel."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from typing import Final

from ._opaque import HIDDEN

SHORTEST: Final = 4
"""Marks. What is shorter protects nothing, and would be found in every price."""

DEEPEST: Final = 64
"""Backslashes before an escape: JSON in JSON, six times."""
_LEAST_CORE: Final = 6
_HEX: Final = re.compile(r"(?:0[xX])?([0-9a-fA-F]{16,})")
_SHORT_ESCAPES: Final = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f", '"': '"', "/": "/", "\\": "\\"}


class KnownSecrets:
    """Hides secrets as they are, in hex, within base64, and with any of their marks escaped for a URL or JSON."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = {each.strip() for each in secrets if len(each.strip()) >= SHORTEST}
        forms = {form for secret in known for form in _forms(secret)}
        self._forms = sorted(forms, key=len, reverse=True)
        self._escaped = re.compile("|".join(map(_escapable, self._forms))) if forms else None

    def hidden(self, text: str) -> str:
        """Return the text without them."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, HIDDEN)
        # A space is `+` in a form; everything else that changes has one of the other two in it.
        if self._escaped is not None and ("%" in text or "\\" in text or "+" in text):
            text = self._escaped.sub(HIDDEN, text)
        return text


def _forms(secret: str) -> Iterator[str]:
    raw = secret.encode()
    yield secret
    yield raw.decode("latin-1")  # in bytes that are no UTF-8, and so are looked at mark by mark
    yield raw.hex()
    yield raw.hex().upper()
    if key := _HEX.fullmatch(secret):
        yield from (key[1], key[1].lower(), key[1].upper())
    for shift in range(3):
        core = _base64_core(raw, shift)
        if len(core) >= _LEAST_CORE or not shift:
            yield from (core, core.translate(str.maketrans("+/", "-_")))


def _base64_core(raw: bytes, shift: int) -> str:
    """Return the marks that stand for `raw` alone where it begins `shift` bytes after a group of three."""
    whole = base64.b64encode(bytes(shift) + raw + bytes(2)).decode()
    return whole[-(-shift * 8 // 6) : (shift + len(raw)) * 8 // 6]


def _escapable(form: str) -> str:
    return "".join(map(_mark, form))


def _mark(mark: str) -> str:
    """Return a pattern for one mark: itself, percent-encoded once or more often, or as JSON may write it."""
    percent = "".join(f"%(?:25){{0,6}}{_any_case(f'{byte:02x}')}" for byte in mark.encode("utf-8", "surrogatepass"))
    units = mark.encode("utf-16-be", "surrogatepass").hex()
    json = "".join(rf"\\{{1,{DEEPEST}}}u{_any_case(units[at : at + 4])}" for at in range(0, len(units), 4))
    ways = [re.escape(mark), percent, json]
    if mark in _SHORT_ESCAPES:
        ways.insert(0, rf"\\{{1,{DEEPEST}}}{re.escape(_SHORT_ESCAPES[mark])}")
    if mark == " ":
        ways.append(r"\+")
    return f"(?:{'|'.join(ways)})"


def _any_case(digits: str) -> str:
    return "".join(f"[{each}{each.upper()}]" if each.isalpha() else each for each in digits)
