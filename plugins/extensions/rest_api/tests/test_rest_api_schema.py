"""Whatever is asked, the answer is as the OpenAPI document says, and never a failure of the server."""

from __future__ import annotations

from typing import Any, Final

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import positive_data_acceptance

from arb_extension_rest_api._openapi import openapi
from arb_extension_rest_api._routes import PREFIX, ROUTES

KNOWN: Final = {
    "dex": ["lighter", "backpack", "empty"],
    "dex1": ["lighter", "backpack"],
    "dex2": ["lighter", "backpack", "empty"],
    "dexes": ["lighter", "backpack"],
    "exchange": ["lighter", "backpack", "empty"],
    "symbol": ["BTC", "ETH", "SOL-PERP", "GOLD"],
    "symbols": ["BTC", "ETH"],
}
TRIED: Final = settings(
    max_examples=150, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
# No schema can say which cursor was given out, or which two instruments are one asset.
LEFT_OUT: Final = [positive_data_acceptance]


def with_known_names(document: dict[str, Any]) -> dict[str, Any]:
    """Let the parameters be what the run has, so that most questions have an answer."""
    for path in document["paths"].values():
        for parameter in path["get"]["parameters"]:
            if parameter["name"] in KNOWN:
                schema = parameter["schema"]
                schema.get("items", schema)["enum"] = KNOWN[parameter["name"]]
    return document


# A question that is too long is refused with 414, which schemathesis does not count as a refusal.
CONFIG: Final = SchemathesisConfig.from_dict(
    {"checks": {"negative_data_rejection": {"expected-statuses": [400, 401, 404, 405, 414, 422]}}}
)

as_it_is = schemathesis.openapi.from_dict(openapi(ROUTES), config=CONFIG)
known = schemathesis.openapi.from_dict(with_known_names(openapi(ROUTES)), config=CONFIG)


def ask(case: Any, url: str, token: str) -> None:
    case.call_and_validate(
        base_url=url.removesuffix(PREFIX), headers={"Authorization": f"Bearer {token}"}, excluded_checks=LEFT_OUT
    )


def test_the_document_is_openapi_and_holds_every_call() -> None:
    document = openapi(ROUTES)
    as_it_is.validate()

    assert set(document["paths"]) == {f"{PREFIX}{route.path}" for route in ROUTES}
    private = {path for path, item in document["paths"].items() if item["get"].get("security")}
    assert private == {f"{PREFIX}/positions"}


def test_the_document_says_what_a_parameter_may_be() -> None:
    document = openapi(ROUTES)

    def of(path: str) -> dict[str, Any]:
        return {one["name"]: one for one in document["paths"][f"{PREFIX}{path}"]["get"]["parameters"]}

    compare, scan, history = (
        of(path) for path in ("/funding-rates/compare", "/opportunities", "/history/funding-rates/{exchange}/{symbol}")
    )
    assert {name: one["required"] for name, one in compare.items()} == {"dex1": True, "dex2": True, "symbol": True}
    assert not any(one["required"] for one in scan.values())
    assert scan["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}
    assert scan["min_profit"]["schema"] == {"type": "number", "minimum": -1, "maximum": 1, "default": 0}
    assert (scan["dexes"]["schema"]["type"], scan["max_oi"]["schema"]["type"]) == ("array", "number")
    assert {name for name, one in history.items() if one["in"] == "path"} == {"exchange", "symbol"}
    assert history["kind"]["schema"] == {"type": "string", "enum": ["predicted", "settled"], "default": "settled"}


@as_it_is.parametrize()
@TRIED
def test_every_answer_is_what_the_document_says(case: Any, url: str, token: str) -> None:
    ask(case, url, token)


@known.parametrize()
@TRIED
def test_every_answer_about_what_there_is_is_what_the_document_says(case: Any, url: str, token: str) -> None:
    ask(case, url, token)
