"""Lists that the venue cuts: read whole, whichever end it keeps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from arb.api import BadResponse
from arb.net import reading, whole

Row = Mapping[str, Any]
Ask = Callable[[int, int], Awaitable[Any]]


async def whole_list(ask: Ask, start_ms: int, end_ms: int, *, most: int, what: str, exchange: str) -> list[Row]:
    """Return every row with a time in [start, end], in no order; a row may come twice.

    The venue's documentation does not say for each list which rows are left out of a full answer. So around what
    one holds both sides are asked again: of the times strictly inside it nothing can be missing.

    Args:
        ask: Asks for the rows from one millisecond to another, both included.
        start_ms: The first.
        end_ms: The last.
        most: An answer of that many rows may have been cut.
        what: The list, for errors.
        exchange: The exchange's name, for errors.

    Raises:
        BadResponse: more rows have one time than an answer holds.
    """
    found: list[Row] = []
    windows = [(start_ms, end_ms)]
    while windows:
        first, last = windows.pop()
        answer = await ask(first, last)
        with reading(exchange, what):
            if not isinstance(answer, list):
                raise TypeError(f"no list but {type(answer).__name__}")
            # What lies outside was not asked for; it would lead the search astray.
            inside = [(time, row) for row in answer if first <= (time := whole(row["time"])) <= last]
        found += [row for _, row in inside]
        if len(answer) < most:
            continue
        times = [time for time, _ in inside]
        if not times or min(times) == max(times):
            text = f"{what}: {len(answer)} rows at one time, so the list cannot be read whole"
            raise BadResponse(text, exchange=exchange, code="cut_list")
        windows += [(first, min(times)), (max(times), last)]
    return found
