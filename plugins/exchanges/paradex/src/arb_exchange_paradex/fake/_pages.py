"""Pages of lists: a cursor that means nothing to anybody else."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ._refusal import Refusal

_LONGEST: Final = 5_000


def page(rows: Sequence[Any], query: Mapping[str, str], *, default: int = 100) -> dict[str, Any]:
    """Return the page of a list that is asked for, and where the next one begins; raises Refusal."""
    size, cursor = query.get("page_size") or str(default), query.get("cursor") or ""
    if not size.isdigit() or not 1 <= int(size) <= _LONGEST:
        raise Refusal(400, "INVALID_REQUEST_PARAMETER", "invalid page_size")
    try:
        start = int(base64.b64decode(cursor, validate=True)) if cursor else 0
    except (ValueError, binascii.Error):
        raise Refusal(400, "INVALID_REQUEST_PARAMETER", "invalid cursor") from None
    end = start + int(size)
    following = base64.b64encode(str(end).encode()).decode() if end < len(rows) else None
    return {"results": list(rows[start:end]), "next": following, "prev": None}


def between(query: Mapping[str, str]) -> tuple[int, int]:
    """Return the window that is asked for, in milliseconds, both ends included; raises Refusal."""
    found = []
    for name, default in (("start_at", 0), ("end_at", 1 << 62)):
        value = query.get(name) or str(default)
        if not value.isdigit():
            raise Refusal(400, "INVALID_REQUEST_PARAMETER", f"invalid {name}")
        found.append(int(value))
    return found[0], found[1]
