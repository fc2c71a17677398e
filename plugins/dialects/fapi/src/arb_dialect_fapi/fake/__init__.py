"""The dialect from the venue's side: its REST and WebSocket protocol over a simulated account."""

from ._fit import (
    fitted,
)
from ._forms import (
    Query,
    body_text,
    header,
    params_of,
    query_text,
    signed_parts,
)
from ._refusal import (
    Refusal,
)
from ._rules import (
    FakeAuth,
    FakeRules,
    funding_row,
)
from ._venue import (
    FakeFapi,
)

__all__ = [
    "FakeAuth",
    "FakeFapi",
    "FakeRules",
    "Query",
    "Refusal",
    "body_text",
    "fitted",
    "funding_row",
    "header",
    "params_of",
    "query_text",
    "signed_parts",
]
