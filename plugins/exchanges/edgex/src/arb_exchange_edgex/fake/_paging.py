"""Pages of the fake venue: newest first, and each names where the next begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ._refusal import Refusal

Rows = list[dict[str, Any]]


def paged(
    rows: Rows, query: Mapping[str, str], *, most: int, place: Callable[[dict[str, Any]], tuple[int, int]]
) -> dict[str, Any]:
    """Return the page that is asked for.

    Args:
        rows: In any order.
        query: `size` and `offsetData` of it.
        most: Rows that a page may have.
        place: Where a row stands; later rows have larger ones.
    """
    text, offset = query.get("size", str(most)), query.get("offsetData", "")
    if not text.isdigit() or not 0 < int(text) <= most:
        raise Refusal("INVALID_GET_PAGE_SIZE", status=400, param={"size": text})
    rows = sorted(rows, key=place, reverse=True)
    if offset:
        rows = [row for row in rows if place(row) < _place_of(offset)]
    page, rest = rows[: int(text)], rows[int(text) :]
    return {"dataList": page, "nextPageOffsetData": _offset_of(place(page[-1])) if rest else ""}


def chosen(rows: Rows, query: Mapping[str, str], filters: Mapping[str, str]) -> Rows:
    """Return the rows that the filters of a query let through.

    Args:
        rows: In any order.
        query: Lists of values, joined with commas, by the filter's name; and the bounds of `createdTime`.
        filters: Field by filter.
    """
    for name, field in filters.items():
        if query.get(name):
            wanted = query[name].split(",")
            rows = [row for row in rows if str(row.get(field)) in wanted]
    begin, end = query.get("filterStartCreatedTimeInclusive"), query.get("filterEndCreatedTimeExclusive")
    if begin:
        rows = [row for row in rows if int(row["createdTime"]) >= int(begin)]
    if end and end != "0":
        rows = [row for row in rows if int(row["createdTime"]) < int(end)]
    return rows


def by_creation(row: dict[str, Any]) -> tuple[int, int]:
    """Return where a row of an account's list stands."""
    return int(row["createdTime"]), int(row["id"])


def _offset_of(place: tuple[int, int]) -> str:
    return f"{place[0]:X}.{place[1]:X}"


def _place_of(offset: str) -> tuple[int, int]:
    try:
        first, second = offset.split(".")
        return int(first, 16), int(second, 16)
    except ValueError:
        raise Refusal("GATEWAY_PARAM_INVALID", status=400, param={"offsetData": offset}) from None
