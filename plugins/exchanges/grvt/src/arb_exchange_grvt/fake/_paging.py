"""Lists of the fake venue: newest first, with a cursor."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ._refusal import Refusal

LONGEST: Final = 1_000
_USUAL: Final = 500


def window(body: Mapping[str, Any], now_ns: int) -> tuple[int, int]:
    """Return the first and the last time that a list asks for; raises Refusal."""
    try:
        begin_ns, end_ns = int(body.get("start_time") or 0), int(body.get("end_time") or now_ns)
    except (TypeError, ValueError):
        raise Refusal(1003) from None
    return begin_ns, min(end_ns, now_ns)


def page(rows: Sequence[Mapping[str, Any]], body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the page of a list that is asked for; the cursor tells how far it was read."""
    try:
        limit = int(body.get("limit") or _USUAL)
        cursor = str(body.get("cursor") or "")
        start = int(base64.b64decode(cursor).decode()) if cursor else 0
    except (TypeError, ValueError):
        raise Refusal(1003) from None
    if not 1 <= limit <= LONGEST:
        raise Refusal(1003)
    end = start + limit
    following = base64.b64encode(str(end).encode()).decode() if end < len(rows) else ""
    return {"result": list(rows[start:end]), "next": following}
