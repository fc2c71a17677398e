"""What of an address may be shown: keys travel in queries, in user names and in the path."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

_KEY: Final = re.compile(r"(?<![\w:~-])(?=[A-Za-z_:~-]*\d)[\w:~-]{20,}", re.ASCII)
"""The listen keys of venues and the webhooks of chat services; words, symbols and our order ids are shorter."""


def shown(url: str) -> str:
    """Return host and path; what may be a key is `***`, the query and the user stay out."""
    parts = _split(url)
    return "" if parts is None else f"{parts.hostname or ''}{_KEY.sub('***', parts.path)}"


def explained(url: str, error: Exception) -> tuple[str, Exception | None]:
    """Return the reason an address could not be used, and its cause unless its text would show a key."""
    text = str(error) or type(error).__name__
    parts = _split(url)
    secrets = [url] if parts is None else [parts.query, parts.username, parts.password, *_KEY.findall(parts.path)]
    if any(secret and secret in text for secret in secrets):
        return type(error).__name__, None
    return text, error


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None
