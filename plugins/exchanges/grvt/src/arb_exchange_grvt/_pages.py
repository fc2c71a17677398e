"""Lists of GRVT's history: newest first, page by page with a cursor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

from arb.api import BadResponse, Context
from arb.net import Row, reading, row_of, rows_of

PAGE: Final = 1_000
MOST_PAGES: Final = 100
"""A list that never ends is none."""


async def pages(
    context: Context, what: str, ask: Callable[[dict[str, Any]], Awaitable[Any]], *, most: int = MOST_PAGES
) -> AsyncIterator[list[Row]]:
    """Yield pages of up to 1000 rows until the venue has no more.

    Args:
        context: The exchange plugin's.
        what: Names the list in errors.
        ask: Sends one call with these fields beside its own.
        most: So many pages are read at most.

    Raises:
        BadResponse: it is no list, its cursor stands still, or it has more pages: what was read is not the whole.
    """
    fields: dict[str, Any] = {"limit": PAGE}
    for _ in range(most):
        answer = await ask(fields)
        with reading(context.name, what):
            rows, cursor = rows_of(row_of(answer)["result"]), str(answer.get("next") or "")
        yield rows
        if not cursor or not rows:
            return
        if cursor == fields.get("cursor"):
            raise BadResponse(f"{what}: the cursor stands still", exchange=context.name, code="endless")
        fields = {"limit": PAGE, "cursor": cursor}
    raise BadResponse(f"{what} has more than {most} pages", exchange=context.name, code="too_long")
