"""Which requests are the same one, asked at another time and perhaps by another key."""

from __future__ import annotations

import json
import re
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

CHANGING: Final = "#"
_NAMES: Final = frozenset(
    {"client", "cloid", "deadline", "expiration", "expires", "expiry", "nonce", "time", "timestamp", "ts"}
)
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_VALUE: Final = re.compile(
    r"-?\d{10,}(?:\.\d+)?|0x[0-9a-fA-F]{32}|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}", re.ASCII
)
"""A time, a client order id of the two usual kinds."""


def shape(method: str, url: str, body: str | bytes) -> str:
    """Return what identifies a request that was redacted: method, path, query and body.

    Its host does not count, nor the order of fields, nor values that change from one time to the next: times,
    nonces, client order ids.
    """
    parts = urlsplit(url)
    text = body if isinstance(body, str) else body.decode("latin-1")
    query = f"?{_form(parts.query)}" if parts.query else ""
    return " ".join(filter(None, (method.upper(), f"{parts.path or '/'}{query}", _body(text))))


def _form(query: str) -> str:
    pairs = sorted((name, _written(name, value)) for name, value in parse_qsl(query, keep_blank_values=True))
    return "&".join(f"{name}={value}" for name, value in pairs)


def _body(text: str) -> str:
    if not text:
        return ""
    try:
        return _compact(json.loads(text, parse_float=str))
    except (ValueError, RecursionError):
        return _form(text) if "=" in text else text


def _written(name: str, value: str) -> str:
    """Return one value of a form, which may be JSON."""
    if value[:1] in ("{", "["):
        return _body(value)
    return str(_steady(value, name))


def _compact(value: Any) -> str:
    return json.dumps(_steady(value, ""), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _steady(value: Any, name: str) -> Any:
    """Return a value without what changes, as JSON would hold it."""
    if isinstance(value, dict):
        return {key: _steady(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [_steady(each, name) for each in value]
    if isinstance(value, bool) or value is None:
        return value
    if any(word.lower() in _NAMES for word in _WORD.findall(name)) or _VALUE.fullmatch(str(value)):
        return CHANGING
    return value
