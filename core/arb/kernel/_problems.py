"""Turn pydantic's errors into lines for people. The offending input is never repeated: it may be a secret."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Any, Final, get_args, get_type_hints

from pydantic import BaseModel, ValidationError

Location = tuple[str | int, ...]

_WORDING: Final = {
    "missing": "is missing",
    "frozen_instance": "cannot be changed",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "dict_type": "must be a table",
    "tuple_type": "must be a list",
}


def table(names: Iterable[str | int]) -> str:
    """Return how a table is written in the file: `[exchanges.hl]`."""
    return f"[{'.'.join(map(str, names))}]"


def line(source: str, location: Location, message: str) -> str:
    """Return one problem: file, table, key, what is wrong."""
    if not location:
        return f"{source}: {message}"
    *tables, key = location
    return f"{source}: {table(tables)} {key}: {message}" if tables else f"{source}: [{key}] {message}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint at the closest name, else at all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(names)}" if names else ""


def problems(error: ValidationError, model: type[BaseModel]) -> Iterator[tuple[Location, str]]:
    """Yield location and message of each error in validating `model`."""
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        location = tuple(part for part in item["loc"] if part != "[key]")
        if item["type"] == "extra_forbidden":
            known = _keys(model, location[:-1])
            yield location, f"unknown key{did_you_mean(str(location[-1]), known)}"
            continue
        message = _WORDING.get(item["type"]) or item["msg"].removeprefix("Value error, ")
        yield location, message[0].lower() + message[1:] if message.startswith("Input ") else message


def _keys(model: type[BaseModel], location: Location) -> set[str]:
    """Return the keys allowed in the table at `location`."""
    models = [model]
    for part in location:
        models = [inner for outer in models for inner in _inside(outer, part)] or models
    return {field.alias or name for outer in models for name, field in outer.model_fields.items()}


def _inside(model: type[BaseModel], part: str | int) -> Iterator[type[BaseModel]]:
    for name, field in model.model_fields.items():
        if part in (name, field.alias):
            yield from _models(field.annotation)
            return
    try:
        hints = get_type_hints(model)
    except Exception:  # a plugin's annotation that cannot be resolved costs a hint, no more
        return
    yield from _models(hints.get("__pydantic_extra__"))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
