"""Backpack imitated: its REST and WebSocket protocol over a simulated account."""

from ._fit import (
    fitted,
)
from ._keys import (
    fake_settings,
)
from ._venue import (
    FakeBackpack,
)

__all__ = [
    "FakeBackpack",
    "fake_settings",
    "fitted",
]
