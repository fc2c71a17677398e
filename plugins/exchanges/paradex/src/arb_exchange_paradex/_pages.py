"""Lists of Paradex, page by page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from arb.api import BadResponse, Context
from arb.net import Row, reading

from ._fields import results
from ._rest import VenueRest

PAGE: Final = 1_000
MOST_PAGES: Final = 100


async def all_rows(
    context: Context, rest: VenueRest, path: str, params: Mapping[str, str | int], *, urgent: bool = False
) -> list[Row]:
    """Return every row of a list; each page tells where the next one begins.

    Raises:
        BadResponse: it is no list, or it has no end: what was read is not the whole.
    """
    asked: dict[str, str | int] = {**params, "page_size": PAGE}
    found: list[Row] = []
    for _ in range(MOST_PAGES):
        answer = await rest.read(path, asked, urgent=urgent)
        with reading(context.name, path):
            found += results(answer)
            cursor = answer.get("next")
        if not cursor:
            return found
        asked["cursor"] = str(cursor)
    raise BadResponse(f"{path} has more than {MOST_PAGES * PAGE} rows", exchange=context.name, code="too_long")
