"""The table of calls: the router and the OpenAPI document are both made of it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from ._account import Positions, positions
from ._desk import Desk
from ._history import History, HistoryParams, history
from ._opportunities import Opportunities, OpportunitiesParams, opportunities
from ._rates import CompareParams, Comparison, FundingRates, FundingRatesParams, compare, funding_rates
from ._state import Exchanges, Health, exchanges, health
from ._values import Answer, Params

PREFIX: Final = "/api/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One call.

    Attributes:
        path: Below the prefix; a name in braces is a field of `params`, as are the parameters of the query.
        handle: Takes the desk and the parameters.
        private: It concerns own money: only who has the token is answered.
        problems: The statuses it may answer with besides 200 and 422.
    """

    path: str
    params: type[Params]
    answer: type[Answer]
    handle: Callable[[Desk, Any], Awaitable[Answer]]
    private: bool = False
    problems: tuple[int, ...] = ()

    @property
    def in_path(self) -> frozenset[str]:
        """Return the parameters that are part of the path."""
        return frozenset(re.findall(r"{(\w+)}", self.path))

    @property
    def lists(self) -> frozenset[str]:
        """Return the parameters that may be given several times."""
        fields = self.params.model_json_schema()["properties"] if self.params.model_fields else {}
        return frozenset(name for name, schema in fields.items() if schema.get("type") == "array")


ROUTES: Final = (
    Route(
        path="/opportunities",
        params=OpportunitiesParams,
        answer=Opportunities,
        handle=opportunities,
        problems=(400, 404, 429),
    ),
    Route(
        path="/funding-rates",
        params=FundingRatesParams,
        answer=FundingRates,
        handle=funding_rates,
        problems=(400, 404),
    ),
    Route(path="/funding-rates/compare", params=CompareParams, answer=Comparison, handle=compare, problems=(404,)),
    Route(
        path="/history/funding-rates/{exchange}/{symbol}",
        params=HistoryParams,
        answer=History,
        handle=history,
        problems=(400, 404, 503),
    ),
    Route(path="/exchanges", params=Params, answer=Exchanges, handle=exchanges),
    Route(path="/positions", params=Params, answer=Positions, handle=positions, private=True, problems=(401, 403)),
    Route(path="/health", params=Params, answer=Health, handle=health),
)
