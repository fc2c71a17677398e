"""GRVT imitated: its REST and WebSocket protocol over a simulated account."""

from ._fit import (
    fitted,
)
from ._keys import (
    fake_settings,
)
from ._venue import (
    FakeGrvt,
)

__all__ = [
    "FakeGrvt",
    "fake_settings",
    "fitted",
]
