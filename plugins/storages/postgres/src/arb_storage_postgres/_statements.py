"""From arb's placeholders to PostgreSQL's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import count
from typing import Final

from arb.api import SqlValue

_TOKEN: Final = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\?""")


@lru_cache(maxsize=1024)
def numbered(sql: str) -> str:
    """Return a statement with `$1`, `$2` and so on in the place of each `?` that is not quoted."""
    numbers = count(1)
    return _TOKEN.sub(lambda found: f"${next(numbers)}" if found[0] == "?" else found[0], sql)


def bound(values: Sequence[SqlValue]) -> list[SqlValue]:
    """Return values as the server takes them.

    It stores no NUL in a text. Such a text is a message of somebody else's, and the rest of it is
    worth more than none.
    """
    return [value.replace("\0", "\ufffd") if isinstance(value, str) and "\0" in value else value for value in values]


def changed(tag: str) -> int:
    """Return the number of rows in a command tag such as `UPDATE 2`; 0 where it has none."""
    last = tag.rpartition(" ")[2]
    return int(last) if last.isdigit() else 0
