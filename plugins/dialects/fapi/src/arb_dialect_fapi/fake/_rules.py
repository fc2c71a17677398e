"""What a venue's fake has of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

from arb.api import HttpRequest
from arb.model import HOUR_NS, Instrument
from arb_dialect_fapi._dialect import Dialect

from ._forms import Query

Answer = Callable[[Query], Awaitable[Any]]
Row = dict[str, Any]


class FakeAuth(Protocol):
    """Checks who asks, from the bytes that came. Raises :class:`Refusal`."""

    def signed(self, request: HttpRequest, now_ns: int) -> Query:
        """Check a signed request and return its parameters."""
        ...

    def keyed(self, request: HttpRequest, now_ns: int) -> None:
        """Check a call about a listen key."""
        ...


def funding_row(instrument: Instrument, now_ns: int) -> Row:
    """Return a row of `fundingInfo` in Binance's shape."""
    return {
        "symbol": instrument.symbol,
        "adjustedFundingRateCap": "0.02000000",
        "adjustedFundingRateFloor": "-0.02000000",
        "fundingIntervalHours": (instrument.funding_interval_ns or 0) // HOUR_NS,
        "disclaimer": False,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeRules:
    """How a fake of the dialect answers.

    Attributes:
        dialect: The venue's; the fake answers at its endpoints and sockets, and in its details.
        auth: Checks signatures.
        decoys: Rows of `exchangeInfo` that an adapter has to leave out.
        answers_average: New orders are answered with what they cost.
        lists_usual_intervals: `fundingInfo` has a row of every symbol, not only of adjusted ones.
        funding_row: Makes one.
        routes: More calls without a key, by path; the venue's own.
        signed_routes: More signed calls, by method and path.
        aliases: Other paths of calls that there are, by path, such as an older version of one.
        weights: Weights that differ from Binance's, by the last part of the path: of one symbol, and of all.
    """

    dialect: Dialect
    auth: FakeAuth
    decoys: Sequence[Row] = ()
    answers_average: bool = False
    lists_usual_intervals: bool = False
    funding_row: Callable[[Instrument, int], Row] = funding_row
    routes: Mapping[str, Answer] = field(default_factory=lambda: MappingProxyType({}))
    signed_routes: Mapping[tuple[str, str], Answer] = field(default_factory=lambda: MappingProxyType({}))
    aliases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    weights: Mapping[str, tuple[int, int]] = field(default_factory=lambda: MappingProxyType({}))
