"""Errors as one JSON shape: RFC 9457, Problem Details for HTTP APIs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

PROBLEM_TYPE: Final = "application/problem+json"


class WrongParameter(BaseModel):
    """One parameter that cannot be used."""

    model_config = ConfigDict(frozen=True)

    parameter: str
    message: str


class ProblemDetails(BaseModel):
    """Why a request was not answered."""

    model_config = ConfigDict(frozen=True)

    type: str = Field(description="Stable name of this kind of problem.", examples=["urn:arb:problem:unknown-exchange"])
    title: str = Field(description="The name of the HTTP status.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened and what to do, for people.")
    errors: tuple[WrongParameter, ...] = Field(default=(), description="The parameters that cannot be used.")


class Problem(Exception):
    """Ends a request with a problem; the text is for the one who asked.

    Attributes:
        code: Stable, such as `unknown-exchange`.
        headers: What the answer carries besides.
    """

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        detail: str,
        *,
        errors: Sequence[WrongParameter] = (),
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.errors = tuple(errors)
        self.headers = headers

    def details(self) -> ProblemDetails:
        """Return the body of the answer."""
        return ProblemDetails(
            type=f"urn:arb:problem:{self.code}",
            title=self.status.phrase,
            status=self.status,
            detail=str(self),
            errors=self.errors,
        )


def unknown(what: str, name: str, known: Sequence[str], *, where: str = "") -> Problem:
    """Return the problem of a name that nobody has; close ones are proposed, or all where they are few."""
    close = get_close_matches(name, known, n=5, cutoff=0.4) or (list(known) if len(known) <= 10 else [])
    hint = f"; there is {', '.join(close)}" if close else ""
    return Problem(HTTPStatus.NOT_FOUND, f"unknown-{what}", f"no {what}{where} is called {name!r}{hint}")


def wrong_parameters(error: ValidationError) -> Problem:
    """Return the problem of parameters that their model refused."""
    found = [
        WrongParameter(
            parameter=str(one["loc"][0]) if one["loc"] else "", message=one["msg"].removeprefix("Value error, ")
        )
        for one in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    detail = "; ".join(f"{one.parameter}: {one.message}" if one.parameter else one.message for one in found)
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "wrong-parameters", detail, errors=found)
