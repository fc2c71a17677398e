"""Lists of EdgeX's history, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from arb.api import BadResponse, Context
from arb.net import Row, reading, row_of, rows_of

from ._rest import VenueRest
from ._signing import Params

PAGE: Final = 100
"""Rows of a page: the most that the venue gives of a history."""

OPEN_PAGE: Final = 200
MOST_PAGES: Final = 200


def next_offset(page: Row, before: str) -> str:
    """Return where the next page begins; empty after the last. Raises ValueError for one that leads back."""
    offset = page["nextPageOffsetData"]
    if offset in (None, ""):
        return ""
    if not isinstance(offset, str) or offset == before:
        raise ValueError(f"the page after {before!r} begins at {offset!r}")
    return offset


async def pages(
    context: Context,
    rest: VenueRest,
    path: str,
    params: Params,
    *,
    size: int = PAGE,
    most: int = MOST_PAGES,
    urgent: bool = False,
) -> AsyncIterator[list[Row]]:
    """Yield the pages of a list of the account, newest rows first, until the venue has no more.

    Raises:
        BadResponse: it is no list, or it has more than `most` pages: what was read is not the whole.
    """
    offset = ""
    for _ in range(most):
        asked = {**params, "size": str(size), **({"offsetData": offset} if offset else {})}
        data = await rest.read(path, asked, urgent=urgent)
        with reading(context.name, path):
            page = row_of(data)
            rows, offset = rows_of(page["dataList"]), next_offset(page, offset)
        yield rows
        if not offset:
            return
    raise BadResponse(f"{path} has more than {most} pages", exchange=context.name, code="too_long")
