"""Building blocks of settings models: strict tables, durations, secrets by reference."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr, WithJsonSchema

_UNITS_NS: Final = {
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}
_DURATION: Final = re.compile(r"(\d+)(ms|s|m|h|d)")


class Settings(BaseModel):
    """Base of every settings model: immutable, unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def parse_duration(value: Any) -> int:
    """Return nanoseconds of a text such as `500ms`, `30s`, `5m`, `8h` or `7d`.

    Raises:
        ValueError: it is not of that form.
    """
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"write a duration as a number and a unit (ms, s, m, h, d), such as '30s', not {value!r}")
    return int(match[1]) * _UNITS_NS[match[2]]


def _resolve_secret(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value
    kind, _, target = value.partition(":") if isinstance(value, str) else ("", "", "")
    if kind == "env" and target:
        if not os.environ.get(target):
            raise ValueError(f"environment variable {target} is not set")
        return os.environ[target]
    if kind == "file" and target:
        try:
            return Path(target).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8 text"
            raise ValueError(f"secret file {target} cannot be read: {reason}") from None
    # The value itself may be the secret: it is not repeated.
    raise ValueError("write a secret as a reference: 'env:NAME' or 'file:PATH'")


Duration = Annotated[
    int,
    BeforeValidator(parse_duration),
    WithJsonSchema(
        {"type": "string", "pattern": f"^{_DURATION.pattern}$", "format": "arb-duration"}, mode="validation"
    ),
]
"""Nanoseconds, written as `30s`, `5m`, `8h`."""

Secret = Annotated[SecretStr, BeforeValidator(_resolve_secret)]
"""A secret, written as `env:NAME` or `file:PATH`; it never prints."""
