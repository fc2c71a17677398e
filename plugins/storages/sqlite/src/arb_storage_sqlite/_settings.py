"""Settings of the storage."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, field_validator, model_validator

from arb.api import Duration, Settings

MEMORY: Final = ":memory:"


class SqliteSettings(Settings):
    """Where the database is and how it is used.

    Attributes:
        path: The file; `~` is the home folder, `:memory:` keeps everything in memory and loses it
            at the end. Its folder is made when only the last part is missing.
        read_only: Read beside a running arb; takes no lock and changes nothing.
        busy_timeout: How long to wait for another program that holds the file.
        max_mebibytes: The file never grows beyond; writes then fail as on a full disk. None: no limit.
    """

    path: str
    read_only: bool = False
    busy_timeout: Duration = 5_000_000_000
    max_mebibytes: Annotated[int, Field(ge=1)] | None = None

    @field_validator("path")
    @classmethod
    def _is_usable(cls, value: str) -> str:
        if not value.strip() or "\0" in value:
            raise ValueError("write the path of a file, or ':memory:'")
        if value.startswith("file:"):
            raise ValueError("write a plain path, not a 'file:' address")
        return value

    @model_validator(mode="after")
    def _memory_is_written(self) -> SqliteSettings:
        if self.path == MEMORY and self.read_only:
            raise ValueError("a database in memory is always empty at the start: read_only makes no sense with it")
        return self
