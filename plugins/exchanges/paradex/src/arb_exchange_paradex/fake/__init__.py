"""Paradex imitated: its REST and WebSocket protocol over a simulated account."""

from ._fit import (
    fitted,
)
from ._keys import (
    fake_settings,
)
from ._venue import (
    FakeParadex,
)

__all__ = [
    "FakeParadex",
    "fake_settings",
    "fitted",
]
