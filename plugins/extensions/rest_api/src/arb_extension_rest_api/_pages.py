"""Pages: what follows the last row seen, whatever was inserted or has moved since."""

from __future__ import annotations

import base64
import hashlib
import json
from bisect import bisect_right
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Annotated, Final, TypeVar

from pydantic import Field

from ._problems import Problem
from ._values import Params, finite

T = TypeVar("T")

Key = tuple[int, Decimal, str]
"""What rows are ordered by: those without a number come last, and an id tells the others apart."""

NO_KEY: Final = Decimal(0)


class Paged(Params):
    """Parameters of a call that answers in pages."""

    limit: Annotated[int, Field(ge=1, le=1000, description="Most rows of this page.")] = 100
    cursor: Annotated[
        str | None,
        Field(
            max_length=512,
            pattern=r"^[A-Za-z0-9_-]+$",
            description="`next_cursor` of the page before, with the other parameters as they were.",
        ),
    ] = None

    def encode(self, after: Sequence[str | int]) -> str:
        """Return a cursor that only fits the same parameters."""
        text = json.dumps([self._scope(), *after], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def decode(self) -> list[object] | None:
        """Return what the cursor holds; None for the first page.

        Raises:
            Problem: nobody gave out this cursor, or not for these parameters.
        """
        if self.cursor is None:
            return None
        try:
            found = json.loads(base64.urlsafe_b64decode(self.cursor + "=" * (-len(self.cursor) % 4)))
        except (ValueError, RecursionError):  # of base64, UTF-8 and JSON alike
            raise wrong_cursor() from None
        if not isinstance(found, list) or found[:1] != [self._scope()]:
            raise wrong_cursor()
        return found[1:]

    def _scope(self) -> str:
        asked = self.model_dump_json(exclude={"limit", "cursor"})
        return hashlib.sha256(f"{type(self).__name__} {asked}".encode()).hexdigest()[:12]


def wrong_cursor() -> Problem:
    """Return the problem of a cursor that cannot be used."""
    return Problem(
        HTTPStatus.BAD_REQUEST,
        "wrong-cursor",
        "the cursor does not belong to these parameters: begin without one, then pass `next_cursor` on as it is",
    )


def page(rows: Sequence[T], params: Paged, key: Callable[[T], Key]) -> tuple[Sequence[T], str | None]:
    """Return the rows of the page asked for and the cursor of the next one; `rows` are ordered by `key`."""
    after = params.decode()
    start = 0 if after is None else bisect_right(rows, _key(after), key=key)
    found = rows[start : start + params.limit]
    if start + params.limit >= len(rows):
        return found, None
    rank, number, name = key(found[-1])
    return found, params.encode([rank, str(number), name])


def _key(after: list[object]) -> Key:
    match after:
        case [int(rank), str(number), str(name)] if (exact := _number(number)) is not None:
            return rank, exact, name
        case _:
            raise wrong_cursor()


def _number(text: str) -> Decimal | None:
    try:
        return finite(Decimal(text))
    except InvalidOperation:
        return None
