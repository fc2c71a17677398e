"""Long lists, read window by window: the venue lists at most a week at once, and at most a thousand rows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

from arb.api import BadResponse, Context
from arb.model import DAY_NS, MILLISECOND_NS
from arb.net import Row, from_ms, reading, rows_of

from ._dialect import Endpoint, Params
from ._rest import VenueRest

PAGE: Final = 1_000
_WEEK_NS: Final = 7 * DAY_NS
_MOST_PAGES: Final = 500


@dataclass(frozen=True, slots=True)
class Page:
    """Rows that follow those of the page before.

    Attributes:
        rows: Oldest first.
        until_ns: Whatever was booked before this time stands on this page or on one before; by the venue's clock.
    """

    rows: tuple[Row, ...]
    until_ns: int


async def windows(
    context: Context,
    rest: VenueRest,
    endpoint: Endpoint,
    params: Params,
    since_ns: int,
    *,
    longest_ns: int,
    identity: Callable[[Row], str],
) -> AsyncIterator[Page]:
    """Yield the rows at or after a time, page by page, oldest first, each row once.

    Args:
        context: The exchange plugin's.
        rest: Signs and sends.
        endpoint: Lists rows with a `time`, oldest first, from `startTime` to `endTime`.
        params: Besides these.
        since_ns: By the venue's clock; one further back than `longest_ns` is taken as that.
        longest_ns: How far back the venue keeps them.
        identity: Tells rows of one millisecond apart.

    Raises:
        BadResponse: it is no such list, or has a millisecond with more rows than fit into an answer.
    """
    now_ns = rest.time.now_ns()
    begin_ns = max(since_ns, now_ns - longest_ns, 0)
    for _ in range(_MOST_PAGES):
        # A clock that is not known well must not leave out what has just happened.
        end_ns = begin_ns + _WEEK_NS - MILLISECOND_NS
        times = {"startTime": str(begin_ns // MILLISECOND_NS), "endTime": str(end_ns // MILLISECOND_NS)}
        answer = await rest.read(endpoint, {**params, **times, "limit": str(PAGE)})
        with reading(context.name, endpoint.path):
            rows = rows_of(answer)
            stamps = [from_ms(row["time"]) for row in rows]
            if stamps != sorted(stamps):
                raise ValueError("the rows are not in the order of their times")
            kept = [row for row, ts_ns in zip(rows, stamps, strict=True) if ts_ns >= since_ns]
            unique = {identity(row): row for row in kept}
        if len(rows) < PAGE:
            yield Page(tuple(unique.values()), min(now_ns, end_ns + MILLISECOND_NS))
            if end_ns >= now_ns:
                return
            begin_ns = end_ns + MILLISECOND_NS
            continue
        # The last millisecond may have more rows than fitted: it is read again from its beginning.
        last_ns = stamps[-1]
        if last_ns // MILLISECOND_NS <= begin_ns // MILLISECOND_NS:
            break
        with reading(context.name, endpoint.path):
            page = tuple(row for row in unique.values() if from_ms(row["time"]) < last_ns)
        yield Page(page, last_ns)
        begin_ns = last_ns
    raise BadResponse(f"{endpoint.path} has no end", exchange=context.name, code="endless")
