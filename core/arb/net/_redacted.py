"""What of a message may be written down."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from ._known_secrets import KnownSecrets
from ._opaque import HIDDEN, without_opaque
from ._secret_fields import without_secret_fields
from ._secret_names import is_secret_name

_SHOWN_HEADERS: Final = frozenset(
    {"age", "cache-control", "content-encoding", "content-length", "content-type", "date", "retry-after", "server"}
)
_LIMITS: Final = ("ratelimit", "rate-limit", "used-weight", "order-count", "limit-status", "limit-reset")
_DEEPEST: Final = 6
_TOKEN: Final = re.compile(r"""[^\s&;?"'<>{}\[\]\\]+""")
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_FORM: Final = re.compile(r"[^\s&={}\"'<>]{1,128}=[^\s]*")


class Redactor:
    """Hides secrets: what is configured, what a name says, and what looks like a key.

    Everything else stays as it came, to the byte. What is compressed or encrypted is not looked into.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Take the secrets of the configuration.

        Args:
            secrets: Found wherever they stand; those shorter than four marks only where a name says so.
        """
        self._known = KnownSecrets(secrets)

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return all names, and the values of those that say how a message is to be read or paced."""
        return {self.text(name): self.text(value) if _is_shown(name) else HIDDEN for name, value in headers.items()}

    def url(self, url: str) -> str:
        """Return an address; its user is left out, since it is there to sign in."""
        url = self._known.hidden(url)
        try:
            parts = urlsplit(url)
        except ValueError:
            return self.text(url)
        host = parts.netloc.rpartition("@")[2]
        path = "/".join(map(self.text, parts.path.split("/")))
        query = f"?{self.form(parts.query)}" if parts.query else ""
        scheme = f"{parts.scheme}://" if parts.scheme and host else ""
        return f"{scheme}{self.text(host)}{path}{query}"

    def form(self, form: str) -> str:
        """Return a query, or a body of the same form."""
        return "&".join(map(self._pair, self._known.hidden(form).split("&")))

    def body(self, body: bytes) -> str | bytes:
        """Return a body as text; as bytes where it is no UTF-8."""
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return self.text(body.decode("latin-1")).encode("latin-1")
        return self.form(text) if _FORM.fullmatch(text) else self.text(text)

    def text(self, text: str) -> str:
        """Return any text: JSON, a message for people, a value."""
        return self._text(text, 0)

    def _text(self, text: str, depth: int) -> str:
        if depth == _DEEPEST:
            return HIDDEN
        text = without_secret_fields(self._known.hidden(text))
        if "%" in text:
            text = _TOKEN.sub(lambda token: self._unquoted(token[0], depth), text)
        if "\\u" in text or "\\/" in text:
            text = _STRING.sub(lambda string: self._unescaped(string[0], depth), text)
        return without_opaque(text)

    def _pair(self, pair: str) -> str:
        name, equals, value = pair.partition("=")
        if equals and value and is_secret_name(_decoded(name)):
            return f"{self.text(name)}={HIDDEN}"
        return self.text(name) + equals + self.text(value)

    def _unquoted(self, token: str, depth: int) -> str:
        """Look at what is percent-encoded; where there is a secret in it, it is quoted anew without."""
        plain = unquote(token, errors="surrogateescape")
        if plain == token:
            return token
        shown = self._text(plain, depth + 1)
        return token if shown == plain else quote(shown, safe="*=:/,", errors="surrogateescape")

    def _unescaped(self, string: str, depth: int) -> str:
        """Look at a JSON string whose marks are escaped, in the same way."""
        if "\\u" not in string and "\\/" not in string:
            return string
        try:
            plain = json.loads(string, strict=False)
        except ValueError:
            return string
        shown = self._text(plain, depth + 1)
        return string if shown == plain else json.dumps(shown)


def _is_shown(header: str) -> bool:
    name = header.lower()
    return name in _SHOWN_HEADERS or any(limit in name for limit in _LIMITS)


def _decoded(name: str) -> str:
    while (plain := unquote(name)) != name:
        name = plain
    return name
