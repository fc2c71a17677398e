"""Describe settings: a table for people, a JSON schema for editors, effective values without secrets."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import Enum
from typing import Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, SecretStr
from pydantic.fields import FieldInfo

from arb.api import parse_duration

MASK: Final = "**********"
_UNITS: Final = (("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000))


def format_duration(duration_ns: int) -> str:
    """Return a duration as it is written in the configuration: `30s`, `8h`."""
    for unit, size in _UNITS:
        if duration_ns and duration_ns % size == 0:
            return f"{duration_ns // size}{unit}"
    return f"{duration_ns // 1_000_000}ms" if duration_ns else "0s"


def settings_rows(model: type[BaseModel], prefix: str = "") -> Iterator[dict[str, str]]:
    """Yield key, type, default and description of each setting; those of inner tables with a dot."""
    for name, field in model.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        inner = _table(field.annotation)
        if inner is field.annotation and inner is not None:
            yield from settings_rows(inner, f"{key}.")
            continue
        yield {
            "key": key,
            "type": _type_name(field.annotation, is_duration(field)),
            "default": "(required)" if field.is_required() else _default(field),
            "description": field.description or "",
        }
        if inner is not None:  # a table that may be left out
            yield from settings_rows(inner, f"{key}.")


def settings_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON schema of a settings model, with durations as they are written."""
    schema = model.model_json_schema()
    _write_durations(schema)
    return schema


def effective(value: object, raw: object = None, field: FieldInfo | None = None) -> Any:
    """Return a validated value as plain data, defaults filled in.

    Args:
        value: A settings model or anything in one.
        raw: The same as written in the file: a secret is shown as its reference, never its value.
        field: Where it stands.
    """
    if isinstance(value, SecretStr):
        return raw if isinstance(raw, str) and raw.startswith(("env:", "file:")) else MASK
    if isinstance(value, BaseModel):
        written = raw if isinstance(raw, Mapping) else {}
        plain = {
            field.alias or name: effective(getattr(value, name), written.get(field.alias or name), field)
            for name, field in type(value).model_fields.items()
        }
        return plain | {key: effective(extra) for key, extra in (value.__pydantic_extra__ or {}).items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        written = raw if isinstance(raw, Mapping) else {}
        return {str(key): effective(item, written.get(key)) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        items = raw if isinstance(raw, list) and len(raw) == len(value) else [None] * len(value)
        return [effective(item, each) for item, each in zip(value, items, strict=True)]
    if isinstance(value, (set, frozenset)):
        return sorted(effective(item) for item in value)
    if type(value) is int and field is not None and is_duration(field):
        return format_duration(value)
    return value if value is None or isinstance(value, (bool, int, str, Decimal)) else str(value)


def is_duration(field: FieldInfo) -> bool:
    """Return whether a field is a :data:`arb.api.Duration`, optional or not."""
    return _is_duration(field.metadata) or _is_duration(get_args(field.annotation))


def _is_duration(parts: Any) -> bool:
    return any(
        (isinstance(part, BeforeValidator) and part.func is parse_duration) or _is_duration(get_args(part))
        for part in parts
    )


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "(computed)"
    value = effective(field.default, field=field)
    if value is None:
        return ""
    return str(value) if isinstance(value, (str, Decimal)) else json.dumps(value, default=str)


def _table(annotation: Any) -> type[BaseModel] | None:
    """Return the settings model that a field holds, optional or not."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, types.UnionType):
        found = [each for each in map(_table, get_args(annotation)) if each is not None]
        return found[0] if len(found) == 1 else None
    return None


def _type_name(annotation: Any, duration: bool) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return " | ".join(_type_name(each, duration) for each in arguments if each is not type(None))
    if origin is Literal:
        return " | ".join(repr(each) for each in arguments)
    if hasattr(annotation, "__metadata__"):
        return _type_name(arguments[0], duration)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " | ".join(repr(each.value) for each in annotation)
    if annotation is SecretStr:
        return "secret"
    if _table(annotation) is not None:
        return "table"
    if annotation is int and duration:
        return "duration"
    if origin is not None:
        inner = ", ".join(_type_name(each, duration) for each in arguments if each is not ...)
        return f"table of {inner}" if issubclass(origin, Mapping) else f"list of {inner}"
    return {"bool": "true | false", "Decimal": "decimal", "str": "text"}.get(
        getattr(annotation, "__name__", ""), getattr(annotation, "__name__", str(annotation))
    )


def _write_durations(node: Any) -> None:
    if isinstance(node, dict):
        if node.get("format") == "arb-duration" and type(node.get("default")) is int:
            node["default"] = format_duration(node["default"])
        for inner in node.values():
            _write_durations(inner)
    elif isinstance(node, list):
        for inner in node:
            _write_durations(inner)
