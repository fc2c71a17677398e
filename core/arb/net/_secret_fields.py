"""Hides the values of fields whose names say that they are secret, in place: the rest stays as it came, to the byte."""

from __future__ import annotations

import re
from typing import Final

from ._opaque import HIDDEN
from ._secret_names import is_secret_name, may_name_a_secret

_FIELD: Final = re.compile(r"""(["'])((?:[^"'\\{}\[\]:,]|\\{1,64}u[0-9A-Fa-f]{4}){1,64})(\\*)\1[\s+]*:[\s+]*""")
_ESCAPE: Final = re.compile(r"\\+u([0-9A-Fa-f]{4})")
_OPENING: Final = re.compile(r"""(\\*)(["'])""")
_NESTING: Final = re.compile(r'(\\{0,64})"|[\[\]{}]')
_PLAIN: Final = re.compile(r"""[^\s,}\]&"']*""")
_SEPARATOR: Final = re.compile(r"""[=:](?<!["'\\].)(?:(?<==)|\s)""")
_NAME_BEFORE: Final = re.compile(r"(?<![\w%.~\[\]-])[\w%.~\[\]-]{1,64}\s?\Z")
_VALUE_AFTER: Final = re.compile(r"""\s*(?:(?:Bearer|Basic|Token) +)?[^\s&;,"'<>{}]*""", re.IGNORECASE)
_QUOTED: Final = re.compile(r"""\s*(["']).*?(?:\1|\Z)""", re.DOTALL)
_KEPT: Final = frozenset({"", "true", "false", "null", "True", "False", "None"})
_SHORT_NUMBER: Final = re.compile(r"-?\d{1,3}")
_NUMBER: Final = re.compile(r"-?\d[\d.eE+-]*")


def without_secret_fields(text: str) -> str:
    """Return the text with every value under a secret name hidden.

    In JSON, also within JSON strings at any depth, a text, list or object becomes `"***"` and a number 0, so that it
    stays JSON; true, false, null and numbers of up to three digits stay (a venue's sign, a key's index). In other
    text, what follows `name=` or `name: ` becomes `***`.
    """
    if "\\u" in text or may_name_a_secret(text):
        text = _in_pairs(_in_json(text))
    return text


def _in_json(text: str) -> str:
    parts: list[str] = []
    done = at = 0
    while (field := _FIELD.search(text, at)) is not None:
        at = field.end()
        if is_secret_name(_plain(field[2])):
            parts.append(text[done:at])
            at, shown = _hidden_value(text, at, len(field[3]))
            parts.append(shown)
            done = at
    return "".join((*parts, text[done:])) if parts else text


def _plain(name: str) -> str:
    return _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), name) if "\\" in name else name


def _hidden_value(text: str, begin: int, slashes: int) -> tuple[int, str]:
    """Return where a value ends, and what is shown of it; `slashes` stand before the quotes of its document."""
    opening = _OPENING.match(text, begin)
    if opening is not None:
        end, closing = _text_end(text, opening.end(), len(opening[1]), opening[2])
        return end, f"{opening[0]}{HIDDEN}{closing}"
    quote = "\\" * slashes + '"'
    if text[begin : begin + 1] in ("{", "["):
        return _container_end(text, begin, slashes), f"{quote}{HIDDEN}{quote}"
    plain = _PLAIN.match(text, begin)
    assert plain is not None, "it matches nothing at least"
    value = plain[0].rstrip("\\")
    end = begin + len(value)
    if value in _KEPT or _SHORT_NUMBER.fullmatch(value):
        return end, value
    return end, "0" if _NUMBER.fullmatch(value) else f"{quote}{HIDDEN}{quote}"


def _text_end(text: str, begin: int, slashes: int, quote: str) -> tuple[int, str]:
    """Return where a string ends, and the marks that end it.

    Within a string of a string, and so on, a quote that closes has the same backslashes before it as the one that
    opened, after those of an even number of doubled ones; one with fewer closes a string further out.
    """
    at = begin
    while (found := text.find(quote, at)) >= 0:
        count = 0
        while found - count > begin and text[found - count - 1] == "\\":
            count += 1
        if count < slashes or count % (2 * (slashes + 1)) == slashes:
            return found + 1, "\\" * min(count, slashes) + quote
        at = found + 1
    return len(text), ""


def _container_end(text: str, begin: int, slashes: int) -> int:
    depth, at = 0, begin
    while (found := _NESTING.search(text, at)) is not None:
        at = found.end()
        if found[0].endswith('"'):
            if len(found[1]) < slashes:
                return found.start()
            at, _ = _text_end(text, at, len(found[1]), '"')
        else:
            depth += 1 if found[0] in "[{" else -1
            if depth == 0:
                return at
    return len(text)


def _in_pairs(text: str) -> str:
    parts: list[str] = []
    done = 0
    is_json = text.lstrip()[:1] in ("{", "[", '"')
    for found in _SEPARATOR.finditer(text):
        if found.start() < done:
            continue
        name = _NAME_BEFORE.search(text, max(done, found.start() - 65), found.start())
        if name is None or not is_secret_name(name[0]):
            continue
        # In JSON a quote after `=` ends the text that the pair stands in.
        value = (None if is_json else _QUOTED.match(text, found.end())) or _VALUE_AFTER.match(text, found.end())
        assert value is not None, "it matches nothing at least"
        shown = value[0].rstrip("\\").strip()
        if shown and not _SHORT_NUMBER.fullmatch(shown):
            parts += (text[done : found.end()], HIDDEN)
            done = found.end() + len(value[0].rstrip("\\"))
    return "".join((*parts, text[done:])) if parts else text
