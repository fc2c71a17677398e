"""The OpenAPI document, made of the table of calls and their models."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from importlib import metadata
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from ._problems import PROBLEM_TYPE, ProblemDetails
from ._routes import PREFIX, Route

_SCHEMAS: Final = "#/components/schemas/{model}"
_ABOUT: Final = (
    "What a run of arb knows, for reading. Numbers are text so that no digit is lost; times are RFC 3339 text, "
    "and as integers of nanoseconds since the Unix epoch where a name ends in `_ns`."
)


def openapi(routes: Sequence[Route]) -> dict[str, Any]:
    """Return the document: OpenAPI 3.1."""
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        *((route.answer, "serialization") for route in routes),
        (ProblemDetails, "serialization"),
    ]
    refs, schemas = models_json_schema(models, ref_template=_SCHEMAS)
    problem = refs[ProblemDetails, "serialization"]
    return {
        "openapi": "3.1.0",
        "info": {"title": "arb", "version": metadata.version("arb-extension-rest-api"), "description": _ABOUT},
        "paths": {
            f"{PREFIX}{route.path}": {"get": _operation(route, refs[route.answer, "serialization"], problem)}
            for route in routes
        },
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route, answer: Mapping[str, Any], problem: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": route.handle.__name__,
        "summary": inspect.getdoc(route.handle),
        "parameters": list(_parameters(route)),
        "responses": {
            "200": {"description": "The answer.", "content": {"application/json": {"schema": answer}}},
            **{str(status): _problem(HTTPStatus(status).phrase, problem) for status in sorted({*route.problems, 422})},
            "default": _problem("Any other problem.", problem),
        },
    }
    if route.private:
        found["security"] = [{"token": []}]
    return found


def _problem(description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {PROBLEM_TYPE: {"schema": schema}}}


def _parameters(route: Route) -> Iterable[dict[str, Any]]:
    schema = route.params.model_json_schema()
    kinds = schema.get("$defs", {})
    for name, field in schema.get("properties", {}).items():
        one = _plain(field, kinds)
        in_path = name in route.in_path
        yield {
            "name": name,
            "in": "path" if in_path else "query",
            "required": name in schema.get("required", ()),
            "description": one.pop("description", ""),
            "schema": one,
        }


def _plain(field: Mapping[str, Any], kinds: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a parameter: a parameter that is left out is not null, and a number is a number."""
    found = {key: value for key, value in field.items() if key not in ("anyOf", "$ref", "title")}
    if "$ref" in field:
        found |= {key: value for key, value in kinds[field["$ref"].rpartition("/")[2]].items() if key == "enum"}
        found["type"] = "string"
    # pydantic puts the form with the bounds first; the others are null, and text for a Decimal.
    found |= field["anyOf"][0] if "anyOf" in field else {}
    default = found.pop("default", None)
    if default is not None:
        found["default"] = json.loads(default) if found["type"] == "number" else default
    return found
