"""Values that look like keys, whatever they are called."""

from __future__ import annotations

import re
from typing import Final

HIDDEN: Final = "***"
SHORTEST: Final = 40
"""Marks. Our order ids (32), cloids (34) and UUIDs (36) are shorter; keys, hashes, addresses and signatures are not."""

_RUN: Final = re.compile(rf"[A-Za-z0-9+/_-]{{{SHORTEST},}}(?:={{1,2}}(?![A-Za-z0-9]))?")
_TOKEN: Final = re.compile(r"(?<![\w-])eyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*)?", re.ASCII)
_PEM: Final = re.compile(r"-----BEGIN [A-Z ]*KEY-----.*?(?:-----END [A-Z ]*KEY-----|\Z)", re.DOTALL)
_HEX: Final = re.compile(rf"(?:0[xX])?[0-9a-fA-F]{{{SHORTEST},}}")
_SEPARATORS: Final = re.compile(r"[+/_-]+")
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_LONGEST_PIECE: Final = 24
"""Marks without a separator that may still be a name with numbers in it; longer words do not exist."""
_SHORTEST_PIECE: Final = 7
_LEAST_WORD: Final = 2.7
"""Marks of one kind in a row, on average: words have more, chance has 1.7."""

_MARKS: Final = bytes(
    ord("a") if (code < 128 and chr(code).isalnum()) or chr(code) in "+/_-" else ord(" ") for code in range(256)
)
_SUSPECT: Final = b"a" * SHORTEST


def without_opaque(text: str) -> str:
    """Return the text with keys, hashes, addresses, JSON web tokens and PEM blocks hidden; words and paths stay."""
    if "-----BEGIN" in text:
        text = _PEM.sub(HIDDEN, text)
    if "eyJ" in text:
        text = _TOKEN.sub(HIDDEN, text)
    if _SUSPECT in text.encode("utf-8", "replace").translate(_MARKS):
        text = _RUN.sub(_judged, _HEX.sub(HIDDEN, text))
    return text


def _judged(found: re.Match[str]) -> str:
    return HIDDEN if is_opaque(found[0]) else found[0]


def is_opaque(run: str) -> bool:
    """Whether a long run of base64 marks is no path or name made of words.

    Words are long runs of one kind of letter; in hex and base64 the kind changes at every second mark. Of chance
    values of 40 marks 3 in 10,000 pass for words, of 60 marks none.
    """
    bare = run.rstrip("=")
    if bare != run or "+" in run:
        return True
    return any(map(_is_no_name, _SEPARATORS.split(bare)))


def _is_no_name(piece: str) -> bool:
    words = _WORD.findall(piece)
    has_number = any(map(str.isdigit, piece))
    if len(piece) >= _LONGEST_PIECE and (has_number or max(map(len, words)) >= _LONGEST_PIECE):
        return True
    if has_number and not (piece.isupper() or piece.islower() or piece.isdigit()):
        return True
    return len(piece) >= _SHORTEST_PIECE and len(piece) < _LEAST_WORD * len(words)
