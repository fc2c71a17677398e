"""Lists of Backpack's history, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from arb.api import BadResponse, Context
from arb.net import Row, reading, rows_of

from ._rest import Pace, VenueRest
from ._signing import Params

PAGE: Final = 1_000
MOST_PAGES: Final = 50


async def pages(
    context: Context,
    rest: VenueRest,
    path: str,
    instruction: str,
    params: Params,
    *,
    most: int = MOST_PAGES,
    pace: Pace = Pace.RANGE,
    urgent: bool = False,
) -> AsyncIterator[list[Row]]:
    """Yield pages of up to 1000 rows until the venue has no more.

    Rows that are added while we read move the others to later pages: one may come twice, none is left out. `urgent`
    is what tells the fate of an order; see :meth:`VenueRest.read`.

    Raises:
        BadResponse: it is no list, or it has more than `most` pages: what was read is not the whole.
    """
    for page in range(most):
        asked = {**params, "limit": PAGE, "offset": page * PAGE}
        answer = await rest.read(path, instruction, asked, pace=pace, urgent=urgent)
        with reading(context.name, path):
            rows = rows_of(answer)
        yield rows
        if len(rows) < PAGE:
            return
    raise BadResponse(f"{path} has more than {most * PAGE} rows", exchange=context.name, code="too_long")
