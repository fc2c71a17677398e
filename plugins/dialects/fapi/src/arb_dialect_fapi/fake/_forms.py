"""What a request says: the parameters of query and body, and the text that is signed."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from arb.api import HttpRequest

from ._refusal import Refusal

SIGNATURE: Final = "signature"
Query = dict[str, str]


def query_text(request: HttpRequest) -> str:
    """Return the query as it was sent."""
    return request.url.partition("?")[2]


def body_text(request: HttpRequest) -> str:
    """Return the body as it was sent; raises Refusal for one that is no text."""
    try:
        return request.body.decode()
    except UnicodeDecodeError:
        raise Refusal(-1100, "Illegal characters found in a parameter.") from None


def params_of(request: HttpRequest) -> Query:
    """Return the parameters of query and body together."""
    return dict(
        parse_qsl(query_text(request), keep_blank_values=True) + parse_qsl(body_text(request), keep_blank_values=True)
    )


def signed_parts(request: HttpRequest) -> tuple[str, str]:
    """Return the text that is signed, and the signature as it was sent.

    The text is the query directly followed by the body, without the signature, which is the last parameter.

    Raises:
        Refusal: there is none, or it is not the last.
    """
    parts = [query_text(request), body_text(request)]
    for place in (1, 0):
        before, found, signature = f"&{parts[place]}".rpartition(f"&{SIGNATURE}=")
        if found and "&" not in signature:
            parts[place] = before[1:]
            return "".join(parts), signature
    raise Refusal(-1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.")


def header(request: HttpRequest, wanted: str) -> str:
    """Return a header of a request, whatever its case."""
    return next((value for name, value in request.headers.items() if name.lower() == wanted.lower()), "")
